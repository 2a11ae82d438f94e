package replica

import (
	"errors"
	"io"
	"slices"

	"github.com/dsmproxy/dsmproxy/protocol"
	"github.com/dsmproxy/dsmproxy/router/merge"
	"github.com/dsmproxy/dsmproxy/router/store"
)

// leg is one store's part.
type leg struct {
	store int
	conn  *store.Conn // nil once given back
	left  int         // answers that have not been read
}

// open sends req to all stores.
func (s *scatter) open(stores []int, req Request) error {
	s.legs = s.legs[:0]
	for _, i := range stores {
		conn, err := s.acquire(i, true, !s.set.live(i))
		switch {
		case err == nil:
			s.legs = append(s.legs, leg{store: i, conn: conn})
		case s.ctx.Err() != nil:
			s.abandon()
			return s.aborted()
		case !storeFailed(err):
			s.abandon()
			return err
		default:
			s.abandon()
			return s.lose(i, err)
		}
	}
	for j := range s.legs {
		l := &s.legs[j]
		if err := s.sendOne(l.conn, req, s.fix); err != nil {
			var refused *protocol.Error
			if errors.As(err, &refused) { // it can't be prepared
				if s.fix != nil {
					s.drop(l.store, l.conn) // SET timestamp is queued there
				} else {
					s.finish(l.store, l.conn)
				}
				l.conn = nil
				s.abandon()
				return refused
			}
			return s.lost(l, err)
		}
		l.left = 1
		if s.fix != nil {
			l.left = 3
		}
	}
	return nil
}

// await waits until the answer of every leg begins, and returns an error that
// one of them is.
func (s *scatter) await() error {
	var refused *protocol.Error
	for j := range s.legs {
		l := &s.legs[j]
		if s.fix != nil {
			if err := s.skip(l.conn); err != nil {
				return s.lost(l, err)
			}
			l.left--
		}
		e, err := s.Client.await(l.store, l.conn)
		if err != nil {
			return s.lost(l, err)
		}
		if e != nil && (refused == nil || e.Code == protocol.ErrLockDeadlock) {
			refused = e
		}
	}
	if refused == nil {
		return nil
	}
	return s.refused(refused)
}

// maxNotes is about how many warnings of a statement are kept, as by
// max_error_count.
const maxNotes = 64

// read relays a leg's answer to w and gives the connection back. An error of w
// is returned as it is, after the end of the answer if the connection is not
// to be lost.
func (s *scatter) read(l *leg, w io.Writer) error {
	s.scratch.Reset(protocol.AnswerResult, s.Login.Capabilities.Has(protocol.ClientDeprecateEOF), 1)
	d := &drain{to: w, on: s.bound > 0 || s.holds(l)}
	if _, err := l.conn.Relay(d, &s.scratch); err != nil {
		var net *store.NetError
		if errors.As(err, &net) {
			return s.lost(l, err)
		}
		s.drop(l.store, l.conn)
		l.conn = nil
		return told(err)
	}
	l.left--
	answer := *s.scratch.Answer()
	if s.fix == nil && answer.Err == nil && answer.Warnings > 0 {
		notes, err := l.conn.Query(s.ctx, "SHOW WARNINGS")
		if err != nil {
			return s.lost(l, err)
		}
		s.parts = append(s.parts, notes)
	}
	if s.fix != nil {
		if err := s.skip(l.conn); err != nil {
			return s.lost(l, err)
		}
		l.left--
	}
	s.finish(l.store, l.conn)
	l.conn = nil
	if d.err != nil {
		return told(d.err)
	}
	if answer.Err != nil {
		return s.refused(answer.Err)
	}
	*s.scratch.Answer() = answer
	return nil
}

// told makes an error of package merge one that the client is told.
func told(err error) error {
	if errors.Is(err, merge.ErrRow) {
		return protocol.Errorf(protocol.ErrUnknown, "dsmproxy: %v", err)
	}
	return err
}

// drain passes on what it is given. If it is on, it takes everything after an
// error, and keeps that.
type drain struct {
	to  io.Writer
	on  bool
	err error
}

// Write implements io.Writer.
func (d *drain) Write(b []byte) (int, error) {
	if d.err == nil {
		if _, d.err = d.to.Write(b); d.err != nil && !d.on {
			return 0, d.err
		}
	}
	return len(b), nil
}

// refused ends it with the error that a store has answered with.
func (s *scatter) refused(e *protocol.Error) error {
	s.endLegs(!s.state.Autocommit()) // where it may have begun a transaction
	if err := s.sacrificed(e); err != nil {
		return err
	}
	if s.InTxn() && s.endsTxn(e.Code) {
		s.Rollback()
	}
	return e
}

// lost drops a leg whose store has failed. In a transaction that is its end.
func (s *scatter) lost(l *leg, err error) error {
	inTxn := s.InTxn()
	s.drop(l.store, l.conn)
	l.conn = nil
	switch {
	case s.ctx.Err() != nil:
		s.dropLegs()
		return s.aborted()
	case inTxn:
		s.dropLegs()
		if err := s.fail(err); !s.begun {
			return err
		}
		return cutOff(err)
	case s.begun:
		s.dropLegs()
		return cutOff(err)
	}
	s.abandon()
	return s.lose(l.store, err)
}

// dropLegs closes the connections whose answers have not been read.
func (s *scatter) dropLegs() {
	for j := range s.legs {
		if l := &s.legs[j]; l.conn != nil && l.left > 0 {
			s.drop(l.store, l.conn)
			l.conn = nil
		}
	}
	s.abandon()
}

// abandon gives all connections back. Answers are read to their end where the
// connection is the client's own for longer than this statement.
func (s *scatter) abandon() { s.endLegs(false) }

// endLegs is abandon, with all answers read to their end if they are short:
// a connection is dearer.
func (s *scatter) endLegs(short bool) {
	for j := range s.legs {
		l := &s.legs[j]
		if l.conn == nil {
			continue
		}
		if l.left > 0 && !short && !s.holds(l) {
			s.drop(l.store, l.conn)
		} else if err := s.readRest(l); err != nil {
			s.drop(l.store, l.conn) // what it held ends with it
		} else {
			s.finish(l.store, l.conn)
		}
		l.conn = nil
	}
}

// holds reports whether the client loses more than a connection with this one.
func (s *scatter) holds(l *leg) bool {
	return s.pinned[l.store] == l.conn || slices.Contains(s.kept, l.conn) || s.hasCursor(l.conn)
}

// readRest drops what has not been read of a leg's answers.
func (s *scatter) readRest(l *leg) error {
	for ; l.left > 0; l.left-- {
		s.scratch.Reset(protocol.AnswerResult, s.Login.Capabilities.Has(protocol.ClientDeprecateEOF), 1)
		if _, err := l.conn.Relay(io.Discard, &s.scratch); err != nil {
			return err
		}
	}
	return nil
}
