package fence

import (
	"context"
	"sync"
)

// checks are the rounds of the level strict. One runs at a time; all reads
// that begin meanwhile share the next.
type checks struct {
	mu   sync.Mutex // guards what follows
	next *check     // asked for and not sent yet; nil if none is
	wake Event      // fired when next is set
}

// startCheck asks for a round; nil where none is needed.
func (g *Group) startCheck() *check {
	if !g.strict() || g.cfg.ablate.noLease {
		return nil
	}
	c := &g.checks
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.next == nil {
		c.next = &check{done: g.env.NewEvent()}
		c.wake.Fire()
	}
	return c.next
}

// runChecks carries checks out until ctx ends.
func (g *Group) runChecks(ctx context.Context) {
	for {
		g.checks.mu.Lock()
		wake := g.checks.wake
		g.checks.mu.Unlock()
		wake.Wait(ctx)
		if ctx.Err() != nil {
			return
		}
		g.checks.mu.Lock()
		ck := g.checks.next
		g.checks.next, g.checks.wake = nil, g.env.NewEvent()
		g.checks.mu.Unlock()
		if j, ok := g.round(ctx); ok {
			ck.view = g.now.Load().view
			if !ck.view.Equal(j) {
				ck.view = nil
			}
		}
		ck.done.Fire()
	}
}
