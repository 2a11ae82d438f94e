package ledger

import (
	"context"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"

	"github.com/dsmproxy/dsmproxy/protocol"
	"github.com/dsmproxy/dsmproxy/router/fence"
	"github.com/dsmproxy/dsmproxy/router/store"
)

// A store that joins may have missed DDL, or be an empty server. Before records
// are brought to it, its session tables are compared with those of a store that
// is up:
//
//   - one that it has not is made, by SHOW CREATE TABLE;
//   - one that no other has any more is put aside: it was dropped while the store
//     was away, and its records must not come back with a table of that name;
//   - one that differs in what a record is made of keeps the store from joining,
//     until somebody has altered it. (What a proxy remembers of the DDL that the
//     store has missed, it runs there when the store is back.)
//
// The tables that keep the leases of numbers are brought up to date too, so that
// a server that has been wiped has no say in who may give which numbers before it
// knows of those that are given.

var _ fence.Matching = (*Store)(nil)

// leases is the table that keeps the leases of numbers, in each schema that has
// numbered session tables (package replica).
const leases = "dsmproxy_ids"

// asidePrefix begins the name of a table that was put aside.
const asidePrefix = "dsmproxy_dropped_"

// Match implements fence.Matching.
func (s *Store) Match(ctx context.Context, others []fence.Store) error {
	ctx, cancel := context.WithTimeout(ctx, s.cfg.OwnTimeout)
	defer cancel()
	own, err := s.service(ctx, true)
	if err != nil {
		return err
	}
	defer own.Release()
	var conns []*store.Conn
	for _, o := range others {
		peer, ok := o.(*Store)
		if !ok {
			continue
		}
		c, err := peer.service(ctx, false)
		if err != nil {
			return err
		}
		defer c.Release()
		conns = append(conns, c)
	}
	if len(conns) == 0 {
		return fmt.Errorf("%w: no other store is up", fence.ErrUnsent)
	}
	for _, c := range append([]*store.Conn{own}, conns...) {
		if err := s.learn(ctx, c); err != nil {
			return unsent(err)
		}
		if err := s.discover(ctx, c); err != nil {
			return unsent(err)
		}
	}
	var schemas []string
	for _, t := range s.cfg.known.all() {
		if err := s.matchTable(ctx, own, conns, t); err != nil {
			var differs *fence.Differs
			if errors.As(err, &differs) {
				return differs
			}
			return unsent(fmt.Errorf("table %s.%s: %w", t.Schema, t.Name, err))
		}
		if !slices.Contains(schemas, t.Schema) {
			schemas = append(schemas, t.Schema)
		}
	}
	for _, db := range schemas {
		if err := s.matchLeases(ctx, own, conns, db); err != nil {
			return unsent(fmt.Errorf("table %s.%s: %w", db, leases, err))
		}
	}
	s.Forget()
	return nil
}

func (s *Store) matchTable(ctx context.Context, own *store.Conn, conns []*store.Conn, t *Table) error {
	is, err := describe(ctx, own, t.Schema, t.Name)
	if err != nil {
		return err
	}
	var from *store.Conn
	want := ""
	for _, c := range conns {
		if want, err = describe(ctx, c, t.Schema, t.Name); err != nil {
			return err
		}
		if want != "" {
			from = c
			break
		}
	}
	switch {
	case from == nil:
		return s.putAside(ctx, own, t, is != "")
	case is == "":
		s.cfg.Log.Info("table made at a store that joins", "store", s.Name(), "table", t.Schema+"."+t.Name)
		err := s.makeTable(ctx, own, from, t.Schema, t.Name)
		var refused *protocol.Error
		if errors.As(err, &refused) {
			return &fence.Differs{Table: t.Schema + "." + t.Name, Why: fmt.Sprintf("it can't be made as it is at store %s (%s): "+
				"change it at the others to what store %s knows as well, or drop it there", from.Store().Name(), refused.Message, s.Name())}
		}
		return err
	case is == want:
		return nil
	}
	return &fence.Differs{Table: t.Schema + "." + t.Name, Why: fmt.Sprintf("it differs from that of store %s in %s: "+
		"carry the ALTER TABLE out on store %s itself, or drop its table there, which is then made anew",
		from.Store().Name(), difference(is, want), s.Name())}
}

