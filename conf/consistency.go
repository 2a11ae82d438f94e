package conf

import (
	"fmt"
	"strings"
	"time"
)

// DefaultLevel is the consistency level of a configuration that names none. The
// sample, and what the docs say of it, follow by UPDATE_GOLDEN=1 go test ./conf.
const DefaultLevel = "safe"

// Consistency is the consistency level and what belongs to it.
type Consistency struct {
	Level string `toml:"level"` // seed | safe | strict
	// MinCopies is how many stores that hold a record must be up for it to be
	// served; 0: as many as Copies if there are more stores than that, else one
	// fewer.
	MinCopies int           `toml:"min_copies"`
	ViewLease time.Duration `toml:"view_lease"` // of safe
	Detect    time.Duration `toml:"detect"`
	// Quorum is auto: a majority, or solo: two stores, one active proxy. Load
	// makes it solo for two stores without a witness.
	Quorum string `toml:"quorum"`
	// Patience is how long a statement waits for the stores to be able to carry
	// it out; longer than a lease takes to end.
	Patience time.Duration `toml:"patience"`
}

// Fenced reports whether the level is one of those at which stores are fenced.
func (c Consistency) Fenced() bool { return c.Level == "safe" || c.Level == "strict" }

// Witness is a server that votes which stores are up, and holds no records. Load
// fills it as it does a Store.
type Witness struct {
	Name         string   `toml:"name"`
	Addr         string   `toml:"addr"`
	User         string   `toml:"user"` // "" logs in as the proxy does at stores: as the first user
	Password     string   `toml:"password"`
	PasswordFile string   `toml:"password_file"`
	PasswordEnv  string   `toml:"password_env"`
	TLS          StoreTLS `toml:"tls"`
}

// Store is the witness as a Store, to be dialled as one.
func (w Witness) Store() Store {
	return Store{
		Name: w.Name, Addr: w.Addr, User: w.User,
		Password: w.Password, PasswordFile: w.PasswordFile, PasswordEnv: w.PasswordEnv, TLS: w.TLS, Weight: 1,
	}
}

// Bounds of packages that conf does not import; tests of cmd/dsmproxy hold them
// equal.
const (
	maxFenced = 64        // stores, of the levels safe and strict
	maxVoters = 7         // stores that vote
	maxNumber = 1<<16 - 1 // of a table
)

func defaultConsistency() Consistency {
	return Consistency{
		Level: DefaultLevel, ViewLease: time.Second, Detect: time.Second, Quorum: "auto", Patience: 10 * time.Second,
	}
}

// witnesses checks the [[witness]] tables. names and addrs are those of the
// stores.
func (r *reader) witnesses(c *Config, names, addrs map[string]int) {
	for i := range c.Witnesses {
		w, path := &c.Witnesses[i], fmt.Sprintf("witness[%d]", i)
		r.serverName(path, w.Name, names)
		if c.OtherTables == w.Name && w.Name != "" {
			r.report("other_tables", "%q is a witness, which has no tables: name a store", w.Name)
		}
		s := w.Store()
		r.witnessAddr(c, path+".addr", &s, addrs)
		r.storeLogin(path, &s)
		r.storeTLS(path+".tls", &s.TLS)
		w.Addr, w.Password, w.TLS = s.Addr, s.Password, s.TLS
	}
}

func (r *reader) witnessAddr(c *Config, path string, s *Store, addrs map[string]int) {
	if a, err := parseAddr(s.Addr, "3306"); err == nil {
		if first, again := addrs[a.identity()]; again {
			r.report(path, "%q is the server in line %d, which has a vote already: a witness is there for the case that this one fails", a, first)
			return
		}
	}
	r.storeAddr(c, path, s, addrs)
}

