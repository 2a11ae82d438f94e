package integration

import (
	"database/sql"
	"os"
	"strings"
	"testing"

	"github.com/go-sql-driver/mysql"

	"github.com/dsmproxy/dsmproxy/internal/proxytest"
)

// fencedGrants are the statements of docs/SECURITY.md that the levels safe and
// strict need besides: for the proxy's own account, and for the clients', once
// the side tables are there.
func fencedGrants(t *testing.T) (own, clients []string) {
	t.Helper()
	doc, err := os.ReadFile("../docs/SECURITY.md")
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(doc)) {
		switch line = strings.TrimSpace(strings.TrimSuffix(strings.TrimSpace(line), ";")); {
		case !strings.HasPrefix(line, "GRANT "):
		case strings.Contains(line, "TO dsmproxy@"):
			own = append(own, line)
		case strings.Contains(line, " dsm."):
			clients = append(clients, line)
		}
	}
	if len(own) < 3 || len(clients) < 3 {
		t.Fatalf("docs/SECURITY.md gives %q and %q", own, clients)
	}
	return own, clients
}

// TestLeastRightsFenced: with the rights that docs/SECURITY.md gives, and no
// more, the level safe works, and check -online finds nothing missing; it names
// what is taken away.
func TestLeastRightsFenced(t *testing.T) {
	servers := suite.Servers.Start(t, 2, "--max-connections=300")
	c := proxytest.Config{Copies: 2, Sections: "\n[[table]]\nschema = \"app\"\nname = \"sessions\"\nkey = \"id\"\n" +
		"\n[[user]]\nname = \"shop\"\npassword = \"a long secret\"\n[consistency]\nlevel = \"safe\"\n"}
	own, clients := fencedGrants(t)
	var admins []*sql.DB
	for i, s := range servers {
		admin := proxytest.Open(t, s.Addr())
		admins = append(admins, admin)
		for _, one := range append(append([]string{"CREATE DATABASE app",
			"CREATE TABLE app.sessions (id varchar(128) COLLATE utf8mb4_bin PRIMARY KEY, data blob, expires int) DEFAULT CHARSET=utf8mb4",
			"CREATE TABLE app.numbered (n int PRIMARY KEY)", // which grants name
			"CREATE USER dsmproxy@'%' IDENTIFIED BY 'its own'",
		}, own...), grants(t)...) {
			proxytest.MustExec(t, admin, one)
		}
		c.Stores = append(c.Stores, proxytest.StoreConfig{Name: []string{"s1", "s2"}[i], Addr: s.Addr()})
	}
	config := proxytest.WriteConfig(t, c)
	text, err := os.ReadFile(config)
	if err != nil {
		t.Fatal(err)
	}
	// The first user is whom the proxy itself logs in as.
	first, rest, _ := strings.Cut(string(text), "[[user]]\n")
	_, rest, _ = strings.Cut(rest, "\n\n")
	if err := os.WriteFile(config, []byte(first+"[[user]]\nname = \"dsmproxy\"\npassword = \"its own\"\n\n"+rest), 0o600); err != nil {
		t.Fatal(err)
	}
	if out, code := runDsmproxy(t, "init", "-config", config, "-yes"); code != 0 {
		t.Fatalf("init exits with %d:\n%s", code, out)
	}
	for _, admin := range admins {
		for _, one := range clients {
			proxytest.MustExec(t, admin, one)
		}
	}
	if out, _ := runDsmproxy(t, "check", "-online", "-config", config); strings.Contains(out, "has no right") || strings.Contains(out, "may not use") {
		t.Errorf("check -online misses a right:\n%s", out)
	}
	p := suite.Serve(t, config)
	db := proxytest.Open(t, p.Addr, func(c *mysql.Config) { c.User, c.Passwd, c.DBName = "shop", "a long secret", "app" })
	for _, one := range []string{
		"INSERT INTO sessions VALUES ('a', 'x', 1), ('b', 'y', 2), ('c', RAND(), UNIX_TIMESTAMP())",
		"INSERT INTO sessions (id, data, expires) VALUES ('a', 'z', 3) ON DUPLICATE KEY UPDATE data = VALUES(data)",
		"UPDATE sessions SET id = 'd' WHERE id = 'b'",
		"DELETE FROM sessions WHERE expires < 2",
		"DO GET_LOCK('x', 1)",
	} {
		proxytest.MustExec(t, db, one)
	}
	var n int
	if err := db.QueryRow("SELECT COUNT(*) FROM sessions").Scan(&n); err != nil || n != 2 {
		t.Errorf("%d records, %v, want 2", n, err)
	}
	if strings.Contains(p.Log.String(), "denied") {
		t.Errorf("a right is missing:\n%s", p.Log.Tail(30))
	}
	proxytest.MustExec(t, admins[1], "REVOKE TRIGGER, DROP ON app.* FROM dsmproxy@'%'")
	out, code := runDsmproxy(t, "check", "-online", "-config", config)
	if code != 1 || !strings.Contains(out, "has no right to DROP, TRIGGER") || strings.Contains(out, "wrong: s1: app.sessions: ") {
		t.Errorf("check -online exits with %d:\n%s", code, out)
	}
}
