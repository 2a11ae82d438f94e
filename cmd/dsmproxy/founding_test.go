package main

import (
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/go-sql-driver/mysql"

	"github.com/dsmproxy/dsmproxy/conf"
	"github.com/dsmproxy/dsmproxy/internal/mariadbtest"
	"github.com/dsmproxy/dsmproxy/internal/proxytest"
)

// What an operator meets at the first start at the level that is the default.

// try starts a proxy and returns what it logs, and its error.
func (w *groupWorld) try() (p *proxy, log *proxytest.Log, err error) {
	w.t.Helper()
	cfg, err := conf.Load(w.path)
	if err != nil {
		w.t.Fatal(err)
	}
	log = new(proxytest.Log)
	if p, err = startProxy(cfg, w.path, newLogging(cfg.Log, log)); err == nil {
		w.t.Cleanup(func() {
			if err := p.Close(); err != nil {
				w.t.Error(err)
			}
			if w.t.Failed() {
				w.t.Log(log)
			}
		})
	}
	return p, log, err
}

// first starts a proxy.
func (w *groupWorld) first() (*proxy, *proxytest.Log) {
	w.t.Helper()
	p, log, err := w.try()
	if err != nil {
		w.t.Fatal(err)
	}
	return p, log
}

// refused wants a start to fail, by an error of one line with some texts.
func (w *groupWorld) refused(texts ...string) {
	w.t.Helper()
	_, _, err := w.try()
	if err == nil {
		w.t.Fatalf("it has started, want %q", texts)
	}
	for _, text := range texts {
		if !strings.Contains(err.Error(), text) || strings.Contains(err.Error(), "\n") {
			w.t.Errorf("the error is %q, want %q", err, text)
		}
	}
}

// says waits until a line of the log has some texts.
func (w *groupWorld) says(log *proxytest.Log, texts ...string) {
	w.t.Helper()
	proxytest.Eventually(w.t, groupTime, fmt.Sprintf("a line with %q", texts), func() bool {
		for line := range strings.Lines(log.String()) {
			has := true
			for _, text := range texts {
				has = has && strings.Contains(line, text)
			}
			if has {
				return true
			}
		}
		return false
	})
}

// writes waits until a write goes well.
func (w *groupWorld) writes(p *proxy) {
	w.t.Helper()
	db := proxytest.Open(w.t, p.Addr().String())
	defer db.Close()
	proxytest.Eventually(w.t, groupTime, "a write", func() bool {
		_, err := db.Exec("REPLACE INTO app.sessions (id,data) VALUES ('k1','v1')")
		return err == nil
	})
}

// TestFirstStart: a configuration that says nothing of consistency serves from
// one store on, at the default level.
func TestFirstStart(t *testing.T) {
	t.Parallel()
	for _, stores := range []int{1, 2, 3} {
		w := newGroupWorld(t, stores, `"safe"`)
		w.config = strings.Replace(w.config, "copies = 2", fmt.Sprintf("copies = %d", min(2, stores)), 1)
		if err := os.WriteFile(w.path, []byte(w.config), 0o600); err != nil {
			t.Fatal(err)
		}
		p, log := w.first()
		w.says(log, "msg=listening", "level="+conf.DefaultLevel)
		w.writes(p)
		if conf.DefaultLevel != "seed" {
			w.await(p, "the stores serve", whole)
		}
	}
}

// TestHalfOpened: gates whose opening has failed half-way, at stores that are
// not durable, are opened by the next proxy: they have lost nothing.
func TestHalfOpened(t *testing.T) {
	t.Parallel()
	for _, stores := range []int{2, 3} {
		w := newGroupWorld(t, stores, `"safe"`)
		w.must(0, []string{"init", "-yes"})
		for i := range w.dbs {
			w.exec(i, "SET GLOBAL innodb_flush_log_at_trx_commit = 2")
			w.exec(i, "UPDATE dsm.gate SET boot = boot - 1")
		}
		p, end := w.serve()
		w.writes(p)
		w.await(p, "the stores serve", whole)
		end()
	}
}

