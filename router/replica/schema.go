package replica

import (
	"context"
	"log/slog"
	"maps"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/dsmproxy/dsmproxy/protocol"
	"github.com/dsmproxy/dsmproxy/router/ledger"
)

// Table names a session table and its key column. Tables that have the same
// Parts share them.
type Table struct {
	Schema, Name, Key string
	Parts             *[]Part // nil for none
	// Folds: keys that the key column's collation calls equal are one.
	Folds bool
	// Collated: the key column's collation is asked which keys are one. Without
	// it and Folds, keys of different bytes are different ones. At the fenced
	// levels it is asked for every table: a store would have one record for keys
	// that have several versions.
	Collated bool
}

// Defaults says how far a table's own defaults differ from store to store.
type Defaults uint8

// What a column default or ON UPDATE clause depends on.
const (
	DefaultsConstant Defaults = iota
	DefaultsTime              // the clock, which SET timestamp stops
	DefaultsOther             // UUID() and the like
)

// schemaTTL bounds how long a change of a table behind the proxy's back goes
// unnoticed.
const schemaTTL = time.Minute

// schema is what the proxy needs to know of a table to carry a record from one
// store to another.
type schema struct {
	table     Table
	columns   []column
	key       column
	fold      *KeyFold // makes equal what the collation calls equal; nil for nothing
	keyUnique bool     // the key alone identifies a row
	only      bool     // no other columns are unique
	second    string   // an index that is unique besides, but for that of auto; "" for none
	unfit     string   // why records can't be copied at the fenced levels; "" if they can
	defaults  Defaults
	auto      string // the AUTO_INCREMENT column; "" for none
	autoMax   uint64 // the greatest number that it can hold
	autoIndex string // the unique index of it alone; "" for none
	read      time.Time
}

// column is one that an INSERT can give a value to.
type column struct {
	name    string
	typ     string // DATA_TYPE in lower case
	charset string // "" for what is not text
	// collation is that of text.
	collation string
	width     int // of a CHAR or VARCHAR in characters, of a BINARY or VARBINARY in bytes; 0 for others
	// least and most are the ends of an integer column's range in decimal text.
	least, most string
	nullable    bool
	// value is the default, as COLUMN_DEFAULT has it, if it is a constant; nil for
	// none.
	value    []byte
	computed bool // the default is an expression
	generate bool
	// invisible: it is none of the columns of *, or of an INSERT without a list.
	invisible bool
}

// schemas caches them. Made with a log and whom to ask it is ready; it is safe
// for concurrent use, and a hit takes no lock.
type schemas struct {
	log     *slog.Logger
	folds   keyFolds
	fenced  bool    // the level is safe or strict: all tables are Table.Collated
	ask     querier // any store, in no database
	byTable atomic.Pointer[map[Table]*schema]
	mu      sync.Mutex // held to replace byTable, and guards warned
	warned  map[Table]bool
}

// querier is a store connection, or the Set.
type querier func(ctx context.Context, sql string) ([][][]byte, error)

func (s *schemas) get(ctx context.Context, t Table, query querier) (*schema, error) {
	var old *schema
	if m := s.byTable.Load(); m != nil {
		if old = (*m)[t]; old != nil && time.Since(old.read) < schemaTTL {
			return old, nil
		}
	}
	sc, err := readSchema(ctx, t, query)
	switch {
	case err != nil && old != nil && storeFailed(err) && ctx.Err() == nil:
		return old, nil // it is asked for again when a store can be asked
	case err != nil:
		return nil, err
	}
	if s.fenced {
		if sc.unfit, err = ledger.Unfit(ctx, ledger.Querier(query), t.Schema, t.Name); err != nil {
			return nil, err
		}
		if sc.unfit == "" && sc.second != "" {
			sc.unfit = "whose index " + quoteName(sc.second) + " is unique besides the key, so that copies of records could exclude each other"
		}
	}
	if s.fenced || t.Collated && !t.Folds {
		if sc.fold, err = s.folds.get(sc.key, s.ask, s.fenced); err != nil {
			return nil, err
		}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	next := map[Table]*schema{}
	if m := s.byTable.Load(); m != nil {
		maps.Copy(next, *m)
	}
	next[t] = sc
	s.byTable.Store(&next)
	if (sc.second != "" || sc.unfit != "") && !s.warned[t] {
		if s.warned == nil {
			s.warned = make(map[Table]bool)
		}
		s.warned[t] = true
		if sc.unfit != "" {
			s.log.Error("session table can't be written", "table", t.quoted(), "why", "a table "+sc.unfit, "action", "dsmproxy check -online says what to do")
		} else {
			s.log.Warn("unique key enforced by each store for its own records only", "table", t.quoted(), "index", sc.second)
		}
	}
	return sc, nil
}

func (s *schemas) forget() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.byTable.Store(nil)
}

// Columns returns the names of a table's columns in their order, as an INSERT
// without a list gives them values.
func (s *Set) Columns(ctx context.Context, t Table) ([]string, error) {
	sc, err := s.schemas.get(ctx, t, s.queryIn(t.Schema))
	if err != nil {
		return nil, err
	}
	var names []string
	for _, c := range sc.columns {
		if !c.invisible {
			names = append(names, c.name)
		}
	}
	return names, nil
}

// Defaults says what t's own defaults depend on; for a table that can't be read
// it answers with the clock, which costs little and is the usual one.
func (s *Set) Defaults(ctx context.Context, t Table) Defaults {
	sc, err := s.schemas.get(ctx, t, s.queryIn(t.Schema))
	if err != nil {
		return DefaultsTime
	}
	return sc.defaults
}

// Forget drops what is known of the tables, after DDL.
func (s *Set) Forget() { s.schemas.forget() }

