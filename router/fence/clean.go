package fence

import (
	"context"
	"slices"
	"sync"

	"github.com/dsmproxy/dsmproxy/router/view"
)

// A version that is on all targets is marked clean, so that those who read it
// need not put it there again. The marks are sent in batches, by one loop: a
// proxy that dies with some only makes readers help, and the sweep.

// maxMarks is how many marks are kept; more are forgotten.
const maxMarks = 1 << 16

// cleaner keeps the marks that are to be sent.
type cleaner struct {
	mu    sync.Mutex // guards what follows
	marks map[int][]Mark
	known map[uint64][]Key // by the id of a write: the keys whose versions are in marks
	sent  map[uint64][]Key // likewise, of the marks that are on their way
	n     int              // of versions in marks
	wake  Event            // fired when there is something in marks
}

// add notes that a version is on all targets, and is to be marked at stores.
func (c *cleaner) add(key Key, v view.Version, stores []uint16) {
	if len(stores) == 0 {
		return
	}
	key.ID = append([]byte(nil), key.ID...)
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.n >= maxMarks {
		return
	}
	c.n++
	if c.marks == nil {
		c.marks, c.known = make(map[int][]Mark), make(map[uint64][]Key)
	}
	for _, s := range stores {
		c.marks[int(s)] = append(c.marks[int(s)], Mark{key, v})
	}
	if v.ID != 0 {
		c.known[v.ID] = append(c.known[v.ID], key)
	}
	c.wake.Fire()
}

// knows reports whether the version that write id made of key is on all targets
// of some view, though the store may not say so yet. Other versions of the same
// write may not be.
func (c *cleaner) knows(key Key, id uint64) bool {
	if id == 0 {
		return false
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	is := func(k Key) bool { return compareKeys(k, key) == 0 }
	return slices.ContainsFunc(c.known[id], is) || slices.ContainsFunc(c.sent[id], is)
}

// take empties the cleaner. What it was given is known until arrived is called:
// who reads a version in between need not put it anywhere, which would wait for
// a transaction of his own that has moved the record away.
func (c *cleaner) take(env Env) map[int][]Mark {
	c.mu.Lock()
	defer c.mu.Unlock()
	m := c.marks
	c.marks, c.known, c.sent, c.n, c.wake = nil, nil, c.known, 0, env.NewEvent()
	return m
}

// arrived is called when the marks that were taken are at the stores.
func (c *cleaner) arrived() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.sent = nil
}

// sendMarks sends marks until ctx ends.
func (g *Group) sendMarks(ctx context.Context) {
	for {
		g.clean.mu.Lock()
		wake := g.clean.wake
		g.clean.mu.Unlock()
		wake.Wait(ctx)
		if ctx.Err() != nil {
			return
		}
		g.env.Sleep(ctx, g.cfg.CleanEvery)
		marks := g.clean.take(g.env)
		g.each(ctx, g.stores, func(p *peer) func() {
			if s := p.standing.Load(); s != nil && len(marks[p.index]) > 0 {
				g.noteErr(p, s, p.store.MarkClean(ctx, s.boot, marks[p.index]))
			}
			return nil
		}, nil)
		g.clean.arrived()
	}
}
