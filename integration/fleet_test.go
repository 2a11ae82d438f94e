package integration

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/go-sql-driver/mysql"

	"github.com/dsmproxy/dsmproxy/internal/faultlink"
	"github.com/dsmproxy/dsmproxy/internal/proxytest"
	"github.com/dsmproxy/dsmproxy/router/view"
)

// fleet is some stores with some proxies before them. Each proxy reaches each
// store by a link of its own.
type fleet struct {
	t       *testing.T
	level   string
	copies  int
	nodes   []*node
	proxies []*front
	voters  []*node // witnesses
}

// front is one proxy of a fleet.
type front struct {
	*proxytest.Proxy
	name   string
	config string
	links  []*faultlink.Link // to each store
}

// fleetOptions say how a fleet is made.
type fleetOptions struct {
	level                   string
	stores, proxies, copies int
	witnesses               int
	detect, lease           time.Duration // 0: one second
}

// startFleet starts stores and proxies and waits until they serve.
func startFleet(t *testing.T, o fleetOptions) *fleet {
	t.Helper()
	f := &fleet{t: t, level: o.level, copies: o.copies}
	// A store that syncs its log is one that a restart takes nothing from.
	for i, s := range suite.Servers.Start(t, o.stores, "--innodb-flush-log-at-trx-commit=1", "--max-connections=600") {
		n := &node{Server: s, name: "s" + strconv.Itoa(i)}
		n.db = open(t, s.Addr(), func(c *mysql.Config) {
			c.MultiStatements, c.ReadTimeout = true, 20*time.Second
		})
		mustExec(t, n.db, schema)
		f.nodes = append(f.nodes, n)
	}
	if o.witnesses > 0 {
		for i, s := range suite.Servers.Start(t, o.witnesses, "--innodb-flush-log-at-trx-commit=1") {
			f.voters = append(f.voters, &node{Server: s, name: "w" + strconv.Itoa(i), db: open(t, s.Addr())})
		}
	}
	for i := range o.proxies {
		f.proxies = append(f.proxies, f.front(i, o))
	}
	for _, p := range f.proxies {
		f.serve(p)
	}
	f.awaitService()
	f.awaitHeal(healLimit)
	return f
}

func (f *fleet) fenced() bool { return f.level != "seed" }

// front writes the configuration of a proxy and makes its links.
func (f *fleet) front(i int, o fleetOptions) *front {
	f.t.Helper()
	p := &front{name: "p" + strconv.Itoa(i)}
	c := proxytest.Config{Copies: o.copies, Sections: tables}
	for _, n := range f.nodes {
		l, err := faultlink.New(n.Addr())
		if err != nil {
			f.t.Fatal(err)
		}
		f.t.Cleanup(func() { l.Close() })
		p.links = append(p.links, l)
		c.Stores = append(c.Stores, proxytest.StoreConfig{Name: n.name, Addr: l.Addr()})
	}
	for _, w := range f.voters {
		c.Sections += fmt.Sprintf("\n[[witness]]\nname = %q\naddr = %q\n", w.name, w.Addr())
	}
	c.Sections += fmt.Sprintf("\n[consistency]\nlevel = %q\n", o.level)
	if f.fenced() {
		c.Sections += fmt.Sprintf("detect = %q\n", cmpDuration(o.detect))
		if o.level == "safe" {
			c.Sections += fmt.Sprintf("view_lease = %q\n", cmpDuration(o.lease))
		}
	}
	p.config = proxytest.WriteConfig(f.t, c)
	return p
}

func cmpDuration(d time.Duration) string {
	if d == 0 {
		d = time.Second
	}
	return d.String()
}

// serve starts a proxy, or starts it again.
func (f *fleet) serve(p *front) {
	f.t.Helper()
	p.Proxy = suite.Serve(f.t, p.config)
}

// awaitService waits until each proxy serves.
func (f *fleet) awaitService() {
	f.t.Helper()
	for _, p := range f.proxies {
		db := f.client(p)
		var err error
		eventually(f.t, time.Minute, p.name+" serves", func() bool {
			var n int
			err = db.QueryRow("SELECT COUNT(*) FROM sessions WHERE id = 'none'").Scan(&n)
			return err == nil
		})
	}
}

// client opens a pool of clients of one proxy.
func (f *fleet) client(p *front, change ...func(*mysql.Config)) *sql.DB {
	f.t.Helper()
	return open(f.t, p.Addr, append([]func(*mysql.Config){func(c *mysql.Config) { c.DBName = "app" }}, change...)...)
}

