package router_test

import (
	"context"
	"fmt"
	"strings"
	"testing"

	"github.com/dsmproxy/dsmproxy/router/store"
)

// rowsInsert makes an INSERT of n rows, whose parameters are a key and a number
// each, and their values.
func rowsInsert(head, tail, prefix string, n int) (query string, args []any) {
	for i := range n {
		args = append(args, fmt.Sprint(prefix, i), i)
	}
	return head + strings.TrimSuffix(strings.Repeat("(?, ?), ", n), ", ") + tail, args
}

func TestRowsOnSeveralStores(t *testing.T) {
	h := start(t, 4, 2)
	const n = 12
	for _, params := range []string{"", "interpolateParams=true"} {
		db := h.open(params)
		prefix := "r" + strings.ToLower(params) // that is placed alike at all levels
		holds := func(want bool) {
			t.Helper()
			for i := range n {
				id := fmt.Sprint(prefix, i)
				if want {
					h.holders(id, h.order(id)[:2]...)
				} else {
					h.holders(id)
				}
			}
		}
		q, args := rowsInsert("INSERT INTO sessions (id, n) VALUES ", "", prefix, n)
		if got := h.exec(db, q, args...); got != n {
			t.Errorf("inserted %d, want %d", got, n)
		}
		holds(true)
		h.fails(1062, db, q, args...)
		q, args = rowsInsert("REPLACE sessions (id, n) VALUES ", "", prefix, n)
		if got := h.exec(db, q, args...); got != 2*n {
			t.Errorf("replaced %d, want %d", got, 2*n)
		}
		q, args = rowsInsert("INSERT INTO sessions (id, n) VALUES ", " ON DUPLICATE KEY UPDATE n = VALUES(n) + ?, data = ?", prefix, n)
		if got := h.exec(db, q, append(args, 100, "late")...); got != 2*n {
			t.Errorf("updated %d, want %d", got, 2*n)
		}
		holds(true)
		var sum int
		for i := range n {
			var v int
			if err := db.QueryRow("SELECT n FROM sessions WHERE id = ? AND data = 'late'", fmt.Sprint(prefix, i)).Scan(&v); err != nil {
				t.Fatal(err)
			}
			sum += v
		}
		if sum != n*100+n*(n-1)/2 {
			t.Errorf("sum = %d", sum)
		}
		h.exec(db, "DELETE FROM sessions WHERE id <> ?", prefix+"7")

		// One row fails: none is written.
		q, args = rowsInsert("INSERT INTO sessions (id, n) VALUES ", "", prefix, n)
		h.fails(1062, db, q, args...)
		if params == "" {
			h.fails(1048, db, "INSERT INTO sessions (id) VALUES (?), (?)", "null1", nil)
		}
		for i := range n {
			if i != 7 {
				h.holders(fmt.Sprint(prefix, i))
			}
		}
		q, args = rowsInsert("INSERT IGNORE sessions (id, n) VALUES ", "", prefix, n)
		if got := h.exec(db, q, args...); got != n-1 {
			t.Errorf("inserted %d, want %d", got, n-1)
		}
		holds(true)
		h.exec(db, "DELETE FROM sessions")

		// The time is the same in all rows.
		h.exec(db, "INSERT INTO sessions (id, data) VALUES ('t0', NOW(6)), ('t1', NOW(6)), ('t2', NOW(6)), ('t3', NOW(6)), ('t4', ?)", "x")
		data := map[string]bool{}
		for i := range 4 {
			id := fmt.Sprint("t", i)
			h.holders(id, h.order(id)[:2]...)
			var d string
			if err := db.QueryRow("SELECT data FROM sessions WHERE id = ?", id).Scan(&d); err != nil {
				t.Fatal(err)
			}
			data[d] = true
		}
		if len(data) != 1 {
			t.Errorf("rows of one statement have the times %v", data)
		}
		h.exec(db, "DELETE FROM sessions")
	}
}

