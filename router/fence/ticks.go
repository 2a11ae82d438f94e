package fence

import (
	"context"
	"slices"

	"github.com/dsmproxy/dsmproxy/router/view"
)

// How a store that was put back to an earlier copy of its data is found out: it
// has forgotten what it has acknowledged since, and votes that it has cast, and
// does not know that. But its tick has gone back. A store moves that on when its
// gate is opened and with every look at it, and each voter remembers of all
// others the highest tick that any proxy has told it with its looks. So:
//
//   - Before a proxy uses a store that was admitted anew, it tells the others'
//     tick of that to as many voters as make a majority together with the store
//     (meet). Whoever restores a copy from before has it differ from what these
//     remember, though all proxies are new as well.
//   - Before a gate is opened the other voters are asked, all of those that have
//     not failed for long (remembered). With the solo quorum the other store is
//     the only one to ask; so it must answer, unless it was excluded, or an
//     operator says that nothing is lost (Trust).
//   - Where a store begins anew its tick goes on above what is remembered.
//
// A tick that is told is on the store's disk: it was read in a transaction that
// has been committed since. One that the store could lose by a crash would make
// it seem restored. What can't be found out is a copy that was made of a store
// while it was running, if nobody has looked at it since and told another voter
// so: because the store has ended by the next beat but one, or because by then
// its proxies had lost the others, were stopped or ended. No beat can find that
// out, and a tick for each write would make all writes wait for one row. Nor is
// it found out if none of those who were told is there to be asked; with the
// solo quorum nobody is asked who does not answer and is excluded in the copy.

// telling is the Beat by which a voter learns what this proxy knows of the
// others.
func (g *Group) telling() Beat {
	b := Beat{Ticks: make([]uint64, len(g.peers))}
	for i, p := range g.peers {
		p.mu.Lock()
		b.Ticks[i] = p.topTick
		p.mu.Unlock()
	}
	return b
}

// meet sees to it that a store which has a boot that this proxy does not know
// may be used. Calls at the same time share one.
func (g *Group) meet(ctx context.Context, p *peer) error {
	p.mu.Lock()
	m := p.meeting
	if m == nil {
		m = &meeting{done: g.env.NewEvent(), err: ErrUnsent}
		p.meeting = m
		p.mu.Unlock()
		err := g.introduce(ctx, p)
		p.mu.Lock()
		m.err, p.meeting = err, nil
		p.mu.Unlock()
		m.done.Fire()
		return err
	}
	p.mu.Unlock()
	m.done.Wait(ctx)
	p.mu.Lock()
	defer p.mu.Unlock()
	return m.err
}

// meetAll meets those that are admitted and not met.
func (g *Group) meetAll(ctx context.Context) {
	var unmet []*peer
	for _, p := range g.peers {
		if p.unmet() {
			unmet = append(unmet, p)
		}
	}
	g.each(ctx, unmet, func(p *peer) func() {
		_ = g.meet(ctx, p) // the next beat tries again
		return nil
	}, nil)
}

// meeting is a meet under way.
type meeting struct {
	done Event
	err  error // valid once done
}

func (g *Group) introduce(ctx context.Context, p *peer) error {
	st, err := p.look(ctx, g.env, g.telling())
	switch {
	case err != nil:
		return ErrUnsent
	case st.Boot == 0:
		return ErrClosed
	case p.standing.Load() != nil:
		return nil
	case g.tell(ctx, p, st):
		p.met(st.Boot)
		return nil
	}
	return ErrUnsent
}

// tell tells the other voters what st, of p, says, and reports whether enough of
// them have been.
func (g *Group) tell(ctx context.Context, p *peer, st Status) bool {
	if g.cfg.ablate.noTicks {
		return true
	}
	var others []*peer
	for _, o := range g.others(p) {
		if _, err := o.status(); err == nil {
			others = append(others, o)
		}
	}
	told, need := 0, g.need()-1
	b := g.telling()
	g.each(ctx, others, func(o *peer) func() {
		ost, err := o.look(ctx, g.env, b)
		if err != nil || ost.tick(p.index) < st.Tick {
			return nil
		}
		return func() { told++ }
	}, nil)
	return told >= need
}

// remembered asks the other voters for the highest tick of p that is known. It
// is false if too few have answered, or some have not that may yet.
func (g *Group) remembered(ctx context.Context, p *peer) (top uint64, ok bool) {
	if g.cfg.ablate.noTicks {
		p.mu.Lock()
		defer p.mu.Unlock()
		return p.topTick, true
	}
	seen, _ := p.status()
	answered := 0
	others := g.others(p)
	b := g.telling()
	g.each(ctx, others, func(o *peer) func() {
		st, err := o.look(ctx, g.env, b)
		if err != nil || st.Blank {
			return nil
		}
		return func() { answered++ }
	}, nil)
	ok = answered >= g.need()-1
	for _, o := range others {
		left := g.cfg.Solo && seen.View != nil && seen.View.State(o.index) == view.Down
		o.mu.Lock()
		if o.err != nil && (g.cfg.Solo && !left || g.env.Now()-o.failing <= g.detect(o.err)) {
			ok = false
		}
		o.mu.Unlock()
	}
	return g.topTick(p), ok
}

// topTick is the highest tick of p that this proxy knows, or has been told of by
// the others' last answers.
func (g *Group) topTick(p *peer) uint64 {
	p.mu.Lock()
	top := p.topTick
	p.mu.Unlock()
	for _, o := range g.others(p) {
		st, _ := o.status()
		top = max(top, st.tick(p.index))
	}
	return top
}

// others are the voters but p.
func (g *Group) others(p *peer) []*peer {
	return slices.DeleteFunc(slices.Clone(g.voters), func(o *peer) bool { return o == p })
}

// tick is what the voter remembers of another one's tick.
func (s *Status) tick(peer int) uint64 {
	if s.Blank || peer >= len(s.Ticks) {
		return 0
	}
	return s.Ticks[peer]
}
