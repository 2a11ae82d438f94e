package fence

import (
	"context"
	"time"

	"github.com/dsmproxy/dsmproxy/router/view"
)

// Hold is the right to take a named lock at a store: whoever has it, and the
// lock there, is alone with it for as long as it is Valid. A Hold is safe for
// concurrent use.
type Hold struct {
	g    *Group
	key  Key
	p    *peer
	s    *standing
	view *view.View // in which it was granted
}

// Grant returns the Hold of a lock whose name is hashed as key. It waits until
// nobody can have a valid one at another store.
func (g *Group) Grant(ctx context.Context, key Key) (*Hold, error) {
	key.ID = append([]byte(nil), key.ID...)
	o := g.begin(1)
	defer o.end()
	keys := []Key{key}
	for {
		c, p, err := o.place(ctx, keys)
		if err != nil {
			return nil, err
		}
		// A store that is back takes the name from one that is still an owner, and
		// that nobody fences off by a copy: it is outwaited like one that is not.
		if g.cfg.Lease > 0 && c.history.MustWait(c.view, o.sites[0].list(), 1, g.env.Now(), g.outwait()) {
			if err := o.pause(ctx, pauseOwners, &Unavailable{Reason: Leases}); err != nil {
				return nil, err
			}
			continue
		}
		if g.leaves(p) {
			if err := o.holdOff(ctx, p); err != nil {
				return nil, err
			}
			continue
		}
		s, err := g.admitted(ctx, p)
		if err == nil {
			return &Hold{g, key, p, s, c.view}, nil
		}
		if err := o.failed(ctx, c, p, err); err != nil {
			return nil, err
		}
	}
}

// Store is the index of the store where the lock is to be taken.
func (h *Hold) Store() int { return h.p.index }

// Valid reports whether the lock still excludes others. It must be asked after
// the lock was taken, and again whenever something is done under it. At the
// level strict it is as of the last round.
func (h *Hold) Valid() bool {
	return h.g.leaseHolds() && h.p.standing.Load() != nil && h.lasts(h.g.now.Load().view)
}

// Lost reports whether the lock is known to be gone for good: somebody may have
// got it elsewhere. The client must learn that: its connection is to be closed.
// What is neither Valid nor Lost is not known at the moment.
func (h *Hold) Lost() bool { return !h.lasts(h.g.now.Load().view) }

// lasts reports whether the lock's place has been the same in every view from
// the one in which it was granted to v, at one start of the server.
func (h *Hold) lasts(v *view.View) bool {
	if s := h.p.standing.Load(); s != h.s && s != nil && s.boot != h.s.boot {
		return false
	}
	var order [view.MaxStores]uint16
	list := order[:len(h.g.stores)]
	h.g.cfg.Placement.Order(list, h.key.ID)
	return v.SettledBy(h.view, h.p.index, list, 1) && h.g.owns(v)
}

// Held is Valid for whoever can wait until it is known. It fails with
// *Unavailable if that never comes.
func (h *Hold) Held(ctx context.Context) (bool, error) {
	g := h.g
	ck := g.startCheck()
	if g.cfg.Solo {
		g.refresh(ctx) // of another owner's term nothing else tells
	}
	if ck == nil && h.Valid() {
		return true, nil
	}
	o := g.begin(1)
	defer o.end()
	for {
		c, err := o.current(ctx)
		switch {
		case err != nil:
			return false, err
		case !h.lasts(c.view):
			return false, nil
		case g.confirmed(ctx, c, ck) && h.Valid():
			return true, nil
		}
		if err := o.pause(ctx, max(g.cfg.Lease/20, time.Millisecond), g.noView()); err != nil {
			return false, err
		}
		g.refresh(ctx)
		ck = g.startCheck()
	}
}
