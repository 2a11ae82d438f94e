package main

import (
	"database/sql"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	_ "github.com/go-sql-driver/mysql"

	"github.com/dsmproxy/dsmproxy/internal/inspect"
	"github.com/dsmproxy/dsmproxy/internal/mariadbtest"
	"github.com/dsmproxy/dsmproxy/internal/realstore"
)

// onlineConfig writes a configuration of servers.
func onlineConfig(t *testing.T, password string, list []*realstore.Server) string {
	t.Helper()
	var b strings.Builder
	fmt.Fprintf(&b, "copies = 1\n[[user]]\nname = %q\npassword = %q\n", mariadbtest.User, password)
	for i, s := range list {
		fmt.Fprintf(&b, "[[store]]\nname = \"s%d\"\naddr = %q\n", i+1, s.Addr())
	}
	b.WriteString("[[table]]\nschema = \"app\"\npreset = \"laravel\"\n[consistency]\nlevel = \"seed\"\n")
	path := filepath.Join(t.TempDir(), "dsmproxy.toml")
	if err := os.WriteFile(path, []byte(b.String()), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// TestCheckOnline looks at good stores, then at a dead one, then with a wrong
// password.
func TestCheckOnline(t *testing.T) {
	t.Parallel()
	list := startServers(t, 2, "CREATE DATABASE app",
		"CREATE TABLE app.sessions (id varchar(255) COLLATE utf8mb4_unicode_ci NOT NULL PRIMARY KEY, payload longtext NOT NULL, last_activity int NOT NULL) DEFAULT CHARSET=utf8mb4")
	good, denied := onlineConfig(t, mariadbtest.Password, list), onlineConfig(t, "wrong", list)

	code, out, stderr := call("", "check", "-online", "-config", good)
	if code != 0 || !strings.HasSuffix(out, "ok: 0 wrong, 1 note\n") {
		t.Errorf("good stores: %d\n%s%s", code, out, stderr)
	}
	for line := range strings.Lines(stderr) {
		if !strings.Contains(line, " s: waiting for s") { // said where it takes seconds
			t.Errorf("good stores: %s", line)
		}
	}
	if !strings.Contains(out, "s1 ("+list[0].Addr()+"): "+strings.TrimSpace(serverVersion(t, list[0]))+", no TLS, login in ") ||
		!strings.Contains(out, "note: s1, s2: app.sessions: the key's collation utf8mb4_unicode_ci") || !strings.Contains(out, "\n  remedy: nothing, where") {
		t.Errorf("good stores:\n%s", out)
	}
	if err := list[1].Kill(); err != nil {
		t.Fatal(err)
	}
	code, out, _ = call("", "check", "-online", "-json", "-config", good)
	var r inspect.Report
	if err := json.Unmarshal([]byte(out), &r); err != nil || code != 1 || r.OK || len(r.Stores) != 2 || !r.Stores[0].Reached || r.Stores[1].Reached {
		t.Errorf("a dead store: %d, %v\n%s", code, err, out)
	}
	if f := r.Findings[0]; f.Level != inspect.Wrong || f.Check != "connect" || f.Store != "s2" || !strings.Contains(f.Remedy, list[1].Addr()) {
		t.Errorf("a dead store: %+v", f)
	}
	code, out, _ = call("", "check", "-online", "-config", denied)
	if code != 1 || !strings.Contains(out, `wrong: s1: refuses the login of "app"`) || !strings.Contains(out, "s1 ("+list[0].Addr()+"): not reached") || !strings.HasSuffix(out, "not ok: 2 wrong, 0 notes\n") {
		t.Errorf("a wrong password: %d\n%s", code, out)
	}
	if code, _, _ := call("", "check", "-json", "-config", good); code != 2 {
		t.Errorf("-json without -online: %d, want 2", code)
	}
	if code, _, _ := call("", "check", "-online", "-config", filepath.Join(t.TempDir(), "none")); code != 1 {
		t.Errorf("no configuration: %d, want 1", code)
	}
}

func serverVersion(t *testing.T, s *realstore.Server) (v string) {
	t.Helper()
	db, err := sql.Open("mysql", s.DSN(""))
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	if err := db.QueryRow("SELECT @@version").Scan(&v); err != nil {
		t.Fatal(err)
	}
	return v
}

// TestFindingsFolded: what is the same at several stores is printed once.
func TestFindingsFolded(t *testing.T) {
	var out strings.Builder
	find := func(store, message string) inspect.Finding {
		return inspect.Finding{Level: inspect.Note, Store: store, Message: message, Remedy: "mend it"}
	}
	printReport(&out, &inspect.Report{OK: true, Findings: []inspect.Finding{
		find("s1", "small"), find("s2", "slow"), find("s2", "small"), find("", "small"), find("s3", "small"),
	}})
	const want = "\nnote: s1, s2, s3: small\n  remedy: mend it\n\nnote: s2: slow\n  remedy: mend it\n\nnote: small\n  remedy: mend it\n\nok: 0 wrong, 3 notes\n"
	if out.String() != want {
		t.Errorf("printed %q, want %q", &out, want)
	}
}
