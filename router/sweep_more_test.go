package router_test

import (
	"context"
	"database/sql"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/dsmproxy/dsmproxy/router/store"
)

// left are the keys that the stores have, each once, in their order.
func (h *harness) left() string {
	h.t.Helper()
	seen := map[string]bool{}
	var keys []string
	for _, db := range h.direct {
		for _, key := range h.strs(db, "SELECT id FROM app.sessions") {
			if !seen[key] {
				seen[key] = true
				keys = append(keys, key)
			}
		}
	}
	slices.Sort(keys)
	return strings.Join(keys, " ")
}

func TestSweepInAnOrder(t *testing.T) {
	h := start(t, 4, 2)
	for _, params := range []string{"", "interpolateParams=true"} {
		db := h.open(params)
		for i := range 10 {
			h.exec(db, "INSERT INTO sessions (id, n, expires) VALUES (?, ?, ?)", fmt.Sprint("k", i), i, 100-i)
			h.exec(h.direct[h.order(fmt.Sprint("k", i))[3]], "INSERT INTO app.sessions (id, expires) VALUES (?, 1)", fmt.Sprint("k", i))
		}
		affects := func(want int64, left, query string, args ...any) {
			t.Helper()
			if n := h.exec(db, query, args...); n != want {
				t.Errorf("%s %v affects %d, want %d", query, args, n, want)
			}
			if got := strings.Join(h.strs(db, "SELECT id FROM sessions ORDER BY id"), " "); got != left {
				t.Errorf("%s %v leaves %s, want %s", query, args, got, left)
			}
		}

		affects(2, "k0 k1 k2 k3 k4 k5 k6 k7", "DELETE FROM sessions WHERE n > 3 ORDER BY expires LIMIT 2")
		affects(1, "k1 k2 k3 k4 k5 k6 k7", "DELETE FROM sessions WHERE expires > ? ORDER BY n LIMIT ?", 10, 1)
		affects(0, "k1 k2 k3 k4 k5 k6 k7", "DELETE FROM sessions WHERE expires < ? ORDER BY n LIMIT ?", 10, 5)
		affects(2, "k1 k3 k5 k6 k7", "DELETE FROM sessions WHERE id IN ('k1', ?, 'k3', 'k4', 'k5', 'k6', 'k0') AND n <> 3 AND n <> 1 ORDER BY n LIMIT 2", "k2")
		affects(1, "k1 k3 k5 k6", "DELETE FROM sessions WHERE id IN (SELECT id FROM (SELECT id FROM sessions WHERE expires < ? ORDER BY n DESC LIMIT 1) AS t)", 99)
		affects(2, "k5 k6", "DELETE FROM sessions WHERE id IN (SELECT i FROM (SELECT s.id AS i FROM sessions s WHERE s.n < ? LIMIT 10) AS t)", 5)
		affects(1, "k5 k6", "UPDATE sessions SET data = ? WHERE n > ? ORDER BY n DESC LIMIT ?", "x", 0, 1)
		h.shows(db, "k6", "SELECT id FROM sessions WHERE data = 'x'")
		h.holders("k6", h.order("k6")[:2]...) // the one before has found what was left of it
		tx, err := db.Begin()
		if err != nil {
			t.Fatal(err)
		}
		if n := h.exec(tx, "DELETE FROM sessions ORDER BY n LIMIT 1"); n != 1 {
			t.Errorf("deletes %d in a transaction, want 1", n)
		}
		h.shows(tx, "k6", "SELECT id FROM sessions ORDER BY id")
		if err := tx.Rollback(); err != nil {
			t.Error(err)
		}
		h.holders("k5", h.order("k5")[:2]...)
		h.fails(1054, db, "DELETE FROM sessions ORDER BY nosuch LIMIT 1")
		affects(2, "", "DELETE FROM sessions ORDER BY RPAD(id, 5, 'x'), n LIMIT 100")

	}
}

func TestSweepWithALimitCountsRecordsOnly(t *testing.T) {
	h := start(t, 4, 1)
	db := h.open("")
	for i := range 30 {
		id := fmt.Sprint("k", i)
		h.exec(db, "INSERT INTO sessions (id) VALUES (?)", id)
		// What is left of other records sorts before it.
		gone := fmt.Sprint("a", i)
		h.exec(h.direct[h.order(gone)[2]], "INSERT INTO app.sessions (id) VALUES (?)", gone)
	}
	for want := 30; want > 0; want -= 10 {
		if n := h.exec(db, "DELETE FROM sessions WHERE expires < 5 LIMIT 10"); n != 10 {
			t.Errorf("deleted %d, want 10", n)
		}
	}
	if n := h.exec(db, "DELETE FROM sessions WHERE expires < ? LIMIT ?", 5, 10); n != 0 {
		t.Errorf("deleted %d, want none", n)
	}
	if got := h.left(); got != "" {
		t.Errorf("left behind: %s", got)
	}
}