func TestRowsInTransaction(t *testing.T) {
	h := start(t, 4, 2)
	ctx := context.Background()
	for _, begin := range []string{"START TRANSACTION", "SET autocommit=0"} {
		c := h.conn("")
		h.exec(c, "DELETE FROM sessions")
		h.exec(c, "INSERT INTO sessions (id) VALUES ('k3')")
		h.exec(c, begin)
		h.exec(c, "INSERT INTO sessions (id) VALUES ('before')")
		q, args := rowsInsert("INSERT INTO sessions (id, n) VALUES ", "", "k", 8)
		h.fails(1062, c, q, args...)
		q, args = rowsInsert("INSERT INTO sessions (id, n) VALUES ", "", "m", 8)
		if n := h.exec(c, q, args...); n != 8 {
			t.Errorf("%s: inserted %d, want 8", begin, n)
		}
		var n int
		if err := h.conn("").QueryRowContext(ctx, "SELECT COUNT(*) FROM sessions").Scan(&n); err != nil || n != 1 {
			t.Errorf("%s: others see %d records, %v, want 1", begin, n, err)
		}
		h.exec(c, "COMMIT")
		h.exec(c, "SET autocommit=1")
		for i := range 8 {
			id := fmt.Sprint("m", i)
			h.holders(id, h.order(id)[:2]...)
			if i != 3 {
				h.holders(fmt.Sprint("k", i))
			}
		}
		h.holders("before", h.order("before")[:2]...)

		h.exec(c, begin)
		q, args = rowsInsert("INSERT INTO sessions (id, n) VALUES ", "", "gone", 8)
		h.exec(c, q, args...)
		h.exec(c, "ROLLBACK")
		h.exec(c, "SET autocommit=1")
		for i := range 8 {
			h.holders(fmt.Sprint("gone", i))
		}
	}
}

func TestRowsWhileAStoreIsLost(t *testing.T) {
	h := start(t, 4, 2)
	db := h.open("")
	h.down(1) // not noticed yet, perhaps
	for i := range 5 {
		q, args := rowsInsert("INSERT INTO sessions (id, n) VALUES ", "", fmt.Sprint("k", i, "-"), 8)
		if n := h.exec(db, q, args...); n != 8 {
			t.Errorf("inserted %d, want 8", n)
		}
	}
	h.await("store down", func() bool { return h.stores[1].State() == store.Down })
	for i := range 5 {
		for j := range 8 {
			id := fmt.Sprint("k", i, "-", j)
			var live []uint16
			for _, s := range h.order(id) {
				if s != 1 && len(live) < 2 {
					live = append(live, s)
				}
			}
			h.holders(id, live...)
		}
	}
}

func TestRowsBesideEachOther(t *testing.T) {
	h := start(t, 3, 2)
	db := h.open("")
	done := make(chan error)
	const clients = 6
	for w := range clients {
		go func() {
			for i := range 30 {
				q, args := rowsInsert("INSERT INTO sessions (id, n) VALUES ", " ON DUPLICATE KEY UPDATE n = n + 1", "k", 6)
				if w%2 == 0 { // the other way round
					for a, b := 0, len(args)-2; a < b; a, b = a+2, b-2 {
						args[a], args[a+1], args[b], args[b+1] = args[b], args[b+1], args[a], args[a+1]
					}
				}
				if _, err := db.Exec(q, args...); err != nil {
					done <- fmt.Errorf("client %d, %d: %w", w, i, err)
					return
				}
			}
			done <- nil
		}()
	}
	for range clients {
		if err := <-done; err != nil {
			t.Error(err)
		}
	}
	for i := range 6 {
		id := fmt.Sprint("k", i)
		h.holders(id, h.order(id)[:2]...)
		var n int
		if err := db.QueryRow("SELECT n FROM sessions WHERE id = ?", id).Scan(&n); err != nil || n != i+clients*30-1 {
			t.Errorf("n of %s = %d, %v, want %d", id, n, err, i+clients*30-1)
		}
	}
}
