package replica

import (
	"errors"
	"time"

	"github.com/dsmproxy/dsmproxy/protocol"
	"github.com/dsmproxy/dsmproxy/router/store"
)

// A store that is up and lets nobody else in (it is slow, or ends the logins)
// has not failed: a write that passed it over would leave there what the record
// was before, and the next read would ask that very store. So the write waits
// until the store lets it in, or is down, which tells all who read as well.

// letInPause is the time between two attempts.
const letInPause = 20 * time.Millisecond

// acquireCopy is acquire for a store that is to have a copy of what is written.
func (c *Client) acquireCopy(i int, force bool) (*store.Conn, error) {
	conn, err := c.acquire(i, true, force)
	if err == nil || force || !storeFailed(err) {
		return conn, err
	}
	st := c.set.stores[i]
	limit := time.NewTimer(st.WaitTimeout())
	defer limit.Stop()
	for err != nil && storeFailed(err) {
		changed := st.Changed()
		if errors.Is(err, store.ErrDown) || !c.set.live(i) || c.wait.Err() != nil {
			break
		}
		select {
		case <-c.wait.Done(): // acquire says why
		case <-changed:
		case <-time.After(letInPause):
		case <-limit.C:
			return nil, protocol.Errorf(protocol.ErrConCount,
				"dsmproxy: store %s is up, but has let in nobody else for %s (pool.wait_timeout; last: %s)",
				st.Name(), st.WaitTimeout(), store.Told(err))
		}
		conn, err = c.acquire(i, true, force)
	}
	if err != nil && storeFailed(err) {
		c.pass(i)
	}
	return conn, err
}

// pass has the client's transaction, if it is in one, do without store i to its
// end: it has not what the transaction writes elsewhere.
func (c *Client) pass(i int) {
	if c.txn.open || !c.state.Autocommit() || c.InTxn() {
		c.txn.passed = append(c.txn.passed, i)
	}
}
