package replica

import (
	"errors"

	"github.com/dsmproxy/dsmproxy/router/fence"
)

// A statement that is carried out in parts, each of one primary's records, is
// an INSERT of several rows, which is one transaction (rows.go), or a sweep,
// whose parts count one by one, but in a client's transaction.

// fencedPart carries a part out. Its answer stays in c.held and c.frame.
func (c *Client) fencedPart(w *Write) error {
	if err := c.copyable(w.Table); err != nil {
		return err
	}
	list, err := c.fenceKeys(w.Table, w.Keys)
	if err != nil {
		return err
	}
	if c.within() {
		err = c.partWithin(list, w.Req, w)
	} else {
		defer c.unshield(c.whole())
		err = c.set.group.Write(c.patience(), c.fencing.stmt.begin(c, w.Req, w), list)
	}
	return c.fencing.stmt.ended(err)
}

// ended returns what the Group has returned as an error for the client; nil if
// the answer, or an error as the answer, stays in held and frame.
func (s *fencedStmt) ended(err error) error {
	c := s.client
	switch {
	case err != nil:
		s.forget()
		if c.ctx.Err() != nil {
			return c.aborted()
		}
		return c.fenceError(err)
	case s.refused != nil:
		return s.refused
	}
	return s.ask()
}

// partWithin carries a part out in a transaction; w is nil of a read.
func (c *Client) partWithin(list []fence.Key, req Request, w *Write) error {
	if !c.state.Autocommit() {
		c.enroll()
	}
	start := starting{fresh: len(c.txn.parts) == 0}
	for {
		err := c.runWithin(list, req, w)
		if err == nil && c.fencing.stmt.refused == nil {
			return c.sacrificed(c.frame.Answer().Err)
		}
		if !errors.Is(err, fence.ErrRestart) || !c.startOver(&start) {
			return err
		}
	}
}
