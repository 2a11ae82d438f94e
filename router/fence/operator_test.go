package fence

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/dsmproxy/dsmproxy/router/view"
)

// TestForget: what a store that was given up remembers does not count when it
// comes back, and does not keep tombstones alive meanwhile.
func TestForget(t *testing.T) {
	s := newStage(t, simConfig{Stores: 4, Copies: 2, Proxies: 1, Lease: second}, nil)
	if err := s.put(0, 0, 1); err != nil {
		t.Fatal(err)
	}
	s.servers[0].crash()
	s.await("the exclusion", func() bool { return s.view(0).State(0) == view.Down })
	s.await("the heal", func() bool { return s.servers[1].cover.Equal(s.view(0)) && s.servers[2].cover.Equal(s.view(0)) })
	if r := s.finish(s.begin(0, 0, simOp{kind: doDelete})); r.err != nil || r.out.affected != 1 {
		t.Fatalf("delete: %+v", r)
	}
	s.pass(60 * second)
	if !s.servers[1].entries["0"].Known {
		t.Fatal("the tombstone was dropped though a store is down that may have the record")
	}
	if r := s.finish(s.start(0, func(g *Group) error { return g.Forget(context.Background(), 1) })); r.err == nil {
		t.Error("a store that is up was given up")
	}
	if r := s.finish(s.start(0, func(g *Group) error { return g.Forget(context.Background(), 0) })); r.err != nil {
		t.Fatal(r.err)
	}
	s.await("the end of the tombstone", func() bool { return !s.servers[1].entries["0"].Known && !s.servers[2].entries["0"].Known })
	s.servers[0].restart()
	s.await("the return", func() bool { return s.view(0).State(0) == view.Up })
	if out, err := s.read(0, 0); err != nil || out.found {
		t.Errorf("the deleted record reads as %+v, %v", out, err)
	}
	if s.servers[0].entries["0"].Known {
		t.Error("the store still has the deleted record")
	}
}

// TestAcceptLoss: both copies of all records are in doubt, and an operator says
// which counts.
func TestAcceptLoss(t *testing.T) {
	s := newStage(t, calmSolo, func(c *simConfig) { c.Proxies = 1 })
	if err := s.put(0, 0, 1); err != nil {
		t.Fatal(err)
	}
	s.pass(second)
	s.servers[1].pause(3 * second)
	s.await("the exclusion", func() bool { return s.view(0).State(1) == view.Down })
	s.servers[0].crash()
	s.servers[0].wipe()
	s.servers[0].restart()
	s.pass(20 * second)
	var u *Unavailable
	if _, err := s.read(0, 0); !errors.As(err, &u) {
		t.Fatalf("read: %v; want that it is refused", err)
	}
	if r := s.finish(s.start(0, func(g *Group) error { return g.AcceptLoss(context.Background(), 0) })); r.err != nil {
		t.Fatal(r.err)
	}
	s.await("all well", func() bool { return s.unwell() == "" })
	s.wants(0, 0, 1)
}

// TestTrust: no store is durable, and all lose power.
func TestTrust(t *testing.T) {
	s := newStage(t, calmSafe, func(c *simConfig) { c.Lossy = true })
	if err := s.put(0, 0, 1); err != nil {
		t.Fatal(err)
	}
	for _, o := range s.servers {
		o.crash()
		o.restart()
	}
	s.pass(10 * second)
	if _, err := s.read(0, 0); err == nil {
		t.Fatal("stores that may have lost something were trusted")
	}
	for i := range s.servers { // the last may be filled from the others before
		if r := s.finish(s.start(0, func(g *Group) error { return g.Trust(context.Background(), i) })); r.err != nil && s.servers[i].boot == 0 {
			t.Fatal(r.err)
		}
	}
	s.pass(3 * second)
	s.wants(0, 0, 1)
}

// TestSoloDecisions: where one proxy serves at a time the others say so to who
// decides about a store there. Where none does, the one that is asked begins.
func TestSoloDecisions(t *testing.T) {
	s := newStage(t, stays(calmSolo), nil)
	if err := s.put(1, 0, 1); err != nil {
		t.Fatal(err)
	}
	s.await("all well", func() bool { return s.unwell() == "" })
	decide := []func(g *Group) error{
		func(g *Group) error { return g.Drain(context.Background(), 1, true) },
		func(g *Group) error { return g.Forget(context.Background(), 1) },
		func(g *Group) error { return g.AcceptLoss(context.Background(), 1) },
	}
	for i, do := range decide {
		if r := s.finish(s.start(0, do)); !errors.Is(r.err, errElsewhere) {
			t.Errorf("decision %d: %v", i, r.err)
		}
	}
	s.proxies[1].kill()
	s.pass(10 * second)
	for i, do := range decide {
		s.pass(5 * second)
		if r := s.finish(s.start(0, do)); r.err != nil {
			t.Errorf("decision %d, where no other proxy lives: %v", i, r.err)
		}
	}
	s.wants(0, 0, 1)
}

