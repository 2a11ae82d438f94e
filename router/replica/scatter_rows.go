package replica

import (
	"errors"

	"github.com/dsmproxy/dsmproxy/protocol"
	"github.com/dsmproxy/dsmproxy/router/merge"
)

// rows asks all stores for their rows and passes on those of the records that
// each store answers for. All stores work at once; the answers are passed on
// one after the other, as they come, and are not held in memory.
func (s *scatter) rows(stores []int) error {
	t := s.Tables[0]
	sc, err := s.tableSchema(t.Table)
	if err != nil {
		return err
	}
	s.bound = s.first()
	req := s.Rows(sc.key.exportText(), s.bound)
	if err := s.open(stores, req); err != nil {
		return err
	}
	if err := s.await(); err != nil {
		return err
	}
	out := s.out.Conn()
	r := &merge.Rows{
		Answer: merge.Answer{
			DeprecateEOF: s.Login.Capabilities.Has(protocol.ClientDeprecateEOF),
			Binary:       isBinary(req),
		},
		Offset: s.Offset, Limit: s.Limit, Seq: out.Sequence(),
		Status: s.status(s.out.Status),
	}
	r.Flush = func() error {
		switch {
		case s.keeps(len(r.Out)), s.bound > 0 && len(r.Out) < maxKept:
			return nil
		case s.bound > 0:
			return s.anew()
		}
		s.begun = true
		_, err := out.Write(r.Out)
		r.Out = r.Out[:0]
		return err
	}
	var status protocol.Status
	var warnings uint16
	s.parts = nil
	more := false // than has been asked for
	for j := range s.legs {
		l := &s.legs[j]
		r.Begin()
		if r.Done() {
			break
		}
		r.Counts = func(key []byte) bool { return key != nil && s.owner(stores, key, t.Fold) == l.store }
		err := s.read(l, r)
		if errors.Is(err, merge.ErrEnough) {
			status = s.out.Status
			break
		}
		if err != nil {
			return s.failRows(r, err)
		}
		if len(s.parts) == j {
			s.parts = append(s.parts, nil)
		}
		a := s.scratch.Answer()
		status = a.Status
		warnings += a.Warnings
		more = more || s.holdsBack(a)
	}
	s.endLegs(s.bound > 0)
	if more && r.Limit > 0 {
		return s.anew()
	}
	s.bound = 0
	if err := s.confirm(); err != nil {
		return err
	}
	status = s.status(status)
	notes, same := mergeNotes(s.parts, s.set.copies, s.set.mariaDB())
	warnings -= uint16(same)
	s.Notes = notes[:min(len(notes), maxNotes)]
	r.End(status, warnings)
	if err := r.Flush(); err != nil {
		return err
	}
	out.SetSequence(r.Seq)
	a := s.frame.Answer()
	a.Status, a.Warnings, a.Columns, a.Rows = status, warnings, r.Columns()-1, r.Sent
	return s.conclude(status)
}

// failRows ends the result with an error. What has gone to the client already
// is followed by it, as a store itself would do.
func (s *scatter) failRows(r *merge.Rows, err error) error {
	var e *protocol.Error
	if !errors.As(err, &e) {
		s.abandon()
		if s.begun {
			return cutOff(err)
		}
		return err
	}
	s.abandon()
	if !s.begun {
		return e
	}
	r.Packet(protocol.AppendErr(nil, e, s.out.Capabilities.Has(protocol.ClientProtocol41)))
	if err := r.Flush(); err != nil {
		return err
	}
	s.out.Conn().SetSequence(r.Seq)
	s.frame.Answer().Err = e
	s.settle()
	return nil
}
