package ledger

import (
	"fmt"
	"testing"
	"time"

	"github.com/dsmproxy/dsmproxy/protocol"
	"github.com/dsmproxy/dsmproxy/router/fence"
	"github.com/dsmproxy/dsmproxy/router/store"
)

// refusable is a text that tells of its refusals.
type refusable struct {
	text
	once bool // it may not be run again
}

func (s *refusable) Refused() bool { return s.answer.Err != nil }

func (s *refusable) Deadlocked() bool {
	return s.Refused() && s.answer.Err.Code == protocol.ErrLockDeadlock && !s.once
}

// deadlockWays are the ways in which a write goes out: by a form, by statements,
// and in one packet, which writes of several records do.
var deadlockWays = []struct {
	name  string
	login store.Login
	keys  []fence.Key
}{
	{"by a form", multiResults, []fence.Key{key("a")}},
	{"by statements", store.Login{}, []fence.Key{key("a")}},
	{"in a packet", store.Login{}, []fence.Key{key("a"), key("b")}},
}

// TestDeadlockedWrite: a write by itself that a store has rolled back to end a
// deadlock is run again, and takes effect once; one that may not be is told to
// the client, and has changed nothing.
func TestDeadlockedWrite(t *testing.T) {
	o := found(t)
	o.exec("CREATE TABLE app.heavy (n INT PRIMARY KEY AUTO_INCREMENT, d VARCHAR(100)) ENGINE=InnoDB")
	o.mustWrite(1, "INSERT INTO app.sessions (id) VALUES ('a'), ('b')", key("a"), key("b"))
	id, want := uint64(10), 0
	for _, way := range deadlockWays {
		for _, once := range []bool{false, true} {
			t.Run(fmt.Sprintf("%s/%v", way.name, once), func(t *testing.T) {
				o.t = t
				id++
				// A form is used from a connection's second write on.
				first := &refusable{text: text{sql: "UPDATE app.sessions SET data='" + way.name + fmt.Sprint(once) + "' WHERE id IN ('a','b')", login: way.login}}
				if changed, err := o.Write(o.ctx(), o.guard(), first, way.keys, id, make([]fence.Entry, len(way.keys))); err != nil || !changed {
					t.Fatal(changed, err, first.answer)
				}
				id++
				st := &refusable{text: text{sql: fmt.Sprintf("UPDATE app.sessions SET n=n+1, data='w%d' WHERE id IN ('a','b')", id), login: way.login}, once: once}
				changed, err := o.deadlocked(st, way.keys, id)
				if once {
					if err != nil || changed || st.runs != 1 || st.answer.Err == nil || st.answer.Err.Code != protocol.ErrLockDeadlock {
						t.Errorf("Write = %v, %v in %d runs, answer %+v; want error 1213 told", changed, err, st.runs, st.answer)
					}
				} else {
					want++
					if err != nil || !changed || st.runs != 2 || st.answer.Err != nil || st.answer.AffectedRows != 2 {
						t.Errorf("Write = %v, %v in %d runs, answer %+v; want it done by the second", changed, err, st.runs, st.answer)
					}
				}
				if got := o.ask("SELECT GROUP_CONCAT(n ORDER BY id) FROM app.sessions"); got != fmt.Sprintf("%d,%d", want, want) {
					t.Errorf("the records have %s, want %d each", got, want)
				}
			})
		}
	}
}

// deadlocked runs a write of a and b, in this order, that meets a deadlock of
// which it is the victim.
func (o *one) deadlocked(st Statement, keys []fence.Key, id uint64) (changed bool, err error) {
	o.t.Helper()
	tx, err := o.db.Begin()
	if err != nil {
		o.t.Fatal(err)
	}
	defer tx.Rollback()
	exec := func(sql string) {
		if _, err := tx.Exec(sql); err != nil {
			o.t.Errorf("%s: %v", sql, err)
		}
	}
	exec("INSERT INTO app.heavy (d) SELECT REPEAT('x',100) FROM information_schema.COLLATIONS") // the lighter one is the victim
	exec("SELECT 1 FROM app.sessions WHERE id='b' FOR UPDATE")
	// Nobody else waits at this server, and not all servers tell by what text one
	// does. They gather what they tell anew only if nobody has asked for 100 ms, so
	// it may be of the wait before this one.
	waiting := func(want string) {
		o.t.Helper()
		const q = "SELECT COUNT(*) FROM information_schema.INNODB_TRX WHERE trx_state='LOCK WAIT'"
		for until := time.Now().Add(patience); o.ask(q) != want; time.Sleep(250 * time.Millisecond) {
			if time.Now().After(until) {
				o.t.Fatalf("not %s transactions wait", want)
			}
		}
	}
	waiting("0")
	done := make(chan struct{})
	go func() {
		defer close(done)
		changed, err = o.Write(o.ctx(), o.guard(), st, keys, id, make([]fence.Entry, len(keys)))
	}()
	waiting("1")
	exec("SELECT 1 FROM app.sessions WHERE id='a' FOR UPDATE")
	if err := tx.Commit(); err != nil {
		o.t.Error(err)
	}
	<-done
	return changed, err
}

// TestDeadlockedOften: a write that always gets the error gives up.
func TestDeadlockedOften(t *testing.T) {
	o := found(t)
	for i, way := range deadlockWays {
		st := &refusable{text: text{sql: "SIGNAL SQLSTATE '40001' SET MYSQL_ERRNO=1213", login: way.login}}
		changed, err := o.Write(o.ctx(), o.guard(), st, way.keys, uint64(20+i), make([]fence.Entry, len(way.keys)))
		if err != nil || changed || st.runs != 1+repeats || !st.Deadlocked() {
			t.Errorf("%s: Write = %v, %v in %d runs, answer %+v; want error 1213 after %d", way.name, changed, err, st.runs, st.answer, 1+repeats)
		}
	}
}
