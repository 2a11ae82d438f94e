package fence

import (
	"context"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/dsmproxy/dsmproxy/router/view"
)

// TestOneCopyWritten: a store shows what it has committed before that is on its
// disk. Where it holds the only copy, nobody may be told of it before: a crash
// takes it back.
func TestOneCopyWritten(t *testing.T) {
	withAndWithout(t, func(c *simConfig) { c.ablate.tellUnwritten = true }, func(t *testing.T, take func(*simConfig)) string {
		s := newStage(t, stays(simConfig{Stores: 3, Copies: 1, Proxies: 2, Lease: second, Flush: true}), take)
		if err := s.put(0, 0, 1); err != nil {
			t.Fatal(err)
		}
		s.pass(second)
		o := s.servers[0]
		o.log = append(o.log, snapshot{s.now + time.Hour, o.disk.clone()})
		o.store(Guard{View: s.view(0)}, "0", simRow{true, 2}, 99)
		r := s.begin(1, 0, simOp{kind: doRead})
		s.pass(20 * time.Millisecond)
		told := r.done && r.err == nil
		o.crash()
		o.restart()
		later, err := s.read(0, 0)
		if err != nil {
			t.Fatal(err)
		}
		if s.finish(r); told && r.out != later {
			return fmt.Sprintf("read %d, and then %d", r.out.val, later.val)
		}
		return ""
	})
}

// returned brings about that a store returns, of which proxy 1 does not hear:
// it reads under a lease at store 1, which was the primary until then. What
// that has is 2, made of the 1 that the writer has put, which no other store
// has got, and which nobody was told.
func (s *stage) returned(writer int) {
	s.t.Helper()
	s.bring(0, s.view(0).WithState(0, view.Down))
	s.pass(9 * second)
	s.leaveAlone()
	s.bring(0, s.view(0).WithState(0, view.Join))
	if err := s.put(writer, 0, 1); err != nil {
		s.t.Fatal(err)
	}
	s.proxies[0].group.cfg.BeatEvery, s.proxies[1].group.cfg.Patience = 200*time.Millisecond, time.Millisecond
	s.quiet()
	joining := s.view(1)
	s.isolate(1, 0, 2)
	s.servers[1].store(Guard{View: joining}, "0", simRow{true, 2}, 99)
	s.bring(0, joining.WithState(0, view.Up))
	if !s.view(1).Equal(joining) || s.proxies[1].group.Overview().Leased < second {
		s.t.Fatalf("proxy 1 is in %v, leased for %v", s.view(1), s.proxies[1].group.Overview().Leased)
	}
}

// readUntil reads through proxy p all the time, until it is done, and returns
// what was read.
func (s *stage) readUntil(p int, done func() bool) (told []uint64) {
	s.t.Helper()
	var reads []*started
	for until := s.now + 40*time.Millisecond; !done() && s.now < until; s.pass(20 * time.Microsecond) {
		reads = append(reads, s.begin(p, 0, simOp{kind: doRead}))
	}
	s.pass(100 * time.Millisecond)
	for _, r := range reads {
		if r.done && r.err == nil {
			told = append(told, r.out.val)
		}
	}
	return told
}

// TestLeasedReadOvertaken: a store is the primary until another one returns,
// and has a version then that nobody else has. Who has not heard of the return
// reads it there under a lease, and behind the data the marks of one that was
// made of the version before, and is clean.
func TestLeasedReadOvertaken(t *testing.T) {
	withAndWithout(t, func(c *simConfig) { c.ablate.overtaken = true }, func(t *testing.T, take func(*simConfig)) string {
		s := newStage(t, stays(leased(calmSafe)), take)
		s.returned(0)
		w := s.begin(0, 0, simOp{doMix, 5})
		told := s.readUntil(1, func() bool { return w.done })
		once, _, _ := simOp{doMix, 5}.apply(simRow{true, 1})
		if out, err := s.read(0, 0); err != nil || w.err != nil || out.val != once.val {
			t.Fatalf("%+v; %v, %v", w, out, err)
		}
		if slices.Contains(told, 2) {
			return "read 2, and then what was made of 1"
		}
		return ""
	})
}

