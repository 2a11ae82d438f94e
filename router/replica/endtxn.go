package replica

import "github.com/dsmproxy/dsmproxy/protocol"

// live reports whether the client's statements go to store i: it is not down,
// and was not when a statement of the same transaction passed it over. It lacks
// what that one has written elsewhere, and its snapshot would be another one.
func (c *Client) live(i int) bool {
	for _, p := range c.txn.passed {
		if p == i {
			return false
		}
	}
	if c.set.live(i) {
		return true
	}
	c.pass(i)
	return false
}

// endsTxn reports whether a statement's error has ended the transaction at the
// store that gave it, and so has to end it everywhere: that of a deadlock, and
// that of a lock wait if the stores are configured so.
func (c *Client) endsTxn(code uint16) bool {
	switch code {
	case protocol.ErrLockDeadlock:
		return true
	case protocol.ErrLockWaitTimeout:
		return c.rollsBackOnTimeout()
	}
	return false
}

// rollsBackOnTimeout asks the stores of the transaction; while it has none, any.
// A store that is lost in the course of it ends the transaction as well.
func (c *Client) rollsBackOnTimeout() bool {
	const ask = "SELECT @@innodb_rollback_on_timeout"
	members := c.members()
	for _, i := range members {
		rows, err := c.pinned[i].Query(c.ctx, ask)
		if err != nil || string(rows[0][0]) == "1" {
			return true
		}
	}
	if len(members) > 0 {
		return false
	}
	rows, err := c.set.Query(c.ctx, "", ask)
	return err == nil && string(rows[0][0]) == "1"
}
