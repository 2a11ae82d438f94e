package ledger

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/dsmproxy/dsmproxy/protocol"
	"github.com/dsmproxy/dsmproxy/router/fence"
	"github.com/dsmproxy/dsmproxy/router/store"
	"github.com/dsmproxy/dsmproxy/router/view"
)

// pin returns a connection with a transaction that has run statements.
func (o *one) pin(session *store.Session, statements ...string) *store.Conn {
	o.t.Helper()
	l := login
	l.Capabilities = protocol.ClientDeprecateEOF
	c, err := o.st.Get(o.ctx(), l, session, false)
	if err != nil {
		o.t.Fatal(err)
	}
	for _, sql := range append([]string{"START TRANSACTION"}, statements...) {
		if _, err := c.Exec(o.ctx(), sql); err != nil {
			o.t.Fatalf("%s: %v", sql, err)
		}
	}
	return c
}

func TestCommit(t *testing.T) {
	o := found(t)
	keys := []fence.Key{key("b"), key("a")}
	insert := "INSERT INTO app.sessions (id, data) VALUES ('a','A'),('b','B')"
	c := o.pin(nil, insert)
	entries := make([]fence.Entry, 2)
	changed, err := o.Write(o.ctx(), o.guard(), &text{kind: Commit, conn: c}, keys, 5, entries)
	if err != nil || !changed || entries[0].Version.ID != 5 || entries[1].Image == nil {
		t.Fatalf("Write(Commit) = %v, %v, %+v", changed, err, entries)
	}
	if c.Status().Has(protocol.StatusInTrans) {
		t.Error("a transaction is open behind COMMIT")
	}
	c.Release()
	if got := o.ask("SELECT COUNT(*) FROM app.sessions"); got != "2" {
		t.Errorf("%s records, want 2", got)
	}

	t.Run("fenced", func(t *testing.T) {
		c := o.pin((*store.Session)(nil).WithAutocommit(false), "DELETE FROM app.sessions WHERE id='a'")
		g := o.guard()
		g.View = g.View.WithTerm(1)
		_, err := o.Write(o.ctx(), g, &text{kind: Commit, conn: c}, keys[1:], 6, entries[:1])
		if !errors.Is(err, fence.ErrFenced) || c.Status().Has(protocol.StatusInTrans) {
			t.Errorf("Write(Commit) = %v, status %v, want ErrFenced and no transaction", err, c.Status())
		}
		c.Release()
		if e := o.load("a"); e.Version.ID != 5 || e.Image == nil {
			t.Errorf("Load: %+v", e)
		}
	})
	t.Run("nothing written", func(t *testing.T) {
		c := o.pin(nil)
		changed, err := o.Write(o.ctx(), o.guard(), &text{kind: Commit, conn: c}, nil, 6, nil)
		if changed || err != nil {
			t.Errorf("Write(Commit) = %v, %v", changed, err)
		}
		c.Release()
	})
	t.Run("read within", func(t *testing.T) {
		c := o.pin(nil, "SELECT * FROM app.sessions") // a snapshot
		defer c.Discard()
		if o.mustWrite(7, "UPDATE app.sessions SET n=9 WHERE id='a'", key("a")); t.Failed() {
			return
		}
		st := &text{kind: Within, conn: c, sql: "SELECT n FROM app.sessions WHERE id='a'"}
		marks := make([]fence.Entry, 1)
		if err := o.Read(o.ctx(), o.guard(), st, keys[1:], marks); err != nil {
			t.Fatal(err)
		}
		if st.value() != "0" || marks[0].Version.ID != 7 {
			t.Errorf("Read: %q, mark %+v; want the snapshot's value and the mark as it is now", st.value(), marks[0])
		}
		// Nothing of the register is locked.
		if err := o.Push(o.ctx(), o.boot, o.view.WithState(1, view.Down), false); err != nil {
			t.Errorf("Push: %v", err)
		}
		if err := o.Read(o.ctx(), o.guard(), st, keys[1:], marks); !errors.Is(err, fence.ErrFenced) {
			t.Errorf("Read = %v, want ErrFenced", err)
		}
	})
}

