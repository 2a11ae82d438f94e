package router_test

import (
	"fmt"
	"slices"
	"testing"
)

// keysOn returns keys whose stores are the given ones, in this order.
func (h *harness) keysOn(prefix string, n int, stores ...uint16) (keys []string) {
	h.t.Helper()
	for i := 0; len(keys) < n; i++ {
		key := fmt.Sprint(prefix, i)
		if slices.Equal(h.order(key)[:len(stores)], stores) {
			keys = append(keys, key)
		}
	}
	return keys
}

// TestSecondUniqueKey: what one copy refuses for another unique key is refused
// by all, and no other record is touched.
func TestSecondUniqueKey(t *testing.T) {
	h := start(t, 3, 2)
	for _, d := range h.direct {
		h.exec(d, "ALTER TABLE app.sessions ADD uid int, ADD UNIQUE uq(uid)")
	}
	one := h.keysOn("one", 1, 0, 1)[0]
	two := h.keysOn("two", 1, 2, 0)[0]     // its second store has one
	three := h.keysOn("three", 1, 1, 2)[0] // its first store has one
	for _, params := range []string{"interpolateParams=true", ""} {
		db := h.open(params)
		h.exec(db, "DELETE FROM sessions")
		h.exec(db, "INSERT INTO sessions (id, data, uid) VALUES (?, 'one', 1)", one)
		check := func() {
			t.Helper()
			h.holders(one, 0, 1)
			h.holders(two)
			h.holders(three)
		}
		for _, id := range []string{two, three} {
			h.fails(1062, db, "INSERT INTO sessions (id, data, uid) VALUES (?, 'x', 1)", id)
			check()
			h.fails(1062, db, "INSERT INTO sessions (id, data, uid) VALUES (?, UUID(), 1)", id)
			check()
		}
		h.exec(db, "INSERT INTO sessions (id, data, uid) VALUES (?, 'two', 2)", two)
		h.exec(db, "INSERT INTO sessions (id, data, uid) VALUES (?, 'three', 3)", three)
		for i, id := range []string{two, three} {
			h.fails(1062, db, "UPDATE sessions SET uid = 1, data = 'lost' WHERE id = ?", id)
			h.holders(one, 0, 1)
			h.holders(two, 2, 0)
			h.holders(three, 1, 2)
			var uid int
			if err := db.QueryRow("SELECT uid FROM sessions WHERE id = ?", id).Scan(&uid); err != nil || uid != i+2 {
				t.Errorf("%s has uid %d, %v after a refused UPDATE", id, uid, err)
			}
		}
		// In a transaction it goes on.
		tx, err := db.Begin()
		if err != nil {
			t.Fatal(err)
		}
		h.exec(tx, "UPDATE sessions SET data = 'before' WHERE id = ?", two)
		h.fails(1062, tx, "UPDATE sessions SET uid = 1 WHERE id = ?", two)
		h.exec(tx, "UPDATE sessions SET n = 7 WHERE id = ?", two)
		if err := tx.Commit(); err != nil {
			t.Fatal(err)
		}
		var data string
		if err := db.QueryRow("SELECT CONCAT(data, n, uid) FROM sessions WHERE id = ?", two).Scan(&data); err != nil || data != "before72" {
			t.Errorf("the record is %q, %v", data, err)
		}
		h.holders(two, 2, 0)
		h.holders(one, 0, 1)
	}
}

// TestUpdateOfARecordThatOneStoreLacks: it is carried to that store, not
// removed from the others.
func TestUpdateOfARecordThatOneStoreLacks(t *testing.T) {
	h := start(t, 4, 3)
	for _, params := range []string{"interpolateParams=true", ""} {
		db := h.open(params)
		for i, lacks := range [][]int{{0}, {1}, {2}, {0, 1}, {0, 2}} {
			key := fmt.Sprint("lacking", i)
			h.exec(db, "REPLACE INTO sessions (id, data) VALUES (?, 'x')", key)
			order := h.order(key)
			for _, at := range lacks {
				h.exec(h.direct[order[at]], "DELETE FROM app.sessions WHERE id = ?", key)
			}
			if n := h.exec(db, "UPDATE sessions SET data = 'y' WHERE id = ?", key); n != 1 {
				t.Errorf("%v lack it: UPDATE = %d rows, want 1", lacks, n)
			}
			h.holders(key, order[:3]...)
			if n := h.exec(db, "DELETE FROM sessions WHERE id = ?", key); n != 1 {
				t.Errorf("DELETE = %d rows, want 1", n)
			}
			h.holders(key)
		}
	}
}

// TestImageSparesEqualKeys: a key that the collation calls equal is another
// record, which is not removed for that.
func TestImageSparesEqualKeys(t *testing.T) {
	h := start(t, 3, 2)
	db := h.open("")
	lower := h.keysOn("abc", 1, 0, 1)
	var upper string
	for i := 0; upper == ""; i++ {
		low, up := fmt.Sprint("abc", i), fmt.Sprint("ABC", i)
		if slices.Equal(h.order(low)[:2], []uint16{0, 1}) && slices.Equal(h.order(up)[:2], []uint16{2, 0}) {
			lower[0], upper = low, up
		}
	}
	h.exec(db, "INSERT INTO sessions (id, data) VALUES (?, 'lower')", lower[0])
	h.fails(1062, db, "INSERT INTO sessions (id, data) VALUES (?, 'upper')", upper)
	h.exec(db, "DELETE FROM sessions WHERE id = ? AND data = 'nothing'", upper)
	h.exec(db, "UPDATE sessions SET data = RAND() WHERE id = ?", upper)
	h.holders(lower[0], 0, 1)
}
