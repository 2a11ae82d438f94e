package replica

import "slices"

// An UPDATE that changes the key moves a record from the stores of its old key
// to those of its new one. The first live store of the old key runs the
// client's statement, and so decides: before, it is given the record of the new
// key as that one's first live store has it (most often: none), so that a
// duplicate is one. Then both records are carried to all stores of both keys.
// It all happens in one transaction at each store; the stores of the new key
// commit first, for a crash in between had better leave two records than none.

// Move carries w, whose Keys are the old key and the new one, out.
func (c *Client) Move(w *Write) error {
	if c.fenced() {
		return c.fencedMove(w)
	}
	return c.across(w, c.move)
}

// move tries once. again says that a store was lost before anything was
// committed.
func (c *Client) move(w *Write, own bool) (again bool, err error) {
	from := c.firstLive(nil, w.Keys[0])
	to := c.firstLive(nil, w.Keys[1])
	first := copyOf{store: int(from[0])}
	ran := false // the statement itself: what follows must go well too
	lost := func(err error) (bool, error) { return c.lostAcross(own, ran, err) }
	if first.conn, err = c.holdAll(union(from, to), first.store); err != nil {
		return lost(err)
	}
	if to[0] != from[0] {
		if err := c.carryBetween(int(to[0]), first.store, w, 1); err != nil {
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
	if first.answer.Err != nil || first.answer.AffectedRows == 0 {
		if e := first.answer.Err; own || e != nil && c.endsTxn(e.Code) {
			c.Rollback()
		} else if !slices.Contains(to, from[0]) { // the record of the new key was there for the statement only
			if err := c.removeAt(first.conn, w, 1); err != nil {
				return lost(err)
			}
		}
		return false, c.giveHeld()
	}
	ran = true
	if err := c.readNotes(first.conn); err != nil {
		return lost(err)
	}
	for _, s := range union(from, to) {
		if int(s) == first.store {
			continue
		}
		for i, holds := range [][]uint16{from, to} {
			if slices.Contains(holds, s) {
				if err := c.carryBetween(first.store, int(s), w, i); err != nil {
					return lost(err)
				}
			}
		}
	}
	if !slices.Contains(to, from[0]) {
		if err := c.removeAt(first.conn, w, 1); err != nil {
			return lost(err)
		}
	}
	c.noteWritten(w, 0, from)
	c.noteWritten(w, 1, to)
	if own {
		c.txn.joined = append(c.txn.joined[:0], intsOf(union(to, from))...)
		if err := c.Commit(); err != nil {
			return false, err
		}
	}
	return false, c.giveHeld()
}
