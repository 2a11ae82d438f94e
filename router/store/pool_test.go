package store

import (
	"context"
	"errors"
	"sync"
	"testing"
	"time"

	"github.com/dsmproxy/dsmproxy/protocol"
)

func TestPoolPrefersEqualSessions(t *testing.T) {
	s := New(config(t, startServer(t).Addr()))
	var none *Session
	states := []*Session{nil, none.with(ansi), none.with(ansi, zoneTwo), none.with(latin1)}
	ids := map[uint32]*Session{}
	var conns []*Conn
	for _, want := range states {
		c := get(t, s, want)
		ids[c.ThreadID()] = want
		conns = append(conns, c)
	}
	for _, c := range conns {
		c.Release()
	}
	for range 3 {
		for _, want := range states {
			c := get(t, s, want.WithDB(""))
			if !ids[c.ThreadID()].Equal(want) {
				t.Errorf("connection of %q for %q", ids[c.ThreadID()].text(), want.text())
			}
			c.Release()
		}
	}
	// The nearest where none is equal: one SET is missing, no reset needed.
	c := get(t, s, none.with(latin1, zoneTwo))
	if !ids[c.ThreadID()].Equal(none.with(latin1)) && ids[c.ThreadID()] != nil {
		t.Errorf("connection of %q for NAMES and zone", ids[c.ThreadID()].text())
	}
	c.Release()
	if st := s.Stats(); st.Open != 4 || st.Idle != 4 {
		t.Errorf("%+v, want 4 idle connections", st)
	}
}

func TestPoolIsBoundedAndFair(t *testing.T) {
	cfg := config(t, startServer(t).Addr())
	cfg.MaxConns = 2
	s := New(cfg)
	held := []*Conn{get(t, s, nil), get(t, s, nil)}
	const n = 10
	order := make(chan int, n)
	var wg sync.WaitGroup
	for i := range n {
		l := app
		if i%3 == 2 { // of another pool: a connection is closed for it
			l.Capabilities |= protocol.ClientFoundRows
		}
		wg.Go(func() {
			c, err := s.Get(context.Background(), l, nil, false)
			if err != nil {
				t.Error(err)
				return
			}
			if c.Login() != l {
				t.Errorf("login %v, want %v", c.Login(), l)
			}
			order <- i
			c.Release()
		})
		eventually(t, "it waits", func() bool { return s.Stats().Waiting == i+1 })
	}
	if st := s.Stats(); st.Open != 2 || st.Idle != 0 {
		t.Fatalf("%+v", st)
	}
	held[0].Release() // one at a time, so that the order is theirs
	wg.Wait()
	for i := range n {
		if got := <-order; got != i {
			t.Errorf("turn %d was taken by %d", i, got)
		}
	}
	held[1].Release()
	if st := s.Stats(); st.Open != st.Idle || st.Open > 2 || st.Waiting != 0 {
		t.Errorf("%+v", st)
	}
}

// TestReserve: who waits in GetReserved comes first, and has connections left
// when others have taken all of theirs, however they were used before.
func TestReserve(t *testing.T) {
	cfg := config(t, startServer(t).Addr())
	cfg.MaxConns, cfg.Reserve, cfg.WaitTimeout = 3, 1, time.Minute
	s := New(cfg)
	reserved := func() *Conn {
		t.Helper()
		c, err := s.GetReserved(t.Context(), app, nil, false)
		if err != nil {
			t.Fatal(err)
		}
		return c
	}
	for _, c := range []*Conn{get(t, s, nil), get(t, s, nil), reserved()} {
		c.Release() // all three are open now
	}
	held := []*Conn{get(t, s, nil), get(t, s, nil)}
	got := make(chan string, 3)
	waitFor := func(n int) {
		t.Helper()
		eventually(t, "all to wait", func() bool { return s.Stats().Waiting == n })
	}
	var wg sync.WaitGroup
	ask := func(name string, from func(context.Context, Login, *Session, bool) (*Conn, error)) {
		wg.Go(func() {
			c, err := from(context.Background(), app, nil, false)
			if err != nil {
				t.Error(name, err)
				return
			}
			got <- name
			c.Release()
		})
	}
	ask("shared", s.Get)
	waitFor(1)
	own := reserved() // passes by who waits, for it may use the third
	ask("reserved", s.GetReserved)
	waitFor(2)
	own.Release()
	if name := <-got; name != "reserved" {
		t.Errorf("%s was served, which may not use the last connection", name)
	}
	eventually(t, "the reserve to be free", func() bool { return s.Stats().Idle == 1 })
	if n := s.Stats().Waiting; n != 1 {
		t.Errorf("%d wait, want 1", n)
	}
	held[0].Release()
	if name := <-got; name != "shared" {
		t.Errorf("%s was served", name)
	}
	held[1].Release()
	wg.Wait()
	if n := New(Config{MaxConns: 1, Reserve: 1}).Stats().Max; n != 2 {
		t.Errorf("%d connections with a reserve of 1, want 2", n)
	}
}

