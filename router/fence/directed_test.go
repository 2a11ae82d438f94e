package fence

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/dsmproxy/dsmproxy/router/view"
)

// TestMinCopies: after a chain of false exclusions one owner is left. What it
// alone acknowledged would be unknown to a settle that asks M-N+1 stores.
func TestMinCopies(t *testing.T) {
	withAndWithout(t, func(c *simConfig) { c.ablate.noMinCopies = true }, func(t *testing.T, take func(*simConfig)) string {
		s := newStage(t, stays(calmSafe), take)
		if err := s.put(0, 0, 1); err != nil {
			t.Fatal(err)
		}
		s.bring(0, s.view(0).WithState(1, view.Down).WithState(2, view.Down))
		err := s.put(0, 0, 2)
		var u *Unavailable
		if errors.As(err, &u) && u.Reason == FewOwners {
			return ""
		}
		return fmt.Sprintf("a write on one store of two ended in %v", err)
	})
}

// TestUncoveredSpareNobody: a store can't be reached when the others that are up have
// lost their memory. To exclude it would leave nobody with the records.
func TestUncoveredSpareNobody(t *testing.T) {
	withAndWithout(t, func(c *simConfig) { c.ablate.forgetUnproven = true }, func(t *testing.T, take func(*simConfig)) string {
		s := newStage(t, stays(simConfig{Stores: 4, Copies: 2, Proxies: 2, Lease: second, Lossy: true}), take)
		s.bring(0, s.view(0).WithState(3, view.Down))
		if err := s.put(0, 0, 1); err != nil {
			t.Fatal(err)
		}
		for _, o := range s.servers[1:3] {
			o.intact, o.cover = false, nil
		}
		s.isolate(0, 0)
		s.isolate(1, 0)
		s.pass(5 * second)
		s.connect(0, 0)
		s.connect(1, 0)
		s.pass(second)
		if s.view(0).State(0) == view.Down {
			return fmt.Sprintf("the last store with the records was excluded: %v", s.view(0))
		}
		s.wants(0, 0, 1)
		return ""
	})
}

// TestProposalsAreForgotten: a proxy that reaches two of five stores excludes
// none of the others, not even when it reaches them again and has wanted to.
func TestProposalsAreForgotten(t *testing.T) {
	withAndWithout(t, func(c *simConfig) { c.ablate.keepProposals = true }, func(t *testing.T, take func(*simConfig)) string {
		s := newStage(t, simConfig{Stores: 5, Copies: 2, Proxies: 2, Lease: second}, take)
		s.isolate(0, 2, 3, 4)
		s.pass(10 * second)
		s.finish(s.start(0, func(g *Group) error {
			g.propose(context.Background(), g.now.Load().view.WithState(2, view.Down))
			return nil
		}))
		s.connect(0, 2, 3, 4)
		s.pass(3 * second)
		if v := s.view(1); v.Epoch() != 0 {
			return fmt.Sprintf("stores were excluded: %v", v)
		}
		return ""
	})
}

// TestSwapTriedAgain: between what reconcile sees at a target and its swap an
// older put arrives there. That is not somebody's newer version.
func TestSwapTriedAgain(t *testing.T) {
	withAndWithout(t, func(c *simConfig) { c.ablate.casAssume = true }, func(t *testing.T, take func(*simConfig)) string {
		s := newStage(t, calmSafe, take)
		s.leaveAlone()
		if err := s.put(0, 0, 1); err != nil {
			t.Fatal(err)
		}
		first := s.servers[0].entries["0"]
		if err := s.put(0, 0, 2); err != nil {
			t.Fatal(err)
		}
		s.pass(second)
		// The second version is at the primary alone, and so was the first.
		newest := s.servers[0].entries["0"]
		newest.Flags = 0
		s.servers[0].entries["0"] = newest
		delete(s.servers[1].entries, "0")
		s.hook = func(l *link, call string) {
			if call == "swap" && l.s.index == 1 {
				s.hook = nil
				l.s.entries["0"] = first
			}
		}
		r := s.start(0, func(g *Group) error {
			return g.reconcile(context.Background(), g.now.Load(), []Key{{ID: keyID(0)}})
		})
		s.finish(r)
		s.pass(second)
		clean, e := s.servers[0].entries["0"].Flags.Has(view.Clean), s.servers[1].entries["0"]
		if r.err == nil && e.Version != newest.Version {
			return fmt.Sprintf("the copy has version %v, not %v; clean at the primary: %v", e.Version, newest.Version, clean)
		}
		return ""
	})
}

