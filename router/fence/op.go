package fence

import (
	"context"
	"errors"
	"time"

	"github.com/dsmproxy/dsmproxy/router/view"
)

// How long an operation waits, at most, before it tries again.
const (
	pauseView    = 30 * time.Millisecond // there is no view, or a key can't be settled
	pauseOwners  = 50 * time.Millisecond // stores are missing
	pauseLate    = 5 * time.Millisecond
	pauseFailing = 40 * time.Millisecond
)

// op is one operation on keys: scratch space, and how long it has waited. It
// comes from the Group's pool.
type op struct {
	g       *Group
	begun   time.Duration // when it first had to wait
	waited  bool
	sites   []site // by key
	entries []Entry
	limits  [view.MaxStores]uint64 // by store: the last tick for puts
	boots   [view.MaxStores]uint64 // by store: the admission, 0 if none is known (sending)
}

// site is where a key is in a view.
type site struct {
	order   [view.MaxStores]uint16
	targets [view.MaxStores]uint16 // the owners first, of them the primary
	stores  int                    // of order
	n       int                    // of targets
	owners  int
	before  uint64 // what this proxy had seen of the key when a write was sent (sending)
}

func (s *site) list() []uint16    { return s.order[:s.stores] }
func (s *site) holders() []uint16 { return s.targets[:s.n] }

// target reports whether a store is among the targets.
func (s *site) target(store int) bool {
	for _, t := range s.holders() {
		if int(t) == store {
			return true
		}
	}
	return false
}

func (g *Group) begin(keys int) *op {
	o := g.ops.Get().(*op)
	o.waited = false
	o.size(keys)
	return o
}

func (o *op) size(keys int) {
	if cap(o.sites) < keys {
		o.sites = make([]site, keys)
		o.entries = make([]Entry, keys)
	}
	o.sites, o.entries = o.sites[:keys], o.entries[:keys]
}

func (o *op) end() {
	clear(o.entries)
	o.g.ops.Put(o)
}

// Patience is how long operations wait for the stores to be in a state to carry
// them out.
func (g *Group) Patience() time.Duration { return g.cfg.Patience }

// pause waits up to spread before the operation is tried again, or says why it
// is not.
func (o *op) pause(ctx context.Context, spread time.Duration, why *Unavailable) error {
	now := o.g.env.Now()
	if !o.waited {
		o.waited, o.begun = true, now
	}
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	if after := now - o.begun; after >= o.g.cfg.Patience {
		why.After = after
		o.g.counts.refused.Add(1)
		if why.Reason == Unsettled {
			o.g.counts.unsettled.Add(1)
		}
		return why
	}
	if spread > 0 {
		o.g.env.Sleep(ctx, spread/4+o.g.jitter(spread*3/4))
	}
	return nil
}

// current is the view to act in. It waits for one.
func (o *op) current(ctx context.Context) (*installed, error) {
	for {
		c, why := o.g.serving(ctx)
		if why == nil {
			return c, nil
		}
		if err := o.pause(ctx, pauseView, why); err != nil {
			return nil, err
		}
	}
}

// locate finds out where a key is.
func (g *Group) locate(v *view.View, key Key, s *site) {
	s.stores = len(g.stores)
	g.cfg.Placement.Order(s.order[:s.stores], key.ID)
	targets, owners := v.Targets(s.targets[:0], s.list(), g.cfg.Copies)
	if g.cfg.ablate.noJoin {
		targets = targets[:owners]
	}
	s.n, s.owners = len(targets), owners
}

// place locates the keys, whose primary is the same, and waits until enough of
// their owners are up. It returns the view and the primary.
func (o *op) place(ctx context.Context, keys []Key) (*installed, *peer, error) {
	for {
		c, err := o.current(ctx)
		if err != nil {
			return nil, nil, err
		}
		few := -1
		for i := range keys {
			s := &o.sites[i]
			o.g.locate(c.view, keys[i], s)
			if s.owners < o.g.cfg.MinCopies && (!o.g.cfg.ablate.noMinCopies || s.owners == 0) {
				few = s.owners
			} else if s.targets[0] != o.sites[0].targets[0] {
				return nil, nil, ErrScattered
			}
		}
		if few < 0 {
			return c, o.g.stores[o.sites[0].targets[0]], nil
		}
		if err := o.pause(ctx, pauseOwners, &Unavailable{Reason: FewOwners, Have: few, Need: o.g.cfg.MinCopies}); err != nil {
			return nil, nil, err
		}
		o.g.refresh(ctx)
	}
}

// guard is that of a request to p in c.
func (g *Group) guard(ctx context.Context, c *installed, p *peer) (Guard, *standing, error) {
	s, err := g.admitted(ctx, p)
	if err != nil {
		return Guard{}, nil, err
	}
	return Guard{Boot: s.boot, View: c.view}, s, nil
}

// noteErr learns from an error of a request made under standing s.
func (g *Group) noteErr(p *peer, s *standing, err error) {
	if err != nil && errors.Is(err, ErrClosed) {
		p.lost(s)
	}
}

// limit notes until which tick puts may come to each store. It is called
// before what they carry is read or written.
func (o *op) limit() {
	for i, p := range o.g.stores {
		o.limits[i] = p.tick.Load() + o.g.cfg.Late
	}
}

// failed prepares the next try after a request to p, nil if it is not known to
// which store, has failed without effect.
func (o *op) failed(ctx context.Context, c *installed, p *peer, err error) error {
	why := &Unavailable{Reason: Failing, Err: err}
	if p != nil {
		why.Store = p.name()
	}
	var (
		unavailable *Unavailable
		differs     *Differs
	)
	if errors.As(err, &differs) {
		why = &Unavailable{Reason: Unequal, Err: differs}
	}
	switch {
	case errors.As(err, &unavailable):
		if err := o.pause(ctx, pauseView, unavailable); err != nil {
			return err
		}
	case errors.Is(err, ErrFenced):
		if p != nil {
			_ = o.g.pushTo(ctx, p, c.view) // if it is behind; the refresh tells
		}
		if err := o.pause(ctx, 0, why); err != nil {
			return err
		}
	case errors.Is(err, ErrLate), errors.Is(err, errRaced):
		if err := o.pause(ctx, pauseLate, why); err != nil {
			return err
		}
	default:
		if err := o.pause(ctx, pauseFailing, why); err != nil {
			return err
		}
	}
	o.g.refresh(ctx)
	return nil
}
