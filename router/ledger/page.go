package ledger

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/dsmproxy/dsmproxy/protocol"
	"github.com/dsmproxy/dsmproxy/router/fence"
	"github.com/dsmproxy/dsmproxy/router/store"
	"github.com/dsmproxy/dsmproxy/router/view"
)

// What follows reads records without a guard: for a comparison of the stores,
// which looks again at what seems to differ. It needs none of the ledger's
// tables unless it is asked for versions, so it serves the level seed too.

// Row is what a store has of a record, without its data.
type Row struct {
	Key    []byte   // as it lies in the column
	ID     []byte   // as it is hashed
	Digest [32]byte // of all columns but those that the server computes
	// Listed: the ledger has a version of the record, and that is.
	Listed  bool
	Version view.Version
	Flags   view.Flags
}

// PageOf says which part of a table Page reads.
type PageOf struct {
	Table    uint16
	After    []byte // a key as in Row.Key: those above it; nil for all
	UpTo     []byte // a key as in Row.Key: none above it; nil for all
	Limit    int    // how many rows to read at most
	Versions bool
}

// Tables looks for the session tables, at the stores that answer. It needs no
// table of the ledger's, but reads the one that lists them if that is there.
func (l *Ledger) Tables(ctx context.Context) ([]Table, error) {
	var last error
	for _, t := range l.Stores[0].cfg.Tables {
		if t.Schema != "" {
			if _, err := l.known.add(t); err != nil {
				return nil, err
			}
		}
	}
	answered := 0
	for _, s := range l.Stores {
		if err := s.tables(ctx); err != nil {
			last = fmt.Errorf("store %s: %w", s.Name(), err)
			continue
		}
		answered++
	}
	if answered == 0 {
		return nil, last
	}
	var list []Table
	for _, t := range l.known.all() {
		if t.Schema != l.Stores[0].cfg.Schema { // else it is one of the ledger's own
			list = append(list, *t)
		}
	}
	return list, nil
}

func (s *Store) tables(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, s.cfg.OwnTimeout)
	defer cancel()
	c, err := s.service(ctx, false)
	if err != nil {
		return err
	}
	defer c.Release()
	if err := s.learn(ctx, c); err != nil {
		var e *protocol.Error
		if !errors.As(err, &e) || !s.absent(e) {
			return err
		}
	}
	return s.discover(ctx, c)
}

// amount is the one number that a question to the store is answered with.
func (s *Store) amount(ctx context.Context, question func(j *job)) (uint64, error) {
	c, err := s.service(ctx, false)
	if err != nil {
		return 0, err
	}
	defer c.Release()
	j := s.begin()
	defer s.end(j)
	question(j)
	r, err := s.listed(ctx, c, j)
	if err != nil {
		return 0, err
	}
	var n [1]uint64
	numbers(r.row(0, 0)[0], n[:])
	return n[0], nil
}

// Rows is about how many rows the store has of a table.
func (s *Store) Rows(ctx context.Context, t *Table) (uint64, error) {
	return s.amount(ctx, func(j *job) {
		j.add("SELECT COALESCE(SUM(TABLE_ROWS),0) FROM information_schema.TABLES WHERE TABLE_SCHEMA=").quoted([]byte(t.Schema)).
			add(" AND TABLE_NAME=").quoted([]byte(t.Name))
	})
}

// Count is how many keys the ledger knows at the store.
func (s *Store) Count(ctx context.Context) (uint64, error) {
	return s.amount(ctx, func(j *job) {
		j.add("SELECT COUNT(*) FROM ", s.texts.ver)
	})
}

// maxUnclean is how far versions are counted.
const maxUnclean = 100000

// Unclean is how many versions the store has that are not known to be on all
// copies, up to 100,000.
func (s *Store) Unclean(ctx context.Context) (uint64, error) {
	return s.amount(ctx, func(j *job) {
		j.add("SELECT COUNT(*) FROM (SELECT 1 FROM ", s.texts.ver, " v WHERE v.fl<2 LIMIT ").num(maxUnclean).add(") d")
	})
}

// Page lists records in the order of the key column, which is the store's, and
// reports whether there may be more. The data does not leave the store: it is
// the store that makes a digest of it. Rows of one key come together or not at
// all.
func (s *Store) Page(ctx context.Context, p PageOf) (rows []Row, more bool, err error) {
	sh, err := s.shape(ctx, p.Table)
	if err != nil {
		return nil, false, err
	}
	c, err := s.service(ctx, false)
	if err != nil {
		return nil, false, err
	}
	defer c.Release()
	j := s.begin()
	defer s.end(j)
	begin := time.Now()
	if p.Versions {
		j.add("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ;START TRANSACTION WITH CONSISTENT SNAPSHOT;")
	}
	s.page(j, sh, &p)
	if err := s.run(ctx, c, j, s.cfg.OwnTimeout); err != nil {
		return nil, false, err
	}
	r := &j.reply
	if r.err != nil {
		return nil, false, s.refusal(c, r.err)
	}
	set := 0
	if p.Versions {
		set = 2
	}
	if len(r.sets) != set+1 {
		return nil, false, lost(errOdd)
	}
	n := r.sets[set].rows
	if rows, err = digests(r, set, sh); err != nil {
		return nil, false, err
	}
	if more = n == p.Limit; more {
		// The last key may have rows that the limit has cut off.
		if rows = rows[:len(rows)-1]; len(rows) == 0 {
			return nil, false, fmt.Errorf("table %s on store %s has %d rows of one key", sh.name, s.Name(), n)
		}
	}
	if p.Versions {
		left := s.cfg.OwnTimeout - time.Since(begin)
		j.buf = append(j.buf[:0], byte(protocol.ComQuery))
		s.versions(j, p.Table, rows)
		if err := s.run(ctx, c, j, left); err != nil {
			return nil, false, err
		}
		if r.err != nil {
			return nil, false, s.refusal(c, r.err)
		}
		if len(r.sets) != 2 {
			return nil, false, lost(errOdd)
		}
		err = readVersions(r, rows)
	}
	return rows, more, err
}

