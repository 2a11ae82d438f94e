package integration

import (
	"context"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/dsmproxy/dsmproxy/internal/admin"
)

// TestStoreOutOfService has a store restarted under clients of two proxies, at
// the levels safe and strict: drained before at one of them, no statement fails.
// Merely stopped, what it was just carrying out may, and the records that it
// serves wait until it is excluded.
func TestStoreOutOfService(t *testing.T) {
	for _, c := range []struct {
		level string
		drain bool
	}{{"safe", true}, {"safe", false}, {"strict", true}} {
		name := map[bool]string{true: "drained", false: "stopped"}[c.drain]
		t.Run(c.level+"/"+name, func(t *testing.T) { testOutOfService(t, c.level, c.drain) })
	}
}

func testOutOfService(t *testing.T, level string, drain bool) {
	const store = 1
	o := fleetOptions{level: level, stores: 3, proxies: 2, copies: 2}
	if drain {
		o.detect = 20 * time.Second // a busy machine must not do what drain does
	}
	f := startFleet(t, o)
	name := f.nodes[store].name
	command := func(verb string) {
		t.Helper()
		if out, err := exec.Command(suite.Program(t), verb, "-config", f.proxies[0].config, name).CombinedOutput(); err != nil {
			t.Fatalf("%s: %s", verb, out)
		}
	}
	a := f.startAudience(t, audienceOptions{seed: newSeed(), clients: 16, keys: 96, pause: 15 * time.Millisecond, patience: 30 * time.Second})
	time.Sleep(500 * time.Millisecond)
	from := a.now()
	if drain {
		begun := time.Now()
		command("drain")
		t.Logf("drained in %v", time.Since(begun).Round(10*time.Millisecond))
		for i, want := range []string{"drained", "up"} {
			s, err := (&admin.Remote{URL: f.proxies[i].Admin}).Status(context.Background())
			if err != nil || s.Stores[store].State != want || s.Group.Members[store].State != "down" {
				t.Errorf("at proxy %d the drained store is %+v, %+v, %v", i, s.Stores[store], s.Group.Members[store], err)
			}
		}
	}
	f.nodes[store].Shutdown(t.Context())
	time.Sleep(3 * time.Second)
	if err := f.nodes[store].Restart(t.Context()); err != nil {
		t.Fatal(err)
	}
	back := a.now()
	if drain {
		command("undrain")
	}
	f.awaitHeal(healLimit)
	a.stop()
	var longest time.Duration
	answers, failed, later, deadlocks := 0, 0, 0, 0
	for _, c := range a.calls {
		if c.to >= from && c.from < back {
			longest = max(longest, c.to-c.from)
		}
		switch {
		case c.state == answered:
			answers++
		case c.from < back:
			if t.Logf("failed: %v (%s)", c, c.err); c.state == refused && strings.Contains(c.err, "1213") {
				deadlocks++ // of two clients, as any server has them
			} else {
				failed++
			}
		default: // a write under way at the moment at which it serves again
			later++
		}
	}
	t.Logf("level %s, %d statements answered, %d failed, the longest took %v; %d failed when the store returned", level, answers, failed, longest.Round(10*time.Millisecond), later)
	var report strings.Builder
	if wrong, undecided := check(&report, a.calls, a.events); wrong > 0 || undecided > 0 {
		t.Errorf("%d records wrong, %d undecided\n%s", wrong, undecided, &report)
	}
	switch {
	case drain && (failed > 1 || deadlocks > 2): // of some 8,000; one has been seen, and not explained yet
		t.Errorf("%d statements failed, and %d by a deadlock, though the store was drained", failed, deadlocks)
	case failed > 2*16 || later > 16:
		t.Errorf("%d statements failed, and %d at the return; want what was under way at that moment", failed, later)
	}
}
