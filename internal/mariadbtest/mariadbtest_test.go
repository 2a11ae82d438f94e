package mariadbtest

import (
	"database/sql"
	"os"
	"slices"
	"testing"

	_ "github.com/go-sql-driver/mysql"

	"github.com/dsmproxy/dsmproxy/internal/realstore"
)

// TestStart wants servers to be used again if, and only if, they are as new.
func TestStart(t *testing.T) {
	in, err := Install()
	if err != nil {
		t.Fatal(err)
	}
	defer in.Close()
	const option = "--max-allowed-packet=32M"
	exec := func(t *testing.T, s *realstore.Server, query string) {
		db, err := sql.Open("mysql", s.DSN(""))
		if err != nil {
			t.Fatal(err)
		}
		defer db.Close()
		if _, err := db.Exec(query); err != nil {
			t.Fatalf("%s: %v", query, err)
		}
	}
	var last *realstore.Server
	for _, w := range []struct {
		name  string
		leave func(t *testing.T, s *realstore.Server)
		again bool
	}{
		{"untouched", func(*testing.T, *realstore.Server) {}, true},
		{"a database", func(t *testing.T, s *realstore.Server) { exec(t, s, "CREATE DATABASE `a``b`") }, true},
		{"an open connection", func(t *testing.T, s *realstore.Server) {
			db, err := sql.Open("mysql", s.DSN(""))
			if err != nil {
				t.Fatal(err)
			}
			if err := db.Ping(); err != nil {
				t.Fatal(err)
			}
		}, true},
		{"a global variable", func(t *testing.T, s *realstore.Server) { exec(t, s, "SET GLOBAL max_connections = 77") }, false},
		{"an account", func(t *testing.T, s *realstore.Server) { exec(t, s, "CREATE USER other") }, false},
		{"a restart", func(t *testing.T, s *realstore.Server) {
			if err := s.Kill(); err != nil {
				t.Fatal(err)
			}
			if err := s.Restart(t.Context()); err != nil {
				t.Fatal(err)
			}
		}, false},
		{"a crash", func(t *testing.T, s *realstore.Server) {
			if err := s.Kill(); err != nil {
				t.Fatal(err)
			}
		}, false},
	} {
		t.Run(w.name, func(t *testing.T) {
			last = in.Start(t, 1, option)[0]
			w.leave(t, last)
		})
		t.Run("after "+w.name, func(t *testing.T) {
			servers := in.Start(t, 2, option)
			if slices.Contains(servers, last) != w.again {
				t.Errorf("the server is used again: %v, want %v", !w.again, w.again)
			}
			for _, s := range servers {
				db, err := sql.Open("mysql", s.DSN(""))
				if err != nil {
					t.Fatal(err)
				}
				defer db.Close()
				var packet, databases int
				err = db.QueryRow("SELECT @@max_allowed_packet, COUNT(*) FROM information_schema.SCHEMATA "+
					"WHERE SCHEMA_NAME NOT IN ('mysql', 'sys', 'information_schema', 'performance_schema')").Scan(&packet, &databases)
				if err != nil || packet != 32<<20 || databases != 0 {
					t.Errorf("@@max_allowed_packet = %d, %d databases, %v", packet, databases, err)
				}
			}
		})
	}
	t.Run("other options", func(t *testing.T) {
		if slices.Contains(in.Start(t, 1), last) {
			t.Error("a server with other options is used again")
		}
	})
	if err := in.Close(); err != nil {
		t.Error(err)
	}
	if _, err := os.Stat(in.Dir()); !os.IsNotExist(err) {
		t.Errorf("left behind: %v", err)
	}
}
