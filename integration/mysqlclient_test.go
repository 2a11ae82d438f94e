//go:build mysql9

package integration

import (
	"fmt"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/dsmproxy/dsmproxy/internal/mariadbtest"
)

// mysqlClient runs MySQL's own command line client, which lies beside the
// server, with a script.
func mysqlClient(t *testing.T, addr, sql string, flags ...string) (string, error) {
	t.Helper()
	host, port := hostPort(t, addr)
	args := append([]string{"--no-defaults", "-h", host, "-P", port, "-u", mariadbtest.User, "-p" + mariadbtest.Password, "--protocol=tcp"}, flags...)
	cmd := exec.Command(filepath.Join(filepath.Dir(suite.Servers.Program()), "mysql"), append(args, "app")...)
	cmd.Stdin = strings.NewReader(sql)
	timer := time.AfterFunc(time.Minute, func() { cmd.Process.Kill() })
	defer timer.Stop()
	out, err := cmd.CombinedOutput()
	return strings.ReplaceAll(string(out), "mysql: [Warning] Using a password on the command line interface can be insecure.\n", ""), err
}

// TestMySQLClient has the mysql client of MySQL 9 say the same with the proxy
// as with a plain server: it knows caching_sha2_password only, query attributes
// and session tracking, and asks for what it is offered.
func TestMySQLClient(t *testing.T) {
	c := startCluster(t, options{stores: 3, copies: 2})
	plain := startStores(t, options{stores: 1, copies: 1})
	for _, way := range []struct {
		name  string
		flags []string
	}{
		{"plain", []string{"--ssl-mode=DISABLED", "--get-server-public-key"}},
		{"no key", []string{"--ssl-mode=DISABLED"}},
		{"tls", []string{"--ssl-mode=REQUIRED"}},
		{"preferred", nil},
		{"zlib", []string{"--compression-algorithms=zlib"}},
		{"zstd", []string{"--compression-algorithms=zstd", "--zstd-compression-level=7"}},
		{"whatever there is", []string{"--compression-algorithms=zstd,zlib,uncompressed"}},
		{"column types", []string{"--column-type-info"}},
		{"auto-rehash", []string{"--auto-rehash"}},
		{"vertical with warnings", []string{"--vertical", "--show-warnings"}},
	} {
		t.Run(way.name, func(t *testing.T) {
			a, b := strings.ReplaceAll(way.name, " ", "-")+"-it''s", strings.ReplaceAll(way.name, " ", "-")+"-b"
			script := fmt.Sprintf(`
				INSERT INTO sessions (id, data, expires) VALUES ('%[1]s', 'one; "two"', 1);
				UPDATE sessions SET data = 'two' WHERE id = '%[1]s';
				UPDATE sessions SET data = 'two' WHERE id = '%[1]s';
				SELECT data, expires FROM sessions WHERE id = '%[1]s';
				INSERT IGNORE INTO sessions (id, data) VALUES ('%[1]s', 'three');
				SHOW WARNINGS;
				REPLACE INTO sessions (id, data) VALUES ('%[2]s', 'b'); -- a comment; with a semicolon
				REPLACE INTO sessions (id, data) VALUES ('%[2]s', REPEAT('c', 70000));
				INSERT INTO sessions (id, data) VALUES ('%[2]s', 'd') AS new ON DUPLICATE KEY UPDATE data = CONCAT(LEFT(sessions.data, 1), new.data);
				BEGIN;
				DELETE FROM sessions WHERE id = '%[2]s';
				SELECT COUNT(*) AS n FROM sessions WHERE id = '%[2]s';
				ROLLBACK;
				SELECT data FROM sessions WHERE id = '%[2]s'\G
				SET @x = 5; SELECT @x;
				USE second
				SELECT DATABASE();
			`, a, b)
			flags := append([]string{"-vv", "--commands"}, way.flags...)
			want, err := mysqlClient(t, plain.nodes[0].Addr(), script, flags...)
			if err != nil {
				t.Fatalf("plain: %v\n%s", err, want)
			}
			got, err := mysqlClient(t, c.Addr, script, flags...)
			if err != nil {
				t.Fatalf("proxy: %v\n%s", err, got)
			}
			if got != want {
				t.Errorf("the proxy's answers:\n%s\nthe server's:\n%s", got, want)
			}
			c.wantPlaced(t, []string{strings.ReplaceAll(a, "''", "'"), b}, nil)
		})
	}
	t.Run("wrong password", func(t *testing.T) {
		for _, mode := range []string{"DISABLED", "REQUIRED"} {
			out, err := mysqlClient(t, c.Addr, "SELECT 1;", "-pwrong", "--ssl-mode="+mode)
			if err == nil || !strings.Contains(out, "ERROR 1045 (28000)") {
				t.Errorf("%s: %v\n%s", mode, err, out)
			}
		}
	})
	t.Run("status", func(t *testing.T) {
		out, err := mysqlClient(t, c.Addr, `\s`, "--commands", "--ssl-mode=REQUIRED")
		if err != nil || !strings.Contains(out, "Cipher in use is TLS") {
			t.Errorf("status: %v\n%s", err, out)
		}
	})
}