// TestLeasedReadAhead: as before, but it is who reads that has heard of a newer
// view, in which the store that has returned is down again, and that one and
// the reader's have not. Another proxy writes there in the view before.
func TestLeasedReadAhead(t *testing.T) {
	withAndWithout(t, func(c *simConfig) { c.ablate.behind = true }, func(t *testing.T, take func(*simConfig)) string {
		cfg := stays(leased(calmSafe))
		cfg.Stores = 5
		s := newStage(t, cfg, take)
		s.bring(0, s.view(0).WithState(0, view.Down))
		s.pass(9 * second)
		s.leaveAlone()
		s.bring(0, s.view(0).WithState(0, view.Join))
		if err := s.put(0, 0, 1); err != nil {
			t.Fatal(err)
		}
		s.servers[1].store(Guard{View: s.view(0)}, "0", simRow{true, 2}, 99)
		s.bring(0, s.view(0).WithState(0, view.Up))
		s.proxies[0].group.cfg.BeatEvery, s.proxies[0].group.cfg.Patience = time.Hour, time.Millisecond
		s.quiet()
		if !s.view(1).Equal(s.view(0)) {
			t.Fatalf("the views are %v and %v", s.view(0), s.view(1))
		}
		s.isolate(1, 2, 3, 4)
		to := s.view(0).WithState(0, view.Down)
		for _, o := range s.servers[2:] {
			o.view = to
		}
		s.finish(s.start(0, func(g *Group) error { g.refresh(context.Background()); return nil }))
		if !s.view(0).Equal(to) || s.servers[1].view.Equal(to) {
			t.Fatalf("the view is %v; the registers are %s", s.view(0), s.registers())
		}
		w := s.begin(1, 0, simOp{doMix, 5})
		told := s.readUntil(0, func() bool { return w.done })
		if w.err == nil && slices.Contains(told, 2) {
			return "read 2, and then what was made of 1"
		}
		return ""
	})
}

// TestHealOutwaits: a heal takes back what a store alone has that was the
// primary until another one returned. Who reads it there under a lease of
// before finds the marks of the version before behind it, of which he knows
// that it is everywhere.
func TestHealOutwaits(t *testing.T) {
	withAndWithout(t, func(c *simConfig) { c.ablate.hastyHeal = true }, func(t *testing.T, take func(*simConfig)) string {
		s := newStage(t, stays(leased(calmSafe)), take)
		s.proxies[1].group.cfg.CleanEvery = time.Hour
		s.pass(second)
		s.returned(1)
		heal := func() *started {
			return s.start(0, func(g *Group) error {
				return g.reconcile(context.Background(), g.now.Load(), []Key{{ID: keyID(0)}})
			})
		}
		r := heal()
		told := s.readUntil(1, func() bool { return r.done })
		if e := s.servers[1].entries["0"]; slices.Contains(told, 2) && e.Version.ID != 99 {
			return "read 2, which is on no store any more"
		}
		s.pass(7 * second)
		if r := s.finish(heal()); r.err != nil || s.servers[1].entries["0"].Version.ID == 99 {
			t.Errorf("when the leases have ended: %v, %v", r.err, s.servers[1].entries["0"])
		}
		return ""
	})
}

