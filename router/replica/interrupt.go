package replica

import (
	"context"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/dsmproxy/dsmproxy/protocol"
	"github.com/dsmproxy/dsmproxy/router/store"
)

// KILL QUERY ends the statement that a client runs, wherever that waits: for a
// key's lock or a connection in the proxy, and at stores, which are asked to
// kill it. Such a request to a store may be late. So that it hits nobody else,
// the connections that it concerns are closed rather than given back; so that
// it hits no later statement of the client's own, that one's next statement
// waits for it. Nothing is interrupted while copies are made equal and while a
// transaction commits.
//
// The end of a client (KILL, or it has vanished) cuts its connections, but not
// where copies could differ for it: a write outside a transaction is asked to
// end at its stores and then carried to its end, as what is shielded is.

// Values of interrupts.phase.
const (
	phaseIdle     = iota
	phaseRunning  // a statement that may be interrupted
	phaseWriting  // one that may be, but whose connections may not be cut
	phaseShielded // one that may not be now
)

// interrupts is how a client's statements are interrupted. wait is used by the
// client's own goroutine only.
type interrupts struct {
	phase atomic.Int32
	came  atomic.Bool // since the last calm
	// expired is the limit that the statement has met; nil if none.
	expired atomic.Pointer[protocol.Error]

	wait  context.Context // what a statement waits by; it ends with the client too
	kills sync.WaitGroup  // under way; added to under Client.mu and not in phaseShielded

	ending error                   // why the client ends once it may; guarded by Client.mu
	stop   context.CancelCauseFunc // of wait; guarded by Client.mu
	killed []*store.Conn           // since the last calm; guarded by Client.mu
}

// Enter begins a command, Leave ends it.
func (c *Client) Enter() {
	if c.came.Load() {
		c.calm()
	}
	c.phase.Store(phaseRunning)
}

// Leave ends a command; see Enter.
func (c *Client) Leave() {
	c.phase.Store(phaseIdle)
	if c.came.Load() {
		c.calm()
	}
}

// shield keeps interrupts from what follows, until unshield is given what it
// returns.
func (c *Client) shield() (before int32) {
	before = c.phase.Swap(phaseShielded)
	if c.came.Load() {
		c.calm()
	}
	return before
}

// gone reports whether the client has ended, once shielded: it does not end
// from then on until unshield.
func (c *Client) gone() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.ctx.Err() != nil
}

// interrupted is why the statement is to end, if it is.
func (c *Client) interrupted() error {
	if !c.came.Load() {
		return nil
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	return context.Cause(c.wait)
}

// whole lets what follows be interrupted, but its connections not be cut, until
// unshield is given what it returns.
func (c *Client) whole() (before int32) {
	before = c.phase.Load()
	if before == phaseRunning {
		c.phase.Store(phaseWriting)
	}
	return before
}

func (c *Client) unshield(before int32) {
	c.phase.Store(before)
	if c.came.Load() && before <= phaseRunning {
		c.mu.Lock()
		defer c.mu.Unlock()
		if c.ending != nil {
			c.ends(c.ending)
		}
	}
}

// calm waits until no KILL is under way at a store, and forgets those that were.
// The phase is phaseIdle or phaseShielded.
func (c *Client) calm() {
	c.mu.Lock()   // nobody who has seen another phase is still about to add a kill
	c.mu.Unlock() //nolint:staticcheck // the wait for the lock is what counts
	c.kills.Wait()
	c.mu.Lock()
	defer c.mu.Unlock()
	c.came.Store(c.ending != nil)
	c.killed = c.killed[:0]
	c.victim.Store(false)
	c.struck.Store(false)
	c.expired.Store(nil)
	if c.wait.Err() != nil && c.ctx.Err() == nil {
		c.wait, c.stop = context.WithCancelCause(context.Background())
	}
}

// ends ends the client, and with it what its statement waits by. c.mu is held.
func (c *Client) ends(cause error) {
	c.cancel(cause) // first: who sees the second alone takes it for a KILL QUERY
	c.stop(cause)
}

// Expired is the limit that the running command has met, if it has ended by
// error 1317 (query interrupted) for it; else err.
func (c *Client) Expired(err error) error {
	if e, ok := err.(*protocol.Error); ok && e.Code == protocol.ErrQueryInterrupted {
		if why := c.expired.Load(); why != nil {
			return why
		}
	}
	return err
}

// Abort ends the running statement from another goroutine: at once, by cutting
// its store connections, and with all also everything after it; otherwise by
// asking the stores to kill it. What is cut may still run at its store, or wait
// there with what it has locked, so that the store is told too.
func (c *Client) Abort(cause error, all bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	phase := c.phase.Load()
	if all && phase <= phaseRunning {
		c.ends(cause)
		for _, conn := range c.active {
			if phase != phaseIdle {
				c.set.kills.Go(func() { c.kill(conn, true) })
			}
			conn.Abort()
		}
		return
	}
	if all {
		c.came.Store(true)
		c.ending = cause
	}
	if phase != phaseRunning && phase != phaseWriting {
		return
	}
	c.came.Store(true)
	if e, ok := cause.(*protocol.Error); ok && (e.Code == protocol.ErrStatementTimeout || e.Code == protocol.ErrQueryTimeout) {
		c.expired.Store(e)
	}
	c.stop(cause)
	for _, conn := range c.active {
		c.killAside(conn)
	}
}

// killAt kills what the client runs at store i, noting why. c.mu is held.
func (c *Client) killAt(i int, why *atomic.Bool) {
	for _, conn := range c.active {
		if conn.Store() == c.set.stores[i] {
			c.came.Store(true)
			why.Store(true)
			c.killAside(conn)
		}
	}
}

// killAside has a store end what a connection runs, without waiting for it; see
// calm. c.mu is held.
func (c *Client) killAside(conn *store.Conn) {
	c.killed = append(c.killed, conn)
	c.kills.Add(1)
	c.set.kills.Go(func() {
		defer c.kills.Done()
		c.kill(conn, false)
	})
}

// killPatience bounds what a KILL waits for its store.
const killPatience = 5 * time.Second

// kill ends what a connection runs, or all of it.
func (c *Client) kill(conn *store.Conn, all bool) {
	ctx, cancel := context.WithTimeout(context.Background(), killPatience)
	defer cancel()
	if !all {
		c.begun(ctx)
	}
	st := conn.Store()
	kill := st.KillQuery
	if all {
		kill = st.KillConn
	}
	if err := kill(ctx, conn); err != nil {
		c.set.log.Debug("statement not killed", "store", st.Name(), "err", err)
	}
}

// unwatch takes a connection from what Abort ends. killed says that a KILL may
// be under way to it.
func (c *Client) unwatch(conn *store.Conn) (killed bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for i, a := range c.active {
		if a == conn {
			last := len(c.active) - 1
			c.active[i], c.active[last] = c.active[last], nil
			c.active = c.active[:last]
			break
		}
	}
	return len(c.killed) > 0 && slices.Contains(c.killed, conn)
}
