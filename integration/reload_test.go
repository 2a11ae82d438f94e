package integration

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/go-sql-driver/mysql"
)

// edit replaces text in the cluster's configuration file, as editors do: by
// another file of its name.
func (c *cluster) edit(t testing.TB, from, to string) {
	t.Helper()
	data, err := os.ReadFile(c.config)
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(string(data), from) {
		t.Fatalf("the configuration has no %q", from)
	}
	if err := os.WriteFile(c.config+".new", []byte(strings.Replace(string(data), from, to, 1)), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(c.config+".new", c.config); err != nil {
		t.Fatal(err)
	}
}

// as logs in as another user.
func as(user, password string) func(*mysql.Config) {
	return func(c *mysql.Config) { c.User, c.Passwd = user, password }
}

// number is the number of an error that a server sent.
func number(err error) uint16 {
	var e *mysql.MySQLError
	if errors.As(err, &e) {
		return e.Number
	}
	return 0
}

// TestReload: users, tables and limits change under a client in a transaction,
// which notices nothing.
func TestReload(t *testing.T) {
	c := startCluster(t, options{stores: 2, copies: 2, storeSQL: `
		CREATE USER second IDENTIFIED BY 'other'; GRANT ALL ON *.* TO second;`})
	ctx := context.Background()
	conn, err := c.client(t).Conn(ctx)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	exec := func(query string) error { _, err := conn.ExecContext(ctx, query); return err }
	for _, q := range []string{"BEGIN", "INSERT INTO sessions (id, data) VALUES ('k', 'v')"} {
		if err := exec(q); err != nil {
			t.Fatal(err)
		}
	}
	if n := number(exec("SELECT * FROM other")); n != 1235 {
		t.Fatalf("a table that is not configured: error %d, want 1235", n)
	}
	if n := number(c.client(t, as("second", "other")).Ping()); n != 1045 {
		t.Fatalf("a user that is not configured: error %d, want 1045", n)
	}
	c.edit(t, "\n[[store]]", "\n[[user]]\nname = \"second\"\npassword = \"other\"\n\n[[store]]")
	c.edit(t, "\n[[table]]", "\n[limits]\nmax_user_clients = 1\n\n[[table]]\nname = \"other\"\nkey = \"id\"\n\n[[table]]")
	if out, ok := c.run(t, "reload"); !ok {
		t.Fatalf("dsmproxy reload: %s", out)
	}
	if n := number(exec("SELECT * FROM other WHERE id = 1")); n != 0 {
		t.Errorf("a table that has been added: error %d", n)
	}
	if err := exec("COMMIT"); err != nil {
		t.Errorf("the transaction: %v", err)
	}
	second, err := c.client(t, as("second", "other")).Conn(ctx)
	if err != nil {
		t.Fatalf("a user that has been added: %v", err)
	}
	defer second.Close()
	if n := number(c.client(t, as("second", "other")).Ping()); n != 1203 {
		t.Errorf("a second client of that user: error %d, want 1203", n)
	}
	log := c.Log.String()
	for _, want := range []string{`setting=limits.max_user_clients from=0 to=1`, `setting=user.second.name`, `setting=table.other.key`, `configuration reloaded`} {
		if !strings.Contains(log, want) {
			t.Errorf("the log lacks %s", want)
		}
	}
	if strings.Contains(log, `"other\"" to`) || strings.Contains(log, "(hidden)") == false {
		t.Errorf("the new password is not hidden in the log")
	}
}

// TestReloadRefused: a file with a mistake, or with what needs a restart,
// changes nothing and is shown; SIGHUP then takes a good one.
func TestReloadRefused(t *testing.T) {
	c := startCluster(t, options{stores: 2, copies: 2})
	db := c.client(t)
	ping := func() {
		t.Helper()
		if err := db.Ping(); err != nil {
			t.Errorf("the client: %v", err)
		}
	}
	ping()
	c.edit(t, "\n[[table]]", "\n[limits]\nmax_clients = 0\nmax_user_clients = 7\n\n[[table]]")
	if out, ok := c.run(t, "reload", "-admin", c.Admin); ok || !strings.Contains(out, "limits.max_clients: must be from 1") {
		t.Errorf("reload of a file with a mistake: %s", out)
	}
	if s := c.status(t).Config; !strings.Contains(s.Error, "limits.max_clients") || s.ErrorAt == nil {
		t.Errorf("the status says of it: %+v", s.Error)
	}
	c.edit(t, "max_clients = 0", "max_clients = 9")
	c.edit(t, "\n[[table]]", "\n[log]\nformat = \"json\"\n\n[[table]]")
	if out, ok := c.run(t, "reload"); ok || !strings.Contains(out, "needs a restart: log.format") {
		t.Errorf("reload of what needs a restart: %s", out)
	}
	if got := c.status(t).Clients.Max; got != 10000 {
		t.Errorf("max_clients is %d: a file was taken over in part", got)
	}
	c.edit(t, "\n[log]\nformat = \"json\"\n", "")
	missing := "[[table]]\nname = \"missing\"\nkey = \"id\"\n"
	c.edit(t, missing, "")
	if out, ok := c.run(t, "reload"); ok || !strings.Contains(out, "needs a restart: table missing is removed, which no running proxy does at the levels safe and strict;") {
		t.Errorf("reload without a session table: %s", out)
	}
	c.edit(t, "[[table]]\nname = \"made\"", missing+"\n[[table]]\nname = \"made\"")
	if err := syscall.Kill(c.Pid(), syscall.SIGHUP); err != nil {
		t.Fatal(err)
	}
	eventually(t, 30*time.Second, "SIGHUP to take the file over", func() bool {
		s := c.status(t)
		return s.Clients.Max == 9 && s.Config.Error == ""
	})
	ping()
	if _, text := c.get(t, "/metrics"); !strings.Contains(text, `dsmproxy_config_reloads_total{outcome="refused"} 3`) {
		t.Error("the metrics don't count three refused files")
	}
}

// TestWatch: the file is reloaded when it changes, if it says so itself.
func TestWatch(t *testing.T) {
	c := startCluster(t, options{stores: 1, copies: 1, top: "watch = true", sections: "\n[limits]\nmax_clients = 11\n"})
	for most := range 3 {
		c.edit(t, fmt.Sprint("max_clients = ", 11+most), fmt.Sprint("max_clients = ", 12+most))
		eventually(t, 30*time.Second, "the file to be reloaded", func() bool { return c.status(t).Clients.Max == 12+most })
	}
}

// TestReloadCertificate: new clients get the new certificate, whose files have
// kept their names; a client that is there goes on. Both certificates expire soon,
// which is told. The proxy was started by a relative path, and finds its files.
func TestReloadCertificate(t *testing.T) {
	first, second := newPKI(t), newPKI(t)
	beside := func(file string) string { // of the configuration
		return filepath.Join("..", filepath.Base(filepath.Dir(file)), filepath.Base(file))
	}
	c := startStores(t, options{stores: 1, copies: 1, level: "seed", sections: fmt.Sprintf("\n[tls]\ncert = %q\nkey = %q\n", beside(first.cert), beside(first.key))})
	dir, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	config, err := filepath.Rel(dir, c.config)
	if err != nil {
		t.Fatal(err)
	}
	c.Proxy = suite.Serve(t, config)
	trusting := func(p *pki) func(*mysql.Config) {
		return func(c *mysql.Config) { c.TLS = &tls.Config{RootCAs: p.pool, ServerName: "localhost"} }
	}
	conn, err := c.client(t, trusting(first)).Conn(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	for from, to := range map[string]string{second.cert: first.cert, second.key: first.key} {
		data, err := os.ReadFile(from)
		if err == nil {
			err = os.WriteFile(to, data, 0o600)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	if out, ok := c.run(t, "reload"); !ok || !strings.Contains(out, "no setting has changed") {
		t.Fatal(out)
	}
	if err := c.client(t, trusting(second)).Ping(); err != nil {
		t.Errorf("the new certificate: %v", err)
	}
	if c.Log.Find(`level=WARN msg="certificate expires soon" certificate=tls.cert`) == "" {
		t.Error("the log does not tell that the certificate expires soon")
	}
	if out, _ := c.run(t, "status"); !strings.Contains(out, "the certificate tls.cert expires in 2") {
		t.Errorf("the status does not tell when the certificate expires:\n%s", out)
	}
	if c.client(t, trusting(first)).Ping() == nil {
		t.Error("the old certificate is still served")
	}
	var one int
	if err := conn.QueryRowContext(context.Background(), "SELECT 1").Scan(&one); err != nil {
		t.Errorf("the client with the old certificate: %v", err)
	}
	if err := os.WriteFile(first.cert, []byte("no certificate"), 0o600); err != nil {
		t.Fatal(err)
	}
	if out, ok := c.run(t, "reload", "-admin", c.Admin); ok {
		t.Errorf("reload with a broken certificate: %s", out)
	}
	if err := c.client(t, trusting(second)).Ping(); err != nil {
		t.Errorf("after a broken certificate: %v", err)
	}
}

// TestRenewedCertificate: certificates that are renewed on the disk are taken
// without being told, when they can be used.
func TestRenewedCertificate(t *testing.T) {
	first, second := newPKI(t), newPKI(t)
	c := startCluster(t, options{stores: 1, copies: 1, sections: fmt.Sprintf("\n[tls]\ncert = %q\nkey = %q\n", first.cert, first.key)})
	trusting := func(m *mysql.Config) { m.TLS = &tls.Config{RootCAs: second.pool, ServerName: "localhost"} }
	if c.client(t, trusting).Ping() == nil {
		t.Fatal("the first certificate passes for the second")
	}
	renew := func(data []byte, name string) {
		t.Helper()
		// As certbot and cert-manager do it: another file under the same name.
		if err := os.WriteFile(name+".new", data, 0o600); err != nil {
			t.Fatal(err)
		}
		if err := os.Rename(name+".new", name); err != nil {
			t.Fatal(err)
		}
	}
	renew([]byte("no certificate"), first.cert)
	eventually(t, time.Minute, "the broken certificate to be refused", func() bool { return strings.Contains(c.Log.String(), "certificates not renewed") })
	for from, to := range map[string]string{second.cert: first.cert, second.key: first.key} {
		data, err := os.ReadFile(from)
		if err != nil {
			t.Fatal(err)
		}
		renew(data, to)
	}
	eventually(t, time.Minute, "the new certificate", func() bool { return c.client(t, trusting).Ping() == nil })
	eventually(t, time.Minute, "the log to say so", func() bool { return strings.Contains(c.Log.String(), "certificates renewed") })
}

// TestLogLevel: the level of the log is changed from outside.
func TestLogLevel(t *testing.T) {
	c := startCluster(t, options{stores: 1, copies: 1, sections: "\n[log]\nslow_statement = \"200ms\"\nformat = \"json\"\n"})
	if out, ok := c.run(t, "log-level"); !ok || out != "info\n" {
		t.Errorf("dsmproxy log-level: %q", out)
	}
	if out, ok := c.run(t, "log-level", "debug"); !ok || out != "debug\n" {
		t.Errorf("dsmproxy log-level debug: %q", out)
	}
	if out, ok := c.run(t, "log-level", "loud"); ok || !strings.Contains(out, "loud") {
		t.Errorf("dsmproxy log-level loud: %q", out)
	}
	db := c.client(t)
	db.SetMaxOpenConns(1)
	if _, err := db.Exec("SELECT SLEEP(0.5), 'a secret'"); err != nil {
		t.Fatal(err)
	}
	eventually(t, 30*time.Second, "the slow statement to be logged", func() bool {
		return strings.Contains(c.Log.String(), `"statement":"SELECT SLEEP(?), ?"`)
	})
}

// TestReloadUnderLoad: users, tables, limits, pools, probes and the way to a
// store change again and again under clients that see no error; at last the
// password of the user whom the clients and the proxy itself are at the stores.
func TestReloadUnderLoad(t *testing.T) {
	for _, level := range []string{"safe", "seed"} {
		t.Run(level, func(t *testing.T) { testReloadUnderLoad(t, level) })
	}
}

func testReloadUnderLoad(t *testing.T, level string) {
	c := startCluster(t, options{
		level: level, stores: 3, copies: 2, links: true, storeArgs: []string{"--max-connections=2000"},
		storeSQL: "CREATE USER keeper IDENTIFIED BY 'first'; GRANT ALL ON *.* TO keeper;",
		sections: "\n[[table]]\nname = \"other\"\nkey = \"id\"\n\n[limits]\nmax_user_clients = 9000\n" +
			"\n[pool]\nmax_conns = 100\n\n[health]\nprobe_interval = \"400ms\"\n",
	})
	c.edit(t, "\nname = \"s1\"\n", "\nname = \"s1\"\nuser = \"keeper\"\npassword = \"first\"\n")
	behind, before := c.node(t, "s0").Addr(), c.node(t, "s0").link.Addr()
	v, stop := c.visit(t)
	const reloads = 12
	for i := range reloads {
		c.edit(t, fmt.Sprint("max_user_clients = ", 9000+i), fmt.Sprint("max_user_clients = ", 9001+i))
		switch i % 4 {
		case 0: // straight to the store, not by the link
			c.edit(t, fmt.Sprintf("addr = %q", before), fmt.Sprintf("addr = %q", behind))
			c.edit(t, "max_conns = 100", "max_conns = 60")
		case 1:
			c.edit(t, "probe_interval = \"400ms\"", "probe_interval = \"300ms\"")
			c.edit(t, "name = \"other\"\nkey = \"id\"", "name = \"other\"\nkey = \"id\"\ncollation = \"auto\"")
		case 2:
			c.edit(t, fmt.Sprintf("addr = %q", behind), fmt.Sprintf("addr = %q", before))
			c.edit(t, "max_conns = 60", "max_conns = 100")
		case 3:
			c.edit(t, "probe_interval = \"300ms\"", "probe_interval = \"400ms\"")
			c.edit(t, "name = \"other\"\nkey = \"id\"\ncollation = \"auto\"", "name = \"other\"\nkey = \"id\"")
		}
		if out, ok := c.run(t, "reload"); !ok {
			t.Fatalf("dsmproxy reload: %s", out)
		}
		v.progress(100)
	}
	// The account's password changes at the store and in the file.
	mustExec(t, c.node(t, "s1").db, "CREATE USER keeper2 IDENTIFIED BY 'second'; GRANT ALL ON *.* TO keeper2")
	c.edit(t, "user = \"keeper\"\npassword = \"first\"", "user = \"keeper2\"\npassword = \"second\"")
	if out, ok := c.run(t, "reload"); !ok {
		t.Fatalf("dsmproxy reload: %s", out)
	}
	v.progress(100)
	eventually(t, time.Minute, "the account that is not used any more to have no connections", func() bool {
		var n int
		err := c.node(t, "s1").db.QueryRow("SELECT COUNT(*) FROM information_schema.processlist WHERE user = 'keeper'").Scan(&n)
		return err == nil && n == 0
	})
	stop()
	v.judge(fmt.Sprint(reloads+1, " reloads"))
	c.edit(t, "\n[[store]]\nname = \"s2\"", "\n[[store]]\nname = \"s9\"")
	if out, ok := c.run(t, "reload"); ok || !strings.Contains(out, "store s9 is added") || !strings.Contains(out, "store s2 is removed") {
		t.Errorf("reload with another store: %s", out)
	}
}
