package fence

import (
	"context"

	"github.com/dsmproxy/dsmproxy/router/view"
)

// A heal settles and copies most keys by what its walk has read of them, in
// bulk: where keys differ, they differ by the thousand, as when records are
// adopted, or when a store is empty.
//
// What a walk reads is what a settle would ask for, key by key: every page is
// read under the guard, so with the store's register raised to the view before.
// And it is what reconcile would: what the targets have, read before the primary
// is asked for the record. The swaps, against what was read, see to the rest. A
// key that this is not enough for, because somebody has written it meanwhile, is
// reconciled by itself.

// hearing is the stores that a walk reads, as they stood before it began.
type hearing struct {
	list []*peer
	of   []*standing // by store; nil of one that is not in list, or does not count
	// enough: as many of those whose memory counts as a settle would ask.
	enough bool
}

// stands reports whether the stores have their memory still.
func (h *hearing) stands() bool {
	for _, p := range h.list {
		if was, now := h.of[p.index], p.standing.Load(); was != nil && (now == nil || now.boot != was.boot) {
			return false
		}
	}
	return true
}

// healRows brings what the walk has found unequal to all targets.
func (g *Group) healRows(ctx context.Context, c *installed, h *hearing, rows []*row) error {
	byPrimary := make([][]*row, len(g.stores))
	for _, r := range rows {
		if r.site.n == 0 {
			return &Unavailable{Reason: FewOwners, Need: g.cfg.MinCopies}
		}
		p := r.site.targets[0]
		byPrimary[p] = append(byPrimary[p], r)
	}
	var (
		left   []*row
		failed error
		at     []*peer
	)
	for _, p := range g.stores {
		if len(byPrimary[p.index]) > 0 {
			at = append(at, p)
		}
	}
	g.each(ctx, at, func(p *peer) func() {
		again, err := g.healRowsAt(ctx, c, h, p, byPrimary[p.index])
		return func() {
			left = append(left, again...)
			if failed == nil {
				failed = err
			}
		}
	}, nil)
	if failed == nil {
		failed = ctx.Err() // else each is not over
	}
	if failed != nil {
		return failed
	}
	if len(left) == 0 {
		return nil
	}
	// Somebody else was faster, as a rule another proxy with the same heal.
	if err := g.reload(ctx, c, left); err != nil {
		return err
	}
	var keys []Key
	var marks []marking
	for _, r := range left {
		if !g.equalNow(c, r, &marks) {
			keys = append(keys, r.key)
		}
	}
	if err := g.mark(ctx, c, marks); err != nil {
		return err
	}
	return g.reconcile(ctx, c, keys)
}

// equalNow is equal for a row that has been reloaded, of which the primary's own
// mark may tell that it is the newest.
func (g *Group) equalNow(c *installed, r *row, marks *[]marking) bool {
	p := int(r.site.targets[0])
	return g.equal(c, r, marks) || g.provenBy(c.view, p, &r.entries[p], &r.site) && g.alike(c, r, marks)
}

// healRowsAt does so for rows whose primary is p, and returns those that have
// been written since the walk has read them.
func (g *Group) healRowsAt(ctx context.Context, c *installed, h *hearing, p *peer, rows []*row) (again []*row, err error) {
	st, err := g.admitted(ctx, p)
	if err != nil {
		return nil, err
	}
	var ready, unsettled []*row
	for _, r := range rows {
		proven := g.provenBy(c.view, p.index, &r.entries[p.index], &r.site) && !g.cfg.ablate.settleBlind
		if proven || g.cfg.ablate.noSettle || c.view.SettledBy(st.cover, p.index, r.site.list(), g.cfg.Copies) {
			ready = append(ready, r)
		} else {
			unsettled = append(unsettled, r)
		}
	}
	if len(unsettled) > 0 {
		settled, err := g.settleRows(ctx, c, h, p, unsettled)
		if err != nil {
			return nil, err
		}
		for i, r := range unsettled {
			if settled[i] {
				ready = append(ready, r)
			} else {
				again = append(again, r)
			}
		}
	}
	for len(ready) > 0 {
		n := min(len(ready), g.heal.room())
		more, err := g.copyRows(ctx, c, p, ready[:n])
		if err != nil {
			return nil, err
		}
		again, ready = append(again, more...), ready[n:]
	}
	return again, nil
}

