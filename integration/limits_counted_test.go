package integration

import (
	"context"
	"fmt"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/go-sql-driver/mysql"
)

// TestLimitsAreCounted: what meets a limit gets MySQL's number, if it gets
// anything, and is counted.
func TestLimitsAreCounted(t *testing.T) {
	t.Parallel()
	c := startCluster(t, options{stores: 1, copies: 1, storeSQL: "CREATE USER second IDENTIFIED BY 'other'; GRANT ALL ON *.* TO second;",
		sections: "\n[limits]\nmax_clients = 4\nmax_user_clients = 2\nmax_login_failures = 2\nmax_pending_logins = 2\n" +
			"handshake_timeout = \"1s\"\nidle_timeout = \"2s\"\nstatement_timeout = \"2s\"\nmax_allowed_packet = \"1MiB\"\n" +
			"[[user]]\nname = \"second\"\npassword = \"other\"\n[[user]]\nname = \"third\"\npassword = \"other\"\n"})
	ctx := context.Background()
	count := func(metric string) string {
		t.Helper()
		_, text := c.get(t, "/metrics")
		if m := regexp.MustCompile(`(?m)^dsmproxy_` + regexp.QuoteMeta(metric) + ` (\S+)$`).FindStringSubmatch(text); m != nil {
			return m[1]
		}
		return "none"
	}
	counted := func(metric string) {
		t.Helper()
		eventually(t, 30*time.Second, metric+" to be counted", func() bool { n := count(metric); return n != "0" && n != "none" })
	}
	refused := func(reason string) string { return fmt.Sprintf("client_refused_total{reason=%q}", reason) }
	want := func(what string, err error, n uint16) {
		t.Helper()
		if number(err) != n {
			t.Errorf("%s: %v, want error %d", what, err, n)
		}
	}
	hold := func(change ...func(*mysql.Config)) func() {
		t.Helper()
		conn, err := c.client(t, change...).Conn(ctx)
		if err != nil {
			t.Fatal(err)
		}
		return func() { conn.Close() }
	}

	// Clients in all, and of one user. They are idle, so they end by themselves.
	for range 2 {
		defer hold()()
		defer hold(as("second", "other"))()
	}
	want("one more client", c.client(t, as("third", "other")).Ping(), 1040)
	counted(refused("max_clients"))
	counted("client_idle_timeouts_total")
	eventually(t, 30*time.Second, "the idle clients to be gone", func() bool { return c.status(t).Clients.Now == 0 })
	defer hold()()
	defer hold()()
	want("one more client of the user", c.client(t).Ping(), 1203)
	counted(refused("max_user_clients"))
	eventually(t, 30*time.Second, "the idle clients to be gone again", func() bool { return c.status(t).Clients.Now == 0 })

	db := c.client(t)
	mustExec(t, db, "INSERT INTO sessions (id, data) VALUES ('k', 'v')")
	limited, late := lateStatement()
	_, server := c.nodes[0].db.Exec(limited)
	want("a long statement without the proxy", server, late)
	for _, long := range []struct{ what, query string }{
		{"at a store", "SELECT id FROM sessions WHERE id = 'k' AND SLEEP(60)"},
		{"at all stores", "SELECT COUNT(*) FROM sessions WHERE SLEEP(60) = 0"},
		{"that writes", "UPDATE sessions SET data = SLEEP(60) WHERE id = 'k'"},
		{"that sends rows before", "SELECT id, REPEAT('x', 100000) FROM sessions WHERE id = 'k' UNION ALL SELECT SLEEP(60), ''"},
	} {
		if _, err := db.Exec(long.query); err == nil || err.Error() != server.Error() {
			t.Errorf("a long statement %s: %v; the server's own error is %v", long.what, err, server)
		}
	}
	var slept int
	err := db.QueryRow("SELECT SLEEP(60)").Scan(&slept)
	if suite.Servers.MariaDB() {
		if err == nil || err.Error() != server.Error() {
			t.Errorf("a long statement at no store in particular: %v; the server's own error is %v", err, server)
		}
	} else if err != nil || slept != 1 {
		// MySQL's SLEEP() alone in a statement says 1 where it is cut short.
		t.Errorf("a long SLEEP() alone: %d, %v; want 1 and no error", slept, err)
	}
	if _, err := db.Exec("SELECT id FROM sessions WHERE id = 'k' AND SLEEP(1)"); err != nil {
		t.Errorf("a statement behind them: %v", err)
	}
	counted("statement_timeouts_total")

	raw := loginRaw(t, c.Addr)
	go raw.Write(frame(0, append([]byte{0x03}, "SELECT '"+strings.Repeat("x", 2<<20)+"'"...)))
	if p, err := raw.read(); err != nil || errorNumber(p) != 1153 {
		t.Errorf("a large packet: %q, %v; want error 1153", p, err)
	}
	counted("packets_too_large_total")

	slow, _ := dialRaw(t, c.Addr)
	slow.wantEnd(t)
	counted(refused("handshake_timeout"))
	for range 3 {
		dialRaw(t, c.Addr)
	}
	counted(refused("pending_logins"))

	eventually(t, 30*time.Second, "guesses to be told 1129", func() bool {
		return number(c.client(t, as("third", "wrong")).Ping()) == 1129
	})
	counted(refused("login_failures"))
	counted(refused("access_denied"))
}
