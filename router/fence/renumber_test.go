package fence

import (
	"fmt"
	"testing"

	"github.com/dsmproxy/dsmproxy/router/view"
)

// TestNumbersAfterLoss: a primary loses its memory when too few others are
// covered for it to be excluded, so that the view remains, and a put of a write
// that it has forgotten comes after the key was settled. What is written there
// then must be newer than that, or the copy keeps what was not acknowledged, and
// not what was.
func TestNumbersAfterLoss(t *testing.T) {
	for how, heals := range map[string]bool{"settled": false, "healed": true} {
		t.Run(how, func(t *testing.T) {
			withAndWithout(t, func(c *simConfig) { c.ablate.sameNumbers = true }, func(t *testing.T, take func(*simConfig)) string {
				return lateAfterLoss(t, heals, take)
			})
		})
	}
}

func lateAfterLoss(t *testing.T, heals bool, take func(*simConfig)) (wrong string) {
	s := newStage(t, stays(calmSafe), func(c *simConfig) {
		c.Lossy = true
		if take != nil {
			take(c)
		}
	})
	s.bring(0, s.view(0).WithState(2, view.Down))
	if err := s.put(0, 0, 1); err != nil {
		t.Fatal(err)
	}
	s.pass(3 * second)
	v := s.view(1)
	first, second := s.servers[0], s.servers[1]
	before := first.entries["0"]
	if !heals {
		s.leaveAlone()
	}

	s.isolate(0, 1)
	s.begin(0, 0, simOp{doPut, 2})
	s.await("the write at the primary", func() bool { return first.row("0").val == 2 })
	s.proxies[0].kill()
	late := Put{Key: Key{ID: keyID(0)}, Entry: first.entries["0"], MaxTick: second.tick + s.cfg.Late}
	first.crash()
	first.entries["0"] = before
	first.restart()
	s.await("the reset", func() bool { return first.boot != 0 })
	if heals {
		s.await("the heal", func() bool { return first.intact })
	} else {
		s.wants(1, 0, 1)
	}
	if err := second.put(Guard{Boot: second.boot, View: v}, []Put{late}); err != nil {
		t.Fatal(err)
	}
	if err := s.put(1, 0, 3); err != nil {
		t.Fatal(err)
	}
	if !s.view(1).Equal(v) || !second.view.Equal(v) {
		t.Fatalf("the view went from %v to %v", v, s.view(1))
	}
	if got := second.row("0").val; got != 3 {
		return fmt.Sprintf("a copy has %d after 3 was acknowledged", got)
	}
	return ""
}
