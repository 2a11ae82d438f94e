package fence

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/dsmproxy/dsmproxy/router/view"
)

// A proxy that is cut off from the majority goes on reading under its lease
// what the others have changed the view of. That lasts long here.
func leased(c simConfig) simConfig {
	c.Lease = 6 * second
	return c
}

// quiet lets proxy 1 beat once more and then no more, so that it goes by what it
// has known then.
func (s *stage) quiet() {
	s.proxies[1].group.cfg.BeatEvery = time.Hour
	s.pass(2600 * time.Millisecond)
}

// TestDropOutwaits: a store is back, so that another one holds records that are
// left over. Who has a lease of before reads them there.
func TestDropOutwaits(t *testing.T) {
	withAndWithout(t, func(c *simConfig) { c.ablate.hastyDrop = true }, func(t *testing.T, take func(*simConfig)) string {
		cfg := stays(leased(calmSafe))
		cfg.Copies = 1
		s := newStage(t, cfg, take)
		s.bring(0, s.view(0).WithState(0, view.Down))
		s.pass(9 * second) // all leases are of this view
		if err := s.put(0, 0, 1); err != nil {
			t.Fatal(err)
		}
		s.proxies[0].group.cfg.BeatEvery = 200 * time.Millisecond
		s.quiet()
		s.isolate(1, 0, 2)
		until := s.now + s.proxies[1].group.Overview().Leased
		s.bring(0, s.view(0).WithState(0, view.Join))
		s.await("the return of store 0", func() bool { return s.view(0).State(0) == view.Up })
		told := 0
		for ; s.now < until; s.pass(20 * time.Millisecond) {
			s.start(0, func(g *Group) error { _, err := g.Mend(context.Background(), []Key{{ID: keyID(0)}}); return err })
			r := s.begin(1, 0, simOp{kind: doRead})
			s.pass(20 * time.Millisecond)
			if !r.done || r.err != nil {
				continue
			}
			if told++; !r.out.found {
				return "a record that nobody has deleted is not there"
			}
		}
		if told == 0 {
			t.Fatal("nothing was read under the lease")
		}
		s.await("the end of what is left over", func() bool { return !s.servers[1].entries["0"].Known })
		return ""
	})
}

// TestJoinOutwaits: a store has a version that no other store has, and that
// nobody was told, when it is excluded. It comes back, and a heal takes the
// version away. A read under a lease of before, which the store goes on
// answering, has seen the record with it, and then sees marks without it.
func TestJoinOutwaits(t *testing.T) {
	withAndWithout(t, func(c *simConfig) { c.ablate.hastyJoin, c.ablate.hastyHeal, c.ablate.behind = true, true, true }, func(t *testing.T, take func(*simConfig)) string {
		cfg := leased(calmSafe)
		cfg.Rejoin = 100 * time.Millisecond
		s := newStage(t, cfg, take)
		s.pass(9 * second)
		g := s.proxies[1].group
		g.cfg.CleanEvery, g.cfg.Patience = time.Hour, time.Millisecond
		s.proxies[0].group.cfg.BeatEvery = 200 * time.Millisecond
		s.quiet()
		if err := s.put(1, 0, 1); err != nil { // it knows that the version is clean
			t.Fatal(err)
		}
		o := s.servers[0]
		s.isolate(1, 1, 2)
		until := s.now + g.Overview().Leased
		o.store(Guard{View: s.view(0)}, "0", simRow{true, 2}, 99)
		s.bring(0, s.view(0).WithState(0, view.Down))
		var reads []*started
		for s.now < until && o.entries["0"].Version.ID == 99 {
			if o.view.State(0) == view.Join {
				reads = append(reads, s.begin(1, 0, simOp{kind: doRead}))
				s.pass(200 * time.Microsecond)
			} else {
				s.pass(5 * time.Millisecond)
			}
		}
		s.pass(second)
		for _, r := range reads {
			if r.done && r.err == nil && r.out.val != 1 {
				return fmt.Sprintf("read %d, which is on no store any more", r.out.val)
			}
		}
		s.await("the return of store 0", func() bool { return s.view(0).State(0) == view.Up })
		if e := o.entries["0"]; e.Version.ID == 99 {
			t.Fatal("the heal has left the version")
		}
		return ""
	})
}

// TestHelpOutwaits: a store has a version that the primary has not got, and that
// nobody was told. When the primary is excluded it answers for the key, and a heal
// copies the version. Nobody may be told of it while the former primary is read
// under a lease of before.
func TestHelpOutwaits(t *testing.T) {
	withAndWithout(t, func(c *simConfig) { c.ablate.hastyHelp = true }, func(t *testing.T, take func(*simConfig)) string {
		s := newStage(t, leased(calmSafe), take)
		s.pass(9 * second)
		s.proxies[0].group.cfg.BeatEvery, s.proxies[0].group.cfg.Patience = 200*time.Millisecond, time.Minute
		s.quiet()
		if err := s.put(1, 0, 1); err != nil {
			t.Fatal(err)
		}
		s.isolate(1, 1, 2)
		until := s.now + s.proxies[1].group.Overview().Leased
		s.servers[1].store(Guard{View: s.view(0)}, "0", simRow{true, 2}, 99)
		s.bring(0, s.view(0).WithState(0, view.Down))
		told, later := s.begin(0, 0, simOp{kind: doRead}), 0
		for ; s.now < until; s.pass(20 * time.Millisecond) {
			before := told.done
			r := s.begin(1, 0, simOp{kind: doRead})
			s.pass(20 * time.Millisecond)
			if !r.done || r.err != nil {
				continue
			}
			later++
			if before && told.err == nil && r.out.val != told.out.val {
				return fmt.Sprintf("read %d, and then %d", told.out.val, r.out.val)
			}
		}
		if later == 0 {
			t.Fatal("nothing was read under the lease")
		}
		if s.finish(told); told.err != nil || told.out.val != 2 {
			t.Fatalf("%+v", told)
		}
		return ""
	})
}
