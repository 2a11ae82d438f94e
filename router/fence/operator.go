package fence

import (
	"context"
	"errors"
	"fmt"

	"github.com/dsmproxy/dsmproxy/router/view"
)

// What only an operator may decide.

// Found makes the registers of stores and witnesses that have none: the first
// time ever. Records that are there already are adopted: of each key the one
// that is on the first store of its order, which is the one that was read
// before. All must answer, and nothing may have happened in their registers
// yet, but that a proxy has made itself the owner, which it can once one store
// has a register. Found must be called until it succeeds, or ErrFounded says
// that there is nothing to do: a store that was left out can't be filled from
// the others before their first heal, which needs all.
func (g *Group) Found(ctx context.Context) error {
	to := view.New(len(g.stores))
	var (
		blank []*peer
		away  error
	)
	for _, p := range g.peers {
		st, err := p.look(ctx, g.env, g.telling())
		switch {
		case err != nil:
			if away == nil {
				away = fmt.Errorf("%s must answer: %w", p.name(), err)
			}
		case st.Blank:
			blank = append(blank, p)
		case (!st.View.Pristine() || p.store != nil && !st.founding()) && !g.cfg.ablate.foundAgain:
			return fmt.Errorf("%s: %w", p.name(), ErrFounded)
		default:
			to = to.Join(st.View)
		}
	}
	switch {
	case away != nil && !g.cfg.ablate.foundWithout:
		return away
	case len(blank) == 0:
		return ErrFounded
	}
	for _, p := range blank {
		if to.Term() != 0 && g.topTick(p) > 0 && !g.cfg.ablate.foundAgain {
			return fmt.Errorf("%s was founded before, and is empty now: give up what it had (dsmproxy accept-loss %[1]s)", p.name())
		}
		st, _ := p.status()
		if err := p.voter.Open(ctx, st, Found, to, g.topTick(p)); err != nil {
			return fmt.Errorf("%s: %w", p.name(), err)
		}
		if _, err := p.look(ctx, g.env, Beat{}); err != nil {
			return fmt.Errorf("%s: %w", p.name(), err)
		}
	}
	return nil
}

// Forget gives up what a store that is Down remembers: when it comes back it is
// filled like an empty one, and tombstones are no longer kept for it. It is
// refused while other stores may lack what only that one has.
func (g *Group) Forget(ctx context.Context, store int) error {
	c, err := g.known(ctx, store)
	if err != nil {
		return err
	}
	if c.view.State(store) != view.Down {
		return fmt.Errorf("store %s is %s: only one that is down can be given up", g.stores[store].name(), c.view.State(store))
	}
	for _, p := range g.stores {
		s := p.standing.Load()
		if c.view.State(p.index) == view.Up && (s == nil || !s.cover.Equal(c.view)) {
			return fmt.Errorf("store %s does not have all its records yet: what only %s has would be lost",
				p.name(), g.stores[store].name())
		}
	}
	return g.bring(ctx, c.view.WithVoid(store))
}

// AcceptLoss gives up what a store remembers, in whatever state it is, and takes
// what the others have for all there is. It is the way out where records are
// Unsettled for good, because the memory of too many stores is lost: what only
// that store had is lost then.
func (g *Group) AcceptLoss(ctx context.Context, store int) error {
	c, err := g.known(ctx, store)
	if err != nil {
		return err
	}
	to := c.view
	if to.State(store) != view.Down {
		to = to.WithState(store, view.Down)
	}
	to = to.WithVoid(store)
	for _, p := range g.stores {
		st, err := p.status()
		if p.index != store && to.State(p.index) != view.Up && err == nil && st.Boot != 0 && st.Intact {
			to = to.WithState(p.index, view.Up) // there may be no other
		}
	}
	return g.bring(ctx, to)
}

// known is the present view, if there is one, the store is in it, and it is
// this proxy that decides in it. Where one proxy serves at a time and none
// does, as when no client has come yet, this one begins.
func (g *Group) known(ctx context.Context, store int) (*installed, error) {
	if store < 0 || store >= len(g.stores) {
		return nil, errors.New("there is no such store")
	}
	c := g.now.Load()
	if c != nil && !g.owns(c.view) && !g.othersLive() {
		g.claim(ctx)
		c = g.now.Load()
	}
	if c == nil || !g.owns(c.view) {
		return nil, g.undecided()
	}
	return c, nil
}

// undecided is why this proxy could not carry out what an operator has decided.
func (g *Group) undecided() error {
	c := g.now.Load()
	switch {
	case c == nil || g.owns(c.view):
		return g.noView()
	case g.othersLive():
		return errElsewhere
	}
	return g.notOwner()
}

var errElsewhere = errors.New("another proxy serves, and decides about the stores: ask that one")

// bring makes a view that an operator wants count.
func (g *Group) bring(ctx context.Context, to *view.View) error {
	g.propose(ctx, to)
	if !to.AtMost(g.now.Load().view) {
		return g.undecided()
	}
	return nil
}

// Trust lets a store in as it is that may have lost something: the operator
// says that it has not, or accepts the loss. It is the way back after a loss of
// power at all stores that are not durable.
func (g *Group) Trust(ctx context.Context, peer int) error {
	if peer < 0 || peer >= len(g.peers) {
		return errors.New("there is no such store")
	}
	p := g.peers[peer]
	st, err := p.look(ctx, g.env, Beat{})
	switch {
	case err != nil:
		return err
	case st.Boot != 0:
		return fmt.Errorf("%s is admitted already", p.name())
	case st.Blank:
		return fmt.Errorf("%s has nothing that could be trusted", p.name())
	}
	top, _ := g.remembered(ctx, p) // above which it goes on
	err = p.voter.Open(ctx, st, Admit, nil, top)
	if now, again := p.look(ctx, g.env, Beat{}); err != nil && again == nil && now.Boot != 0 {
		return fmt.Errorf("%s is admitted already", p.name())
	} else if err == nil {
		err = again
	}
	return err
}
