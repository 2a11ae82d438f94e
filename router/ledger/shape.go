package ledger

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/fnv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/dsmproxy/dsmproxy/protocol"
	"github.com/dsmproxy/dsmproxy/router/fence"
)

// shapeTTL bounds how long a change of a table behind the proxy's back goes
// unnoticed. DDL waits for as long where there are other proxies; to look again
// costs a store three short statements for each table.
const shapeTTL = time.Second

// shape is what a session table looks like at a store, with the texts that are
// made of it. It is not modified.
type shape struct {
	table   *Table
	name    string // quoted, with the schema
	key     column
	keyAt   int // among columns
	columns []column
	print   uint64 // of the columns' names and codings
	exports string
	list    string // of the columns' names
	updates string // of all columns, for ON DUPLICATE KEY UPDATE; "" where that is not safe
	read    time.Time
	fold    func(key []byte) ([]byte, error) // nil for nothing
	floats  bool                             // there are columns of which no form can tell the text
	forms   *forms
}

// shapes caches them. Its zero value is ready for use.
type shapes struct {
	byNumber atomic.Pointer[map[uint16]*shape]
	mu       sync.Mutex // held to replace byNumber; guards forms
	forms    map[uint16]*forms
}

// Forget drops what is known of the session tables. It must be called when a
// statement has changed one.
func (s *Store) Forget() {
	s.shapes.mu.Lock()
	defer s.shapes.mu.Unlock()
	s.shapes.byNumber.Store(nil)
}

// shape is that of a table's number.
func (s *Store) shape(ctx context.Context, number uint16) (*shape, error) {
	if m := s.shapes.byNumber.Load(); m != nil {
		if sh := (*m)[number]; sh != nil && time.Since(sh.read) < shapeTTL {
			return sh, nil
		}
	}
	t := s.cfg.known.of(number)
	if t == nil {
		return nil, fmt.Errorf("%w: %w (number %d)", fence.ErrUnsent, errNoTable, number)
	}
	sh, err := s.readShape(ctx, t)
	if err != nil {
		return nil, err
	}
	sh.forms = s.formed(sh)
	s.shapes.mu.Lock()
	defer s.shapes.mu.Unlock()
	next := map[uint16]*shape{number: sh}
	if m := s.shapes.byNumber.Load(); m != nil {
		for n, other := range *m {
			if n != number {
				next[n] = other
			}
		}
	}
	s.shapes.byNumber.Store(&next)
	return sh, nil
}

// readShape asks the store.
func (s *Store) readShape(ctx context.Context, t *Table) (*shape, error) {
	c, err := s.service(ctx, false)
	if err != nil {
		return nil, err
	}
	defer c.Release()
	blank := false // without a ledger there are no versions either
	if err := s.note(ctx, c, t); err != nil {
		var e *protocol.Error
		if blank = errors.As(err, &e) && s.absent(e); !blank {
			return nil, unsent(err)
		}
	}
	j := s.begin()
	defer s.end(j)
	where := func(and string) {
		j.add(" WHERE TABLE_SCHEMA=").quoted([]byte(t.Schema)).add(" AND TABLE_NAME=").quoted([]byte(t.Name)).add(and, ";")
	}
	j.add("SELECT COLUMN_NAME,DATA_TYPE,CHARACTER_SET_NAME,EXTRA,COLLATION_NAME FROM information_schema.COLUMNS")
	where(" ORDER BY ORDINAL_POSITION")
	j.add("SELECT INDEX_NAME,COLUMN_NAME,SUB_PART FROM information_schema.STATISTICS")
	where(" AND NON_UNIQUE=0 ORDER BY INDEX_NAME,SEQ_IN_INDEX")
	if err := s.run(ctx, c, j, s.cfg.OwnTimeout); err != nil {
		return nil, err
	}
	if j.reply.err != nil {
		return nil, unsent(j.reply.err)
	}
	if len(j.reply.sets) != 2 {
		return nil, lost(errOdd)
	}
	sh := &shape{table: t, name: quoteName(t.Schema) + "." + quoteName(t.Name), read: time.Now(), keyAt: -1}
	switch {
	case j.reply.sets[0].rows == 0 && blank:
		return nil, fence.ErrClosed
	case j.reply.sets[0].rows == 0:
		return nil, &missing{t, s.Name()}
	}
	for i := range j.reply.sets[0].rows {
		if err := sh.addColumn(j.reply.row(0, i)); err != nil {
			return nil, fmt.Errorf("%w: %w", fence.ErrUnsent, err)
		}
	}
	if sh.keyAt < 0 {
		return nil, fmt.Errorf("%w: table %s.%s has no column %s", fence.ErrUnsent, t.Schema, t.Name, t.Key)
	}
	if sh.fold, err = s.folding(ctx, t); err != nil {
		return nil, unsent(err)
	}
	sh.finish(sh.soleKey(&j.reply))
	return sh, nil
}