// describe is what a record of a table is made of, as text: the columns in their
// order and the unique indexes, a line each, said in the same way by all servers. It is "" if
// there is no such table.
func describe(ctx context.Context, c *store.Conn, schema, name string) (string, error) {
	at := " WHERE TABLE_SCHEMA=" + quoteText(schema) + " AND TABLE_NAME=" + quoteText(name)
	columns, err := c.Query(ctx, "SELECT COLUMN_NAME,LOWER(COLUMN_TYPE),COALESCE(COLLATION_NAME,''),IS_NULLABLE,LOWER(EXTRA) "+
		"FROM information_schema.COLUMNS"+at+" ORDER BY ORDINAL_POSITION")
	if err != nil || len(columns) == 0 {
		return "", err
	}
	indexes, err := c.Query(ctx, "SELECT CONCAT('unique index ',INDEX_NAME,' (',"+
		"GROUP_CONCAT(CONCAT_WS(' ',COLUMN_NAME,SUB_PART) ORDER BY SEQ_IN_INDEX),')') FROM information_schema.STATISTICS"+at+
		" AND NON_UNIQUE=0 GROUP BY INDEX_NAME ORDER BY INDEX_NAME")
	var b strings.Builder
	for _, r := range columns {
		b.WriteString(describeColumn(r))
	}
	for _, r := range indexes {
		b.Write(r[0])
		b.WriteByte('\n')
	}
	return b.String(), err
}

// width is the display width of an integer or a year, which some servers tell.
var width = regexp.MustCompile(`^((?:tiny|small|medium|big)?int|year)\(\d+\)`)

func describeColumn(row [][]byte) string {
	kind := width.ReplaceAllString(string(row[1]), "$1")
	if kind == "geomcollection" { // as MySQL 8 calls it
		kind = "geometrycollection"
	}
	words := []string{"column", string(row[0]), kind}
	if collation := string(row[2]); collation != "" {
		words = append(words, strings.Replace(collation, "utf8_", "utf8mb3_", 1))
	}
	if string(row[3]) == "NO" {
		words = append(words, "not null")
	}
	extra := strings.ReplaceAll(string(row[4]), "default_generated", "")
	for _, word := range []string{"auto_increment", "generated"} {
		if strings.Contains(extra, word) {
			words = append(words, word)
		}
	}
	return strings.Join(words, " ") + "\n"
}

// difference names the lines that are in one of two descriptions only, which
// are not the same.
func difference(is, want string) string {
	only := func(a, b string) (list []string) {
		for line := range strings.Lines(a) {
			if !slices.Contains(slices.Collect(strings.Lines(b)), line) {
				list = append(list, strings.TrimSpace(line))
			}
		}
		return list
	}
	if isOnly, wantOnly := only(is, want), only(want, is); len(isOnly)+len(wantOnly) > 0 {
		return fmt.Sprintf("[%s] instead of [%s]", strings.Join(isOnly, "; "), strings.Join(wantOnly, "; "))
	}
	return "the order of the columns"
}

// makeTable makes a table as it is at from.
func (s *Store) makeTable(ctx context.Context, own, from *store.Conn, schema, name string) error {
	rows, err := from.Query(ctx, "SHOW CREATE DATABASE IF NOT EXISTS "+quoteName(schema))
	if err != nil {
		return err
	}
	if _, err := own.Exec(ctx, string(rows[0][1])); err != nil {
		return err
	}
	if rows, err = from.Query(ctx, "SHOW CREATE TABLE "+quoteName(schema)+"."+quoteName(name)); err != nil {
		return err
	}
	_, create, ok := strings.Cut(string(rows[0][1]), "(")
	if !ok || !strings.HasPrefix(string(rows[0][1]), "CREATE TABLE ") {
		return errOdd
	}
	_, err = own.Exec(ctx, "CREATE TABLE IF NOT EXISTS "+quoteName(schema)+"."+quoteName(name)+" ("+create)
	return err
}

