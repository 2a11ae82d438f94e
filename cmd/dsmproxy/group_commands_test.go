package main

import (
	"bytes"
	"database/sql"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/dsmproxy/dsmproxy/conf"
	"github.com/dsmproxy/dsmproxy/internal/admin"
	"github.com/dsmproxy/dsmproxy/internal/mariadbtest"
	"github.com/dsmproxy/dsmproxy/internal/proxytest"
	"github.com/dsmproxy/dsmproxy/internal/realstore"
)

// groupTime is how long a test waits for what a group is to do.
const groupTime = 60 * time.Second

// groupWorld is stores with a session table, and the configuration of a proxy
// for them.
type groupWorld struct {
	t       *testing.T
	servers []*realstore.Server
	dbs     []*sql.DB
	path    string
	config  string // without the level
}

func newGroupWorld(t *testing.T, n int, level string) *groupWorld {
	w := &groupWorld{t: t, servers: startServers(t, n, "CREATE DATABASE app",
		"CREATE TABLE app.sessions (id VARCHAR(64) COLLATE utf8mb4_bin NOT NULL PRIMARY KEY, data MEDIUMBLOB) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4")}
	var b strings.Builder
	fmt.Fprintf(&b, "listen = %q\ncopies = 2\nplacement = \"rendezvous\"\n[admin]\nlisten = %q\n[[user]]\nname = %q\npassword = %q\n",
		proxytest.FreeAddr(t), proxytest.FreeAddr(t), mariadbtest.User, mariadbtest.Password)
	for i, s := range w.servers {
		db, err := sql.Open("mysql", s.DSN(""))
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { db.Close() })
		w.dbs = append(w.dbs, db)
		fmt.Fprintf(&b, "[[store]]\nname = \"s%d\"\naddr = %q\n", i+1, s.Addr())
	}
	b.WriteString("[[table]]\nname = \"sessions\"\nkey = \"id\"\n")
	w.config, w.path = b.String(), filepath.Join(t.TempDir(), "dsmproxy.toml")
	w.level(level)
	return w
}

// level gives the configuration a level, and what else belongs to it.
func (w *groupWorld) level(text string) {
	w.t.Helper()
	text = w.config + "[consistency]\nlevel = " + text + "\n"
	if err := os.WriteFile(w.path, []byte(text), 0o600); err != nil {
		w.t.Fatal(err)
	}
}

func (w *groupWorld) exec(store int, query string, args ...any) {
	w.t.Helper()
	if _, err := w.dbs[store].Exec(query, args...); err != nil {
		w.t.Fatalf("s%d: %s: %v", store+1, query, err)
	}
}

// command runs a command and returns its exit code and what it has printed.
func (w *groupWorld) command(args ...string) (int, string) {
	w.t.Helper()
	var out bytes.Buffer
	code := run(append(args[:1:1], append([]string{"-config", w.path}, args[1:]...)...), strings.NewReader(""), &out, &out)
	return code, out.String()
}

// must runs a command that is to exit with a code and to print some texts.
func (w *groupWorld) must(code int, args []string, texts ...string) string {
	w.t.Helper()
	got, out := w.command(args...)
	if got != code {
		w.t.Errorf("dsmproxy %s exits with %d, want %d:\n%s", strings.Join(args, " "), got, code, out)
	}
	for _, text := range texts {
		if !strings.Contains(out, text) {
			w.t.Errorf("dsmproxy %s does not print %q:\n%s", strings.Join(args, " "), text, out)
		}
	}
	return out
}

// serve runs a proxy in this process until the test, or the function, ends it.
func (w *groupWorld) serve() (p *proxy, end func()) {
	w.t.Helper()
	cfg, err := conf.Load(w.path)
	if err != nil {
		w.t.Fatal(err)
	}
	p, err = startProxy(cfg, w.path, newLogging(cfg.Log, testLog{w.t}))
	if err != nil {
		w.t.Fatal(err)
	}
	var once sync.Once
	end = func() {
		once.Do(func() {
			if err := p.Close(); err != nil {
				w.t.Error(err)
			}
		})
	}
	w.t.Cleanup(end)
	return p, end
}

