package fence

import (
	"bytes"
	"context"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/dsmproxy/dsmproxy/router/view"
)

// elsewhere is another server that goes by the name of store i: blank, or with a
// copy of what the store has now.
func (s *stage) elsewhere(i int, clone bool) *server {
	o := &server{w: s.world, index: i, alive: true, locks: make(map[string]rowLock), start: s.servers[i].start + 1000}
	o.wipe()
	if clone {
		o.disk = s.servers[i].disk.clone()
	}
	return o
}

// strange is how often each proxy has found a store to be another server.
func (s *stage) strange() (list []uint64) {
	for _, p := range s.proxies {
		list = append(list, p.group.counts.strange.Load())
	}
	return list
}

// others are the proxies that proxy p knows of which reach other servers, by
// store.
func (s *stage) others(p int) (list []uint64) {
	for _, o := range s.proxies[p].group.Overview().Stores {
		list = append(list, o.Other)
	}
	return list
}

// TestOtherServer: an address leads one proxy to another server than the others,
// and back. Every proxy finds that, once, names the other one, and tells the end.
func TestOtherServer(t *testing.T) {
	strict := simConfig{Stores: 3, Copies: 2, Proxies: 2}
	fleet := simConfig{Stores: 4, Copies: 2, Proxies: 3, Lease: second}
	witness := simConfig{Stores: 2, Copies: 2, MinCopies: 1, Witnesses: 1, Proxies: 2, Lease: second}
	solo := simConfig{Stores: 2, Copies: 2, MinCopies: 1, Solo: true, Proxies: 2}
	for _, c := range []struct {
		name  string
		cfg   simConfig
		clone bool
	}{
		{"safe, a copy", calmSafe, true},
		{"safe, a blank one", calmSafe, false},
		{"strict, a copy", strict, true},
		{"strict, a blank one", strict, false},
		{"three proxies, a copy", fleet, true},
		{"a witness, a copy", witness, true},
		{"solo, a copy", solo, true},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := newStage(t, c.cfg, nil)
			s.pass(20 * second)
			logs := make([]bytes.Buffer, len(s.proxies))
			for i, p := range s.proxies {
				p.group.cfg.Log = slog.New(slog.NewTextHandler(&logs[i], &slog.HandlerOptions{Level: slog.LevelInfo}))
			}
			s.proxies[1].links[1].s = s.elsewhere(1, c.clone)
			s.await("the proxies to find it", func() bool {
				for p := range s.proxies {
					if s.others(p)[1] == 0 {
						return false
					}
				}
				return true
			})
			s.pass(30 * second)
			for p := range s.proxies {
				other := s.proxies[1].group.id
				got := s.others(p)
				if p == 1 {
					if other = s.proxies[0].group.id; len(s.proxies) > 2 {
						other = min(other, s.proxies[2].group.id)
					}
				}
				for i, id := range got {
					if want := map[bool]uint64{true: other}[i == 1]; id != want {
						t.Errorf("proxy %d: store %d is said to be another server at proxy %d, want %d", p, i, id, want)
					}
				}
			}
			s.proxies[1].links[1].s = s.servers[1]
			s.await("the proxies to see its end", func() bool {
				for p := range s.proxies {
					if s.others(p)[1] != 0 {
						return false
					}
				}
				return true
			})
			s.pass(20 * second)
			for p := range s.proxies {
				log := logs[p].String()
				begun := strings.Count(log, `level=ERROR msg="another proxy reaches another server as this store" store=s1 `)
				ended := strings.Count(log, `level=INFO msg="no proxy is seen to reach another server as this store any more" store=s1 `)
				if begun != 1 || ended != 1 || s.strange()[p] != 1 {
					t.Errorf("proxy %d has told it %d times, its end %d times, and counted %d; want one of each:\n%s", p, begun, ended, s.strange()[p], log)
				}
			}
		})
	}
}

