package replica

import (
	"errors"
	"slices"

	"github.com/dsmproxy/dsmproxy/protocol"
)

// question is a request for all live stores.
type question struct {
	req Request
	fix []byte // the statement that fixes its time; nil for none
	// join: it is part of the client's transaction at stores that it has not
	// reached yet.
	join bool
	// only, unless nil, is a key: the first live store of its order is asked
	// alone.
	only []byte
	// at, unless nil, are the stores that are asked, be they down or not.
	at []int
}

// everywhere sends a question to all live stores, and calls got with each
// answer, which is valid until got returns. The connections stay in c.copies,
// for releaseCopies. down are the stores that have not answered. A store that is
// lost ends a transaction.
func (c *Client) everywhere(q *question, got func(cp *copyOf, frames []byte) error) (down []int, err error) {
	if down, err = c.toAll(q); err != nil {
		return nil, err
	}
	for j := range c.copies {
		cp := &c.copies[j]
		if cp.conn == nil {
			continue // lost while sending
		}
		frames, err := c.readFixed(cp, q.req, q.fix != nil)
		if err != nil {
			var tooLong *protocol.Error
			if err := c.lostOne(cp, err); err != nil {
				return nil, err
			}
			if errors.As(err, &tooLong) {
				c.dropUnread()
				c.releaseCopies()
				return nil, tooLong
			}
			down = append(down, cp.store)
			continue
		}
		if err := got(cp, frames); err != nil {
			c.dropUnread()
			c.releaseCopies()
			return nil, err
		}
	}
	return down, nil
}

// toAll sends a question to the live stores, whose connections are in c.copies
// then, and returns the others.
func (c *Client) toAll(q *question) (down []int, err error) {
	c.copies = c.copies[:0]
	only := -1
	if q.only != nil {
		only = int(c.firstLive(nil, q.only)[0])
	}
	for i := range c.set.stores {
		if only >= 0 && i != only || q.at != nil && !slices.Contains(q.at, i) {
			continue
		}
		if !c.live(i) && c.pinned[i] == nil && q.at == nil {
			down = append(down, i)
			continue
		}
		conn, err := c.acquire(i, q.join, q.at != nil)
		switch {
		case err == nil:
			c.copies = append(c.copies, copyOf{store: i, conn: conn, sent: true})
		case c.ctx.Err() != nil:
			c.releaseCopies()
			return nil, c.aborted()
		case !storeFailed(err):
			c.releaseCopies()
			return nil, err
		default:
			down = append(down, i)
		}
	}
	for i := range c.copies {
		cp := &c.copies[i]
		if err := c.sendFixed(cp.conn, q.req, q.fix); err != nil {
			var refused *protocol.Error
			if errors.As(err, &refused) { // it can't be prepared
				c.dropUnread()
				return nil, refused
			}
			if err := c.lostOne(cp, err); err != nil {
				return nil, err
			}
			down = append(down, cp.store)
		}
	}
	return down, nil
}

// lostOne drops a copy whose store failed. In a transaction that is its end.
func (c *Client) lostOne(cp *copyOf, err error) error {
	inTxn := c.InTxn()
	if cp.conn != nil {
		c.drop(cp.store, cp.conn)
		cp.conn = nil
	}
	switch {
	case c.ctx.Err() != nil:
		c.dropUnread()
		return c.aborted()
	case inTxn:
		c.dropUnread()
		return c.fail(err)
	}
	return nil
}

// readFixed reads the answer of one copy, which stays in its connection's
// memory, and those of the statements around it.
func (c *Client) readFixed(cp *copyOf, req Request, fixed bool) ([]byte, error) {
	if fixed {
		if err := c.skip(cp.conn); err != nil {
			return nil, err
		}
	}
	if _, err := c.await(cp.store, cp.conn); err != nil {
		return nil, err
	}
	c.scratch.Reset(req.Answer(), c.Login.Capabilities.Has(protocol.ClientDeprecateEOF), 1)
	frames, err := cp.conn.Read(&c.scratch, maxSwept)
	if err != nil {
		return nil, err
	}
	cp.answer = *c.scratch.Answer()
	if fixed {
		frames = append([]byte(nil), frames...)
		if c.set.forgetsNotes() {
			if cp.notes, err = cp.conn.ReadRows(); err != nil {
				return nil, err
			}
		}
		if err := c.skip(cp.conn); err != nil {
			return nil, err
		}
	}
	cp.read = true
	return frames, nil
}
