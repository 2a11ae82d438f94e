package router_test

import (
	"context"
	"strings"
	"testing"
)

// TestKeyLongerThanItsColumn: a store that is not strict cuts a key; the record
// is found by what is left of it.
func TestKeyLongerThanItsColumn(t *testing.T) {
	h := start(t, 4, 2)
	c := h.conn("")
	h.exec(c, "SET SESSION sql_mode = ''")
	cut := func(key string) string { return string([]rune(key)[:128]) }
	placed := func(key, data string) {
		t.Helper()
		h.holders(key, h.order(key)[:2]...)
		var got string
		if err := c.QueryRowContext(context.Background(), "SELECT data FROM sessions WHERE id = ?", key).Scan(&got); err != nil {
			t.Errorf("read of the cut key: %v", err)
		}
		if got != data {
			t.Errorf("data = %q, want %q", got, data)
		}
	}
	for _, tail := range []string{"", "x", strings.Repeat("y", 100)} {
		key := strings.Repeat("k", 127) + "e" + tail
		h.exec(c, "DELETE FROM sessions")
		h.exec(c, "INSERT INTO sessions (id, data) VALUES ('"+key+"', 'text')")
		placed(cut(key), "text")
		h.exec(c, "REPLACE INTO sessions (id, data) VALUES (?, ?)", key, "prepared")
		placed(cut(key), "prepared")
		h.exec(c, "INSERT INTO sessions (id, data) VALUES (?, 'x') ON DUPLICATE KEY UPDATE data = 'again'", key)
		placed(cut(key), "again")
		h.exec(c, "INSERT INTO sessions (id, data) VALUES ('1"+key+"', 'a'), ('2"+key+"', 'b'), ('3"+key+"', 'c')")
		placed(cut("2"+key), "b")
		h.exec(c, "UPDATE sessions SET id = '4"+key+"' WHERE id = '"+cut("2"+key)+"'")
		placed(cut("4"+key), "b")
		if n := h.exec(c, "DELETE FROM sessions WHERE id = '4"+key+"'"); n != 0 {
			t.Errorf("DELETE by the whole key = %d rows, want 0", n)
		}
	}
	h.exec(c, "ALTER TABLE sessions MODIFY id varchar(128) CHARACTER SET utf8mb4 NOT NULL")
	wide := strings.Repeat("é", 130)
	h.exec(c, "INSERT INTO sessions (id, data) VALUES (?, 'é')", wide)
	placed(cut(wide), "é")
	h.exec(c, "SET SESSION sql_mode = 'STRICT_ALL_TABLES'")
	h.fails(1406, c, "INSERT INTO sessions (id, data) VALUES (?, 'x')", strings.Repeat("s", 129))
	h.holders(strings.Repeat("s", 128))
}