// testLog logs to a test that runs.
type testLog struct{ t *testing.T }

func (l testLog) Write(b []byte) (int, error) {
	l.t.Log(strings.TrimSpace(string(b)))
	return len(b), nil
}

// await waits until a status of the group is as wanted.
func (w *groupWorld) await(p *proxy, what string, ok func(g *admin.Group) bool) *admin.Group {
	w.t.Helper()
	var g *admin.Group
	for end := time.Now().Add(groupTime); ; time.Sleep(20 * time.Millisecond) {
		if g = p.status().Group; ok(g) {
			return g
		}
		if time.Now().After(end) {
			text, _ := json.MarshalIndent(g, "", " ")
			w.t.Fatalf("not within %v: %s\n%s", groupTime, what, text)
		}
	}
}

func whole(g *admin.Group) bool {
	for _, m := range g.Members {
		if !m.Witness && (m.State != "up" || !m.Covered || !m.Answers) {
			return false
		}
	}
	return g.Serving
}

// order is the names of the stores for a key, by their index.
func (w *groupWorld) order(id string) []int {
	w.t.Helper()
	var out bytes.Buffer
	if run([]string{"route", "-config", w.path, "-json", id}, strings.NewReader(""), &out, &out) != 0 {
		w.t.Fatal(out.String())
	}
	var r struct{ Order []string }
	if err := json.Unmarshal(out.Bytes(), &r); err != nil {
		w.t.Fatal(err)
	}
	var list []int
	for _, name := range r.Order {
		list = append(list, int(name[1]-'1'))
	}
	return list
}

// TestInit: a table that has records is taken over; again nothing happens, and
// what is missing is said.
func TestInit(t *testing.T) {
	t.Parallel()
	w := newGroupWorld(t, 3, `"seed"`)
	w.must(1, []string{"init"}, `the level is "seed"`)
	for i := range 300 {
		id := fmt.Sprintf("k%d", i)
		for n, s := range w.order(id)[:1+i%3] { // one, two or three copies, which differ
			w.exec(s, "INSERT INTO app.sessions VALUES (?,?)", id, fmt.Sprintf("v%d", n))
		}
		if i == 40 {
			break
		}
	}
	w.level(`"safe"`)
	w.must(1, []string{"verify"}, "not been initialised", "dsmproxy init")
	w.must(1, []string{"init"}, "no proxy at level seed may", "give -yes")
	w.must(0, []string{"init", "-yes"}, "initialised: 3 stores up, all records")
	w.must(0, []string{"verify"}, "41 records in 1 table", "all copies are as they should be")
	for i := range 41 {
		id := fmt.Sprintf("k%d", i)
		for n, s := range w.order(id) {
			var got string
			err := w.dbs[s].QueryRow("SELECT data FROM app.sessions WHERE id=?", id).Scan(&got)
			if n < 2 && got != "v0" || n == 2 && err == nil {
				t.Errorf("%s at store %d of its order: %q, %v; want v0 at the first two", id, n, got, err)
			}
		}
	}
	if out := w.must(0, []string{"init"}, "initialised: 3 stores up"); strings.Contains(out, "will be one group") {
		t.Errorf("the second time: %s", out)
	}
	if err := w.servers[1].Kill(); err != nil {
		t.Fatal(err)
	}
	w.must(1, []string{"init", "-yes"}, "s2 can't be reached")
}

// TestInitRights: what is missing is named, with what to do about it.
func TestInitRights(t *testing.T) {
	t.Parallel()
	w := newGroupWorld(t, 3, `"safe"`)
	w.config = strings.Replace(w.config, fmt.Sprintf("name = %q", mariadbtest.User), `name = "web"`, 1)
	w.level(`"safe"`)
	for i := range w.dbs {
		w.exec(i, fmt.Sprintf("CREATE USER web@'%%' IDENTIFIED BY '%s'", mariadbtest.Password))
		w.exec(i, "GRANT ALL ON app.* TO web@'%'")
		if i > 0 {
			w.exec(i, "GRANT ALL ON dsm.* TO web@'%'")
		}
	}
	w.must(1, []string{"init", "-yes"}, "store s1: ERROR 1044", "at s1, run: GRANT ALL ON dsm.* TO 'web'@'%'")
	w.exec(0, "GRANT ALL ON dsm.* TO web@'%'")
	w.must(0, []string{"init", "-yes"}, "initialised: 3 stores up")
}

