package replica

import (
	"errors"
	"slices"

	"github.com/dsmproxy/dsmproxy/protocol"
	"github.com/dsmproxy/dsmproxy/router/store"
)

// What the statements share that carry a record from one key's stores to those
// of another: a move and a copy.

// across has try carry w out under the locks of its keys, and again when a
// store was lost before anything was committed. own says that w is a
// transaction of its own.
func (c *Client) across(w *Write, try func(w *Write, own bool) (again bool, err error)) error {
	for _, key := range w.Keys {
		if err := c.lockKey(key); err != nil {
			c.unlockKeys()
			return err
		}
	}
	defer c.unlockKeys()
	defer c.releaseIdle()
	own := !c.InTxn() && c.state.Autocommit()
	begin := c.ownBegin()
	for range c.set.stores {
		if own {
			begin()
		}
		again, err := try(w, own)
		if !again {
			return err
		}
	}
	return unreachable(nil)
}

// lostAcross ends a try because of err. ran says that the statement itself has
// been carried out: what follows it must go well too.
func (c *Client) lostAcross(own, ran bool, err error) (again bool, _ error) {
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

// holdAll holds connections to stores (gather.go says in which order) and
// returns the one to first, which is among them.
func (c *Client) holdAll(stores []uint16, first int) (*store.Conn, error) {
	slices.Sort(stores)
	for _, i := range stores {
		if _, err := c.hold(int(i), false); err != nil {
			return nil, err
		}
	}
	return c.hold(first, false)
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

// removeAt removes the record of one of w's keys from a store at which it was
// for the statement only.
func (c *Client) removeAt(conn *store.Conn, w *Write, key int) error {
	sqls, err := c.removal(w.Table, w.spelled()[key])
	if err != nil {
		return err
	}
	return c.install(conn, sqls, false)
}

// noteWritten remembers that the transaction has written the record of one of
// w's keys at stores.
func (c *Client) noteWritten(w *Write, key int, stores []uint16) {
	c.txn.writes = append(c.txn.writes, written{
		table: w.Table, key: slices.Clone(w.spelled()[key]), placed: slices.Clone(w.Keys[key]), stores: intsOf(stores),
	})
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
