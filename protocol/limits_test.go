package protocol

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/go-sql-driver/mysql"
)

// wantError checks the number of an error that a server sent.
func wantError(t *testing.T, what string, err error, code uint16) {
	t.Helper()
	var e *mysql.MySQLError
	if !errors.As(err, &e) || e.Number != code {
		t.Errorf("%s: %v, want error %d", what, err, code)
	}
}

// as makes a client log in as another user.
func as(user, password string) func(*mysql.Config) {
	return func(c *mysql.Config) { c.User, c.Passwd = user, password }
}

func TestMaxUserClients(t *testing.T) {
	s := startServer(t, func(s *Server) { s.MaxUserClients = 1 })
	first := s.open(t, nil)
	if err := first.Ping(); err != nil {
		t.Fatal(err)
	}
	wantError(t, "a second client", s.open(t, nil).Ping(), ErrTooManyUserConnections)
	if err := s.open(t, as("other", "geheim")).Ping(); err != nil {
		t.Errorf("another user: %v", err)
	}
	if n := s.Stats().OverUser; n != 1 {
		t.Errorf("OverUser = %d, want 1", n)
	}
	// More are let in at once, and nobody has to go when there are fewer.
	s.SetLimits(Limits{MaxUserClients: 2})
	second := s.open(t, nil)
	if err := second.Ping(); err != nil {
		t.Errorf("after SetLimits: %v", err)
	}
	s.SetLimits(Limits{MaxUserClients: 1})
	if err := first.Ping(); err != nil {
		t.Errorf("a client beyond the new bound: %v", err)
	}
	first.Close()
	second.Close()
	waitFor(t, "a place to be free", func() bool { return s.open(t, nil).Ping() == nil })
}

// TestMaxUserClientsChangeUser: a COM_CHANGE_USER leaves one user's places and
// takes another's.
func TestMaxUserClientsChangeUser(t *testing.T) {
	s := startServer(t, func(s *Server) { s.MaxUserClients = 1 })
	c := s.login(t)
	c.send(t, ComChangeUser, "other\x00\x00\x00\x21\x00"+pluginNative+"\x00")
	c.packet(t, scrambleNative(c.expectSwitch(t, pluginNative), "geheim"))
	c.expectOK(t)
	db := s.open(t, nil)
	if err := db.Ping(); err != nil {
		t.Errorf("the place of the user that was left: %v", err)
	}
	wantError(t, "the place of the user that was taken", s.open(t, as("other", "geheim")).Ping(), ErrTooManyUserConnections)
}

func TestMaxLoginFailures(t *testing.T) {
	s := startServer(t, func(s *Server) { s.MaxLoginFailures = 3 })
	for range 3 {
		wantError(t, "a wrong password", s.open(t, as("app", "guess")).Ping(), ErrAccessDenied)
	}
	waitFor(t, "the next guess to be refused unseen", func() bool {
		var e *mysql.MySQLError
		return errors.As(s.open(t, as("app", "guess")).Ping(), &e) && e.Number == ErrHostBlocked
	})
	if err := s.open(t, as("other", "geheim")).Ping(); err != nil {
		t.Errorf("another user: %v", err)
	}
	if s.Stats().Blocked == 0 {
		t.Error("nothing was counted")
	}
	waitFor(t, "the right password to be tried", func() bool { return s.open(t, nil).Ping() == nil })
	for range 3 { // it begins anew
		if err := s.open(t, nil).Ping(); err != nil {
			t.Error(err)
		}
	}
}

func TestFailuresAreForgotten(t *testing.T) {
	var f failures
	who := loginName{"app", "::1"}
	f.ended(who, false, 1, 10)
	if f.allowed(who, 1, 10) || !f.allowed(who, 1, 11) || f.allowed(who, 1, 11) || !f.allowed(who, 0, 11) {
		t.Error("one try a tick is not what is allowed")
	}
	f.forget(11 + forgetFailures)
	if len(f.list) != 1 {
		t.Error("forgotten too soon")
	}
	f.forget(12 + forgetFailures)
	if len(f.list) != 0 {
		t.Error("not forgotten")
	}
}

func TestStatementTimeout(t *testing.T) {
	for version, code := range map[string]uint16{"10.11.6-MariaDB": ErrStatementTimeout, "8.4.0": ErrQueryTimeout} {
		s := startServer(t, func(s *Server) {
			s.StatementTimeout = time.Second
			s.Version = func() string { return version }
		})
		conn, err := s.open(t, nil).Conn(context.Background())
		if err != nil {
			t.Fatal(err)
		}
		_, err = conn.ExecContext(context.Background(), "wait")
		wantError(t, version, err, code)
		if _, err := conn.ExecContext(context.Background(), "ok"); err != nil {
			t.Errorf("the next statement: %v", err)
		}
		if n := s.Stats().Expired; n != 1 {
			t.Errorf("Expired = %d, want 1", n)
		}
		conn.Close()
	}
}

func TestList(t *testing.T) {
	s := startServer(t, nil)
	if l := s.List(); len(l) != 0 {
		t.Errorf("List of nobody = %v", l)
	}
	s.dial(t) // a stranger is no client
	conn, err := s.open(t, nil).Conn(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	for _, in := range []bool{true, false} {
		q := map[bool]string{true: "begin", false: "commit"}[in]
		if _, err := conn.ExecContext(context.Background(), q); err != nil {
			t.Fatal(err)
		}
		waitFor(t, q+" to be seen", func() bool {
			l := s.List()
			return len(l) == 1 && !l[0].Running && l[0].InTxn == in
		})
	}
	done := make(chan error, 1)
	go func() {
		_, err := conn.ExecContext(context.Background(), "wait")
		done <- err
	}()
	waitFor(t, "the statement to be seen", func() bool {
		l := s.List()
		return len(l) == 1 && l[0].Running && l[0].User == "app" && l[0].Host != "" && l[0].Questions > 0
	})
	if err := s.Kill(s.List()[0].ID, true, nil); err != nil {
		t.Error(err)
	}
	wantError(t, "the killed statement", <-done, ErrQueryInterrupted)
}

// TestLongCommands: what takes a processor for long is counted, and nothing else.
func TestLongCommands(t *testing.T) {
	s := startServer(t, nil)
	db := s.open(t, nil)
	for _, length := range []int{10, longCommand / 2, longCommand, 2 * longCommand} {
		if _, err := db.Exec("some " + strings.Repeat("x", length)); err != nil {
			t.Fatal(err)
		}
	}
	if n := s.LongCommands(); n != 2 {
		t.Errorf("LongCommands() = %d, want 2", n)
	}
}
