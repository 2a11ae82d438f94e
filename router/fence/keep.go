package fence

import (
	"context"
	"errors"
	"time"

	"github.com/dsmproxy/dsmproxy/router/view"
)

// keep is the loop that looks at all peers, renews the lease by that, and is
// the only one to propose: it excludes stores that fail, lets in those that
// come back, and makes them full members once they are healed.

// keep runs until ctx ends.
func (g *Group) keep(ctx context.Context) {
	for ctx.Err() == nil {
		g.beat(ctx)
		d := g.pause()
		slept := g.env.Now()
		g.env.Sleep(ctx, d)
		g.stood(g.env.Now() - slept - d)
	}
}

// pause is how long to wait for the next beat. While a store fails that is to be
// excluded if it goes on with that, beats follow each other at once.
func (g *Group) pause() time.Duration {
	c := g.now.Load()
	now := g.env.Now()
	for _, p := range g.stores {
		p.mu.Lock()
		soon := p.err != nil && now-p.failing <= g.detect(p.err)
		p.mu.Unlock()
		if soon && c != nil && c.view.State(p.index) != view.Down {
			return g.cfg.BeatEvery / 8
		}
	}
	return g.cfg.BeatEvery + g.jitter(g.cfg.BeatEvery/4)
}

// stood takes off what stores have failed for while this proxy stood still.
func (g *Group) stood(late time.Duration) {
	if late < g.cfg.BeatEvery/8 {
		return
	}
	now := g.env.Now()
	for _, p := range g.peers {
		p.mu.Lock()
		p.failing = min(now, p.failing+late)
		p.mu.Unlock()
	}
}

// beat is one turn of keep.
func (g *Group) beat(ctx context.Context) {
	b := g.telling()
	b.Tick, b.Proxy, b.Reach = true, g.id, g.reach()
	_, ok, _ := g.poll(ctx, g.peers, b, true)
	g.doubtAll()
	if !ok {
		ok = g.refresh(ctx)
	}
	for _, p := range g.peers {
		g.open(ctx, p)
	}
	g.meetAll(ctx)
	g.noteLeaving()
	c := g.now.Load()
	if c == nil || !g.owns(c.view) {
		return
	}
	g.level(ctx, c)
	if !ok && !g.cfg.Solo {
		return // it is this proxy that is cut off; what it finds failing may not be
	}
	for _, p := range g.stores {
		g.judge(ctx, p)
	}
	g.raise(ctx)
	g.calm(ctx)
}

// reach is which stores answer this proxy, as a bit set, but for those that it
// keeps out of service.
func (g *Group) reach() uint64 {
	var set uint64
	for _, p := range g.stores {
		p.mu.Lock()
		if p.err == nil && p.since != 0 && p.drained.Load() == 0 {
			set |= 1 << p.index
		}
		p.mu.Unlock()
		if p.leaving.Load() {
			set |= g.leavingBit(p)
		}
	}
	return set
}

// level brings registers up that are behind: those that a majority did not
// need too, for a store whose register is old refuses everything.
func (g *Group) level(ctx context.Context, c *installed) {
	if g.cfg.ablate.noLaggards {
		return
	}
	for _, p := range g.peers {
		st, err := p.status()
		if err == nil && st.Boot != 0 && !c.view.Equal(st.View) {
			_ = g.pushTo(ctx, p, c.view) // the next beat sees
		}
	}
}

// judge decides what is to become of a store.
func (g *Group) judge(ctx context.Context, p *peer) {
	c := g.now.Load()
	v := c.view
	now := g.env.Now()
	p.mu.Lock()
	err, failing, since, st, flaps := p.err, now-p.failing, now-p.since, p.last, p.flaps
	if err == nil && flaps > 0 && v.State(p.index) == view.Up && since > g.cfg.RejoinMax {
		p.flaps = 0
	}
	p.mu.Unlock()
	state := v.State(p.index)
	switch {
	case err != nil:
		if state != view.Down && failing > g.detect(err) && g.spares(v, p) {
			g.exclude(ctx, p, err)
		}
	case st.Boot == 0: // open sees to it
	case p.drained.Load() != 0:
		if state != view.Down && !p.leaving.Load() && g.spares(v, p) { // somebody has let it in nevertheless
			g.propose(ctx, v.WithState(p.index, view.Down))
		}
	case state == view.Up && !st.Intact && g.spares(v, p): // else it is healed where it is
		g.exclude(ctx, p, errAmnesia)
	case state == view.Down && since > g.rejoinAfter(flaps) && (g.outwaited(c) || g.cfg.ablate.hastyJoin) && g.seenByAll(p) && g.dispensable(v, p) && g.fits(p):
		next := v.WithState(p.index, view.Join)
		if g.cfg.ablate.noJoin {
			next = v.WithState(p.index, view.Up)
		}
		g.cfg.Log.Info("store rejoins", "store", p.name(), "action", "its copies are brought up to date; it serves nothing meanwhile")
		g.propose(ctx, next)
	}
}

