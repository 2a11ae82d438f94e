package merge

import (
	"errors"

	"github.com/dsmproxy/dsmproxy/protocol"
)

// ErrEnough says that the rows so far are all that are wanted.
var ErrEnough = errors.New("enough rows")

// errColumns: the stores' tables differ.
var errColumns = protocol.Errorf(protocol.ErrUnknown,
	"dsmproxy: the stores answer with different columns; compare the table's definitions on them")

// Rows makes one result set of several, whose first column says which of the
// rows count and is not part of the result. The answers are given to it one
// after the other: Begin, and then the frames by Write, which returns ErrEnough
// at the first row behind the last that is wanted. What is to be sent stands in
// Out, which the caller empties.
type Rows struct {
	// Answer is set up by the caller but for Column and Row, which are Rows's
	// own.
	Answer
	// All: all rows count, and the first column is one like the others.
	All bool
	// Counts reports whether the row with the given first column counts; nil is
	// NULL.
	Counts func(key []byte) bool
	// Offset rows are left out; Limit bounds those that follow; negative for no
	// bound.
	Offset, Limit int64
	// Status is what the EOF behind the definitions carries.
	Status protocol.Status
	// Out are the frames that were made so far, Seq the next sequence number.
	Out []byte
	Seq byte
	// Sent is the number of rows in the result.
	Sent uint64
	// Flush, unless nil, is called when much stands in Out.
	Flush func() error

	begun   bool
	types   []uint16 // of the columns, with their sign
	at      int      // of the running answer's definitions
	scratch []byte
	fields  [][]byte
}

// flushSize is how much stands in Out before it is flushed.
const flushSize = 32 << 10

// Begin makes it ready for the next store's answer.
func (r *Rows) Begin() {
	r.begun = r.begun || r.at > 0
	r.at = 0
	r.Answer.Begin()
	r.Column, r.Row = r.column, r.row
}

// Done reports whether no more rows are wanted.
func (r *Rows) Done() bool { return r.Limit == 0 && r.begun }

// column takes a definition. Those of the first answer are the result's; the
// others must be of the same types.
func (r *Rows) column(p []byte) error {
	r.at++
	c, ok := protocol.ParseColumn(p)
	if !ok {
		return ErrRow
	}
	kind := uint16(c.Type) | c.Flags&unsigned<<8
	if r.begun {
		if r.at > len(r.types) || r.Columns() != len(r.types) || r.Binary && r.types[r.at-1] != kind {
			return errColumns
		}
		return nil
	}
	r.types = append(r.types, kind)
	if r.at == 1 && r.All {
		r.Packet(protocol.AppendLenenc(nil, uint64(r.Columns())))
		r.Packet(p)
	} else if r.at == 1 {
		r.Packet(protocol.AppendLenenc(nil, uint64(r.Columns()-1)))
	} else {
		r.Packet(p)
	}
	if r.at == r.Columns() && !r.DeprecateEOF {
		r.Packet(protocol.AppendEOF(nil, r.Status, 0))
	}
	return nil
}

// unsigned is UNSIGNED_FLAG of a column.
const unsigned = 32

func (r *Rows) row(p []byte) error {
	if r.Limit == 0 {
		return ErrEnough
	}
	if r.All {
		r.Packet(p)
		r.Sent++
		return nil
	}
	var err error
	if r.fields, err = r.Strings(r.fields[:0], p, 1); err != nil {
		return err
	}
	if !r.Counts(r.fields[0]) {
		return nil
	}
	if r.Offset > 0 {
		r.Offset--
		return nil
	}
	if r.Limit > 0 {
		r.Limit--
	}
	if r.scratch, err = r.AppendRest(r.scratch[:0], p); err != nil {
		return err
	}
	r.Packet(r.scratch)
	r.Sent++
	if cap(r.scratch) > maxKept {
		r.scratch = nil
	}
	if len(r.Out) >= flushSize && r.Flush != nil {
		return r.Flush()
	}
	return nil
}

// Packet frames a packet of the result.
func (r *Rows) Packet(p []byte) {
	for {
		n := min(len(p), protocol.MaxFrame)
		r.Out = append(r.Out, byte(n), byte(n>>8), byte(n>>16), r.Seq)
		r.Out = append(r.Out, p[:n]...)
		r.Seq++
		if p = p[n:]; n < protocol.MaxFrame {
			return
		}
	}
}

// End ends the result.
func (r *Rows) End(status protocol.Status, warnings uint16) {
	if r.DeprecateEOF {
		r.Packet(protocol.AppendOK(nil, 0xfe, protocol.OK{Warnings: warnings}, status))
	} else {
		r.Packet(protocol.AppendEOF(nil, status, warnings))
	}
}
