package replica

import "slices"

// An INSERT ... SELECT of one record into another is carried out by the first
// live store of the new key, which is given the record that is read if it is not
// one of that one's own. What it makes of the new record is carried to the other
// stores. It all happens in one transaction at each store, as a key change does
// (move.go).

// CopyRecord carries w, whose Keys are that of the record that is read and that
// of the one that is written, out.
func (c *Client) CopyRecord(w *Write) error {
	if c.fenced() {
		return c.fencedCopyRecord(w)
	}
	return c.across(w, c.copyRecord)
}

// copyRecord tries once. again says that a store was lost before anything was
// committed.
func (c *Client) copyRecord(w *Write, own bool) (again bool, err error) {
	from := c.firstLive(nil, w.Keys[0])
	to := c.firstLive(nil, w.Keys[1])
	first := copyOf{store: int(to[0])}
	guest := !slices.Contains(from, to[0]) // the record that is read is there for the statement only
	ran := false
	lost := func(err error) (bool, error) { return c.lostAcross(own, ran, err) }
	if first.conn, err = c.holdAll(union(to, from[:1]), first.store); err != nil {
		return lost(err)
	}
	if from[0] != to[0] {
		if err := c.carryBetween(int(from[0]), first.store, w, 0); err != nil {
			return lost(err)
		}
	}
	if err := c.sendFixed(first.conn, w.Req, c.fix(w)); err != nil {
		return lost(err)
	}
	c.inner = own
	err = c.readOne(w, &first, true)
	c.inner = false
	if err != nil {
		return lost(err)
	}
	if e := first.answer.Err; e != nil && (own || c.endsTxn(e.Code)) {
		c.Rollback()
		return false, c.giveHeld()
	}
	ran = true
	if err := c.readNotes(first.conn); err != nil {
		return lost(err)
	}
	if guest {
		if err := c.removeAt(first.conn, w, 0); err != nil {
			return lost(err)
		}
	}
	if first.answer.Err == nil {
		for _, s := range to[1:] {
			if err := c.carryBetween(first.store, int(s), w, 1); err != nil {
				return lost(err)
			}
		}
		c.noteWritten(w, 1, to)
	}
	if own {
		if err := c.Commit(); err != nil {
			return false, err
		}
	}
	return false, c.giveHeld()
}
