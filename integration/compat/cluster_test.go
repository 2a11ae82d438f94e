//go:build compat

package compat

import (
	"database/sql"
	"fmt"
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

// startCluster starts stores that have run some SQL and a proxy whose
// configuration ends with sections; args are further options of the servers.
func startCluster(t testing.TB, stores, copies int, sql, top, sections string, args ...string) *cluster {
	t.Helper()
	c := &cluster{copies: copies, nodes: startStores(t, stores, sql, args...)}
	// At the level seed every record is where its key alone says, also while a
	// store is gone, and a statement that was under way there is carried out by
	// the others: a handler's life shows no failure that the proxy could be to
	// blame for. (integration tries clients and faults at the level safe.)
	config := proxytest.Config{Copies: copies, Top: top, Sections: sections + "\n[consistency]\nlevel = \"seed\"\n"}
	for _, n := range c.nodes {
		config.Stores = append(config.Stores, proxytest.StoreConfig{Name: n.name, Addr: n.Addr()})
	}
	c.config = proxytest.WriteConfig(t, config)
	c.Proxy = suite.Serve(t, c.config)
	return c
}

// in makes a client connect to a database.
func in(database string) func(*mysql.Config) {
	return func(c *mysql.Config) { c.DBName = database }
}

// orders asks `dsmproxy route` for the stores of each key.
func (c *cluster) orders(t testing.TB, keys []string) map[string][]string {
	t.Helper()
	return suite.Orders(t, c.config, keys...)
}

// restart brings a killed store back and waits until the proxy uses it.
func (c *cluster) restart(t *testing.T, n *node) {
	t.Helper()
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
	rows, err := n.db.QueryContext(within(t, time.Minute), fmt.Sprintf("SELECT CAST(%s AS BINARY), t.* FROM %s t", key, table))
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
