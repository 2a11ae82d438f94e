package ledger

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/dsmproxy/dsmproxy/router/fence"
	"github.com/dsmproxy/dsmproxy/router/view"
)

func TestLookAndNote(t *testing.T) {
	o := found(t)
	st := o.look()
	if st.Name != "s0" || st.Blank || !st.Intact || st.Cover != nil || st.Act != nil || !st.View.Equal(o.view) || st.Durable {
		t.Errorf("Look: %+v", st)
	}
	for i := range 40 {
		tick := st.Tick + uint64(i+1)
		st, err := o.Look(o.ctx(), fence.Beat{Tick: true, Proxy: 5, Reach: uint64(i)})
		if err != nil || st.Tick != tick {
			t.Fatalf("Look = tick %d, %v, want %d", st.Tick, err, tick)
		}
		if len(st.Reports) != 1 || st.Reports[0].Reach != uint64(i) || st.Reports[0].Age > time.Minute {
			t.Fatalf("reports %+v", st.Reports)
		}
	}
	for _, n := range []fence.Note{fence.NoteAct, fence.NoteCover} {
		if err := o.Note(o.ctx(), o.guard(), n); err != nil {
			t.Fatal(err)
		}
		if err := o.Note(o.ctx(), o.guard(), n); err != nil {
			t.Fatalf("again: %v", err)
		}
		g := o.guard()
		g.View = g.View.WithTerm(1)
		if err := o.Note(o.ctx(), g, n); !errors.Is(err, fence.ErrFenced) {
			t.Errorf("Note = %v, want ErrFenced", err)
		}
	}
	if st := o.look(); !st.Act.Equal(o.view) || !st.Cover.Equal(o.view) || !st.Intact {
		t.Errorf("Look: %+v", st)
	}
	o.exec("SET GLOBAL innodb_flush_log_at_trx_commit=1")
	if !o.look().Durable {
		t.Error("a store that flushes at each COMMIT is not durable")
	}
	o.exec("UPDATE dsm.state SET format=99")
	if _, err := o.Look(o.ctx(), fence.Beat{}); err == nil {
		t.Error("a newer format is taken")
	}
}

func TestPush(t *testing.T) {
	o := found(t)
	v := o.view.WithState(1, view.Down)
	if err := o.Push(o.ctx(), o.boot, v, false); err != nil {
		t.Fatal(err)
	}
	// A second proxy, which has seen nothing.
	other := newStore(t, Config{Login: login, Tables: []Table{sessions}}, o.st)
	w := o.view.WithState(2, view.Down)
	if err := other.Push(o.ctx(), o.boot, w, false); err != nil {
		t.Fatal(err)
	}
	if st := o.look(); !st.View.Equal(v.Join(w)) {
		t.Errorf("the register is %v, want %v", st.View, v.Join(w))
	}
	if err := o.Push(o.ctx(), o.boot, v, false); err != nil {
		t.Errorf("Push of what is old: %v", err)
	}
	if err := o.Push(o.ctx(), o.boot+1, v.WithTerm(1), false); !errors.Is(err, fence.ErrClosed) {
		t.Errorf("Push = %v, want ErrClosed", err)
	}
	if err := o.Push(o.ctx(), o.boot, v.WithTerm(7), true); err != nil {
		t.Errorf("Push of a term: %v", err)
	}
	if err := other.Push(o.ctx(), o.boot, v.WithTerm(6), true); !errors.Is(err, fence.ErrFenced) {
		t.Errorf("Push of an older term = %v, want ErrFenced", err)
	}
}

// TestPushWaits: who is inside the fence commits before the register moves.
func TestPushWaits(t *testing.T) {
	o := found(t)
	o.mustWrite(1, "INSERT INTO app.sessions (id) VALUES ('a')", key("a"))
	tx, err := o.db.Begin()
	if err != nil {
		t.Fatal(err)
	}
	if _, err := tx.Exec("SELECT vec FROM dsm.view WHERE id=9 LOCK IN SHARE MODE"); err != nil {
		t.Fatal(err)
	}
	pushed := make(chan error, 1)
	v := o.view.WithState(1, view.Down)
	go func() { pushed <- o.Push(context.Background(), o.boot, v, false) }()
	time.Sleep(200 * time.Millisecond) // not to be seen otherwise: that nothing happens
	select {
	case err := <-pushed:
		t.Fatalf("Push = %v while a writer is inside the fence", err)
	default:
	}
	if err := tx.Commit(); err != nil {
		t.Fatal(err)
	}
	if err := <-pushed; err != nil {
		t.Fatalf("Push: %v", err)
	}
	if _, _, _, err := o.write(2, "UPDATE app.sessions SET n=1 WHERE id='a'", key("a")); !errors.Is(err, fence.ErrFenced) {
		t.Errorf("Write = %v, want ErrFenced", err)
	}
	// In bounded time, if the writer does not come to an end.
	o.cfg.Timeout = 500 * time.Millisecond
	tx, err = o.db.Begin()
	if err != nil {
		t.Fatal(err)
	}
	defer tx.Rollback()
	if _, err := tx.Exec("SELECT vec FROM dsm.view WHERE id=9 LOCK IN SHARE MODE"); err != nil {
		t.Fatal(err)
	}
	if err := o.Push(o.ctx(), o.boot, v.WithState(2, view.Down), false); err == nil {
		t.Error("Push has not waited")
	}
}

