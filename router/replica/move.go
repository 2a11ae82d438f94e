package replica

import (
	"errors"
	"slices"

	"github.com/dsmproxy/dsmproxy/protocol"
	"github.com/dsmproxy/dsmproxy/router/store"
)

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
	for _, key := range w.Keys {
		if err := c.lockKey(key); err != nil {
			c.unlockKeys()
			return err
		}
	}
	defer c.unlockKeys()
	defer c.releaseIdle()
	own := !c.InTxn() && c.state.Autocommit()
	for range c.set.stores {
		if own {
			c.txn.open = true
			c.txn.prefix = append(c.txn.prefix, "START TRANSACTION")
		}
		again, err := c.move(w, own)
		if !again {
			return err
		}
	}
	return unreachable(nil)
}

// move tries once. again says that a store was lost before anything was
// committed.
func (c *Client) move(w *Write, own bool) (again bool, err error) {
	from := c.firstLive(nil, w.Keys[0])
	to := c.firstLive(nil, w.Keys[1])
	first := copyOf{store: int(from[0])}
	ran := false // the statement itself: what follows must go well too
	lost := func(err error) (bool, error) {
		switch {
		case !own && ran:
			return false, c.fail(err)
		case !own:
			return false, c.moveFailed(err)
		}
		c.Rollback()
		var net *store.NetError
		if c.ctx.Err() != nil {
			return false, c.aborted()
		}
		return errors.As(err, &net) || errors.Is(err, store.ErrDown), err
	}
	every := union(from, to)
	slices.Sort(every) // see gather.go
	for _, i := range every {
		if _, err := c.hold(int(i), false); err != nil {
			return lost(err)
		}
	}
	if first.conn, err = c.hold(first.store, false); err != nil {
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
			if err := c.removeAt(first.conn, w); err != nil {
				return lost(err)
			}
		}
		return false, c.giveHeld()
	}
	ran = true
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
		if err := c.removeAt(first.conn, w); err != nil {
			return lost(err)
		}
	}
	c.noteMove(w, from, to)
	if own {
		c.txn.joined = append(c.txn.joined[:0], intsOf(union(to, from))...)
		if err := c.Commit(); err != nil {
			return false, err
		}
	}
	return false, c.giveHeld()
}

// hold is acquire for a statement that uses a connection more than once. The
// transaction has it from here on, although with autocommit off none is open
// until a store's status says so. releaseIdle ends it.
func (c *Client) hold(i int, force bool) (*store.Conn, error) {
	conn, err := c.acquire(i, true, force)
	if err == nil && c.pinned[i] == nil {
		c.pin(i, conn)
	}
	return conn, err
}

// releaseIdle gives back what hold has taken of stores at which no transaction
// has begun. A store that has answered by an error is asked once more, for an
// error has no status.
func (c *Client) releaseIdle() {
	if c.txn.open {
		return
	}
	for i, conn := range c.pinned {
		if conn == nil || conn.Status().Has(protocol.StatusInTrans) {
			continue
		}
		if _, err := conn.Exec(c.ctx, "DO 0"); err == nil && !conn.Status().Has(protocol.StatusInTrans) {
			c.unpin(i)
		}
	}
	if !c.InTxn() {
		c.txn.joined = c.txn.joined[:0]
		c.strike()
	}
}

// giveHeld gives the client the answer that was kept back.
func (c *Client) giveHeld() error {
	status := c.out.Status
	if _, err := c.out.Conn().Write(c.held); err != nil {
		return err
	}
	c.out.Conn().SetSequence(c.frame.Seq())
	c.out.Status = status
	return nil
}

// moveFailed ends the client's transaction because of err.
func (c *Client) moveFailed(err error) error {
	var refused *protocol.Error
	if errors.As(err, &refused) && refused.Code != protocol.ErrLockDeadlock {
		return refused
	}
	return c.fail(err)
}

// carryBetween carries the record of one of w's keys between two stores.
func (c *Client) carryBetween(from, to int, w *Write, key int) error {
	src, err := c.hold(from, false)
	if err != nil {
		return err
	}
	dst, err := c.hold(to, false)
	if err != nil {
		return err
	}
	return c.carry(src, dst, w.Table, w.spelled()[key])
}

// removeAt removes the record of the new key from a store that only the old
// one has.
func (c *Client) removeAt(conn *store.Conn, w *Write) error {
	sqls, err := c.removal(w.Table, w.spelled()[1])
	if err != nil {
		return err
	}
	return c.install(conn, sqls, false)
}

// noteMove remembers what the transaction has written.
func (c *Client) noteMove(w *Write, from, to []uint16) {
	for i, stores := range [][]uint16{from, to} {
		c.txn.writes = append(c.txn.writes, written{
			table: w.Table, key: slices.Clone(w.spelled()[i]), placed: slices.Clone(w.Keys[i]), stores: intsOf(stores),
		})
	}
}

func union(a, b []uint16) []uint16 {
	list := slices.Clone(a)
	for _, i := range b {
		if !slices.Contains(list, i) {
			list = append(list, i)
		}
	}
	return list
}

func intsOf(list []uint16) []int {
	ints := make([]int, len(list))
	for i, v := range list {
		ints[i] = int(v)
	}
	return ints
}
