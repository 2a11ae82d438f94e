package replica

import (
	"slices"
	"strings"
	"sync"
	"sync/atomic"

	"github.com/dsmproxy/dsmproxy/protocol"
)

// Clients that wait by GET_LOCK for names that others of them hold, in a circle
// over several stores, would wait for ever: each store sees a part of it only.
// All of such a circle wait, and so say what they wait for and what they hold.
// The goroutine that looks for deadlocks looks at those that have waited for
// more than a second, and kills the wait that began last, which gets a server's
// error for a deadlock of named locks. Circles with other proxies' clients are
// not seen.

// lockWaiters are the clients that wait for named locks, maybe.
type lockWaiters struct {
	mu   sync.Mutex
	list map[*Client]*lockWaiter // guarded by mu
}

// lockWaiter is one of them. It is not modified.
type lockWaiter struct {
	client *Client
	store  int
	wants  []string // names
	held   []string
	since  int64 // the tick
}

// lockVictim says that the client's wait was killed to end a circle.
type lockVictim struct{ struck atomic.Bool }

// waitsForLocks notes that the client may begin to wait at store i for the names
// in uses, until the function it returns is called.
func (c *Client) waitsForLocks(i int, uses []LockUse) (done func()) {
	w := &lockWaiter{client: c, store: i, since: c.set.deadlocks.tick.Load()}
	for _, use := range uses {
		if use.Func == "get_lock" && use.Name != "" {
			w.wants = append(w.wants, use.Name)
		}
	}
	for _, l := range c.locks {
		if l.name != "" {
			w.held = append(w.held, l.name)
		}
	}
	if len(w.wants) == 0 || len(w.held) == 0 {
		return func() {} // it closes no circle
	}
	list := &c.set.lockWaiters
	list.mu.Lock()
	defer list.mu.Unlock()
	if list.list == nil {
		list.list = make(map[*Client]*lockWaiter)
	}
	list.list[c] = w
	return func() {
		list.mu.Lock()
		defer list.mu.Unlock()
		delete(list.list, c)
	}
}

// endLockCircles ends one circle, if there is one.
func (s *Set) endLockCircles() {
	l := &s.lockWaiters
	l.mu.Lock()
	defer l.mu.Unlock()
	now := s.deadlocks.tick.Load()
	var old []*lockWaiter
	for _, w := range l.list {
		if now-w.since >= deadlockAge {
			old = append(old, w)
		}
	}
	var last *lockWaiter
	for _, w := range old {
		if (last == nil || w.since > last.since || w.since == last.since && w.client.out.ID > last.client.out.ID) && w.inCircle(old) {
			last = w
		}
	}
	if last == nil {
		return
	}
	s.log.Info("deadlock of named locks over several stores", "victim", last.client.out)
	delete(l.list, last.client)
	last.client.endLockWait(last.store)
}

// inCircle reports whether w waits for itself by way of others.
func (w *lockWaiter) inCircle(others []*lockWaiter) bool {
	seen := []*lockWaiter{w}
	for n := 0; n < len(seen); n++ {
		for _, of := range others {
			if !seen[n].waitsFor(of) {
				continue
			}
			if of == w {
				return true
			}
			if !slices.Contains(seen, of) {
				seen = append(seen, of)
			}
		}
	}
	return false
}

// waitsFor reports whether w wants what of holds. MySQL ignores the case of
// names, MariaDB doesn't.
func (w *lockWaiter) waitsFor(of *lockWaiter) bool {
	same := strings.EqualFold
	if w.client.set.stores[w.store].MariaDB() {
		same = func(a, b string) bool { return a == b }
	}
	return w.client != of.client && slices.ContainsFunc(w.wants, func(name string) bool {
		return slices.ContainsFunc(of.held, func(held string) bool { return same(name, held) })
	})
}

// endLockWait kills what the client waits for at store i. The list of waiters is
// locked, which the client takes itself off before it goes on, so that it finds
// the kill noted.
func (c *Client) endLockWait(i int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.phase.Load() != phaseRunning {
		return
	}
	c.killAt(i, &c.struck)
}

// lockStruck reports whether the wait that has ended was killed to end a circle;
// what was to kill it is done then.
func (c *Client) lockStruck() bool {
	if !c.struck.Swap(false) {
		return false
	}
	c.mu.Lock()   // as calm
	c.mu.Unlock() //nolint:staticcheck // the wait for the lock is what counts
	c.kills.Wait()
	return true
}

// lacks reports whether the client does not hold a lock that uses ask for.
func (c *Client) lacks(uses []LockUse) bool {
	return slices.ContainsFunc(uses, func(use LockUse) bool { return use.Func == "get_lock" && c.holds(use.Name) < 0 })
}

// lockDeadlock is the error of a wait that was killed to end a circle. MariaDB
// itself answers a killed wait with NULL.
func (c *Client) lockDeadlock(i int) *protocol.Error {
	if c.set.stores[i].MariaDB() {
		return deadlockFound()
	}
	return &protocol.Error{Code: 3058, State: "HY000", Message: "Deadlock found when trying to get user-level lock; " +
		"try rolling back transaction/releasing locks and restarting lock acquisition."}
}
