package fence

import "context"

// Hold is the right to take a named lock at a store: whoever has it, and the
// lock there, is alone with it for as long as it is Valid. A Hold is safe for
// concurrent use.
type Hold struct {
	g   *Group
	key Key
	p   *peer
	s   *standing
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
		if o.mustWait(c) {
			if err := o.pause(ctx, pauseOwners, &Unavailable{Reason: Leases}); err != nil {
				return nil, err
			}
			continue
		}
		s, err := p.admitted(ctx, g.env)
		if err == nil {
			return &Hold{g, key, p, s}, nil
		}
		if err := o.failed(ctx, c, p, err); err != nil {
			return nil, err
		}
	}
}

// Store is the index of the store where the lock is to be taken.
func (h *Hold) Store() int { return h.p.index }

// Valid reports whether the lock still excludes others. It must be asked after
// the lock was taken, and again whenever something is done under it; once it is
// false the lock is lost, and the client must learn that: its connection is to
// be closed. At the level strict it is as of the last round.
func (h *Hold) Valid() bool {
	if !h.g.leaseHolds() || h.p.standing.Load() != h.s && !h.sameBoot() {
		return false
	}
	v := h.g.now.Load().view
	var s site
	h.g.locate(v, h.key, &s)
	return s.n > 0 && int(s.targets[0]) == h.p.index && h.g.owns(v)
}

func (h *Hold) sameBoot() bool {
	s := h.p.standing.Load()
	return s != nil && s.boot == h.s.boot
}
