package store

import (
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"time"
)

// TestClock: a store whose clock is wrong is told of, once, and when it is right
// again.
func TestClock(t *testing.T) {
	srv := startServer(t)
	right, _ := probed(t, srv.Addr())
	eventually(t, "the clock is read", func() bool {
		right.mu.Lock()
		defer right.mu.Unlock()
		return right.clock.known
	})
	if st := right.Stats(); st.ClockWrong || st.Clock.Abs() > time.Second {
		t.Errorf("a clock that is right: %+v", st)
	}
	c := get(t, right, nil)
	defer c.Discard()
	for _, q := range []string{
		"CREATE USER late IDENTIFIED BY 'late'", // init_connect is not carried out for who may do anything
		"SET GLOBAL init_connect = 'SET timestamp = UNIX_TIMESTAMP() - 3600'",
	} {
		exec(t, c, q)
	}
	l := &logged{}
	cfg := config(t, srv.Addr())
	cfg.ProbeLogin = Login{User: "late", Password: "late", Capabilities: app.Capabilities}
	cfg.Log = slog.New(slog.NewTextHandler(l, nil))
	wrong := New(cfg)
	run(t, wrong)
	eventually(t, "it is found", func() bool { return wrong.Stats().ClockWrong })
	if off := wrong.Stats().Clock; off > -50*time.Minute || off < -70*time.Minute { // it stands still from the login on
		t.Errorf("it is ahead by %v", off)
	}
	wrong.clockSays(-4 * time.Second) // it is set right little by little
	wrong.clockSays(-7 * time.Second)
	wrong.clockSays(0)
	if n, right := l.count("clock of a store is wrong"), l.count("clock of a store is right again"); n != 1 || right != 1 || wrong.Stats().ClockWrong {
		t.Errorf("it is told %d times, and %d times that it is right:\n%s", n, right, l.b.String())
	}
}

// TestCertain: what is told of a clock is what an answer that was late proves.
func TestCertain(t *testing.T) {
	for _, w := range []struct{ ahead, took, want time.Duration }{
		{0, 0, 0}, {30, 50, 0}, {50, 50, 0}, {80, 50, 30}, {-1, 50, -1}, {-80, 0, -80},
	} {
		if got := certain(w.ahead, w.took); got != w.want {
			t.Errorf("certain(%d, %d) = %d, want %d", w.ahead, w.took, got, w.want)
		}
	}
}

// TestActionsOfStates: the log says what becomes of a store's statements, which
// is for the group to say at the levels safe and strict; and since when a store
// is in its state.
func TestActionsOfStates(t *testing.T) {
	for _, w := range []struct {
		grouped bool
		actions []string
	}{
		{false, []string{"statements go to it", "statements go to other stores; it is probed every 250ms", "statements go to it again"}},
		{true, []string{"it serves when the group has it up",
			"its records wait until the group has excluded it, then other stores serve them; it is probed every 250ms",
			"it serves again when the group has it up, with all its records"}},
	} {
		l := &logged{}
		s := New(Config{Name: "s1", Grouped: w.grouped, Log: slog.New(slog.NewTextHandler(l, nil))})
		s.alive(true)
		s.down(errors.New("gone"), time.Now())
		s.alive(true)
		lines := strings.Split(strings.TrimSpace(l.b.String()), "\n")
		if len(lines) != len(w.actions) {
			t.Fatalf("%d lines:\n%s", len(lines), l.b.String())
		}
		for i, line := range lines {
			if want := fmt.Sprintf("action=%q", w.actions[i]); !strings.HasSuffix(line, want) {
				t.Errorf("%s\n\twant %s", line, want)
			}
		}
		up := s.Stats().Since
		s.Drain(true)
		out := s.Stats().Since
		s.Drain(false)
		if back := s.Stats().Since; !out.After(up) || !back.After(out) {
			t.Errorf("up since %v, drained since %v, put back since %v", up, out, back)
		}
	}
}