// TestReopen: all stores and all proxies restart at once. Nobody knows a view.
func TestReopen(t *testing.T) {
	withAndWithout(t, func(c *simConfig) { c.ablate.noReopen = true }, func(t *testing.T, take func(*simConfig)) string {
		s := newStage(t, calmSafe, take)
		if err := s.put(0, 0, 1); err != nil {
			t.Fatal(err)
		}
		for _, p := range s.proxies {
			p.kill()
		}
		for _, o := range s.servers {
			o.crash()
			o.restart()
		}
		for _, p := range s.proxies {
			p.begin()
		}
		s.pass(5 * second)
		if out, err := s.read(0, 0); err != nil || out.val != 1 {
			return fmt.Sprintf("read: %v, %v", out, err)
		}
		return ""
	})
}

// TestLaggards: a voter that a majority did not need learns of the view all
// the same, or it could never join.
func TestLaggards(t *testing.T) {
	withAndWithout(t, func(c *simConfig) { c.ablate.noLaggards = true }, func(t *testing.T, take func(*simConfig)) string {
		s := newStage(t, stays(simConfig{Stores: 5, Copies: 2, Proxies: 1, Lease: second}), take)
		s.isolate(0, 4)
		s.bring(0, s.view(0).WithState(0, view.Down)) // which counts without store 4
		s.connect(0, 4)
		s.pass(3 * second)
		if !s.servers[4].view.Equal(s.view(0)) {
			return "store 4 is left behind: " + s.registers()
		}
		return ""
	})
}

// TestSweep: a proxy dies between the primary and the copy.
func TestSweep(t *testing.T) {
	withAndWithout(t, func(c *simConfig) { c.ablate.noSweep = true }, func(t *testing.T, take func(*simConfig)) string {
		s := newStage(t, calmSafe, take)
		s.hook = func(l *link, call string) {
			if call == "put" {
				s.hook = nil
				s.proxies[0].kill()
				s.isolate(0, l.s.index)
			}
		}
		s.begin(0, 0, simOp{doPut, 7})
		s.pass(30 * second)
		a, b := s.servers[0].entries["0"], s.servers[1].entries["0"]
		if !a.Known || !a.same(&b) || !a.Flags.Has(view.Clean) {
			return fmt.Sprintf("the copies are %v and %v", a, b)
		}
		return ""
	})
}

// TestSettleLooksAgain: a key is settled at a primary that has lost its memory,
// and written there; the put is still under way. A second settle, which began
// earlier, finds the older version elsewhere.
func TestSettleLooksAgain(t *testing.T) {
	withAndWithout(t, func(c *simConfig) { c.ablate.settleBlind = true }, func(t *testing.T, take func(*simConfig)) string {
		s := newStage(t, calmSafe, take)
		s.leaveAlone()
		if err := s.put(0, 0, 1); err != nil {
			t.Fatal(err)
		}
		v := s.view(0)
		o := s.servers[0]
		o.intact, o.cover = false, nil
		o.store(Guard{View: v}, "0", simRow{true, 2}, 99)
		r := s.start(0, func(g *Group) error {
			p := g.stores[0]
			if _, err := p.look(context.Background(), g.env, Beat{}); err != nil {
				return err
			}
			var at site
			g.locate(v, Key{ID: keyID(0)}, &at)
			return g.settledOne(context.Background(), g.now.Load(), p, Key{ID: keyID(0)}, &at)
		})
		if s.finish(r); r.err != nil {
			t.Fatal(r.err)
		}
		if e := o.entries["0"]; e.Version.ID != 99 {
			return fmt.Sprintf("the newer version was replaced by %v", e.Version)
		}
		return ""
	})
}

// TestHealedInPlace: a store loses its memory when too few others are covered
// for it to be excluded. What it confirmed before that is void, though the view
// is the same; what it has confirmed since is not, or a key would be settled
// again over what was written since.
func TestHealedInPlace(t *testing.T) {
	s := newStage(t, stays(calmSafe), func(c *simConfig) { c.Lossy = true })
	s.bring(0, s.view(0).WithState(2, view.Down))
	if err := s.put(0, 0, 1); err != nil {
		t.Fatal(err)
	}
	s.pass(3 * second)
	old := s.servers[0].entries["0"]
	if err := s.put(0, 0, 2); err != nil {
		t.Fatal(err)
	}
	o, v := s.servers[0], s.view(0)
	o.crash()
	old.Confirmed = v
	o.entries["0"] = old // an old backup, of this very view
	o.restart()
	s.await("the reset", func() bool { return o.boot != 0 })
	if e := o.entries["0"]; e.Confirmed != nil {
		t.Fatalf("after the reset %v is still confirmed", e.Version)
	}
	s.wants(0, 0, 2)
	if err := s.put(1, 0, 3); err != nil {
		t.Fatal(err)
	}
	s.wants(0, 0, 3)
	s.await("the heal", func() bool { return o.intact && o.cover.Equal(s.view(0)) })
	if !s.view(0).Equal(v) {
		t.Errorf("the view went from %v to %v", v, s.view(0))
	}
	s.wants(1, 0, 3)
}

