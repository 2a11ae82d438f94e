package fence

import (
	"context"
	"time"

	"github.com/dsmproxy/dsmproxy/router/view"
)

// What has become of a write whose outcome its primary has not told, or whose
// versions did not reach all targets because the stores' states have changed.
// Each key is looked at where its primary is by then, once that is settled.
//
//   - It has the version of the write there: that is put on all targets. So is
//     a newer one that was made of it: one at the primary that has committed the
//     write, if that has been the primary all the time and nothing was lost
//     there, for then nobody can have written elsewhere.
//   - It has a version from before the write. Then nobody has been told of the
//     write, and nobody will be once the version that is there has been given a
//     number of the new view (seal) and is on all targets: what is left of the
//     write at a store that was lost is older than that, whenever it returns, and
//     a request that is still on its way there finds another view. So the write
//     has had no effect and never will.
//   - It has a version that may be from before the write or made of it. Then
//     nobody can tell.
//
// A version is from before the write if this proxy had seen it by then
// (glimpses), if it is of an older view than the write's, or if the store got it
// at a tick before the one that this proxy knew when the write was sent. That
// the store has nothing says the same, for as long as no tombstone that was made
// since can have been dropped. A version whose number is not above that of a
// write which its primary has committed is not made of that either, be it from
// before it or beside it, as where another store has become the primary.

// pauseComplete is how long resolve waits at most before each try.
const pauseComplete = 35 * time.Millisecond

// fate is what has become of a write.
type fate uint8

const (
	// unsure: that can't be told, or not in time.
	unsure fate = iota
	// took: it is on all targets, or is part of what is.
	took
	// never: it has had no effect and never will.
	never
)

// attempt is a write as it was sent.
type attempt struct {
	in   Guard // what the primary was asked under
	at   int   // the primary
	id   uint64
	keys []Key
	// made are the versions of the keys that the primary has committed; nil if it
	// has not said so.
	made []view.Version
	// before is what had been seen by then of each key.
	before []uint64
	// limits and boots are by store: the last tick for puts, and the admission
	// that this proxy knew.
	limits, boots [view.MaxStores]uint64
	late          uint64 // how far limits are above the ticks that were known
}

// sending notes what is known before a write is sent.
func (o *op) sending(keys []Key) {
	o.limit()
	for i := range keys {
		o.sites[i].before = o.g.glimpses.of(keys[i])
	}
	for i, p := range o.g.stores {
		o.boots[i] = 0
		if s := p.standing.Load(); s != nil {
			o.boots[i] = s.boot
		}
	}
}

// attempt is the write that o has sent.
func (o *op) attempt(in Guard, at int, keys []Key, id uint64, committed bool) *attempt {
	w := &attempt{in: in, at: at, id: id, keys: keys, limits: o.limits, boots: o.boots, late: o.g.cfg.Late}
	for i := range keys {
		w.before = append(w.before, o.sites[i].before)
		if committed {
			w.made = append(w.made, o.entries[i].Version)
		}
	}
	return w
}

// resolve finds out what has become of w, and sees to it that it stays so. It
// takes as long as Patience at most.
func (g *Group) resolve(ctx context.Context, w *attempt) fate {
	if g.cfg.ablate.noResolve {
		return unsure
	}
	o := g.begin(1)
	defer o.end()
	all := unsure
	for i := range w.keys {
		f := o.resolveKey(ctx, w, i)
		if f == unsure || i > 0 && f != all { // or a half of it is there
			return unsure
		}
		all = f
	}
	if all == took {
		g.counts.completed.Add(1)
	}
	return all
}

// seal is a version that was made to keep older ones from coming back.
type seal struct {
	id   uint64
	in   Guard
	at   int
	done bool // it was there
}

// resolveKey is resolve for one of the keys.
func (o *op) resolveKey(ctx context.Context, w *attempt, i int) fate {
	g := o.g
	keys := w.keys[i : i+1]
	why := &Unavailable{Reason: Failing}
	var sealed seal
	for first := true; ; first = false {
		if !first || i == 0 {
			spread := pauseComplete
			if first && w.made != nil {
				spread = 0 // before somebody writes over it
			}
			if o.pause(ctx, spread, why) != nil {
				return unsure
			}
			if !g.refresh(ctx) {
				why = g.noView()
				continue
			}
		}
		c, p, err := o.ready(ctx, keys)
		if err != nil {
			return unsure
		}
		if c == nil {
			continue
		}
		o.limit()
		guard, s, err := g.guard(ctx, c, p)
		var tick uint64
		if err == nil {
			tick, err = p.store.Load(ctx, guard, keys, true, o.entries)
			g.noteErr(p, s, err)
		}
		if err != nil {
			continue
		}
		e := &o.entries[0]
		same := p.index == w.at && guard.Boot == w.in.Boot
		f := never
		switch {
		case e.Known && e.Version.ID == w.id,
			w.made != nil && same && e.Known && c.view.SettledBy(w.in.View, p.index, o.sites[0].list(), 1):
			f = took
		case sealed.done && p.index == sealed.at && guard.Boot == sealed.in.Boot && c.view.Equal(sealed.in.View):
			// What is there now was made of it.
		case sealed.id != 0 && e.Version.ID == sealed.id:
		case same && w.made == nil && c.view.Equal(w.in.View): // it may still be on its way
			if o.lingers(p) {
				return unsure
			}
			continue
		case !w.precedes(i, e, p.index, guard.Boot, tick) && !g.cfg.ablate.guessFate:
			return unsure
		case g.cfg.ablate.noSeal:
			return never
		default:
			sealed = seal{id: g.newID(), in: guard, at: p.index}
			if sealed.done = o.seal(ctx, p, s, keys[0], sealed, tick); !sealed.done {
				continue
			}
		}
		if o.replicate(ctx, c, keys, o.entries, o.sites) == nil {
			return f
		}
	}
}

// lingers reports whether a primary that has not answered a write answers
// otherwise, so that it will hardly be excluded.
func (o *op) lingers(p *peer) bool {
	_, err := p.status()
	return err == nil && o.g.env.Now()-o.begun > 2*o.g.cfg.Detect
}

// precedes reports whether e, which a store has of key i, is from before w.
func (w *attempt) precedes(i int, e *Entry, store int, boot, tick uint64) bool {
	switch limit := w.limits[store]; {
	case e.Known && e.Version.ID != 0 && e.Version.ID == w.before[i],
		e.Known && e.Version.Epoch < w.in.View.Epoch():
		return true
	case boot != w.boots[store] || tick > limit: // its ticks may say something else by now
		return false
	case !e.Known, e.Tick+w.late < limit:
		return true
	default: // what is made of a version has a higher number
		return w.made != nil && e.Version.N <= w.made[i].N
	}
}

// seal gives what p has of a key, in o.entries, a version of its own. It is
// false if something else is there, or that is not known.
func (o *op) seal(ctx context.Context, p *peer, s *standing, key Key, v seal, tick uint64) bool {
	e := o.entries[0]
	if !e.Known {
		e.Flags = view.Deleted
	}
	e.Known, e.Flags = true, e.Flags&view.Deleted
	e.Version = e.Version.Next(v.in.View.Epoch(), v.id)
	done := make([]bool, 1)
	swap := Swap{Put: Put{Key: key, Entry: e, MaxTick: tick + o.g.cfg.Late}, Seen: o.entries[0]}
	err := p.store.Swap(ctx, v.in, []Swap{swap}, done)
	o.g.noteErr(p, s, err)
	if err != nil || !done[0] {
		return false
	}
	o.entries[0] = e
	return true
}
