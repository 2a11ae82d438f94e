package integration

import (
	"context"
	"fmt"
	"math/rand/v2"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/dsmproxy/dsmproxy/internal/faultlink"
)

// A schedule of faults is made from a seed alone, so that the seed repeats it;
// how it meets the clients is chance. It is a list of episodes. In each, some
// faults begin and end, and may overlap. All have ended when the next one
// begins, which may be before the stores have recovered from them.
//
// It keeps to what the levels assume: fewer stores than min_copies lose their
// data before all copies are back. So an episode in which one does begins
// when all is well, and the next one begins when all is well again.

// misfortune is one kind of fault.
type misfortune string

const (
	killStore misfortune = "SIGKILL"
	stopStore misfortune = "SIGSTOP"
	wipeStore misfortune = "data wiped"
	rewind    misfortune = "data restored from an earlier copy"
	cutLink   misfortune = "link cut"
	stallLink misfortune = "link silent"
	resetLink misfortune = "link reset"
	delayLink misfortune = "link slow"
	killProxy misfortune = "proxy SIGKILL"
	stopProxy misfortune = "proxy SIGSTOP"
	isolate   misfortune = "proxy cut off from all stores but one"
)

// maxOverlap is how many faults an episode has at most.
const maxOverlap = 3

// planned is one fault of an episode.
type planned struct {
	kind         misfortune
	store, proxy int // -1 where it does not matter
	dir          faultlink.Direction
	at, length   time.Duration // since the episode began; how long it lasts
	delay        time.Duration // of delayLink
}

func (p planned) loses() bool { return p.kind == wipeStore || p.kind == rewind }

func (p planned) String() string {
	var where []string
	if p.proxy >= 0 {
		where = append(where, fmt.Sprint("p", p.proxy))
	}
	if p.store >= 0 {
		where = append(where, fmt.Sprint("s", p.store))
	}
	text := string(p.kind) + " " + strings.Join(where, "-")
	if p.kind == stallLink {
		text += " " + p.dir.String()
	}
	return text
}

// episode is some faults and the time after they have ended.
type episode struct {
	faults []planned
	rest   time.Duration
}

func (e episode) loses() bool { return slices.ContainsFunc(e.faults, planned.loses) }

// plan makes a schedule of faults of the given kinds.
func plan(seed uint64, episodes, stores, proxies int, kinds []misfortune) []episode {
	rng := rand.New(rand.NewPCG(seed, 0xfa))
	between := func(a, b time.Duration) time.Duration { return a + time.Duration(rng.Int64N(int64(b-a))) }
	var list []episode
	for range episodes {
		e := episode{rest: between(0, 1500*time.Millisecond)}
		for range 1 + rng.IntN(maxOverlap) {
			p := planned{
				kind: kinds[rng.IntN(len(kinds))], store: rng.IntN(stores), proxy: rng.IntN(proxies),
				dir: []faultlink.Direction{faultlink.Up, faultlink.Down, faultlink.Both}[rng.IntN(3)],
				at:  between(0, 2*time.Second), length: between(100*time.Millisecond, 3500*time.Millisecond),
				delay: between(5*time.Millisecond, 400*time.Millisecond),
			}
			switch p.kind {
			case killStore, stopStore, wipeStore, rewind:
				p.proxy = -1
			case killProxy, stopProxy:
				p.store = -1
			}
			if e.admits(p) {
				e.faults = append(e.faults, p)
			}
		}
		list = append(list, e)
	}
	return list
}

// admits reports whether p can be added: one store loses its data at most, and
// what a fault takes away is not taken by another one too.
func (e episode) admits(p planned) bool {
	for _, o := range e.faults {
		switch {
		case p.loses() && o.loses(),
			p.proxy < 0 && o.proxy < 0 && p.store == o.store,
			p.store < 0 && o.store < 0 && p.proxy == o.proxy,
			p.proxy >= 0 && o.proxy == p.proxy && (p.store == o.store || p.kind == isolate || o.kind == isolate):
			return false
		}
	}
	return true
}