// TestVerifyCommand: at the level seed what differs is printed and mended.
func TestVerifyCommand(t *testing.T) {
	t.Parallel()
	w := newGroupWorld(t, 3, `"seed"`)
	for i := range 30 {
		id := fmt.Sprintf("k%d", i)
		for _, s := range w.order(id)[:2] {
			w.exec(s, "INSERT INTO app.sessions VALUES (?,'secret-data')", id)
		}
	}
	w.must(0, []string{"verify"}, "30 records in 1 table")
	first, second := w.order("k3")[0]+1, w.order("k3")[1]+1
	w.exec(second-1, "DELETE FROM app.sessions WHERE id='k3'")
	w.exec(w.order("k4")[1], "UPDATE app.sessions SET data='other-secret' WHERE id='k4'")
	out := w.must(1, []string{"verify"}, fmt.Sprintf("app.sessions k3: missing at s%d (served by s%d)", second, first), "app.sessions k4: differs at s", "2 not as they should be")
	if strings.Contains(out, "secret") {
		t.Errorf("data is printed: %s", out)
	}
	out = w.must(1, []string{"verify", "-json"})
	var line struct {
		Table, Key, Serves string
		Faults             []fault
	}
	if err := json.Unmarshal([]byte(out[:strings.Index(out, "\n")]), &line); err != nil || line.Key != "k3" || line.Faults[0].Kind != "missing" {
		t.Errorf("-json: %v: %s", err, out)
	}
	w.must(0, []string{"verify", "-repair"}, "k3: missing", "; mended", "2 mended")
	w.must(0, []string{"verify"}, "all copies are as they should be")
	if err := w.servers[0].Kill(); err != nil {
		t.Fatal(err)
	}
	w.must(1, []string{"verify"}, "not compared: s1: ")
}