// TestFirstStartRights: each right that is missing is named in one line, for all
// stores; with them the proxy goes on by itself. A client is told as much.
func TestFirstStartRights(t *testing.T) {
	t.Parallel()
	w := newGroupWorld(t, 3, `"safe"`)
	w.config = strings.Replace(w.config, fmt.Sprintf("name = %q", mariadbtest.User), `name = "web"`, 1)
	w.level("\"safe\"\npatience = \"3s\"")
	for i := range w.dbs {
		w.exec(i, fmt.Sprintf("CREATE USER web@'%%' IDENTIFIED BY '%s'", mariadbtest.Password))
		w.exec(i, "GRANT ALL ON app.* TO web@'%'")
	}
	w.exec(1, "GRANT ALL ON dsm.* TO web@'%'")
	w.exec(1, "GRANT RELOAD ON *.* TO web@'%'")
	p, log := w.first()
	w.says(log, "level=WARN", "stores not initialised yet", "at s1, run: GRANT ALL ON dsm.* TO 'web'@'%'",
		"at s3, run: GRANT ALL ON dsm.* TO 'web'@'%'", `level = \"seed\"`)
	db := proxytest.Open(t, p.Addr().String(), func(c *mysql.Config) { c.User = "web" })
	if _, err := db.Exec("REPLACE INTO app.sessions (id,data) VALUES ('k1','v1')"); err == nil ||
		!strings.Contains(err.Error(), "dsmproxy: the stores have not been initialised") {
		t.Errorf("a client is told %v", err)
	}
	for _, i := range []int{0, 2} {
		w.exec(i, "GRANT ALL ON dsm.* TO web@'%'")
		w.exec(i, "GRANT RELOAD ON *.* TO web@'%'")
	}
	proxytest.Eventually(t, groupTime, "a write", func() bool {
		_, err := db.Exec("REPLACE INTO app.sessions (id,data) VALUES ('k1','v1')")
		return err == nil
	})
}

// TestFirstStartStoreDown: all stores must answer once; the one that does not is
// named, to the operator and to clients.
func TestFirstStartStoreDown(t *testing.T) {
	t.Parallel()
	w := newGroupWorld(t, 3, `"safe"`)
	w.level("\"safe\"\npatience = \"3s\"")
	if err := w.servers[1].Kill(); err != nil {
		t.Fatal(err)
	}
	p, log := w.first()
	w.says(log, "stores not initialised yet", "s2 can't be reached, and all must be")
	db := proxytest.Open(t, p.Addr().String())
	if _, err := db.Exec("REPLACE INTO app.sessions (id,data) VALUES ('k1','v1')"); err == nil ||
		!strings.Contains(err.Error(), "dsmproxy: the stores have not been initialised") {
		t.Errorf("a client is told %v", err)
	}
	if err := w.servers[1].Restart(t.Context()); err != nil {
		t.Fatal(err)
	}
	w.writes(p)
}

// TestFirstStartOldServer: a version that can't be used is named.
func TestFirstStartOldServer(t *testing.T) {
	t.Parallel()
	w := newGroupWorld(t, 2, `"safe"`)
	in, err := shared.servers()
	if err != nil {
		t.Fatal(err)
	}
	if !in.MariaDB() {
		return // a server of MySQL can't be told to call itself another version
	}
	old := in.Start(t, 1, "--version=10.1.48-MariaDB")[0]
	w.config = strings.Replace(w.config, w.servers[1].Addr(), old.Addr(), 1)
	w.level(`"safe"`)
	_, log := w.first()
	w.says(log, "stores not initialised yet", "store s2 can't be used: MariaDB 10.1.48-MariaDB is too old", "10.2 is needed", `level = \"seed\"`)
}

// TestApart: a proxy at the level seed does not start before stores that are used
// at another one, and ends when they are.
func TestApart(t *testing.T) {
	t.Parallel()
	w := newGroupWorld(t, 2, `"seed"`)
	p, log := w.first()
	w.writes(p)
	other := w.config
	w.config = newAddrs(t, w.config)
	w.level(`"safe"`)
	w.must(0, []string{"init", "-yes"})
	w.says(log, "the proxy can't go on", "is used at the levels safe and strict")
	w.config = newAddrs(t, other)
	w.level(`"seed"`)
	w.refused("is used at the levels safe and strict", `set level = "safe"`, "DROP DATABASE dsm at each store")
	for i := range w.dbs {
		w.exec(i, "DROP DATABASE dsm")
	}
	p, _ = w.first()
	w.writes(p)
}

// TestHandoverKeepsLevel: a process does not take over from one whose writes have
// no versions, or the other way round.
func TestHandoverKeepsLevel(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		before, now string
		fails       bool
	}{{"", "safe", true}, {"seed", "safe", true}, {"safe", "seed", true}, {"safe", "strict", false}, {"", "seed", false}, {"seed", "seed", false}} {
		in := passed{handover: handover{Level: c.before}, ready: os.Stderr}
		err := in.sameLevel(&conf.Config{Consistency: conf.Consistency{Level: c.now}})
		if (err != nil) != c.fails {
			t.Errorf("from %q to %q: %v", c.before, c.now, err)
		}
	}
}
