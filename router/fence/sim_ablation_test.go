package fence

import (
	"slices"
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
}

var (
	cuts    = []fault{cutProxy, splitAll, pauseProxy}
	crashes = []fault{crashStore, crashProxy, cutProxy, pauseStore}
)

func ablationList() []ablation {
	safe := simConfig{Stores: 3, Copies: 2, Proxies: 2, Lease: second, Faults: allFaults}
	with := func(c simConfig, change func(*simConfig)) simConfig { change(&c); return c }
	lossy := with(safe, func(c *simConfig) { c.Lossy = true })
	four := with(safe, func(c *simConfig) { c.Stores, c.Proxies = 4, 3 })
	solo := simConfig{Stores: 2, Copies: 2, MinCopies: 1, Solo: true, Proxies: 2, Faults: []fault{cutProxy, splitAll, crashProxy, pauseStore}}
	return []ablation{
		{"fence", func(c *simConfig) { c.without.fence = true }, with(safe, func(c *simConfig) { c.Faults = cuts }), 400},
		{"gate", func(c *simConfig) { c.without.gate = true }, lossy, 400},
		{"help", func(c *simConfig) { c.ablate.noHelp = true }, lossy, 400},
		{"settle", func(c *simConfig) { c.ablate.noSettle = true }, four, 400},
		{"join and settle", func(c *simConfig) { c.ablate.noSettle, c.ablate.noJoin = true, true }, safe, 400},
		{"acknowledge after all", func(c *simConfig) { c.ablate.ackEarly = true }, safe, 400},
		{"tombstones", func(c *simConfig) { c.ablate.eagerTombs = true }, safe, 400},
		{"swap tried again", func(c *simConfig) { c.ablate.casAssume = true }, four, 600},
		{"lease", func(c *simConfig) { c.ablate.noLease = true }, with(safe, func(c *simConfig) { c.Faults = []fault{suspendProxy, splitAll} }), 400},
		{"clock", func(c *simConfig) { c.StopClock = true }, with(safe, func(c *simConfig) { c.Faults = []fault{suspendProxy} }), 400},
		{"settle looks again", func(c *simConfig) { c.ablate.settleBlind, c.ablate.noJoin = true, true }, lossy, 600},
		{"settle first", func(c *simConfig) { c.ablate.settleLate, c.ablate.noJoin = true, true }, four, 600},
		{"min copies", func(c *simConfig) { c.ablate.noMinCopies, c.ablate.forgetUnproven = true, true }, four, 600},
		{"exclude spares", func(c *simConfig) { c.ablate.forgetUnproven = true }, lossy, 400},
		{"forget proposals", func(c *simConfig) { c.ablate.keepProposals = true }, safe, 400},
		{"sweep", func(c *simConfig) { c.ablate.noSweep = true }, with(safe, func(c *simConfig) { c.Faults = []fault{crashProxy} }), 400},
		{"laggards", func(c *simConfig) { c.ablate.noLaggards = true }, safe, 400},
		{"reopen", func(c *simConfig) { c.ablate.noReopen = true }, with(safe, func(c *simConfig) { c.Faults = []fault{crashStore} }), 10},
		{"solo keeps exclusions", func(c *simConfig) { c.ablate.soloForget = true }, solo, 600},
		{"solo drops proposals", func(c *simConfig) { c.ablate.soloLaunder = true }, solo, 600},
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
// missing: a test of the test.
func TestAblations(t *testing.T) {
	for _, a := range ablationList() {
		t.Run(a.name, func(t *testing.T) {
			cfg := a.in.withDefaults()
			a.take(&cfg)
			sum := runMany(cfg, 1, a.seeds, *histories == 0)
			t.Logf("%v", &sum)
			t.Logf("caught in %d of %d, first %d: %v", sum.wrong+sum.stuck, sum.histories, sum.first, sum.why)
			if sum.wrong == 0 {
				t.Errorf("not missed in %d histories", sum.histories)
			}
		})
	}
}
