package fence

import (
	"context"

	"github.com/dsmproxy/dsmproxy/router/view"
)

// A restart closes a store's gate, and with it every connection from before.
// What opens it again depends on what the store can have lost:
//
//   - Nothing, if it is durable and has not gone back in time (ticks.go). Whatever was
//     acknowledged while it was away was acknowledged without it, in a view in
//     which it is Down. So it is let in as it is, by whoever sees it first, be
//     there a view or not: a quick restart needs no copying, and after a power
//     cut the gates of all stores are closed.
//     Likewise if it was about to be opened in this very start, and whoever did
//     so has failed half-way: that was decided by these rules.
//   - Anything, otherwise (amnesia). Its register may lack votes that it has
//     cast, so it becomes the join of a majority of the others', which is above
//     every view that ever counted. Its records count for nothing until it has
//     been Down and has joined again.

// open opens p's gate if that is closed and may be opened.
func (g *Group) open(ctx context.Context, p *peer) {
	p.mu.Lock()
	st, err := p.last, p.err
	p.mu.Unlock()
	if err != nil || st.Boot != 0 {
		return
	}
	if st.HalfOpen {
		g.opened(ctx, p, p.voter.Open(ctx, st, Admit, nil, 0))
		return
	}
	if st.Durable && !st.Blank {
		top, ok := g.remembered(ctx, p)
		p.mu.Lock()
		p.rewound = st.Tick < top
		p.mu.Unlock()
		switch {
		case st.Tick >= top && (!ok || g.cfg.ablate.noReopen):
			return // the next beat asks again
		case st.Tick >= top:
			if g.opened(ctx, p, p.voter.Open(ctx, st, Admit, nil, 0)) {
				g.cfg.Log.Info("store admitted again", "store", p.name())
			}
			return
		}
	}
	if v := g.othersView(ctx, p); v != nil {
		g.counts.reset.Add(1)
		if g.opened(ctx, p, p.voter.Open(ctx, st, Reset, v, g.topTick(p))) {
			g.cfg.Log.Warn("store has lost its memory", "store", p.name(), "action", "it is filled again from the others")
		}
	}
}

// opened meets a store whose gate was opened, unless that has ended in err; then
// the next beat tries again.
func (g *Group) opened(ctx context.Context, p *peer, err error) bool {
	if err == nil {
		_ = g.meet(ctx, p)
	}
	return err == nil
}

// othersView is a view above each that ever counted, by the registers of the
// others alone; nil if they can't tell.
func (g *Group) othersView(ctx context.Context, p *peer) *view.View {
	c := g.now.Load()
	var votes []vote
	founding := false
	b := g.telling()
	g.each(ctx, g.others(p), func(o *peer) func() {
		st, err := o.look(ctx, g.env, b)
		if err != nil || st.Boot == 0 {
			return nil
		}
		return func() {
			votes = append(votes, vote{o, st})
			founding = founding || st.founding() && o.store != nil
		}
	}, nil)
	switch {
	case founding && !g.cfg.ablate.fillFounding: // p is to be founded with them, if that is under way
		return nil
	case g.cfg.Solo:
		if c == nil || !g.owns(c.view) || !g.hasAll(c.view, votes, p) {
			return nil
		}
	case len(votes) < g.need():
		return nil
	}
	var j *view.View
	if c != nil {
		j = c.view
	}
	for _, v := range votes {
		j = v.status.View.Join(j)
	}
	return j
}

// hasAll reports whether, with the solo quorum, all stores but p that are not
// Down have answered, one that is Up among them.
func (g *Group) hasAll(v *view.View, votes []vote, p *peer) bool {
	up := 0
	for _, o := range g.stores {
		if o == p || v.State(o.index) == view.Down {
			continue
		}
		answered := false
		for _, x := range votes {
			answered = answered || x.peer == o
		}
		if !answered {
			return false
		}
		if v.State(o.index) == view.Up {
			up++
		}
	}
	return up > 0
}