func TestSweepIsNotCutBySelectLimit(t *testing.T) {
	h := start(t, 3, 2)
	c := h.conn("")
	for i := range 20 {
		h.exec(c, "INSERT INTO sessions (id) VALUES (?)", fmt.Sprint("k", i))
	}
	h.exec(c, "SET sql_select_limit=3")
	if n := h.exec(c, "DELETE FROM sessions WHERE expires < 5"); n != 20 {
		t.Errorf("deleted %d, want 20", n)
	}
}

// TestSweepsAtOnce lets several proxies collect the same garbage: nobody fails,
// and each record is counted by exactly one of them.
func TestSweepsAtOnce(t *testing.T) {
	h := start(t, 4, 2)
	for _, db := range h.direct {
		h.exec(db, "CREATE TABLE app.rails (id bigint NOT NULL AUTO_INCREMENT PRIMARY KEY, session_id varchar(255) NOT NULL UNIQUE, expires int, KEY (expires))")
	}
	var dbs []*sql.DB
	for range 3 {
		addr, _ := h.proxy()
		dbs = append(dbs, h.openAt(addr, ""))
	}
	for round := range 3 {
		const records = 900
		for from := 0; from < records; from += 100 {
			var rows []string
			for i := from; i < from+100; i++ {
				rows = append(rows, fmt.Sprintf("('r%d-%d', %d)", round, i, i%7))
			}
			h.exec(dbs[0], "INSERT INTO rails (session_id, expires) VALUES "+strings.Join(rows, ","))
		}
		var wg sync.WaitGroup
		var mu sync.Mutex
		var sum int64
		for i := range 9 {
			wg.Go(func() {
				query := "DELETE FROM rails WHERE expires < ?"
				if i%3 == 1 {
					query = "DELETE FROM rails WHERE expires < ? ORDER BY expires LIMIT 200"
				} else if i%3 == 2 {
					query = "DELETE FROM rails WHERE expires < ? LIMIT 100"
				}
				r, err := dbs[i%len(dbs)].Exec(query, 5+i%3)
				if err != nil {
					t.Errorf("%s: %v", query, err)
					return
				}
				n, _ := r.RowsAffected()
				mu.Lock()
				sum += n
				mu.Unlock()
			})
		}
		wg.Wait()
		sum += h.exec(dbs[0], "DELETE FROM rails")
		if sum != records {
			t.Errorf("%d records are counted, want %d", sum, records)
		}
	}
}

func TestSweepThatIsRefusedHalfWay(t *testing.T) {
	h := start(t, 4, 2)
	for _, db := range h.direct {
		h.exec(db, "ALTER TABLE app.sessions ADD other int, ADD UNIQUE (other)")
	}
	db := h.open("interpolateParams=true")
	for i := range 40 {
		h.exec(db, "INSERT INTO sessions (id, n, other) VALUES (?, ?, ?)", fmt.Sprint("k", i), i, i)
	}
	check := func(when string) {
		t.Helper()
		for i := range 40 {
			id := fmt.Sprint("k", i)
			h.holders(id, h.order(id)[:2]...)
		}
		if t.Failed() {
			t.Fatal(when)
		}
	}
	// It fails at each store at another record, or at none.
	h.fails(1062, db, "UPDATE sessions SET data = 'x', other = n DIV 2 WHERE n > 20")
	check("outside a transaction")
	tx, err := db.Begin()
	if err != nil {
		t.Fatal(err)
	}
	h.exec(tx, "UPDATE sessions SET data = 'before' WHERE id = 'k1'")
	h.fails(1062, tx, "UPDATE sessions SET data = 'y', other = 1000 WHERE n < 30")
	h.exec(tx, "UPDATE sessions SET data = 'behind' WHERE id = 'k2'")
	h.shows(tx, "before,behind", "SELECT data FROM sessions WHERE n < 3 AND data <> '' ORDER BY n")
	h.shows(tx, "0", "SELECT COUNT(*) FROM sessions WHERE data = 'y'")
	if err := tx.Commit(); err != nil {
		t.Error(err)
	}
	check("in a transaction")
	h.shows(db, "0|2", "SELECT SUM(data = 'y'), SUM(data IN ('before', 'behind')) FROM sessions WHERE 1 = 1 AND n < 21")
}

func TestSweepMendsCopies(t *testing.T) {
	h := start(t, 4, 2)
	db := h.open("")
	at := func(i uint16, query string) { h.exec(h.direct[i], query) }
	for _, id := range []string{"stale", "renewed", "same", "lost"} {
		h.exec(db, "INSERT INTO sessions (id, expires) VALUES (?, 1)", id)
	}
	// The copies of one have been written, those of another have been missed.
	at(h.order("stale")[1], "UPDATE app.sessions SET expires = 100 WHERE id = 'stale'")
	at(h.order("renewed")[0], "UPDATE app.sessions SET expires = 100 WHERE id = 'renewed'")
	at(h.order("lost")[0], "DELETE FROM app.sessions WHERE id = 'lost'")
	if n := h.exec(db, "DELETE FROM sessions WHERE expires < ?", 50); n != 2 {
		t.Errorf("deleted %d, want 2", n)
	}
	h.holders("stale")
	h.holders("same")
	h.holders("lost")
	h.holders("renewed", h.order("renewed")[:2]...)

	at(h.order("renewed")[1], "DELETE FROM app.sessions WHERE id = 'renewed'")
	if n := h.exec(db, "UPDATE sessions SET n = 3 WHERE expires > ?", 50); n != 1 {
		t.Errorf("updated %d, want 1", n)
	}
	h.holders("renewed", h.order("renewed")[:2]...)
}