// TestMarksWritten: a copy has a version that is not on its disk yet when a
// heal finds it there. Nobody may take the version for clean before it is: a
// crash takes it back, and then nothing tells that the copy is older.
func TestMarksWritten(t *testing.T) {
	withAndWithout(t, func(c *simConfig) { c.ablate.markUnwritten = true }, func(t *testing.T, take func(*simConfig)) string {
		for _, walk := range []bool{false, true} {
			cfg := stays(calmSafe)
			cfg.Flush = true
			s := newStage(t, cfg, take)
			s.leaveAlone()
			if err := s.put(0, 0, 1); err != nil {
				t.Fatal(err)
			}
			s.pass(second)
			s.servers[0].store(Guard{View: s.view(0)}, "0", simRow{true, 2}, 99)
			o := s.servers[1]
			o.log = append(o.log, snapshot{s.now + time.Hour, o.disk.clone()})
			e := s.servers[0].entries["0"]
			if err := o.put(Guard{View: s.view(0)}, []Put{{Key: Key{ID: keyID(0)}, Entry: e, MaxTick: o.tick, Last: true}}); err != nil {
				t.Fatal(err)
			}
			r := s.start(0, func(g *Group) error {
				c := g.now.Load()
				if walk {
					return g.walk(context.Background(), c, g.present(c.view), All, func(batch []row) error {
						return g.healBatch(context.Background(), c, &hearing{of: make([]*standing, len(g.stores))}, batch)
					})
				}
				return g.reconcile(context.Background(), c, []Key{{ID: keyID(0)}})
			})
			s.pass(second)
			clean := s.servers[0].entries["0"].Flags.Has(view.Clean)
			o.crash()
			o.restart()
			s.finish(r)
			s.await("the store's gate to be opened", func() bool { return o.boot != 0 })
			s.pass(second)
			if e := o.entries["0"]; clean && e.Version.ID != 99 {
				return "a version is clean, and one of its copies has gone"
			}
		}
		return ""
	})
}

// TestReadAhead: as TestLeasedReadAhead, where the store is asked for its
// register: it hears of the reader's view behind the data, and before the
// marks.
func TestReadAhead(t *testing.T) {
	withAndWithout(t, func(c *simConfig) { c.ablate.behind = true }, func(t *testing.T, take func(*simConfig)) string {
		s := newStage(t, stays(simConfig{Stores: 5, Copies: 2, Proxies: 2}), take)
		s.bring(0, s.view(0).WithState(0, view.Down))
		s.leaveAlone()
		s.bring(0, s.view(0).WithState(0, view.Join))
		if err := s.put(0, 0, 1); err != nil {
			t.Fatal(err)
		}
		s.servers[1].store(Guard{View: s.view(0)}, "0", simRow{true, 2}, 99)
		s.bring(0, s.view(0).WithState(0, view.Up))
		s.pass(second)
		for _, p := range s.proxies {
			p.group.cfg.BeatEvery = time.Hour
		}
		s.pass(second)
		to := s.view(0).WithState(0, view.Down)
		s.isolate(1, 2, 3, 4)
		for _, o := range s.servers[2:] {
			o.view = to
		}
		s.finish(s.start(0, func(g *Group) error { g.refresh(context.Background()); return nil }))
		if !s.view(0).Equal(to) || s.servers[1].view.Equal(to) {
			t.Fatalf("the view is %v; the registers are %s", s.view(0), s.registers())
		}
		written, puts := false, false
		s.hook = func(l *link, call string) {
			if call == "marks" && l.p.index == 0 && !written {
				// The other proxy's write, and the view, come just now.
				o := s.servers[0]
				g := Guard{Boot: o.boot, View: o.view}
				written = true
				if _, changed, err := o.runWrite(g, &simStmt{ops: []simOp{{doMix, 5}}}, []Key{{ID: keyID(0)}}, 77); err != nil || !changed {
					t.Errorf("the write: %v, %v", changed, err)
				}
				put := Put{Key: Key{ID: keyID(0)}, Entry: o.entries["0"], MaxTick: l.s.tick, Last: true}
				g.Boot = l.s.boot
				puts = l.s.check(g) == nil && l.s.put(g, []Put{put}) == nil
				_ = l.s.push(to, false)
			}
		}
		out, err := s.read(0, 0)
		if err != nil {
			t.Fatal(err)
		}
		if puts && out.val == 2 {
			return "read 2, and then what was made of 1"
		}
		return ""
	})
}