// TestSameServer: nothing is found where all proxies reach the same servers,
// whatever becomes of these, and of the proxies, for however long.
func TestSameServer(t *testing.T) {
	const long = 40 * second
	replace := func(s *stage, apart time.Duration) {
		o := s.elsewhere(1, false)
		s.servers[1].crash() // the old one is shut down
		for _, p := range s.proxies {
			p.links[1].s = o
			s.pass(apart)
		}
		s.pass(long)
	}
	cut := func(s *stage, request, reply bool) {
		s.cut(long, [2]int{1, 1}, request, reply)
		s.pass(2 * long)
	}
	drain := func(s *stage, p, i int) {
		s.finish(s.start(p, func(g *Group) error { return g.Drain(context.Background(), i, true) }))
		s.pass(long)
		s.proxies[p].group.Undrain(i)
		s.pass(long)
	}
	for _, c := range []struct {
		name string
		do   func(s *stage)
	}{
		{"nothing", func(s *stage) { s.pass(3 * long) }},
		{"replaced at once", func(s *stage) { replace(s, 0) }},
		{"replaced one after the other", func(s *stage) { replace(s, 20*second) }},
		{"restarted", func(s *stage) { s.servers[1].crash(); s.servers[1].restart(); s.pass(long) }},
		{"down", func(s *stage) { s.servers[1].crash(); s.pass(long); s.servers[1].restart(); s.pass(long) }},
		{"wiped", func(s *stage) { s.servers[1].crash(); s.servers[1].wipe(); s.servers[1].restart(); s.pass(long) }},
		{"wiped again and again", func(s *stage) {
			for range 30 {
				s.servers[1].crash()
				s.servers[1].wipe()
				s.servers[1].restart()
				s.pass(1500 * time.Millisecond)
			}
		}},
		{"put back", func(s *stage) {
			old := s.servers[1].disk.clone()
			s.pass(long)
			s.servers[1].crash()
			s.servers[1].disk = old
			s.servers[1].restart()
			s.pass(long)
		}},
		{"stopped", func(s *stage) { s.servers[1].pause(long); s.pass(2 * long) }},
		{"stopped again and again", func(s *stage) {
			for range 12 {
				s.servers[1].pause(2 * second)
				s.pass(3500 * time.Millisecond)
			}
		}},
		{"a proxy dies", func(s *stage) { s.proxies[1].kill(); s.pass(long); s.proxies[1].begin(); s.pass(long) }},
		{"a proxy dies again and again, and the store is wiped", func(s *stage) {
			for i := range 20 {
				s.proxies[1].kill()
				if i%3 == 0 {
					s.servers[1].crash()
					s.servers[1].wipe()
					s.servers[1].restart()
				}
				s.proxies[1].begin()
				s.pass(3 * second)
			}
		}},
		{"a proxy is stopped", func(s *stage) { s.proxies[1].pausedUntil = s.now + long; s.pass(2 * long) }},
		{"a proxy is stopped, and its clock", func(s *stage) {
			s.proxies[1].pausedUntil = s.now + long
			s.proxies[1].stopped += long
			s.pass(2 * long)
		}},
		{"requests are lost", func(s *stage) { cut(s, true, false) }},
		{"answers are lost", func(s *stage) { cut(s, false, true) }},
		{"a link is cut", func(s *stage) { cut(s, true, true) }},
		{"drained by either proxy", func(s *stage) { drain(s, 0, 1); drain(s, 1, 1) }},
		{"drained, and the two reach different servers meanwhile", func(s *stage) {
			s.finish(s.start(0, func(g *Group) error { return g.Drain(context.Background(), 1, true) }))
			s.proxies[0].links[1].s = s.elsewhere(1, false)
			s.pass(long)
			for _, p := range s.proxies {
				p.links[1].s = s.proxies[0].links[1].s
			}
			s.pass(second)
			s.proxies[0].group.Undrain(1)
			s.pass(long)
		}},
	} {
		for _, cfg := range []simConfig{calmSafe, {Stores: 4, Copies: 2, Proxies: 3}} {
			name := c.name + ", safe"
			if cfg.Lease == 0 {
				name = c.name + ", strict"
			}
			t.Run(name, func(t *testing.T) {
				s := newStage(t, cfg, nil)
				s.pass(20 * second)
				c.do(s)
				for p, n := range s.strange() {
					if n += s.world.strange; n != 0 {
						t.Errorf("proxy %d has found %d stores to be other servers", p, n)
					}
					if v := s.view(p); v.Count(view.Up) == 0 {
						t.Errorf("proxy %d has the view %v", p, v)
					}
				}
			})
		}
	}
}

// TestSameServerForLong: nothing is found in histories that go on for long
// enough for whatever the faults of one leave behind to be taken for it.
func TestSameServerForLong(t *testing.T) {
	n := 3
	if *histories > 0 {
		n = *histories
	}
	for _, cfg := range configs() {
		t.Run(cfg.Name, func(t *testing.T) {
			cfg.Length, cfg.Clients = 90*second, 1
			for seed := range uint64(n) {
				w := newWorld(cfg, seed+1)
				w.injectFaults()
				w.run(cfg.Length)
				w.relieve()
				w.run(cfg.Length + 30*second)
				strange := w.strange
				for _, p := range w.proxies {
					strange += p.group.counts.strange.Load()
				}
				w.stop()
				if strange != 0 {
					t.Errorf("seed %d: %d stores were taken for other servers than other proxies reach", seed+1, strange)
				}
			}
		})
	}
}
