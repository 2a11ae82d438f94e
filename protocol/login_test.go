package protocol

import (
	"crypto/tls"
	"database/sql"
	"errors"
	"strings"
	"testing"

	"github.com/go-sql-driver/mysql"
)

type identity struct {
	user, db, tls, collation string
	caps                     uint32
	program, kept            string
}

func whoami(t testing.TB, db *sql.DB) identity {
	t.Helper()
	var id identity
	if err := db.QueryRow("whoami").Scan(&id.user, &id.db, &id.tls, &id.collation, &id.caps, &id.program, &id.kept); err != nil {
		t.Fatal(err)
	}
	return id
}

func TestLogin(t *testing.T) {
	s := startServer(t, func(s *Server) { s.TLS = selfSigned(t) })
	for _, tc := range []struct {
		name   string
		change func(*mysql.Config)
		want   identity
	}{
		{"caching_sha2", nil, identity{user: "app", tls: "false"}},
		{"database", func(c *mysql.Config) { c.DBName = "shop" }, identity{user: "app", db: "shop", tls: "false"}},
		{"empty password", func(c *mysql.Config) { c.User, c.Passwd = "nobody", "" }, identity{user: "nobody", tls: "false"}},
		{"tls", func(c *mysql.Config) { c.TLS = &tls.Config{InsecureSkipVerify: true} }, identity{user: "app", tls: "true"}},
		{"attributes", func(c *mysql.Config) { c.ConnectionAttributes = "program_name:test" }, identity{user: "app", tls: "false", program: "test"}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			got := whoami(t, s.open(t, tc.change))
			got.caps, got.collation, got.kept = 0, "", ""
			if got != tc.want {
				t.Errorf("whoami = %+v, want %+v", got, tc.want)
			}
		})
	}
	found := whoami(t, s.open(t, func(c *mysql.Config) { c.ClientFoundRows, c.MultiStatements = true, true }))
	if !Capability(found.caps).Has(ClientFoundRows | ClientMultiStatements) {
		t.Errorf("capabilities %#x lack FOUND_ROWS or MULTI_STATEMENTS", found.caps)
	}
}

func TestLoginRefused(t *testing.T) {
	plain := startServer(t, nil)
	strict := startServer(t, func(s *Server) { s.TLS, s.RequireTLS = selfSigned(t), true })
	for _, tc := range []struct {
		name    string
		s       *testServer
		change  func(*mysql.Config)
		code    uint16
		message string
	}{
		{"wrong password", plain, func(c *mysql.Config) { c.Passwd = "x" }, 1045, "Access denied for user 'app'@'127.0.0.1' (using password: YES)"},
		{"no password", plain, func(c *mysql.Config) { c.Passwd = "" }, 1045, "Access denied for user 'app'@'127.0.0.1' (using password: NO)"},
		{"unknown user", plain, func(c *mysql.Config) { c.User = "eve" }, 1045, "Access denied for user 'eve'@'127.0.0.1' (using password: YES)"},
		{"unknown user without password", plain, func(c *mysql.Config) { c.User, c.Passwd = "eve", "" }, 1045, "Access denied for user 'eve'@'127.0.0.1' (using password: NO)"},
		{"password for a user without", plain, func(c *mysql.Config) { c.User = "nobody" }, 1045, "Access denied for user 'nobody'@'127.0.0.1' (using password: YES)"},
		{"unknown database", plain, func(c *mysql.Config) { c.DBName = "missing" }, 1049, "Unknown database 'missing'"},
		{"without tls", strict, nil, 3159, "Connections using insecure transport are prohibited while --require_secure_transport=ON."},
	} {
		t.Run(tc.name, func(t *testing.T) {
			err := tc.s.open(t, tc.change).Ping()
			var e *mysql.MySQLError
			if !errors.As(err, &e) || e.Number != tc.code || e.Message != tc.message {
				t.Errorf("login: %v, want error %d: %s", err, tc.code, tc.message)
			}
		})
	}
	if st := plain.Stats(); st.Denied != 5 || st.Clients != 0 {
		t.Errorf("Stats() = %+v, want 5 denied", st)
	}
	if log := plain.log.String(); strings.Contains(log, "secret") || !strings.Contains(log, "access denied") {
		t.Errorf("log: %s", log)
	}
}
