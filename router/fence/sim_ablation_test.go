package fence

import (
	"slices"
	"strings"
	"testing"
)

// ablation is a mechanism, and how to do without it.
type ablation struct {
	name string
	take func(c *simConfig)
	// in is where it is missed most, and seeds how many histories of that it
	// takes at most to see that.
	in    simConfig
	seeds int
	// rare: it takes too many for each run of the tests. Then directed_test.go
	// has a test of its own, as for the mechanisms that are missing here.
	rare bool
}

func ablationList() []ablation {
	safe := simConfig{Stores: 3, Copies: 2, Proxies: 2, Lease: second, Faults: allFaults}
	with := func(c simConfig, change func(*simConfig)) simConfig { change(&c); return c }
	lossy := with(safe, func(c *simConfig) { c.Lossy = true })
	four := with(safe, func(c *simConfig) { c.Stores, c.Proxies = 4, 3 })
	solo := simConfig{Stores: 2, Copies: 2, MinCopies: 1, Solo: true, Proxies: 2, Faults: []fault{cutProxy, splitAll, crashProxy, pauseStore}}
	adopt := with(safe, func(c *simConfig) {
		c.Adopt, c.Faults = true, []fault{crashStore, pauseStore, cutProxy, pauseProxy, crashProxy}
	})
	return []ablation{
		{"fence", func(c *simConfig) { c.without.fence = true }, with(safe, func(c *simConfig) { c.Faults = []fault{cutProxy, splitAll, pauseProxy} }), 200, false},
		{"gate", func(c *simConfig) { c.without.gate = true }, lossy, 80, false},
		{"ticks", func(c *simConfig) { c.ablate.noTicks = true }, with(safe, func(c *simConfig) { c.Faults = []fault{restoreStore, pauseStore} }), 80, false},
		{"flushed images", func(c *simConfig) { c.without.flush = true }, with(safe, func(c *simConfig) { c.Flush, c.Faults = true, []fault{crashStore} }), 400, false},
		{"help", func(c *simConfig) { c.ablate.noHelp = true }, lossy, 300, false},
		{"settle", func(c *simConfig) { c.ablate.noSettle = true }, four, 200, false},
		{"join and settle", func(c *simConfig) { c.ablate.noSettle, c.ablate.noJoin = true, true }, safe, 20, false},
		{"acknowledge after all", func(c *simConfig) { c.ablate.ackEarly = true }, safe, 80, false},
		{"tombstones", func(c *simConfig) { c.ablate.eagerTombs = true }, safe, 300, false},
		{"lease", func(c *simConfig) { c.ablate.noLease = true }, with(safe, func(c *simConfig) { c.Faults = []fault{suspendProxy, splitAll} }), 400, false},
		{"check", func(c *simConfig) { c.ablate.noLease = true }, with(safe, func(c *simConfig) { c.Faults, c.Lease = []fault{suspendProxy, splitAll}, 0 }), 150, false},
		{"clock", func(c *simConfig) { c.StopClock = true }, with(safe, func(c *simConfig) { c.Faults = []fault{suspendProxy} }), 400, false},
		{"settle first", func(c *simConfig) { c.ablate.settleLate, c.ablate.noJoin = true, true }, four, 150, false},
		{"drop outwaits leases", func(c *simConfig) { c.ablate.hastyDrop = true }, with(safe, func(c *simConfig) {
			c.Copies, c.Proxies, c.Lease, c.Faults = 1, 3, 3*second, []fault{cutProxy, splitAll, crashStore}
		}), 500, false},
		{"sweep", func(c *simConfig) { c.ablate.noSweep = true }, with(safe, func(c *simConfig) { c.Faults = []fault{crashProxy} }), 50, false},
		{"lost writes may count", func(c *simConfig) { c.ablate.guessFate = true }, with(safe, func(c *simConfig) { c.Faults = []fault{cutProxy, splitAll, pauseStore} }), 300, false},
		{"founded by all", func(c *simConfig) { c.ablate.foundWithout = true }, adopt, 400, false},
		{"founded, not filled", func(c *simConfig) { c.ablate.fillFounding = true }, adopt, 50, false},
		{"all asked before the first heal", func(c *simConfig) { c.ablate.fewFounding = true }, adopt, 50, false},
		{"none excluded before the first heal", func(c *simConfig) { c.ablate.hastySpare = true }, adopt, 80, false},
		{"lost writes stay lost", func(c *simConfig) { c.ablate.noSeal = true }, with(four, func(c *simConfig) { c.Faults = []fault{cutProxy, splitAll, pauseStore, crashStore} }), 2000, true},
		{"settle looks again", func(c *simConfig) { c.ablate.settleBlind, c.ablate.noJoin = true, true }, lossy, 2000, true},
		{"join outwaits leases", func(c *simConfig) {
			c.ablate.hastyJoin, c.ablate.hastyHeal, c.ablate.overtaken, c.ablate.behind = true, true, true, true
		}, with(four, func(c *simConfig) { c.Lease, c.Faults = 3*second, []fault{cutProxy, splitAll, crashStore} }), 2000, true},
		{"founded once", func(c *simConfig) { c.without.once = true }, adopt, 2000, true},
		{"laggards", func(c *simConfig) { c.ablate.noLaggards = true }, safe, 2000, true},
		{"solo keeps exclusions", func(c *simConfig) { c.ablate.soloForget = true }, solo, 2000, true},
		{"solo drops proposals", func(c *simConfig) { c.ablate.soloLaunder = true }, solo, 2000, true},
	}
}

