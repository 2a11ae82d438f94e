package replica

import (
	"context"
	"errors"
	"hash/maphash"
	"sync"
	"time"
)

// Writes of one key through one proxy reach all copies in the same order: who
// writes a key holds its lock from before the first copy gets the statement
// until the last has answered, in a transaction until its end. The stores' own
// row locks can't do that: two writers may be granted them in different orders
// on different stores.
//
// A waiter is queued behind the holder and woken in turn. Two transactions that
// wait for each other's keys would wait for ever; a cycle is found when the
// wait that closes it begins, and that one gets errDeadlock, as InnoDB does.

// Errors of a wait for a key's lock.
var (
	errDeadlock    = errors.New("deadlock on key locks")
	errLockTimeout = errors.New("key lock wait timeout")
)

// keyLocks are the locks of all keys in use. Its zero value is ready after
// newKeyLocks; it is safe for concurrent use.
type keyLocks struct {
	seed   maphash.Seed
	shards [64]lockShard

	// graph guards the waits-for edges: waiting is set only under it.
	graph sync.Mutex
}

type lockShard struct {
	mu    sync.Mutex
	locks map[uint64]*keyLock // held or awaited ones
	free  *keyLock            // unused ones, to be used again
}

// keyLock is the lock of the keys with one hash, for two keys that share a
// lock only wait a little more. Its fields are guarded by the shard's mutex.
type keyLock struct {
	hash    uint64
	holder  *lockOwner
	waiters []*lockOwner
	next    *keyLock // in the free list
}

// lockOwner is who holds locks: one client's session. It is used by one
// goroutine at a time.
type lockOwner struct {
	client  *Client // whose transactions' deadlocks are looked for; nil in tests
	held    []*keyLock
	waiting *keyLock      // guarded by keyLocks.graph
	granted chan struct{} // of capacity 1; nil until it waits for the first time
}

func newKeyLocks() *keyLocks {
	l := &keyLocks{seed: maphash.MakeSeed()}
	for i := range l.shards {
		l.shards[i].locks = make(map[uint64]*keyLock)
	}
	return l
}

func newLockOwner() *lockOwner { return new(lockOwner) }

func (l *keyLocks) shard(hash uint64) *lockShard {
	return &l.shards[hash%uint64(len(l.shards))]
}

// acquire locks key for o, waiting until timeout at most. It returns nil at
// once if o holds it already.
func (l *keyLocks) acquire(ctx context.Context, o *lockOwner, key []byte, timeout time.Duration) error {
	hash := maphash.Bytes(l.seed, key)
	s := l.shard(hash)
	s.mu.Lock()
	k, ok := s.locks[hash]
	if !ok {
		k = s.take(hash)
	}
	if k.holder == nil || k.holder == o {
		if k.holder == nil {
			k.holder = o
			o.held = append(o.held, k)
		}
		s.mu.Unlock()
		return nil
	}
	s.mu.Unlock()
	return l.wait(ctx, o, s, hash, timeout)
}

// try locks key for o if nobody else has it.
func (l *keyLocks) try(o *lockOwner, key []byte) bool {
	hash := maphash.Bytes(l.seed, key)
	s := l.shard(hash)
	s.mu.Lock()
	defer s.mu.Unlock()
	k, ok := s.locks[hash]
	if !ok {
		k = s.take(hash)
	}
	if k.holder == nil {
		k.holder = o
		o.held = append(o.held, k)
	}
	return k.holder == o
}

// take puts a lock for hash, from the free list or a new one, among the locks.
// The shard's mutex is held.
func (s *lockShard) take(hash uint64) *keyLock {
	k := s.free
	if k == nil {
		k = &keyLock{}
	} else {
		s.free, k.next = k.next, nil
	}
	k.hash = hash
	s.locks[hash] = k
	return k
}

func (l *keyLocks) wait(ctx context.Context, o *lockOwner, s *lockShard, hash uint64, timeout time.Duration) error {
	l.graph.Lock()
	s.mu.Lock()
	k, ok := s.locks[hash]
	if !ok { // freed between the two looks at it
		k = s.take(hash)
		k.holder = o
		o.held = append(o.held, k)
		s.mu.Unlock()
		l.graph.Unlock()
		return nil
	}
	holder := k.holder
	if o.granted == nil {
		o.granted = make(chan struct{}, 1)
	}
	k.waiters = append(k.waiters, o)
	o.waiting = k
	s.mu.Unlock()
	dead := l.closesCycle(o, holder)
	l.graph.Unlock()
	if dead {
		return l.giveUp(o, s, k, errDeadlock)
	}

	timer := time.NewTimer(timeout)
	defer timer.Stop()
	select {
	case <-o.granted:
		return nil
	case <-ctx.Done():
		return l.giveUp(o, s, k, ctx.Err())
	case <-timer.C:
		return l.giveUp(o, s, k, errLockTimeout)
	}
}

// closesCycle follows who waits for whom from holder on. The graph's mutex is
// held, so that no edge appears meanwhile; one that disappears only makes a
// cycle that is reported one that was about to end.
func (l *keyLocks) closesCycle(o, holder *lockOwner) bool {
	for range 1000 {
		if holder == o {
			return true
		}
		if holder == nil || holder.waiting == nil {
			return false
		}
		k := holder.waiting
		s := l.shard(k.hash)
		s.mu.Lock()
		holder = k.holder
		s.mu.Unlock()
	}
	return false
}

// holders tells for whom the clients that wait for a key's lock wait.
func (l *keyLocks) holders(clients map[*Client]struct{}) map[*Client]*Client {
	m := make(map[*Client]*Client)
	l.graph.Lock()
	defer l.graph.Unlock()
	for c := range clients {
		if k := c.owner.waiting; k != nil {
			s := l.shard(k.hash)
			s.mu.Lock()
			if k.holder != nil {
				m[c] = k.holder.client
			}
			s.mu.Unlock()
		}
	}
	return m
}

// giveUp takes o out of k's queue. If the lock was granted meanwhile, it is
// kept and err forgotten, unless err is a deadlock or the end of the session.
func (l *keyLocks) giveUp(o *lockOwner, s *lockShard, k *keyLock, err error) error {
	l.graph.Lock()
	s.mu.Lock()
	for i, w := range k.waiters {
		if w == o {
			k.waiters = append(k.waiters[:i], k.waiters[i+1:]...)
			o.waiting = nil
			s.mu.Unlock()
			l.graph.Unlock()
			return err
		}
	}
	s.mu.Unlock()
	l.graph.Unlock()
	<-o.granted // it was handed over before we came
	return nil
}

// release unlocks all that o holds, handing each lock to its first waiter.
func (l *keyLocks) release(o *lockOwner) {
	for i, k := range o.held {
		l.unlock(k)
		o.held[i] = nil
	}
	o.held = o.held[:0]
}

func (l *keyLocks) unlock(k *keyLock) {
	s := l.shard(k.hash)
	s.mu.Lock()
	if len(k.waiters) == 0 {
		k.holder = nil
		delete(s.locks, k.hash)
		k.next, s.free = s.free, k
		s.mu.Unlock()
		return
	}
	s.mu.Unlock()

	l.graph.Lock()
	s.mu.Lock()
	if len(k.waiters) == 0 { // the last one gave up
		k.holder = nil
		delete(s.locks, k.hash)
		k.next, s.free = s.free, k
	} else {
		w := k.waiters[0]
		k.waiters = append(k.waiters[:0], k.waiters[1:]...)
		k.holder = w
		w.waiting = nil
		w.held = append(w.held, k)
		w.granted <- struct{}{}
	}
	s.mu.Unlock()
	l.graph.Unlock()
}