// TestDeadlocks: a deadlock of the client's statement is its answer, one of the
// proxy's own part is tried again.
func TestDeadlocks(t *testing.T) {
	o := found(t)
	o.mustWrite(1, "INSERT INTO app.sessions (id) VALUES ('a'),('b')", key("a"), key("b"))
	o.cfg.Timeout = patience

	t.Run("client's", func(t *testing.T) {
		deadlocks := 0
		for round := 0; deadlocks == 0 && round < 200; round++ {
			var wg sync.WaitGroup
			var mu sync.Mutex
			for i, order := range []string{"'a','b'", "'b','a'"} {
				wg.Go(func() {
					// Takes the locks in the order of the list, slowly.
					sql := "UPDATE app.sessions SET n=n+1+0*SLEEP(0.02) WHERE id IN ('a','b') ORDER BY FIELD(id," + order + ")"
					st := &text{sql: sql}
					entries := make([]fence.Entry, 2)
					changed, err := o.Write(context.Background(), o.guard(), st, []fence.Key{key("a"), key("b")}, uint64(10+2*round+i), entries)
					mu.Lock()
					defer mu.Unlock()
					switch {
					case err != nil:
						t.Errorf("Write: %v", err)
					case st.answer.Err != nil && st.answer.Err.Code == protocol.ErrLockDeadlock:
						deadlocks++
						if changed {
							t.Error("a deadlock has changed something")
						}
					case st.answer.Err != nil || !changed:
						t.Errorf("Write = %v, answer %+v", changed, st.answer)
					}
				})
			}
			wg.Wait()
		}
		t.Logf("%d deadlocks", deadlocks)
		if a, b := o.ask("SELECT n FROM app.sessions WHERE id='a'"), o.ask("SELECT n FROM dsm.ver WHERE k='a'"); fmt.Sprint(a, "+1") != fmt.Sprint(mustSub(b), "+1") {
			t.Errorf("n = %s with version %s", a, b)
		}
	})
	t.Run("own lock wait", func(t *testing.T) {
		// Somebody holds the version for longer than the client's patience.
		tx, err := o.db.Begin()
		if err != nil {
			t.Fatal(err)
		}
		if _, err := tx.Exec("SELECT * FROM dsm.ver WHERE t=1 AND k='a' FOR UPDATE"); err != nil {
			t.Fatal(err)
		}
		before := o.ask("SELECT n FROM app.sessions WHERE id='a'")
		st := &text{sql: "UPDATE app.sessions SET n=n+100 WHERE id='a'",
			session: (*store.Session)(nil).WithSet([]byte("SET innodb_lock_wait_timeout=1"), []string{"innodb_lock_wait_timeout"}, true)}
		time.AfterFunc(1500*time.Millisecond, func() { tx.Rollback() })
		changed, err := o.Write(o.ctx(), o.guard(), st, []fence.Key{key("a")}, 900, make([]fence.Entry, 1))
		if err != nil || !changed || st.runs < 2 {
			t.Errorf("Write = %v, %v, in %d runs; want it done in more than one", changed, err, st.runs)
		}
		var n, m int
		fmt.Sscan(before, &n)
		fmt.Sscan(o.ask("SELECT n FROM app.sessions WHERE id='a'"), &m)
		if m != n+100 {
			t.Errorf("n went from %d to %d, want 100 more", n, m)
		}
	})
}

func mustSub(n string) string {
	var v int
	fmt.Sscan(n, &v)
	return fmt.Sprint(v - 1)
}

// TestKilledBetween: a connection or server that dies behind the client's
// statement leaves nothing of it.
func TestKilledBetween(t *testing.T) {
	o := found(t)
	o.mustWrite(1, "INSERT INTO app.sessions (id) VALUES ('a')", key("a"))
	// The version is locked, so that the proxy's part waits behind the statement.
	tx, err := o.db.Begin()
	if err != nil {
		t.Fatal(err)
	}
	if _, err := tx.Exec("SELECT * FROM dsm.ver WHERE t=1 AND k='a' FOR UPDATE"); err != nil {
		t.Fatal(err)
	}
	type result struct {
		changed bool
		err     error
	}
	done := make(chan result, 1)
	go func() {
		st := &text{sql: "UPDATE app.sessions SET n=1 WHERE id='a'"}
		changed, err := o.Write(context.Background(), o.guard(), st, []fence.Key{key("a")}, 2, make([]fence.Entry, 1))
		done <- result{changed, err}
	}()
	waiting := func() bool {
		return o.ask("SELECT COUNT(*) FROM information_schema.PROCESSLIST WHERE INFO LIKE 'INSERT INTO `dsm`.`ver`%'") == "1"
	}
	for end := time.Now().Add(patience); !waiting(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatal("the proxy's part does not wait")
		}
	}
	if err := o.server.Kill(); err != nil {
		t.Fatal(err)
	}
	if r := <-done; r.changed || !errors.Is(r.err, fence.ErrLost) {
		t.Errorf("Write = %v, %v, want ErrLost", r.changed, r.err)
	}
	if err := o.server.Restart(t.Context()); err != nil {
		t.Fatal(err)
	}
	o.db = openDB(t, o.server)
	if got := o.ask("SELECT n FROM app.sessions WHERE id='a'"); got != "0" {
		t.Errorf("n = %s, want it untouched", got)
	}
}

// TestReturning: a statement that changes rows and answers with rows.
func TestReturning(t *testing.T) {
	if !installation.MariaDB() {
		return // MySQL has no such statement
	}
	o := found(t)
	st := &text{sql: "INSERT INTO app.sessions (id) VALUES ('a') RETURNING id", changed: AlwaysChanged}
	entries := make([]fence.Entry, 1)
	changed, err := o.Write(o.ctx(), o.guard(), st, []fence.Key{key("a")}, 2, entries)
	if err != nil || !changed || st.value() != "a" || entries[0].Image == nil {
		t.Errorf("Write = %v, %v, %q, %+v", changed, err, st.value(), entries[0])
	}
	st = &text{sql: st.sql, changed: AlwaysChanged} // a duplicate
	_, err = o.Write(o.ctx(), o.guard(), st, []fence.Key{key("a")}, 3, entries)
	if err != nil || st.answer.Err == nil {
		t.Errorf("Write = %v, answer %+v, want error 1062", err, st.answer)
	}
}

// TestMultiIsOff: no client can send several statements in a packet.
func TestMultiIsOff(t *testing.T) {
	o := found(t)
	o.mustWrite(1, "INSERT INTO app.sessions (id) VALUES ('a')", key("a"))
	st := &text{sql: "UPDATE app.sessions SET n=1 WHERE id='a'; DELETE FROM app.sessions"}
	changed, err := o.Write(o.ctx(), o.guard(), st, []fence.Key{key("a")}, 2, make([]fence.Entry, 1))
	if changed || err != nil || st.answer.Err == nil || st.answer.Err.Code != protocol.ErrParse {
		t.Errorf("Write = %v, %v, answer %+v, want a syntax error", changed, err, st.answer)
	}
}