func ablationNamed(t *testing.T, name string) ablation {
	list := ablationList()
	i := slices.IndexFunc(list, func(a ablation) bool { return a.name == name })
	if i < 0 {
		t.Fatalf("there is no mechanism %q", name)
	}
	return list[i]
}

// TestAblations sees to it that the simulator would tell if a mechanism were
// missing: a test of the test. With -histories it counts in how many of as many
// histories each is missed, and takes the rare ones along.
func TestAblations(t *testing.T) {
	for _, a := range ablationList() {
		if a.rare && *histories == 0 {
			continue
		}
		t.Run(a.name, func(t *testing.T) {
			cfg := a.in.withDefaults()
			a.take(&cfg)
			n := a.seeds
			if *histories > 0 {
				n = max(n, *histories)
			}
			sum := runMany(cfg, 1, n, *histories == 0)
			t.Logf("missed in %d of %d histories, first in that of seed %d: %v", sum.wrong, sum.histories, sum.first, sum.why)
			if sum.wrong == 0 {
				t.Errorf("not missed in %d histories", sum.histories)
			}
		})
	}
}

// TestNaive is the control: the rule of 2006 under nothing but crashes, and
// under nothing but partitions, is found wrong; without either it is right.
func TestNaive(t *testing.T) {
	for name, faults := range map[string][]fault{"crashes": {crashStore}, "partitions": {cutProxy, splitAll}} {
		cfg := simConfig{Stores: 3, Copies: 2, Proxies: 2, Naive: true, Calm: true, Faults: faults}.withDefaults()
		if sum := runMany(cfg, 1, 10, false); sum.wrong < 8 {
			t.Errorf("under %s %d of %d histories are wrong, want nearly all", name, sum.wrong, sum.histories)
		}
	}
	cfg := simConfig{Stores: 3, Copies: 2, Proxies: 1, Naive: true, Calm: true}.withDefaults()
	if sum := runMany(cfg, 1, 10, false); sum.wrong > 0 {
		t.Errorf("without faults %d of %d histories are wrong: %v", sum.wrong, sum.histories, sum.why)
	}
}

// TestSameSeed: a seed stands for one history.
func TestSameSeed(t *testing.T) {
	cfg := configs()[0]
	a, b := &strings.Builder{}, &strings.Builder{}
	simulate(cfg, 7, a)
	simulate(cfg, 7, b)
	if a.Len() == 0 || a.String() != b.String() {
		t.Error("two runs of one seed differ")
	}
}
