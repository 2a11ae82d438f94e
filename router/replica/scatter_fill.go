package replica

import (
	"context"
	"encoding/hex"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/dsmproxy/dsmproxy/protocol"
	"github.com/dsmproxy/dsmproxy/router/merge"
	"github.com/dsmproxy/dsmproxy/router/store"
)

// filler inserts the rows of an answer, whose first column is the record's key,
// into the copy of a table.
type filler struct {
	answer merge.Answer
	// counts reports whether the records of a key are the answering store's.
	counts func(key []byte) bool

	ctx     context.Context
	conn    *store.Conn
	schema  *schema
	columns []column // the key first
	owner   int      // 1 if the record's key stands before them
	head    string
	longest int // INSERT
	batch   []byte
	fields  [][]byte
	counted int64 // rows
}

// fillBatch is how long an INSERT grows, and so how much of the rows is held in
// memory.
const fillBatch = 512 << 10

// perValue is what a literal takes at most beside the value.
const perValue = len("CONVERT(x'' USING utf8mb4),")

func newFiller(s *scatter, conn *store.Conn, sc *schema, columns []column) *filler {
	f := &filler{ctx: s.ctx, conn: conn, schema: sc, columns: columns, longest: s.copies.packet - 1}
	f.answer.DeprecateEOF = s.Login.Capabilities.Has(protocol.ClientDeprecateEOF)
	f.answer.Row = f.row
	names := make([]string, len(columns))
	for i, c := range columns {
		names[i] = quoteName(c.name)
	}
	f.head = "INSERT INTO " + sc.table.quoted() + " (" + strings.Join(names, ",") + ") VALUES "
	return f
}

// request is the statement that reads the rows.
func (f *filler) request(s *scatter, t *Shared) Request {
	exports := make([]string, len(f.columns))
	for i, c := range f.columns {
		exports[i] = c.exportText()
	}
	list := strings.Join(exports, ",")
	if t.Via != nil {
		f.owner = 1
		return t.Via.request(s, t, list)
	}
	if s.Narrow != nil && len(s.Tables) == 1 {
		if s.First != nil {
			s.bound = s.first()
		}
		var req Request
		if s.bound > 0 {
			req = s.First(list, s.bound)
		} else {
			req = s.Narrow(list)
		}
		f.answer.Binary = isBinary(req)
		return req
	}
	sql := "SELECT " + list + " FROM " + t.quoted()
	if s.Keys != nil {
		literals := make([]string, len(s.Keys))
		for i, key := range s.Keys {
			literals[i] = f.schema.keyLiteral(key)
		}
		sql += " WHERE " + quoteName(t.Key) + " IN (" + strings.Join(literals, ",") + ")"
	}
	return ownText(sql + " LIMIT 18446744073709551615")
}

// request is the statement that reads the rows of t behind the keys of their
// records.
func (v *Via) request(s *scatter, t *Shared, list string) Request {
	sc, err := s.schema(v.Table)
	if err != nil {
		return ownText("SELECT " + quoteName(v.Table.Key) + " FROM " + v.Table.quoted() + " LIMIT 0") // which says why
	}
	sql := "SELECT (SELECT " + sc.key.exportText() + " FROM " + v.Table.quoted() + " dsmproxy_record WHERE dsmproxy_record." +
		quoteName(v.Of) + " = " + t.quoted() + "." + quoteName(t.Key) + " LIMIT 1)," + list + " FROM " + t.quoted()
	if s.Keys != nil {
		keys := make([]sweptKey, len(s.Keys))
		for i, key := range s.Keys {
			keys[i].key = key
		}
		sql += " WHERE " + quoteName(t.Key) + " IN (SELECT " + quoteName(v.Of) + " FROM " + v.Table.quoted() + " WHERE " + sc.keyIn(keys) + ")"
	}
	return ownText(sql + " LIMIT 18446744073709551615")
}

// ownText is a statement of the proxy's own.
type ownText string

// Queue implements Request.
func (t ownText) Queue(_ context.Context, conn *store.Conn) error {
	return conn.Queue(append([]byte{byte(protocol.ComQuery)}, t...))
}

// Answer implements Request.
func (t ownText) Answer() protocol.AnswerKind { return protocol.AnswerResult }