func TestWaitEndsWithContext(t *testing.T) {
	cfg := config(t, startServer(t).Addr())
	cfg.MaxConns = 1
	s := New(cfg)
	c := get(t, s, nil)
	ctx, cancel := context.WithCancelCause(context.Background())
	gone := errors.New("client has gone")
	var wg sync.WaitGroup
	wg.Go(func() {
		if _, err := s.Get(ctx, app, nil, false); err != gone {
			t.Errorf("Get = %v", err)
		}
	})
	eventually(t, "it waits", func() bool { return s.Stats().Waiting == 1 })
	cancel(gone)
	wg.Wait()
	c.Release()
	if st := s.Stats(); st.Waiting != 0 || st.Idle != 1 || st.Open != 1 {
		t.Errorf("%+v", st)
	}
}

func TestWaitIsBounded(t *testing.T) {
	cfg := config(t, startServer(t).Addr())
	cfg.MaxConns, cfg.WaitTimeout = 1, 20*time.Millisecond
	s := New(cfg)
	c := get(t, s, nil)
	_, err := s.Get(context.Background(), app, nil, false)
	var e *protocol.Error
	if !errors.As(err, &e) || e.Code != protocol.ErrConCount {
		t.Errorf("Get = %v", err)
	}
	c.Release()
	if st := s.Stats(); st.Waiting != 0 || st.Idle != 1 || st.State != Up {
		t.Errorf("%+v", st)
	}
}

func TestPoolEvictsOtherLogins(t *testing.T) {
	cfg := config(t, startServer(t).Addr())
	cfg.MaxConns = 2
	s := New(cfg)
	a, b := get(t, s, nil), get(t, s, nil)
	a.Release()
	b.Release()
	other := app
	other.Collation = 8
	c := getAs(t, s, other, nil)
	if st := s.Stats(); st.Open != 2 || st.Idle != 1 {
		t.Errorf("%+v", st)
	}
	if d := get(t, s, nil); d != b {
		t.Error("the connection that was released last was closed")
	} else {
		d.Release()
	}
	c.Release()
}

// Many clients with many states at once: nobody gets a connection of another
// state, the bound holds, and nothing is lost.
func TestPoolUnderLoad(t *testing.T) {
	cfg := config(t, startServer(t).Addr())
	cfg.MaxConns, cfg.MaxIdle = 5, 3
	s := New(cfg)
	run(t, s)
	var none *Session
	states := []*Session{nil, none.with(ansi), none.with(zoneTwo, ansi), none.with(userVar).WithAutocommit(false)}
	modes := []string{"0 SYSTEM NULL 1", "1 SYSTEM NULL 1", "1 +02:00 NULL 1", "0 SYSTEM 7 0"}
	var wg sync.WaitGroup
	for i := range 16 {
		wg.Go(func() {
			for j := range 50 {
				k := (i + j) % len(states)
				c, err := s.Get(context.Background(), app, states[k], false)
				if err != nil {
					t.Error(err)
					return
				}
				rows, err := c.Query(context.Background(),
					"SELECT CONCAT_WS(' ', @@sql_mode='ANSI_QUOTES', @@time_zone, IFNULL(@a,'NULL'), @@autocommit+0)")
				if err != nil || string(rows[0][0]) != modes[k] {
					t.Errorf("state %d: %s, %v, want %s", k, rows, err, modes[k])
				}
				if j%7 == 0 {
					c.Taint()
				}
				if j%11 == 0 {
					c.Discard()
				} else {
					c.Release()
				}
			}
		})
	}
	wg.Wait()
	eventually(t, "MaxIdle holds", func() bool { st := s.Stats(); return st.Idle <= 3 && st.Open == st.Idle })
	if st := s.Stats(); st.Waiting != 0 || st.State != Up {
		t.Errorf("%+v", st)
	}
}

