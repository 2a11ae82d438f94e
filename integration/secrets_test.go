package integration

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/go-sql-driver/mysql"

	"github.com/dsmproxy/dsmproxy/internal/mariadbtest"
)

// secret stands in session data, session IDs and passwords.
const secret = "xSECRETx"

// secretStatements bring the secret in by every path: as literals of each kind,
// in what the proxy carries out, refuses, can't read, or finds broken.
var secretStatements = []string{
	"INSERT INTO sessions (id, data) VALUES ('xSECRETx-key', 'xSECRETx')",
	"INSERT INTO sessions (id, data) VALUES ('xSECRETx-key', 'xSECRETx')", // a duplicate: the store names the key
	"SELECT data FROM sessions WHERE id = \"xSECRETx-key\"",
	"UPDATE sessions SET data = CONCAT(data, UUID(), 'xSECRETx') WHERE id = 'xSECRETx-key'",
	"UPDATE sessions SET id = 'xSECRETx-next' WHERE id = 'xSECRETx-key'",
	"SELECT * FROM sessions JOIN other ON sessions.id = 'xSECRETx'",
	"SELECT * FROM nosuch WHERE a = 'xSECRETx' /* xSECRETx */ -- xSECRETx",
	"SELECT 'xSECRETx",
	"SELECT /*! 'xSECRETx' */ data FROM sessions WHERE id = 'xSECRETx'",
	"SELECT data FROM sessions WHERE id = 'O'xSECRETx'",
	"SELECT data FROM sessions WHERE id = CAST('xSECRETx' AS BINARY) AND RANK('xSECRETx')",
	"INSERT INTO sessions (id, data) VALUES (UUID(), 'xSECRETx')",
	"INSERT INTO sessions (id, data) SELECT 'xSECRETx', 'xSECRETx'",
	"SELECT SLEEP(0.02), 'xSECRETx' FROM sessions WHERE id = 'xSECRETx'",
	"SET PASSWORD = 'xSECRETx'",
	"SET PASSWORD FOR 'app' = PASSWORD('xSECRETx')",
	"CREATE USER u IDENTIFIED BY 'xSECRETx'",
	"SET GLOBAL init_connect = 'xSECRETx'",
	"SET @v = 'xSECRETx'",
	"SET sql_mode = 'xSECRETx'",
	"PREPARE s FROM 'SELECT ''xSECRETx'' FROM nosuch'",
	"PREPARE s FROM 'SELECT xSECRETx FROM FROM'",
	"DO GET_LOCK('xSECRETx', 0)",
	"SELECT GET_LOCK(CONCAT('xSECRETx', RAND()), 0)",
	"LOAD DATA LOCAL INFILE 'xSECRETx' INTO TABLE sessions",
	"DELETE FROM sessions WHERE data = 'xSECRETx'",
	"SELECT x'7853454352455478', 'xSECRETx' UNION SELECT 1, 'xSECRETx' FROM sessions",
	"KILL 'xSECRETx'",
	"SHOW STATUS LIKE 'xSECRETx'",
}

// TestNoSecretGetsOut: whatever clients send, neither log, status, metrics nor
// the proxy's own error texts repeat it. (A store's own errors are passed on.)
func TestNoSecretGetsOut(t *testing.T) {
	for level, format := range map[string]string{"seed": "text", "safe": "json"} {
		t.Run(level, func(t *testing.T) { testNoSecretGetsOut(t, level, format) })
	}
}

