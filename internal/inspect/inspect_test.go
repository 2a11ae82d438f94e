package inspect

import (
	"bytes"
	"context"
	"database/sql"
	"fmt"
	"net"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/dsmproxy/dsmproxy/internal/mariadbtest"
	"github.com/dsmproxy/dsmproxy/internal/realstore"
)

var servers *mariadbtest.Installation

func TestMain(m *testing.M) { os.Exit(mariadbtest.Main(m, &servers)) }

const sessionsTable = "CREATE TABLE app.sessions (id varchar(128) COLLATE utf8mb4_bin NOT NULL PRIMARY KEY, data mediumblob NOT NULL, expires int NOT NULL, KEY expires (expires)) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4"

// start starts servers with a session table each.
func start(t *testing.T, n int, args ...string) []*realstore.Server {
	t.Helper()
	list := servers.Start(t, n, append([]string{"--innodb-flush-log-at-trx-commit=1", "--max-connections=300"}, args...)...)
	for _, s := range list {
		do(t, s, "CREATE DATABASE app", sessionsTable)
	}
	return list
}

// do carries out statements with all rights.
func do(t *testing.T, s *realstore.Server, statements ...string) {
	t.Helper()
	db, err := sql.Open("mysql", s.DSN(""))
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	for _, one := range statements {
		if _, err := db.Exec(one); err != nil {
			t.Fatalf("%s: %v", one, err)
		}
	}
}

// config inspects servers with the account of all rights.
func config(list []*realstore.Server) Config {
	c := Config{
		Accounts: []Account{{mariadbtest.User, mariadbtest.Password}},
		Tables:   []Table{{Schema: "app", Name: "sessions", Key: "id"}},
		MaxConns: 200, MaxLifetime: time.Hour, MaxPacket: 64 << 20, Timeout: 60 * time.Second,
	}
	for i, s := range list {
		c.Stores = append(c.Stores, Store{Name: fmt.Sprintf("s%d", i+1), Network: "tcp", Addr: s.Addr()})
	}
	return c
}

// expect wants exactly the findings whose beginnings are listed.
func expect(t *testing.T, r *Report, want ...string) {
	t.Helper()
	left := append([]Finding(nil), r.Findings...)
	for _, w := range want {
		found := -1
		for i, f := range left {
			if strings.Contains(f.String(), w) {
				found = i
			}
		}
		if found < 0 {
			t.Errorf("not found: %s", w)
			continue
		}
		left = append(left[:found], left[found+1:]...)
	}
	for _, f := range left {
		t.Errorf("found: %s", f)
	}
	for _, f := range r.Findings {
		if f.Remedy == "" || f.Check == "" {
			t.Errorf("no remedy: %+v", f)
		}
		if f.Level == Wrong && r.OK {
			t.Errorf("ok in spite of %s", f)
		}
	}
}

func TestNothingWrong(t *testing.T) {
	r := Run(t.Context(), config(start(t, 2)))
	expect(t, r)
	if !r.OK || len(r.Stores) != 2 || !r.Stores[1].Reached || r.Stores[0].Version == "" {
		t.Errorf("report: %+v", r)
	}
}

