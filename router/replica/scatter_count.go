package replica

import (
	"encoding/binary"
	"strconv"

	"github.com/dsmproxy/dsmproxy/protocol"
	"github.com/dsmproxy/dsmproxy/router/merge"
)

// count counts the records: the keys are asked of all stores. One of them
// carries the statement itself out as well, whose answer the client gets with
// the number replaced.
func (s *scatter) count(stores []int) error {
	t := s.Tables[0]
	sc, err := s.tableSchema(t.Table)
	if err != nil {
		return err
	}
	req := s.Narrow(sc.key.exportText())
	if err := s.open(stores, req); err != nil {
		return err
	}
	if err := s.await(); err != nil {
		return err
	}
	n := uint64(0)
	for j := range s.legs {
		l := &s.legs[j]
		var fields [][]byte
		a := &merge.Answer{DeprecateEOF: s.Login.Capabilities.Has(protocol.ClientDeprecateEOF), Binary: isBinary(req)}
		a.Row = func(row []byte) (err error) {
			if fields, err = a.Strings(fields[:0], row, 1); err != nil {
				return err
			}
			if key := fields[0]; key != nil && s.owner(stores, key, t.Fold) == l.store {
				n++
			}
			return nil
		}
		a.Begin()
		if err := s.read(l, a); err != nil {
			s.abandon()
			return err
		}
	}
	if err := s.confirm(); err != nil {
		return err
	}
	return s.countedAs(stores[0], n)
}

// countedAs gives the client the answer of store i with n in the place of its
// number.
func (s *scatter) countedAs(i int, n uint64) error {
	if err := s.open([]int{i}, s.Req); err != nil {
		return err
	}
	if err := s.await(); err != nil {
		return err
	}
	l := &s.legs[0]
	s.resetFrame(protocol.AnswerResult, true)
	frames, err := l.conn.Read(&s.frame, maxHeld)
	if err != nil {
		return s.lost(l, err)
	}
	s.held = replaceRow(s.held[:0], frames, s.frame.Answer(), s.Login.Capabilities.Has(protocol.ClientDeprecateEOF), countRow(n, isBinary(s.Req)))
	if l.left--; s.fix != nil {
		if err := s.skip(l.conn); err != nil {
			return s.lost(l, err)
		}
	}
	s.Notes = nil
	if err := s.readNotes(l.conn); err != nil {
		return s.lost(l, err)
	}
	s.finish(l.store, l.conn)
	l.conn = nil
	if _, err := s.out.Conn().Write(s.held); err != nil {
		return err
	}
	s.answered()
	s.settle()
	return nil
}

// countRow is the row of a number.
func countRow(n uint64, inBinary bool) []byte {
	if inBinary {
		return binary.LittleEndian.AppendUint64([]byte{0, 0}, n)
	}
	return protocol.AppendLenencBytes(nil, strconv.FormatUint(n, 10))
}

// replaceRow appends the frames of a result set to dst, the payload of its only
// row, if it has one, replaced.
func replaceRow(dst, frames []byte, a *protocol.Answer, deprecateEOF bool, row []byte) []byte {
	at := 1 + a.Columns
	if !deprecateEOF {
		at++
	}
	for i := 0; len(frames) >= 4; i++ {
		end := 4 + (int(frames[0]) | int(frames[1])<<8 | int(frames[2])<<16)
		if i == at && a.Err == nil && a.Rows == 1 {
			dst = append(dst, byte(len(row)), byte(len(row)>>8), byte(len(row)>>16), frames[3])
			dst = append(dst, row...)
		} else {
			dst = append(dst, frames[:end]...)
		}
		frames = frames[end:]
	}
	return dst
}
