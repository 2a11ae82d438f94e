package fence

import (
	"context"
	"errors"
	"slices"
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
	h, err := g.witnesses(ctx, c)
	if err != nil {
		return err
	}
	crew := g.newCrew()
	err = g.walk(ctx, c, h.list, All, func(batch []row) error {
		batch = slices.Clone(batch)
		return crew.give(ctx, func() error { return g.healBatch(ctx, c, h, batch) })
	})
	if ended := crew.end(ctx); err == nil {
		err = ended
	}
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

// healBatch does so for a batch of the walk.
func (g *Group) healBatch(ctx context.Context, c *installed, h *hearing, batch []row) error {
	var rows []*row
	var marks []marking
	held := 0
	for i := range batch {
		for t := range batch[i].entries {
			if batch[i].entries[t].Known {
				held++
			}
		}
		if !g.equal(c, &batch[i], &marks) {
			rows = append(rows, &batch[i])
		}
	}
	if err := g.mark(ctx, c, marks); err != nil {
		return err
	}
	if err := g.healRows(ctx, c, h, rows); err != nil {
		return err
	}
	g.heal.passed(len(batch), held)
	if g.now.Load().view != c.view {
		return errMoved
	}
	return nil
}

// witnesses are the stores whose lists together name every key that may have
// an acknowledged version: those that are not Down, and others if need be.
func (g *Group) witnesses(ctx context.Context, c *installed) (*hearing, error) {
	h := &hearing{list: g.present(c.view), of: make([]*standing, len(g.stores))}
	intact, proven, founding := 0, c.view.Count(view.Up) > 0, false
	hear := func(p *peer, s *standing) {
		if s.counts(c.view, p.index) {
			h.of[p.index] = s
			intact++
			founding = founding || s.cover == nil
		}
	}
	for _, p := range h.list {
		s, err := g.admitted(ctx, p)
		if err != nil {
			return nil, err
		}
		hear(p, s)
		if c.view.State(p.index) == view.Up && !c.view.CoversAll(s.cover, p.index, g.cfg.Copies) {
			proven = false
		}
	}
	if !proven {
		for _, p := range g.stores {
			if c.view.State(p.index) != view.Down || g.pushTo(ctx, p, c.view) != nil {
				continue
			}
			if s := p.standing.Load(); s.counts(c.view, p.index) {
				h.list = append(h.list, p)
				hear(p, s)
			}
		}
	}
	need := g.mustAnswer(c.view, founding)
	if h.enough = intact >= need; !h.enough && !proven {
		return nil, &Unavailable{Reason: Unsettled, Have: intact, Need: need}
	}
	return h, nil
}

// equal reports whether all targets of a key have the same, and the primary
// provably the newest.
func (g *Group) equal(c *installed, r *row, marks *[]marking) bool {
	if r.site.n == 0 {
		return false
	}
	p := int(r.site.targets[0])
	s := g.stores[p].standing.Load()
	if s == nil || !c.view.SettledBy(s.cover, p, r.site.list(), g.cfg.Copies) {
		return false
	}
	return g.alike(c, r, marks)
}

// alike reports whether all targets of a key have the same. Then the version is
// to be marked at those that do not say that it is clean.
func (g *Group) alike(c *installed, r *row, marks *[]marking) bool {
	e := &r.entries[r.site.targets[0]]
	for _, t := range r.site.holders()[1:] {
		if !e.same(&r.entries[t]) {
			return false
		}
	}
	if !e.Known || !g.mayMark(c) {
		return true
	}
	var unsaid []uint16
	for _, t := range r.site.holders() {
		if !r.entries[t].Flags.Has(view.Clean) {
			unsaid = append(unsaid, t)
		}
	}
	if len(unsaid) > 0 {
		*marks = append(*marks, marking{r.key, *e, unsaid, r.site.holders()})
	}
	return true
}

// marking is a version that all targets of a key have, to be marked at some.
type marking struct {
	key    Key
	entry  Entry
	unsaid []uint16 // where
	shown  []uint16 // which stores have shown it, be it on their disks or not
}

// mark marks those that are on the stores' disks. A copy that is not may go
// when its store is restarted; what is clean is told without another being
// made.
func (g *Group) mark(ctx context.Context, c *installed, list []marking) error {
	gone := make([]bool, len(list))
	for _, p := range g.stores {
		var which []int
		for i := range list {
			if slices.Contains(list[i].shown, uint16(p.index)) && !g.cfg.ablate.markUnwritten {
				which = append(which, i)
			}
		}
		for part := range slices.Chunk(which, g.heal.room()) {
			keys, entries := make([]Key, len(part)), make([]Entry, len(part))
			for j, i := range part {
				keys[j] = list[i].key
			}
			guard, s, err := g.guard(ctx, c, p)
			if err == nil {
				_, err = p.store.Load(ctx, guard, keys, true, entries)
				g.noteErr(p, s, err)
			}
			if err != nil {
				return err
			}
			for j, i := range part {
				gone[i] = gone[i] || !entries[j].same(&list[i].entry)
			}
		}
	}
	for i, m := range list {
		if !gone[i] {
			g.clean.add(m.key, m.entry.Version, m.unsaid)
		}
	}
	return nil
}

// mayMark reports whether what all targets have may be marked clean by somebody
// who has not outwaited the leases for it (help): a clean version is told at once.
func (g *Group) mayMark(c *installed) bool { return g.outwaited(c) || g.cfg.ablate.hastyHelp }

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
	seen := make([][]Entry, len(g.stores))
	for _, t := range g.stores {
		if t == p || !o.anyTarget(t.index) {
			continue
		}
		guard, s, err := g.guard(ctx, c, t)
		if err != nil {
			return nil, err
		}
		seen[t.index] = make([]Entry, len(keys))
		tick, err := t.store.Load(ctx, guard, keys, false, seen[t.index])
		g.noteErr(t, s, err)
		if err != nil {
			return nil, err
		}
		o.limits[t.index] = tick + g.cfg.Late
	}
	unequal, err := o.equalise(ctx, c, p, keys, seen, false)
	for i, k := range keys {
		if unequal[i] {
			again = append(again, k)
		}
	}
	return again, err
}

