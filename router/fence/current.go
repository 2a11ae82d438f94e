package fence

import (
	"context"
	"time"

	"github.com/dsmproxy/dsmproxy/router/view"
)

// claimPause is how long a proxy waits at most before it takes over from
// another one, so that two don't take turns.
const claimPause = 400 * time.Millisecond

// serving returns the view to act in, refreshing it first if it has to be; or
// why there is none.
func (g *Group) serving(ctx context.Context) (*installed, *Unavailable) {
	c := g.now.Load()
	if c == nil || !g.leaseHolds() {
		// Without a lease nothing that is read may be told in the end.
		if !g.refresh(ctx) {
			return nil, g.noView()
		}
		c = g.now.Load()
	}
	if g.cfg.Solo {
		if g.pending(c.view) && !g.cfg.ablate.soloForget {
			g.refresh(ctx)
			if c = g.now.Load(); g.pending(c.view) {
				return nil, g.noView()
			}
		}
		if !g.owns(c.view) {
			g.env.Sleep(ctx, g.jitter(claimPause))
			if c = g.claim(ctx); c == nil {
				return nil, g.notOwner()
			}
		}
	}
	return c, nil
}

// leaseHolds reports whether no lease is needed, or this proxy has one.
func (g *Group) leaseHolds() bool {
	return g.cfg.Lease == 0 || g.cfg.ablate.noLease || int64(g.env.Now()) < g.leased.Load()
}

// owns reports whether v is this proxy's to serve in.
func (g *Group) owns(v *view.View) bool {
	if !g.cfg.Solo {
		return true
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.term != 0 && v.Term() == g.term
}

// claim makes this proxy the owner, by a term that nobody has had, and returns
// the view in which it is; nil if that did not succeed.
func (g *Group) claim(ctx context.Context) *installed {
	if !g.refresh(ctx) {
		return nil
	}
	c := g.now.Load()
	if g.owns(c.view) {
		return c
	}
	g.mu.Lock()
	if g.term <= c.view.Term() { // else a claim is under way already
		// The lower half tells proxies apart that claim at the same time.
		g.term = (c.view.Term()>>16+1)<<16 | g.env.Random()&0xffff
	}
	term := g.term
	g.mu.Unlock()
	g.propose(ctx, c.view.WithTerm(term))
	if c = g.now.Load(); c != nil && g.owns(c.view) && !g.pending(c.view) {
		g.cfg.Log.Info("this proxy serves now", "view", c.view.String())
		return c
	}
	return nil
}

// notOwner is why this proxy could not make itself the owner.
func (g *Group) notOwner() *Unavailable {
	if !g.othersLive() {
		if u := g.unclaimed(); u != nil {
			return u
		}
	}
	return &Unavailable{Reason: NotOwner}
}

// unclaimed names a store without which this proxy can't become the owner, which
// it is not; nil if there is none.
func (g *Group) unclaimed() *Unavailable {
	c := g.now.Load()
	for _, p := range g.stores {
		if _, err := p.status(); err != nil && (c == nil || c.view.State(p.index) != view.Down) {
			return &Unavailable{Reason: Unclaimed, Store: p.name(), Err: err}
		}
	}
	return nil
}

// noView is why there is no view.
func (g *Group) noView() *Unavailable {
	u := &Unavailable{Reason: NoView, Need: g.need()}
	c := g.now.Load()
	if g.cfg.Solo {
		u.Need = len(g.stores)
		if c != nil {
			u.Need -= c.view.Count(view.Down)
		}
	}
	blank, founded := 0, 0
	for _, p := range g.voters {
		st, err := p.status()
		if err != nil {
			u.Away = append(u.Away, p.name())
		}
		if err == nil && st.Boot != 0 && (c == nil || c.view.Equal(st.View)) {
			u.Have++
		}
		if err == nil && st.Boot == 0 && !st.Blank && !st.HalfOpen && (!st.Durable || p.goneBack()) {
			u.Closed = append(u.Closed, p.name())
		}
		switch {
		case err == nil && st.Blank:
			blank++
		case st.View != nil:
			founded++
		}
	}
	switch {
	case blank > 0 && founded == 0:
		u.Reason = NotFounded
	case g.cfg.Solo && founded > 0 && (c == nil || !g.owns(c.view)) && !g.othersLive():
		if missing := g.unclaimed(); missing != nil {
			return missing
		}
	}
	return u
}

// check is a round that reads of the level strict wait for. It was sent after
// each of them began.
type check struct {
	done Event
	view *view.View // the one that counted, or nil; valid once done
}

// confirmed reports whether what was read in c from its primary may be given
// to the client: nobody can have acknowledged a write in a newer view before
// the read began. ck is what startCheck returned before the read was sent.
func (g *Group) confirmed(ctx context.Context, c *installed, ck *check) bool {
	switch {
	case g.cfg.ablate.noLease || g.cfg.Solo: // the fence has shown that this proxy is still the owner
		return true
	case ck == nil:
		// In this order: adopt stores the view before its lease, so a lease that
		// is a newer view's is found out.
		return g.leaseHolds() && g.now.Load().view == c.view
	}
	ck.done.Wait(ctx)
	return ck.view == c.view
}