func TestRestart(t *testing.T) {
	o := found(t)
	o.mustWrite(1, "INSERT INTO app.sessions (id) VALUES ('a')", key("a"))
	if err := o.Note(o.ctx(), o.guard(), fence.NoteCover); err != nil {
		t.Fatal(err)
	}
	before := o.look()
	restart(t, o)
	st := eventuallyLook(t, o)
	if st.Boot != 0 || st.Blank || !st.Intact || !st.Cover.Equal(o.view) || st.Start == before.Start || st.Start == 0 {
		t.Fatalf("Look behind a restart: %+v", st)
	}
	if again, err := o.Look(o.ctx(), fence.Beat{Tick: true, Proxy: 1}); err != nil || again.Tick != st.Tick {
		t.Errorf("Look at a closed gate has moved the tick from %d to %d, %v", st.Tick, again.Tick, err)
	}
	read := &text{sql: "SELECT n FROM app.sessions WHERE id='a'"}
	for what, call := range map[string]func() error{
		"Write": func() error {
			_, _, _, err := o.write(2, "UPDATE app.sessions SET n=1 WHERE id='a'", key("a"))
			return err
		},
		"Read": func() error {
			return o.Read(o.ctx(), o.guard(), read, []fence.Key{key("a")}, make([]fence.Entry, 1))
		},
		"Push":                            func() error { return o.Push(o.ctx(), o.boot, o.view.WithTerm(1), false) },
		"Open as seen before the restart": func() error { return o.Open(o.ctx(), before, fence.Admit, nil, 0) },
	} {
		if err := reconnected(t, call); !errors.Is(err, fence.ErrClosed) {
			t.Errorf("%s = %v, want ErrClosed", what, err)
		}
	}
	// Two at once: one is let in.
	errs := make(chan error, 2)
	for range 2 {
		go func() {
			errs <- reconnected(t, func() error { return o.Open(context.Background(), st, fence.Admit, nil, 0) })
		}()
	}
	if a, b := <-errs, <-errs; (a == nil) == (b == nil) {
		t.Errorf("two Open at once = %v, %v, want one to succeed", a, b)
	}
	after := eventuallyLook(t, o)
	if after.Boot == 0 || after.Boot == o.boot || !after.Intact || !after.Cover.Equal(o.view) || after.Tick <= st.Tick {
		t.Errorf("Look behind Admit: %+v", after)
	}
	o.boot = after.Boot
	o.mustWrite(3, "UPDATE app.sessions SET n=2 WHERE id='a'", key("a"))

	t.Run("reset", func(t *testing.T) {
		if e := o.load("a"); e.Confirmed == nil {
			t.Fatalf("Load: %+v, want it confirmed", e)
		}
		restart(t, o)
		st := eventuallyLook(t, o)
		v := o.view.WithState(1, view.Down)
		if err := reconnected(t, func() error { return o.Open(o.ctx(), st, fence.Reset, v, 0) }); err != nil {
			t.Fatal(err)
		}
		st = eventuallyLook(t, o)
		if st.Intact || st.Cover != nil || !st.View.Equal(v) || st.Boot == 0 {
			t.Errorf("Look behind Reset: %+v", st)
		}
		o.boot, o.view = st.Boot, v
		if e := o.load("a"); e.Confirmed != nil || e.Version.ID != 3 || e.Image == nil {
			t.Errorf("Load: %+v, want it no longer confirmed", e)
		}
		o.mustWrite(4, "UPDATE app.sessions SET n=3 WHERE id='a'", key("a"))
		if e := o.load("a"); !e.Confirmed.Equal(v) {
			t.Errorf("Load: %+v, want it confirmed anew", e)
		}
	})
	t.Run("wiped while it runs", func(t *testing.T) {
		o.exec("DROP DATABASE dsm")
		st := o.look()
		if !st.Blank || st.Boot != 0 {
			t.Fatalf("Look: %+v, want it blank", st)
		}
		old := o.boot
		o.reopen(fence.Reset, o.view)
		if _, _, _, err := o.write(5, "UPDATE app.sessions SET n=4 WHERE id='a'", key("a")); err != nil {
			t.Errorf("Write under the new Boot: %v", err)
		}
		g := o.guard()
		g.Boot = old
		_, err := o.Write(o.ctx(), g, &text{sql: "UPDATE app.sessions SET n=5 WHERE id='a'"}, []fence.Key{key("a")}, 6, make([]fence.Entry, 1))
		if !errors.Is(err, fence.ErrClosed) {
			t.Errorf("Write under the old Boot = %v, want ErrClosed", err)
		}
	})
}

// reopen opens a blank store, which takes several tries.
func (o *one) reopen(how fence.Opening, v *view.View) {
	o.t.Helper()
	o.reopenAbove(how, v, 0)
}