// TestNoPrimaries: no store is Up, and one that joins can be reached. It does not
// become Up by itself: there may be keys that it knows nothing of.
func TestNoPrimaries(t *testing.T) {
	s := newStage(t, calmSafe, func(c *simConfig) { c.MinCopies = 1 })
	if err := s.put(0, 0, 1); err != nil {
		t.Fatal(err)
	}
	for p := range s.proxies {
		s.isolate(p, 0, 1)
		s.proxies[p].group.cfg.Detect = time.Hour
	}
	to := s.view(0).WithState(0, view.Down).WithState(1, view.Down).WithState(2, view.Down).WithState(2, view.Join)
	for _, o := range s.servers {
		o.view = to
	}
	s.connect(0, 0)
	s.pass(10 * second)
	if o := s.servers[2]; o.view.State(2) == view.Up || o.cover.Equal(to) {
		t.Errorf("store 2, which has nothing, is up: %v, covered: %v", o.view, o.cover)
	}
	s.connect(0, 1)
	s.connect(1, 0, 1)
	s.wants(1, 0, 1)
	s.await("a group that is whole again", func() bool { return s.unwell() == "" })
	s.wants(0, 0, 1)
}

// TestSettleFirst: while a read is under way, between its data and its marks,
// its primary is settled by somebody else. The marks then say that the primary
// has the newest version; the data is older.
func TestSettleFirst(t *testing.T) {
	withAndWithout(t, func(c *simConfig) { c.ablate.settleLate = true }, func(t *testing.T, take func(*simConfig)) string {
		s := newStage(t, stays(calmSafe), take)
		s.bring(0, s.view(0).WithState(2, view.Down)) // so that store 0 can't be excluded
		s.pass(3 * second)
		s.leaveAlone()
		if err := s.put(0, 0, 1); err != nil {
			t.Fatal(err)
		}
		s.pass(second)
		// Store 0 has an old version, and nobody says that it is covered.
		o := s.servers[0]
		o.intact, o.cover = false, nil
		old := o.entries["0"]
		if err := s.put(1, 0, 2); err != nil {
			t.Fatal(err)
		}
		s.pass(second)
		newest := o.entries["0"]
		old.Confirmed = nil
		o.entries["0"] = old
		o.intact, o.cover = false, nil
		s.hook = func(l *link, call string) {
			if call == "marks" { // a settle, just now
				s.hook = nil
				newest.Confirmed = l.s.view
				newest.Flags |= view.Clean
				l.s.entries["0"] = newest
				l.s.intact, l.s.cover = true, l.s.view
			}
		}
		for _, p := range s.proxies {
			for _, q := range p.group.stores {
				q.standing.Store(nil)
			}
		}
		if out, err := s.read(0, 0); err != nil || out.val != 2 {
			return fmt.Sprintf("read: %+v, %v; want 2", out, err)
		}
		return ""
	})
}

var calmSolo = simConfig{Stores: 2, Copies: 2, MinCopies: 1, Solo: true, Proxies: 2}

// TestSoloKeepsExclusions: the owner's exclusion of one store reached the other
// one, which then can't be reached. The owner must not exclude that one as
// well: another proxy may go on with it.
func TestSoloKeepsExclusions(t *testing.T) {
	withAndWithout(t, func(c *simConfig) { c.ablate.soloForget = true }, func(t *testing.T, take func(*simConfig)) string {
		s := newStage(t, calmSolo, take)
		if err := s.put(0, 0, 1); err != nil {
			t.Fatal(err)
		}
		s.pass(second)
		s.isolate(0, 1)
		s.hook = func(l *link, call string) {
			if call == "push" && l.p.index == 0 && l.s.index == 0 && l.view.State(1) == view.Down {
				s.hook = nil
				s.isolate(0, 0) // the answer is lost
			}
		}
		s.await("the exclusion", func() bool { return s.servers[0].view.State(1) == view.Down })
		s.connect(0, 1)
		s.pass(10 * second)
		if s.servers[1].view.State(0) == view.Down {
			return "each store has excluded the other: " + s.registers()
		}
		return ""
	})
}