func (f *filler) row(row []byte) (err error) {
	if f.fields, err = f.answer.Strings(f.fields[:0], row, f.owner+len(f.columns)); err != nil {
		return err
	}
	if f.fields[0] == nil {
		return nil // NULL is nobody's key
	}
	if !f.counts(f.fields[0]) {
		return nil
	}
	f.counted++
	values := f.fields[f.owner:]
	size := len(f.head)
	for _, v := range values {
		size += 2*len(v) + perValue
	}
	if len(f.batch)+size > f.longest {
		if err := f.flush(); err != nil {
			return err
		}
	}
	if size > f.longest {
		return protocol.Errorf(protocol.ErrPacketTooLarge,
			"dsmproxy: a record does not fit into max_allowed_packet of the stores in hexadecimal, as this statement needs it")
	}
	if len(f.batch) == 0 {
		f.batch = append(f.batch, f.head...)
	} else {
		f.batch = append(f.batch, ',')
	}
	sep := byte('(')
	for i, c := range f.columns {
		f.batch = append(f.batch, sep)
		f.batch = c.appendCopy(f.batch, values[i])
		sep = ','
	}
	f.batch = append(f.batch, ')')
	if len(f.batch) >= fillBatch {
		return f.flush()
	}
	return nil
}

func (f *filler) flush() error {
	if len(f.batch) == 0 {
		return nil
	}
	_, err := f.conn.Exec(f.ctx, string(f.batch))
	f.batch = f.batch[:0]
	if err != nil {
		return &hostError{cause: err, filling: true}
	}
	return nil
}

// copied are the columns of a copy that are filled, the key first.
func (s *schema) copied(names []string, d detail) []column {
	named := func(c column) bool { return names == nil || slices.Contains(names, strings.ToLower(c.name)) }
	all := d == detailAll
	for _, c := range s.columns {
		// The copy makes it anew, of columns that need not be named.
		all = all || c.generate && named(c)
	}
	list := []column{s.key}
	for _, c := range s.columns {
		if c.name == s.key.name || c.generate && d != detailBare {
			continue
		}
		if all || named(c) {
			list = append(list, c)
		}
	}
	return list
}

// exportText is an expression for the column's value as a string that no
// charset of a session changes: text in the column's own charset. HEX, which
// does the same, gives NULL for what is then longer than max_allowed_packet.
// The times of a session's time zone are ambiguous for an hour a year, so that
// a TIMESTAMP travels as seconds.
func (c column) exportText() string {
	switch {
	case c.typ == "double":
		// Of an expression MySQL makes no more than 22 characters.
		return "CAST(" + quoteName(c.name) + " AS CHAR)"
	case c.typ == "timestamp":
		return "CAST(UNIX_TIMESTAMP(" + quoteName(c.name) + ") AS CHAR)"
	case c.unicode():
		return "CAST(CAST(" + quoteName(c.name) + " AS CHAR CHARACTER SET utf8mb4) AS BINARY)"
	case c.numeric(), c.temporal(), c.typ == "enum", c.typ == "set":
		return "CAST(" + c.export() + " AS CHAR)"
	case c.charset != "":
		return "CAST(" + quoteName(c.name) + " AS BINARY)"
	}
	return quoteName(c.name)
}

// unicode reports whether the column's values are read and written as text,
// whatever they are inside.
func (c column) unicode() bool {
	switch c.typ {
	case "json", "uuid", "inet4", "inet6":
		return true
	}
	return false
}

// appendCopy appends the literal of a value that exportText has given.
func (c column) appendCopy(b, v []byte) []byte {
	switch {
	case v == nil:
		return append(b, "NULL"...)
	case c.typ == "timestamp":
		return append(append(append(b, '\''), utc(string(v))...), '\'')
	case c.unicode():
		return append(hex.AppendEncode(append(b, "CONVERT(x'"...), v), "' USING utf8mb4)"...)
	case c.temporal():
		return append(append(append(b, '\''), v...), '\'')
	case c.numeric(), c.typ == "enum", c.typ == "set":
		return append(b, v...)
	}
	return append(hex.AppendEncode(append(b, "x'"...), v), '\'')
}

// utc is the time of a number of seconds, with its fraction as it is written.
// MySQL stores 0 for its zero date.
func utc(seconds string) string {
	whole, fraction, _ := strings.Cut(seconds, ".")
	n, err := strconv.ParseInt(whole, 10, 64)
	if err != nil || n == 0 && strings.Trim(fraction, "0") == "" {
		return "0000-00-00 00:00:00"
	}
	text := time.Unix(n, 0).UTC().Format(time.DateTime)
	if fraction != "" {
		text += "." + fraction
	}
	return text
}