func (o *one) reopenAbove(how fence.Opening, v *view.View, tick uint64) {
	o.t.Helper()
	var err error
	for end := time.Now().Add(patience); time.Now().Before(end); time.Sleep(5 * time.Millisecond) {
		if err = o.Open(o.ctx(), o.look(), how, v, tick); err == nil {
			o.boot = o.look().Boot
			return
		}
	}
	o.t.Fatalf("Open: %v", err)
}

func restart(t *testing.T, o *one) {
	t.Helper()
	if err := o.server.Kill(); err != nil {
		t.Fatal(err)
	}
	if err := o.server.Restart(t.Context()); err != nil {
		t.Fatal(err)
	}
}

// reconnected calls until the call has not met a connection from before a
// restart.
func reconnected(t testing.TB, call func() error) error {
	t.Helper()
	for end := time.Now().Add(patience); ; time.Sleep(5 * time.Millisecond) {
		err := call()
		if !errors.Is(err, fence.ErrLost) || time.Now().After(end) {
			return err
		}
	}
}

func eventuallyLook(t *testing.T, o *one) fence.Status {
	t.Helper()
	var err error
	for end := time.Now().Add(patience); time.Now().Before(end); time.Sleep(5 * time.Millisecond) {
		var st fence.Status
		if st, err = o.Look(t.Context(), fence.Beat{}); err == nil {
			return st
		}
	}
	t.Fatalf("Look: %v", err)
	return fence.Status{}
}

func TestWipedStore(t *testing.T) {
	o := found(t)
	o.mustWrite(1, "INSERT INTO app.sessions (id) VALUES ('a')", key("a"))
	if err := o.server.Wipe(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := o.server.Restart(t.Context()); err != nil {
		t.Fatal(err)
	}
	if st := eventuallyLook(t, o); !st.Blank || st.Boot != 0 || st.Name != "" {
		t.Errorf("Look: %+v, want it blank", st)
	}
	// Its lack of databases and tables is no answer to a client either.
	none := &text{refused: true}
	entries := make([]fence.Entry, 1)
	reached := func(call func() error) (err error) {
		for end := time.Now().Add(patience); time.Now().Before(end); time.Sleep(5 * time.Millisecond) {
			if err = call(); !errors.Is(err, fence.ErrUnsent) || errors.Is(err, fence.ErrClosed) {
				break
			}
		}
		return err
	}
	err := reached(func() error { return o.Read(o.ctx(), o.guard(), none, []fence.Key{key("a")}, entries) })
	if !errors.Is(err, fence.ErrClosed) {
		t.Errorf("Read that has its answer from the login = %v, want ErrClosed", err)
	}
	err = reached(func() error {
		_, err := o.Write(o.ctx(), o.guard(), none, []fence.Key{key("a")}, 3, entries)
		return err
	})
	if !errors.Is(err, fence.ErrClosed) {
		t.Errorf("Write that has its answer from the login = %v, want ErrClosed", err)
	}
	if _, _, _, err := o.write(2, "UPDATE app.sessions SET n=1 WHERE id='a'", key("a")); err == nil {
		t.Error("Write on a wiped store")
	}
	if err := o.server.Kill(); err != nil {
		t.Fatal(err)
	}
	err = reconnected(t, func() error {
		_, err := o.Look(o.ctx(), fence.Beat{})
		return err
	})
	if !errors.Is(err, fence.ErrRefused) {
		t.Errorf("Look = %v, want ErrRefused", err)
	}
}

// TestAdopt: records from before are known, without a version.
func TestAdopt(t *testing.T) {
	o := unfounded(t)
	o.exec(makeSessions)
	if installation.MariaDB() {
		o.exec("SET GLOBAL max_recursive_iterations=6000")
	} else {
		o.exec("SET GLOBAL cte_max_recursion_depth=6000")
	}
	o.db.SetMaxIdleConns(0)
	o.exec("INSERT INTO app.sessions (id, data) WITH RECURSIVE s AS (SELECT 1 AS n UNION ALL SELECT n+1 FROM s WHERE n<5000) SELECT CONCAT('old', n), n FROM s")
	o.view = view.New(3)
	if err := o.Open(o.ctx(), o.look(), fence.Found, o.view, 0); err != nil {
		t.Fatal(err)
	}
	o.boot = o.look().Boot
	if got := o.ask("SELECT COUNT(*) FROM dsm.ver WHERE ep=0 AND n=0"); got != "5000" {
		t.Errorf("%s records are listed, want 5000", got)
	}
	if e := o.load("old77"); !e.Known || e.Version != (view.Version{}) || e.Image == nil || e.Confirmed != nil {
		t.Errorf("Load: %+v", e)
	}
	e := o.mustWrite(1, "UPDATE app.sessions SET n=1 WHERE id='old77'", key("old77"))
	if e[0].Version != (view.Version{N: 1, ID: 1}) {
		t.Errorf("version %+v", e[0].Version)
	}
	other := newStore(t, Config{Login: login, Tables: []Table{{Number: 1, Schema: "app", Name: "other", Key: "id"}}}, o.st)
	if err := other.Prepare(o.ctx()); err == nil {
		t.Error("another table of the same number is taken")
	}
}
