package store

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/dsmproxy/dsmproxy/protocol"
)

// TestTuning: who waits gets a connection that there may be now, and there are no
// more than there may be once they have been given back.
func TestTuning(t *testing.T) {
	cfg := config(t, startServer(t).Addr())
	cfg.MaxConns, cfg.WaitTimeout = 1, time.Minute
	s := New(cfg)
	held := []*Conn{get(t, s, nil)}
	got := make(chan *Conn)
	for range 2 {
		go func() {
			c, err := s.Get(context.Background(), app, nil, false)
			if err != nil {
				t.Error(err)
			}
			got <- c
		}()
	}
	eventually(t, "two to wait", func() bool { return s.Stats().Waiting == 2 })
	s.SetTuning(Tuning{MaxConns: 3, WaitTimeout: time.Minute})
	held = append(held, <-got, <-got)
	if st := s.Stats(); st.Open != 3 || st.Max != 3 || st.Waiting != 0 {
		t.Errorf("%+v", st)
	}
	s.SetTuning(Tuning{MaxConns: 2, WaitTimeout: 10 * time.Millisecond})
	var e *protocol.Error
	if _, err := s.Get(t.Context(), app, nil, false); !errors.As(err, &e) || e.Code != protocol.ErrConCount {
		t.Errorf("one more than there may be: %v", err)
	}
	for i, c := range held {
		c.Release()
		if want, n := max(2, 2-i), s.Stats().Open; n != want {
			t.Errorf("%d connections are left, want %d", n, want)
		}
	}
}

// TestAccessChangesAtRelease: a connection of the former account does not become
// idle, also where the account changes while it is being given back.
func TestAccessChangesAtRelease(t *testing.T) {
	cfg := config(t, startServer(t).Addr())
	s := New(cfg)
	c := get(t, s, nil)
	s.SetAccess(Access{Network: cfg.Network, Addr: cfg.Addr, User: "another"})
	s.put(c) // as Release does behind its look at the connection
	if st := s.Stats(); st.Idle != 0 || st.Open != 0 {
		t.Errorf("%+v", st)
	}
}

// TestCrowded: a store that has no connection to spare is asked again, as long as
// may be waited for one.
func TestCrowded(t *testing.T) {
	server := startServer(t)
	account := Login{User: "narrow", Password: "", Capabilities: app.Capabilities}
	admin := get(t, New(config(t, server.Addr())), nil)
	exec := func(sql string) {
		t.Helper()
		if _, err := admin.Exec(t.Context(), sql); err != nil {
			t.Fatal(err)
		}
	}
	exec("DROP USER IF EXISTS narrow")
	exec("CREATE USER narrow WITH MAX_USER_CONNECTIONS 1")
	defer exec("DROP USER narrow")
	cfg := config(t, server.Addr())
	cfg.WaitTimeout = time.Minute
	s := New(cfg)
	first := getAs(t, s, account, nil)
	got := make(chan error)
	ask := func() {
		c, err := s.Get(context.Background(), account, nil, false)
		if err == nil {
			defer c.Release()
		}
		got <- err
	}
	go ask()
	eventually(t, "it waits", func() bool { return s.waiting.Load() == 1 })
	first.Release()
	if err := <-got; err != nil {
		t.Errorf("one that was given back: %v", err)
	}
	first = getAs(t, s, account, nil)
	go ask()
	eventually(t, "it waits", func() bool { return s.waiting.Load() == 1 })
	exec("ALTER USER narrow WITH MAX_USER_CONNECTIONS 2")
	if err := <-got; err != nil {
		t.Errorf("one that there is room for: %v", err)
	}
	exec("ALTER USER narrow WITH MAX_USER_CONNECTIONS 1")
	s.SetTuning(Tuning{WaitTimeout: 100 * time.Millisecond, MaxIdle: 1})
	second := getAs(t, s, account, nil) // which was left idle
	go ask()
	var e *protocol.Error
	if err := <-got; !errors.As(err, &e) || e.Code != protocol.ErrConCount || e.Message[:9] != "dsmproxy:" || s.Counts().Timeouts != 1 {
		t.Errorf("none in time: %v, %+v", err, s.Counts())
	}
	first.Release()
	second.Release()
}
