package fence

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/dsmproxy/dsmproxy/router/view"
)

// A store is drained to be taken out of service while it is well: it is excluded
// as if it had failed, and kept out. No register says that it is to stay out.
// Instead the proxy that drains it reports, with each look at the others, that it
// does not reach it, and no proxy lets a store join that another one does not
// reach (seenByAll). So a drain needs one proxy, counts for all, and ends with
// that proxy's life; nothing of it is left at a store that was away when it
// ended.
//
// A write that is under way when its primary is excluded may be at the primary
// alone, and then nobody can say what becomes of it (resolve.go). So the proxies
// are told before, in the other half of the report: they begin no write, no
// transaction and no Hold at that store any more, and those that are there have
// a grace to end. Nothing but that depends on it: whether a view is safe to act
// in does not depend on why it came to be.

// leavingBits is where the half of Beat.Reach begins that says which stores are
// about to be drained; with more stores than that nobody is told.
const leavingBits = 32

// grace is how long what is under way at a store that is to be drained has to
// end, when all proxies have heard of it.
func (g *Group) grace() time.Duration { return 3 * g.cfg.BeatEvery }

// drainPause is how long a drain waits between two looks at how far it is.
const drainPause = pauseOwners

// drainPatience is how long a drain waits for copies that are being made. Those
// of a group that was just set up, or of a store that just came back, are there
// in a moment; who has many records is told to come again.
const drainPatience = 10 * time.Second

// Drain takes a store out of service. When it returns nil, the store has been
// excluded, the leases of the proxies that may not know that have ended, and no
// statement goes there any more. It is refused where the records could not be
// served without the store; and, unless forced, where that would leave fewer
// copies than there should be, or not all of them are made within drainPatience.
// A transaction that is open at the store is rolled back (ErrRestart), a Hold
// there is Lost.
func (g *Group) Drain(ctx context.Context, store int, force bool) error {
	c, err := g.known(ctx, store)
	if err != nil {
		return err
	}
	p := g.stores[store]
	err = g.parts(c.view, p, force)
	for begun := g.env.Now(); err != nil && g.settles(c.view, p) && g.env.Now()-begun < drainPatience && ctx.Err() == nil; {
		g.env.Sleep(ctx, g.cfg.BeatEvery/2)
		if c, err = g.known(ctx, store); err != nil {
			return err
		}
		err = g.parts(c.view, p, force)
	}
	if err != nil {
		return err
	}
	p.leaving.Store(true)
	defer p.leaving.Store(false)
	g.KeepOut(store)
	g.noteLeaving()
	g.report(ctx) // before anybody can see it Down
	if c.view.State(store) == view.Up {
		for told := g.env.Now(); !g.heardSince(told) && g.env.Now()-told < 5*g.grace() && ctx.Err() == nil; {
			g.env.Sleep(ctx, g.cfg.BeatEvery/2)
			g.report(ctx)
		}
		g.env.Sleep(ctx, g.grace())
	}
	err = g.depart(ctx, p)
	if c := g.now.Load(); err != nil && c.view.State(store) != view.Down && !g.pending(c.view) {
		p.drained.Store(0)
	}
	return err
}

// KeepOut has this proxy keep a store out of service from now on that another
// one has drained, whose place it takes.
func (g *Group) KeepOut(store int) { g.stores[store].drained.CompareAndSwap(0, int64(g.env.Now())) }

// report tells all peers which stores this proxy reaches and is about to drain,
// and hears what the other proxies have told them.
func (g *Group) report(ctx context.Context) {
	b := g.telling()
	b.Proxy, b.Reach = g.id, g.reach()
	g.poll(ctx, g.peers, b, true)
}

// heardSince reports whether every proxy that is alive has looked at some store
// since then, and so has heard what was told before.
func (g *Group) heardSince(told time.Duration) bool {
	latest := make(map[uint64]time.Duration) // age of the last report, by proxy
	for _, p := range g.peers {
		st, err := p.status()
		if err != nil {
			continue
		}
		for _, r := range st.Reports {
			if age, ok := latest[r.Proxy]; r.Proxy != g.id && r.Age < g.heard() && (!ok || r.Age < age) {
				latest[r.Proxy] = r.Age
			}
		}
	}
	since := g.env.Now() - told
	for _, age := range latest {
		if age >= since {
			return false
		}
	}
	return true
}