var errAmnesia = errors.New("store has lost its memory")

// detect is how long a store must have failed in that way to be excluded.
func (g *Group) detect(err error) time.Duration {
	if errors.Is(err, ErrRefused) {
		return g.cfg.DetectRefused
	}
	return g.cfg.Detect
}

// spares reports whether v can do without a store: enough others are up,
// reachable and covered. To exclude a store when they are not would only make
// it worse.
func (g *Group) spares(v *view.View, p *peer) bool {
	if g.cfg.Solo && !g.cfg.ablate.soloForget {
		g.mu.Lock()
		v = v.Join(g.proposal)
		g.mu.Unlock()
	}
	have := 0
	for _, o := range g.stores {
		st, err := o.status()
		good := err == nil && st.Boot != 0 && (st.Intact && (st.Cover != nil || g.cfg.ablate.hastySpare) || g.cfg.ablate.forgetUnproven)
		if o != p && v.State(o.index) == view.Up && good {
			have++
		}
	}
	return have >= g.cfg.MinCopies || g.cfg.ablate.noMinCopies && have > 0
}

func (g *Group) exclude(ctx context.Context, p *peer, err error) {
	v := g.now.Load().view
	g.cfg.Log.Warn("store excluded", "store", p.name(), "err", err, "action", "other stores serve its records")
	g.counts.excluded.Add(1)
	if g.propose(ctx, v.WithState(p.index, view.Down)) {
		p.mu.Lock()
		p.flaps++
		p.mu.Unlock()
	}
}

// rejoinAfter is how long a store that was excluded that often must answer.
func (g *Group) rejoinAfter(flaps int) time.Duration {
	d := g.cfg.Rejoin
	for i := 1; i < flaps && d < g.cfg.RejoinMax; i++ {
		d *= 2
	}
	return min(d, g.cfg.RejoinMax)
}

// dispensable reports whether nothing is asked of p's memory. That of a store
// that was given up does not count, and while the store is Down a settle does
// not expect it to; so the others are healed before it joins.
func (g *Group) dispensable(v *view.View, p *peer) bool {
	if v.Void(p.index) != v.Gen(p.index) {
		return true
	}
	for _, o := range g.stores {
		if s := o.standing.Load(); v.State(o.index) == view.Up && (s == nil || !s.cover.Equal(v)) {
			return false
		}
	}
	return true
}

// heard is for how long a proxy's report counts. One that can't reach a store
// beats slowly: some of its looks there, one after the other, each end with a
// timeout.
func (g *Group) heard() time.Duration { return max(10*g.cfg.BeatEvery, 2*g.cfg.Rejoin) }

// seenByAll reports whether every proxy that has lately looked at some store
// reaches p. One with a broken link would else have it excluded again at once.
func (g *Group) seenByAll(p *peer) bool {
	for _, o := range g.peers {
		st, err := o.status()
		if err != nil {
			continue
		}
		for _, r := range st.Reports {
			if r.Age < g.heard() && r.Reach&(1<<p.index) == 0 && r.Proxy != g.id {
				return false
			}
		}
	}
	return true
}

// raise makes joining stores full members of a view that has been healed.
func (g *Group) raise(ctx context.Context) {
	for {
		v := g.now.Load().view
		g.mu.Lock()
		healed := g.healed
		g.mu.Unlock()
		if !v.Equal(healed) {
			return
		}
		next := v
		for _, p := range g.stores {
			if v.State(p.index) == view.Join {
				next = next.WithState(p.index, view.Up)
			}
		}
		if next == v || !g.propose(ctx, next) {
			return
		}
		g.cfg.Log.Info("stores are up again", "view", next.String())
	}
}

// calm tells the stores that the leases of all older views have ended, so that
// a proxy that starts now need not wait for them.
func (g *Group) calm(ctx context.Context) {
	c := g.now.Load()
	if g.cfg.Lease == 0 || !c.history.Quiet(g.env.Now(), g.outwait()) {
		return
	}
	for _, p := range g.voters {
		st, err := p.status()
		if err == nil && st.Boot != 0 && c.view.Equal(st.View) && !c.view.Equal(st.Act) {
			g.noteErr(p, p.standing.Load(), p.voter.Note(ctx, Guard{Boot: st.Boot, View: c.view}, NoteAct))
		}
	}
}
