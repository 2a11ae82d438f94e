package router_test

import (
	"database/sql"
	"slices"
	"testing"
)

// What a record's key is spelled like matters where its column's collation
// tells apart what placement does not: trailing blanks, accents.
func TestKeysThatAreFoldedTooFar(t *testing.T) {
	h := start(t, 4, 2)
	collation := "utf8mb4_0900_as_ci"
	if installed.MariaDB() {
		collation = "utf8mb4_nopad_bin"
	}
	for _, d := range h.direct {
		h.exec(d, "CREATE TABLE app.folded (id varchar(40) COLLATE "+collation+" PRIMARY KEY, n double) CHARSET utf8mb4")
	}
	for _, params := range []string{"interpolateParams=true", ""} {
		db := h.open(params)
		for _, id := range []string{"a", "a ", "a  ", "é", "e", "ß", "ss"} {
			h.exec(db, "REPLACE INTO folded VALUES (?, RAND())", id)
		}
		for _, id := range []string{"a", "a ", "a  ", "é", "e", "ß", "ss"} {
			h.exec(db, "UPDATE folded SET n = RAND() WHERE id = ?", id)
			var values []string
			for _, d := range h.direct {
				var n string
				switch err := d.QueryRow("SELECT n FROM app.folded WHERE id = ?", id).Scan(&n); err {
				case nil:
					values = append(values, n)
				case sql.ErrNoRows:
				default:
					t.Fatal(err)
				}
			}
			if len(values) != 2 || values[0] != values[1] {
				t.Errorf("%q has the copies %q", id, values)
			}
		}
		// Moved, and among others.
		h.exec(db, "UPDATE folded SET id = 'b ', n = RAND() WHERE id = 'a  '")
		h.exec(db, "UPDATE folded SET n = RAND() WHERE id IN ('a', 'a ', 'b ')")
		h.exec(db, "UPDATE folded SET id = 'a  ' WHERE id = 'b '")
		var rows []string
		for _, d := range h.direct {
			list, err := d.Query("SELECT CONCAT(HEX(id), '=', n) FROM app.folded")
			if err != nil {
				t.Fatal(err)
			}
			for list.Next() {
				var row string
				if err := list.Scan(&row); err != nil {
					t.Fatal(err)
				}
				rows = append(rows, row)
			}
			if err := list.Err(); err != nil {
				t.Fatal(err)
			}
		}
		slices.Sort(rows)
		if different := len(slices.Compact(slices.Clone(rows))); len(rows) != 14 || different != 7 {
			t.Errorf("%d different rows among %d, want two copies of 7 records: %q", different, len(rows), rows)
		}
	}
}
