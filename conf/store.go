package conf

import (
	"fmt"
	"math"
	"strings"
)

// minWeight and maxWeight are router/placement's bounds.
const (
	minWeight = 0.001
	maxWeight = 1e6
)

// maxStores is the most that router/placement can order.
const maxStores = 1<<16 - 1

// stores checks the [[store]] tables and what depends on them.
func (r *reader) stores(c *Config) {
	names := make(map[string]int)
	addrs := make(map[string]int)
	for i := range c.Stores {
		s, path := &c.Stores[i], fmt.Sprintf("store[%d]", i)
		r.serverName(path, s.Name, names)
		r.storeAddr(c, path+".addr", s, addrs)
		r.storeLogin(path, s)
		r.weightAndZone(c.Placement, path, s)
		r.storeTLS(path+".tls", &s.TLS)
	}
	r.witnesses(c, names, addrs)
	r.copies(c)
	if _, ok := names[c.OtherTables]; !ok && c.OtherTables != "refuse" {
		r.report("other_tables", `%q is neither "refuse" nor the name of a store`, c.OtherTables)
	}
}

// serverName checks the name of a store or witness; names has the lines of those
// before it.
func (r *reader) serverName(path, name string, names map[string]int) {
	switch first, again := names[name]; {
	case name == "":
		r.report(path+".name", "must be given")
	case again:
		r.report(path+".name", "%q is there already, in line %d", name, first)
	default:
		r.storeName(path+".name", name)
		names[name] = r.lines[path]
	}
}

func (r *reader) copies(c *Config) {
	switch n := len(c.Stores); {
	case n == 0:
		r.report("store", "there is no [[store]]: give the name and addr of at least one MySQL or MariaDB server")
	case n > maxStores:
		r.report("store", "there are %d stores, more than %d", n, maxStores)
	case c.Copies > n && !r.given("copies"):
		r.report("copies", "is %d if not given, which exceeds the number of stores (%d)", c.Copies, n)
	case c.Copies > n:
		r.report("copies", "must not exceed the number of stores (%d)", n)
	}
	if c.Copies < 1 {
		r.report("copies", "must be at least 1")
	}
}

// storeName keeps names to what metrics, logs and file names take alike.
func (r *reader) storeName(path, name string) {
	const others = "._-"
	for _, c := range []byte(name) {
		if !(c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || strings.IndexByte(others, c) >= 0) {
			r.report(path, "%q holds another character than letters, digits, %q", name, others)
			return
		}
	}
	switch {
	case len(name) > 64:
		r.report(path, "is longer than 64 bytes")
	case name == "refuse":
		r.report(path, `a store can't be named "refuse", which other_tables = "refuse" means something else by`)
	}
}

func (r *reader) storeAddr(c *Config, path string, s *Store, addrs map[string]int) {
	if s.Addr == "" {
		r.report(path, "must be given, as host:port or unix:/path")
		return
	}
	a, err := parseAddr(s.Addr, "3306")
	if err != nil {
		r.report(path, "%v", err)
		return
	}
	s.Addr = a.String()
	if first, again := addrs[a.identity()]; again {
		r.report(path, "%q is the server of the store in line %d: both copies of a record would be on one server", s.Addr, first)
		return
	}
	addrs[a.identity()] = r.lines[strings.TrimSuffix(path, ".addr")]
	if l, err := parseAddr(c.Listen, ""); err == nil && l.reaches(a) {
		r.report(path, "%q is dsmproxy's own address (listen = %q)", s.Addr, c.Listen)
	}
}

func (r *reader) storeLogin(path string, s *Store) {
	given := r.secret(path, &s.Password, s.PasswordFile, s.PasswordEnv)
	switch {
	case s.User == "" && given > 0 && s.Password != "":
		r.report(path+".user", "must be given with a password; without both, clients log in to the store as themselves")
	case s.User != "" && given == 0:
		r.report(path+".user", `has no password: give password, password_file or password_env (password = "" for none)`)
	}
	if s.User != "" {
		r.printable(path+".user", s.User, 80)
	}
}

func (r *reader) weightAndZone(placement, path string, s *Store) {
	if w := s.Weight; math.IsNaN(w) || w < minWeight || w > maxWeight {
		r.report(path+".weight", "must be above 0: from %v to %v", minWeight, maxWeight)
	} else if w != 1 && placement != "rendezvous" {
		r.report(path+".weight", `would be ignored: only placement = "rendezvous" has weights`)
	}
	if s.Zone != "" {
		r.printable(path+".zone", s.Zone, 64)
		if placement != "rendezvous" {
			r.report(path+".zone", `would be ignored: only placement = "rendezvous" has zones`)
		}
	}
}