// TestGroupCommands: status, verify -repair, forget, accept-loss and trust beside
// a running proxy at level safe, through the loss of a store.
func TestGroupCommands(t *testing.T) {
	t.Parallel()
	w := newGroupWorld(t, 3, `"safe"`)
	for i := range 50 {
		id := fmt.Sprintf("k%d", i)
		w.exec(w.order(id)[0], "INSERT INTO app.sessions VALUES (?,'v')", id)
	}
	p, end := w.serve()
	g := w.await(p, "the stores are whole", whole)
	if !g.Founded || g.View == "" || g.Short != 0 || g.Heal.Done == 0 || g.Lease <= 0 || len(g.Members) != 3 || !g.Members[0].Durable {
		t.Errorf("status: %+v", g)
	}
	if err := p.ready(); err != nil {
		t.Errorf("ready: %v", err)
	}
	w.must(0, []string{"init"}, "initialised: 3 stores up") // by the running proxy
	w.must(0, []string{"verify"}, "50 records")
	w.exec(w.order("k5")[1], "UPDATE app.sessions SET data='x' WHERE id='k5'")
	w.exec(w.order("k6")[1], "DELETE FROM app.sessions WHERE id='k6'")
	w.must(1, []string{"verify"}, "app.sessions k5: differs at", "app.sessions k6: missing at")
	w.must(0, []string{"verify", "-repair"}, "2 mended")
	w.must(0, []string{"verify"}, "all copies are as they should be")
	w.must(0, []string{"status"}, "view ", "3 of 3 up", "s2 ")
	w.must(0, []string{"drain", "s3"}, "s3")
	w.must(1, []string{"verify"}, "not compared: s3: it answers, and is not part of the group")
	w.must(0, []string{"undrain", "s3"}, "s3")
	w.await(p, "the stores are whole again", whole)
	metrics := scrape(t, p)
	for _, line := range []string{
		"dsmproxy_group_serving 1", "dsmproxy_group_stores_up 3", "dsmproxy_records_below_copies 0", `dsmproxy_store_view_state{state="up",store="s2"} 1`,
		`dsmproxy_store_covered{store="s3"} 1`, "dsmproxy_heal_running 0",
	} {
		if !strings.Contains(metrics, line+"\n") {
			t.Errorf("the metrics lack %s", line)
		}
	}

	w.must(1, []string{"forget", "nosuch"}, `no store "nosuch": they are s1, s2, s3`)
	w.must(1, []string{"forget", "s2"}, "give -yes")
	w.must(1, []string{"forget", "-yes", "s2"}, "only one that is down")
	w.must(1, []string{"trust", "-yes", "s2"}, "admitted already")
	w.must(1, []string{"drain", "s9"}, "s9")
	w.must(0, []string{"undrain", "s2"}, "was not drained")
	w.must(0, []string{"drain", "s2"}, "s2 is out of service", "2 of 3 stores are left, for 2 copies")
	w.must(0, []string{"status"}, "2 of 3 up", "drained", "until dsmproxy undrain s2")
	w.must(1, []string{"drain", "s3"}, "s3 can't be spared")
	if metrics := scrape(t, p); !strings.Contains(metrics, `dsmproxy_store_drained{store="s2"} 1`+"\n") {
		t.Error("the metrics don't say that s2 is drained")
	}
	if err := w.servers[1].Kill(); err != nil {
		t.Fatal(err)
	}
	w.await(p, "s2 is excluded", func(g *admin.Group) bool { return g.Members[1].State == "down" && !g.Members[1].Answers })
	w.await(p, "the others are healed", func(g *admin.Group) bool { return g.Members[0].Covered && g.Members[2].Covered })
	w.must(0, []string{"status"}, "2 of 3 up")
	w.must(0, []string{"forget", "-yes", "s2"}, "will not count any more", "forgotten: s2")
	w.await(p, "s2 is forgotten", func(g *admin.Group) bool { return g.Members[1].Forgotten })
	if err := w.servers[1].Restart(t.Context()); err != nil {
		t.Fatal(err)
	}
	w.must(0, []string{"undrain", "s2"}, "put back")
	w.await(p, "s2 is back", whole)
	w.must(0, []string{"verify"}, "50 records")

	end() // and without a proxy
	if err := w.servers[2].Kill(); err != nil {
		t.Fatal(err)
	}
	w.must(0, []string{"accept-loss", "-yes", "s3"}, "LOST", "no proxy runs", "accepted: ")
	if err := w.servers[2].Restart(t.Context()); err != nil {
		t.Fatal(err)
	}
	p, _ = w.serve()
	w.await(p, "s3 is back", whole)
	w.must(0, []string{"verify"}, "50 records")
}