func testNoSecretGetsOut(t *testing.T, level, format string) {
	c := startCluster(t, options{
		stores: 2, copies: 2, storeArgs: []string{"--performance-schema=OFF", "--innodb-flush-log-at-trx-commit=1"},
		sections: fmt.Sprintf("\n[log]\nlevel = \"debug\"\nformat = %q\nslow_statement = \"1ms\"\n[limits]\nmax_login_failures = 3\n[consistency]\nlevel = %q\n", format, level),
		admin:    `password = "` + secret + `-admin"`,
	})
	var texts []string // of the proxy's errors
	note := func(err error) {
		var e *mysql.MySQLError
		if errors.As(err, &e) && strings.Contains(e.Message, "dsmproxy") {
			texts = append(texts, e.Message)
		}
	}
	ctx := context.Background()
	eventually(t, time.Minute, "the stores to serve", func() bool {
		_, err := c.client(t).Exec("DELETE FROM sessions WHERE id = 'none'")
		return err == nil
	})
	feed := func(interpolate bool) {
		conn, err := c.client(t, func(c *mysql.Config) { c.InterpolateParams = interpolate }).Conn(ctx)
		if err != nil {
			note(err)
			return
		}
		defer conn.Close()
		for _, q := range secretStatements {
			if rows, err := conn.QueryContext(ctx, q); err != nil {
				note(err)
			} else {
				for rows.Next() {
				}
				note(rows.Err())
				rows.Close()
			}
			if stmt, err := conn.PrepareContext(ctx, q); err != nil {
				note(err)
			} else {
				_, err = stmt.ExecContext(ctx)
				note(err)
				stmt.Close()
			}
		}
		for _, q := range []string{
			"REPLACE INTO sessions (id, data) VALUES (?, ?)", "SELECT * FROM nosuch WHERE a = ? AND b = ?",
			"SELECT data FROM sessions WHERE id = ? AND data <> ?", "SELECT ? FROM sessions JOIN other ON sessions.id = ?",
		} {
			_, err := conn.ExecContext(ctx, q, secret, secret)
			note(err)
		}
	}
	feed(false)
	feed(true)
	for range 5 { // guesses
		note(c.client(t, as("app", secret)).Ping())
	}
	note(c.client(t, func(c *mysql.Config) { c.DBName = "nosuch" }).Ping())

	// The same with stores that fail.
	if err := c.nodes[0].Kill(); err != nil {
		t.Fatal(err)
	}
	feed(false)
	if err := c.nodes[1].Kill(); err != nil {
		t.Fatal(err)
	}
	feed(true)
	restart(t, c.nodes[0].Server)
	restart(t, c.nodes[1].Server)
	eventually(t, 30*time.Second, "a client to be served", func() bool { return c.client(t).Ping() == nil })
	c.edit(t, `password = "`+mariadbtest.Password+`"`, `password = "`+secret+`-new"`)
	c.run(t, "reload") // which is refused, for the proxy logs in as this user

	if len(texts) == 0 {
		t.Error("the proxy has not refused anything: the test tests nothing")
	}
	out := map[string]string{"log": c.Log.String(), "error texts": strings.Join(texts, "\n")}
	for name, args := range map[string][]string{
		"status as JSON": {"status", "-json"}, "status": {"status"}, "clients": {"clients", "-json"},
	} {
		cmd := exec.Command(suite.Program(t), append(args, "-admin", c.Admin)...)
		cmd.Env = append(cmd.Environ(), "DSMPROXY_ADMIN_PASSWORD="+secret+"-admin")
		text, err := cmd.CombinedOutput()
		if err != nil {
			t.Fatalf("%s: %v\n%s", name, err, text)
		}
		out[name] = string(text)
	}
	out["metrics"] = metricsOf(t, c, secret+"-admin")
	if !strings.Contains(out["status as JSON"], "refusals") || !strings.Contains(out["log"], "slow statement") || !strings.Contains(out["metrics"], "dsmproxy_errors_total") {
		t.Error("something is missing in what comes out")
	}
	for name, text := range out {
		for line := range strings.Lines(text) {
			if i := strings.Index(line, secret); i >= 0 {
				t.Errorf("%s: ...%s", name, line[max(0, i-200):min(len(line), i+60)])
			}
			if name != "error texts" && strings.Contains(line, `"`+mariadbtest.Password+`"`) {
				t.Errorf("%s shows the password of the account: %s", name, line)
			}
		}
	}
}

// metricsOf asks for the metrics with a password.
func metricsOf(t testing.TB, c *cluster, password string) string {
	t.Helper()
	r, err := http.NewRequest(http.MethodGet, c.Admin+"/metrics", nil)
	if err != nil {
		t.Fatal(err)
	}
	r.SetBasicAuth("admin", password)
	resp, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}
