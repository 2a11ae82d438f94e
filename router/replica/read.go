package replica

import (
	"context"
	"errors"
	"slices"

	"github.com/dsmproxy/dsmproxy/protocol"
	"github.com/dsmproxy/dsmproxy/router/store"
)

// Read carries out a read of key on the first live store of its order, and on
// the next one as long as the client has seen no byte of the answer. With lock
// the read takes a row lock (FOR UPDATE): other writers of the key wait for it
// here, as they would at the store.
func (c *Client) Read(t Table, key []byte, req Request, lock bool) error {
	if c.fenced() {
		c.one[0] = key
		return c.fencedRead(t, c.one[:], req)
	}
	c.set.place.Order(c.order, key)
	if lock {
		if err := c.lockKey(key); err != nil {
			return err
		}
		defer c.unlockKeys()
	}
	return c.onFirst(c.order, req, true)
}

// ReadAny carries out a read that concerns no record on any live store,
// preferring Home, or one that the transaction uses already.
func (c *Client) ReadAny(req Request) error {
	for i, conn := range c.pinned {
		if conn != nil && c.Home < 0 {
			return c.onFirst([]uint16{uint16(i)}, req, true)
		}
	}
	return c.onFirst(c.rotation(), req, false)
}

// ReadNear carries out a statement that concerns a record and neither reads nor
// locks it, where the record is read first.
func (c *Client) ReadNear(key []byte, req Request) error {
	c.set.place.Order(c.order, key)
	return c.onFirst(c.order, req, false)
}

// On carries a statement out on one store, in full. What it writes is nowhere
// else.
func (c *Client) On(i int, req Request) error {
	err := c.onFirst([]uint16{uint16(i)}, req, true)
	if c.pinned[i] != nil && !slices.Contains(c.txn.alone, i) {
		c.txn.alone = append(c.txn.alone, i)
	}
	return err
}

// rotation is all stores, beginning with Home, or with one that depends on the
// client, so that clients spread over them.
func (c *Client) rotation() []uint16 {
	m, first := len(c.order), c.Home
	if first < 0 {
		first = int(c.out.ID % uint32(m))
	}
	for i := range c.order {
		c.order[i] = uint16((first + i) % m)
	}
	return c.order
}

// onFirst relays the answer of the first store of order that can give one. The
// stores that are down are tried only when no other is left, and with them those
// that have come up meanwhile.
func (c *Client) onFirst(order []uint16, req Request, enlist bool) error {
	var last error
	var tried uint64 // stores
	for _, force := range []bool{false, true} {
		for _, i := range order {
			if c.live(int(i)) == force && c.pinned[i] == nil && (!force || tried&(1<<i) != 0) {
				continue
			}
			next, err := c.onStore(int(i), req, enlist, force)
			if !next {
				return err
			}
			tried |= 1 << i
			c.set.counts.failovers.Add(1)
			last = err
		}
	}
	return unreachable(last)
}

// onStore relays the answer of store i. It returns true if the next store may
// be tried after err.
func (c *Client) onStore(i int, req Request, enlist, force bool) (next bool, err error) {
	conn, err := c.acquire(i, enlist, force)
	if err != nil {
		if c.ctx.Err() != nil {
			return false, c.aborted()
		}
		return storeFailed(err), err
	}
	enlisted := c.pinned[i] == conn
	if err := c.send(conn, req); err != nil {
		return c.readFailed(i, conn, err)
	}
	e, err := c.await(i, conn)
	if err != nil {
		return c.readFailed(i, conn, err)
	}
	if e != nil && c.victim.Load() {
		c.drop(i, conn)
		if err := c.sacrificed(e); err != nil {
			return false, err
		}
		return false, e
	}
	c.resetFrame(req.Answer(), enlisted)
	n, err := conn.Relay(c.out.Conn(), &c.frame)
	if err != nil {
		if n == 0 {
			return c.readFailed(i, conn, err)
		}
		c.drop(i, conn)
		return false, cutOff(err)
	}
	c.answered()
	c.opens(i, conn)
	if err := c.readNotes(conn); err != nil {
		c.drop(i, conn)
		if c.InTxn() || c.Learn != nil {
			c.Rollback()
			return false, cutOff(err)
		}
		c.settle()
		return false, nil
	}
	if err := c.learn(i, conn); err != nil {
		return false, err
	}
	c.finish(i, conn)
	c.settle()
	return false, nil
}

// readFailed drops a connection that gave no byte of an answer. Outside a
// transaction the next store may be asked.
func (c *Client) readFailed(i int, conn *store.Conn, err error) (next bool, _ error) {
	var e *protocol.Error
	if errors.As(err, &e) { // the store refused to prepare the statement
		c.finish(i, conn)
		return false, e
	}
	inTxn := c.InTxn()
	c.drop(i, conn)
	var net *store.NetError
	switch {
	case c.ctx.Err() != nil:
		return false, c.aborted()
	case !errors.As(err, &net):
		return false, cutOff(err)
	case inTxn:
		return false, c.fail(err)
	}
	return true, err
}

// aborted is the answer to a statement that Abort has ended.
func (c *Client) aborted() error { return context.Cause(c.ctx) }

// cutOff is the error that closes the client's connection.
func cutOff(err error) error {
	var e *protocol.Error
	if errors.As(err, &e) {
		return &cut{e}
	}
	return err
}

// cut hides an *protocol.Error, so that it is not taken for an answer.
type cut struct{ cause *protocol.Error }

func (e *cut) Error() string { return "answer cut off: " + e.cause.Error() }
