package router_test

import (
	"context"
	"fmt"
	"testing"
)

// TestFencedMove: a record gets another key, whichever primaries the two have;
// a key that is taken is refused, and what the UPDATE does besides is done.
func TestFencedMove(t *testing.T) {
	h := startAt(t, "safe", 4, 2)
	for _, params := range []string{"interpolateParams=true", "clientFoundRows=true"} {
		db := h.open(params)
		for i := range 24 {
			from, to, taken := fmt.Sprint("from", i), fmt.Sprint("to", i), fmt.Sprint("taken", i)
			h.exec(db, "INSERT INTO sessions (id, data, n) VALUES (?, 'x', 1)", from)
			h.exec(db, "INSERT INTO sessions (id, data, n) VALUES (?, 'y', 2)", taken)
			h.fails(1062, db, "UPDATE sessions SET id = ? WHERE id = ?", taken, from)
			if n := h.exec(db, "UPDATE sessions SET id = ? WHERE id = ? AND n = 7", to, from); n != 0 {
				t.Errorf("%s: a condition that does not hold: %d rows", from, n)
			}
			h.holders(from, h.order(from)[:2]...)
			h.holders(taken, h.order(taken)[:2]...)
			if n := h.exec(db, "UPDATE sessions SET id = ?, n = n + 4, data = UUID() WHERE id = ?", to, from); n != 1 {
				t.Errorf("%s: %d rows", from, n)
			}
			h.holders(from)
			h.holders(to, h.order(to)[:2]...)
			var n int
			if err := db.QueryRow("SELECT n FROM sessions WHERE id = ?", to).Scan(&n); err != nil || n != 5 {
				t.Errorf("%s: n = %d, %v; want 5", to, n, err)
			}
			if n := h.exec(db, "UPDATE sessions SET id = ? WHERE id = ?", to, from); n != 0 {
				t.Errorf("%s again: %d rows", from, n)
			}
			h.exec(db, "UPDATE sessions SET id = ? WHERE id = ?", from, to) // back, to a key that was deleted
			h.holders(from, h.order(from)[:2]...)
			h.exec(db, "DELETE FROM sessions WHERE id = ?", from)
			h.exec(db, "DELETE FROM sessions WHERE id = ?", taken)
		}
	}
}

// TestFencedMoveInTransaction: the move is undone by ROLLBACK, and done by
// COMMIT with what else the transaction has done.
func TestFencedMoveInTransaction(t *testing.T) {
	h := startAt(t, "safe", 3, 2)
	ctx := context.Background()
	db := h.open("")
	for i := range 12 {
		from, to := fmt.Sprint("tf", i), fmt.Sprint("tt", i)
		h.exec(db, "INSERT INTO sessions (id, n) VALUES (?, 1)", from)
		for _, commit := range []bool{false, true} {
			tx, err := db.BeginTx(ctx, nil)
			if err != nil {
				t.Fatal(err)
			}
			h.exec(tx, "UPDATE sessions SET n = n + 1 WHERE id = ?", from)
			if n := h.exec(tx, "UPDATE sessions SET id = ? WHERE id = ?", to, from); n != 1 {
				t.Errorf("%s: %d rows", from, n)
			}
			h.exec(tx, "UPDATE sessions SET n = n + 10 WHERE id = ?", to)
			if !commit {
				if err := tx.Rollback(); err != nil {
					t.Fatal(err)
				}
				h.holders(to)
				h.holders(from, h.order(from)[:2]...)
				continue
			}
			if err := tx.Commit(); err != nil {
				t.Fatal(err)
			}
			h.holders(from)
			h.holders(to, h.order(to)[:2]...)
			var n int
			if err := db.QueryRow("SELECT n FROM sessions WHERE id = ?", to).Scan(&n); err != nil || n != 12 {
				t.Errorf("%s: n = %d, %v; want 12", to, n, err)
			}
		}
	}
}