// TestSoloKeepsExclusionOfEndedCall: whoever has asked for an exclusion does not
// wait for it any more just when it is pushed. Then the owner is cut off from the
// store that has learned of it, and another proxy goes on there.
func TestSoloKeepsExclusionOfEndedCall(t *testing.T) {
	withAndWithout(t, func(c *simConfig) { c.ablate.soloForget = true }, func(t *testing.T, take func(*simConfig)) string {
		s := newStage(t, calmSolo, take)
		if err := s.put(0, 0, 1); err != nil {
			t.Fatal(err)
		}
		s.await("all well", func() bool { return s.unwell() == "" })
		s.leaveAlone()
		g := s.proxies[0].group
		g.mu.Lock()
		g.proposal = nil // its claim, of which the stores have learned
		g.mu.Unlock()
		ctx := &endsWhenAsked{Context: context.Background()}
		s.hook = func(l *link, call string) {
			if call == "push" && l.p.index == 0 && l.view.State(0) == view.Down {
				s.hook = nil
				s.isolate(0, 1)
			}
		}
		s.finish(s.start(0, func(g *Group) error {
			g.propose(ctx, g.now.Load().view.WithState(0, view.Down))
			return nil
		}))
		if !ctx.ended {
			t.Fatal("the call has not ended early")
		}
		s.await("the exclusion", func() bool { return s.servers[1].view.State(0) == view.Down })
		s.isolate(1, 0)
		if err := s.put(1, 0, 2); err != nil {
			t.Fatal(err)
		}
		if out, err := s.read(0, 0); err == nil && out.val != 2 {
			return fmt.Sprintf("the former owner reads %d, which has been written over: %s", out.val, s.registers())
		}
		return ""
	})
}

// TestSoloDropsProposals: an owner with an unfinished exclusion is superseded.
// It must not publish that under the new owner's term.
func TestSoloDropsProposals(t *testing.T) {
	withAndWithout(t, func(c *simConfig) { c.ablate.soloLaunder = true }, func(t *testing.T, take func(*simConfig)) string {
		s := newStage(t, calmSolo, take)
		if err := s.put(0, 0, 1); err != nil {
			t.Fatal(err)
		}
		s.pass(second)
		g := s.proxies[0].group
		g.mu.Lock()
		g.proposal = s.view(0).WithState(1, view.Down) // under way, and seen by no store
		g.mu.Unlock()
		s.isolate(0, 0, 1)
		if err := s.put(1, 0, 2); err != nil {
			t.Fatal(err)
		}
		s.connect(0, 0, 1)
		s.finish(s.start(0, func(g *Group) error { g.refresh(context.Background()); return nil }))
		if s.top().State(1) == view.Down {
			return "the exclusion was published under another's term: " + s.registers()
		}
		return ""
	})
}

// TestLatePut: a put sleeps through the whole life of the tombstone of its key.
func TestLatePut(t *testing.T) {
	withAndWithout(t, func(c *simConfig) { c.without.tickLimit = true }, func(t *testing.T, take func(*simConfig)) string {
		s := newStage(t, calmSafe, take)
		var late *Put
		var guard Guard
		s.hook = func(l *link, call string) {
			if call == "put" {
				late, guard = l.puts, Guard{Boot: l.s.boot, View: l.s.view}
				s.hook = nil
			}
		}
		if err := s.put(0, 0, 1); err != nil {
			t.Fatal(err)
		}
		if r := s.finish(s.begin(0, 0, simOp{kind: doDelete})); r.err != nil || r.out.affected != 1 {
			t.Fatalf("delete: %+v", r)
		}
		s.await("the end of the tombstone", func() bool { return !s.servers[0].entries["0"].Known && !s.servers[1].entries["0"].Known })
		if late == nil {
			t.Fatal("no put was seen")
		}
		err := s.servers[1].put(guard, []Put{*late})
		if e := s.servers[1].entries["0"]; e.Known {
			return fmt.Sprintf("the record is back: %v, %v", e, err)
		}
		return ""
	})
}