// moment is one step of an episode.
type moment struct {
	at    time.Duration
	store int // whose process it is about; -1 for none
	do    func() error
}

// strike carries an episode out. Nothing of it is left when it returns.
func (f *fleet) strike(h *history, e episode) {
	f.t.Helper()
	if e.loses() {
		f.awaitHeal(healLimit)
		h.note("all is well")
	}
	var moments []moment
	for _, p := range e.faults {
		begin, end := f.deeds(p)
		store := p.store
		if p.proxy >= 0 {
			store = -1
		}
		moments = append(moments,
			moment{p.at, store, func() error { h.note("%v", p); return begin() }},
			moment{p.at + p.length, store, func() error {
				err := end()
				h.note("%v: over", p)
				return err
			}})
	}
	slices.SortStableFunc(moments, func(a, b moment) int { return int(a.at - b.at) })
	start := time.Now()
	busy := make(map[int]chan struct{}) // by store, of what it is doing
	failed := make(chan error, len(moments))
	for _, m := range moments {
		time.Sleep(time.Until(start.Add(m.at)))
		if m.store < 0 {
			if err := m.do(); err != nil {
				f.t.Fatal(err)
			}
			continue
		}
		// A store that starts takes its time; what is planned for others does
		// not wait for it.
		before, done := busy[m.store], make(chan struct{})
		busy[m.store] = done
		go func() {
			defer close(done)
			if before != nil {
				<-before
			}
			failed <- m.do()
		}()
	}
	for _, done := range busy {
		<-done
	}
	for range len(failed) {
		if err := <-failed; err != nil {
			f.t.Fatal(err)
		}
	}
	if e.loses() {
		f.awaitHeal(healLimit)
		h.note("all is well")
	}
	time.Sleep(e.rest)
}

// healLimit is how long the stores may take, on a busy machine, until nothing
// is missing.
const healLimit = 2 * time.Minute

// deeds is how a fault begins and how it ends.
func (f *fleet) deeds(p planned) (begin, end func() error) {
	nothing := func() error { return nil }
	ctx := context.Background()
	switch p.kind {
	case killProxy:
		front := f.proxies[p.proxy]
		return func() error { front.Kill(); return nil }, func() error { f.serve(front); return nil }
	case stopProxy:
		front := f.proxies[p.proxy]
		return front.Stop, front.Continue
	case isolate:
		return func() error {
				for i, l := range f.proxies[p.proxy].links {
					if i != p.store {
						l.Stall(faultlink.Both)
					}
				}
				return nil
			}, func() error {
				for _, l := range f.proxies[p.proxy].links {
					if err := l.Restore(); err != nil {
						return err
					}
				}
				return nil
			}
	}
	n := f.nodes[p.store]
	switch p.kind {
	case killStore:
		return n.Kill, func() error { return n.Restart(ctx) }
	case stopStore:
		return n.Stop, n.Continue
	case wipeStore:
		return n.Kill, func() error {
			if err := n.Wipe(ctx); err != nil {
				return err
			}
			return n.Restart(ctx)
		}
	case rewind:
		backup := filepath.Join(f.t.TempDir(), "backup")
		return func() error {
				if err := n.Kill(); err != nil {
					return err
				}
				if err := n.Snapshot(backup); err != nil {
					return err
				}
				return n.Restart(ctx)
			}, func() error {
				return n.Rewind(ctx, backup)
			}
	}
	l := f.proxies[p.proxy].links[p.store]
	switch p.kind {
	case cutLink:
		return func() error { l.Cut(); return nil }, l.Restore
	case stallLink:
		return func() error { l.Stall(p.dir); return nil }, l.Restore
	case resetLink:
		return func() error { l.Reset(); return nil }, nothing
	case delayLink:
		return func() error { l.Delay(p.dir, p.delay); return nil }, l.Restore
	}
	panic("no such fault: " + p.kind)
}
