package fence

import (
	"bytes"
	"context"
	"errors"
	"time"

	"github.com/dsmproxy/dsmproxy/router/view"
)

// An operator may want to know whether the copies of a key are what they should
// be, and have them made so. A comparison of lists that were read one store
// after the other can't tell; what seems to differ is looked at again here, as
// of one view.

// Exam is what the stores have of a key, as of one view.
type Exam struct {
	Key Key
	// Holders are the stores that are to have the key, the one that serves it
	// first.
	Holders []int
	// Entries are those of all stores, with images. Asked says which of them
	// were asked: the others are down.
	Entries []Entry
	Asked   []bool
}

// Holds reports whether a store is to have the key.
func (e *Exam) Holds(store int) bool {
	for _, h := range e.Holders {
		if h == store {
			return true
		}
	}
	return false
}

// Well reports whether all copies are the same and none is left over.
func (e *Exam) Well() bool {
	if len(e.Holders) == 0 {
		return false
	}
	first := &e.Entries[e.Holders[0]]
	for i := range e.Entries {
		switch o := &e.Entries[i]; {
		case !e.Asked[i]:
		case !e.Holds(i):
			if o.Known {
				return false
			}
		case !first.same(o) || !bytes.Equal(first.Image, o.Image):
			return false
		}
	}
	return true
}

// Holders are the stores that are to have a key in the present view, the one
// that serves it first; nil before the first view.
func (g *Group) Holders(key Key) []int {
	c := g.now.Load()
	if c == nil {
		return nil
	}
	return g.holders(c, key)
}

func (g *Group) holders(c *installed, key Key) []int {
	var s site
	g.locate(c.view, key, &s)
	list := make([]int, s.n)
	for i, t := range s.holders() {
		list[i] = int(t)
	}
	return list
}

// examineTries is how often it is tried while views change.
const examineTries = 20

// Examine looks at keys in the present view. It changes nothing, and needs
// neither Run nor a lease, nor that this proxy is the one that serves.
func (g *Group) Examine(ctx context.Context, keys []Key) ([]Exam, error) {
	var last error
	for range examineTries {
		if c := g.now.Load(); c != nil {
			exams, err := g.examine(ctx, c, keys)
			if err == nil {
				return exams, nil
			}
			last = err
		}
		if _, ok := g.round(ctx); !ok {
			last = g.noView()
		}
		if ctx.Err() != nil {
			return nil, context.Cause(ctx)
		}
		g.env.Sleep(ctx, pauseView)
	}
	return nil, last
}

func (g *Group) examine(ctx context.Context, c *installed, keys []Key) ([]Exam, error) {
	exams := make([]Exam, len(keys))
	for i, k := range keys {
		exams[i] = Exam{Key: k, Holders: g.holders(c, k), Entries: make([]Entry, len(g.stores)), Asked: make([]bool, len(g.stores))}
	}
	if len(keys) == 0 {
		return exams, nil
	}
	var failed error
	g.each(ctx, g.present(c.view), func(p *peer) func() {
		entries := make([]Entry, len(keys))
		guard, st, err := g.guard(ctx, c, p)
		if err == nil {
			_, err = p.store.Load(ctx, guard, keys, true, entries)
			g.noteErr(p, st, err)
		}
		return func() {
			if err != nil {
				failed = err
				return
			}
			for i := range exams {
				exams[i].Asked[p.index], exams[i].Entries[p.index] = true, entries[i]
			}
		}
	}, nil)
	if failed == nil && ctx.Err() != nil {
		failed = context.Cause(ctx)
	}
	return exams, failed
}

// errNotMended says that a key was still not well after all tries.
var errNotMended = errors.New("the record keeps changing")

// mendTries is how often a key is looked at again.
const mendTries = 8

// Mend makes the copies of keys what they should be: as the primary's, which is
// settled first. What the primary has not is removed from the others. It
// returns how many keys were not well. Run must be called for it to do
// anything.
func (g *Group) Mend(ctx context.Context, keys []Key) (mended int, err error) {
	o := g.begin(0)
	defer o.end()
	for i := range keys {
		changed, err := o.mendOne(ctx, keys[i:i+1])
		if err != nil {
			return mended, err
		}
		if changed {
			mended++
		}
	}
	return mended, nil
}

