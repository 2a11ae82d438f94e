package fence

import (
	"fmt"
	"testing"
	"time"

	"github.com/dsmproxy/dsmproxy/router/view"
)

// TestRestored: a store is put back to an earlier copy of its data while no proxy
// lives that has seen it since.
func TestRestored(t *testing.T) {
	withAndWithout(t, func(c *simConfig) { c.ablate.noTicks = true }, func(t *testing.T, take func(*simConfig)) string {
		s := newStage(t, calmSafe, take)
		if err := s.put(0, 0, 1); err != nil {
			t.Fatal(err)
		}
		backup := s.servers[0].disk.clone()
		s.pass(second)
		if err := s.put(0, 0, 2); err != nil {
			t.Fatal(err)
		}
		s.pass(second)
		s.restore(0, backup)
		if out, err := s.read(0, 0); err != nil || out.val != 2 {
			return fmt.Sprintf("read: %+v, %v; want 2", out, err)
		}
		s.await("a store that is whole again", func() bool { return s.unwell() == "" })
		return ""
	})
}

// TestRestoredAtOnce: the copy was made while the store was stopped, and it is
// put back, and all proxies end, as soon as something was written again.
func TestRestoredAtOnce(t *testing.T) {
	withAndWithout(t, func(c *simConfig) { c.ablate.noTicks = true }, func(t *testing.T, take func(*simConfig)) string {
		s := newStage(t, calmSafe, take)
		if err := s.put(0, 0, 1); err != nil {
			t.Fatal(err)
		}
		s.servers[0].crash()
		backup := s.servers[0].disk.clone()
		s.servers[0].restart()
		r := s.begin(1, 0, simOp{doPut, 2})
		for !r.done {
			s.pass(time.Millisecond)
		}
		if r.err != nil {
			t.Fatal(r.err)
		}
		s.restore(0, backup)
		if out, err := s.read(0, 0); err != nil || out.val != 2 {
			return fmt.Sprintf("read: %+v, %v; want 2", out, err)
		}
		return ""
	})
}

// restore restarts a store with what it had before, and all proxies.
func (s *stage) restore(store int, backup disk) {
	for _, p := range s.proxies {
		p.kill()
	}
	o := s.servers[store]
	o.crash()
	o.disk = backup
	o.restart()
	for _, p := range s.proxies {
		p.begin()
	}
	s.pass(second)
}

// TestRestoredUnnoticed shows what ticks do not find out, so that whoever reads
// docs/PROOF.md knows how far that goes: a copy whose tick is still the one that
// the others remember, be it that the store has ended since or that its proxies
// could not tell anybody; and with the solo quorum a copy that holds the other
// store for excluded, while that can't be asked. The fault restoreStore spares
// these (promised). Each is found out where one thing is different.
func TestRestoredUnnoticed(t *testing.T) {
	solo := simConfig{Stores: 2, Copies: 2, MinCopies: 1, Solo: true, Proxies: 1}
	for _, test := range []struct {
		name string
		cfg  simConfig
		do   func(s *stage) (backup disk)
		// uses: restoreStore uses such a copy.
		uses bool
		want uint64 // 2 if it is found out
	}{
		{"at once", calmSafe, (*stage).copied, false, 1},
		{"later", calmSafe, func(s *stage) disk {
			backup := s.copied()
			s.pass(second)
			return backup
		}, true, 2},
		{"cut off", calmSafe, func(s *stage) disk {
			backup := s.copied()
			for p := range s.proxies {
				s.isolate(p, 1, 2)
			}
			s.pass(3 * second)
			for p := range s.proxies {
				s.connect(p, 1, 2)
			}
			return backup
		}, false, 1},
		{"solo, other is asked", solo, (*stage).copiedAlone, false, 2},
		{"solo, other is not there", solo, func(s *stage) disk {
			backup := s.copiedAlone()
			s.isolate(0, 1)
			return backup
		}, false, 1},
	} {
		t.Run(test.name, func(t *testing.T) {
			s := newStage(t, test.cfg, nil)
			if err := s.put(0, 0, 1); err != nil {
				t.Fatal(err)
			}
			s.pass(second)
			backup := test.do(s)
			if uses := s.promised(s.servers[0], &backup); uses != test.uses {
				t.Errorf("restoreStore uses the copy: %v", uses)
			}
			s.restore(0, backup)
			s.wants(0, 0, test.want)
		})
	}
}

// copied is a copy of store 0, which has 1 in key 0, from just before that
// became 2, and before anybody has looked at the store again.
func (s *stage) copied() disk {
	s.t.Helper()
	for range 20 {
		backup := s.servers[0].disk.clone()
		if err := s.put(0, 0, 2); err != nil {
			s.t.Fatal(err)
		}
		if s.servers[0].tick == backup.tick {
			return backup
		}
		if err := s.put(0, 0, 1); err != nil {
			s.t.Fatal(err)
		}
	}
	s.t.Fatal("somebody looks at the store all the time")
	return disk{}
}

// copiedAlone is such a copy from when store 1 was excluded, long ago.
func (s *stage) copiedAlone() disk {
	s.t.Helper()
	s.servers[1].crash()
	s.await("an exclusion", func() bool { return s.servers[0].view.State(1) == view.Down })
	s.pass(second)
	backup := s.servers[0].disk.clone()
	s.servers[1].restart()
	s.await("both stores", func() bool { return s.unwell() == "" })
	if err := s.put(0, 0, 2); err != nil {
		s.t.Fatal(err)
	}
	s.pass(second)
	return backup
}
