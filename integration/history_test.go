package integration

import (
	"flag"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"
)

// What the tests of histories take beside their defaults. A failure prints the
// seed; with it the faults, and what each client does next, are the same again.
var (
	historySeed = flag.Uint64("seed", 0, "the `seed` of the faults and the clients in tests of histories; 0: another one each time")
	soak        = flag.Duration("soak", 0, "how `long` TestSoak goes on")
	soakLevels  = flag.String("levels", "safe,strict", "the `levels` that TestSoak tries")
)

// everyMisfortune is all faults, those that are likelier several times.
var everyMisfortune = []misfortune{
	killStore, killStore, stopStore, wipeStore, rewind, cutLink, stallLink, stallLink, resetLink, delayLink,
	killProxy, stopProxy, isolate,
}

// trial is one history.
type trial struct {
	fleetOptions
	audienceOptions
	episodes int
	kinds    []misfortune
}

// newSeed is the seed that was asked for, or another one each time.
func newSeed() uint64 {
	if *historySeed != 0 {
		return *historySeed
	}
	return rand.Uint64()>>40 + 1
}

// run has clients at work while faults come and go, and judges what they saw.
// It returns how many records have a history that no single server could have
// shown; if that is an error, it is reported.
func (f *fleet) run(tr trial, mustHold bool) (wrong int) {
	t := f.t
	t.Helper()
	episodes := plan(tr.seed, tr.episodes, tr.stores, tr.proxies, tr.kinds)
	a := f.startAudience(t, tr.audienceOptions)
	time.Sleep(500 * time.Millisecond)
	for _, e := range episodes {
		f.strike(a.history, e)
	}
	a.stop()
	a.note("the clients have ended")
	f.awaitHeal(healLimit)
	a.note("all is well")
	last := f.readAllKeys(a.history, a.keys)

	errs := make(map[string]int)
	replied, refusals, lost := 0, 0, 0
	for _, c := range a.calls {
		switch c.state {
		case answered:
			replied++
		case refused:
			refusals++
			errs[c.err]++
		default:
			lost++
			errs[c.err]++
		}
	}
	t.Logf("level %s, seed %d: %d operations answered, %d refused, %d of unknown outcome", tr.level, tr.seed, replied, refusals, lost)
	for _, err := range slices.Sorted(maps.Keys(errs)) {
		t.Logf("%6d %s", errs[err], err)
	}
	for _, e := range a.events {
		t.Logf("%9.3fs %s", e.at.Seconds(), e.text)
	}
	var report strings.Builder
	begin := time.Now()
	wrong, undecided := check(&report, a.calls, a.events)
	t.Logf("%d records wrong, %d undecided; checked in %v", wrong, undecided, time.Since(begin).Round(time.Millisecond))
	if !mustHold {
		if wrong > 0 {
			t.Logf("an example:\n%s", &report)
		}
		return wrong
	}
	if wrong > 0 || undecided > 0 {
		t.Errorf("level %s, seed %d: %d records wrong, %d undecided; again: go test ./integration -v -run TestSoak -soak 1s -levels %[1]s -seed %[2]d\n%[5]s",
			tr.level, tr.seed, wrong, undecided, &report)
	}
	for _, odd := range a.odd {
		t.Errorf("level %s, seed %d: %s", tr.level, tr.seed, odd)
	}
	for key, there := range f.wantCopies(a.keys, 30*time.Second) {
		if there != last[key].exists {
			t.Errorf("%s: on the stores: %v; a client has read %v", key, there, last[key])
		}
	}
	for _, key := range a.keys {
		if _, ok := last[key]; !ok {
			t.Errorf("%s could not be read in the end", key)
		}
	}
	if replied < 500 {
		t.Errorf("only %d operations were answered", replied)
	}
	return wrong
}

// TestHistorySeedFails: the judge and the faults of TestHistory find what the
// level seed lacks: a store that comes back has old records.
func TestHistorySeedFails(t *testing.T) {
	o := fleetOptions{level: "seed", stores: 3, proxies: 2, copies: 2}
	f := startFleet(t, o)
	for round := range uint64(20) {
		wrong := f.run(trial{
			fleetOptions: o, episodes: 2, kinds: []misfortune{killStore},
			audienceOptions: audienceOptions{seed: newSeed() + round, clients: 8, keys: 24, pause: 10 * time.Millisecond},
		}, false)
		if wrong > 0 {
			return
		}
		for _, n := range f.nodes {
			mustExec(t, n.db, "DELETE FROM app.sessions")
		}
	}
	t.Error("the level seed has passed: the faults or the judge are too weak")
}

// TestHistory: at the levels safe and strict no client sees what a single
// server could not have shown, whatever fails. TestSoak is its long form.
func TestHistory(t *testing.T) {
	for _, level := range []string{"safe", "strict"} {
		t.Run(level, func(t *testing.T) { oneHistory(t, level, newSeed(), 3) })
	}
}

// TestSoak tries one seed after the other, for as long as -soak says.
func TestSoak(t *testing.T) {
	begin, levels := time.Now(), strings.Split(*soakLevels, ",")
	for seed := newSeed(); time.Since(begin) < *soak && !t.Failed(); seed++ {
		for _, level := range levels {
			t.Run(fmt.Sprintf("%s/%d", level, seed), func(t *testing.T) { oneHistory(t, level, seed, 6) })
		}
	}
}

func oneHistory(t *testing.T, level string, seed uint64, episodes int) {
	o := fleetOptions{level: level, stores: 3, proxies: 2, copies: 2}
	startFleet(t, o).run(trial{
		fleetOptions: o, episodes: episodes, kinds: everyMisfortune,
		audienceOptions: audienceOptions{seed: seed, clients: 10, php: 2, keys: 24, txns: true, pause: 25 * time.Millisecond},
	}, true)
}
