package rewrite

import (
	"hash/maphash"
	"sync"
	"sync/atomic"
)

// cache holds plans by shape, a bounded number of them. A hit takes no lock
// and writes no memory that another processor reads, but once after an entry
// has been spared by eviction.
//
// It is a hash table of sets of cacheWays entries, as a processor's cache is.
// A new entry takes a free place of its set, or that of an entry that has not
// been hit since the hand last passed (the "clock" algorithm), so that
// statements seen once can't push out those seen often. Shapes are compared
// byte for byte: two statements never share a plan by accident.
type cache struct {
	seed maphash.Seed
	sets []cacheSet

	mu sync.Mutex // guards writes to sets
}

const cacheWays = 8

type cacheSet struct {
	entries [cacheWays]atomic.Pointer[cacheEntry]
	hand    uint8 // guarded by cache.mu
}

type cacheEntry struct {
	hash  uint64
	shape string
	plan  *Plan
	hit   atomic.Bool // since the hand passed
}

// newCache returns a cache for about size plans.
func newCache(size int) *cache {
	n := 1
	for n*cacheWays < size {
		n *= 2
	}
	return &cache{seed: maphash.MakeSeed(), sets: make([]cacheSet, n)}
}

// get returns the plan of a shape, nil for none, and the hash for put.
func (c *cache) get(shape []byte) (*Plan, uint64) {
	h := maphash.Bytes(c.seed, shape)
	set := &c.sets[h&uint64(len(c.sets)-1)]
	for i := range set.entries {
		e := set.entries[i].Load()
		if e == nil {
			break
		}
		if e.hash == h && e.shape == string(shape) {
			if !e.hit.Load() {
				e.hit.Store(true)
			}
			return e.plan, h
		}
	}
	return nil, h
}

// put stores a plan under a shape, of which it keeps a copy, and the hash that
// get returned.
func (c *cache) put(shape []byte, h uint64, p *Plan) {
	e := &cacheEntry{hash: h, shape: string(shape), plan: p}
	set := &c.sets[h&uint64(len(c.sets)-1)]
	c.mu.Lock()
	defer c.mu.Unlock()
	for i := range set.entries {
		old := set.entries[i].Load()
		if old == nil || old.hash == h && old.shape == e.shape {
			set.entries[i].Store(e)
			return
		}
	}
	for {
		victim := &set.entries[set.hand]
		set.hand = (set.hand + 1) % cacheWays
		if !victim.Load().hit.Swap(false) {
			victim.Store(e)
			return
		}
	}
}
