package integration

import (
	"bytes"
	"database/sql"
	"fmt"
	"os/exec"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/dsmproxy/dsmproxy/internal/mariadbtest"
)

// dump runs the stock dump program.
func dump(t *testing.T, addr string, flags ...string) string {
	t.Helper()
	host, port := hostPort(t, addr)
	args := []string{"--no-defaults", "-h", host, "-P", port, "-u", mariadbtest.User, "-p" + mariadbtest.Password,
		"--protocol=tcp", "--skip-ssl", "--skip-comments", "--order-by-primary"}
	cmd := exec.Command(tool(t, "mariadb-dump", "mysqldump"), append(args, flags...)...)
	var out, said bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &said
	timer := time.AfterFunc(2*time.Minute, func() { cmd.Process.Kill() })
	defer timer.Stop()
	if err := cmd.Run(); err != nil || said.Len() > 0 {
		t.Fatalf("dump %q: %v\n%s", flags, err, said.String())
	}
	return out.String()
}

// counter is what a table remembers of the next number, which differs from
// server to server.
var counter = regexp.MustCompile(` AUTO_INCREMENT=\d+`)

// TestDump dumps a server, loads that through the proxy into empty stores, and
// has the same dump of the proxy then.
func TestDump(t *testing.T) {
	plain := startStores(t, options{stores: 1, copies: 1})
	db := open(t, plain.nodes[0].Addr())
	db.SetMaxOpenConns(1)
	mustExec(t, db, "USE app")
	mustExec(t, db, "CREATE TABLE made (id varchar(64) NOT NULL PRIMARY KEY, n int NOT NULL AUTO_INCREMENT, v text, UNIQUE KEY (n)) DEFAULT CHARSET=utf8mb4")
	mustExec(t, db, "INSERT INTO other VALUES (1), (2)")
	keys := fillForDump(t, db)
	// MySQL shows a table in other words once it is made of its own dump:
	// CHARACTER SET of a column that is in the default one of its table.
	if out, err := mariadb(t, plain.nodes[0].Addr(), dump(t, plain.nodes[0].Addr(), "app"), "--skip-ssl", "--binary-mode"); err != nil || out != "" {
		t.Fatalf("load into a server: %v\n%.2000s", err, out)
	}

	c := startCluster(t, options{stores: 4, copies: 2, top: `other_tables = "s0"`})
	through := c.client(t)
	mustExec(t, through, "CREATE TABLE made (id varchar(64) PRIMARY KEY, n int NOT NULL AUTO_INCREMENT, UNIQUE KEY (n))")
	mustExec(t, through, "INSERT INTO made (id) VALUES ('before')") // and numbers are leased
	for _, way := range [][]string{
		{"app"}, {"--single-transaction", "app"}, {"--databases", "app"}, {"--no-autocommit", "--hex-blob", "app"},
		{"--opt", "--single-transaction", "--routines", "--triggers", "--events", "app", "sessions", "made"},
	} {
		t.Run(strings.Join(way, " "), func(t *testing.T) {
			want := counter.ReplaceAllString(dump(t, plain.nodes[0].Addr(), way...), "")
			mustExec(t, through, "TRUNCATE sessions")
			if out, err := mariadb(t, c.Addr, want, "--skip-ssl", "--binary-mode"); err != nil || out != "" {
				t.Fatalf("load: %v\n%.2000s", err, out)
			}
			c.wantPlaced(t, keys, []string{"none"})
			c.wantPlacedIn(t, "made", "id", []string{"m1", "m2"}, []string{"before"})
			if got := counter.ReplaceAllString(dump(t, c.Addr, way...), ""); got != want {
				t.Errorf("the dump of the proxy differs: %s", difference(got, want))
			}
		})
	}
	var n int
	if err := c.nodes[0].db.QueryRow("SELECT COUNT(*) FROM app.dsmproxy_ids").Scan(&n); err != nil || n == 0 {
		t.Errorf("no numbers have been leased: %d, %v", n, err)
	}
	for _, q := range []string{"SHOW TABLES", "SHOW TABLES FROM app", "SHOW TABLES WHERE 1=1 OR 1=0", "SHOW TABLES LIKE '%'", "SHOW TABLE STATUS LIKE '%s%'", "SHOW TABLE STATUS", "SHOW OPEN TABLES"} {
		for _, name := range firstColumn(t, through, q) {
			if strings.HasPrefix(name, "dsmproxy") {
				t.Errorf("%s shows %s", q, name)
			}
		}
	}
}

// fillForDump makes records with bytes of all kinds, more than a dump has in one
// INSERT.
func fillForDump(t *testing.T, db *sql.DB) (keys []string) {
	t.Helper()
	all := make([]byte, 1024)
	for i := range all {
		all[i] = byte(i * 7)
	}
	for i := range 1500 {
		keys = append(keys, fmt.Sprintf("k%04d-é", i))
		mustExec(t, db, "INSERT INTO sessions (id, data, expires, owner) VALUES (?, ?, ?, ?)", keys[i], all[i%200:], i, "o'\"\\\n")
	}
	mustExec(t, db, "INSERT INTO made (id, n, v) VALUES ('m1', 5, 'ä€'), ('m2', 9, NULL)")
	mustExec(t, db, "INSERT INTO laravel_sessions VALUES ('L1', NULL, '::1', 'x', 'payload', 5)")
	return keys
}

// firstColumn is the first column of a result.
func firstColumn(t *testing.T, db *sql.DB, query string) (list []string) {
	t.Helper()
	rows, err := db.Query(query)
	if err != nil {
		t.Fatalf("%s: %v", query, err)
	}
	defer rows.Close()
	columns, err := rows.Columns()
	if err != nil {
		t.Fatal(err)
	}
	row := make([]sql.RawBytes, len(columns))
	into := make([]any, len(row))
	for i := range row {
		into[i] = &row[i]
	}
	for rows.Next() {
		if err := rows.Scan(into...); err != nil {
			t.Fatal(err)
		}
		list = append(list, string(row[0]))
	}
	if err := rows.Err(); err != nil || len(list) == 0 {
		t.Fatalf("%s: %d rows, %v", query, len(list), err)
	}
	return list
}

// difference is the first line in which two texts differ.
func difference(got, want string) string {
	g, w := strings.Split(got, "\n"), strings.Split(want, "\n")
	for i := range g {
		if i >= len(w) || g[i] != w[i] {
			return fmt.Sprintf("line %d: %.300q, want %.300q", i+1, g[i], strings.Join(w[i:min(i+1, len(w))], ""))
		}
	}
	return "it is shorter"
}