// equalise gives the targets of keys what p has, which is settled for them and is
// asked for that now, where seen, by store, is something else. It says for which
// of the keys, by their place, a target had changed since. o's sites and limits
// are set. listed: seen is what the stores' lists say.
func (o *op) equalise(ctx context.Context, c *installed, p *peer, keys []Key, seen [][]Entry, listed bool) (unequal map[int]bool, err error) {
	g := o.g
	guard, s, err := g.guard(ctx, c, p)
	if err != nil {
		return nil, err
	}
	_, err = p.store.Load(ctx, guard, keys, true, o.entries)
	g.noteErr(p, s, err)
	if err != nil {
		return nil, err
	}
	unequal = make(map[int]bool)
	for t, entries := range seen {
		if entries == nil {
			continue
		}
		if err := o.swapAt(ctx, c, g.stores[t], keys, entries, listed, unequal); err != nil {
			return nil, err
		}
	}
	var marks []marking
	for i, k := range keys {
		e := &o.entries[i]
		if unequal[i] || !e.Known || !g.mayMark(c) {
			continue
		}
		m := marking{key: k, entry: *e}
		for _, t := range o.sites[i].holders() {
			said := e.Flags.Has(view.Clean)
			if seen[t] != nil {
				if said = e.same(&seen[t][i]); said { // else it has just come there, unmarked
					m.shown = append(m.shown, t)
					said = seen[t][i].Flags.Has(view.Clean)
				}
			}
			if !said {
				m.unsaid = append(m.unsaid, t)
			}
		}
		if len(m.unsaid) > 0 {
			marks = append(marks, m)
		}
	}
	return unequal, g.mark(ctx, c, marks)
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

// mayRead reports whether somebody may hold a lease of a view in which a store
// is the primary of a key, and so may just now be reading there what would be
// taken back: he would find the marks of what it is replaced by behind it.
func (g *Group) mayRead(c *installed, s *site, store int) bool {
	return g.cfg.Lease > 0 && !g.cfg.ablate.noLease && !g.cfg.ablate.hastyHeal &&
		c.history.MayLead(store, c.view, s.list(), g.env.Now(), g.outwait())
}

// swapAt gives t what the primary has, in o.entries, where it has something
// else, and notes in unequal which of the keys it could not.
func (o *op) swapAt(ctx context.Context, c *installed, t *peer, keys []Key, seen []Entry, listed bool, unequal map[int]bool) error {
	var swaps []Swap
	var which []int
	for i := range keys {
		if e := o.entries[i]; o.sites[i].target(t.index) && !e.same(&seen[i]) {
			if o.g.mayRead(c, &o.sites[i], t.index) {
				return &Unavailable{Reason: Leases}
			}
			swaps = append(swaps, Swap{Put: Put{Key: keys[i], Entry: e, MaxTick: o.limits[t.index]}, Seen: seen[i], Listed: listed})
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
	done, err := o.g.swaps(ctx, t, guard, s, swaps)
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
	o.g.heal.copied(copied)
	return nil
}
