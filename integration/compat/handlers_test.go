//go:build compat

package compat

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// handler is a session handler in one of its ways of work.
type handler struct {
	name    string
	program string // php, python, node, perl, go
	table   string // that it makes and uses, in a database of its own
	key     string
	more    string // TOML of the table's configuration
	// What it can: hold a session for one request at a time, drop expired
	// sessions, count sessions, expire one.
	locks, gc, count, expire bool
	// During a failure a request of it may fail, for it holds a transaction or
	// a lock on the store that fails; the reason.
	mayFail string
}

var handlers = []handler{
	{name: "express-mysql-session", program: "node", table: "sessions", key: "session_id", gc: true, count: true, expire: true},
	{name: "connect-session-sequelize", program: "node", table: "Sessions", key: "sid", gc: true, count: true, expire: true},
	{name: "keyv", program: "node", table: "keyv", key: "id", gc: true, count: true, expire: true},
	{name: "scs", program: "go", table: "sessions", key: "token", gc: true, count: true, expire: true},
	{name: "scs-interpolated", program: "go", table: "sessions", key: "token", gc: true, count: true, expire: true},
	{name: "django", program: "python", table: "django_session", key: "session_key", gc: true, count: true, expire: true},
	{
		name: "django-atomic", program: "python", table: "django_session", key: "session_key", gc: true, count: true, expire: true,
		mayFail: "each request is a transaction",
	},
	{name: "beaker", program: "python", table: "beaker_cache", key: "namespace", more: "surrogate = \"id\"\n"},
	{
		name: "symfony", program: "php", table: "sessions", key: "sess_id", locks: true, gc: true, expire: true,
		mayFail: "each request is a transaction",
	},
	{
		name: "symfony-native", program: "php", table: "sessions", key: "sess_id", locks: true, gc: true, expire: true,
		mayFail: "each request is a transaction",
	},
	{
		name: "symfony-advisory", program: "php", table: "sessions", key: "sess_id", locks: true, gc: true, expire: true,
		mayFail: "each request holds a named lock",
	},
	// It makes a new session in the place of one that it destroys.
	{name: "laravel", program: "php", table: "sessions", key: "id", gc: true, expire: true},
	{
		name: "codeigniter3", program: "php", table: "ci_sessions", key: "id", locks: true, gc: true, expire: true,
		mayFail: "each request holds a named lock",
	},
	{name: "yii2", program: "php", table: "session", key: "id", gc: true, expire: true},
	{
		name: "apache-session", program: "perl", table: "sessions", key: "id", locks: true,
		mayFail: "each request holds a named lock",
	},
}

// database is the handler's own, for some give their tables the same name.
func (h handler) database() string { return "h_" + strings.ReplaceAll(h.name, "-", "_") }

// command is how its program is started.
func (h handler) command(t *testing.T) []string {
	t.Helper()
	switch h.program {
	case "php":
		return []string{tool(t, "php"), "php/handler.php", h.name}
	case "python":
		// The distribution's own, for its packages are where apt puts modules.
		return []string{tool(t, "/usr/bin/python3"), "-W", "ignore", "python/handler.py", h.name}
	case "node":
		if _, err := os.Stat("node/node_modules"); err != nil {
			t.Fatal("the packages of integration/compat/node are not installed: run \"make compat\", which runs npm ci there")
		}
		return []string{tool(t, "node"), "node/handler.js", h.name}
	case "perl":
		return []string{tool(t, "/usr/bin/perl"), "perl/handler.pl"}
	case "go":
		return []string{goHandler(t), h.name}
	}
	t.Fatalf("unknown program %q", h.program)
	return nil
}

// goHandler builds the program of the Go module beside this package, once.
func goHandler(t *testing.T) string {
	t.Helper()
	path := filepath.Join(suite.Servers.Dir(), "handler-go")
	if _, err := os.Stat(path); err == nil {
		return path
	}
	cmd := exec.Command("go", "build", "-o", path, ".")
	cmd.Dir = "go"
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("build integration/compat/go: %v\n%s", err, out)
	}
	return path
}

// TestHandlers has each handler live through the same: directly, then through
// the proxy, where a store is killed in the midst of it.
func TestHandlers(t *testing.T) {
	var databases, tables strings.Builder
	for _, h := range handlers {
		fmt.Fprintf(&databases, "CREATE DATABASE %s CHARACTER SET utf8mb4;", h.database())
		fmt.Fprintf(&tables, "\n[[table]]\nname = %q\nkey = %q\nschema = %q\n%s", h.table, h.key, h.database(), h.more)
	}
	plain := startStores(t, 1, databases.String())
	c := startCluster(t, 4, 2, databases.String(), "", tables.String())
	for i, h := range handlers {
		t.Run(h.name, func(t *testing.T) {
			ok := t.Run("direct", func(t *testing.T) {
				l := newLife(t, h, plain[0].Addr())
				l.run(t, nil, nil)
			})
			if !ok {
				t.Fatal("it doesn't work directly")
			}
			t.Run("proxy", func(t *testing.T) {
				victim := c.nodes[i%len(c.nodes)]
				l := newLife(t, h, c.Addr)
				l.run(t, c, victim)
			})
		})
	}
}
