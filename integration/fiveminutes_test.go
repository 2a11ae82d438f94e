package integration

import (
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/dsmproxy/dsmproxy/internal/admin"
	"github.com/dsmproxy/dsmproxy/internal/mariadbtest"
	"github.com/dsmproxy/dsmproxy/internal/proxytest"
)

// TestFiveMinutes carries out what README.md says under "In five minutes": from
// one server with sessions to four stores, by the commands that stand there.
func TestFiveMinutes(t *testing.T) {
	readme, err := os.ReadFile("../README.md")
	if err != nil {
		t.Fatal(err)
	}
	for _, command := range []string{
		"mariadb-dump -h 10.0.0.1 -u root -p --no-data app sessions | mariadb -h 10.0.0.2 -u root -p app",
		"dsmproxy init-config -dsn app:secret@10.0.0.1:3306/app -o dsmproxy.toml 10.0.0.1 10.0.0.2 10.0.0.3 10.0.0.4",
		"dsmproxy check -online", "dsmproxy serve",
	} {
		if !strings.Contains(string(readme), "\n       "+command+"\n") {
			t.Errorf("README.md does not say %q: this test is about it", command)
		}
	}
	servers := suite.Servers.Start(t, 4, "--innodb-flush-log-at-trx-commit=1", "--max-connections=300")
	var addrs []string
	for i, s := range servers {
		db := open(t, s.Addr())
		mustExec(t, db, "CREATE DATABASE app CHARACTER SET utf8mb4")
		if i == 0 {
			mustExec(t, db, "CREATE TABLE app.sessions (id VARCHAR(255) NOT NULL PRIMARY KEY, user_id BIGINT UNSIGNED NULL, ip_address VARCHAR(45) NULL, user_agent TEXT NULL, payload LONGTEXT NOT NULL, last_activity INT NOT NULL, KEY (user_id), KEY (last_activity))")
		}
		addrs = append(addrs, s.Addr())
	}
	account := func(addr string) string {
		host, port := proxytest.HostPort(t, addr)
		return fmt.Sprintf("--protocol=tcp -h %s -P %s -u %s -p%s", host, port, mariadbtest.User, mariadbtest.Password)
	}
	for _, addr := range addrs[1:] {
		line := fmt.Sprintf("set -o pipefail; %s --no-defaults %s --no-data app sessions | %s --no-defaults %s app",
			tool(t, "mariadb-dump"), account(addrs[0]), tool(t, "mariadb"), account(addr))
		if out, err := exec.Command("bash", "-c", line).CombinedOutput(); err != nil {
			t.Fatalf("%s: %v\n%s", line, err, out)
		}
	}
	config := filepath.Join(t.TempDir(), "dsmproxy.toml")
	dsn := fmt.Sprintf("%s:%s@%s/app", mariadbtest.User, mariadbtest.Password, addrs[0])
	run := func(args ...string) {
		t.Helper()
		if out, err := exec.Command(suite.Program(t), args...).CombinedOutput(); err != nil {
			t.Fatalf("dsmproxy %s: %v\n%s", strings.Join(args, " "), err, out)
		}
	}
	run(append([]string{"init-config", "-dsn", dsn, "-o", config}, addrs...)...)
	run("check", "-online", "-config", config)

	// What it listens on may be in use here.
	text, err := os.ReadFile(config)
	if err != nil {
		t.Fatal(err)
	}
	edited := strings.Replace(string(text), `"127.0.0.1:3307"`, fmt.Sprintf("%q", proxytest.FreeAddr(t)), 1)
	if edited == string(text) {
		t.Errorf("init-config does not listen on 127.0.0.1:3307, as README.md says:\n%s", text)
	}
	edited = fmt.Sprintf("%s\n[admin]\nlisten = %q\n", edited, proxytest.FreeAddr(t))
	if err := os.WriteFile(config, []byte(edited), 0o600); err != nil {
		t.Fatal(err)
	}
	p := suite.Serve(t, config)
	db := open(t, p.Addr)
	eventually(t, time.Minute, "the first session to be written", func() bool {
		_, err := db.Exec("INSERT INTO app.sessions (id, payload, last_activity) VALUES ('visitor', 'hello', 1)")
		return err == nil
	})
	// Until the first server's sessions are on others, it can't be done without.
	eventually(t, time.Minute, "the sessions to be on their stores", func() bool {
		out, err := exec.Command(suite.Program(t), "status", "--json", "-config", config).Output()
		var s admin.Status
		return err == nil && json.Unmarshal(out, &s) == nil && s.Group != nil &&
			!slices.ContainsFunc(s.Group.Members, func(m admin.Member) bool { return m.State != "up" || !m.Covered })
	})
	if err := servers[0].Kill(); err != nil {
		t.Fatal(err)
	}
	eventually(t, time.Minute, "the session to outlive a store", func() bool {
		var payload string
		return db.QueryRow("SELECT payload FROM app.sessions WHERE id = 'visitor'").Scan(&payload) == nil && payload == "hello"
	})
}