// consistency checks [consistency] and what depends on it.
func (r *reader) consistency(c *Config) {
	l := &c.Consistency
	r.oneOf("consistency.level", l.Level, []string{"seed", "safe", "strict"})
	r.oneOf("consistency.quorum", l.Quorum, []string{"auto", "solo"})
	if !l.Fenced() {
		r.unfenced(c)
		return
	}
	if l.Quorum == "auto" && len(c.Stores) == 2 && len(c.Witnesses) == 0 {
		l.Quorum = "solo" // they have no majority when one fails
	}
	between(r, "consistency.detect", l.Detect, 100*time.Millisecond, time.Hour)
	between(r, "consistency.patience", l.Patience, 100*time.Millisecond, time.Hour)
	switch {
	case l.Level == "safe" && l.Quorum != "solo":
		between(r, "consistency.view_lease", l.ViewLease, 100*time.Millisecond, time.Minute)
		r.patience(l)
	case l.ViewLease != defaultConsistency().ViewLease:
		r.report("consistency.view_lease", "would be ignored: only level = \"safe\" has leases, with three stores and witnesses or more")
	}
	if l.MinCopies < 0 || l.MinCopies > c.Copies && c.Copies > 0 {
		r.report("consistency.min_copies", "must be from 0 (by itself) to copies (%d)", c.Copies)
	}
	r.voters(c)
	for i, t := range c.Tables {
		// A store has one record for keys that their column calls equal.
		c.Tables[i].Collation = "auto"
		for _, name := range []string{t.Schema, t.Name, t.Key} {
			if strings.ContainsFunc(name, func(c rune) bool { return c > 0x7e }) {
				r.report(fmt.Sprintf("table[%d]", i), "%q: at level %q the names of a session table must be ASCII", name, l.Level)
			}
		}
	}
}

// patience sees to it that a write can wait until a store that died has been
// excluded and the last lease of the view before has ended.
func (r *reader) patience(l *Consistency) {
	least := l.Detect + l.ViewLease + l.ViewLease/10
	switch {
	case l.Patience > least:
	case r.given("consistency.patience"):
		r.report("consistency.patience", "must be longer than detect and 1.1 times view_lease (%s): "+
			"for that long writes wait when a store dies", short(least))
	default:
		l.Patience = 2 * least
	}
}

// voters checks that there can be a majority.
func (r *reader) voters(c *Config) {
	l, n := &c.Consistency, len(c.Stores)
	voters := min(n, maxVoters) + len(c.Witnesses)
	switch {
	case n > maxFenced:
		r.report("consistency.level", "level %q is for %d stores at most, and there are %d: set level = \"seed\"", l.Level, maxFenced, n)
	case l.Quorum == "solo" && len(c.Witnesses) > 0:
		r.report("consistency.quorum", `"solo" knows no witnesses: leave it out, for with a witness there is a majority`)
	case l.Quorum == "solo" && n != 2:
		r.report("consistency.quorum", `"solo" is for two stores, and there are %d: leave it out`, n)
	case voters == 2 && l.Quorum != "solo":
		r.report("consistency.quorum", "two voters (a store and a witness) have no majority when one of them fails: "+
			"add a store, or leave the witness out")
	}
}

// unfenced reports what the level seed ignores.
func (r *reader) unfenced(c *Config) {
	l, d := c.Consistency, defaultConsistency()
	if l.Level != "seed" {
		return // reported
	}
	ignored := func(key string, same bool) {
		if !same {
			r.report(key, `would be ignored: level is "seed"`)
		}
	}
	ignored("consistency.min_copies", l.MinCopies == 0)
	ignored("consistency.view_lease", l.ViewLease == d.ViewLease)
	ignored("consistency.detect", l.Detect == d.Detect)
	ignored("consistency.quorum", l.Quorum == d.Quorum)
	ignored("consistency.patience", l.Patience == d.Patience)
	if len(c.Witnesses) > 0 {
		ignored("witness[0]", false)
	}
}

// number checks a table's number. One for a table without a schema would be that
// of several tables.
func (r *reader) number(path string, t *Table) {
	switch {
	case t.Number < 0 || t.Number > maxNumber:
		r.report(path, "must be from 0 (derived from the names) to %d", maxNumber)
	case t.Number != 0 && t.Schema == "":
		r.report(path, "needs a schema: without one, it would be the number of several tables")
	}
}