// awaitHeal waits until nothing is missing anywhere; it has a generous limit. At
// the level seed nothing is known of that.
func (f *fleet) awaitHeal(limit time.Duration) {
	f.t.Helper()
	if f.fenced() {
		awaitHeal(f.t, f.nodes, limit)
	}
}

func awaitHeal(t testing.TB, nodes []*node, limit time.Duration) {
	t.Helper()
	begin, why := time.Now(), ""
	for why = unwell(nodes); why != ""; why = unwell(nodes) {
		if time.Since(begin) > limit {
			t.Fatalf("not healed in %v: %s", limit, why)
		}
		time.Sleep(50 * time.Millisecond)
	}
}

// unwell says what is not as it must be when nothing has failed for long: every
// store up, covered by one view and open; "" if nothing is.
func unwell(nodes []*node) string {
	var first *view.View
	for i, n := range nodes {
		v, cover, err := n.register()
		switch {
		case err != nil:
			return fmt.Sprintf("%s: %v", n.name, err)
		case first == nil:
			first = v
		case !v.Equal(first):
			return fmt.Sprintf("%s has the view %v, s0 has %v", n.name, v, first)
		}
		if v.State(i) != view.Up {
			return fmt.Sprintf("%s is %v in the view %v", n.name, v.State(i), v)
		}
		if cover == nil || !v.Equal(cover) {
			return fmt.Sprintf("%s is covered by %v, and the view is %v", n.name, cover, v)
		}
	}
	return ""
}

// register reads a store's own view, and by which one it is covered, if by any.
func (n *node) register() (v, cover *view.View, err error) {
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	var vec string
	var cov sql.NullString
	var intact, open bool
	err = n.db.QueryRowContext(ctx, `SELECT v.vec, s.cov, s.intact, COALESCE(g.boot = v.boot, 0)
		FROM dsm.view v JOIN dsm.state s LEFT JOIN dsm.gate g ON g.id = 1 WHERE v.id = 0`).Scan(&vec, &cov, &intact, &open)
	switch {
	case err != nil:
		return nil, nil, err
	case !open:
		return nil, nil, errors.New("its gate is closed")
	case !intact:
		return nil, nil, errors.New("it has lost its memory, and not all has been brought back")
	}
	if v, err = view.Parse(vec); err == nil && cov.Valid {
		cover, err = view.Parse(cov.String)
	}
	return v, cover, err
}

// wantCopies wants each key's record to be the same on its first stores, and on
// no other; and it returns the keys that are there. Copies that differ are
// looked at again for a while.
func (f *fleet) wantCopies(keys []string, limit time.Duration) map[string]bool {
	f.t.Helper()
	orders := suite.Orders(f.t, f.proxies[0].config, keys...)
	var wrong []string
	var there map[string]bool
	for begin := time.Now(); ; time.Sleep(200 * time.Millisecond) {
		if wrong, there = f.compare(keys, orders); len(wrong) == 0 || time.Since(begin) > limit {
			break
		}
	}
	for i, w := range wrong {
		if i == 10 {
			f.t.Errorf("%d more such records", len(wrong)-i)
			break
		}
		f.t.Error(w)
	}
	return there
}

func (f *fleet) compare(keys []string, orders map[string][]string) (wrong []string, there map[string]bool) {
	f.t.Helper()
	found := make(map[string]map[string]string) // key -> store -> digest
	for _, n := range f.nodes {
		for key, row := range rowsOf(f.t, n.db, "sessions", "id", keys) {
			if found[key] == nil {
				found[key] = make(map[string]string)
			}
			found[key][n.name] = row
		}
	}
	there = make(map[string]bool)
	for _, key := range keys {
		copies, want := found[key], orders[key][:f.copies]
		if len(copies) == 0 {
			continue
		}
		there[key] = true
		for _, name := range want {
			switch row, ok := copies[name]; {
			case !ok:
				wrong = append(wrong, fmt.Sprintf("%s: no copy on %s; want it on %v, found on %v", key, name, want, names(copies)))
			case row != copies[want[0]]:
				wrong = append(wrong, fmt.Sprintf("%s: the copies on %s and %s differ", key, name, want[0]))
			}
		}
		if len(copies) > len(want) {
			wrong = append(wrong, fmt.Sprintf("%s: on %s, want it on %s alone", key, strings.Join(names(copies), ", "), strings.Join(want, ", ")))
		}
	}
	return wrong, there
}
