package integration

import (
	"cmp"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/go-sql-driver/mysql"

	"github.com/dsmproxy/dsmproxy/internal/faultlink"
	"github.com/dsmproxy/dsmproxy/internal/proxytest"
	"github.com/dsmproxy/dsmproxy/internal/realstore"
)

// schema is made on each store before the proxy starts.
const schema = `
CREATE DATABASE app CHARACTER SET utf8mb4;
CREATE DATABASE second CHARACTER SET utf8mb4;
CREATE TABLE app.sessions (
  id VARBINARY(128) NOT NULL PRIMARY KEY,
  data LONGBLOB NOT NULL,
  expires INT UNSIGNED NOT NULL DEFAULT 0,
  owner VARCHAR(60) NULL,
  KEY (expires), KEY (owner)) ENGINE=InnoDB;
CREATE TABLE app.other (id INT PRIMARY KEY) ENGINE=InnoDB;
CREATE TABLE app.laravel_sessions (
  id VARCHAR(255) NOT NULL PRIMARY KEY, user_id BIGINT UNSIGNED NULL, ip_address VARCHAR(45) NULL,
  user_agent TEXT NULL, payload LONGTEXT NOT NULL, last_activity INT NOT NULL,
  KEY (user_id), KEY (last_activity)) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin;
CREATE TABLE app.symfony_sessions (
  sess_id VARBINARY(128) NOT NULL PRIMARY KEY, sess_data BLOB NOT NULL,
  sess_lifetime INT UNSIGNED NOT NULL, sess_time INT UNSIGNED NOT NULL,
  KEY (sess_lifetime)) ENGINE=InnoDB;
CREATE TABLE app.ci_sessions (
  id VARCHAR(128) NOT NULL PRIMARY KEY, ip_address VARCHAR(45) NOT NULL,
  timestamp INT UNSIGNED NOT NULL DEFAULT 0, data BLOB NOT NULL, KEY (timestamp)) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin;
`

// tables are the session tables of the configuration; "missing" exists on no
// store, and "made" is made by a test through the proxy.
const tables = `
[[table]]
name = "sessions"
key = "id"

[[table]]
name = "laravel_sessions"
key = "id"

[[table]]
name = "symfony_sessions"
key = "sess_id"

[[table]]
name = "ci_sessions"
key = "id"

[[table]]
name = "missing"
key = "id"

[[table]]
name = "made"
key = "id"
`

// options say how a cluster is made.
type options struct {
	stores, copies int
	level          string              // of consistency; "" is safe
	detect         string              // how fast a failing store is excluded; "" is slowly
	links          bool                // put a faulty link before each store
	top            string              // TOML before the first table
	sections       string              // TOML after it
	admin          string              // TOML of the admin table, beside listen
	storeTLS       string              // TOML of each store's tls table
	storeArgs      []string            // of mariadbd
	storeSQL       string              // for each store, behind the schema
	direct         func(*mysql.Config) // how to connect to a store, if not plainly
}

// consistency is that section, unless there is one. On a busy machine a store
// that is well takes seconds to answer, which must not look like a failure where
// that is not what is tested.
func (o *options) consistency() string {
	if strings.Contains(o.sections, "[consistency]") {
		return ""
	}
	text := fmt.Sprintf("\n[consistency]\nlevel = %q\n", cmp.Or(o.level, "safe"))
	if o.level != "seed" {
		text += fmt.Sprintf("detect = %q\n", cmp.Or(o.detect, "10s"))
	}
	return text
}

// node is one store of a cluster.
type node struct {
	*realstore.Server
	name string
	link *faultlink.Link // nil without options.links
	db   *sql.DB         // straight to the server
}

// cluster is some stores with the proxy before them.
type cluster struct {
	*proxytest.Proxy
	nodes  []*node
	copies int
	fenced bool   // by the level
	config string // the file
}

// startCluster starts stores named s0, s1, ... and the proxy, and waits until
// they are initialised. (The records of two are brought to their copies when the
// first client asks for one.)
func startCluster(t testing.TB, o options) *cluster {
	t.Helper()
	c := startStores(t, o)
	c.Proxy = suite.Serve(t, c.config)
	if c.fenced {
		eventually(t, healLimit, "the stores are initialised", func() bool {
			return !slices.ContainsFunc(c.nodes, func(n *node) bool { _, _, err := n.register(); return err != nil })
		})
	}
	return c
}

// startStores starts the stores of a cluster and writes the configuration.
func startStores(t testing.TB, o options) *cluster {
	t.Helper()
	c := &cluster{copies: o.copies, fenced: o.level != "seed" && !strings.Contains(o.sections, `level = "seed"`)}
	o.sections += o.consistency()
	config := proxytest.Config{Copies: o.copies, Top: o.top, Sections: tables + o.sections, Admin: o.admin}
	for i, s := range suite.Servers.Start(t, o.stores, o.storeArgs...) {
		n := &node{Server: s, name: "s" + strconv.Itoa(i)}
		addr := s.Addr()
		if o.links {
			var err error
			if n.link, err = faultlink.New(addr); err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { n.link.Close() })
			addr = n.link.Addr()
		}
		n.db = open(t, s.Addr(), func(c *mysql.Config) {
			c.MultiStatements = true
			if o.direct != nil {
				o.direct(c)
			}
		})
		mustExec(t, n.db, schema+o.storeSQL)
		c.nodes = append(c.nodes, n)
		config.Stores = append(config.Stores, proxytest.StoreConfig{Name: n.name, Addr: addr, TLS: o.storeTLS})
	}
	c.config = proxytest.WriteConfig(t, config)
	return c
}

