package protocol

import (
	"errors"
	"log/slog"
	"net"
	"strings"
	"testing"

	"github.com/go-sql-driver/mysql"
)

// TestPendingLogins: who only connects keeps nobody out, and of too many the
// oldest goes.
func TestPendingLogins(t *testing.T) {
	s := startServer(t, func(s *Server) { s.MaxClients, s.MaxPendingLogins = 2, 5 })
	user := s.open(t, nil)
	if err := user.Ping(); err != nil {
		t.Fatal(err)
	}
	var strangers []*rawClient
	for range 20 {
		strangers = append(strangers, s.dial(t))
	}
	for _, c := range strangers[:15] {
		c.expectEnd(t)
	}
	waitFor(t, "the oldest to be counted", func() bool { return s.Stats().Displaced == 15 })
	second := s.open(t, nil)
	if err := second.Ping(); err != nil {
		t.Fatalf("a user among strangers: %v", err)
	}
	if err := user.Ping(); err != nil {
		t.Errorf("the first user: %v", err)
	}
	// The places of users are taken now, and only those count.
	var e *mysql.MySQLError
	if err := s.open(t, nil).Ping(); !errors.As(err, &e) || e.Number != ErrConCount {
		t.Errorf("a third user: %v, want error 1040", err)
	}
	// One that was greeted before is told so at the end of its login.
	late := strangers[19]
	late.respond(t, rawCaps, "app", "", pluginNative, scrambleNative(late.scramble[:], "secret"))
	late.expectError(t, ErrConCount)
	late.expectEnd(t)
	second.Close()
	waitFor(t, "a place to be free", func() bool { return s.open(t, nil).Ping() == nil })
	if log := s.log.String(); strings.Count(log, "the oldest is closed") != 1 {
		t.Errorf("log: %s", log)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.pending.Len() > s.MaxPendingLogins {
		t.Errorf("%d pending logins", s.pending.Len())
	}
}

// TestPendingLoginsEnd: what ended in any way gives its place back.
func TestPendingLoginsEnd(t *testing.T) {
	s := startServer(t, nil)
	for i := range 30 {
		switch i % 3 {
		case 0:
			s.dial(t).Close()
		case 1:
			s.login(t).Close()
		case 2:
			c := s.dial(t)
			c.respond(t, rawCaps, "app", "missing", pluginNative, scrambleNative(c.scramble[:], "secret"))
			c.expectError(t, ErrBadDB)
		}
	}
	waitFor(t, "all to be gone", func() bool {
		s.mu.Lock()
		defer s.mu.Unlock()
		return len(s.clients) == 0 && s.pending.Len() == 0 && s.seated == 0
	})
}

// TestRefusalsAreFolded: the first of a kind is logged, the others are counted.
func TestRefusalsAreFolded(t *testing.T) {
	var b syncBuffer
	log := slog.New(slog.NewTextHandler(&b, nil))
	var r refusals
	lines := func() []string { return strings.Split(strings.TrimSpace(b.String()), "\n") }
	for i := range 100 {
		r.log(log, 5, slog.LevelInfo, "access denied", ErrAccessDenied, "user", i)
	}
	r.log(log, 5, slog.LevelWarn, "login refused", ErrHandshake)
	if got := lines(); len(got) != 2 || !strings.Contains(got[0], "user=0") {
		t.Errorf("at once: %q", got)
	}
	r.flush(log, 5+foldTicks-1, false)
	if got := lines(); len(got) != 2 {
		t.Errorf("too early: %q", got)
	}
	r.flush(log, 5+foldTicks, false)
	if got := lines(); len(got) != 3 || !strings.Contains(got[2], "user=99 times=99") {
		t.Errorf("in the end: %q", got)
	}
	r.log(log, 5+foldTicks, slog.LevelInfo, "access denied", ErrAccessDenied, "user", 100)
	r.log(log, 5+foldTicks, slog.LevelWarn, "login refused", ErrHandshake)
	r.flush(log, 5+foldTicks+1, true)
	if got := lines(); len(got) != 5 || !strings.Contains(got[4], "user=100 times=1") {
		t.Errorf("at the end of the server: %q", got)
	}
	r.flush(log, 5+3*foldTicks, false)
	if len(r.kinds) != 0 || len(lines()) != 5 {
		t.Errorf("%d kinds are left", len(r.kinds))
	}
}

// BenchmarkAccept is a connection that ends before its login.
func BenchmarkAccept(b *testing.B) {
	s := startServer(b, func(s *Server) { s.MaxPendingLogins = 100 })
	b.ReportAllocs()
	for b.Loop() {
		nc, err := net.Dial("tcp", s.addr)
		if err != nil {
			b.Fatal(err)
		}
		nc.Close()
	}
}
