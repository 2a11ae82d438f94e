package replica

import (
	"errors"
	"strconv"

	"github.com/dsmproxy/dsmproxy/protocol"
	"github.com/dsmproxy/dsmproxy/router/fence"
	"github.com/dsmproxy/dsmproxy/router/ledger"
)

// tell gives the client the answer, once err, what the Group has returned, says
// that it counts.
func (s *fencedStmt) tell(err error) error {
	if errors.Is(err, fence.ErrAnswerLost) && s.toldAll() {
		err = nil
	}
	if err != nil {
		s.forget()
		return s.client.fenceError(err)
	}
	if s.refused != nil {
		return s.refused
	}
	c := s.client
	if err := s.ask(); err != nil {
		return err
	}
	if s.size > maxFenced {
		return protocol.Errorf(protocol.ErrUnknown,
			"dsmproxy: the answer has more than %d bytes, and can't be kept back until it is known to be the newest", maxFenced)
	}
	if c.CountSelected {
		c.countSelected()
	}
	_, err = c.out.Conn().Write(c.held)
	c.keptNoMore()
	if err != nil {
		return err
	}
	c.answered()
	return nil
}

// toldAll reports whether the store had told all that the client is to know
// before it was lost.
func (s *fencedStmt) toldAll() bool {
	if !s.whole || s.keep || s.client.CountFound || s.client.frame.Answer().Warnings != 0 {
		return false
	}
	s.client.Notes = nil
	return true
}

// ask asks the connection that is kept for what the statement has done to it.
func (s *fencedStmt) ask() error {
	conn := s.conn
	if conn == nil {
		return nil
	}
	s.conn = nil
	c := s.client
	if s.kind == ledger.Within {
		if err := c.readNotes(conn); err != nil {
			s.returns(conn, err)
			c.Rollback()
			return cutOff(err)
		}
	} else if c.AskInsertID && c.frame.Answer().Err == nil {
		rows, err := conn.Query(c.ctx, "SELECT LAST_INSERT_ID()")
		if err == nil {
			c.InsertID, err = strconv.ParseUint(string(rows[0][0]), 10, 64)
		}
		if err != nil {
			s.returns(conn, err)
			return cutOff(err)
		}
	}
	if err := c.learn(s.store, conn); err != nil {
		return err
	}
	s.returns(conn, nil)
	return nil
}
