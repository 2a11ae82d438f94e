package fence

import (
	"context"
	"slices"

	"github.com/dsmproxy/dsmproxy/router/view"
)

// What is left over is dropped when nobody can need it, nor bring it back:
// every store that may ever answer is Up and covered as of the present view.
//
//   - Leftovers: what stores have of keys that they are no target of.
//   - Tombstones, once they are so old that any put of an older version comes
//     too late (Put.MaxTick): at the backups first, at the primary last.
//
// A store that is Down stops that: it may have the record that the tombstone
// is of, and a settle may ask it. A store that was given up does not; its
// memory is void.

// tombs is what has been done. It belongs to mend.
type tombs struct {
	// Leftovers were dropped in this view, of stores with these boots: one
	// that has lost its memory since may have old ones again.
	view  *view.View
	boots []uint64
}

func (g *Group) dropLeftovers(ctx context.Context, c *installed) {
	if !g.outwaited(c) && !g.cfg.ablate.hastyDrop {
		return // who has a lease of an older view reads what are leftovers in this one
	}
	var boots []uint64
	for _, p := range g.stores {
		if c.view.State(p.index) == view.Down && c.view.Void(p.index) == c.view.Gen(p.index) {
			continue
		}
		s := p.standing.Load()
		if c.view.State(p.index) != view.Up || s == nil || !s.cover.Equal(c.view) {
			return
		}
		boots = append(boots, s.boot)
	}
	list := g.present(c.view)
	if g.tombs.view != c.view || !slices.Equal(g.tombs.boots, boots) {
		err := g.walk(ctx, c, list, All, func(batch []row) error { return g.dropStrays(ctx, c, batch) })
		if err != nil {
			return // the next time
		}
		g.tombs = tombs{c.view, boots}
		g.tidy.Store(c.view)
	}
	_ = g.walk(ctx, c, list, Tombs, func(batch []row) error { return g.dropTombs(ctx, c, batch) }) // the next time
}

// dropStrays drops what stores hold that are no targets.
func (g *Group) dropStrays(ctx context.Context, c *installed, batch []row) error {
	for _, p := range g.present(c.view) {
		var swaps []Swap
		for i := range batch {
			r := &batch[i]
			if e := r.entries[p.index]; e.Known && !r.site.target(p.index) {
				swaps = append(swaps, g.removal(r, p, e))
			}
		}
		if _, err := g.remove(ctx, c, p, swaps); err != nil {
			return err
		}
	}
	return nil
}

func (g *Group) removal(r *row, p *peer, seen Entry) Swap {
	return Swap{Put: Put{Key: r.key, MaxTick: r.ticks[p.index] + g.cfg.Late}, Seen: seen}
}

func (g *Group) remove(ctx context.Context, c *installed, p *peer, swaps []Swap) (done []bool, err error) {
	if len(swaps) == 0 {
		return nil, nil
	}
	guard, s, err := g.guard(ctx, c, p)
	if err != nil {
		return nil, err
	}
	done = make([]bool, len(swaps))
	err = p.store.Swap(ctx, guard, swaps, done)
	g.noteErr(p, s, err)
	return done, err
}

// dropTombs drops the tombstones of a batch that are old everywhere. The batch
// lists tombstones alone, so what the targets have is asked for again.
func (g *Group) dropTombs(ctx context.Context, c *installed, batch []row) error {
	var old []*row
	for i := range batch {
		r := &batch[i]
		if r.site.n > 0 && g.aged(r, int(r.site.targets[0])) {
			old = append(old, r)
		}
	}
	if len(old) == 0 {
		return nil
	}
	if err := g.reload(ctx, c, old); err != nil {
		return err
	}
	left := make([]*row, 0, len(old))
	for _, r := range old {
		if g.droppable(r) {
			left = append(left, r)
		}
	}
	// The backups of all, then the primaries of those that have none left.
	for _, primary := range []bool{false, true} {
		held := make(map[*row]bool)
		for _, p := range g.stores {
			var swaps []Swap
			var rows []*row
			for _, r := range left {
				if e := r.entries[p.index]; e.Known && r.site.target(p.index) && (int(r.site.targets[0]) == p.index) == primary {
					swaps = append(swaps, g.removal(r, p, e))
					rows = append(rows, r)
				}
			}
			done, err := g.remove(ctx, c, p, swaps)
			if err != nil {
				return err
			}
			for j, r := range rows {
				held[r] = held[r] || !done[j]
				if primary && done[j] {
					g.counts.dropped.Add(1)
				}
			}
		}
		kept := left[:0]
		for _, r := range left {
			if !held[r] {
				kept = append(kept, r)
			}
		}
		left = kept
	}
	return nil
}

// aged reports whether a store's entry is a tombstone that may be dropped there.
func (g *Group) aged(r *row, store int) bool {
	e := &r.entries[store]
	return e.Known && e.Flags.Has(view.Deleted) && (e.Tick+2*g.cfg.Late <= r.ticks[store] || g.cfg.ablate.eagerTombs)
}

// droppable reports whether all targets have the primary's tombstone, old, or
// nothing.
func (g *Group) droppable(r *row) bool {
	p := int(r.site.targets[0])
	for _, t := range r.site.holders() {
		e := &r.entries[t]
		if !e.Known && int(t) != p {
			continue
		}
		if !g.aged(r, int(t)) || e.Version != r.entries[p].Version {
			return false
		}
	}
	return true
}

// reload reads what the targets have of the rows' keys now.
func (g *Group) reload(ctx context.Context, c *installed, rows []*row) error {
	for _, p := range g.stores {
		var keys []Key
		var which []*row
		for _, r := range rows {
			if r.site.target(p.index) {
				keys = append(keys, r.key)
				which = append(which, r)
			}
		}
		if len(keys) == 0 {
			continue
		}
		guard, s, err := g.guard(ctx, c, p)
		if err != nil {
			return err
		}
		entries := make([]Entry, len(keys))
		tick, err := p.store.Load(ctx, guard, keys, false, entries)
		g.noteErr(p, s, err)
		if err != nil {
			return err
		}
		for j, r := range which {
			r.entries[p.index], r.ticks[p.index] = entries[j], tick
		}
	}
	return nil
}
