package ledger

import (
	"context"
	"fmt"
	"hash/crc32"
	"slices"
	"strings"
	"sync"
	"sync/atomic"

	"github.com/dsmproxy/dsmproxy/router/store"
)

// The session tables that are known grow while the proxy runs: one that is
// configured without a schema is found in whatever schema a statement names, or
// a store has it. Its number is derived from its names, so that all proxies use
// the same one without asking each other, and is noted at each store, with the
// names, before the first version with it: so that whoever heals a store knows
// all tables that have records there.

// known are the session tables that are known. It is safe for concurrent use,
// and a look takes no lock.
type known struct {
	list    atomic.Pointer[[]*Table] // by number
	folding atomic.Pointer[Folding]
	unequal atomic.Pointer[map[uint16]*unequal] // by number; nil for none
	changed chan struct{}                       // has Watch look at once
	mu      sync.Mutex                          // held to replace list
}

// Number is the number of a table that is given none by the configuration.
func Number(schema, name string) uint16 {
	sum := crc32.ChecksumIEEE([]byte(strings.ToLower(schema) + "." + strings.ToLower(name)))
	return uint16(sum>>16) ^ uint16(sum)
}

// all are the known tables, by number. The list is not modified.
func (k *known) all() []*Table {
	if list := k.list.Load(); list != nil {
		return *list
	}
	return nil
}

// of is the table of a number; nil if it is not known.
func (k *known) of(number uint16) *Table {
	for _, t := range k.all() {
		if t.Number == number {
			return t
		}
	}
	return nil
}

