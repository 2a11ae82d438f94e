package router_test

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/go-sql-driver/mysql"
)

// begin runs a statement and returns what waits for its outcome.
func (h *harness) begin(c *sql.Conn, query string, args ...any) (outcome func() error) {
	done := make(chan error, 1)
	go func() {
		_, err := c.ExecContext(context.Background(), query, args...)
		done <- err
	}()
	return func() error {
		h.t.Helper()
		select {
		case err := <-done:
			return err
		case <-time.After(40 * time.Second):
			h.t.Fatalf("%s: no answer", query)
			return nil
		}
	}
}

// number is the number of an error, 0 for none.
func number(err error) uint16 {
	var e *mysql.MySQLError
	switch {
	case err == nil:
		return 0
	case errors.As(err, &e):
		return e.Number
	}
	return 1
}

// busy reports whether store i runs a statement like the pattern.
func (h *harness) busy(i int, like string) bool {
	var n int
	err := h.direct[i].QueryRow("SELECT COUNT(*) FROM information_schema.PROCESSLIST WHERE INFO LIKE ? AND ID <> CONNECTION_ID()", like).Scan(&n)
	return err == nil && n > 0
}

// KILL QUERY ends what waits in the proxy and what waits at a store, and leaves
// the client and the copies in order.
func TestKillQuery(t *testing.T) {
	h := start(t, 3, 2)
	db, killer := h.open(""), h.conn("")
	h.exec(db, "INSERT INTO sessions (id, n) VALUES ('k', 1)")
	o := h.order("k")
	victim := h.conn("")
	id := lockValue(t, victim, "SELECT CONNECTION_ID()")
	endsWith := func(want uint16, what string, outcome func() error) {
		t.Helper()
		// The statement may not have begun to wait yet.
		end := make(chan struct{})
		var wg sync.WaitGroup
		wg.Go(func() {
			for {
				select {
				case <-end:
					return
				case <-time.After(20 * time.Millisecond):
					h.exec(killer, "KILL QUERY "+id)
				}
			}
		})
		if err := outcome(); number(err) != want {
			t.Errorf("%s ends with %v, want error %d", what, err, want)
		}
		close(end)
		wg.Wait()
	}
	ended := func(what string, outcome func() error) {
		t.Helper()
		endsWith(1317, what, outcome)
	}

	tx, err := db.Begin()
	if err != nil {
		t.Fatal(err)
	}
	h.exec(tx, "UPDATE sessions SET n = 2 WHERE id = 'k'")
	ended("a wait for a key's lock", h.begin(victim, "UPDATE sessions SET n = 3 WHERE id = 'k'"))
	ended("a prepared one", h.begin(victim, "UPDATE sessions SET n = ? WHERE id = ?", 3, "k"))
	tx.Rollback()

	for _, at := range []uint16{o[0], o[1]} {
		for _, begin := range []bool{false, true} {
			copied := h.level != "seed" && at == o[1] // by the image, once it is committed
			if copied && begin {
				continue
			}
			direct, err := h.direct[at].Begin()
			if err != nil {
				t.Fatal(err)
			}
			h.exec(direct, "SELECT 1 FROM app.sessions WHERE id = 'k' FOR UPDATE")
			if begin {
				h.exec(victim, "BEGIN")
			}
			outcome := h.begin(victim, "UPDATE sessions SET n = n + 10 WHERE id = 'k'")
			h.await("the row lock is waited for", func() bool {
				if copied {
					return h.n(int(o[0]), "k") == "11"
				}
				return h.busy(int(at), "UPDATE%n + 10%")
			})
			switch {
			case copied:
				h.exec(killer, "KILL QUERY "+id)
				direct.Rollback()
				if err := outcome(); err != nil {
					t.Errorf("the update that was committed when it was killed: %v", err)
				}
			case at == o[0] || begin:
				ended(fmt.Sprintf("a row lock at store %d", at), outcome)
			default:
				// The first copy has written: it is carried over once it can be.
				h.exec(killer, "KILL QUERY "+id)
				h.await("the statement ends there", func() bool { return !h.busy(int(at), "UPDATE%n + 10%") })
				direct.Rollback()
				if err := outcome(); err != nil {
					t.Errorf("the update whose second copy was killed: %v", err)
				}
			}
			direct.Rollback()
			if begin {
				h.exec(victim, "ROLLBACK")
			}
			h.holders("k", o[0], o[1])
		}
	}
	if got := lockValue(t, victim, "SELECT n FROM sessions WHERE id = 'k'"); got != "11" {
		t.Errorf("n = %s, want 11", got)
	}
	alone := uint16(1317)
	if !installed.MariaDB() {
		alone = 0 // a SLEEP that stands alone returns 1
	}
	endsWith(alone, "SLEEP", h.begin(victim, "SELECT SLEEP(100)"))
	ended("SLEEP in a condition", h.begin(victim, "SELECT 1 FROM sessions WHERE id = 'k' AND SLEEP(100)"))
	h.exec(killer, "KILL QUERY "+id) // idle
	if got := lockValue(t, victim, "SELECT 5"); got != "5" {
		t.Errorf("after all that it gets %s", got)
	}
	h.fails(1094, killer, "KILL QUERY 4000000")
	h.fails(1094, killer, "KILL 4000000")
	h.fails(1317, killer, "KILL QUERY CONNECTION_ID()")
	h.fails(1317, killer, "KILL QUERY "+lockValue(t, killer, "SELECT CONNECTION_ID()"))
}

