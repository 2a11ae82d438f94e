package fence

import (
	"context"
	"errors"
	"time"

	"github.com/dsmproxy/dsmproxy/router/view"
)

// A heal sees to it that as of a view every target has the newest version of
// every key, and then tells the stores that they are covered. It walks all keys
// and reconciles those that may differ.
//
// A key that none of the present stores has may still have an acknowledged
// version: on stores that are Down. So as many stores must be listed as a
// settle would ask, except where every key has a primary, and the primaries are
// all known to have what is theirs. There are no primaries where each of the
// last stores that were Up has been excluded by another proxy at the same time.

// reconcileTries is how often keys that are written meanwhile are looked at.
const reconcileTries = 6

var errMoved = errors.New("the view has changed")

// healAll heals c's view and covers its stores.
func (g *Group) healAll(ctx context.Context, c *installed) error {
	list, err := g.witnesses(ctx, c)
	if err != nil {
		return err
	}
	err = g.walk(ctx, c, list, All, func(batch []row) error {
		var keys []Key
		for i := range batch {
			if !g.equal(c.view, &batch[i]) {
				keys = append(keys, batch[i].key)
			}
		}
		if err := g.reconcile(ctx, c, keys); err != nil {
			return err
		}
		g.heal.add(len(batch), 0)
		if g.now.Load().view != c.view {
			return errMoved
		}
		return nil
	})
	if err != nil {
		return err
	}
	for _, p := range g.present(c.view) {
		guard, s, err := g.guard(ctx, c, p)
		if err == nil {
			err = p.voter.Note(ctx, guard, NoteCover)
			g.noteErr(p, s, err)
		}
		if err != nil {
			return err
		}
		if _, err := p.look(ctx, g.env, Beat{}); err != nil {
			return err
		}
	}
	return nil
}

// witnesses are the stores whose lists together name every key that may have
// an acknowledged version: those that are not Down, and others if need be.
func (g *Group) witnesses(ctx context.Context, c *installed) ([]*peer, error) {
	list := g.present(c.view)
	intact, proven, founding := 0, c.view.Count(view.Up) > 0, false
	for _, p := range list {
		s, err := g.admitted(ctx, p)
		if err != nil {
			return nil, err
		}
		if s.counts(c.view, p.index) {
			intact++
			founding = founding || s.cover == nil
		}
		if c.view.State(p.index) == view.Up && !c.view.CoversAll(s.cover, p.index, g.cfg.Copies) {
			proven = false
		}
	}
	if proven {
		return list, nil
	}
	for _, p := range g.stores {
		if c.view.State(p.index) != view.Down || g.pushTo(ctx, p, c.view) != nil {
			continue
		}
		if s := p.standing.Load(); s.counts(c.view, p.index) {
			list = append(list, p)
			intact++
			founding = founding || s.cover == nil
		}
	}
	if need := g.mustAnswer(c.view, founding); intact < need {
		return nil, &Unavailable{Reason: Unsettled, Have: intact, Need: need}
	}
	return list, nil
}

// equal reports whether all targets of a key have the same, and the primary
// provably the newest. Then, if it is not marked so, the version is clean.
func (g *Group) equal(v *view.View, r *row) bool {
	if r.site.n == 0 {
		return false
	}
	p := int(r.site.targets[0])
	s := g.stores[p].standing.Load()
	if s == nil || !v.SettledBy(s.cover, p, r.site.list(), g.cfg.Copies) {
		return false
	}
	e := &r.entries[p]
	for _, t := range r.site.holders()[1:] {
		if !e.same(&r.entries[t]) {
			return false
		}
	}
	if e.Known && !e.Flags.Has(view.Clean) {
		g.clean.add(r.key, e.Version, r.site.holders())
	}
	return true
}

// reconcile makes all targets of each key equal to its primary.
func (g *Group) reconcile(ctx context.Context, c *installed, keys []Key) error {
	for range reconcileTries {
		var err error
		if keys, err = g.reconcileOnce(ctx, c, keys); err != nil || len(keys) == 0 {
			return err
		}
		g.env.Sleep(ctx, g.jitter(3*time.Millisecond))
	}
	return errRaced
}

