package store

import (
	"bytes"
	"context"
	"errors"
	"io"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/dsmproxy/dsmproxy/internal/faultlink"
	"github.com/dsmproxy/dsmproxy/internal/realstore"
	"github.com/dsmproxy/dsmproxy/protocol"
)

// logged is a log that tests look at.
type logged struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *logged) Write(b []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(b)
}

func (l *logged) count(text string) int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return strings.Count(l.b.String(), text)
}

// probed is a store with the timeouts of production, and what it logs.
func probed(t testing.TB, addr string) (*Store, *logged) {
	l := &logged{}
	cfg := config(t, addr)
	cfg.ConnectTimeout, cfg.ProbeTimeout = 0, 0
	cfg.Log = slog.New(slog.NewTextHandler(l, nil))
	s := New(cfg)
	run(t, s)
	eventually(t, "the store is up", func() bool { return s.State() == Up })
	return s, l
}

// within runs f and fails if it takes longer than d.
func within(t testing.TB, what string, d time.Duration, f func()) {
	t.Helper()
	began := time.Now()
	f()
	if took := time.Since(began); took > d {
		t.Errorf("%s: took %v, want at most %v", what, took, d)
	}
}

// bound is what a second may take on a machine that does other things too.
const bound = 5 * time.Second

func TestDeadStore(t *testing.T) {
	srv := startServer(t)
	s, log := probed(t, srv.Addr())
	idle, busy := get(t, s, nil), get(t, s, nil)
	idle.Release()
	answer := make(chan error)
	go func() {
		_, err := busy.Exec(context.Background(), "SELECT SLEEP(1000)")
		answer <- err
	}()
	eventually(t, "it sleeps", func() bool { return running(t, srv, "SLEEP") })
	changed := s.Changed()
	if err := srv.Kill(); err != nil {
		t.Fatal(err)
	}
	within(t, "the store is down", bound, func() { <-changed })
	var ne *NetError
	if err := <-answer; !errors.As(err, &ne) || !ne.Sent {
		t.Errorf("blocked statement: %v", err)
	}
	busy.Discard()
	if _, err := s.Get(context.Background(), app, nil, false); err != ErrDown {
		t.Errorf("Get = %v", err)
	}
	if _, err := s.Get(context.Background(), app, nil, true); !errors.As(err, &ne) || ne.Sent {
		t.Errorf("forced Get = %v", err)
	}
	if st := s.Stats(); st.State != Down || st.Open != 0 || st.Err == nil || st.Version == "" {
		t.Errorf("%+v", st)
	}
	changed = s.Changed()
	if err := srv.Restart(context.Background()); err != nil {
		t.Fatal(err)
	}
	within(t, "the store is back", bound, func() { <-changed })
	c := get(t, s, nil)
	ask(t, c, "SELECT 1")
	c.Release()
	if n := log.count("store down"); n != 1 {
		t.Errorf("%d lines for one failure:\n%s", n, log.b.String())
	}
}

func TestSilentStore(t *testing.T) {
	srv := startServer(t)
	s, _ := probed(t, srv.Addr())
	var busy []*Conn
	for range 3 {
		busy = append(busy, get(t, s, nil))
	}
	idle := get(t, s, nil)
	idle.Release()
	answers := make(chan error)
	for _, c := range busy {
		go func() {
			c.Begin(time.Time{})
			c.Queue([]byte("\x03SELECT SLEEP(1000)"))
			c.Send()
			_, err := c.Await()
			answers <- err
		}()
	}
	eventually(t, "it sleeps", func() bool { return running(t, srv, "SLEEP") })
	changed := s.Changed()
	if err := srv.Stop(); err != nil {
		t.Fatal(err)
	}
	within(t, "all is over", bound, func() {
		<-changed
		for range busy {
			if err := <-answers; !errors.Is(err, ErrDown) || !MayHaveRun(err) {
				t.Errorf("blocked statement: %v", err)
			}
		}
	})
	for _, c := range busy {
		c.Discard()
	}
	within(t, "others do not wait", time.Second, func() {
		for range 1000 {
			if _, err := s.Get(context.Background(), app, nil, false); err != ErrDown {
				t.Fatalf("Get = %v", err)
			}
		}
	})
	if st := s.Stats(); st.Open != 0 {
		t.Errorf("%+v", st)
	}
	// Who is forced to try waits once, and no longer than a login may take.
	within(t, "a forced Get", bound, func() {
		if _, err := s.Get(context.Background(), app, nil, true); err == nil {
			t.Error("forced Get: no error")
		}
	})
	changed = s.Changed()
	if err := srv.Continue(); err != nil {
		t.Fatal(err)
	}
	within(t, "the store is back", bound, func() { <-changed })
	c := get(t, s, nil)
	ask(t, c, "SELECT 1")
	c.Release()
}

