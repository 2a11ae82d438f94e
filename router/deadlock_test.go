package router_test

import (
	"database/sql"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/dsmproxy/dsmproxy/internal/realstore"
)

// tellingWaits starts servers that tell who waits for whom.
func tellingWaits(t *testing.T, n int) []*realstore.Server {
	t.Helper()
	if installed.MariaDB() {
		return installed.Start(t, n)
	}
	return installed.Start(t, n, "--performance-schema=on")
}

// Transactions that wait for each other at different stores, for gaps that the
// other's FOR UPDATE has locked, are found: one gets 1213, the other goes on.
func TestDeadlockOverStores(t *testing.T) {
	h := startBeforeAt(t, "seed", tellingWaits(t, 2), 2, -1)
	db := h.open("interpolateParams=true")
	h.exec(db, "INSERT INTO sessions (id) VALUES ('n')") // ends the gaps
	for _, autocommit := range []bool{true, false} {
		a, b := fmt.Sprint("m", autocommit), ""
		if !autocommit {
			a = fmt.Sprint("o", autocommit)
		}
		for i := 1; b == ""; i++ {
			if key := fmt.Sprint(a, i); h.order(key)[0] != h.order(a)[0] {
				b = key
			}
		}
		keys := []string{a, b}
		conns := make([]*sql.Conn, 2)
		for i, key := range keys {
			conns[i] = h.conn("interpolateParams=true")
			if autocommit {
				h.exec(conns[i], "BEGIN")
			} else {
				h.exec(conns[i], "SET autocommit=0")
			}
			h.exec(conns[i], "SELECT data FROM sessions WHERE id = ? FOR UPDATE", key)
		}
		errs := make([]error, 2)
		var wg sync.WaitGroup
		begin := time.Now()
		for i, key := range keys {
			wg.Go(func() {
				if errs[i] = h.begin(conns[i], "INSERT INTO sessions (id, n) VALUES (?, 5)", key)(); errs[i] == nil {
					h.exec(conns[i], "COMMIT")
				}
			})
		}
		wg.Wait()
		t.Logf("after %v: %v and %v", time.Since(begin).Round(time.Millisecond), errs[0], errs[1])
		for i, key := range keys {
			switch other := errs[1-i]; {
			case errs[i] == nil && number(other) == 1213:
				h.holders(key, 0, 1)
			case number(errs[i]) == 1213 && other == nil:
				h.holders(key)
				h.exec(conns[i], "INSERT INTO sessions (id, n) VALUES (?, 6)", key) // again
				h.exec(conns[i], "COMMIT")
				h.holders(key, 0, 1)
			default:
				t.Errorf("%v and %v, want one success and one error 1213", errs[i], other)
			}
		}
	}
}

// Who waits long for a transaction that does nothing is no part of a deadlock.
func TestWaitIsNoDeadlock(t *testing.T) { eachLevel(t, testWaitIsNoDeadlock) }

func testWaitIsNoDeadlock(t *testing.T, level string) {
	h := startBeforeAt(t, level, tellingWaits(t, 2), 2, -1)
	db := h.open("interpolateParams=true")
	h.exec(db, "INSERT INTO sessions (id, n) VALUES ('m', 1)")
	holder := h.conn("")
	direct := make([]*sql.Tx, 2)
	for i := range direct {
		var err error
		if direct[i], err = h.direct[i].Begin(); err != nil {
			t.Fatal(err)
		}
		defer direct[i].Rollback()
		h.exec(direct[i], "SELECT 1 FROM app.sessions WHERE id < 'm' FOR UPDATE") // the gap before m
	}
	// Two transactions wait at different stores, but not for each other.
	h.exec(holder, "BEGIN")
	outcomes := make([]func() error, 2)
	for i := range outcomes {
		c := h.conn("interpolateParams=true")
		key := ""
		for n := 0; key == ""; n++ {
			if k := fmt.Sprint("b", n); int(h.order(k)[0]) == i {
				key = k
			}
		}
		h.exec(c, "BEGIN")
		h.exec(c, "UPDATE sessions SET n = 2 WHERE id = ?", fmt.Sprint("z", i)) // joins both
		outcomes[i] = h.begin(c, "INSERT INTO sessions (id) VALUES (?)", key)
	}
	for i := range direct {
		h.await("both wait", func() bool { return h.busy(i, "INSERT%") })
	}
	time.Sleep(3 * time.Second) // more than the age at which waits are looked at
	for i := range direct {
		direct[i].Rollback()
	}
	for _, outcome := range outcomes {
		if err := outcome(); err != nil {
			t.Errorf("a statement that waited: %v", err)
		}
	}
}
