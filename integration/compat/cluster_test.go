//go:build compat

package compat

import (
	"database/sql"
	"encoding/json"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/go-sql-driver/mysql"

	"github.com/dsmproxy/dsmproxy/internal/proxytest"
	"github.com/dsmproxy/dsmproxy/internal/realstore"
)

// node is one store.
type node struct {
	*realstore.Server
	name string
	db   *sql.DB // straight to the server
}

// cluster is some stores named s0, s1, ... with the proxy before them.
type cluster struct {
	*proxytest.Proxy
	nodes  []*node
	config string // the proxy's file
	copies int
	seed   bool // the level
}

// startStores starts n plain servers that have run some SQL.
func startStores(t testing.TB, n int, sql string, args ...string) []*node {
	t.Helper()
	var nodes []*node
	for i, s := range suite.Servers.Start(t, n, args...) {
		db := open(t, s.Addr(), func(c *mysql.Config) { c.MultiStatements = true })
		proxytest.MustExec(t, db, sql)
		nodes = append(nodes, &node{Server: s, name: "s" + strconv.Itoa(i), db: db})
	}
	return nodes
}

// durable makes a store one that a restart takes nothing from.
const durable = "--innodb-flush-log-at-trx-commit=1"

// startCluster starts stores that have run some SQL and a proxy whose
// configuration ends with sections; args are further options of the servers.
func startCluster(t testing.TB, stores, copies int, sql, top, sections string, args ...string) *cluster {
	t.Helper()
	c := &cluster{copies: copies, seed: strings.Contains(sections, atSeed), nodes: startStores(t, stores, sql, append([]string{durable}, args...)...)}
	if !strings.Contains(sections, "[consistency]") {
		// On a busy machine a store that is well takes seconds to answer. That
		// nobody listens is found out as fast as ever.
		sections += "\n[consistency]\ndetect = \"10s\"\n"
	}
	config := proxytest.Config{Copies: copies, Top: top, Sections: sections}
	for _, n := range c.nodes {
		config.Stores = append(config.Stores, proxytest.StoreConfig{Name: n.name, Addr: n.Addr()})
	}
	c.config = proxytest.WriteConfig(t, config)
	c.Proxy = suite.Serve(t, c.config)
	c.awaitStores(t)
	return c
}

// atSeed is the level at which a test is run that is of that level alone.
const atSeed = "\n[consistency]\nlevel = \"seed\"\n"

// awaitStores waits until the proxy serves from every store again.
func (c *cluster) awaitStores(t testing.TB) {
	t.Helper()
	var why string
	for end := time.Now().Add(2 * time.Minute); ; time.Sleep(50 * time.Millisecond) {
		if why = c.unwell(t); why == "" {
			return
		}
		if time.Now().After(end) {
			t.Fatalf("not within two minutes: %s", why)
		}
	}
}

// unwell says what keeps the proxy from serving from every store; "" if nothing
// does. At the level seed it uses a store once it says so.
func (c *cluster) unwell(t testing.TB) string {
	t.Helper()
	resp, err := http.Get(c.Admin + "/api/status")
	if err != nil {
		return err.Error()
	}
	defer resp.Body.Close()
	var status struct {
		Group *struct {
			Founded, Serving, Solo bool
			Members                []struct {
				Name, State string
				Covered     bool
			}
		}
	}
	if err := json.NewDecoder(resp.Body).Decode(&status); err != nil {
		return err.Error()
	}
	g := status.Group
	switch {
	case g == nil:
		return ""
	case !g.Founded:
		return "the stores have no registers"
	case g.Solo: // it claims the stores for the first client
		return ""
	case !g.Serving:
		return "nothing is served"
	}
	for _, m := range g.Members {
		if m.State != "up" || !m.Covered {
			return fmt.Sprintf("%s is %s, covered: %t", m.Name, m.State, m.Covered)
		}
	}
	return ""
}

// in makes a client connect to a database.
func in(database string) func(*mysql.Config) {
	return func(c *mysql.Config) { c.DBName = database }
}

// orders asks the running proxy for the stores of each key of a table, by
// `dsmproxy route`: it alone knows which keys their column calls equal.
func (c *cluster) orders(t testing.TB, table string, keys []string) map[string][]string {
	t.Helper()
	return suite.RunningOrders(t, c.Admin, table, keys...)
}

// restart brings a killed store back. At the level seed it waits until the proxy
// uses it; at others that takes a while (awaitStores).
func (c *cluster) restart(t *testing.T, n *node) {
	t.Helper()
	if !c.seed {
		if err := n.Restart(within(t, time.Minute)); err != nil {
			t.Fatal(err)
		}
		return
	}
	up := `msg="store up" store=` + n.name
	before := strings.Count(c.Log.String(), up)
	if err := n.Restart(within(t, time.Minute)); err != nil {
		t.Fatal(err)
	}
	eventually(t, time.Minute, n.name+" is up again", func() bool { return strings.Count(c.Log.String(), up) > before })
}

// rowsOf reads a table of a store: each record's key and its columns.
func rowsOf(t testing.TB, n *node, table, key string) map[string]string {
	t.Helper()
	rows, err := n.db.QueryContext(within(t, time.Minute), fmt.Sprintf("SELECT CAST(t.%s AS BINARY), t.* FROM %s t", key, table))
	if err != nil {
		t.Fatalf("read %s on %s: %v", table, n.name, err)
	}
	defer rows.Close()
	columns, err := rows.Columns()
	if err != nil {
		t.Fatal(err)
	}
	all := make(map[string]string)
	for rows.Next() {
		values := make([]sql.NullString, len(columns))
		into := make([]any, len(columns))
		for i := range values {
			into[i] = &values[i]
		}
		if err := rows.Scan(into...); err != nil {
			t.Fatal(err)
		}
		var row []string
		for _, v := range values[1:] {
			row = append(row, fmt.Sprintf("%t %q", v.Valid, v.String))
		}
		all[values[0].String] = strings.Join(row, ", ")
	}
	if err := rows.Err(); err != nil {
		t.Fatal(err)
	}
	return all
}
