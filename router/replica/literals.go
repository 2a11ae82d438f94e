package replica

import (
	"encoding/binary"
	"encoding/hex"

	"github.com/dsmproxy/dsmproxy/protocol"
	"github.com/dsmproxy/dsmproxy/router/merge"
)

// The rows of a SELECT can be inserted by another statement if they are written
// as literals there. What they are is told by the definitions of the columns,
// with all texts in utf8mb4, whichever charset the client reads.

// Literals carries w out, whose Req is in text form, and returns the names of its
// columns and its rows, each value a literal of SQL.
func (c *Client) Literals(w *Scatter) (names []string, rows [][]string, err error) {
	s := c.newScatter(w)
	w.AsLiterals = true
	s.chosen = func(frames []byte, _ *protocol.Answer, deprecateEOF bool) error {
		var columns []literalColumn
		names, rows = nil, nil
		answer := merge.Answer{DeprecateEOF: deprecateEOF}
		answer.Column = func(p []byte) error {
			c, err := readLiteralColumn(p)
			columns, names = append(columns, c), append(names, c.name)
			return err
		}
		answer.Row = func(p []byte) error {
			row := make([]string, len(columns))
			for i, c := range columns {
				if len(p) > 0 && p[0] == 0xfb {
					row[i], p = "NULL", p[1:]
					continue
				}
				v, n := protocol.ReadLenencBytes(p)
				if n == 0 {
					return merge.ErrRow
				}
				row[i], p = c.literal(v), p[n:]
			}
			rows = append(rows, row)
			return nil
		}
		answer.Begin()
		_, err := answer.Write(frames)
		return err
	}
	err = s.carryOut()
	return names, rows, err
}

// literalColumn is what a column's definition says of its values.
type literalColumn struct {
	name   string
	typ    byte
	binary bool // in no charset
	padded bool // ZEROFILL: a number's zeros are a part of its text
}

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
	const binaryCharset, zerofill = 63, 64
	c.binary = binary.LittleEndian.Uint16(p[1:]) == binaryCharset
	c.typ = p[7]
	c.padded = binary.LittleEndian.Uint16(p[8:])&zerofill != 0
	if c.typ == protocol.TypeFloat {
		return c, protocol.Errorf(protocol.ErrNotSupportedYet,
			"dsmproxy: this statement can't be routed: INSERT ... SELECT of a FLOAT")
	}
	return c, nil
}

// literal writes a value that is not NULL.
func (c literalColumn) literal(v []byte) string {
	plain := true
	for _, b := range v {
		if b < ' ' || b > '~' || b == '\'' || b == '\\' {
			plain = false
			break
		}
	}
	switch c.typ {
	case protocol.TypeDecimal, protocol.TypeTiny, protocol.TypeShort, protocol.TypeLong, protocol.TypeDouble, protocol.TypeLongLong, protocol.TypeInt24, protocol.TypeYear, protocol.TypeNewDecimal:
		if !c.padded {
			return string(v)
		}
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