func (sh *shape) addColumn(row [][]byte) error {
	c := column{name: string(row[0]), charset: string(row[2]), collation: string(row[4])}
	typ := strings.ToLower(string(row[1]))
	c.coding, c.binary = codingOf(typ), typ == "binary" || typ == "varbinary"
	extra := strings.ToLower(string(row[3]))
	if strings.Contains(extra, "generated") && !strings.Contains(extra, "default_generated") {
		return nil
	}
	if !ascii(c.name) {
		return fmt.Errorf("table %s.%s: column %s: the names of columns must be ASCII, but at level = \"seed\"", sh.table.Schema, sh.table.Name, c.name)
	}
	if strings.EqualFold(c.name, sh.table.Key) {
		sh.key, sh.keyAt = c, len(sh.columns)
	}
	sh.floats = sh.floats || c.coding == codeFloat
	sh.columns = append(sh.columns, c)
	return nil
}

// soleKey reports whether the key is unique by itself, and nothing else is: a
// record can be replaced by ON DUPLICATE KEY UPDATE then, without another one
// being hit.
func (sh *shape) soleKey(r *reply) bool {
	if r.sets[1].rows != 1 {
		return false
	}
	row := r.row(1, 0)
	return strings.EqualFold(string(row[1]), sh.table.Key) && row[2] == nil
}

func (sh *shape) finish(soleKey bool) {
	h := fnv.New64a()
	var exports, list, updates strings.Builder
	for i := range sh.columns {
		c := &sh.columns[i]
		fmt.Fprintf(h, "%s\x00%d\x00%s\x00", strings.ToLower(c.name), c.coding, alias(c.charset))
		exports.WriteString(",")
		exports.WriteString(c.export())
		if i > 0 {
			list.WriteString(",")
			updates.WriteString(",")
		}
		name := quoteName(c.name)
		list.WriteString(name)
		updates.WriteString(name + "=VALUES(" + name + ")")
	}
	sh.print = h.Sum64()
	sh.exports, sh.list = exports.String(), list.String()
	if soleKey {
		sh.updates = updates.String()
	}
}

// alias is the name under which a charset is known to all servers.
func alias(charset string) string {
	if charset == "utf8" {
		return "utf8mb3"
	}
	return charset
}

func quoteName(s string) string { return "`" + strings.ReplaceAll(s, "`", "``") + "`" }

// keyIs appends the condition for the record of a key, in the table called
// prefix (with the dot).
func (sh *shape) keyIs(j *job, prefix string, id []byte) {
	j.add(prefix, quoteName(sh.key.name), "=")
	sh.literalKey(j, id)
}

// literalKey appends a key as a literal of its column's own charset, so that
// the column's index serves and its collation compares.
func (sh *shape) literalKey(j *job, id []byte) {
	switch {
	case sh.key.coding == codeNumber && plainNumber(id):
		j.buf = append(append(append(j.buf, '\''), id...), '\'')
	case sh.key.charset != "":
		j.add("_", sh.key.charset, " ").hex(id)
	default:
		j.hex(id)
	}
}

func plainNumber(id []byte) bool {
	for _, c := range id {
		if (c < '0' || c > '9') && c != '-' && c != '.' {
			return false
		}
	}
	return true
}

// absent appends the condition that there is no record.
func (sh *shape) absent(j *job, id []byte) {
	j.add("NOT ")
	sh.exists(j, id)
}

func (sh *shape) exists(j *job, id []byte) {
	j.add("EXISTS(SELECT 1 FROM ", sh.name, " s WHERE ")
	sh.keyIs(j, "s.", id)
	j.add(")")
}

// export appends the columns that image reads.
func (sh *shape) export(j *job) { j.add(sh.exports) }

// join appends the record, called s.
func (sh *shape) join(j *job, id []byte) {
	j.add(" LEFT JOIN ", sh.name, " s ON ")
	sh.keyIs(j, "s.", id)
}

// head is the beginning of an image.
func (sh *shape) head(b []byte) []byte {
	return binary.BigEndian.AppendUint64(append(b, imageFormat), sh.print)
}
