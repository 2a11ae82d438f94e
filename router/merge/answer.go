package merge

import (
	"errors"

	"github.com/dsmproxy/dsmproxy/protocol"
)

// ErrRow says that a row is not of the form that was asked for.
var ErrRow = errors.New("row of another form than asked for")

// Answer takes the packets of a result set apart. It implements io.Writer: it
// is given the frames of the whole answer, in pieces.
type Answer struct {
	// DeprecateEOF: no EOF follows the definitions.
	DeprecateEOF bool
	// Binary: the rows are those of a prepared statement.
	Binary bool
	// Column, unless nil, is called with each definition, and Row with each row;
	// the payload is valid until they return. Their errors end the Write.
	Column, Row func(payload []byte) error

	columns int
	defs    int // still to come
	phase   phase
	packets Packets
}

// phase is what an Answer expects next.
type phase uint8

const (
	phaseHead phase = iota // the column count, OK or ERR
	phaseDefs
	phaseEOF
	phaseRows // and the OK, EOF or ERR that ends them
	phaseDone
)

// Begin makes it ready for the next answer.
func (a *Answer) Begin() {
	a.phase, a.columns = phaseHead, 0
	a.packets = Packets{Each: a.packet}
}

// Write takes a piece of the answer.
func (a *Answer) Write(b []byte) (int, error) { return a.packets.Write(b) }

// Columns is the number of columns, once the first of them has been defined.
func (a *Answer) Columns() int { return a.columns }

func (a *Answer) packet(p []byte) error {
	switch a.phase {
	case phaseHead:
		n, used := protocol.ReadLenenc(p)
		if used == 0 || n == 0 { // OK or ERR
			a.phase = phaseDone
			return nil
		}
		a.columns, a.defs = int(n), int(n)
		a.phase = phaseDefs
	case phaseDefs:
		if a.defs--; a.defs == 0 {
			a.phase = phaseEOF
			if a.DeprecateEOF {
				a.phase = phaseRows
			}
		}
		if a.Column != nil {
			return a.Column(p)
		}
	case phaseEOF:
		a.phase = phaseRows
	case phaseRows:
		if a.ends(p) {
			a.phase = phaseDone
			return nil
		}
		return a.Row(p)
	}
	return nil
}

// ends tells the packet that ends the rows from a row, which begins with 0xfe
// only if its first value has 16 MiB and more.
func (a *Answer) ends(p []byte) bool {
	if len(p) == 0 || p[0] == 0xff {
		return true
	}
	if a.DeprecateEOF {
		return p[0] == 0xfe && len(p) < protocol.MaxFrame
	}
	return p[0] == 0xfe && len(p) < 9
}

// Strings appends the first n values of a row, which are strings, to dst; nil
// is NULL. They are parts of the row.
func (a *Answer) Strings(dst [][]byte, row []byte, n int) ([][]byte, error) {
	null := func(int) bool { return false }
	if a.Binary {
		head := 1 + bitmapSize(a.columns)
		if len(row) < head {
			return dst, ErrRow
		}
		bitmap := row[1:head]
		null = func(i int) bool { return bitmap[(i+2)/8]&(1<<((i+2)%8)) != 0 }
		row = row[head:]
	}
	for i := range n {
		if null(i) {
			dst = append(dst, nil)
			continue
		}
		v, used := protocol.ReadLenencBytes(row)
		if used == 0 {
			return dst, ErrRow
		}
		dst = append(dst, v)
		row = row[used:]
	}
	return dst, nil
}

// bitmapSize is the length of the NULL bitmap in a binary row, whose first two
// bits mean nothing.
func bitmapSize(columns int) int { return (columns + 7 + 2) / 8 }

// AppendRest appends a row without its first value, a string, to dst.
func (a *Answer) AppendRest(dst, row []byte) ([]byte, error) {
	if !a.Binary {
		_, used := protocol.ReadLenencBytes(row)
		if used == 0 {
			return dst, ErrRow
		}
		return append(dst, row[used:]...), nil
	}
	head := 1 + bitmapSize(a.columns)
	if len(row) < head {
		return dst, ErrRow
	}
	bitmap, values := row[1:head], row[head:]
	dst = append(dst, 0)
	at := len(dst)
	dst = append(dst, make([]byte, bitmapSize(a.columns-1))...)
	for i := 1; i < a.columns; i++ {
		if bitmap[(i+2)/8]&(1<<((i+2)%8)) != 0 {
			dst[at+(i+1)/8] |= 1 << ((i + 1) % 8)
		}
	}
	if bitmap[0]&4 == 0 {
		_, used := protocol.ReadLenencBytes(values)
		if used == 0 {
			return dst, ErrRow
		}
		values = values[used:]
	}
	return append(dst, values...), nil
}