// parts says why a store is not to be drained, if it is not.
func (g *Group) parts(v *view.View, p *peer, force bool) error {
	if v.State(p.index) == view.Down {
		return nil
	}
	if !g.spares(v, p) {
		return fmt.Errorf("store %s can't be spared: of the others fewer than %d (min_copies) are up and have what they should, so records could not be served",
			p.name(), g.cfg.MinCopies)
	}
	if force {
		return nil
	}
	up := 0
	for _, o := range g.stores {
		if o == p || v.State(o.index) != view.Up {
			continue
		}
		up++
		if s := o.standing.Load(); s == nil || !s.cover.Equal(v) {
			return &Reluctant{fmt.Sprintf("store %s does not have all its records yet, and %s may have the only other copy: wait until copies are up to date",
				o.name(), p.name())}
		}
	}
	if up < g.cfg.Copies {
		return &Reluctant{fmt.Sprintf("%d of %d stores would be left, for %d copies of each record", up, len(g.stores), g.cfg.Copies)}
	}
	return nil
}

// settles reports whether some store that serves beside p has not been found to
// have all its records yet, which may have p's drain refused and ends by itself.
func (g *Group) settles(v *view.View, p *peer) bool {
	for _, o := range g.stores {
		if o == p || v.State(o.index) != view.Up {
			continue
		}
		if s := o.standing.Load(); s == nil || !s.cover.Equal(v) {
			return true
		}
		if st, err := o.status(); err == nil && (st.Boot == 0 || !st.Intact || st.Cover == nil) {
			return true
		}
	}
	return false
}

// Reluctant is why a store is not drained unless that is forced.
type Reluctant struct{ Why string }

// Error says it.
func (r *Reluctant) Error() string { return r.Why }

// leavingBit is p's in a set of stores that are about to be drained.
func (g *Group) leavingBit(p *peer) uint64 {
	if len(g.stores) > leavingBits {
		return 0
	}
	return 1 << (leavingBits + p.index)
}

// noteLeaving takes over what this proxy and the others report of such stores.
func (g *Group) noteLeaving() {
	set := uint64(0)
	for _, p := range g.peers {
		if p.leaving.Load() {
			set |= g.leavingBit(p)
		}
		st, err := p.status()
		if err != nil || len(g.stores) > leavingBits {
			continue
		}
		for _, r := range st.Reports {
			if r.Proxy != g.id && r.Age < g.grace()+staleRound {
				set |= r.Reach &^ (1<<leavingBits - 1)
			}
		}
	}
	if g.leaving.Load() != set {
		g.leaving.Store(set)
	}
}

// leaves reports whether nothing new is to be begun at p.
func (g *Group) leaves(p *peer) bool {
	set := g.leaving.Load()
	return set != 0 && set&g.leavingBit(p) != 0
}

// holdOff waits a moment for p's exclusion.
func (o *op) holdOff(ctx context.Context, p *peer) error {
	if err := o.pause(ctx, pauseOwners, &Unavailable{Reason: Failing, Store: p.name(), Err: errLeaving}); err != nil {
		return err
	}
	o.g.refresh(ctx)
	return nil
}

var errLeaving = errors.New("it is being drained")

// depart excludes p and waits until nobody acts in an older view.
func (g *Group) depart(ctx context.Context, p *peer) error {
	o := g.begin(0)
	defer o.end()
	told := false
	for {
		c := g.now.Load()
		switch {
		case c.view.State(p.index) != view.Down:
			if !told {
				g.cfg.Log.Warn("store is taken out of service", "store", p.name(), "action", "other stores serve its records until it is undrained")
				told = true
			}
			if !g.propose(ctx, c.view.WithState(p.index, view.Down)) && !g.owns(g.now.Load().view) {
				return g.undecided()
			}
		case g.outwaited(c):
			return nil
		}
		if err := o.pause(ctx, drainPause, &Unavailable{Reason: Leases}); err != nil {
			return err
		}
	}
}

// Undrain lets a store back that this proxy has drained, and reports whether it
// had. It is up again once it has all its records.
func (g *Group) Undrain(store int) bool {
	if g.stores[store].drained.Swap(0) == 0 {
		return false
	}
	g.cfg.Log.Info("store is put back into service", "store", g.stores[store].name(),
		"action", "its copies are brought up to date, then it serves again")
	return true
}

// Drained are the stores that this proxy keeps out of service, by their index.
func (g *Group) Drained() []int {
	var list []int
	for _, p := range g.stores {
		if p.drained.Load() != 0 {
			list = append(list, p.index)
		}
	}
	return list
}