// TestAgreement: a proxy with other settings than those that the stores were
// used with does not serve, and says what differs; what may be changed can be,
// while no proxy runs.
func TestAgreement(t *testing.T) {
	t.Parallel()
	w := newGroupWorld(t, 3, `"safe"`)
	p, end := w.serve()
	w.await(p, "the stores are whole", whole)
	kept := false // by the stores, which is soon after they have been founded
	for end := time.Now().Add(time.Minute); !kept && time.Now().Before(end); time.Sleep(10 * time.Millisecond) {
		var err error
		if kept, err = p.fenced.agree(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	refused := func(texts ...string) {
		t.Helper()
		cfg, err := conf.Load(w.path)
		if err != nil {
			t.Fatal(err)
		}
		other, err := startProxy(cfg, w.path, newLogging(cfg.Log, testLog{t}))
		if err == nil {
			other.Close()
			t.Fatal("a proxy with other settings serves")
		}
		for _, text := range texts {
			if !strings.Contains(err.Error(), text) {
				t.Errorf("the error does not say %q: %v", text, err)
			}
		}
	}
	stores := w.config
	db := proxytest.Open(t, p.Addr().String())
	proxytest.Eventually(t, groupTime, "a write", func() bool {
		_, err := db.Exec("REPLACE INTO app.sessions (id) VALUES ('a')")
		return err == nil
	})
	w.config = newAddrs(t, strings.Replace(stores, "key = \"id\"", "key = \"data\"", 1))
	w.level(`"safe"`)
	refused("key of table app.sessions is data here and id there")
	w.config = newAddrs(t, "other_tables = \"s1\"\n"+strings.Replace(stores, "name = \"sessions\"", "name = \"others\"", 1))
	w.level(`"safe"`)
	refused("[[table]] of app.sessions, which has records, is missing here")
	w.config = strings.Replace(stores, "copies = 2", "copies = 3", 1)
	w.config = newAddrs(t, w.config)
	w.level(`"safe"`)
	refused("was used with other settings", "copies is 3 here and 2 there")
	w.config = newAddrs(t, strings.Replace(strings.Replace(stores, `"s1"`, `"s0"`, 1), `"s2"`, `"s1"`, 1))
	w.level(`"safe"`)
	refused("stores is s0 s1 s3 here and s1 s2 s3 there")
	w.config = newAddrs(t, stores)
	w.level("\"safe\"\nview_lease = \"2s\"")
	refused("view_lease is 2s here and 1s there", "dsmproxy init -change")
	w.must(1, []string{"init", "-change", "-yes"}, "a proxy runs")
	end()
	time.Sleep(changeQuiet) // the stores remember when a proxy was there last
	w.must(0, []string{"init", "-change", "-yes"}, "view_lease = 2s", "recorded")
	p, _ = w.serve()
	w.await(p, "the stores are whole again", whole)
}

// scrape reads a proxy's metrics.
func scrape(t *testing.T, p *proxy) string {
	t.Helper()
	r, err := http.Get(p.adminURL + "/metrics")
	if err != nil {
		t.Fatal(err)
	}
	defer r.Body.Close()
	text, err := io.ReadAll(r.Body)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// newAddrs gives a configuration addresses of its own to listen on.
func newAddrs(t *testing.T, config string) string {
	lines := strings.Split(config, "\n")
	for i, l := range lines {
		if strings.HasPrefix(l, "listen = ") {
			lines[i] = fmt.Sprintf("listen = %q", proxytest.FreeAddr(t))
		}
	}
	return strings.Join(lines, "\n")
}

// TestSolo: of two stores with quorum = "solo" one proxy serves; the other one
// is not ready, and decisions go through the one that serves.
func TestSolo(t *testing.T) {
	t.Parallel()
	w := newGroupWorld(t, 2, "\"safe\"\nquorum = \"solo\"")
	first, end := w.serve()
	db := proxytest.Open(t, first.Addr().String())
	proxytest.Eventually(t, groupTime, "the first write", func() bool {
		_, err := db.Exec("REPLACE INTO app.sessions (id,data) VALUES ('k1','v1')")
		return err == nil
	})
	w.await(first, "the stores are whole", func(g *admin.Group) bool { return whole(g) && g.Owner && g.Solo })
	other := w.config
	w.config = newAddrs(t, w.config)
	w.level("\"safe\"\nquorum = \"solo\"")
	second, _ := w.serve()
	w.await(second, "the second one knows that it does not serve", func(g *admin.Group) bool { return g.View != "" && !g.Owner && !g.Serving })
	if err := second.ready(); err == nil || !strings.Contains(err.Error(), "another proxy serves") {
		t.Errorf("the second proxy is ready: %v", err)
	}
	w.must(0, []string{"verify"}, "1 record in 1 table", "all copies are as they should be")
	w.exec(0, "UPDATE app.sessions SET data='x'")
	w.config = other
	w.level("\"safe\"\nquorum = \"solo\"")
	w.must(0, []string{"verify", "-repair"}, "1 mended") // by the first proxy
	if g := first.status().Group; !g.Owner {
		t.Error("the first proxy has lost the ownership to a comparison")
	}
	db.Close()
	end()
	proxytest.Eventually(t, groupTime, "the standby is ready once the first one is gone", func() bool { return second.ready() == nil })
	db = proxytest.Open(t, second.Addr().String())
	proxytest.Eventually(t, groupTime, "the standby serves", func() bool {
		var data string
		return db.QueryRow("SELECT data FROM app.sessions WHERE id='k1'").Scan(&data) == nil && data != ""
	})
}