// TestHold: a named lock ends with the lease of its holder, and is not granted
// elsewhere before.
func TestHold(t *testing.T) {
	s := newStage(t, stays(calmSafe), nil)
	var first, other *Hold
	s.finish(s.start(0, func(g *Group) (err error) { first, err = g.Grant(context.Background(), Key{ID: keyID(0)}); return err }))
	if first.Store() != 0 || !first.Valid() {
		t.Fatalf("the lock is at store %d", first.Store())
	}
	s.isolate(0, 0, 1, 2)
	s.bring(1, s.view(1).WithState(0, view.Down))
	r := s.start(1, func(g *Group) (err error) {
		other, err = g.Grant(context.Background(), Key{ID: keyID(0)})
		return err
	})
	for !r.done {
		s.pass(time.Millisecond)
		if r.done && first.Valid() {
			t.Fatal("two have the lock")
		}
	}
	if r.err != nil || other.Store() != 1 || !other.Valid() {
		t.Errorf("granted: %v", r.err)
	}
	// The store comes back, and the name with it.
	s.connect(0, 0, 1, 2)
	s.await("the view", func() bool { return s.view(0).State(0) == view.Down })
	s.isolate(1, 0, 1, 2)
	s.bring(0, s.view(0).WithState(0, view.Join))
	s.bring(0, s.view(0).WithState(0, view.Up))
	var third *Hold
	r = s.start(0, func(g *Group) (err error) {
		third, err = g.Grant(context.Background(), Key{ID: keyID(0)})
		return err
	})
	for !r.done {
		s.pass(time.Millisecond)
		if r.done && other.Valid() {
			t.Fatal("two have the lock")
		}
	}
	if r.err != nil || third.Store() != 0 || !third.Valid() {
		t.Errorf("granted: %v", r.err)
	}
	s.connect(1, 0, 1, 2)
	s.await("the view", func() bool { return s.view(1).State(0) == view.Up })
	// The first lock was somebody else's meanwhile.
	var held bool
	s.finish(s.start(0, func(g *Group) (err error) { held, err = first.Held(context.Background()); return err }))
	if held || !first.Lost() {
		t.Error("a lock is valid again that was lost")
	}
	if !other.Lost() {
		t.Error("a lock stays valid at a store that its name has left")
	}
}

// TestWrongName: an address leads to another store than is configured.
func TestWrongName(t *testing.T) {
	s := newStage(t, calmSafe, nil)
	s.servers[2].called = "s7"
	s.await("the exclusion", func() bool { return s.view(0).State(2) == view.Down })
	o := s.proxies[0].group.Overview()
	if err := o.Stores[2].Err; err == nil || !strings.Contains(err.Error(), "s7") || o.Stores[2].State != "down" {
		t.Errorf("store 2 is %+v", o.Stores[2])
	}
}

// TestOverview: what an operator sees of a store that comes back.
func TestOverview(t *testing.T) {
	s := newStage(t, calmSafe, func(c *simConfig) { c.Keys = 3 })
	for k := range 3 {
		if err := s.put(0, k, 1); err != nil {
			t.Fatal(err)
		}
	}
	s.servers[1].crash()
	s.servers[1].wipe()
	s.await("the exclusion", func() bool { return s.view(0).State(1) == view.Down })
	if o := s.proxies[0].group.Overview(); o.Stores[1].Err == nil || o.Stores[1].State != "down" || o.Leased == 0 || !o.Owner {
		t.Errorf("while it is down: %+v", o)
	}
	s.servers[1].restart()
	s.await("the return", func() bool { return s.view(0).State(1) == view.Up && s.unwell() == "" })
	s.pass(5 * second)
	o := s.proxies[0].group.Overview()
	if o.Heal.Done == 0 || o.Heal.Running || o.Heal.Err != nil || o.Stores[1].State != "up" || !o.Stores[1].Covered {
		t.Errorf("after its return: %+v", o)
	}
}
