package router_test

import (
	"database/sql"
	"fmt"
	"strings"
	"testing"
)

// TestFencedKeyed: one key by autocommit, as text and prepared, is read from and
// written to as on one server, and is on N stores.
func TestFencedKeyed(t *testing.T) {
	for _, level := range []string{"safe", "strict"} {
		t.Run(level, func(t *testing.T) {
			h := startAt(t, level, 3, 2)
			for _, params := range []string{"interpolateParams=true", "clientFoundRows=true"} {
				testFencedKeyed(t, h, h.open(params), params)
			}
		})
	}
}

func testFencedKeyed(t *testing.T, h *harness, db *sql.DB, params string) {
	key := "k-" + strings.ToLower(params)
	if n := h.exec(db, "INSERT INTO sessions (id, data) VALUES (?, ?)", key, "one"); n != 1 {
		t.Errorf("INSERT: %d rows", n)
	}
	h.fails(1062, db, "INSERT INTO sessions (id, data) VALUES (?, ?)", key, "two")
	if n := h.exec(db, "UPDATE sessions SET data = ?, n = n + 1 WHERE id = ?", "three", key); n != 1 {
		t.Errorf("UPDATE: %d rows", n)
	}
	if n := h.exec(db, "UPDATE sessions SET data = 'x' WHERE id = 'absent'"); n != 0 {
		t.Errorf("UPDATE of nothing: %d rows", n)
	}
	var data string
	var n int
	if err := db.QueryRow("SELECT data, n FROM sessions WHERE id = ?", key).Scan(&data, &n); err != nil || data != "three" || n != 1 {
		t.Errorf("SELECT = %q, %d, %v; want three, 1", data, n, err)
	}
	h.holders(key, h.order(key)[:2]...)
	if n := h.exec(db, "REPLACE INTO sessions (id, data) VALUES (?, RAND())", key); n != 2 {
		t.Errorf("REPLACE: %d rows", n)
	}
	h.holders(key, h.order(key)[:2]...)
	if n := h.exec(db, "DELETE FROM sessions WHERE id = ?", key); n != 1 {
		t.Errorf("DELETE: %d rows", n)
	}
	if n := h.exec(db, "DELETE FROM sessions WHERE id = ?", key); n != 0 {
		t.Errorf("second DELETE: %d rows", n)
	}
	h.holders(key)
	if err := db.QueryRow("SELECT data FROM sessions WHERE id = ?", key).Scan(&data); err != sql.ErrNoRows {
		t.Errorf("SELECT of a deleted record = %q, %v", data, err)
	}
}

// TestFencedFailover: whichever store dies, every record is there, and is
// written to; when the store is back it has what it has missed.
func TestFencedFailover(t *testing.T) {
	h := startAt(t, "safe", 3, 2)
	db := h.open("")
	const keys = 12
	for i := range keys {
		h.exec(db, "INSERT INTO sessions (id, n) VALUES (?, 1)", fmt.Sprint("f", i))
	}
	h.down(0)
	for i := range keys {
		key := fmt.Sprint("f", i)
		if n := h.exec(db, "UPDATE sessions SET n = n + 1 WHERE id = ?", key); n != 1 {
			t.Errorf("%s: %d rows with a store down", key, n)
		}
	}
	if err := h.servers[0].Restart(t.Context()); err != nil {
		t.Fatal(err)
	}
	for i := range keys {
		key := fmt.Sprint("f", i)
		var n int
		if err := db.QueryRow("SELECT n FROM sessions WHERE id = ?", key).Scan(&n); err != nil || n != 2 {
			t.Errorf("%s: n = %d, %v; want 2", key, n, err)
		}
	}
	h.await("all copies back", func() bool {
		for i := range keys {
			key := fmt.Sprint("f", i)
			for _, s := range h.order(key)[:2] {
				if h.record(int(s), key) == "" {
					return false
				}
			}
		}
		return true
	})
}
