package fence

import (
	"flag"
	"os"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

var (
	histories = flag.Int("histories", 0, "how many histories of each configuration to simulate; 0 means a few")
	seed      = flag.Uint64("seed", 0, "the first history's seed; with -histories 1 it replays one")
	ablate    = flag.String("ablate", "", "the mechanism to take out of the simulated configurations, as TestAblations names it")
	traced    = flag.Bool("show", false, "print what happens in the histories")
)

const second = time.Second

// configs are the kinds of histories that must all be right.
func configs() []simConfig {
	suspend := append([]fault{suspendProxy}, allFaults...)
	list := []simConfig{
		{Name: "safe", Stores: 3, Copies: 2, Proxies: 2, Lease: second, Faults: suspend},
		{Name: "safe-lossy", Stores: 3, Copies: 2, Proxies: 2, Lease: second, Lossy: true, Faults: allFaults},
		{Name: "safe-restore", Stores: 3, Copies: 2, Proxies: 2, Lease: second, Faults: append([]fault{restoreStore, restoreStore}, allFaults...)},
		{Name: "safe-flush", Stores: 3, Copies: 2, Proxies: 2, Lease: second, Flush: true, Faults: append([]fault{crashStore, crashStore, crashStore}, allFaults...)},
		{Name: "safe-4", Stores: 4, Copies: 2, Proxies: 3, Lease: second, Faults: allFaults},
		{Name: "safe-5-3", Stores: 5, Copies: 3, Proxies: 3, Lease: second, Lossy: true, Faults: allFaults},
		{Name: "safe-min-1", Stores: 3, Copies: 2, MinCopies: 1, Proxies: 2, Lease: second, Faults: []fault{crashStore, pauseStore, cutProxy, splitAll, pauseProxy, crashProxy}},
		{Name: "strict", Stores: 3, Copies: 2, Proxies: 2, Lossy: true, StopClock: true, Drift: 0.4, Faults: suspend},
		{Name: "strict-4", Stores: 4, Copies: 2, Proxies: 3, StopClock: true, Drift: 0.4, Faults: suspend},
		{Name: "strict-restore", Stores: 3, Copies: 2, Proxies: 2, StopClock: true, Drift: 0.4, Faults: append([]fault{restoreStore, restoreStore}, suspend...)},
		{Name: "witness", Stores: 2, Copies: 2, MinCopies: 1, Witnesses: 1, Proxies: 2, Lease: second, Faults: allFaults},
		{Name: "solo", Stores: 2, Copies: 2, MinCopies: 1, Solo: true, Proxies: 1, Faults: []fault{crashStore, wipeStore, pauseStore, cutProxy, pauseProxy, crashProxy}},
		{Name: "solo-2", Stores: 2, Copies: 2, MinCopies: 1, Solo: true, Proxies: 2, Faults: []fault{crashStore, wipeStore, pauseStore, cutProxy, splitAll, pauseProxy, crashProxy}},
		{Name: "solo-restore", Stores: 2, Copies: 2, MinCopies: 1, Solo: true, Proxies: 2, Faults: []fault{restoreStore, restoreStore, crashStore, pauseStore, cutProxy, splitAll, pauseProxy, crashProxy}},
		{Name: "strict-flush-1", Stores: 3, Copies: 1, Proxies: 2, Flush: true, Faults: []fault{crashStore, crashStore, crashStore, pauseStore, cutProxy}},
		{Name: "adopt", Stores: 3, Copies: 2, Proxies: 2, Lease: second, Adopt: true, Faults: []fault{crashStore, pauseStore, cutProxy, pauseProxy, crashProxy}},
		{Name: "adopt-witness", Stores: 2, Copies: 2, MinCopies: 1, Witnesses: 1, Proxies: 2, Lease: second, Adopt: true, Faults: []fault{crashStore, pauseStore, cutProxy, pauseProxy, crashProxy}},
		{Name: "adopt-solo", Stores: 2, Copies: 2, MinCopies: 1, Solo: true, Proxies: 2, Adopt: true, Faults: []fault{crashStore, pauseStore, cutProxy, splitAll, pauseProxy, crashProxy}},
		{Name: "tombs", Stores: 3, Copies: 2, Proxies: 2, Lease: second, Late: 12, Faults: allFaults},
		{Name: "drain", Stores: 3, Copies: 2, Proxies: 2, Lease: second, Faults: append([]fault{drainStore, drainStore, drainStore}, allFaults...)},
		{Name: "drain-strict", Stores: 4, Copies: 2, Proxies: 2, Faults: append([]fault{drainStore, drainStore, drainStore}, allFaults...)},
		{Name: "drain-solo", Stores: 2, Copies: 2, MinCopies: 1, Solo: true, Proxies: 2, Faults: []fault{drainStore, drainStore, drainStore, crashStore, pauseStore, cutProxy, splitAll, pauseProxy, crashProxy}},
	}
	for i := range list {
		list[i] = list[i].withDefaults()
	}
	return list
}

func (c simConfig) withDefaults() simConfig {
	if c.Clients == 0 { // -1: none
		c.Clients = 2
	}
	if c.Keys == 0 {
		c.Keys = 4
	}
	if c.Drift == 0 {
		c.Drift = 0.005
	}
	if c.Length == 0 {
		c.Length = 12 * second
	}
	return c
}

// runMany simulates n histories, and stops after the first wrong one if it is
// told so.
func runMany(cfg simConfig, from uint64, n int, untilWrong bool) summary {
	var (
		mu   sync.Mutex
		sum  summary
		next atomic.Int64
		stop atomic.Bool
		wg   sync.WaitGroup
	)
	for range runtime.GOMAXPROCS(0) {
		wg.Go(func() {
			for !stop.Load() {
				i := next.Add(1) - 1
				if i >= int64(n) {
					return
				}
				var v verdict
				if *traced {
					v = simulate(cfg, from+uint64(i), os.Stdout)
				} else {
					v = simulate(cfg, from+uint64(i), nil)
				}
				mu.Lock()
				sum.add(v)
				mu.Unlock()
				if untilWrong && v.wrong != "" {
					stop.Store(true)
				}
			}
		})
	}
	wg.Wait()
	return sum
}

func TestHistories(t *testing.T) {
	n := *histories
	if n == 0 {
		n = 20
	}
	for _, cfg := range configs() {
		t.Run(cfg.Name, func(t *testing.T) {
			if *ablate != "" {
				ablationNamed(t, *ablate).take(&cfg)
			}
			from := *seed
			if from == 0 {
				from = 1
			}
			begun := time.Now()
			sum := runMany(cfg, from, n, false)
			t.Logf("%s; took %v", &sum, time.Since(begun).Round(time.Millisecond))
			// Where one copy is enough (min_copies), a second fault before the first is healed can end in
			// a state that only an operator can judge.
			if most := 3 + n/50; sum.stuck > most || sum.stuck > 0 && !(cfg.MinCopies > 0 && cfg.MinCopies < cfg.Copies) {
				t.Errorf("%d of %d histories are stuck", sum.stuck, n)
			}
			if sum.counts.Strange > 0 {
				t.Errorf("%d stores were taken for other servers than other proxies reach, and every proxy reaches the same", sum.counts.Strange)
			}
			if sum.wrong > 0 {
				t.Errorf("seed %d: %v\nreplay: go test ./router/fence -run '%s' -histories 1 -seed %d -show",
					sum.first, sum.why, strings.ReplaceAll(t.Name(), "/", "$/^")+"$", sum.first)
			}
		})
	}
}
