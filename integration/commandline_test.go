package integration

import (
	"fmt"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/dsmproxy/dsmproxy/internal/mariadbtest"
)

// mariadb runs the stock command line client with a script.
func mariadb(t *testing.T, addr, sql string, flags ...string) (string, error) {
	t.Helper()
	host, port := hostPort(t, addr)
	args := append([]string{"--no-defaults", "-h", host, "-P", port, "-u", mariadbtest.User, "-p" + mariadbtest.Password, "--protocol=tcp"}, flags...)
	cmd := exec.Command(tool(t, "mariadb", "mysql"), append(args, "app")...)
	cmd.Stdin = strings.NewReader(sql)
	timer := time.AfterFunc(time.Minute, func() { cmd.Process.Kill() })
	defer timer.Stop()
	out, err := cmd.CombinedOutput()
	return string(out), err
}

// TestCommandLine uses the mariadb command line, with TLS and without.
func TestCommandLine(t *testing.T) {
	c := startCluster(t, options{stores: 3, copies: 2})
	plain := startStores(t, options{stores: 1, copies: 1})
	noCheck := []string{"--ssl", "--skip-ssl-verify-server-cert"}
	for _, way := range []struct {
		name  string
		addr  string
		flags []string
		proxy bool
	}{
		{name: "plain", addr: plain.nodes[0].Addr(), flags: []string{"--skip-ssl"}},
		{name: "proxy", addr: c.Addr, flags: []string{"--skip-ssl"}, proxy: true},
		{name: "proxy-tls", addr: c.Addr, flags: noCheck, proxy: true},
		{name: "proxy-compress", addr: c.Addr, flags: append([]string{"--compress"}, noCheck...), proxy: true},
	} {
		t.Run(way.name, func(t *testing.T) {
			a, b := way.name+"-it''s", way.name+"-b"
			out, err := mariadb(t, way.addr, fmt.Sprintf(`
				INSERT INTO sessions (id, data, expires) VALUES ('%[1]s', 'one; "two"', 1);
				UPDATE sessions SET data = 'two' WHERE id = '%[1]s';
				UPDATE sessions SET data = 'two' WHERE id = '%[1]s';
				SELECT data, expires FROM sessions WHERE id = '%[1]s';
				REPLACE INTO sessions (id, data) VALUES ('%[2]s', 'b'); -- a comment; with a semicolon
				REPLACE INTO sessions (id, data) VALUES ('%[2]s', 'c');
				BEGIN;
				DELETE FROM sessions WHERE id = '%[2]s';
				SELECT COUNT(*) AS n FROM sessions WHERE id = '%[2]s';
				ROLLBACK;
				SELECT data FROM sessions WHERE id = '%[2]s'\G
				USE second
				SELECT DATABASE();
			`, a, b), append(way.flags, "-vv")...)
			if err != nil {
				t.Fatalf("%v\n%s", err, out)
			}
			for _, want := range []string{
				"Query OK, 1 row affected", "Rows matched: 1  Changed: 1  Warnings: 0", "Rows matched: 1  Changed: 0  Warnings: 0",
				"two\t1\n", "Query OK, 2 rows affected", "data: c", "second",
			} {
				if !strings.Contains(out, want) {
					t.Errorf("%q is not in what it printed:\n%s", want, out)
				}
			}
			if way.proxy {
				c.wantPlaced(t, []string{strings.ReplaceAll(a, "''", "'"), b}, nil)
			}
		})
	}
	t.Run("tls is used", func(t *testing.T) {
		out, err := mariadb(t, c.Addr, `\s`, noCheck...)
		if err != nil || !strings.Contains(out, "Cipher in use is TLS") {
			t.Errorf("status with --ssl: %v\n%s", err, out)
		}
	})
	t.Run("completion reads the fields", func(t *testing.T) {
		// --auto-rehash asks COM_FIELD_LIST of each table.
		if out, err := mariadb(t, c.Addr, "SELECT 1;", "--skip-ssl", "--auto-rehash", "-t"); err != nil {
			t.Errorf("%v\n%s", err, out)
		}
	})
	t.Run("wrong password", func(t *testing.T) {
		out, err := mariadb(t, c.Addr, "SELECT 1;", "--skip-ssl", "-pwrong")
		if err == nil || !strings.Contains(out, "ERROR 1045 (28000)") {
			t.Errorf("%v\n%s", err, out)
		}
	})
	t.Run("dump", func(t *testing.T) {
		// What the proxy can't route is an error, not a guess.
		out, err := mariadb(t, c.Addr, "SELECT id FROM other;", "--skip-ssl")
		if err == nil || !strings.Contains(out, "ERROR 1235") || !strings.Contains(out, "other_tables") {
			t.Errorf("%v\n%s", err, out)
		}
	})
}
