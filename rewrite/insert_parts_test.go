package rewrite

import (
	"fmt"
	"testing"
)

func TestInsertParts(t *testing.T) {
	p := NewPlanner(Options{Tables: []Table{{Name: "sessions", Key: "id"}}})
	for _, test := range []struct{ sql, want string }{
		{"INSERT INTO sessions (id, n) VALUES ('a', ?), ('b),(', ?) ON DUPLICATE KEY UPDATE n = ?",
			"INSERT INTO sessions (id, n) VALUES ||('a', ?) 0+1|('b),(', ?) 1+1|| ON DUPLICATE KEY UPDATE n = ? 0 1 false"},
		{"insert ignore into `sessions`(`values`, id)VALUE(?,?),( (1+?) , 'x\\'y' ) ; ",
			"insert ignore into `sessions`(`values`, id)VALUE||(?,?) 0+2|( (1+?) , 'x\\'y' ) 2+1|| 0 0 true"},
		{"REPLACE INTO sessions (id) VALUES ('a') /* , ('c') */ , ('b') -- end",
			"REPLACE INTO sessions (id) VALUES ||('a') 0+0|('b') 0+0|| 0 0 false"},
		{"INSERT INTO sessions (id) VALUES ('a'), ('b') RETURNING id", "INSERT INTO sessions (id) VALUES ||('a') 0+0|('b') 0+0|| RETURNING id 0 0 false"},
		{"INSERT INTO sessions (id) VALUES ('a'), ('b' /*!50000 + 1 */)", "several rows in a statement with an executable comment or a hint"},
	} {
		var st Statement
		p.Plan(&st, []byte(test.sql), "app", 0)
		parts, why := st.InsertParts()
		got := why
		if why == "" {
			got = string(parts.Head) + "|"
			for _, r := range parts.Rows {
				got += fmt.Sprintf("|%s %d+%d", r.Text, r.First, r.Params)
			}
			got += fmt.Sprintf("||%s %d %d %v", parts.Tail, parts.HeadParams, parts.TailParams, parts.Ignore)
		}
		if got != test.want {
			t.Errorf("InsertParts(%q) =\n%s, want\n%s", test.sql, got, test.want)
		}
	}
}