func TestMaxLifetime(t *testing.T) {
	cfg := config(t, startServer(t).Addr())
	cfg.MaxLifetime = 50 * time.Millisecond
	s := New(cfg)
	run(t, s)
	idle, busy := get(t, s, nil), get(t, s, nil)
	idle.Release()
	eventually(t, "the idle one is closed", func() bool { return s.Stats().Open == 1 })
	eventually(t, "the busy one is marked", busy.expired.Load)
	if got := ask(t, busy, "SELECT 1"); got != "1" {
		t.Error("the busy one was closed")
	}
	busy.Release()
	if st := s.Stats(); st.Open != 0 {
		t.Errorf("%+v", st)
	}
}

// A connection that the store has closed meanwhile is not handed out, and costs
// no statement.
func TestIdleConnectionsThatTheStoreHasClosed(t *testing.T) {
	s := New(config(t, startServer(t).Addr()))
	a, k := get(t, s, nil), get(t, s, (*Session)(nil).with(ansi))
	a.Release()
	exec(t, k, "KILL "+itoa(a.ThreadID()))
	eventually(t, "it is closed", func() bool { return !a.pc.Alive() })
	s.tick.Add(1) // or it would be taken as it is
	c := get(t, s, nil)
	if c == a {
		t.Error("a dead connection was handed out")
	}
	ask(t, c, "SELECT 1")
	c.Release()
	k.Release()
	if st := s.Stats(); st.Open != 2 || st.State != Up {
		t.Errorf("%+v", st)
	}
}

// The janitor drops them too, so that no socket waits for a Get to be closed.
func TestDropDead(t *testing.T) {
	s := New(config(t, startServer(t).Addr()))
	a, k := get(t, s, nil), get(t, s, nil)
	a.Release()
	s.dropDead()
	if st := s.Stats(); st.Idle != 1 {
		t.Errorf("%+v, want the living one kept", st)
	}
	exec(t, k, "KILL "+itoa(a.ThreadID()))
	eventually(t, "it is closed", func() bool { return !a.pc.Alive() })
	s.dropDead()
	if st := s.Stats(); st.Idle != 0 || st.Open != 1 {
		t.Errorf("%+v, want the dead one dropped", st)
	}
	k.Release()
}

func TestRunClosesIdleConnections(t *testing.T) {
	s := New(config(t, startServer(t).Addr()))
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error)
	go func() { done <- s.Run(ctx) }()
	a, b := get(t, s, nil), get(t, s, nil)
	a.Release()
	cancel()
	if err := <-done; err != nil {
		t.Errorf("Run = %v", err)
	}
	if st := s.Stats(); st.Open != 1 || st.Idle != 0 {
		t.Errorf("%+v", st)
	}
	ask(t, b, "SELECT 1")
	b.Release()
	if st := s.Stats(); st.Open != 0 {
		t.Errorf("%+v", st)
	}
}

// 1040 is the store's word, and no failure.
func TestTooManyConnections(t *testing.T) {
	args := []string{"--max-connections=10"}
	if installation.MariaDB() { // MySQL has one for administrators anyway
		args = append(args, "--extra-max-connections=1")
	}
	srv := startServer(t, args...)
	cfg := config(t, srv.Addr())
	cfg.WaitTimeout = 50 * time.Millisecond
	s := New(cfg)
	var held []*Conn
	var e *protocol.Error
	for len(held) < 20 {
		c, err := s.Get(context.Background(), app, nil, false)
		if err != nil {
			if !errors.As(err, &e) {
				t.Fatal(err)
			}
			break
		}
		held = append(held, c)
	}
	if e == nil || e.Code != protocol.ErrConCount || s.State() != Up {
		t.Fatalf("%v after %d connections, the store is %v", e, len(held), s.State())
	}
	// The probe is not let in either, which does not make the store Down.
	p := New(cfg)
	if c := p.probeOnce(t.Context(), nil); c != nil || p.State() != Up {
		t.Errorf("probe: %v, the store is %v", c, p.State())
	}
	if st := s.Stats(); st.Open != len(held) {
		t.Errorf("%+v", st)
	}
	for _, c := range held {
		c.Release()
	}
}