// client opens a pool of clients of the proxy.
func (c *cluster) client(t testing.TB, change ...func(*mysql.Config)) *sql.DB {
	t.Helper()
	return open(t, c.Addr, append([]func(*mysql.Config){func(c *mysql.Config) { c.DBName = "app" }}, change...)...)
}

// node returns the store with a name.
func (c *cluster) node(t testing.TB, name string) *node {
	t.Helper()
	for _, n := range c.nodes {
		if n.name == name {
			return n
		}
	}
	t.Fatalf("there is no store %q", name)
	return nil
}

// orders asks `dsmproxy route` for the stores of each key.
func (c *cluster) orders(t testing.TB, keys ...string) map[string][]string {
	t.Helper()
	return suite.Orders(t, c.config, keys...)
}

// wantPlaced wants each record of app.sessions on exactly the first copies
// stores of its order, with equal copies, and keys that are gone nowhere.
func (c *cluster) wantPlaced(t testing.TB, keys, gone []string) {
	t.Helper()
	c.wantPlacedIn(t, "sessions", "id", keys, gone)
}

func (c *cluster) wantPlacedIn(t testing.TB, table, column string, keys, gone []string) {
	t.Helper()
	orders := c.orders(t, append(append([]string{}, keys...), gone...)...)
	wrong := c.misplaced(t, table, column, keys, gone, orders)
	// On a busy machine, a store may have been excluded for a moment.
	for end := time.Now().Add(healLimit); len(wrong) > 0 && c.fenced && time.Now().Before(end); {
		c.awaitHeal(t)
		time.Sleep(50 * time.Millisecond)
		wrong = c.misplaced(t, table, column, keys, gone, orders)
	}
	for i, w := range wrong {
		if i == 10 {
			t.Errorf("%s: %d more such records", table, len(wrong)-i)
			break
		}
		t.Error(w)
	}
}

// misplaced says what of that is not so.
func (c *cluster) misplaced(t testing.TB, table, column string, keys, gone []string, orders map[string][]string) (wrong []string) {
	t.Helper()
	found := make(map[string]map[string]string) // key -> store -> copy
	for _, n := range c.nodes {
		for key, row := range rowsOf(t, n.db, table, column, keys, gone) {
			if found[key] == nil {
				found[key] = make(map[string]string)
			}
			found[key][n.name] = row
		}
	}
	report := func(format string, args ...any) { wrong = append(wrong, fmt.Sprintf(format, args...)) }
	for _, key := range keys {
		order := orders[key]
		want := order[:min(c.copies, len(order))]
		copies := found[key]
		for _, name := range want {
			if _, ok := copies[name]; !ok {
				report("%s %q: no copy on %s; want it on %v, found on %v", table, key, name, want, names(copies))
			} else if copies[name] != copies[want[0]] {
				report("%s %q: the copies on %s and %s differ", table, key, name, want[0])
			}
		}
		if len(copies) > len(want) {
			report("%s %q: on %v, want it on %v alone", table, key, names(copies), want)
		}
	}
	for _, key := range gone {
		if len(found[key]) > 0 {
			report("%s %q: deleted, yet on %v", table, key, names(found[key]))
		}
	}
	return wrong
}

// awaitHeal waits until every store serves, and has its records; at the level
// seed nothing is known of that.
func (c *cluster) awaitHeal(t testing.TB) {
	t.Helper()
	if c.fenced {
		awaitHeal(t, c.nodes, healLimit)
	}
}

// rowsOf reads the rows of the keys given: the key and a digest of the row.
func rowsOf(t testing.TB, db *sql.DB, table, column string, keys ...[]string) map[string]string {
	t.Helper()
	var columns string
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	err := db.QueryRowContext(ctx, `SELECT GROUP_CONCAT('COALESCE(SHA2(', column_name, ', 256), 0)' ORDER BY ordinal_position)
		FROM information_schema.columns WHERE table_schema = 'app' AND table_name = ?`, table).Scan(&columns)
	if err != nil {
		t.Fatalf("columns of %s: %v", table, err)
	}
	all := make(map[string]string)
	for batch := range slices.Chunk(slices.Concat(keys...), 1000) {
		args := make([]any, len(batch))
		for i, key := range batch {
			args[i] = key
		}
		in := strings.TrimSuffix(strings.Repeat("?,", len(batch)), ",")
		query := fmt.Sprintf("SELECT %s, SHA2(CONCAT(%s), 256) FROM app.%s WHERE %s IN (%s)", column, columns, table, column, in)
		rows, err := db.QueryContext(ctx, query, args...)
		if err != nil {
			t.Fatalf("read %s: %v", table, err)
		}
		for rows.Next() {
			var key, row string
			if err := rows.Scan(&key, &row); err != nil {
				t.Fatal(err)
			}
			all[key] = row
		}
		if err := errors.Join(rows.Err(), rows.Close()); err != nil {
			t.Fatal(err)
		}
	}
	return all
}

func names(copies map[string]string) []string {
	var all []string
	for name := range copies {
		all = append(all, name)
	}
	return all
}