// TestUnreachable: a store that is dead, one that never answers, one that
// refuses the password, and what is said meanwhile.
func TestUnreachable(t *testing.T) {
	list := start(t, 3)
	do(t, list[2], "ALTER USER app@'%' IDENTIFIED BY 'other'")
	defer do2(t, list[2].Addr(), "other", "ALTER USER app@'%' IDENTIFIED BY 'secret'")
	if err := list[1].Kill(); err != nil {
		t.Fatal(err)
	}
	silent, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer silent.Close()
	c := config(list)
	c.Stores = append(c.Stores, Store{Name: "s4", Network: "tcp", Addr: silent.Addr().String()})
	var said bytes.Buffer
	c.Timeout, c.Progress, c.Patience = 10*time.Second, &said, 500*time.Millisecond
	r := Run(t.Context(), c)
	expect(t, r, "wrong: s2: can't be reached: ", `wrong: s3: refuses the login of "app": `, "wrong: s4: no answer from "+silent.Addr().String()+" within 10.")
	if r.OK || !r.Stores[0].Reached || r.Stores[1].Reached || r.Stores[2].Reached || r.Stores[3].Reached {
		t.Errorf("report: %+v", r)
	}
	if !strings.Contains(said.String(), "waiting for s4 ("+silent.Addr().String()+"): dial and login") {
		t.Errorf("said meanwhile: %s", said.String())
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if r := Run(ctx, c); r.OK {
		t.Error("an interrupted look finds nothing wrong")
	}
}

// do2 carries out a statement with another password.
func do2(t *testing.T, addr, password, statement string) {
	t.Helper()
	db, err := sql.Open("mysql", "app:"+password+"@tcp("+addr+")/")
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	if _, err := db.Exec(statement); err != nil {
		t.Error(err)
	}
}

func TestRights(t *testing.T) {
	list := start(t, 2)
	for _, s := range list {
		do(t, s, "CREATE USER web@'%' IDENTIFIED BY 'x'", "GRANT SELECT, INSERT, UPDATE, DELETE, CREATE TEMPORARY TABLES ON app.* TO web@'%'", "GRANT CREATE ON app.sessions TO web@'%'")
	}
	c := config(list)
	c.Accounts = []Account{{"web", "x"}}
	expect(t, Run(t.Context(), c))

	do(t, list[1], "REVOKE UPDATE, DELETE, CREATE TEMPORARY TABLES ON app.* FROM web@'%'")
	expect(t, Run(t.Context(), c),
		"wrong: s2: app.sessions: the account has no right to UPDATE, DELETE",
		"note: s2: app.sessions: the account may not make temporary tables in app")
	do(t, list[1], "GRANT UPDATE, DELETE, CREATE TEMPORARY TABLES ON app.* TO web@'%'", "REVOKE CREATE ON app.sessions FROM web@'%'")
	expect(t, Run(t.Context(), c), "note: s2: app.sessions: the account may not make a temporary table named app.sessions")
	do(t, list[1], "REVOKE CREATE TEMPORARY TABLES ON app.* FROM web@'%'")

	// An account of the store's own is used instead of the clients'.
	c.Stores[1].Own = &Account{mariadbtest.User, mariadbtest.Password}
	expect(t, Run(t.Context(), c))

	// Each of the clients' accounts is tried.
	c.Stores[1].Own = nil
	c.Accounts = []Account{{mariadbtest.User, mariadbtest.Password}, {"nobody", "x"}}
	expect(t, Run(t.Context(), c), `wrong: s1: refuses the login of "nobody"`, `wrong: s2: refuses the login of "nobody"`)
}

// TestNumbers: rights that AUTO_INCREMENT columns need.
func TestNumbers(t *testing.T) {
	list := start(t, 1)
	do(t, list[0], "DROP TABLE app.sessions",
		"CREATE TABLE app.sessions (n int AUTO_INCREMENT PRIMARY KEY, id varchar(128) COLLATE utf8mb4_bin NOT NULL UNIQUE, data blob) ENGINE=InnoDB",
		"CREATE USER web@'%' IDENTIFIED BY 'x'", "GRANT SELECT, INSERT, UPDATE, DELETE, CREATE TEMPORARY TABLES ON app.* TO web@'%'", "GRANT CREATE ON app.sessions TO web@'%'")
	c := config(list)
	expect(t, Run(t.Context(), c), "wrong: s1: app.sessions: its column n is AUTO_INCREMENT")
	c.Tables[0].Surrogate = "n"
	c.Accounts = []Account{{"web", "x"}}
	expect(t, Run(t.Context(), c), "wrong: s1: the account has no right to CREATE the table dsmproxy_ids")
	do(t, list[0], "GRANT CREATE ON app.dsmproxy_ids TO web@'%'")
	expect(t, Run(t.Context(), c))
	do(t, list[0], "CREATE TABLE app.dsmproxy_ids (name varchar(64) PRIMARY KEY, next bigint unsigned NOT NULL)",
		"REVOKE CREATE ON app.dsmproxy_ids FROM web@'%'")
	expect(t, Run(t.Context(), c))
	c.Tables[0].Surrogate = "id"
	expect(t, Run(t.Context(), c),
		"wrong: s1: app.sessions: its column n is AUTO_INCREMENT",
		`wrong: s1: app.sessions: has no AUTO_INCREMENT column "id"`)
}