// A thousand clients that come to a store which has just fallen silent wait
// once in all.
func TestManyWaitersOfASilentStore(t *testing.T) {
	srv := startServer(t)
	cfg := config(t, srv.Addr())
	cfg.MaxConns, cfg.ConnectTimeout, cfg.ProbeTimeout = 20, 0, 0
	s := New(cfg)
	run(t, s)
	eventually(t, "the store is up", func() bool { return s.State() == Up })
	if err := srv.Stop(); err != nil {
		t.Fatal(err)
	}
	within(t, "a thousand clients", bound, func() {
		var wg sync.WaitGroup
		for range 1000 {
			wg.Go(func() {
				if _, err := s.Get(context.Background(), app, nil, false); err == nil {
					t.Error("a silent store gave a connection")
				}
			})
		}
		wg.Wait()
	})
	if st := s.Stats(); st.State != Down || st.Open != 0 || st.Waiting != 0 {
		t.Errorf("%+v", st)
	}
	if err := srv.Continue(); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the store is back", func() bool { return s.State() == Up })
}

// A refused dial is enough, also without a probe.
func TestRefusedDial(t *testing.T) {
	srv := startServer(t)
	s := New(config(t, srv.Addr()))
	get(t, s, nil).Release()
	if err := srv.Kill(); err != nil {
		t.Fatal(err)
	}
	s.tick.Add(1) // or the idle connection would be taken as it is
	var ne *NetError
	if _, err := s.Get(context.Background(), app, nil, false); !errors.As(err, &ne) {
		t.Errorf("Get = %v", err)
	}
	if s.State() != Down {
		t.Errorf("the store is %v", s.State())
	}
	if _, err := s.Get(context.Background(), app, nil, false); err != ErrDown {
		t.Errorf("Get = %v", err)
	}
}

// A store whose connections all wait is not taken for a dead one.
func TestBusyStoreStaysUp(t *testing.T) {
	srv := startServer(t)
	s, log := probed(t, srv.Addr())
	c := get(t, s, nil)
	within(t, "the statement", patience, func() {
		if _, err := c.Exec(context.Background(), "SELECT SLEEP(3)"); err != nil {
			t.Errorf("slow statement: %v", err)
		}
	})
	c.Release()
	if s.State() != Up || log.count("store down") != 0 {
		t.Errorf("the store is %v", s.State())
	}
}

// The loss of one connection, the probe's too, is not that of the store.
func TestKilledConnections(t *testing.T) {
	srv := startServer(t)
	s, log := probed(t, srv.Addr())
	k := get(t, s, nil)
	for range 5 {
		c := get(t, s, nil)
		rows, err := k.Query(context.Background(), "SELECT id FROM information_schema.processlist WHERE id<>connection_id() AND user='app'")
		if err != nil {
			t.Fatal(err)
		}
		for _, r := range rows {
			_, _ = k.Exec(context.Background(), "KILL "+string(r[0])) // may be gone
		}
		if _, err := c.Exec(context.Background(), "SELECT 1"); err == nil {
			t.Error("a killed connection answered")
		}
		c.Release()
	}
	k.Release()
	c := get(t, s, nil)
	ask(t, c, "SELECT 1")
	c.Release()
	if s.State() != Up || log.count("store down") != 0 {
		t.Errorf("the store is %v", s.State())
	}
}

