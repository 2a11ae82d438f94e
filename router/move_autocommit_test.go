package router_test

import (
	"fmt"
	"testing"
)

// TestMoveWithoutAutocommit: with autocommit off, a statement of two records
// that comes first begins the transaction at each of their stores: what follows
// is in it, COMMIT and ROLLBACK concern all of it, and nothing is left open.
func TestMoveWithoutAutocommit(t *testing.T) { eachLevel(t, testMoveWithoutAutocommit) }

func testMoveWithoutAutocommit(t *testing.T, level string) {
	h := startAt(t, level, 5, 2)
	other := h.conn("")
	for _, params := range []string{"", "interpolateParams=true"} {
		c := h.conn(params)
		h.exec(c, "SET autocommit=0, innodb_lock_wait_timeout=20")
		for i := range 5 { // on other stores each time
			from, to := fmt.Sprint("from", i), fmt.Sprint("to", i)
			for _, end := range []string{"ROLLBACK", "COMMIT"} {
				h.exec(other, "REPLACE INTO sessions (id, n) VALUES (?, 1)", from)
				if n := h.exec(c, "UPDATE sessions SET id = ?, n = 2 WHERE id = ?", to, from); n != 1 {
					t.Errorf("a move affects %d, want 1", n)
				}
				if n := h.exec(c, "UPDATE sessions SET n = n + 5 WHERE id = ?", to); n != 1 {
					t.Errorf("what has moved is not there: %d", n)
				}
				h.shows(other, "1", "SELECT n FROM sessions WHERE id = ?", from)
				h.exec(c, end)
				if end == "ROLLBACK" {
					h.shows(other, "1", "SELECT n FROM sessions WHERE id = ?", from)
					h.holders(to)
				} else {
					h.shows(other, "7", "SELECT n FROM sessions WHERE id = ?", to)
					h.holders(to, h.order(to)[:2]...)
					h.holders(from)
				}
			}
			h.exec(c, "UPDATE sessions SET id = 'nowhere' WHERE id = ?", from) // there is none
			h.exec(c, "COMMIT")
			h.exec(other, "INSERT INTO sessions (id) VALUES (?)", from)
			h.fails(1062, c, "UPDATE sessions SET id = ? WHERE id = ?", to, from)
			h.exec(c, "UPDATE sessions SET n = 8 WHERE id = ?", from)
			h.exec(c, "COMMIT")
			h.holders(to, h.order(to)[:2]...)
			h.fails(1054, c, "UPDATE sessions SET id = ?, nosuch = 1 WHERE id = ?", to+"x", from)
			h.exec(c, "ROLLBACK")
			h.shows(other, "8", "SELECT n FROM sessions WHERE id = ?", from)
			h.noneOpen()
			h.exec(other, "DELETE FROM sessions WHERE id = ?", from)
			h.exec(other, "DELETE FROM sessions WHERE id = ?", to)
		}
	}
}

// TestCopyRecordWithoutAutocommit is the same of an INSERT ... SELECT of one
// record into another.
func TestCopyRecordWithoutAutocommit(t *testing.T) {
	eachLevel(t, testCopyRecordWithoutAutocommit)
}

func testCopyRecordWithoutAutocommit(t *testing.T, level string) {
	h := startAt(t, level, 5, 2)
	other, c := h.conn(""), h.conn("")
	h.exec(other, "INSERT INTO sessions (id, n) VALUES ('k', 1)")
	h.exec(c, "SET autocommit=0, innodb_lock_wait_timeout=20")
	for i := range 5 {
		to := fmt.Sprint("to", i)
		for _, verb := range []string{"INSERT", "REPLACE"} {
			for _, end := range []string{"ROLLBACK", "COMMIT"} {
				h.exec(c, verb+" INTO sessions (id, n) SELECT ?, n + 1 FROM sessions WHERE id = 'k'", to)
				if n := h.exec(c, "UPDATE sessions SET n = n + 5 WHERE id = ?", to); n != 1 {
					t.Errorf("the copy is not there: %d", n)
				}
				h.shows(other, "", "SELECT n FROM sessions WHERE id = ?", to)
				h.exec(c, end)
				if end == "ROLLBACK" {
					h.holders(to)
				} else {
					h.shows(other, "7", "SELECT n FROM sessions WHERE id = ?", to)
					h.holders(to, h.order(to)[:2]...)
				}
			}
			h.fails(1062, c, "INSERT INTO sessions (id, n) SELECT ?, n FROM sessions WHERE id = 'k'", to)
			h.exec(c, "ROLLBACK")
			h.fails(1054, c, "INSERT INTO sessions (id, nosuch) SELECT ?, n FROM sessions WHERE id = 'k'", to)
			h.exec(c, "ROLLBACK")
			h.noneOpen()
			h.exec(other, "DELETE FROM sessions WHERE id = ?", to)
			h.holders("k", h.order("k")[:2]...)
		}
	}
}

// TestMoveWithoutAutocommitIsAsAtOneServer: what a client sees of it.
func TestMoveWithoutAutocommitIsAsAtOneServer(t *testing.T) {
	eachLevel(t, testMoveWithoutAutocommitIsAsAtOneServer)
}

func testMoveWithoutAutocommitIsAsAtOneServer(t *testing.T, level string) {
	h := startAt(t, level, 4, 2)
	b := h.both()
	b.same("SET autocommit=0")
	for i := range 4 {
		from, to := fmt.Sprint("from", i), fmt.Sprint("to", i)
		move := "UPDATE sessions SET id='" + to + "' WHERE id='" + from + "'"
		b.same(
			"INSERT INTO sessions (id) VALUES ('"+from+"')", "COMMIT",
			move, "SELECT @@in_transaction", "UPDATE sessions SET n=3 WHERE id='"+to+"'", "ROLLBACK",
			"?"+move, "SELECT @@in_transaction", "COMMIT", "SELECT @@in_transaction",
			"SELECT id, n FROM sessions WHERE id='"+to+"'", "COMMIT",
			"INSERT INTO sessions (id) VALUES ('"+from+"')", "COMMIT",
			move, "ROLLBACK", // a duplicate
			"UPDATE sessions SET id='"+to+"x', nosuch=1 WHERE id='"+from+"'",
			"SELECT @@in_transaction",
		)
		if installed.MariaDB() {
			// With MySQL a statement that names no such column begins no
			// transaction; here the store has found the record in one before.
			b.same("SET TRANSACTION ISOLATION LEVEL READ COMMITTED")
		}
		b.same("COMMIT")
	}
	h.noneOpen()
}

// noneOpen checks that no store has a transaction. The table that tells of them
// is as old as its last reading, but for what is read seldom.
func (h *harness) noneOpen() {
	h.t.Helper()
	for i, db := range h.direct {
		h.await(fmt.Sprint("no transaction at store ", i), func() bool {
			var open int
			if err := db.QueryRow("SELECT COUNT(*) + SLEEP(0.2) FROM information_schema.innodb_trx").Scan(&open); err != nil {
				h.t.Fatal(err)
			}
			return open == 0
		})
	}
}