// settleRows is settle for rows whose primary is p, and says which are settled
// now.
func (g *Group) settleRows(ctx context.Context, c *installed, h *hearing, p *peer, rows []*row) (settled []bool, err error) {
	settled = make([]bool, len(rows))
	if !h.enough || !h.stands() {
		return settled, nil
	}
	best := make([]Entry, len(rows))
	elsewhere := make([][]int, len(g.stores)) // by store: which of the rows it has the newest of
	keep := make([]bool, len(rows))
	for i, r := range rows {
		switch at := h.newest(r); at {
		case -1:
			best[i] = Entry{Known: true, Flags: view.Deleted}
		case p.index:
			best[i], keep[i] = r.entries[at], true
		default:
			elsewhere[at] = append(elsewhere[at], i)
		}
	}
	for t, which := range elsewhere {
		if len(which) == 0 {
			continue
		}
		if err := g.fetchRows(ctx, c, h, g.stores[t], rows, which, best); err != nil {
			return nil, err
		}
	}
	guard, s, err := g.guard(ctx, c, p)
	if err != nil {
		return nil, err
	}
	var swaps []Swap
	var which []int
	for i, r := range rows {
		e := best[i]
		if !e.Known {
			continue // another version than was listed
		}
		if e.Version.Epoch == 0 && e.Version.N == 0 {
			e.Version.N = 1 // as settle has it
		}
		e.Version = g.renumbered(c.view, s, e.Version)
		swaps = append(swaps, Swap{
			Put:  Put{Key: r.key, Entry: e, MaxTick: r.ticks[p.index] + g.cfg.Late},
			Seen: r.entries[p.index], Listed: true, Keep: keep[i],
		})
		which = append(which, i)
	}
	done, err := g.swaps(ctx, p, guard, s, swaps)
	for j, ok := range done {
		settled[which[j]] = ok
	}
	g.counts.settled.Add(uint64(len(done)))
	return settled, err
}

// newest is which of the stores that count has the newest version of a row's
// key; -1 if none has one. Of equal ones it is the first in the key's order, as
// gather has it.
func (h *hearing) newest(r *row) int {
	at := -1
	for _, t := range r.site.list() {
		e := &r.entries[t]
		if h.of[t] != nil && e.Known && (at < 0 || r.entries[at].Version.Less(e.Version)) {
			at = int(t)
		}
	}
	return at
}

// fetchRows gets those of rows that t has the newest of, with their images. One
// that t has another version of by now is left out.
func (g *Group) fetchRows(ctx context.Context, c *installed, h *hearing, t *peer, rows []*row, which []int, best []Entry) error {
	keys, entries := make([]Key, len(which)), make([]Entry, len(which))
	for j, i := range which {
		keys[j] = rows[i].key
	}
	guard, s, err := g.guard(ctx, c, t)
	if err == nil && s.boot != h.of[t.index].boot {
		err = ErrClosed
	}
	if err == nil {
		_, err = t.store.Load(ctx, guard, keys, true, entries)
		g.noteErr(t, s, err)
	}
	if err != nil {
		return err
	}
	for j, i := range which {
		if entries[j].same(&rows[i].entries[t.index]) {
			best[i] = entries[j]
		}
	}
	return nil
}

// copyRows gives the targets of rows what p has, which is settled for them, and
// returns those where a target had changed since.
func (g *Group) copyRows(ctx context.Context, c *installed, p *peer, rows []*row) (again []*row, err error) {
	o := g.begin(len(rows))
	defer o.end()
	keys := make([]Key, len(rows))
	seen := make([][]Entry, len(g.stores))
	for i, r := range rows {
		keys[i], o.sites[i] = r.key, r.site
	}
	for _, t := range g.stores {
		if t == p || !o.anyTarget(t.index) {
			continue
		}
		list := make([]Entry, len(rows))
		limit := rows[0].ticks[t.index]
		for i, r := range rows {
			list[i] = r.entries[t.index]
			limit = min(limit, r.ticks[t.index])
		}
		seen[t.index], o.limits[t.index] = list, limit+g.cfg.Late
	}
	unequal, err := o.equalise(ctx, c, p, keys, seen, true)
	for i := range rows {
		g.heal.weighed(len(o.entries[i].Image))
		if unequal[i] {
			again = append(again, rows[i])
		}
	}
	return again, err
}

// swaps does swaps at a store, so many at a time as fit into a packet.
func (g *Group) swaps(ctx context.Context, p *peer, guard Guard, s *standing, swaps []Swap) (done []bool, err error) {
	done = make([]bool, len(swaps))
	for from := 0; from < len(swaps) && err == nil; {
		to, size := from, 0
		for to < len(swaps) && (to == from || size+len(swaps[to].Entry.Image) <= maxPut) {
			size += len(swaps[to].Entry.Image)
			to++
		}
		err = p.store.Swap(ctx, guard, swaps[from:to], done[from:to])
		from = to
	}
	g.noteErr(p, s, err)
	return done, err
}
