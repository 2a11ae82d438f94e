package fence

import (
	"context"
	"errors"
	"testing"

	"github.com/dsmproxy/dsmproxy/router/view"
)

func drain(store int, force bool) func(g *Group) error {
	return func(g *Group) error { return g.Drain(context.Background(), store, force) }
}

// TestDrain: a store that is drained at one proxy is used by none, and stays out
// while it is well, also when it is restarted, until it is put back.
func TestDrain(t *testing.T) {
	for _, cfg := range []simConfig{calmSafe, {Stores: 3, Copies: 2, Proxies: 2}} {
		s := newStage(t, cfg, func(c *simConfig) { c.Keys = 3 })
		s.await("all well", func() bool { return s.unwell() == "" })
		if err := s.put(0, 0, 1); err != nil {
			t.Fatal(err)
		}
		if r := s.finish(s.start(0, drain(0, false))); r.err != nil {
			t.Fatal(r.err)
		}
		s.hook = func(l *link, call string) {
			if l.s.index == 0 && (call == "read" || call == "write") {
				t.Errorf("proxy %d has a store %s that is drained", l.p.index, call)
			}
		}
		stays := func(what string) {
			t.Helper()
			for range 200 {
				s.pass(second / 10)
				if st := s.top().State(0); st != view.Down {
					t.Fatalf("%s the drained store is %v", what, st)
				}
			}
		}
		stays("while it is well")
		s.wants(1, 0, 1)
		if err := s.put(1, 0, 2); err != nil {
			t.Fatal(err)
		}
		s.servers[0].crash()
		s.pass(3 * second)
		s.servers[0].restart()
		stays("when it was restarted")
		if o := s.proxies[0].group.Overview().Stores[0]; o.Drained == 0 || o.Why != "" {
			t.Errorf("where it was drained it is %+v", o)
		}
		if o := s.proxies[1].group.Overview().Stores[0]; o.Drained != 0 || o.Why == "" {
			t.Errorf("at the other proxy it is %+v", o)
		}
		s.hook = nil
		if s.proxies[1].group.Undrain(0) || !s.proxies[0].group.Undrain(0) {
			t.Error("it is put back where it was not drained, or not where it was")
		}
		s.await("the return", func() bool { return s.view(0).State(0) == view.Up && s.unwell() == "" })
		s.wants(0, 0, 2)
	}
}

// TestDrainEndsWithTheProxy: nobody keeps a store out for a proxy that is dead.
func TestDrainEndsWithTheProxy(t *testing.T) {
	s := newStage(t, calmSafe, nil)
	s.await("all well", func() bool { return s.unwell() == "" })
	if r := s.finish(s.start(0, drain(0, false))); r.err != nil {
		t.Fatal(r.err)
	}
	s.proxies[0].kill()
	s.await("the return", func() bool { return s.view(1).State(0) == view.Up })
}

// TestDrainRefused: what would cost copies must be forced, what would cost
// service is refused.
func TestDrainRefused(t *testing.T) {
	s := newStage(t, calmSafe, nil)
	s.await("all well", func() bool { return s.unwell() == "" })
	s.servers[2].crash()
	s.await("the exclusion", func() bool { return s.view(0).State(2) == view.Down })
	for _, force := range []bool{false, true} {
		r := s.finish(s.start(0, drain(0, force)))
		var reluctant *Reluctant
		if r.err == nil || errors.As(r.err, &reluctant) {
			t.Errorf("drain with force %v: %v; want that it can't be", force, r.err)
		}
	}
	solo := newStage(t, calmSolo, nil)
	if err := solo.put(0, 0, 1); err != nil {
		t.Fatal(err)
	}
	solo.await("all well", func() bool { return solo.unwell() == "" })
	var reluctant *Reluctant
	if r := solo.finish(solo.start(0, drain(0, false))); !errors.As(r.err, &reluctant) {
		t.Errorf("one of two copies given up: %v", r.err)
	}
	if r := solo.finish(solo.start(0, drain(0, true))); r.err != nil || solo.view(0).State(0) != view.Down {
		t.Errorf("forced: %v, %v", r.err, solo.view(0))
	}
	if r := solo.finish(solo.start(1, drain(1, true))); r.err == nil {
		t.Error("a proxy that does not serve has drained a store")
	}
	if out, err := solo.read(0, 0); err != nil || out.val != 1 {
		t.Errorf("read at the last store: %+v, %v", out, err)
	}
}

// TestSoloDrainByFormerOwner: the owner drains a store, another proxy becomes the
// owner meanwhile, and then each is cut off from one store. The first one must
// not exclude the store together with its claim to be the owner again: the other
// one may have excluded the other store.
func TestSoloDrainByFormerOwner(t *testing.T) {
	withAndWithout(t, func(c *simConfig) { c.ablate.soloLaunder = true }, func(t *testing.T, take func(*simConfig)) string {
		s := newStage(t, calmSolo, take)
		for p := range 2 { // the second is the owner then
			if err := s.put(p, 0, 1); err != nil {
				t.Fatal(err)
			}
		}
		s.await("all well", func() bool { return s.unwell() == "" })
		if !s.proxies[1].group.owns(s.view(1)) {
			t.Fatal("the second proxy is not the owner")
		}
		s.isolate(0, 0)
		s.isolate(1, 1)
		g := s.proxies[0].group
		g.mu.Lock()
		g.term = (s.view(0).Term()>>16 + 1) << 16 // a claim is about to be proposed
		claim := s.view(0).WithTerm(g.term)
		g.mu.Unlock()
		drained := s.start(0, func(g *Group) error {
			o := g.begin(0)
			defer o.end()
			return g.depart(context.Background(), g.stores[0])
		})
		s.finish(s.start(0, func(g *Group) error { g.propose(context.Background(), claim); return nil }))
		s.finish(drained)
		s.pass(5 * second)
		if s.servers[0].view.State(1) == view.Down && s.servers[1].view.State(0) == view.Down {
			return "each store serves without the other: " + s.registers()
		}
		return ""
	})
}
