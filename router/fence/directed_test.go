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

// stage is a world without clients or accidents, in which a test brings about
// one situation step by step.
type stage struct {
	*world
	t *testing.T
}

func newStage(t *testing.T, cfg simConfig, change func(*simConfig)) *stage {
	cfg.Calm = true
	if cfg.Keys == 0 {
		cfg.Keys = 1
	}
	cfg.Clients = -1 // no client
	cfg = cfg.withDefaults()
	if change != nil {
		change(&cfg)
	}
	w := newWorld(cfg, 1)
	t.Cleanup(w.stop)
	for k := range w.orders { // the natural order
		for i := range w.orders[k] {
			w.orders[k][i] = uint16(i)
		}
	}
	s := &stage{w, t}
	s.pass(2 * second)
	return s
}

func (s *stage) pass(d time.Duration) { s.run(s.now + d) }

// await lets time pass until it is true.
func (s *stage) await(what string, is func() bool) {
	s.t.Helper()
	for until := s.now + time.Minute; !is(); s.pass(20 * time.Millisecond) {
		if s.now > until {
			s.t.Fatalf("waited in vain: %s; the registers are %s", what, s.registers())
		}
	}
}

func (s *stage) registers() string {
	var list []string
	for _, o := range s.servers {
		list = append(list, o.view.String())
	}
	return strings.Join(list, "  ")
}

// start begins something at a proxy; the result is there when done is true.
type started struct {
	done bool
	err  error
	out  simOut
}

func (s *stage) start(p int, do func(g *Group) error) *started {
	r := &started{}
	s.spawn(s.proxies[p], func() {
		r.err = do(s.proxies[p].group)
		r.done = true
	})
	return r
}

func (s *stage) begin(p, key int, op simOp) *started {
	st := &simStmt{ops: []simOp{op}}
	var r *started
	r = s.start(p, func(g *Group) (err error) {
		keys := []Key{{ID: keyID(key)}}
		if op.kind == doRead {
			err = g.Read(context.Background(), st, keys)
		} else {
			err = g.Write(context.Background(), st, keys)
		}
		if err == nil {
			r.out = st.answer.out[0]
		}
		return err
	})
	return r
}

func (s *stage) finish(r *started) *started {
	s.t.Helper()
	s.await("the end of an operation", func() bool { return r.done })
	return r
}

func (s *stage) put(p, key int, val uint64) error {
	s.t.Helper()
	return s.finish(s.begin(p, key, simOp{doPut, val})).err
}

func (s *stage) read(p, key int) (simOut, error) {
	s.t.Helper()
	r := s.finish(s.begin(p, key, simOp{kind: doRead}))
	return r.out, r.err
}

// wants fails unless key reads as val through p.
func (s *stage) wants(p, key int, val uint64) {
	s.t.Helper()
	if out, err := s.read(p, key); err != nil || !out.found || out.val != val {
		s.t.Fatalf("key %d reads as %+v, %v; want %d", key, out, err, val)
	}
}

// bring makes a view count, through proxy p.
func (s *stage) bring(p int, to *view.View) {
	s.t.Helper()
	s.finish(s.start(p, func(g *Group) error { g.propose(context.Background(), to); return nil }))
	s.await("a view", func() bool { return to.AtMost(s.proxies[p].group.now.Load().view) })
}

func (s *stage) view(p int) *view.View { return s.proxies[p].group.now.Load().view }

// isolate cuts proxy p off from servers, until it is connected again.
func (s *stage) isolate(p int, servers ...int) {
	for _, i := range servers {
		s.cutRequest[[2]int{p, i}], s.cutReply[[2]int{p, i}] = true, true
	}
}

func (s *stage) connect(p int, servers ...int) {
	for _, i := range servers {
		delete(s.cutRequest, [2]int{p, i})
		delete(s.cutReply, [2]int{p, i})
	}
}

// with and without run a test on the protocol as it is, where it must be
// right, and with a mechanism taken out, where it must not.
func withAndWithout(t *testing.T, take func(*simConfig), test func(t *testing.T, take func(*simConfig)) (wrong string)) {
	t.Helper()
	t.Run("with", func(t *testing.T) {
		if wrong := test(t, nil); wrong != "" {
			t.Error(wrong)
		}
	})
	t.Run("without", func(t *testing.T) {
		if wrong := test(t, take); wrong == "" {
			t.Error("the mechanism is not missed")
		}
	})
}

var calmSafe = simConfig{Stores: 3, Copies: 2, Proxies: 2, Lease: second}

// stays is c where a store that was excluded does not come back.
func stays(c simConfig) simConfig {
	c.Rejoin = time.Hour
	return c
}

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

// TestProposalsAreForgotten: a proxy that reaches two of five stores excludes
// none of the others, not even when it reaches them again.
func TestProposalsAreForgotten(t *testing.T) {
	withAndWithout(t, func(c *simConfig) { c.ablate.keepProposals = true }, func(t *testing.T, take func(*simConfig)) string {
		s := newStage(t, simConfig{Stores: 5, Copies: 2, Proxies: 2, Lease: second}, take)
		s.isolate(0, 2, 3, 4)
		s.pass(10 * second)
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

// TestSettleFirst: while a read is under way, between its data and its marks,
// its primary is settled by somebody else. The marks then say that the primary
// has the newest version; the data is older.
func TestSettleFirst(t *testing.T) {
	withAndWithout(t, func(c *simConfig) { c.ablate.settleLate = true }, func(t *testing.T, take func(*simConfig)) string {
		s := newStage(t, calmSafe, take)
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
				late, guard = l.puts, Guard{l.s.boot, l.s.view}
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
	for i := range s.servers {
		if r := s.finish(s.start(0, func(g *Group) error { return g.Trust(context.Background(), i) })); r.err != nil {
			t.Fatal(r.err)
		}
	}
	s.pass(3 * second)
	s.wants(0, 0, 1)
}

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