// KILL of a client ends what it runs at the stores, with its locks.
func TestKillConnection(t *testing.T) { eachLevel(t, testKillConnection) }

func testKillConnection(t *testing.T, level string) {
	h := startAt(t, level, 3, 2)
	db := h.open("")
	h.exec(db, "INSERT INTO sessions (id) VALUES ('a'), ('b')")
	at := int(h.order("b")[0])
	victim := h.conn("")
	id := lockValue(t, victim, "SELECT CONNECTION_ID()")
	lockValue(t, victim, "SELECT GET_LOCK('l', 1)")
	direct, err := h.direct[at].Begin()
	if err != nil {
		t.Fatal(err)
	}
	defer direct.Rollback()
	h.exec(direct, "SELECT 1 FROM app.sessions WHERE id = 'b' FOR UPDATE")
	h.exec(victim, "BEGIN")
	h.exec(victim, "UPDATE sessions SET n = 1 WHERE id = 'a'")
	outcome := h.begin(victim, "UPDATE sessions SET n = 1 WHERE id = 'b'")
	h.await("the row lock is waited for", func() bool { return h.busy(at, "UPDATE%'b'%") })
	h.exec(db, "KILL "+id)
	if outcome() == nil {
		t.Error("the killed statement has succeeded")
	}
	h.await("the statement ends at the store", func() bool { return !h.busy(at, "UPDATE%'b'%") })
	if n := h.exec(db, "UPDATE sessions SET n = 7 WHERE id = 'a'"); n != 1 {
		t.Errorf("affected = %d", n)
	}
	if got := lockValue(t, h.conn(""), "SELECT GET_LOCK('l', 30)"); got != "1" {
		t.Errorf("the killed client's lock = %s, want 1", got)
	}
	self := h.conn("")
	if _, err := self.ExecContext(context.Background(), "KILL CONNECTION_ID()"); number(err) != 1927 {
		t.Errorf("KILL of one's own connection = %v, want error 1927", err)
	}
	if _, err := self.ExecContext(context.Background(), "DO 1"); err == nil {
		t.Error("a client that has killed itself goes on")
	}
}

// Kills hit the client that they name and no other, however often connections
// change hands meanwhile, and copies stay equal.
func TestKillsHitNobodyElse(t *testing.T) { eachLevel(t, testKillsHitNobodyElse) }

func testKillsHitNobodyElse(t *testing.T, level string) {
	h := startPatient(t, level, 3, 2)
	const victims, others = 3, 4
	ctx, cancel := context.WithTimeout(context.Background(), 4*time.Second)
	defer cancel()
	var wg sync.WaitGroup
	var ids [victims]string
	var hits, done atomic.Int64
	statement := func(c *sql.Conn) error {
		key := fmt.Sprint("k", rand.IntN(6))
		switch rand.IntN(5) {
		case 0:
			var n int
			if err := c.QueryRowContext(context.Background(), "SELECT n FROM sessions WHERE id = ?", key).Scan(&n); err != sql.ErrNoRows {
				return err
			}
			return nil
		case 1:
			_, err := c.ExecContext(context.Background(), "DELETE FROM sessions WHERE id = ?", key)
			return err
		case 2:
			_, err := c.ExecContext(context.Background(), "UPDATE sessions SET n = n + 1 WHERE id = ?", key)
			return err
		case 3:
			_, err := c.ExecContext(context.Background(), "DO SLEEP(0.002)")
			return err
		}
		_, err := c.ExecContext(context.Background(), "INSERT INTO sessions (id, n) VALUES (?, 1) ON DUPLICATE KEY UPDATE n = n + 10", key)
		return err
	}
	for i := range victims {
		c := h.conn("interpolateParams=true")
		ids[i] = lockValue(t, c, "SELECT CONNECTION_ID()")
		wg.Go(func() {
			for ctx.Err() == nil {
				switch err := statement(c); number(err) {
				case 0:
				case 1317:
					hits.Add(1)
				default:
					t.Errorf("victim: %v", err)
					return
				}
			}
		})
	}
	for range others {
		c := h.conn("interpolateParams=true")
		wg.Go(func() {
			for ctx.Err() == nil {
				if err := statement(c); err != nil {
					t.Errorf("somebody else: %v", err)
					return
				}
				done.Add(1)
			}
		})
	}
	for range 2 {
		c := h.conn("")
		wg.Go(func() {
			for ctx.Err() == nil {
				h.exec(c, "KILL QUERY "+ids[rand.IntN(victims)])
				time.Sleep(time.Millisecond)
			}
		})
	}
	wg.Wait()
	t.Logf("%d statements were killed, %d of others went on", hits.Load(), done.Load())
	if hits.Load() == 0 {
		t.Error("no statement was killed")
	}
	for i := range 6 {
		key := fmt.Sprint("k", i)
		o := h.order(key)
		if h.record(int(o[0]), key) == "" {
			h.holders(key)
		} else {
			h.holders(key, o[0], o[1])
		}
	}
}