// reconcileOnce returns the keys that must be looked at again: those where a
// swap found something else than was seen. That this is newer is not said: it
// may be an older version whose put has just come.
func (g *Group) reconcileOnce(ctx context.Context, c *installed, keys []Key) (again []Key, err error) {
	byPrimary := make(map[int][]Key)
	var s site
	for _, k := range keys {
		if g.locate(c.view, k, &s); s.n == 0 {
			return nil, &Unavailable{Reason: FewOwners, Need: g.cfg.MinCopies}
		}
		byPrimary[int(s.targets[0])] = append(byPrimary[int(s.targets[0])], k)
	}
	for _, p := range g.stores {
		if keys := byPrimary[p.index]; len(keys) > 0 {
			more, err := g.reconcileAt(ctx, c, p, keys)
			if err != nil {
				return nil, err
			}
			again = append(again, more...)
		}
	}
	return again, nil
}

// reconcileAt does so for keys whose primary is p: it reads the targets first,
// then the primary, then swaps. So a version that is at the primary was not
// overtaken by what was seen at a target.
func (g *Group) reconcileAt(ctx context.Context, c *installed, p *peer, keys []Key) (again []Key, err error) {
	o := g.begin(len(keys))
	defer o.end()
	for i := range keys {
		g.locate(c.view, keys[i], &o.sites[i])
	}
	if err := o.settled(ctx, c, p, keys); err != nil {
		return nil, err
	}
	load := func(t *peer, images bool, entries []Entry) (uint64, error) {
		guard, s, err := g.guard(ctx, c, t)
		if err != nil {
			return 0, err
		}
		tick, err := t.store.Load(ctx, guard, keys, images, entries)
		g.noteErr(t, s, err)
		return tick, err
	}
	seen := make([][]Entry, len(g.stores))
	for _, t := range g.stores {
		if t == p || !o.anyTarget(t.index) {
			continue
		}
		seen[t.index] = make([]Entry, len(keys))
		tick, err := load(t, false, seen[t.index])
		if err != nil {
			return nil, err
		}
		o.limits[t.index] = tick + g.cfg.Late
	}
	if _, err := load(p, true, o.entries); err != nil {
		return nil, err
	}
	unequal := make(map[int]bool)
	for t, entries := range seen {
		if entries == nil {
			continue
		}
		if err := o.swapAt(ctx, c, g.stores[t], keys, entries, unequal); err != nil {
			return nil, err
		}
	}
	for i, k := range keys {
		if e := &o.entries[i]; unequal[i] {
			again = append(again, k)
		} else if e.Known && !e.Flags.Has(view.Clean) {
			g.clean.add(k, e.Version, o.sites[i].holders())
		}
	}
	return again, nil
}

// anyTarget reports whether a store is a target of any of the keys.
func (o *op) anyTarget(store int) bool {
	for i := range o.sites {
		if o.sites[i].target(store) {
			return true
		}
	}
	return false
}

// swapAt gives t what the primary has, in o.entries, where it has something
// else, and notes in unequal which of the keys it could not.
func (o *op) swapAt(ctx context.Context, c *installed, t *peer, keys []Key, seen []Entry, unequal map[int]bool) error {
	var swaps []Swap
	var which []int
	for i := range keys {
		if e := o.entries[i]; o.sites[i].target(t.index) && !e.same(&seen[i]) {
			swaps = append(swaps, Swap{Put: Put{Key: keys[i], Entry: e, MaxTick: o.limits[t.index]}, Seen: seen[i]})
			which = append(which, i)
		}
	}
	if len(swaps) == 0 {
		return nil
	}
	guard, s, err := o.g.guard(ctx, c, t)
	if err != nil {
		return err
	}
	done := make([]bool, len(swaps))
	err = t.store.Swap(ctx, guard, swaps, done)
	o.g.noteErr(t, s, err)
	if err != nil {
		return err
	}
	copied := 0
	for j, ok := range done {
		if ok {
			copied++
		} else if !o.g.cfg.ablate.casAssume {
			unequal[which[j]] = true
		}
	}
	o.g.heal.add(0, copied)
	return nil
}