// TestNoFlapping: a store that one of two proxies can't reach is excluded, and
// stays so as long as that lasts, although the other one reaches it all the
// time, and although the beats of the former take long.
func TestNoFlapping(t *testing.T) {
	cfg := calmSafe
	cfg.LookTimeout, cfg.Rejoin = 2*second, 5*second
	s := newStage(t, cfg, nil)
	s.isolate(0, 1)
	s.await("the exclusion", func() bool { return s.view(1).State(1) == view.Down })
	s.pass(20 * second)
	if v := s.view(1); v.Gen(1) != 1 {
		t.Errorf("the store has come back meanwhile: %v", v)
	}
	s.connect(0, 1)
	s.await("its return", func() bool { return s.view(1).State(1) == view.Up })
}

// TestHastyView: a majority tells of a view, but one of the stores has only just
// been given it and has not written it down when it is restarted.
func TestHastyView(t *testing.T) {
	withAndWithout(t, func(c *simConfig) { c.ablate.hasty = true }, func(t *testing.T, take func(*simConfig)) string {
		s := newStage(t, stays(simConfig{Stores: 5, Copies: 2, Proxies: 2, Flush: true}), take)
		if err := s.put(0, 0, 1); err != nil {
			t.Fatal(err)
		}
		s.pass(second)
		s.isolate(0, 1, 2)
		s.isolate(1, 0, 4)
		to := s.view(0).WithState(0, view.Down)
		o := s.servers[3]
		o.log = append(o.log, snapshot{s.now + time.Hour, o.disk.clone()})
		for _, o := range s.servers[1:4] {
			o.view = to
		}
		s.finish(s.start(1, func(g *Group) error { g.refresh(context.Background()); return nil }))
		write := s.begin(1, 0, simOp{doPut, 2})
		s.pass(200 * time.Millisecond)
		s.isolate(1, 3)
		o.crash()
		o.restart()
		s.pass(2 * second)
		read := s.begin(0, 0, simOp{kind: doRead})
		s.pass(2 * second)
		if write.done && write.err == nil && read.done && read.err == nil && read.out.val != 2 {
			return fmt.Sprintf("read %d behind a write; the registers are %s", read.out.val, s.registers())
		}
		return ""
	})
}

// TestOpensByItself: a store is admitted after a restart though another one does
// not answer, but not before that has been waited for; nor if too few are there
// to ask.
func TestOpensByItself(t *testing.T) {
	s := newStage(t, stays(calmSafe), nil)
	s.servers[2].crash()
	s.servers[2].silent = true
	s.servers[0].crash()
	for _, p := range s.proxies {
		p.kill()
		p.begin()
	}
	s.servers[0].restart()
	s.pass(200 * time.Millisecond)
	if s.servers[0].boot != 0 {
		t.Error("the store was admitted before one that may know better was waited for")
	}
	s.await("the store's gate to be opened", func() bool { return s.servers[0].boot != 0 })
	if !s.servers[0].intact {
		t.Error("the store was taken for one that has lost its memory")
	}
	s.servers[1].crash()
	s.servers[0].crash()
	s.servers[0].restart()
	s.pass(10 * second)
	if s.servers[0].boot != 0 {
		t.Error("the store was admitted with nobody to ask")
	}
}

// TestResetCounts: a store that was wiped counts its ticks from the start again.
// That is no loss of memory when it is restarted soon after.
func TestResetCounts(t *testing.T) {
	s := newStage(t, calmSafe, nil)
	s.pass(10 * second)
	s.servers[0].crash()
	s.servers[0].wipe()
	s.pass(3 * second)
	s.servers[0].restart()
	s.await("a store that is whole again", func() bool { return s.unwell() == "" })
	if reset := s.proxies[0].group.counts.reset.Load() + s.proxies[1].group.counts.reset.Load(); reset == 0 {
		t.Fatal("the store was not reset")
	}
	s.servers[0].crash()
	s.servers[0].restart()
	s.await("the store's gate to be opened", func() bool { return s.servers[0].boot != 0 })
	if !s.servers[0].intact {
		t.Error("the store was taken for one that has lost its memory")
	}
}

// TestStoodStill: for how long a proxy was stopped itself is not for how long a
// store has failed that did so just before.
func TestStoodStill(t *testing.T) {
	s := newStage(t, calmSafe, nil)
	for i := range 20 {
		s.pass(second + time.Duration(i)*20*time.Millisecond)
		s.isolate(0, 1)
		s.pass(100 * time.Millisecond)
		s.proxies[0].pausedUntil = s.now + 3*second
		s.pass(100 * time.Millisecond)
		s.connect(0, 1)
		s.pass(5 * second)
		if v := s.view(0); v.Epoch() != 0 {
			t.Fatalf("a store was excluded: %v", v)
		}
	}
}