// putAside gives a table that no other store has another name, and forgets its
// versions.
func (s *Store) putAside(ctx context.Context, own *store.Conn, t *Table, there bool) error {
	if there {
		as := asidePrefix + t.Name
		for _, sql := range []string{
			"DROP TABLE IF EXISTS " + quoteName(t.Schema) + "." + quoteName(as),
			"RENAME TABLE " + quoteName(t.Schema) + "." + quoteName(t.Name) + " TO " + quoteName(t.Schema) + "." + quoteName(as),
		} {
			if _, err := own.Exec(ctx, sql); err != nil {
				return err
			}
		}
		s.cfg.Log.Warn("table put aside at a store that joins: no other store has it", "store", s.Name(),
			"table", t.Schema+"."+t.Name, "now", as, "action", "drop it there if it is not needed any more")
	}
	return s.clear(ctx, own, t.Number)
}

// clear forgets the versions of a table, and the table.
func (s *Store) clear(ctx context.Context, c *store.Conn, number uint16) error {
	for {
		a, err := c.Exec(ctx, fmt.Sprintf("DELETE FROM %s WHERE t=%d LIMIT 5000", s.texts.ver, number))
		if err != nil {
			return err
		}
		if a.AffectedRows == 0 {
			break
		}
	}
	_, err := c.Exec(ctx, fmt.Sprintf("DELETE FROM %s WHERE no=%d", s.texts.tables, number))
	return err
}

// matchLeases brings the leases of numbers of a schema up to date.
func (s *Store) matchLeases(ctx context.Context, own *store.Conn, conns []*store.Conn, schema string) error {
	there := false
	at := quoteName(schema) + "." + quoteName(leases)
	for _, c := range conns {
		is, err := describe(ctx, c, schema, leases)
		if err != nil {
			return err
		}
		if is == "" {
			continue
		}
		if !there {
			if err := s.makeTable(ctx, own, c, schema, leases); err != nil {
				return err
			}
		}
		there = true
		rows, err := c.Query(ctx, "SELECT QUOTE(`name`),`next`,`epoch`,`owner` FROM "+at)
		if err != nil {
			return err
		}
		for _, r := range rows {
			const newer = "(VALUES(`epoch`)>`epoch` OR VALUES(`epoch`)=`epoch` AND VALUES(`next`)>`next`)"
			if _, err := own.Exec(ctx, fmt.Sprintf("INSERT INTO %s (`name`,`next`,`epoch`,`owner`) VALUES (%s,%s,%s,%s) "+
				"ON DUPLICATE KEY UPDATE `owner`=IF(%s,VALUES(`owner`),`owner`),`next`=IF(%s,VALUES(`next`),`next`),"+
				"`epoch`=GREATEST(`epoch`,VALUES(`epoch`))", at, r[0], r[1], r[2], r[3], newer, newer)); err != nil {
				return err
			}
		}
	}
	return nil
}

// Clear forgets the versions of tables that none of the given stores, by index,
// has any more.
func (l *Ledger) Clear(ctx context.Context, stores []int) error {
	gone := slices.Clone(l.known.all())
	var conns []*store.Conn
	for _, i := range stores {
		c, err := l.Stores[i].service(ctx, false)
		if err != nil {
			return err
		}
		defer c.Release()
		conns = append(conns, c)
		for j := 0; j < len(gone); {
			is, err := describe(ctx, c, gone[j].Schema, gone[j].Name)
			if err != nil {
				return err
			}
			if is != "" {
				gone = slices.Delete(gone, j, j+1)
			} else {
				j++
			}
		}
	}
	for n, i := range stores {
		for _, t := range gone {
			err := l.Stores[i].clear(ctx, conns[n], t.Number)
			var e *protocol.Error
			if errors.As(err, &e) && l.Stores[i].absent(e) {
				continue
			}
			if err != nil {
				return err
			}
		}
	}
	return nil
}

// Forget drops what is known of the shapes of the session tables, and has Watch
// look at them.
func (l *Ledger) Forget() {
	for _, s := range l.Stores {
		s.Forget()
	}
	select {
	case l.known.changed <- struct{}{}:
	default:
	}
}

// ShapeLife is for how long at most a proxy goes by what a session table was
// like: so long after DDL at the last store others may leave out what it added.
const ShapeLife = shapeTTL

func quoteText(s string) string {
	return "'" + strings.NewReplacer(`\`, `\\`, "'", "''").Replace(s) + "'"
}
