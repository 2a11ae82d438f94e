package router_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/dsmproxy/dsmproxy/rewrite"
)

// itemsOf are the rows of a secondary table that belong to a key at one store.
func (h *harness) itemsOf(i int, key string) string {
	h.t.Helper()
	list := h.strs(h.direct[i], "SELECT sid, name FROM app.items WHERE sid = ?", key)
	slices.Sort(list)
	return strings.Join(list, ",")
}

// Rows of a secondary table without a unique key may be equal; each copy of the
// record has all of them, however they have come there.
func TestEqualRowsOfASecondaryTable(t *testing.T) {
	for _, columns := range []string{"", ", made timestamp(6) NOT NULL DEFAULT current_timestamp(6)", ", made varchar(36) DEFAULT (UUID())"} {
		t.Run(columns, func(t *testing.T) {
			t.Parallel()
			h := start(t, 4, 2)
			for _, d := range h.direct {
				h.exec(d, "CREATE TABLE app.items (sid varchar(128), name varchar(20)"+columns+", KEY (sid))")
			}
			h.addr = h.serve(t, []rewrite.Table{{Name: "sessions", Key: "id", Secondary: []rewrite.Secondary{{Name: "items", Column: "sid"}}}})
			db := h.open("")
			o := h.order("k")
			check := func(what string, want ...string) {
				t.Helper()
				for i := range want {
					want[i] = "k|" + want[i]
				}
				for i := range h.servers {
					switch got := h.itemsOf(i, "k"); {
					case i == int(o[0]) || i == int(o[1]):
						if got != strings.Join(want, ",") {
							t.Errorf("%s: store %d has %s, want %v", what, i, got, want)
						}
					case got != "":
						t.Errorf("%s: store %d has %s", what, i, got)
					}
				}
			}
			insert := "INSERT INTO items (sid, name) VALUES "
			h.exec(db, "INSERT INTO sessions (id) VALUES ('k')")
			h.exec(db, insert+"('k', 'a')")
			h.exec(db, insert+"('k', 'a')")
			check("two inserts", "a", "a")
			h.exec(db, insert+"('k', 'a'), ('k', 'b'), ('k', 'b')")
			check("one of three", "a", "a", "a", "b", "b")
			h.exec(db, insert+"(?, ?)", "k", "a")
			check("a prepared one", "a", "a", "a", "a", "b", "b")
			h.exec(db, "INSERT INTO items (sid, name) SELECT 'k', 'c' FROM DUAL")
			check("INSERT ... SELECT", "a", "a", "a", "a", "b", "b", "c")
			if n := h.exec(db, "DELETE FROM items WHERE name = 'c'"); n != 1 {
				t.Errorf("deleted %d", n)
			}
			if n := h.exec(db, "UPDATE items SET name = 'd' WHERE name = 'b'"); n != 2 {
				t.Errorf("updated %d", n)
			}
			check("a keyless update", "a", "a", "a", "a", "d", "d")
			if n := h.exec(db, "DELETE FROM items WHERE name = 'd' AND sid = 'k' LIMIT 1"); n != 1 {
				t.Errorf("deleted %d with a LIMIT", n)
			}
			check("DELETE with a LIMIT", "a", "a", "a", "a", "d")
			tx, err := db.Begin()
			if err != nil {
				t.Fatal(err)
			}
			h.exec(tx, insert+"('k', 'd')")
			h.exec(tx, insert+"('k', 'd')")
			tx.Commit()
			check("in a transaction", "a", "a", "a", "a", "d", "d", "d")
			h.shows(db, "7", "SELECT COUNT(*) FROM items")
			h.shows(db, "a|4,d|3", "SELECT name, COUNT(*) FROM items GROUP BY name ORDER BY name")
			// One copy has a row less: the next write brings it along.
			h.exec(h.direct[o[1]], "DELETE FROM app.items WHERE name = 'a' LIMIT 1")
			h.exec(db, "UPDATE items SET name = 'e' WHERE sid = 'k' AND name = 'a'")
			check("a copy behind", "d", "d", "d", "e", "e", "e", "e")
			// A store stands in for another, which returns.
			h.down(int(o[1]))
			h.isDown(int(o[1]))
			h.exec(db, insert+"('k', 'd')")
			h.exec(db, insert+"('k', 'f'), ('k', 'f')")
			if got := h.itemsOf(int(o[2]), "k"); got != h.itemsOf(int(o[0]), "k") || strings.Count(got, "d") != 4 {
				t.Errorf("the store that stands in has %s", got)
			}
			h.holders("k", o[0], o[2])
		})
	}
}

// Rows of a secondary table whose record is gone are those that one database
// would find, though most stores lack most records.
func TestOrphansOfASecondaryTable(t *testing.T) {
	for _, key := range []string{"KEY (sid)", "PRIMARY KEY (sid, name)"} {
		t.Run(key, func(t *testing.T) {
			t.Parallel()
			h := start(t, 4, 2)
			for _, d := range h.direct {
				h.exec(d, "CREATE TABLE app.items (sid varchar(128), name varchar(20), "+key+")")
			}
			h.addr = h.serve(t, []rewrite.Table{{Name: "sessions", Key: "id", Secondary: []rewrite.Secondary{{Name: "items", Column: "sid"}}}})
			db := h.open("")
			fill := func() {
				h.exec(db, "DELETE FROM items")
				h.exec(db, "DELETE FROM sessions")
				for i := range 30 {
					id := fmt.Sprint("k", i)
					if i%3 != 0 {
						h.exec(db, "INSERT INTO sessions (id) VALUES (?)", id)
					}
					h.exec(db, "INSERT INTO items (sid, name) VALUES (?, 'a'), (?, 'b')", id, id)
				}
				// A copy has lost a record, one has an orphan that the others lack, and
				// where it does not belong, one has the rows of a record that lives.
				h.exec(h.direct[h.order("k1")[1]], "DELETE FROM app.sessions WHERE id = 'k1'")
				h.exec(h.direct[h.order("k2")[3]], "INSERT INTO app.items VALUES ('k2', 'a')")
			}
			for _, query := range []string{
				"DELETE i FROM items i LEFT JOIN sessions s ON i.sid = s.id WHERE s.id IS NULL",
				"DELETE FROM items WHERE NOT EXISTS (SELECT 1 FROM sessions s WHERE s.id = items.sid)",
				"DELETE FROM items WHERE sid NOT IN (SELECT id FROM sessions)",
			} {
				fill()
				r, err := db.Exec(query)
				if number(err) == 1235 {
					t.Logf("%s: %v", query, err)
					h.shows(db, "60", "SELECT COUNT(*) FROM items")
					continue
				}
				if err != nil {
					t.Fatalf("%s: %v", query, err)
				}
				if n, _ := r.RowsAffected(); n != 20 {
					t.Errorf("%s: %d rows, want 20", query, n)
				}
				h.shows(db, "40", "SELECT COUNT(*) FROM items")
				for i := range 30 {
					id := fmt.Sprint("k", i)
					want := id + "|a," + id + "|b"
					if i%3 == 0 {
						want = ""
					}
					for _, at := range h.order(id)[:2] {
						if got := h.itemsOf(int(at), id); got != want {
							t.Errorf("%s: store %d has %q, want %q", query, at, got, want)
						}
					}
				}
			}
		})
	}
}