func (o *op) mendOne(ctx context.Context, key []Key) (changed bool, err error) {
	g := o.g
	for range mendTries {
		o.size(1)
		c, p, err := o.place(ctx, key)
		if err != nil {
			return changed, err
		}
		well := false
		if err = o.settled(ctx, c, p, key); err == nil {
			well, err = o.alike(ctx, c, p, key)
			changed = changed || !well
		}
		if err == nil && well {
			return changed, nil
		}
		if err != nil {
			if err := o.failed(ctx, c, p, err); err != nil {
				return changed, err
			}
		}
		g.env.Sleep(ctx, time.Millisecond+g.jitter(pauseLate))
	}
	return changed, errNotMended
}

// alike reports whether all stores have of the key what they should; if not, it
// does something about it. The sites are located, and p is settled.
func (o *op) alike(ctx context.Context, c *installed, p *peer, key []Key) (well bool, err error) {
	g := o.g
	exams, err := g.examine(ctx, c, key)
	if err != nil || exams[0].Well() {
		return err == nil, err
	}
	e := &exams[0]
	first := e.Entries[p.index]
	versions, images, strays := true, true, false
	for i := range e.Entries {
		switch entry := &e.Entries[i]; {
		case !e.Asked[i]:
		case !e.Holds(i):
			strays = strays || entry.Known
		default:
			versions = versions && first.same(entry)
			images = images && bytes.Equal(first.Image, entry.Image)
		}
	}
	switch {
	case versions && !images:
		// One version is not the same everywhere: it was changed behind the
		// protocol's back. A new one is, once it is on all targets.
		if err := o.renew(ctx, c, p, key[0], first); err != nil {
			return false, err
		}
		fallthrough
	case !versions:
		again, err := g.reconcileOnce(ctx, c, key)
		if err == nil && len(again) > 0 {
			err = errRaced
		}
		return false, err
	case strays:
		return o.dropStray(ctx, c, e)
	}
	return false, nil
}

// renew gives what the primary has a new version, if it still has that.
func (o *op) renew(ctx context.Context, c *installed, p *peer, key Key, seen Entry) error {
	guard, s, err := o.g.guard(ctx, c, p)
	if err != nil {
		return err
	}
	next := seen
	next.Known = true
	next.Flags = 0 // what is there is what is served, be it against a tombstone
	if next.Image == nil {
		next.Flags = view.Deleted
	}
	next.Version = seen.Version.Next(c.view.Epoch(), o.g.newID())
	done := make([]bool, 1)
	swap := Swap{Put: Put{Key: key, Entry: next, MaxTick: p.tick.Load() + o.g.cfg.Late}, Seen: seen}
	err = p.store.Swap(ctx, guard, []Swap{swap}, done)
	o.g.noteErr(p, s, err)
	if err == nil && !done[0] {
		return errRaced
	}
	return err
}

// dropStray removes copies that are left over, where nobody can need them
// (tombs.go); where they may be needed they are no fault.
func (o *op) dropStray(ctx context.Context, c *installed, e *Exam) (well bool, err error) {
	g := o.g
	if !g.whole(c.view) || !g.outwaited(c) && !g.cfg.ablate.hastyDrop {
		return true, nil
	}
	for _, p := range g.stores {
		if entry := e.Entries[p.index]; entry.Known && e.Asked[p.index] && !e.Holds(p.index) {
			swap := Swap{Put: Put{Key: e.Key, MaxTick: p.tick.Load() + g.cfg.Late}, Seen: entry}
			if _, err := g.remove(ctx, c, p, []Swap{swap}); err != nil {
				return false, err
			}
		}
	}
	return false, nil
}

// whole reports whether every store that may ever answer is up and covered.
func (g *Group) whole(v *view.View) bool {
	for _, p := range g.stores {
		if v.State(p.index) == view.Down && v.Void(p.index) == v.Gen(p.index) {
			continue
		}
		s := p.standing.Load()
		if v.State(p.index) != view.Up || s == nil || !s.cover.Equal(v) {
			return false
		}
	}
	return true
}
