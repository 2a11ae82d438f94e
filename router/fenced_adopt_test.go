package router_test

import (
	"database/sql"
	"fmt"
	"testing"

	"github.com/dsmproxy/dsmproxy/rewrite"
)

// TestFencedAdoption: a proxy at the level safe finds what one at the level seed
// has written, also by keys with capitals that the column ignores; where copies
// differ, what was read before counts.
func TestFencedAdoption(t *testing.T) {
	h := startAt(t, "seed", 3, 2)
	collated := []rewrite.Table{{Name: "sessions", Key: "id", Collated: true}}
	h.addr = h.serve(t, collated)
	db := h.open("")
	const keys = 20
	key := func(i int) string { return fmt.Sprintf("AdOpt%dX ", i)[:7] }
	for i := range keys {
		h.exec(db, "INSERT INTO sessions (id, data, n) VALUES (?, 'seed', ?)", key(i), i)
	}
	fold := func(k string) string { return string(rewrite.FoldKey(nil, []byte(k))) }
	stale := h.order(fold(key(3)))[1]
	if _, err := h.direct[stale].Exec("UPDATE app.sessions SET data = 'stale' WHERE id = ?", key(3)); err != nil {
		t.Fatal(err)
	}
	h.level = "safe"
	h.addr = h.serve(t, collated)
	db = h.open("")
	for i := range keys {
		var data string
		var n int
		if err := db.QueryRow("SELECT data, n FROM sessions WHERE id = ?", key(i)).Scan(&data, &n); err != nil || data != "seed" || n != i {
			t.Errorf("%s = %q, %d, %v; want seed, %d", key(i), data, n, err, i)
		}
		h.holders(key(i), h.order(fold(key(i)))[:2]...)
		if rows := h.exec(db, "UPDATE sessions SET data = 'safe' WHERE id = ?", key(i)); rows != 1 {
			t.Errorf("UPDATE of %s: %d rows", key(i), rows)
		}
		h.holders(key(i), h.order(fold(key(i)))[:2]...)
	}
	h.exec(db, "DELETE FROM sessions WHERE id = ?", key(5))
	h.holders(key(5))
	var data string
	if err := db.QueryRow("SELECT data FROM sessions WHERE id = ?", key(5)).Scan(&data); err != sql.ErrNoRows {
		t.Errorf("a deleted record: %q, %v", data, err)
	}
	h.exec(db, "INSERT INTO sessions (id, n) VALUES ('É', 9)")
	h.shows(db, "9", "SELECT n FROM sessions WHERE id = 'é'")
}

// TestFencedUnfitTables: records that can't be copied as they are are not written,
// until the table is made one whose records can be.
func TestFencedUnfitTables(t *testing.T) {
	h := startAt(t, "safe", 3, 2)
	db := h.open("")
	h.exec(db, "INSERT INTO sessions (id, n) VALUES ('a', 1), ('b', 2)")
	for _, c := range []struct{ name, make, mend string }{
		{"index `uq` is unique besides", "ALTER TABLE app.sessions ADD COLUMN uid int, ADD UNIQUE KEY uq (uid)", "ALTER TABLE app.sessions DROP INDEX uq, ADD INDEX uq (uid)"},
		{"triggers (t1)", "CREATE TRIGGER app.t1 AFTER UPDATE ON app.sessions FOR EACH ROW SET @x = 1", "DROP TRIGGER app.t1"},
		{"engine MyISAM", "ALTER TABLE app.sessions ENGINE=MyISAM", "ALTER TABLE app.sessions ENGINE=InnoDB"},
		{"foreign keys (parts.c)", "CREATE TABLE app.parts (sid varchar(128), CONSTRAINT c FOREIGN KEY (sid) REFERENCES app.sessions (id))", "DROP TABLE app.parts"},
	} {
		for _, d := range h.direct {
			h.exec(d, c.make)
		}
		h.set.Forget()
		for _, q := range []string{
			"INSERT INTO sessions (id) VALUES ('c')", "UPDATE sessions SET n = 5 WHERE id = 'a'", "UPDATE sessions SET id = 'z' WHERE id = 'a'",
			"DELETE FROM sessions WHERE n < 9", "INSERT INTO sessions (id) VALUES ('c'), ('d'), ('e'), ('f')",
		} {
			_, err := db.Exec(q)
			h.failsWith(1235, err, c.name)
		}
		var ids string
		if err := db.QueryRow("SELECT GROUP_CONCAT(id, n ORDER BY id) FROM sessions").Scan(&ids); err != nil || ids != "a1,b2" {
			t.Errorf("%s: the table holds %q, %v", c.name, ids, err)
		}
		for _, d := range h.direct {
			h.exec(d, c.mend)
		}
		h.set.Forget()
	}
	h.exec(db, "UPDATE sessions SET n = 5 WHERE id = 'a'")
}
