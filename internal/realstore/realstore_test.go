package realstore

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// program is the server of this machine; the tests are about nothing else.
func program(t *testing.T) *Program {
	t.Helper()
	p, err := Find(t.Context())
	if err != nil {
		t.Fatalf("these tests need a server: install mariadb-server or mysql-server: %v", err)
	}
	return p
}

func open(t *testing.T, s *Server) *sql.DB {
	t.Helper()
	db, err := sql.Open("mysql", s.DSN(""))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { db.Close() })
	return db
}

func TestServerLife(t *testing.T) {
	p := program(t)
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Minute)
	defer cancel()
	dir := t.TempDir()
	template := filepath.Join(dir, "template")
	if err := p.Prepare(ctx, template); err != nil {
		t.Fatal(err)
	}
	s, err := Start(ctx, Options{
		Program: p, Template: template, Dir: filepath.Join(dir, "s1"),
		User: "app", Password: `it's \ a "secret"`,
	})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	db := open(t, s)
	for _, q := range []string{
		"CREATE DATABASE d", "CREATE TABLE d.t (id INT PRIMARY KEY) ENGINE=InnoDB", "INSERT INTO d.t VALUES (1)",
	} {
		if _, err := db.ExecContext(ctx, q); err != nil {
			t.Fatalf("%s: %v", q, err)
		}
	}
	addr, pid := s.Addr(), s.Pid()
	t.Run("no account without a password", func(t *testing.T) {
		for _, addr := range []string{"tcp(" + addr + ")", "unix(" + s.Socket() + ")"} {
			root, err := sql.Open("mysql", "root@"+addr+"/")
			if err != nil {
				t.Fatal(err)
			}
			if err := root.PingContext(ctx); err == nil {
				t.Errorf("root may log in over %s", addr)
			}
			root.Close()
		}
	})
	count := func() (n int, err error) {
		err = db.QueryRowContext(ctx, "SELECT COUNT(*) FROM d.t").Scan(&n)
		return n, err
	}

	t.Run("kill and restart", func(t *testing.T) {
		if err := s.Kill(); err != nil {
			t.Fatal(err)
		}
		if err := syscall.Kill(pid, 0); !errors.Is(err, syscall.ESRCH) {
			t.Errorf("process %d after Kill: %v, want it gone", pid, err)
		}
		if c, err := net.Dial("tcp", addr); err == nil {
			c.Close()
			t.Errorf("%s accepts after Kill", addr)
		}
		if s.Running() || s.Pid() != 0 {
			t.Errorf("Running, Pid = %v, %d after Kill", s.Running(), s.Pid())
		}
		if err := s.Kill(); err == nil {
			t.Error("the second Kill reports no error")
		}
		if err := s.Restart(ctx); err != nil {
			t.Fatal(err)
		}
		if s.Addr() != addr {
			t.Errorf("Addr = %s after Restart, want %s", s.Addr(), addr)
		}
		if n, err := count(); n != 1 || err != nil {
			t.Errorf("count = %d, %v after Restart, want 1", n, err)
		}
	})
	t.Run("stop and continue", func(t *testing.T) {
		if err := s.Stop(); err != nil {
			t.Fatal(err)
		}
		answered := make(chan error, 1)
		go func() { _, err := count(); answered <- err }()
		select {
		case err := <-answered:
			t.Errorf("a stopped server answered: %v", err)
		case <-time.After(200 * time.Millisecond):
		}
		if err := s.Continue(); err != nil {
			t.Fatal(err)
		}
		if err := <-answered; err != nil {
			t.Error(err)
		}
	})
	t.Run("shutdown of a stopped one", func(t *testing.T) {
		if err := s.Stop(); err != nil {
			t.Fatal(err)
		}
		s.Shutdown(ctx)
		if s.Running() {
			t.Error("it runs after Shutdown")
		}
		if err := s.Restart(ctx); err != nil {
			t.Fatal(err)
		}
	})
	t.Run("rewind", func(t *testing.T) {
		backup := filepath.Join(dir, "backup")
		if err := s.Snapshot(backup); err == nil {
			t.Error("Snapshot of a running server reports no error")
		}
		if err := s.Kill(); err != nil {
			t.Fatal(err)
		}
		if err := s.Snapshot(backup); err != nil {
			t.Fatal(err)
		}
		if err := s.Restart(ctx); err != nil {
			t.Fatal(err)
		}
		if _, err := db.ExecContext(ctx, "INSERT INTO d.t VALUES (2)"); err != nil {
			t.Fatal(err)
		}
		if err := s.Rewind(ctx, backup); err != nil {
			t.Fatal(err)
		}
		if n, err := count(); n != 1 || err != nil {
			t.Errorf("count = %d, %v after Rewind, want 1", n, err)
		}
	})
	t.Run("wipe", func(t *testing.T) {
		if err := s.Wipe(ctx); err != nil {
			t.Fatal(err)
		}
		if _, err := count(); err == nil || !strings.Contains(err.Error(), "Unknown database") && !strings.Contains(err.Error(), "doesn't exist") {
			t.Errorf("count after Wipe: %v, want no such table", err)
		}
		if s.Addr() != addr {
			t.Errorf("Addr = %s after Wipe, want %s", s.Addr(), addr)
		}
	})
	t.Run("close", func(t *testing.T) {
		pid := s.Pid()
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
		if err := syscall.Kill(pid, 0); !errors.Is(err, syscall.ESRCH) {
			t.Errorf("process %d after Close: %v, want it gone", pid, err)
		}
		if _, err := os.Stat(filepath.Join(dir, "s1")); !errors.Is(err, os.ErrNotExist) {
			t.Errorf("directory after Close: %v, want it gone", err)
		}
	})
}

func TestStartFailureShowsTheLog(t *testing.T) {
	p := program(t)
	dir := t.TempDir()
	template := filepath.Join(dir, "template") // empty: no system tables
	if err := os.Mkdir(template, 0o700); err != nil {
		t.Fatal(err)
	}
	s, err := Start(t.Context(), Options{
		Program: p, Template: template, Dir: filepath.Join(dir, "s"), Args: []string{"--no-such-option"},
	})
	if err == nil {
		s.Close()
		t.Fatal("Start with an unknown option went well")
	}
	if !strings.Contains(err.Error(), "no-such-option") {
		t.Errorf("Start = %v, want the server's own words", err)
	}
	if _, err := os.Stat(filepath.Join(dir, "s")); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("directory after a failed Start: %v, want it gone", err)
	}
}

func TestStartOnAPortInUse(t *testing.T) {
	p := program(t)
	dir := t.TempDir()
	template := filepath.Join(dir, "template")
	if err := p.Prepare(t.Context(), template); err != nil {
		t.Fatal(err)
	}
	port, err := freePort()
	if err != nil {
		t.Fatal(err)
	}
	l, err := net.Listen("tcp", fmt.Sprintf("127.0.0.1:%d", port))
	if err != nil {
		t.Fatal(err)
	}
	// The port becomes free while the server tries.
	timer := time.AfterFunc(2*time.Second, func() { l.Close() })
	defer timer.Stop()
	s, err := Start(t.Context(), Options{Program: p, Template: template, Dir: filepath.Join(dir, "s"), Port: port})
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
}
