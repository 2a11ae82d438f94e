package fence

import (
	"context"
	"sync/atomic"
	"time"

	"github.com/dsmproxy/dsmproxy/router/view"
)

// How views come to count. A round only reads: it asks the voters and takes
// the join of their answers over if it counts as it is. What a store tells may
// not be on its disk yet, and gone after a crash; for the view that this proxy
// has that does no harm, as a newer one would be seen all the same, but another
// is taken over only from answers that are on the disk (Beat.Ticks). A refresh alternates
// rounds with pushes, which raise the registers to the join. That the reading
// comes after the writing matters: a voter that was wiped in between is not
// counted with what it held.

// refreshes is how often a refresh pushes before it gives up, and pushPause how
// long it waits at most between, so that two proxies don't run in step.
const (
	refreshes = 4
	pushPause = 2 * time.Millisecond
)

// round asks the voters. It returns the join of what is known, nil if too few
// have answered, and whether that counts now.
func (g *Group) round(ctx context.Context) (j *view.View, ok bool) {
	j, ok, again := g.poll(ctx, g.voters, Beat{}, false)
	if again {
		j, ok, _ = g.poll(ctx, g.voters, g.telling(), false)
	}
	return j, ok
}

// poll is a round that asks peers. With all it waits for every answer, though
// the view is taken over as soon as it counts. again: another one than this
// proxy has counts by what may not be on the disk.
func (g *Group) poll(ctx context.Context, peers []*peer, b Beat, all bool) (j *view.View, ok, again bool) {
	sent := g.env.Now()
	var votes []vote
	g.each(ctx, peers, func(p *peer) func() {
		st, err := p.look(ctx, g.env, b)
		if err != nil || st.Boot == 0 || st.View == nil || !g.votes(p) {
			return nil
		}
		return func() { votes = append(votes, vote{p, st}) }
	}, func() bool {
		if !ok && len(votes) >= g.need() {
			if j = g.join(votes); j != nil && g.counted(j, votes) {
				if again = b.Ticks == nil && !g.taken(j); !again {
					ok = g.adopt(j, sent, votes)
				}
			}
		}
		return again || ok && !all
	})
	if len(votes) < g.need() {
		return nil, false, false
	}
	if !ok {
		j = g.join(votes)
	}
	return j, ok, again
}

// taken reports whether this proxy has taken j over.
func (g *Group) taken(j *view.View) bool {
	c := g.now.Load()
	return c != nil && c.view.Equal(j) || g.cfg.ablate.hasty
}

func (g *Group) votes(p *peer) bool { return p.index < maxVoters || p.store == nil }

// adopt takes over a view that counted in a round sent at that time. It is
// false if this proxy has a newer one by now.
func (g *Group) adopt(j *view.View, sent time.Duration, votes []vote) bool {
	now := g.env.Now()
	g.mu.Lock()
	defer g.mu.Unlock()
	c := g.now.Load()
	switch {
	case c == nil:
		c = &installed{view: j, history: view.NewHistory(j.Stores(), now)}
	case c.view.Equal(j):
	case !c.view.AtMost(j):
		return false
	default:
		for _, p := range g.stores {
			if c.view.State(p.index) != j.State(p.index) {
				p.turned.Store(int64(now))
			}
		}
		c = &installed{view: j, history: c.history.Moved(c.view, j, now)}
	}
	if !c.history.Quiet(now, g.outwait()) {
		for _, v := range votes {
			if c.view.Equal(v.status.Act) { // somebody has outwaited all older leases
				c = &installed{view: c.view, history: view.Calm(j.Stores())}
				break
			}
		}
	}
	if old := g.now.Load(); old != c {
		if old == nil || old.view != c.view {
			g.cfg.Log.Info("view installed", "view", c.view.String())
		}
		g.now.Store(c)
	}
	if until := int64(sent + g.cfg.Lease); until > g.leased.Load() {
		g.leased.Store(until)
	}
	return true
}

// refreshing is a refresh under way.
type refreshing struct {
	done Event
	ok   bool // valid once done
}

