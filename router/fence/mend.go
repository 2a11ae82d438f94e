package fence

import (
	"context"
	"slices"

	"github.com/dsmproxy/dsmproxy/router/view"
)

// mend is the loop that makes copies equal: it heals (heal.go) when a store
// joins or is not covered, finishes what dead proxies have left (sweep), and
// drops what is left over (tombs.go). Any number of proxies may do so at once;
// the stores' swaps see to it that they don't harm each other.

// sweepTicks is how many ticks old a version must be for the sweep to think
// that its writer is dead.
const sweepTicks = 5

func (g *Group) mend(ctx context.Context) {
	for {
		g.env.Sleep(ctx, g.cfg.MendEvery/2+g.jitter(g.cfg.MendEvery))
		if ctx.Err() != nil {
			return
		}
		c := g.now.Load()
		if c == nil || !g.owns(c.view) {
			continue
		}
		g.matchAll(ctx, c)
		if g.ailing(c.view) {
			g.heals(ctx, c)
			continue
		}
		g.heal.well()
		if !g.cfg.ablate.noSweep {
			g.sweep(ctx, c)
		}
		g.dropLeftovers(ctx, c)
	}
}

// ailing reports whether v has not been healed: a store joins, or does not say
// that it is covered as of v.
func (g *Group) ailing(v *view.View) bool {
	for _, p := range g.stores {
		switch v.State(p.index) {
		case view.Join:
			return true
		case view.Up:
			if s := p.standing.Load(); s != nil && !s.cover.Equal(v) {
				return true
			}
		}
	}
	return false
}

func (g *Group) heals(ctx context.Context, c *installed) {
	g.heal.begin(c.view, g.held(ctx, c.view), uint64(g.cfg.Copies), g.env.Now())
	err := g.healAll(ctx, c)
	g.heal.end(err, g.env.Now())
	if err != nil {
		g.cfg.Log.Debug("heal given up", "view", c.view.String(), "err", err)
		return
	}
	g.mu.Lock()
	g.healed = c.view
	g.mu.Unlock()
}

// Counter is a Store that can count its keys.
type Counter interface {
	// Count is how many keys the store knows.
	Count(ctx context.Context) (uint64, error)
}

// held is about how many keys the stores have, added up: a key counts once for
// each store that has it.
func (g *Group) held(ctx context.Context, v *view.View) uint64 {
	var n uint64
	for _, p := range g.present(v) {
		st, _ := p.status()
		keys := st.Keys
		if c, ok := p.store.(Counter); ok {
			if exact, err := c.Count(ctx); err == nil {
				keys = exact
			}
		}
		n += keys
	}
	return n
}

// sweep finishes writes whose proxy died between the primary and the other
// copies, and marks what has lost its mark: its proxy died with it, or had too
// many, or the store could not be reached.
func (g *Group) sweep(ctx context.Context, c *installed) {
	_ = g.walk(ctx, c, g.present(c.view), Dirty, func(batch []row) error { // the next sweep tries again
		var keys []Key
		for i := range batch {
			r := &batch[i]
			if r.site.n > 0 && slices.ContainsFunc(r.site.holders(), func(t uint16) bool {
				return r.entries[t].Known && r.entries[t].Tick+sweepTicks < r.ticks[t]
			}) {
				keys = append(keys, r.key)
			}
		}
		return g.reconcile(ctx, c, keys)
	})
}

// present are the stores that are not Down.
func (g *Group) present(v *view.View) []*peer {
	var list []*peer
	for _, p := range g.stores {
		if v.State(p.index) != view.Down {
			list = append(list, p)
		}
	}
	return list
}
