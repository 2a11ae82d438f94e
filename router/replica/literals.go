package replica

import (
	"bytes"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"strconv"

	"github.com/dsmproxy/dsmproxy/protocol"
	"github.com/dsmproxy/dsmproxy/router/merge"
)

// The rows of a SELECT can be inserted by another statement if they are written
// as literals there. What they are is told by the definitions of the columns,
// with all texts in utf8mb4, whichever charset the client reads.

// Literals carries w out, whose Req is in text form, and returns the names of its
// columns and its rows, each value a literal of SQL.
func (c *Client) Literals(w *Scatter) (names []string, rows [][]string, err error) {
	columns, rows, err := c.ExactLiterals(w, false, 0)
	for _, c := range columns {
		names = append(names, c.Name)
	}
	return names, rows, err
}

// A LiteralColumn is a column of literals. Text: it has a collation.
type LiteralColumn struct {
	Name string
	Text bool
}

// ErrTooLong says that literals have more bytes than they may have.
var ErrTooLong = errors.New("too many bytes of literals")

// ExactLiterals is Literals where no column makes of the literals again what they
// were: with exact each is of the very type of its value, but for the collation of
// a text. What has no such literal is refused. bound, if it is not 0, is how many
// bytes there may be at most.
func (c *Client) ExactLiterals(w *Scatter, exact bool, bound int) (told []LiteralColumn, rows [][]string, err error) {
	s := c.newScatter(w)
	w.AsLiterals = true
	s.chosen = func(frames []byte, _ *protocol.Answer, deprecateEOF bool) error {
		var columns []literalColumn
		told, rows = nil, nil
		size := 0
		answer := merge.Answer{DeprecateEOF: deprecateEOF}
		answer.Column = func(p []byte) error {
			c, err := readLiteralColumn(p)
			c.exact = exact
			columns, told = append(columns, c), append(told, LiteralColumn{c.name, c.text()})
			return err
		}
		answer.Row = func(p []byte) error {
			row := make([]string, len(columns))
			for i, c := range columns {
				if len(rows) == 0 {
					if err := c.unfit(); err != nil {
						return err
					}
				}
				if len(p) > 0 && p[0] == 0xfb {
					row[i], p = "NULL", p[1:]
					continue
				}
				v, n := protocol.ReadLenencBytes(p)
				if n == 0 {
					return merge.ErrRow
				}
				row[i], p = c.literal(v), p[n:]
				if size += len(row[i]); bound > 0 && size > bound {
					return ErrTooLong
				}
			}
			rows = append(rows, row)
			return nil
		}
		answer.Begin()
		_, err := answer.Write(frames)
		return err
	}
	err = s.carryOut()
	return told, rows, err
}

// literalColumn is what a column's definition says of its values.
type literalColumn struct {
	name   string
	typ    byte
	binary bool // in no charset
	padded bool // ZEROFILL: a number's zeros are a part of its text
	listed bool // an ENUM or a SET
	exact  bool // see ExactLiterals
}

// text reports whether its values are texts.
func (c *literalColumn) text() bool {
	switch c.typ {
	case typeVarchar, protocol.TypeVarString, typeString:
		return !c.binary
	}
	return !c.binary && c.typ >= protocol.TypeTinyBlob && c.typ <= protocol.TypeBlob
}

// Types of columns that nothing else has to know.
const (
	typeVarchar = 15
	typeBit     = 16
	typeString  = 254
)

// readLiteralColumn reads a definition.
func readLiteralColumn(p []byte) (c literalColumn, err error) {
	for i := range 6 { // catalog, schema, table, original table, name, original name
		v, n := protocol.ReadLenencBytes(p)
		if n == 0 {
			return c, merge.ErrRow
		}
		if p = p[n:]; i == 4 {
			c.name = string(v)
		}
	}
	if len(p) < 11 { // its length, charset, display length, type, flags
		return c, merge.ErrRow
	}
	const binaryCharset, zerofill, enum, set = 63, 64, 256, 2048
	c.binary = binary.LittleEndian.Uint16(p[1:]) == binaryCharset
	c.typ = p[7]
	c.listed = binary.LittleEndian.Uint16(p[8:])&(enum|set) != 0
	c.padded = binary.LittleEndian.Uint16(p[8:])&zerofill != 0
	return c, nil
}

// unfit is an error if no literal is what the column's values are.
func (c *literalColumn) unfit() error {
	const refused = "dsmproxy: this statement can't be routed: "
	switch {
	case c.typ == protocol.TypeFloat && !c.exact:
		return protocol.Errorf(protocol.ErrNotSupportedYet, refused+"INSERT ... SELECT of a FLOAT")
	case c.typ == protocol.TypeFloat, c.listed && c.exact:
		return protocol.Errorf(protocol.ErrNotSupportedYet, refused+"a write by a FLOAT, an ENUM or a SET of another table, or record")
	}
	return nil
}

// literal writes a value that is not NULL.
func (c literalColumn) literal(v []byte) string {
	if c.exact {
		switch {
		case c.typ == protocol.TypeDouble && !bytes.ContainsAny(v, "eE"):
			return string(v) + "e0"
		case c.typ == protocol.TypeDate && len(v) == 10 && v[0] != '0':
			return "DATE'" + string(v) + "'"
		case c.typ == protocol.TypeTime:
			return "TIME'" + string(v) + "'"
		case c.typ == typeBit && len(v) <= 8:
			var n uint64
			for _, b := range v {
				n = n<<8 | uint64(b)
			}
			return strconv.FormatUint(n, 10)
		case c.binary && !c.numeric() && c.typ != protocol.TypeJSON && c.typ != protocol.TypeTimestamp && c.typ != protocol.TypeDatetime && c.typ != protocol.TypeDate:
			return "CAST(x'" + hex.EncodeToString(v) + "' AS BINARY)"
		}
	}
	plain := true
	for _, b := range v {
		if b < ' ' || b > '~' || b == '\'' || b == '\\' {
			plain = false
			break
		}
	}
	if c.numeric() && !c.padded {
		return string(v)
	}
	switch c.typ {
	case protocol.TypeTimestamp, protocol.TypeDatetime, protocol.TypeDate:
		if len(v) > 10 && v[0] != '0' {
			return "TIMESTAMP'" + string(v) + "'"
		}
	case protocol.TypeJSON:
		c.binary = false
	}
	switch {
	case plain:
		return "'" + string(v) + "'"
	case c.binary:
		return "x'" + hex.EncodeToString(v) + "'"
	}
	return "_utf8mb4 x'" + hex.EncodeToString(v) + "'"
}

// numeric reports whether its values are numbers, as they are written.
func (c *literalColumn) numeric() bool {
	switch c.typ {
	case protocol.TypeDecimal, protocol.TypeTiny, protocol.TypeShort, protocol.TypeLong, protocol.TypeDouble, protocol.TypeLongLong, protocol.TypeInt24, protocol.TypeYear, protocol.TypeNewDecimal:
		return true
	}
	return false
}
