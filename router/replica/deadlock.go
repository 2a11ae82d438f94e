package replica

import (
	"context"
	"sync"
	"sync/atomic"
	"time"

	"github.com/dsmproxy/dsmproxy/protocol"
	"github.com/dsmproxy/dsmproxy/router/store"
)

// Transactions that wait for each other at different stores are a deadlock that
// no store can see; it would last until innodb_lock_wait_timeout. One goroutine
// looks for those, every so often: who waits at a store for more than a second
// may wait for each other transaction that has joined this store; who waits for
// a key's lock waits for its holder. If that closes a circle, the stores are
// asked who waits for whom there (see lockWaits; without its answer the circle
// counts as it is). The one that began to wait last is killed there and
// gets 1213, as InnoDB's victims do. Circles with other proxies' transactions
// are not seen.

// deadlocks are the transactions that may wait for each other.
type deadlocks struct {
	tick atomic.Int64 // counts the rounds

	mu   sync.Mutex
	txns map[*Client]struct{} // guarded by mu
}

const (
	deadlockRound = 250 * time.Millisecond
	// deadlockAge is how many rounds a wait has lasted that is looked at.
	deadlockAge = 4
)

// waits is what deadlocks look at in a client.
type waits struct {
	enrolled bool         // among deadlocks.txns
	at       atomic.Int64 // tick<<16 | store+1 while the transaction waits there, else 0
	victim   atomic.Bool  // its statement is killed to end a deadlock
}

// enroll notes a client whose transaction may hold row locks.
func (c *Client) enroll() {
	if c.enrolled {
		return
	}
	c.enrolled = true
	d := &c.set.deadlocks
	d.mu.Lock()
	d.txns[c] = struct{}{}
	d.mu.Unlock()
}

// strike is the end of enroll.
func (c *Client) strike() {
	if !c.enrolled {
		return
	}
	c.enrolled = false
	d := &c.set.deadlocks
	d.mu.Lock()
	delete(d.txns, c)
	d.mu.Unlock()
}

// await waits for an answer of store i.
func (c *Client) await(i int, conn *store.Conn) (*protocol.Error, error) {
	if !c.enrolled {
		return conn.Await()
	}
	c.waits.at.Store(c.set.deadlocks.tick.Load()<<16 | int64(i+1))
	e, err := conn.Await()
	c.waits.at.Store(0)
	return e, err
}

// sacrificed ends the transaction if it was chosen to end a deadlock, as e says,
// and returns the error for the client then.
func (c *Client) sacrificed(e *protocol.Error) error {
	if e == nil || e.Code != protocol.ErrQueryInterrupted || !c.victim.Swap(false) {
		return nil
	}
	c.Rollback()
	return deadlockFound()
}

func deadlockFound() *protocol.Error {
	return &protocol.Error{Code: protocol.ErrLockDeadlock, State: "40001",
		Message: "Deadlock found when trying to get lock; try restarting transaction"}
}

// watch looks for deadlocks until ctx ends.
func (s *Set) watch(ctx context.Context) {
	ticker := time.NewTicker(deadlockRound)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
			s.deadlocks.tick.Add(1)
			s.endDeadlocks(ctx)
			s.endLockCircles()
			s.endLost()
		}
	}
}

// waiter is a transaction that waits.
type waiter struct {
	client *Client
	store  int   // -1: for a key's lock
	since  int64 // the tick
	holder *Client
	joined map[int]uint32 // threads, by store
}

// endDeadlocks ends one deadlock, if there is one.
func (s *Set) endDeadlocks(ctx context.Context) {
	list := s.waiters()
	circle := circleOf(list, mayWaitFor)
	if circle == nil {
		return
	}
	told := make(map[int]map[[2]uint32]bool)
	for _, w := range circle {
		if w.store >= 0 && told[w.store] == nil {
			if pairs, err := s.lockWaits(ctx, w.store); err == nil {
				told[w.store] = pairs
			}
		}
	}
	circle = circleOf(list, func(w, of *waiter) bool {
		pairs := told[w.store]
		if w.store < 0 || pairs == nil {
			return mayWaitFor(w, of)
		}
		return pairs[[2]uint32{w.joined[w.store], of.joined[w.store]}]
	})
	if circle == nil {
		return
	}
	var victim *waiter
	for _, w := range circle {
		if w.store >= 0 && (victim == nil || w.since > victim.since ||
			w.since == victim.since && w.client.out.ID > victim.client.out.ID) {
			victim = w
		}
	}
	s.log.Info("deadlock over several stores", "transactions", len(circle), "victim", victim.client.out)
	victim.client.sacrifice(victim)
}

