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
	h.fails(1235, db, "INSERT INTO sessions (id) VALUES ('É')")
}

// TestFencedSecondUniqueKey: of a table with another unique key, two records
// could be accepted whose copies exclude each other. So it is not written.
func TestFencedSecondUniqueKey(t *testing.T) {
	h := startAt(t, "safe", 3, 2)
	for _, d := range h.direct {
		if _, err := d.Exec("ALTER TABLE app.sessions ADD COLUMN uid int, ADD UNIQUE KEY uq (uid)"); err != nil {
			t.Fatal(err)
		}
	}
	db := h.open("")
	h.fails(1235, db, "INSERT INTO sessions (id, uid) VALUES ('a', 1)")
	h.holders("a")
}