// add makes a table known, and returns it; or the one that is known by its name.
func (k *known) add(t Table) (*Table, error) {
	if t.Number == 0 {
		t.Number = Number(t.Schema, t.Name)
	}
	switch {
	case t.Schema == "" || t.Name == "" || t.Key == "":
		return nil, fmt.Errorf("table %d has no schema, name or key", t.Number)
	case !ascii(t.Schema) || !ascii(t.Name) || !ascii(t.Key):
		// A statement is read in the character set of the client that it is
		// sent for.
		return nil, fmt.Errorf("table %s.%s: schema, name and key of a session table must be ASCII, but at level = \"seed\"", t.Schema, t.Name)
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	old := k.all()
	for _, o := range old {
		switch {
		case strings.EqualFold(o.Schema, t.Schema) && strings.EqualFold(o.Name, t.Name):
			if o.Number != t.Number {
				return nil, fmt.Errorf("table %s.%s has the numbers %d and %d: all proxies must have one number for it, "+
					"the one that it has always had", t.Schema, t.Name, o.Number, t.Number)
			}
			if !strings.EqualFold(o.Key, t.Key) {
				return nil, fmt.Errorf("table %s.%s has the keys %s and %s: all proxies must have the same", t.Schema, t.Name, o.Key, t.Key)
			}
			return o, nil
		case o.Number == t.Number:
			return nil, fmt.Errorf("tables %s.%s and %s.%s both have the number %d: give one of them another by number = N in its [[table]]",
				o.Schema, o.Name, t.Schema, t.Name, t.Number)
		}
	}
	next := append(slices.Clone(old), &t)
	slices.SortFunc(next, func(a, b *Table) int { return int(a.Number) - int(b.Number) })
	k.list.Store(&next)
	return &t, nil
}

// Add makes a session table known and returns its number. A table that is not
// on the stores is added all the same.
func (l *Ledger) Add(t Table) (number uint16, err error) {
	if len(l.Stores) > 0 && t.Fold == nil {
		if one := l.Stores[0].cfg.configured("", t.Name); one != nil {
			t.Fold, t.Collated = one.Fold, one.Collated
			if t.Number == 0 && strings.EqualFold(one.Schema, t.Schema) {
				t.Number = one.Number
			}
		}
	}
	added, err := l.known.add(t)
	if err != nil {
		return 0, err
	}
	if (added.Schema != t.Schema || added.Name != t.Name) && !l.foldsNames() {
		return 0, fmt.Errorf("tables %s.%s and %s.%s differ in case only, which can't be told apart in the ledger",
			added.Schema, added.Name, t.Schema, t.Name)
	}
	return added.Number, nil
}

// foldsNames reports whether the stores take names that differ in case for the
// same.
func (l *Ledger) foldsNames() bool {
	for _, s := range l.Stores {
		ctx, cancel := context.WithTimeout(context.Background(), s.cfg.Timeout)
		c, err := s.service(ctx, false)
		if err == nil {
			var rows [][][]byte
			if rows, err = c.Query(ctx, "SELECT @@lower_case_table_names"); err == nil {
				c.Release()
				cancel()
				return string(rows[0][0]) != "0"
			}
			c.Discard()
		}
		cancel()
	}
	return false
}

// discover makes the tables known that the configuration has without a schema
// and the store has in some.
func (s *Store) discover(ctx context.Context, c *store.Conn) error {
	for i := range s.cfg.Tables {
		t := s.cfg.Tables[i]
		if t.Schema != "" {
			continue
		}
		j := s.begin()
		j.add("SELECT TABLE_SCHEMA,TABLE_NAME FROM information_schema.TABLES WHERE TABLE_TYPE='BASE TABLE' " +
			"AND TABLE_SCHEMA NOT IN ('mysql','sys','performance_schema','information_schema') AND TABLE_NAME=").quoted([]byte(t.Name))
		rows, err := c.Query(ctx, string(j.buf[1:]))
		s.end(j)
		if err != nil {
			return err
		}
		for _, r := range rows {
			found := t
			found.Schema, found.Name = string(r[0]), string(r[1])
			if _, err := s.cfg.known.add(found); err != nil {
				return err
			}
		}
	}
	return nil
}

// askTables is the question for the tables that have records at the store.
func (s *Store) askTables() string { return "SELECT no,db,name,col FROM " + s.texts.tables }

// learn makes the tables known that have records at the store.
func (s *Store) learn(ctx context.Context, c *store.Conn) error {
	rows, err := c.Query(ctx, s.askTables())
	if err != nil {
		return err
	}
	for _, r := range rows {
		if _, err := s.learnRow(r); err != nil {
			return err
		}
	}
	return nil
}

// learnRow makes the table of a row of askTables known. fresh: it was not.
func (s *Store) learnRow(row [][]byte) (fresh bool, err error) {
	var no [1]uint64
	numbers(row[0], no[:])
	t := Table{Number: uint16(no[0]), Schema: string(row[1]), Name: string(row[2]), Key: string(row[3])}
	if o := s.cfg.known.of(t.Number); o != nil && o.is(&t) {
		return false, nil
	}
	if one := s.cfg.configured("", t.Name); one != nil {
		t.Fold, t.Collated = one.Fold, one.Collated
	}
	if _, err := s.cfg.known.add(t); err != nil {
		return false, fmt.Errorf("store %s: %w", s.Name(), err)
	}
	return true, nil
}

// is reports whether t is o by its names.
func (t *Table) is(o *Table) bool {
	return strings.EqualFold(o.Schema, t.Schema) && strings.EqualFold(o.Name, t.Name) && strings.EqualFold(o.Key, t.Key)
}

// configured is the configured table of a name in a schema, or in any if that is
// ""; nil for none.
func (c *Config) configured(schema, name string) *Table {
	for i := range c.Tables {
		t := &c.Tables[i]
		if strings.EqualFold(t.Name, name) && (schema == "" || t.Schema == "" || strings.EqualFold(t.Schema, schema)) {
			return t
		}
	}
	return nil
}

// note notes a table at the store, and refuses another one of its number.
func (s *Store) note(ctx context.Context, c *store.Conn, t *Table) error {
	j := s.begin()
	defer s.end(j)
	j.add("INSERT IGNORE INTO ", s.texts.tables, "(no,db,name,col) VALUES(").num(uint64(t.Number)).add(",").
		quoted([]byte(t.Schema)).add(",").quoted([]byte(t.Name)).add(",").quoted([]byte(t.Key)).add(")")
	if _, err := c.Exec(ctx, string(j.buf[1:])); err != nil {
		return err
	}
	return s.learn(ctx, c)
}
