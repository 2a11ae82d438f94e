package fence

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/dsmproxy/dsmproxy/router/view"
)

// TestAdoption: of records from before the protocol the first store's counts.
func TestAdoption(t *testing.T) {
	s := newStage(t, calmSafe, func(c *simConfig) { c.Adopt, c.Keys = true, 8 })
	for k := range s.cfg.Keys {
		for _, o := range s.servers {
			delete(o.entries, string(keyID(k)))
		}
		for i := range k % 4 { // key 0 nowhere, 1 at the last, 2 at the last two ...
			o := s.servers[2-i]
			o.entries[string(keyID(k))] = Entry{Known: true, Image: binary.BigEndian.AppendUint64(nil, uint64(100*k+o.index))}
		}
	}
	var u *Unavailable
	if _, err := s.read(0, 0); !errors.As(err, &u) || u.Reason != NotFounded {
		t.Fatalf("read before the registers are made: %v", err)
	}
	s.finish(s.start(0, func(g *Group) error { return g.Found(context.Background()) }))
	s.await("all well", func() bool { return s.unwell() == "" })
	for k := range s.cfg.Keys {
		if n := k % 4; n == 0 {
			if out, err := s.read(0, k); err != nil || out.found {
				t.Errorf("key %d reads as %+v, %v; want nothing", k, out, err)
			}
		} else {
			s.wants(0, k, uint64(100*k+3-n))
		}
	}
	if r := s.finish(s.start(1, func(g *Group) error { return g.Found(context.Background()) })); r.err == nil {
		t.Error("founded twice")
	}
}

// TestFoundedHalfway: the second of two stores is away while the group is founded,
// and a proxy serves by the view that the first one has. The founding goes on; the
// store is not taken for one that has lost its memory, and filled.
func TestFoundedHalfway(t *testing.T) {
	withAndWithout(t, func(c *simConfig) { c.ablate.fillFounding = true }, func(t *testing.T, take func(*simConfig)) string {
		for _, c := range []simConfig{calmSolo, calmSafe} {
			if wrong := foundedHalfway(t, c, take); wrong != "" {
				return wrong
			}
		}
		return ""
	})
}

func foundedHalfway(t *testing.T, c simConfig, take func(*simConfig)) (wrong string) {
	s := newStage(t, c, func(c *simConfig) {
		if c.Adopt = true; take != nil {
			take(c)
		}
	})
	last := len(s.servers) - 1
	for i, o := range s.servers[:last] {
		o.entries[string(keyID(0))] = Entry{Known: true, Image: binary.BigEndian.AppendUint64(nil, uint64(i))}
	}
	s.hook = func(l *link, call string) {
		if call == "open" && l.s.index == last {
			l.s.crash()
		}
	}
	if err := s.found(0); err == nil || errors.Is(err, ErrFounded) {
		t.Fatalf("founded without the last store: %v", err)
	}
	s.hook = nil
	s.servers[last].restart()
	put := s.begin(0, 0, simOp{doPut, 7}) // waits for the last store
	s.await("a view", func() bool { return s.proxies[0].group.now.Load() != nil && (!c.Solo || s.view(0).Term() != 0) })
	s.pass(second)
	if s.servers[last].view != nil {
		return "the last store has a register already"
	}
	if err := s.found(0); err != nil {
		t.Fatal(err)
	}
	s.await("all well", func() bool { return s.unwell() == "" })
	if err := s.found(0); !errors.Is(err, ErrFounded) {
		t.Errorf("founded again: %v", err)
	}
	s.finish(put)
	s.wants(0, 0, 7)
	return ""
}

func (s *stage) found(p int) error {
	s.t.Helper()
	return s.finish(s.start(p, func(g *Group) error { return g.Found(context.Background()) })).err
}

// TestEmptiedWhileFounded: of two stores that were founded, and not yet healed,
// one loses all. It is not founded again: an operator gives up what it had.
func TestEmptiedWhileFounded(t *testing.T) {
	withAndWithout(t, func(c *simConfig) { c.ablate.foundAgain = true }, func(t *testing.T, take func(*simConfig)) string {
		s := newStage(t, calmSolo, func(c *simConfig) {
			if c.Adopt = true; take != nil {
				take(c)
			}
		})
		for _, p := range s.proxies {
			p.group.cfg.MendEvery = 20 * second
		}
		s.pass(second)
		if err := s.found(0); err != nil {
			t.Fatal(err)
		}
		if err := s.put(0, 0, 1); err != nil {
			t.Fatal(err)
		}
		s.servers[1].crash()
		s.servers[1].wipe()
		s.servers[1].restart()
		s.pass(5 * second)
		if err := s.found(0); err == nil || !strings.Contains(err.Error(), "accept-loss s1") {
			return fmt.Sprintf("founded again: %v", err)
		}
		for _, p := range s.proxies {
			p.group.cfg.MendEvery = second
		}
		if r := s.finish(s.start(0, func(g *Group) error { return g.AcceptLoss(context.Background(), 1) })); r.err != nil {
			t.Fatal(r.err)
		}
		s.await("all well", func() bool { return s.unwell() == "" })
		s.wants(0, 0, 1)
		return ""
	})
}

// TestFoundedOnce: what a proxy founds a store by comes late, when another one has
// founded it, the other store has been excluded, and something was written without
// that. The store must not forget it.
func TestFoundedOnce(t *testing.T) {
	withAndWithout(t, func(c *simConfig) { c.without.once = true }, func(t *testing.T, take func(*simConfig)) string {
		s := newStage(t, stays(calmSolo), func(c *simConfig) {
			if c.Adopt = true; take != nil {
				take(c)
			}
		})
		waits, goes := false, false
		s.hook = func(l *link, call string) {
			if call == "open" && l.p.index == 1 && l.s.index == 1 {
				waits = true
				s.isolate(1, 0, 1)
				for !goes {
					s.sleep(100 * time.Millisecond)
				}
				s.connect(1, 0, 1)
			}
		}
		late := s.start(1, func(g *Group) error { return g.Found(context.Background()) })
		s.await("a founding that is held up", func() bool { return waits })
		if err := s.found(0); err != nil {
			t.Fatal(err)
		}
		if err := s.put(0, 0, 1); err != nil {
			t.Fatal(err)
		}
		s.await("all well", func() bool { return s.unwell() == "" })
		s.servers[0].crash()
		s.await("the exclusion", func() bool { return s.servers[1].view.State(0) == view.Down })
		if err := s.put(0, 0, 2); err != nil {
			t.Fatal(err)
		}
		s.proxies[0].kill()
		s.servers[0].restart()
		goes = true
		s.finish(late)
		if out, err := s.read(1, 0); err != nil || out.val != 2 {
			return fmt.Sprintf("read: %+v, %v; want 2; the registers are %s", out, err, s.registers())
		}
		return ""
	})
}
