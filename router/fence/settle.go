package fence

import (
	"context"
	"errors"

	"github.com/dsmproxy/dsmproxy/router/view"
)

// A primary is settled for a key if it provably has the newest version. As a
// rule its Cover proves that (view.SettledBy). Where it does not, the key's own
// Confirmed may; where neither does, the key is settled: every store is asked,
// after its register was raised to the view, so that no write of an older view
// can be acknowledged behind our back. Whatever was acknowledged is on at
// least MinCopies of the stores whose memory counts, and one of those answers.
// The newest of the answers is swapped in at the primary, against what it had.

// errRaced says that a swap found something else than was seen.
var errRaced = errors.New("another proxy was faster")

// settled sees to it that p, the primary, is settled for the keys in c.
func (o *op) settled(ctx context.Context, c *installed, p *peer, keys []Key) error {
	if o.g.cfg.ablate.noSettle {
		return nil
	}
	for i := range keys {
		if err := o.g.settledOne(ctx, c, p, keys[i], &o.sites[i]); err != nil {
			return err
		}
	}
	return nil
}

func (g *Group) settledOne(ctx context.Context, c *installed, p *peer, key Key, s *site) error {
	st, err := g.admitted(ctx, p)
	if err != nil {
		return err
	}
	if c.view.SettledBy(st.cover, p.index, s.list(), g.cfg.Copies) {
		return nil
	}
	guard := Guard{Boot: st.boot, View: c.view}
	keys, entries := []Key{key}, make([]Entry, 1)
	tick, err := p.store.Load(ctx, guard, keys, false, entries)
	g.noteErr(p, st, err)
	if err != nil {
		return err
	}
	// Also when this is the second call for a key that has been settled and
	// written since: the older version that a gather finds must not be swapped
	// in over it.
	if g.provenBy(c.view, p.index, &entries[0], s) && !g.cfg.ablate.settleBlind {
		return nil
	}
	return g.settle(ctx, c, p, st, key, s, &entries[0], tick)
}

// provenBy reports whether the key's own mark settles it.
func (g *Group) provenBy(v *view.View, store int, e *Entry, s *site) bool {
	return e.Known && e.Confirmed != nil && v.SettledBy(e.Confirmed, store, s.list(), g.cfg.Copies)
}

// settle asks all stores and swaps the newest version in at p, where seen was
// at the given tick.
func (g *Group) settle(ctx context.Context, c *installed, p *peer, st *standing, key Key, s *site, seen *Entry, tick uint64) error {
	best, err := g.gather(ctx, c, key, s)
	if err != nil {
		return err
	}
	if best.Version == (view.Version{}) {
		// A record from before the protocol, or none at all. It gets a version,
		// so that this choice differs from what other stores may still have.
		if !best.Known {
			best = Entry{Known: true, Flags: view.Deleted}
		}
		best.Version.N = 1
	}
	best.Version = g.renumbered(c.view, st, best.Version)
	g.counts.settled.Add(1)
	done := make([]bool, 1)
	swap := Swap{Put: Put{Key: key, Entry: best, MaxTick: tick + g.cfg.Late}, Seen: *seen}
	err = p.store.Swap(ctx, Guard{Boot: st.boot, View: c.view}, []Swap{swap}, done)
	g.noteErr(p, st, err)
	if err == nil && !done[0] {
		return errRaced
	}
	return err
}

// renumbered is the version under which a primary that stands so is given what
// has version a. A primary that has lost its memory in the present view, and was
// not excluded, may have given out numbers in it that nobody remembers who has
// answered; the puts of them may have reached a copy, or may still, for the fence
// lets them pass. What is made from now on must be newer.
func (g *Group) renumbered(v *view.View, s *standing, a view.Version) view.Version {
	if s.intact || g.cfg.ablate.sameNumbers {
		return a
	}
	a = a.Next(v.Epoch(), g.newID())
	a.N += forgotten
	return a
}

// forgotten is more than a primary gives out of a key's numbers in one view.
const forgotten = 1 << 32

// gather finds the newest version of a key that any store has. Of records
// without a version the first in the key's order counts, which is the one that
// would have been read before.
func (g *Group) gather(ctx context.Context, c *installed, key Key, s *site) (Entry, error) {
	type answer struct {
		store int
		Entry
	}
	var answers []answer
	intact, founding := 0, false
	g.each(ctx, g.stores, func(p *peer) func() {
		if g.pushTo(ctx, p, c.view) != nil {
			return nil
		}
		guard, st, err := g.guard(ctx, c, p)
		if err != nil || !st.counts(c.view, p.index) {
			return nil
		}
		keys, entries := []Key{key}, make([]Entry, 1)
		_, err = p.store.Load(ctx, guard, keys, true, entries)
		g.noteErr(p, st, err)
		if err != nil {
			return nil
		}
		return func() {
			intact++
			founding = founding || st.cover == nil
			answers = append(answers, answer{p.index, entries[0]})
		}
	}, nil)
	if need := g.mustAnswer(c.view, founding); intact < need {
		return Entry{}, &Unavailable{Reason: Unsettled, Have: intact, Need: need}
	}
	var best Entry
	for _, t := range s.list() {
		for _, a := range answers {
			if a.store == int(t) && a.Known && (!best.Known || best.Version.Less(a.Version)) {
				best = a.Entry
			}
		}
	}
	return best, nil
}

// mustAnswer is how many stores with memory that counts must answer, so that
// each acknowledged write is at one of them. What was given up is not asked for.
// Before the first heal it is all others, as every store may be the only one
// with a record.
func (g *Group) mustAnswer(v *view.View, founding bool) int {
	need := len(g.stores) - v.Voids()
	if !founding || g.cfg.ablate.fewFounding {
		need -= g.cfg.MinCopies - 1
	}
	return max(1, need)
}
