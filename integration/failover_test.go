package integration

import (
	"fmt"
	"strings"
	"testing"
	"text/tabwriter"
	"time"

	"github.com/dsmproxy/dsmproxy/internal/faultlink"
	"github.com/dsmproxy/dsmproxy/router/view"
)

// outages are the ways in which one store of a fleet is lost.
var outages = []struct {
	name  string
	begin func(f *fleet, n int) error
	end   func(f *fleet, n int) error
}{
	{"SIGKILL", func(f *fleet, n int) error { return f.nodes[n].Kill() }, nil},
	{"SIGSTOP", func(f *fleet, n int) error { return f.nodes[n].Stop() }, func(f *fleet, n int) error { return f.nodes[n].Continue() }},
	{"cut off", stalls(faultlink.Both), restores},
	{"answers lost", stalls(faultlink.Down), restores},
	{"requests lost", stalls(faultlink.Up), restores},
	{"cut off from one proxy", func(f *fleet, n int) error {
		f.proxies[0].links[n].Stall(faultlink.Both)
		return nil
	}, restores},
}

func stalls(d faultlink.Direction) func(f *fleet, n int) error {
	return func(f *fleet, n int) error {
		for _, p := range f.proxies {
			p.links[n].Stall(d)
		}
		return nil
	}
}

func restores(f *fleet, n int) error {
	for _, p := range f.proxies {
		if err := p.links[n].Restore(); err != nil {
			return err
		}
	}
	return nil
}

// TestFailover takes one of three stores away under 16 clients of two proxies,
// and prints how long the longest statement waited and how many failed. At the
// level safe that is about the time to detect the failure and a lease, at the
// level strict the former.
func TestFailover(t *testing.T) {
	const (
		detect = time.Second
		lease  = time.Second
		slack  = 3 * time.Second // for a busy machine
	)
	var table strings.Builder
	w := tabwriter.NewWriter(&table, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "fault\tlevel\tlongest wait\tstatements\trefused\tof unknown outcome\twrong records\t")
	for _, o := range outages {
		for _, level := range []string{"seed", "safe", "strict"} {
			t.Run(level+"/"+o.name, func(t *testing.T) {
				f := startFleet(t, fleetOptions{level: level, stores: 3, proxies: 2, copies: 2, detect: detect, lease: lease})
				a := f.startAudience(t, audienceOptions{seed: newSeed(), clients: 16, keys: 96, pause: 15 * time.Millisecond, patience: 30 * time.Second})
				time.Sleep(700 * time.Millisecond)
				from := a.now()
				if err := o.begin(f, 1); err != nil {
					t.Fatal(err)
				}
				time.Sleep(detect + lease + 1500*time.Millisecond)
				a.stop()
				if o.end != nil {
					if err := o.end(f, 1); err != nil {
						t.Fatal(err)
					}
				}
				var longest time.Duration
				answers, refusals, lost := 0, 0, 0
				for _, c := range a.calls {
					if c.to >= from {
						longest = max(longest, c.to-c.from)
					}
					switch c.state {
					case answered:
						answers++
					case refused:
						refusals++
					default:
						lost++
					}
				}
				var report strings.Builder
				wrong, undecided := check(&report, a.calls, a.events)
				fmt.Fprintf(w, "%s\t%s\t%v\t%d\t%d\t%d\t%d\t\n", o.name, level, longest.Round(10*time.Millisecond), answers, refusals, lost, wrong)
				if level == "seed" {
					return
				}
				if wrong > 0 || undecided > 0 {
					t.Errorf("%d records wrong, %d undecided\n%s", wrong, undecided, &report)
				}
				limit := detect + slack
				if level == "safe" {
					limit += lease
				}
				if longest > limit {
					t.Errorf("a statement took %v, want at most %v", longest, limit)
				}
				// What the store had been given when it was lost.
				if most := 4 * 16; refusals+lost > most {
					t.Errorf("%d statements failed, want at most %d", refusals+lost, most)
				}
				for _, odd := range a.odd {
					t.Error(odd)
				}
			})
		}
	}
	w.Flush()
	t.Logf("3 stores, 2 copies, 2 proxies, 16 clients; detect %v, view_lease %v\n%s", detect, lease, &table)
}

// TestReturn brings a store back under clients: nobody has lost anything then.
// A write that is under way when the store becomes the record's primary, and
// that two others of the same record overtake before that is found out, is of
// unknown outcome; no other statement may fail.
func TestReturn(t *testing.T) {
	f := startFleet(t, fleetOptions{level: "safe", stores: 3, proxies: 2, copies: 2})
	if err := f.nodes[1].Kill(); err != nil {
		t.Fatal(err)
	}
	eventually(t, healLimit, "the store is excluded", func() bool {
		v, _, err := f.nodes[0].register()
		return err == nil && v.State(1) == view.Down
	})
	a := f.startAudience(t, audienceOptions{seed: newSeed(), clients: 16, keys: 24, pause: 5 * time.Millisecond, patience: 30 * time.Second})
	if err := f.nodes[1].Restart(t.Context()); err != nil {
		t.Fatal(err)
	}
	f.awaitHeal(healLimit)
	a.stop()
	failed := 0
	for _, c := range a.calls {
		if c.state != answered {
			failed++
			t.Logf("%v: %s", c.act.kind, c.err)
		}
	}
	t.Logf("%d statements, %d failed", len(a.calls), failed)
	if failed > 3 {
		t.Errorf("%d of %d statements failed", failed, len(a.calls))
	}
	var report strings.Builder
	if wrong, undecided := check(&report, a.calls, a.events); wrong > 0 || undecided > 0 {
		t.Errorf("%d records wrong, %d undecided\n%s", wrong, undecided, &report)
	}
	for _, odd := range a.odd {
		t.Error(odd)
	}
}