func TestProbeLoginRefused(t *testing.T) {
	srv := startServer(t)
	l := &logged{}
	cfg := config(t, srv.Addr())
	cfg.ProbeLogin.Password = "wrong"
	cfg.ProbeInterval = 5 * time.Millisecond
	cfg.Log = slog.New(slog.NewTextHandler(l, nil))
	s := New(cfg)
	run(t, s)
	eventually(t, "the store is down", func() bool { return s.State() == Down })
	began := time.Now()
	eventually(t, "some probes later", func() bool { return time.Since(began) > 200*time.Millisecond })
	if st := s.Stats(); st.Err == nil || !strings.Contains(st.Err.Error(), "login refused: ERROR 1045") {
		t.Errorf("%+v", st)
	}
	if n := l.count("store down"); n != 1 {
		t.Errorf("%d lines:\n%s", n, l.b.String())
	}
	// Whoever has another password is let in if forced, and not cut off.
	c, err := s.Get(context.Background(), app, nil, true)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := c.Exec(context.Background(), "SELECT SLEEP(0.2)"); err != nil {
		t.Error(err)
	}
	if installation.MariaDB() {
		exec(t, c, "SET PASSWORD = PASSWORD('wrong')")
	} else {
		exec(t, c, "ALTER USER CURRENT_USER() IDENTIFIED BY 'wrong'")
	}
	eventually(t, "the store is up", func() bool { return s.State() == Up })
	c.Release()
}

// An unreachable host: no answer to the dial, or silence in the login.
func TestBlackhole(t *testing.T) {
	srv := startServer(t)
	link, err := faultlink.New(srv.Addr())
	if err != nil {
		t.Fatal(err)
	}
	defer link.Close()
	s, _ := probed(t, link.Addr())
	c := get(t, s, nil)
	changed := s.Changed()
	link.Stall(faultlink.Both)
	within(t, "the store is down", bound, func() {
		_, err := c.Exec(context.Background(), "SELECT 1")
		if !errors.Is(err, ErrDown) {
			t.Errorf("statement: %v", err)
		}
		<-changed
	})
	c.Release()
	changed = s.Changed()
	link.Pass(faultlink.Both)
	within(t, "the store is back", bound, func() { <-changed })
	link.Reset() // all connections, but the store is there
	eventually(t, "it answers", func() bool {
		c, err := s.Get(context.Background(), app, nil, false)
		if err != nil {
			return false
		}
		defer c.Release()
		_, err = c.Exec(context.Background(), "SELECT 1")
		return err == nil
	})
	if s.State() != Up {
		t.Errorf("the store is %v", s.State())
	}
}

func TestAbort(t *testing.T) {
	srv := startServer(t)
	s, _ := probed(t, srv.Addr())
	for _, name := range []string{"Abort", "context", "deadline", "KillQuery"} {
		c := get(t, s, nil)
		ctx, cancel := context.WithCancel(context.Background())
		done := make(chan error)
		go func() {
			if name == "context" {
				_, err := c.Exec(ctx, "SELECT SLEEP(1000)")
				done <- err
				return
			}
			var d time.Time
			if name == "deadline" {
				d = time.Now().Add(300 * time.Millisecond)
			}
			c.Begin(d)
			c.Queue([]byte("\x03SELECT SLEEP(1000)"))
			c.Send()
			var f protocol.Framer
			f.Reset(protocol.AnswerResult, c.DeprecateEOF(), 1)
			_, err := c.Relay(io.Discard, &f)
			done <- err
		}()
		eventually(t, "it sleeps", func() bool { return running(t, srv, "SLEEP") })
		switch name {
		case "Abort":
			c.Abort()
		case "context":
			cancel()
		case "KillQuery":
			if err := s.KillQuery(context.Background(), c); err != nil {
				t.Errorf("KillQuery = %v", err)
			}
		}
		within(t, name, bound, func() {
			err := <-done
			if (err == nil) != (name == "KillQuery") || name == "context" && err != context.Canceled {
				t.Errorf("%s: %v", name, err)
			}
		})
		if name == "KillQuery" {
			if got := ask(t, c, "SELECT 1"); got != "1" {
				t.Error("the connection was lost to KillQuery")
			}
		} else if err := s.KillConn(context.Background(), c); err != nil { // before it is discarded
			t.Errorf("%s: KillConn = %v", name, err)
		}
		c.Release()
		eventually(t, "nothing sleeps", func() bool { return !running(t, srv, "SLEEP") })
		if name != "KillQuery" {
			if err := s.KillQuery(context.Background(), c); err != nil {
				t.Errorf("%s: KillQuery of a closed connection = %v", name, err)
			}
		}
		cancel()
	}
}

// running reports whether a statement of the application's runs that contains
// text.
func running(t testing.TB, srv *realstore.Server, text string) bool {
	t.Helper()
	s := New(config(t, srv.Addr()))
	c := get(t, s, nil)
	defer c.Discard()
	return ask(t, c, "SELECT COUNT(*) FROM information_schema.processlist WHERE id<>connection_id() AND info LIKE '%"+text+"%'") != "0"
}