// page appends the statement. Of each column a digest is made first, so that
// none of the texts gets longer than max_allowed_packet.
func (s *Store) page(j *job, sh *shape, p *PageOf) {
	j.add("SELECT CAST(s.", quoteName(sh.key.name), " AS BINARY),SHA2(CONCAT(")
	for i := range sh.columns {
		if i > 0 {
			j.add(",")
		}
		value := sh.columns[i].export()
		if sh.columns[i].coding == codeFloat {
			value += "+0e0" // MariaDB stores no -0
		}
		j.add("IFNULL(SHA2(", value, ",256),'-')")
	}
	j.add("),256) FROM ", sh.name, " s")
	s.between(j, sh, p.After, p.UpTo)
	j.add(" ORDER BY s.", quoteName(sh.key.name), " LIMIT ").num(uint64(p.Limit))
}

func (s *Store) between(j *job, sh *shape, after, upTo []byte) {
	key, and := "s."+quoteName(sh.key.name), " WHERE "
	for _, c := range []struct {
		op  string
		key []byte
	}{{">", after}, {"<=", upTo}} {
		if c.key != nil {
			j.add(and, key, c.op)
			sh.literalKey(j, c.key)
			and = " AND "
		}
	}
}

// digests reads what page asks, and makes one of the rows of one key.
func digests(r *reply, set int, sh *shape) ([]Row, error) {
	rows := make([]Row, 0, r.sets[set].rows)
	several := make(map[int][][]byte) // digests of those that have several rows
	for i := range r.sets[set].rows {
		cells := r.row(set, i)
		if cells[0] == nil {
			continue // a row without a key belongs to no record
		}
		id, err := sh.hashed(cells[0])
		if errors.Is(err, ErrNoKey) {
			id, err = cells[0], nil // it is nobody's copy
		}
		if err != nil {
			return nil, err
		}
		var row Row
		if hex.DecodedLen(len(cells[1])) != len(row.Digest) {
			return nil, lost(errOdd)
		}
		if _, err := hex.Decode(row.Digest[:], cells[1]); err != nil {
			return nil, lost(errOdd)
		}
		last := len(rows) - 1
		if last >= 0 && bytes.Equal(rows[last].ID, id) {
			if several[last] == nil {
				several[last] = [][]byte{slices.Clone(rows[last].Digest[:])}
			}
			several[last] = append(several[last], slices.Clone(row.Digest[:]))
			continue
		}
		row.Key, row.ID = slices.Clone(cells[0]), slices.Clone(id)
		rows = append(rows, row)
	}
	for i, list := range several {
		slices.SortFunc(list, bytes.Compare)
		rows[i].Digest = sha256.Sum256(bytes.Join(list, nil))
	}
	return rows, nil
}

// versions appends the question for the versions of rows, and COMMIT.
func (s *Store) versions(j *job, table uint16, rows []Row) {
	j.add("SELECT ", version, ",v.k FROM ", s.texts.ver, " v WHERE v.t=").num(uint64(table)).add(" AND v.k IN (''")
	for i := range rows {
		j.add(",").hex(rows[i].ID)
	}
	j.add(");", commitSQL)
}

func readVersions(r *reply, rows []Row) error {
	byID := make(map[string]fence.Entry, r.sets[0].rows)
	for i := range r.sets[0].rows {
		cells := r.row(0, i)
		e, ok := entry(cells[0])
		if !ok {
			return lost(errOdd)
		}
		byID[string(cells[1])] = e
	}
	for i := range rows {
		if e, ok := byID[string(rows[i].ID)]; ok {
			rows[i].Listed, rows[i].Version, rows[i].Flags = true, e.Version, e.Flags
		}
	}
	return nil
}

// listed runs a statement that answers with one result set.
func (s *Store) listed(ctx context.Context, c *store.Conn, j *job) (*reply, error) {
	if err := s.run(ctx, c, j, s.cfg.OwnTimeout); err != nil {
		return nil, err
	}
	switch {
	case j.reply.err != nil:
		return nil, s.refusal(c, j.reply.err)
	case len(j.reply.sets) != 1:
		return nil, lost(errOdd)
	}
	return &j.reply, nil
}

// Image is a record as bytes that are the same for equal records at all
// stores; nil if there is none. It is read without a guard.
func (s *Store) Image(ctx context.Context, k fence.Key) ([]byte, error) {
	sh, err := s.shape(ctx, k.Table)
	if err != nil {
		return nil, err
	}
	c, err := s.service(ctx, false)
	if err != nil {
		return nil, err
	}
	defer c.Release()
	j := s.begin()
	defer s.end(j)
	j.add("SELECT 1")
	sh.export(j)
	j.add(" FROM ", sh.name, " s WHERE ")
	sh.keyIs(j, "s.", k.ID)
	r, err := s.listed(ctx, c, j)
	if err != nil {
		return nil, err
	}
	return sh.image(r, 0, 1)
}
