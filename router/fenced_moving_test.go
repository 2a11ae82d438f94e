package router_test

import (
	"fmt"
	"testing"
)

// TestFencedMoveHalfDone: where the second COMMIT of a move never comes, the
// record goes away under its old key, unless it has been written since.
func TestFencedMoveHalfDone(t *testing.T) {
	h := startPatient(t, "safe", 3, 2)
	db := h.open("interpolateParams=true")
	var number int
	for turn := range 2 {
		from, to := h.keysAt(fmt.Sprint("old", turn))[0], h.keysAt(fmt.Sprint("new", turn))[1]
		h.exec(db, "INSERT INTO sessions (id, n) VALUES (?, 1)", from)
		if err := h.direct[0].QueryRow("SELECT no FROM dsm.tables WHERE name = 'sessions'").Scan(&number); err != nil {
			t.Fatal(err)
		}
		lock, err := h.direct[0].Begin()
		if err != nil {
			t.Fatal(err)
		}
		h.exec(lock, "SELECT 1 FROM dsm.ver WHERE t = ? AND k = ? FOR UPDATE", number, from)
		outcome := h.begin(h.conn("interpolateParams=true"), "UPDATE sessions SET id = ?, n = n + 1 WHERE id = ?", to, from)
		h.await("the first COMMIT", func() bool { return h.record(1, to) != "" })
		h.await("the end of the second one", func() bool {
			var id int
			err := h.direct[0].QueryRow("SELECT ID FROM information_schema.PROCESSLIST WHERE INFO LIKE 'INSERT INTO `dsm`.`ver`%' LIMIT 1").Scan(&id)
			if err == nil {
				_, err = h.direct[0].Exec(fmt.Sprint("KILL ", id))
			}
			return err == nil
		})
		if outcome() == nil {
			t.Error("the move has succeeded")
		}
		if err := lock.Rollback(); err != nil {
			t.Fatal(err)
		}
		stays := turn == 1 && h.exec(db, "UPDATE sessions SET n = 9 WHERE id = ?", from) == 1
		h.await("the end of the note", func() bool {
			for _, d := range h.direct {
				var notes int
				if err := d.QueryRow("SELECT COUNT(*) FROM dsm.moving").Scan(&notes); err != nil || notes > 0 {
					return false
				}
			}
			return true
		})
		h.holders(to, h.order(to)[:2]...)
		if stays {
			h.holders(from, h.order(from)[:2]...)
		} else {
			h.holders(from)
		}
	}
}
