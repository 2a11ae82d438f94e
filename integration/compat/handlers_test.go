//go:build compat

package compat

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

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
		return []string{tool(t, "/usr/bin/perl"), "perl/" + h.name + ".pl"}
	case "ruby":
		return []string{tool(t, "/usr/bin/ruby"), "-W0", "ruby/handler.rb", h.name}
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
// the proxy at the default level, where a store is killed in the midst of it.
func TestHandlers(t *testing.T) { haveLive(t, handlers, "") }

// TestHandlersAtSeed does so at the level seed with one of each language.
func TestHandlersAtSeed(t *testing.T) {
	var some []handler
	for _, h := range handlers {
		if slices.Contains([]string{"adodb", "express-mysql-session", "flask", "gormstore"}, h.name) {
			some = append(some, h)
		}
	}
	haveLive(t, some, atSeed)
}

func haveLive(t *testing.T, handlers []handler, sections string) {
	var databases, tables strings.Builder
	for _, h := range handlers {
		fmt.Fprintf(&databases, "CREATE DATABASE %s CHARACTER SET utf8mb4;", h.database())
		fmt.Fprintf(&tables, "\n[[table]]\nname = %q\nkey = %q\nschema = %q\n%s", h.table, h.key, h.database(), h.more)
	}
	plain := startStores(t, 1, databases.String())
	clusters := []*cluster{startCluster(t, 4, 2, databases.String(), "", tables.String()+sections)}
	if !clusters[0].seed {
		// A store that was killed is let in after some seconds. Meanwhile the next
		// handler lives with other stores.
		clusters = append(clusters, startCluster(t, 4, 2, databases.String(), "", tables.String()+sections))
	}
	for i, h := range handlers {
		c, turn := clusters[i%len(clusters)], i/len(clusters)
		t.Run(h.name, func(t *testing.T) {
			ok := t.Run("direct", func(t *testing.T) {
				l := newLife(t, h, plain[0].Addr())
				l.run(t, nil, nil)
			})
			if !ok {
				t.Fatal("it doesn't work directly")
			}
			c.awaitStores(t)
			t.Run("proxy", func(t *testing.T) {
				l := newLife(t, h, c.Addr)
				l.run(t, c, c.nodes[turn%len(c.nodes)])
			})
		})
		// A store that has failed twice has to wait longer before it is believed
		// to be well. A new proxy does not know of that.
		if !c.seed && turn%len(c.nodes) == len(c.nodes)-1 {
			c.Kill()
			c.Proxy = suite.Serve(t, c.config)
		}
	}
}