func TestSafeUpdates(t *testing.T) {
	h := start(t, 3, 2)
	c := h.conn("")
	for i := range 5 {
		h.exec(c, "INSERT INTO sessions (id, expires) VALUES (?, ?)", fmt.Sprint("k", i), i)
	}
	h.exec(c, "SET sql_safe_updates=1, sql_select_limit=1000")
	for _, query := range []string{
		"DELETE FROM sessions WHERE expires < 5", "DELETE FROM sessions", "DELETE FROM sessions LIMIT 5",
		"UPDATE sessions SET n = 1", "UPDATE sessions SET n = 1 WHERE expires = 1",
	} {
		h.fails(1175, c, query)
	}
	h.fails(1175, c, "DELETE FROM sessions WHERE expires < ?", 5)
	if n := h.exec(c, "UPDATE sessions SET n = 1 WHERE expires < ? LIMIT 10", 3); n != 3 {
		t.Errorf("updated %d, want 3", n)
	}
	if n := h.exec(c, "DELETE FROM sessions WHERE id LIKE 'k%' AND expires < 3"); n != 3 {
		t.Errorf("deleted %d, want 3", n)
	}
	h.exec(c, "SET sql_safe_updates=0")
	if n := h.exec(c, "DELETE FROM sessions"); n != 2 {
		t.Errorf("deleted %d, want 2", n)
	}
}

func TestStoreThatReturnsGetsWhatItMissed(t *testing.T) {
	h := start(t, 3, 2)
	db := h.open("")
	for i := range 30 {
		h.exec(db, "INSERT INTO sessions (id, expires) VALUES (?, ?)", fmt.Sprint("k", i), i)
	}
	h.down(1)
	h.await("store down", func() bool { return h.stores[1].State() == store.Down })
	if n := h.exec(db, "DELETE FROM sessions WHERE expires < ?", 10); n != 10 {
		t.Errorf("deleted %d, want 10", n)
	}
	for _, end := range []string{"ROLLBACK", "COMMIT"} {
		c := h.conn("")
		h.exec(c, "SET autocommit=0")
		h.exec(c, "UPDATE sessions SET n = 7 WHERE expires BETWEEN ? AND 14", 10)
		if end == "ROLLBACK" {
			h.exec(c, "UPDATE sessions SET n = 8 WHERE expires BETWEEN ? AND 19", 15)
		}
		h.exec(c, end)
	}
	h.exec(db, "ALTER TABLE sessions ADD fresh int")
	b := h.set.Backlogs()
	if b[0].Pending != 0 || b[1].Pending == 0 || b[1].Replayed != 0 {
		t.Errorf("backlogs are %+v", b)
	}
	if err := h.servers[1].Restart(context.Background()); err != nil {
		t.Fatal(err)
	}
	h.await("all run there", func() bool { return h.set.Backlogs()[1].Pending == 0 })
	if got := h.set.Backlogs()[1]; got.Replayed != uint64(b[1].Pending) || got.Refused != 0 || got.Lost != 0 {
		t.Errorf("backlog is %+v, %d were pending", got, b[1].Pending)
	}
	h.shows(h.direct[1], "0", "SELECT COUNT(*) FROM app.sessions WHERE expires < 10 OR n = 8")
	h.shows(h.direct[1], "0", "SELECT COUNT(*) FROM app.sessions WHERE expires BETWEEN 10 AND 14 AND n <> 7")
	h.shows(h.direct[1], "0", "SELECT COUNT(fresh) FROM app.sessions")
	for i := range 30 {
		id := fmt.Sprint("k", i)
		if i < 10 {
			h.holders(id)
		}
	}
}

func TestSweepOfASecondaryTable(t *testing.T) {
	h := start(t, 4, 2)
	for _, d := range h.direct {
		h.exec(d, "CREATE TABLE app.numbered (num int PRIMARY KEY, v int)")
		h.exec(d, "CREATE TABLE app.parts (num int, part varchar(10), PRIMARY KEY (num, part))")
	}
	db := h.open("")
	for i := range 20 {
		h.exec(db, "INSERT INTO parts (num, part) VALUES (?, 'a'), (?, 'b')", i, i)
	}
	if n := h.exec(db, "DELETE FROM parts WHERE part = ?", "a"); n != 20 {
		t.Errorf("deleted %d, want 20", n)
	}
	if n := h.exec(db, "UPDATE parts SET part = 'c' WHERE part = ? AND num < 5", "b"); n != 5 {
		t.Errorf("updated %d, want 5", n)
	}
	h.shows(db, "b|15,c|5", "SELECT part, COUNT(*) FROM parts GROUP BY part ORDER BY part")
}
