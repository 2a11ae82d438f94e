package replica

import (
	"errors"

	"github.com/dsmproxy/dsmproxy/protocol"
	"github.com/dsmproxy/dsmproxy/router/store"
)

// The deciding copy is not right in two cases. A store that has lost the record
// can't know what an UPDATE does to it: another copy decides, which has it. And
// what one copy refuses for another unique key than the record's own, all
// refuse: those that have carried it out get back what they had, from the one
// that refused. A unique key beside the record's own is enforced by each store
// for the records that it holds, and no further.

// witness returns the index of the copy that decides about an UPDATE.
func (c *Client) witness(w *Write, first int) (int, error) {
	a := &c.copies[first].answer
	if !w.Updates || a.Err != nil || a.AffectedRows > 0 {
		return first, nil
	}
	for i := range c.copies {
		cp := &c.copies[i]
		if i == first || cp.conn == nil || !cp.read || cp.answer.Err != nil || cp.answer.AffectedRows == 0 {
			continue
		}
		there, err := c.hasAny(c.copies[first].conn, w)
		if err != nil {
			c.set.log.Warn("copies not compared", "store", c.set.stores[c.copies[first].store].Name(), "err", err)
			return first, nil
		}
		if there {
			return first, nil
		}
		n := cp.answer.AffectedRows
		w.instead = &protocol.OK{
			AffectedRows: n, Warnings: cp.answer.Warnings,
			Info: updated{matched: n, changed: n}.info(cp.answer.Warnings),
		}
		c.out.Status = a.Status & persistent
		c.frame.Answer().AffectedRows, c.frame.Answer().Warnings = n, cp.answer.Warnings
		return i, nil
	}
	return first, nil
}

// hasAny reports whether conn's store has any record that w is about.
func (c *Client) hasAny(conn *store.Conn, w *Write) (bool, error) {
	sc, err := c.schema(w.Table)
	if err != nil {
		return false, err
	}
	for _, key := range w.spelled() {
		rows, err := conn.Query(c.ctx, "SELECT 1 FROM "+sc.table.quoted()+" WHERE "+sc.keyIs("", key)+" LIMIT 1")
		if err != nil || len(rows) > 0 {
			return err == nil, err
		}
	}
	return false, nil
}

// duplicate returns the error by which a copy that err has kept from being
// mended refuses the statement, nil if it does not.
func (c *Client) duplicate(w *Write, first int, cp *copyOf, err error) *protocol.Error {
	var e *protocol.Error
	if c.copies[first].answer.Err != nil || !errors.As(err, &e) || !isDuplicate(e) || cp.conn == nil {
		return nil
	}
	switch refused := cp.answer.Err; {
	case cp.sent && refused != nil && isDuplicate(refused):
		return refused
	case w.Image && !cp.sent && !w.Partial:
		return e
	}
	return nil // it has not what the record was before
}

func isDuplicate(e *protocol.Error) bool {
	switch e.Code {
	case protocol.ErrDupEntry, protocol.ErrDupEntryOnKey:
		return true
	}
	return false
}

// takeBack gives the copies what they had before w, which the store of refusing
// still has, and returns e.
func (c *Client) takeBack(w *Write, refusing *copyOf, e *protocol.Error) error {
	before := *w
	before.Updates = false
	for i := range c.copies {
		cp := &c.copies[i]
		if cp == refusing || cp.conn == nil {
			continue
		}
		if err := c.carryAll(refusing.conn, cp.conn, &before); err != nil {
			if c.InTxn() || !c.state.Autocommit() {
				return c.fail(err)
			}
			c.set.log.Warn("refused write not taken back", "store", c.set.stores[cp.store].Name(), "err", err)
		}
	}
	c.releaseCopies()
	return e
}