// waiters are the transactions that have waited long enough. There are none
// if no store is waited for.
func (s *Set) waiters() []*waiter {
	d := &s.deadlocks
	d.mu.Lock()
	defer d.mu.Unlock()
	now := d.tick.Load()
	old := false
	for c := range d.txns {
		at := c.waits.at.Load()
		old = old || at != 0 && now-at>>16 >= deadlockAge
	}
	if !old {
		return nil
	}
	holders := s.locks.holders(d.txns)
	var list []*waiter
	for c := range d.txns {
		w := &waiter{client: c, store: -1, holder: holders[c]}
		if at := c.waits.at.Load(); at != 0 && now-at>>16 >= deadlockAge {
			w.store, w.since = int(at&0xffff)-1, at>>16
		} else if w.holder == nil {
			continue
		}
		w.joined = c.threads()
		list = append(list, w)
	}
	return list
}

// threads are the store threads that the client holds.
func (c *Client) threads() map[int]uint32 {
	c.mu.Lock()
	defer c.mu.Unlock()
	m := make(map[int]uint32, len(c.active))
	for _, conn := range c.active {
		for i, st := range c.set.stores {
			if st == conn.Store() {
				m[i] = conn.ThreadID()
			}
		}
	}
	return m
}

// mayWaitFor tells whether w may wait for of, as far as the proxy knows.
func mayWaitFor(w, of *waiter) bool {
	if w.store < 0 {
		return w.holder == of.client
	}
	_, joined := of.joined[w.store]
	return joined && w.client != of.client
}

// circleOf returns waiters that wait for each other in a circle, by edge, and
// not all at one store, which ends that by itself; nil for none.
func circleOf(list []*waiter, edge func(w, of *waiter) bool) []*waiter {
	var path []*waiter
	on := make(map[*waiter]bool)
	done := make(map[*waiter]bool)
	var visit func(w *waiter) []*waiter
	visit = func(w *waiter) []*waiter {
		path = append(path, w)
		on[w] = true
		for _, of := range list {
			if of == w || done[of] || !edge(w, of) {
				continue
			}
			if on[of] {
				begin := len(path) - 1
				for path[begin] != of {
					begin--
				}
				if circle := path[begin:]; apart(circle) {
					return append([]*waiter(nil), circle...)
				}
				continue
			}
			if circle := visit(of); circle != nil {
				return circle
			}
		}
		path = path[:len(path)-1]
		on[w], done[w] = false, true
		return nil
	}
	for _, w := range list {
		if !done[w] {
			if circle := visit(w); circle != nil {
				return circle
			}
		}
	}
	return nil
}

// apart tells whether waiters wait at more than one place, and one at a store.
func apart(circle []*waiter) bool {
	stores, places := 0, map[int]bool{}
	for _, w := range circle {
		places[w.store] = true
		if w.store >= 0 {
			stores++
		}
	}
	return stores > 0 && len(places) > 1
}

// sacrifice kills what a client waits for at a store, if it still does.
//
// It hits no later command, be it the next transaction's on the same connection:
// the mark that has Leave, or the next Enter, wait for kills (calm) is set before
// the wait is looked at. A client that goes on after that look finds the mark; one
// that has gone on before it waits for nothing, or since another tick.
func (c *Client) sacrifice(w *waiter) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.came.Store(true)
	at, phase := c.waits.at.Load(), c.phase.Load()
	if phase != phaseRunning && phase != phaseWriting || at == 0 || int(at&0xffff)-1 != w.store || at>>16 != w.since {
		return
	}
	c.killAt(w.store, &c.victim)
}
