package replica

import (
	"github.com/dsmproxy/dsmproxy/router/ledger"
	"github.com/dsmproxy/dsmproxy/router/store"
)

// fencedShared is ReadShared at the levels safe and strict.
func (c *Client) fencedShared(t Table, key []byte, req Request, payload []byte, prepared *store.Stmt) error {
	c.one[0] = key
	list, err := c.fenceKeys(t, c.one[:])
	if err != nil {
		return err
	}
	s := c.fencing.stmt.begin(c, req, nil)
	s.payload, s.prepared = payload, prepared
	return c.readAlone(s, list)
}

// Share implements ledger.Shared.
func (s *fencedStmt) Share(st *store.Store) (r ledger.Request, ok bool) {
	if s.payload == nil || s.notes {
		return r, false
	}
	c := s.client
	s.forget()
	s.store = c.set.index(st)
	return ledger.Request{
		Lanes: c.lanesOf(s.store), Payload: s.payload, Prepared: s.prepared,
		Answer: s.req.Answer(), Sequence: c.out.Conn().Sequence(),
	}, true
}

// Take implements ledger.Shared.
func (s *fencedStmt) Take(a *store.LaneAnswer) bool {
	c := s.client
	if answer := a.Framer.Answer(); answer.Err == nil && answer.Warnings != 0 {
		return false // they can be asked for behind the statement alone
	}
	c.frame = a.Framer
	c.keeps()
	s.size = len(a.Frames)
	c.held = append(c.held, a.Frames...)
	s.whole = true
	return true
}
