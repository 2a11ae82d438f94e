package ledger

import (
	"encoding/binary"
	"errors"
	"strconv"

	"github.com/dsmproxy/dsmproxy/protocol"
)

// reply is the answer to a packet of several statements, taken apart. Its cells
// lie in the connection's buffer and are valid until its next use.
type reply struct {
	sets  []set
	cells [][]byte // of all rows; nil for NULL
	err   *protocol.Error
	join  []byte // packets of more than one frame
	// binary: rows are those of a prepared statement.
	binary bool
	types  []byte // of the columns then
}

// set is the result of one statement.
type set struct {
	affected uint64
	columns  int
	from     int // of its cells
	rows     int
}

var errOdd = errors.New("answer of another form than asked for")

func (r *reply) reset() {
	clear(r.cells)
	r.sets, r.cells, r.err, r.join = r.sets[:0], r.cells[:0], nil, nil
}

// row is a row of a statement's result.
func (r *reply) row(set, row int) [][]byte {
	s := &r.sets[set]
	at := s.from + row*s.columns
	return r.cells[at : at+s.columns]
}

// next takes a packet off frames.
func (r *reply) next(frames []byte) (packet, rest []byte, err error) {
	joined := false
	from := len(r.join)
	for {
		if len(frames) < 4 {
			return nil, nil, errOdd
		}
		n := int(frames[0]) | int(frames[1])<<8 | int(frames[2])<<16
		if len(frames) < 4+n {
			return nil, nil, errOdd
		}
		part := frames[4 : 4+n]
		frames = frames[4+n:]
		if n < protocol.MaxFrame && !joined {
			return part, frames, nil
		}
		joined = true
		r.join = append(r.join, part...)
		if n < protocol.MaxFrame {
			return r.join[from:len(r.join):len(r.join)], frames, nil
		}
	}
}

// parse reads frames, which hold one answer. It may be cut short: refused is
// what has ended it then.
func (r *reply) parse(frames []byte, deprecateEOF bool, refused *protocol.Error) error {
	r.reset()
	for {
		if len(frames) == 0 && len(r.sets) > 0 && refused != nil {
			r.err = refused
			return nil
		}
		p, rest, err := r.next(frames)
		if err != nil || len(p) == 0 {
			return errOdd
		}
		frames = rest
		var status protocol.Status
		switch p[0] {
		case 0xff:
			if r.err = protocol.ParseErr(p); r.err == nil {
				return errOdd
			}
			return nil
		case 0x00, 0xfe:
			affected, st, err := end(p)
			if err != nil {
				return err
			}
			r.sets = append(r.sets, set{affected: affected})
			status = st
		default:
			if frames, status, err = r.parseRows(p, frames, deprecateEOF); err != nil {
				return err
			}
		}
		if r.err != nil || !status.Has(protocol.StatusMoreResults) {
			return nil
		}
	}
}

// parseRows reads a result set whose first packet is head.
func (r *reply) parseRows(head, frames []byte, deprecateEOF bool) ([]byte, protocol.Status, error) {
	columns, n := protocol.ReadLenenc(head)
	if n == 0 || columns > 1<<16 {
		return nil, 0, errOdd
	}
	skip := int(columns)
	if !deprecateEOF {
		skip++
	}
	var p []byte
	var err error
	r.types = r.types[:0]
	for i := range skip {
		if p, frames, err = r.next(frames); err != nil {
			return nil, 0, err
		}
		if r.binary && i < int(columns) {
			c, ok := protocol.ParseColumn(p)
			if !ok {
				return nil, 0, errOdd
			}
			r.types = append(r.types, c.Type)
		}
	}
	s := set{columns: int(columns), from: len(r.cells)}
	for {
		if p, frames, err = r.next(frames); err != nil || len(p) == 0 {
			return nil, 0, errOdd
		}
		if p[0] == 0xff {
			if r.err = protocol.ParseErr(p); r.err == nil {
				return nil, 0, errOdd
			}
			return frames, 0, nil
		}
		if p[0] == 0xfe && len(p) < protocol.MaxFrame {
			_, status, err := end(p)
			r.sets = append(r.sets, s)
			return frames, status, err
		}
		if r.binary {
			if err := r.binaryRow(p); err != nil {
				return nil, 0, err
			}
			s.rows++
			continue
		}
		for range columns {
			if len(p) > 0 && p[0] == 0xfb {
				r.cells, p = append(r.cells, nil), p[1:]
				continue
			}
			v, n := protocol.ReadLenencBytes(p)
			if n == 0 {
				return nil, 0, errOdd
			}
			r.cells, p = append(r.cells, v[:len(v):len(v)]), p[n:]
		}
		s.rows++
	}
}

// binaryRow reads a row of a prepared statement. What is no string is told as
// text where it is an INT or a BIGINT, which nothing else is asked for as.
func (r *reply) binaryRow(p []byte) error {
	nulls := (len(r.types) + 7 + 2) / 8
	if len(p) < 1+nulls {
		return errOdd
	}
	bits, p := p[1:1+nulls], p[1+nulls:]
	for i, typ := range r.types {
		if bits[(i+2)/8]&(1<<((i+2)%8)) != 0 {
			r.cells = append(r.cells, nil)
			continue
		}
		switch typ {
		case typeInt:
			if len(p) < 4 {
				return errOdd
			}
			r.cells, p = append(r.cells, strconv.AppendUint(nil, uint64(binary.LittleEndian.Uint32(p)), 10)), p[4:]
		case typeBigint:
			if len(p) < 8 {
				return errOdd
			}
			r.cells, p = append(r.cells, strconv.AppendUint(nil, binary.LittleEndian.Uint64(p), 10)), p[8:]
		default:
			v, n := protocol.ReadLenencBytes(p)
			if n == 0 {
				return errOdd
			}
			r.cells, p = append(r.cells, v[:len(v):len(v)]), p[n:]
		}
	}
	return nil
}

// The types of columns that binaryRow reads as numbers.
const (
	typeInt    = 0x03
	typeBigint = 0x08
)

// end reads an OK or EOF packet.
func end(p []byte) (affected uint64, status protocol.Status, err error) {
	if status, _, ok := protocol.ParseEOF(p); ok {
		return 0, status, nil
	}
	affected, n := protocol.ReadLenenc(p[1:])
	if n == 0 {
		return 0, 0, errOdd
	}
	rest := p[1+n:]
	_, n = protocol.ReadLenenc(rest)
	if n == 0 || len(rest) < n+2 {
		return 0, 0, errOdd
	}
	return affected, protocol.Status(uint16(rest[n]) | uint16(rest[n+1])<<8), nil
}
