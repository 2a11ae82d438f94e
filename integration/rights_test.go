package integration

import (
	"database/sql"
	"os"
	"regexp"
	"strings"
	"testing"

	"github.com/go-sql-driver/mysql"

	"github.com/dsmproxy/dsmproxy/internal/mariadbtest"
	"github.com/dsmproxy/dsmproxy/internal/proxytest"
)

// grants are the statements of docs/SECURITY.md that make the account.
func grants(t *testing.T) []string {
	t.Helper()
	doc, err := os.ReadFile("../docs/SECURITY.md")
	if err != nil {
		t.Fatal(err)
	}
	var list []string
	for _, m := range regexp.MustCompile(`(?m)^    ((?:CREATE USER|GRANT) .*);$`).FindAllSubmatch(doc, -1) {
		if one := string(m[1]); !strings.Contains(one, " dsm.") && !strings.Contains(one, "dsmproxy@") { // for the levels safe and strict
			list = append(list, one)
		}
	}
	if len(list) < 3 {
		t.Fatalf("docs/SECURITY.md makes an account with %q", list)
	}
	return list
}

// TestLeastRights: with the rights that docs/SECURITY.md gives, and no more, the
// proxy serves all that session handlers send at the level seed. The others need
// more: TestLeastRightsFenced.
func TestLeastRights(t *testing.T) {
	servers := suite.Servers.Start(t, 2, "--max-connections=300")
	c := proxytest.Config{Copies: 2, Sections: "\n[[table]]\nschema = \"app\"\nname = \"sessions\"\nkey = \"id\"\n" +
		"\n[[table]]\nschema = \"app\"\nname = \"numbered\"\nkey = \"sid\"\nsurrogate = \"n\"\n[consistency]\nlevel = \"seed\"\n"}
	for i, s := range servers {
		admin := proxytest.Open(t, s.Addr())
		statements := append([]string{"CREATE DATABASE app",
			"CREATE TABLE app.sessions (id varchar(128) COLLATE utf8mb4_bin PRIMARY KEY, data blob, expires int) DEFAULT CHARSET=utf8mb4",
			"CREATE TABLE app.numbered (n bigint AUTO_INCREMENT PRIMARY KEY, sid varchar(128) COLLATE utf8mb4_bin NOT NULL UNIQUE, data blob) DEFAULT CHARSET=utf8mb4",
		}, grants(t)...)
		for _, one := range statements {
			proxytest.MustExec(t, admin, one)
		}
		c.Stores = append(c.Stores, proxytest.StoreConfig{Name: []string{"s1", "s2"}[i], Addr: s.Addr()})
	}
	config := proxytest.WriteConfig(t, c)
	text, err := os.ReadFile(config)
	if err != nil {
		t.Fatal(err)
	}
	login := strings.NewReplacer(`name = "`+mariadbtest.User+`"`, `name = "shop"`, `password = "`+mariadbtest.Password+`"`, `password = "a long secret"`)
	if err := os.WriteFile(config, []byte(login.Replace(string(text))), 0o600); err != nil {
		t.Fatal(err)
	}
	p := suite.Serve(t, config)
	db := proxytest.Open(t, p.Addr, func(c *mysql.Config) { c.User, c.Passwd, c.DBName = "shop", "a long secret", "app" })
	db.SetMaxOpenConns(1)
	for _, one := range []string{
		"INSERT INTO sessions VALUES ('a', 'x', 1), ('b', 'y', 2), ('c', RAND(), UNIX_TIMESTAMP())",
		"INSERT INTO sessions (id, data, expires) VALUES ('a', 'z', 3) ON DUPLICATE KEY UPDATE data = VALUES(data)",
		"UPDATE sessions SET expires = expires + 1 WHERE id = 'a'",
		"UPDATE sessions SET id = 'd' WHERE id = 'b'",
		"REPLACE INTO sessions VALUES ('e', UUID(), 9)",
		"DELETE FROM sessions WHERE expires < 4 ORDER BY expires LIMIT 1",
		"INSERT INTO numbered (sid, data) VALUES ('a', 'x'), ('b', 'y')",
		"BEGIN", "UPDATE numbered SET data = 'q' WHERE sid = 'a'", "SAVEPOINT s", "DELETE FROM numbered WHERE n = 1", "ROLLBACK TO s", "COMMIT",
		"DO GET_LOCK('x', 1)", "DO RELEASE_LOCK('x')",
		"SET @a = 5", "SET SESSION sql_mode = 'ANSI'",
	} {
		proxytest.MustExec(t, db, one)
	}
	for query, want := range map[string]string{
		"SELECT COUNT(*) FROM sessions":                                          "3",
		"SELECT MAX(expires) + @a FROM sessions WHERE expires < 100":             "14",
		"SELECT id FROM sessions ORDER BY expires DESC, id LIMIT 1":              "c",
		"SELECT data FROM numbered WHERE sid = 'a' FOR UPDATE":                   "q",
		"SELECT COUNT(*) FROM (SELECT data FROM sessions GROUP BY data) AS some": "3",
	} {
		var got sql.NullString
		if err := db.QueryRow(query).Scan(&got); err != nil || got.String != want {
			t.Errorf("%s = %q, %v, want %q", query, got.String, err, want)
		}
	}
	if strings.Contains(p.Log.String(), "denied") {
		t.Errorf("a right is missing:\n%s", p.Log.Tail(30))
	}
}