// refresh brings about that the join of all that is known counts. Calls at the
// same time share one.
func (g *Group) refresh(ctx context.Context) bool {
	g.mu.Lock()
	if r := g.refreshing; r != nil {
		g.mu.Unlock()
		r.done.Wait(ctx)
		g.mu.Lock()
		defer g.mu.Unlock()
		return r.ok
	}
	r := &refreshing{done: g.env.NewEvent()}
	g.refreshing = r
	g.mu.Unlock()

	ok := false
	defer func() {
		g.mu.Lock()
		r.ok = ok
		g.refreshing = nil
		g.mu.Unlock()
		r.done.Fire()
	}()
	for i := range refreshes {
		j, counts := (*view.View)(nil), false
		if i == 0 {
			j, counts = g.round(ctx)
		} else { // what is expected is new
			j, counts, _ = g.poll(ctx, g.voters, g.telling(), false)
		}
		if counts {
			ok = true
			break
		}
		if j == nil || ctx.Err() != nil || !g.push(ctx, j) {
			break
		}
		g.env.Sleep(ctx, g.jitter(pushPause))
	}
	return ok
}

// push raises the voters' registers to j, and reports whether enough of them
// have been for j to count.
func (g *Group) push(ctx context.Context, j *view.View) bool {
	pushed := make(map[*peer]bool, len(g.voters))
	enough := func() bool {
		if !g.cfg.Solo {
			return len(pushed) >= g.need()
		}
		for _, p := range g.stores {
			if g.mustAgree(p, j) && !pushed[p] {
				return false
			}
		}
		return true
	}
	list := g.pushed(j)
	told := g.publish(j, len(list)) // before ctx can end the wait for what is sent
	g.each(ctx, list, func(p *peer) func() {
		err := g.pushTo(ctx, p, j)
		if told != nil && err != nil && !mayHaveRun(err) {
			told.Add(-1)
		}
		if err != nil {
			return nil
		}
		return func() { pushed[p] = true }
	}, enough)
	return len(pushed) >= g.need() || g.cfg.Solo && enough()
}

// pushed are the voters that j is pushed to. With the solo quorum those that
// are Down in it are left out: a store that is being excluded would else learn
// it also where the exclusion comes to nothing.
func (g *Group) pushed(j *view.View) []*peer {
	if !g.cfg.Solo {
		return g.voters
	}
	var list []*peer
	for _, p := range g.voters {
		if j.State(p.index) != view.Down {
			list = append(list, p)
		}
	}
	return list
}

// publish counts n pushes of j, and returns the count, if with the solo quorum
// stores may learn of the proposal by them.
func (g *Group) publish(j *view.View, n int) *atomic.Int32 {
	g.mu.Lock()
	defer g.mu.Unlock()
	if !g.cfg.Solo || g.proposal == nil || !g.proposal.AtMost(j) {
		return nil
	}
	g.told.Add(int32(n))
	return g.told
}

// pushTo raises one register.
func (g *Group) pushTo(ctx context.Context, p *peer, j *view.View) error {
	s, err := g.admitted(ctx, p)
	if err != nil {
		return err
	}
	err = p.voter.Push(ctx, s.boot, j, g.cfg.Solo)
	g.noteErr(p, s, err)
	return err
}

// propose tries to install to, which is above the present view.
//
// A proposal that does not come to count is forgotten: what reached a store
// is seen by the next round. A proxy that is cut off would else collect
// exclusions of everybody and publish them when it is back.
//
// With the solo quorum it is forgotten only if no store can have learned of it,
// nor can by a refresh that is under way, which ctx need not have waited for:
// another proxy may complete at any time what has reached one, so this one must
// not go on as if it had not been said. It serves nothing until the proposal
// counts (serving). And it is made by the owner alone, under the owner's term: of
// what is proposed together with a new term, which not all stores have yet, an
// exclusion would leave out the very store that may still follow the old owner.
func (g *Group) propose(ctx context.Context, to *view.View) bool {
	g.mu.Lock()
	if g.cfg.Solo && (to.Term() != g.term || g.proposal != nil && g.proposal.Term() != g.term) && !g.cfg.ablate.soloLaunder {
		g.mu.Unlock()
		return false
	}
	if g.proposal == nil {
		g.told = new(atomic.Int32)
	}
	g.proposal = to.Join(g.proposal)
	g.mu.Unlock()
	ok := g.refresh(ctx)
	g.mu.Lock()
	defer g.mu.Unlock()
	unheard := g.told.Load() == 0 && g.refreshing == nil
	if (!g.cfg.Solo || unheard || g.cfg.ablate.soloForget) && !g.cfg.ablate.keepProposals {
		g.proposal = nil
	}
	return ok
}

// pending reports whether something is proposed and does not count yet.
func (g *Group) pending(v *view.View) bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.proposal != nil && !g.proposal.AtMost(v)
}