func (s *Set) queryIn(db string) querier {
	return func(ctx context.Context, sql string) ([][][]byte, error) { return s.Query(ctx, db, sql) }
}

func readSchema(ctx context.Context, t Table, query querier) (*schema, error) {
	where := "WHERE TABLE_SCHEMA = " + schemaLiteral(t.Schema) + " AND TABLE_NAME = '" + escape(t.Name) + "'"
	rows, err := query(ctx, "SELECT COLUMN_NAME, DATA_TYPE, CHARACTER_SET_NAME, COLUMN_DEFAULT, EXTRA, COLUMN_KEY, COLUMN_TYPE, CHARACTER_MAXIMUM_LENGTH, COLLATION_NAME, IS_NULLABLE, VERSION() LIKE '%MariaDB%' "+
		"FROM information_schema.COLUMNS "+where+" ORDER BY ORDINAL_POSITION")
	if err != nil {
		return nil, err
	}
	if len(rows) == 0 && t.Schema != "" { // what a server says that does not have it
		return nil, protocol.Errorf(protocol.ErrNoSuchTable, "Table '%s.%s' doesn't exist", t.Schema, t.Name)
	}
	unique, err := query(ctx, "SELECT INDEX_NAME, MIN(COLUMN_NAME), COUNT(*), SUM(LOWER(COLUMN_NAME) = '"+escape(strings.ToLower(t.Key))+"') FROM information_schema.STATISTICS "+where+
		" AND NON_UNIQUE = 0 GROUP BY INDEX_NAME")
	if err != nil {
		return nil, err
	}
	sc := &schema{table: t, read: time.Now(), only: !slices.ContainsFunc(unique, func(r [][]byte) bool {
		return string(r[2]) != "1" || !strings.EqualFold(string(r[1]), t.Key)
	})}
	primary, keyIsPrimary := 0, false // columns of the primary key; the key is one
	for _, r := range rows {
		c := column{name: string(r[0]), typ: strings.ToLower(string(r[1])), charset: string(r[2]), collation: string(r[8])}
		switch c.typ {
		case "char", "varchar", "binary", "varbinary":
			c.width, _ = strconv.Atoi(string(r[7])) // NULL for none
		case "tinyint", "smallint", "mediumint", "int", "bigint":
			c.least, c.most = rangeOf(c.typ, strings.Contains(strings.ToLower(string(r[6])), "unsigned"))
		}
		extra := strings.ToLower(string(r[4]))
		c.generate = strings.Contains(extra, "generated") && !strings.Contains(extra, "default_generated")
		c.invisible = strings.Contains(extra, "invisible")
		c.nullable = string(r[9]) == "YES"
		c.value, c.computed = constantDefault(r[3], extra, string(r[10]) == "1", strings.HasSuffix(c.typ, "binary"))
		sc.defaults = max(sc.defaults, defaultsOf(strings.ToLower(string(r[3])), extra))
		sc.columns = append(sc.columns, c)
		if strings.Contains(extra, "auto_increment") {
			sc.auto, sc.autoMax = c.name, maxNumber(c.typ, strings.ToLower(string(r[6])))
		}
		index := string(r[5])
		if index == "PRI" {
			primary++
		}
		if strings.EqualFold(c.name, t.Key) {
			sc.key, sc.keyUnique = c, index == "PRI" || index == "UNI"
			keyIsPrimary = index == "PRI"
		}
	}
	for _, r := range unique {
		if sc.auto != "" && string(r[2]) == "1" && strings.EqualFold(string(r[1]), sc.auto) {
			sc.autoIndex = string(r[0])
		}
		// One that has the key in it excludes no other record.
		if string(r[3]) == "0" && (string(r[2]) != "1" || string(r[1]) != sc.auto) {
			sc.second = string(r[0])
		}
	}
	sc.keyUnique = sc.keyUnique && !(keyIsPrimary && primary > 1)
	if sc.key.name == "" {
		return nil, protocol.Errorf(protocol.ErrNoSuchTable,
			"dsmproxy: table %s.%s has no column %s", t.Schema, t.Name, t.Key)
	}
	return sc, nil
}

func schemaLiteral(schema string) string {
	if schema == "" {
		return "DATABASE()"
	}
	return "'" + escape(schema) + "'"
}

// defaultsOf classifies one column's default (as information_schema prints it)
// and EXTRA.
func defaultsOf(def, extra string) Defaults {
	if strings.Contains(extra, "on update") {
		return DefaultsTime
	}
	for _, clock := range []string{"current_timestamp", "now(", "curdate(", "curtime(", "localtime", "unix_timestamp(", "utc_"} {
		if strings.HasPrefix(strings.TrimLeft(def, "("), clock) {
			return DefaultsTime
		}
	}
	// A quoted default is a constant with parentheses in it.
	if strings.Contains(def, "(") && !strings.HasPrefix(def, "'") &&
		(strings.Contains(extra, "default_generated") || strings.Contains(def, "uuid") || strings.Contains(def, "rand")) {
		return DefaultsOther
	}
	return DefaultsConstant
}

// escape doubles what a quoted literal can't hold. Names come from the
// configuration or from a store; a backslash is doubled as well, which is
// wrong under NO_BACKSLASH_ESCAPES for names that have one.
func escape(s string) string {
	return strings.NewReplacer("'", "''", `\`, `\\`).Replace(s)
}

func quoteName(s string) string { return "`" + strings.ReplaceAll(s, "`", "``") + "`" }

func (t Table) quoted() string {
	if t.Schema == "" {
		return quoteName(t.Name)
	}
	return quoteName(t.Schema) + "." + quoteName(t.Name)
}
