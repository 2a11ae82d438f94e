package router_test

import (
	"context"
	"fmt"
	"sync"
	"testing"

	"github.com/dsmproxy/dsmproxy/router/store"
)

func TestSweepCountsEachRecordOnce(t *testing.T) {
	h := start(t, 4, 2)
	for _, params := range []string{"", "interpolateParams=true"} {
		db := h.open(params)
		for i := range 600 {
			h.exec(db, "INSERT INTO sessions (id, expires) VALUES (?, ?)", fmt.Sprint("k", i), i)
		}
		// A leftover where the record does not belong.
		o := h.order("k3")
		h.exec(h.direct[o[3]], "INSERT INTO app.sessions (id, expires) VALUES ('k3', 3)")
		if n := h.exec(db, "DELETE FROM sessions WHERE expires < ?", 550); n != 550 {
			t.Errorf("%s: deleted %d, want 550", params, n)
		}
		h.holders("k3")
		if n := h.exec(db, "UPDATE sessions SET data = ?, n = 7 WHERE expires < ? AND id <> 'k555'", "x", 560); n != 9 {
			t.Errorf("%s: updated %d, want 9", params, n)
		}
		h.holders("k556", h.order("k556")[:2]...)
		if n := h.exec(db, "DELETE FROM sessions LIMIT 5"); n != 5 {
			t.Errorf("%s: deleted %d with LIMIT 5", params, n)
		}
		if n := h.exec(db, "DELETE FROM sessions"); n != 45 {
			t.Errorf("%s: deleted %d, want 45", params, n)
		}
		for i := range h.direct {
			var n int
			if err := h.direct[i].QueryRow("SELECT COUNT(*) FROM app.sessions").Scan(&n); err != nil || n != 0 {
				t.Errorf("store %d has %d records, %v", i, n, err)
			}
		}
	}
}

func TestSweepOfSeveralKeys(t *testing.T) {
	h := start(t, 4, 2)
	db := h.open("")
	for i := range 10 {
		h.exec(db, "INSERT INTO sessions (id) VALUES (?)", fmt.Sprint("k", i))
	}
	if n := h.exec(db, "DELETE FROM sessions WHERE id IN ('k0', ?, 'k2', 'nosuch')", "k1"); n != 3 {
		t.Errorf("deleted %d, want 3", n)
	}
	if n := h.exec(db, "UPDATE sessions SET n = 1 WHERE id IN ('k2', 'k3', 'k4')"); n != 2 {
		t.Errorf("updated %d, want 2", n)
	}
	h.holders("k1")
	h.holders("k3", h.order("k3")[:2]...)
}

func TestSweepBesideWriters(t *testing.T) {
	h := start(t, 4, 2)
	db := h.open("")
	var wg sync.WaitGroup
	for w := range 4 {
		wg.Go(func() {
			for i := range 60 {
				h.exec(db, "INSERT INTO sessions (id, expires) VALUES (?, ?) ON DUPLICATE KEY UPDATE expires = VALUES(expires), n = n + 1",
					fmt.Sprintf("k%d-%d", w, i%10), i)
				if i%10 == 9 {
					h.exec(db, "DELETE FROM sessions WHERE expires < ?", i-15)
				}
			}
		})
	}
	wg.Wait()
	for w := range 4 {
		for i := range 10 {
			id := fmt.Sprintf("k%d-%d", w, i)
			if h.record(int(h.order(id)[0]), id) != "" {
				h.holders(id, h.order(id)[:2]...)
			} else {
				h.holders(id)
			}
		}
	}
}

func TestSweepReachesAStoreThatReturns(t *testing.T) {
	h := start(t, 3, 2)
	db := h.open("interpolateParams=true")
	for i := range 20 {
		h.exec(db, "INSERT INTO sessions (id, expires) VALUES (?, ?)", fmt.Sprint("k", i), i)
	}
	h.down(1)
	h.await("store down", func() bool { return h.stores[1].State() == store.Down })
	if n := h.exec(db, "DELETE FROM sessions WHERE expires < 10"); n != 10 {
		t.Errorf("deleted %d, want 10", n)
	}
	if err := h.servers[1].Restart(context.Background()); err != nil {
		t.Fatal(err)
	}
	h.await("deleted there too", func() bool {
		var n int
		err := h.direct[1].QueryRow("SELECT COUNT(*) FROM app.sessions WHERE expires < 10").Scan(&n)
		return err == nil && n == 0
	})
}

func TestSweepRefusesWhatDiffers(t *testing.T) {
	h := start(t, 3, 2)
	c := h.conn("interpolateParams=true")
	for _, q := range []string{
		"UPDATE sessions SET data = UUID()",
		"DELETE FROM sessions WHERE RAND() < 0.5",
		"UPDATE sessions SET n = CONNECTION_ID() WHERE expires < 5",
	} {
		h.fails(1235, c, q)
	}
	h.exec(c, "INSERT INTO sessions (id) VALUES ('a')")
	if n := h.exec(c, "UPDATE sessions SET expires = UNIX_TIMESTAMP(), data = NOW() WHERE expires < 5"); n != 1 {
		t.Errorf("updated %d, want 1", n)
	}
	h.holders("a", h.order("a")[:2]...)
}
