package replica

import (
	"errors"
	"time"

	"github.com/dsmproxy/dsmproxy/protocol"
)

// A statement that writes several tables is carried out by several statements, in
// one transaction over all their stores: the client's if one is open, with a
// savepoint before the first, else one of its own. The client gets one answer.

// AsOne carries the parts of such a statement out; each of them answers as it
// does for a client. updates says whether they are UPDATEs.
func (c *Client) AsOne(parts []func() error, updates bool) error {
	var sum swept
	run := func() error {
		sum = swept{}
		for _, part := range parts {
			c.Notes = nil
			captured := c.out.Conn().Capture()
			err := part()
			frames := captured()
			a := c.frame.Answer()
			if err == nil && a.Err != nil {
				err = a.Err
			}
			if err != nil {
				return err
			}
			sum.parts = append(sum.parts, c.Notes)
			sum.affected += a.AffectedRows
			sum.warnings += a.Warnings
			u := tellsOf(frames)
			sum.tells.matched += u.matched
			sum.tells.changed += u.changed
		}
		return nil
	}
	var err error
	if c.InTxn() || !c.state.Autocommit() {
		err = c.undoableBy("dsmproxy_parts", run)
	} else {
		err = c.transacted(run)
	}
	if err != nil {
		return err
	}
	notes, same := mergeNotes(sum.parts, 1, c.set.mariaDB())
	sum.warnings -= uint16(same)
	c.Notes = notes[:min(len(notes), maxNotes)]
	*c.frame.Answer() = protocol.Answer{AffectedRows: sum.affected, Warnings: sum.warnings}
	c.settle()
	ok := protocol.OK{AffectedRows: sum.affected, Warnings: sum.warnings}
	if updates {
		ok.Info = sum.tells.info(sum.warnings)
	}
	return c.writeOK(ok)
}

// transacted runs f in a transaction of its own, anew where two such ones wait for
// each other.
func (c *Client) transacted(f func() error) error {
	begin := c.ownBegin()
	for began := time.Now(); ; {
		begin()
		err := f()
		if err != nil {
			c.Rollback()
		} else if err = c.Commit(); err == nil {
			return nil
		}
		var refused *protocol.Error
		switch {
		case c.ctx.Err() != nil:
			return c.aborted()
		case !errors.As(err, &refused) || refused.Code != protocol.ErrLockDeadlock,
			time.Since(began) > maxTransacted || c.wait.Err() != nil:
			return err
		}
		c.pauseStart()
	}
}

// maxTransacted is how long a statement of several parts is begun anew.
const maxTransacted = 5 * time.Second
