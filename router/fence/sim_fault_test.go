package fence

import (
	"context"
	"time"

	"github.com/dsmproxy/dsmproxy/router/view"
)

// fault is something that goes wrong.
type fault string

const (
	crashStore   fault = "crash"   // SIGKILL, and a restart
	wipeStore    fault = "wipe"    // the same, and the disk is empty
	restoreStore fault = "restore" // SIGKILL, an old copy of the disk (promised), a restart; with all proxies, or without
	pauseStore   fault = "pause"   // SIGSTOP, or a disk that stalls
	cutProxy     fault = "cut"     // one proxy and some stores, one direction or both
	splitAll     fault = "split"   // proxies and stores fall into two halves
	pauseProxy   fault = "ppause"  // SIGSTOP
	crashProxy   fault = "pcrash"  // SIGKILL, and a restart
	suspendProxy fault = "suspend" // its machine is suspended, and comes back with one store that nobody else reaches
	drainStore   fault = "drain"   // an operator has a proxy drain a store, and puts it back
)

// allFaults are those that a safe history goes through.
var allFaults = []fault{crashStore, wipeStore, pauseStore, cutProxy, splitAll, pauseProxy, crashProxy}

// injectFaults lets things go wrong until the clients end.
func (w *world) injectFaults() {
	w.spawn(nil, func() {
		if w.cfg.Adopt { // the founding too
			w.sleep(w.upTo(20 * time.Millisecond))
		} else {
			w.sleep(1600*time.Millisecond + w.upTo(1500*time.Millisecond))
		}
		for ; ; w.sleep(100*time.Millisecond + w.upTo(1500*time.Millisecond)) {
			if w.now >= w.ended {
				return
			}
			f := w.cfg.Faults[w.rng.IntN(len(w.cfg.Faults))]
			dur := 250*time.Millisecond + w.upTo(3350*time.Millisecond)
			s := w.servers[w.rng.IntN(len(w.servers))]
			p := w.proxies[w.rng.IntN(len(w.proxies))]
			if w.inject(f, dur, s, p) {
				w.faults[f]++
				w.trace("fault %s store %d proxy %d for %v", f, s.index, p.index, dur)
			}
		}
	})
}

func (w *world) inject(f fault, dur time.Duration, s *server, p *simProxy) bool {
	switch f {
	case crashStore:
		if !s.alive || w.cfg.Lossy && !w.mayLose(s) {
			return false
		}
		s.crash()
		if w.cfg.Lossy {
			age := w.upTo(1200 * time.Millisecond)
			if w.one(4) { // an old backup
				age = w.upTo(9 * time.Second)
			}
			s.revert(age)
		}
		w.after(dur, s.restart)
	case restoreStore:
		if !s.alive || !w.mayLose(s) {
			return false
		}
		old := w.copyOf(s, 2*time.Second+w.upTo(7*time.Second))
		if old == nil {
			return false
		}
		s.crash()
		s.disk = old.clone()
		w.after(dur, s.restart)
		if w.one(4) {
			break
		}
		for _, p := range w.proxies { // nobody remembers
			w.injectProxy(crashProxy, dur, s, p)
		}
	case wipeStore:
		if !s.alive || !w.mayLose(s) {
			return false
		}
		s.crash()
		s.wipe()
		w.after(dur, s.restart)
	case pauseStore:
		if !s.alive || s.pausedUntil > w.now {
			return false
		}
		s.pause(dur)
	case cutProxy:
		w.cutSome(dur, p)
	case splitAll:
		side, pside := 1+w.rng.IntN(1<<len(w.servers)-2), w.rng.IntN(1<<len(w.proxies))
		w.cutWhere(dur, func(p, s int) bool { return side>>s&1 != pside>>p&1 })
	case suspendProxy, pauseProxy, crashProxy:
		return w.injectProxy(f, dur, s, p)
	case drainStore:
		return w.drain(dur, s, p)
	}
	return true
}

// drain has a proxy drain a store for a while, whatever that costs.
func (w *world) drain(dur time.Duration, s *server, p *simProxy) bool {
	if p.dead || s.index >= w.cfg.Stores {
		return false
	}
	g := p.group
	w.spawn(p, func() {
		_ = g.Drain(context.Background(), s.index, true)
		w.sleep(dur)
		g.Undrain(s.index)
	})
	return true
}

func (w *world) injectProxy(f fault, dur time.Duration, s *server, p *simProxy) bool {
	if p.dead || f != crashProxy && p.pausedUntil > w.now {
		return false
	}
	switch f {
	case crashProxy:
		p.kill()
		w.after(dur/4, p.begin)
		return true
	case suspendProxy:
		w.cutWhere(dur+1500*time.Millisecond, func(q, t int) bool { return (q == p.index) != (t == s.index) })
	}
	p.pausedUntil = w.now + dur
	if w.cfg.StopClock {
		p.stopped += dur
	}
	return true
}

// cutSome cuts a proxy off from some stores: what it sends, what it gets, or
// both.
func (w *world) cutSome(dur time.Duration, p *simProxy) {
	mode := w.rng.IntN(3)
	for _, s := range w.rng.Perm(len(w.servers))[:1+w.rng.IntN(len(w.servers))] {
		w.cut(dur, [2]int{p.index, s}, mode != 1, mode != 0)
	}
}

func (w *world) cutWhere(dur time.Duration, where func(proxy, server int) bool) {
	for p := range w.proxies {
		for s := range w.servers {
			if where(p, s) {
				w.cut(dur, [2]int{p, s}, true, true)
			}
		}
	}
}

func (w *world) cut(dur time.Duration, which [2]int, request, reply bool) {
	if request {
		w.cutRequest[which] = true
	}
	if reply {
		w.cutReply[which] = true
	}
	w.after(dur, func() { delete(w.cutRequest, which); delete(w.cutReply, which) })
}

// copyOf is the newest copy of s that is at least that old and must be found out
// if it is put back; nil if there is none.
func (w *world) copyOf(s *server, age time.Duration) *disk {
	for i := len(s.snaps) - 1; i >= 0; i-- {
		if old := &s.snaps[i]; old.at <= w.now-age && w.promised(s, &old.disk) {
			return &old.disk
		}
	}
	return nil
}

// promised reports whether a copy of s must be found out if it is put back now.
// What does that is a tick that others remember (ticks.go), and chance decides
// which of them can be asked, so all must. The age of the copy does not say
// that: proxies that are cut off from the others, or stopped, tell nobody. And
// with the solo quorum a store by whose copy the other one is excluded need not
// ask it. TestRestoredUnnoticed shows what is spared here.
func (w *world) promised(s *server, old *disk) bool {
	for _, o := range w.servers {
		alone := w.cfg.Solo && !old.blank && old.view.State(o.index) == view.Down
		if o != s && (alone || o.ticks[s.index] <= old.tick) {
			return false
		}
	}
	return true
}

// mayLose reports whether a store may lose what it has: fewer than MinCopies
// then have, for the others are well and whole but for some.
func (w *world) mayLose(s *server) bool {
	v := w.top()
	bad := 0
	for _, o := range w.servers {
		whole := o.index >= w.cfg.Stores || o.intact && o.cover.Equal(v) && v.State(o.index) == view.Up
		if o != s && !(o.alive && o.boot != 0 && o.view.Equal(v) && whole) {
			bad++
		}
	}
	return bad <= w.cfg.Copies-2
}

// relieve ends all faults.
func (w *world) relieve() {
	w.calm = true
	w.cutRequest, w.cutReply = make(map[[2]int]bool), make(map[[2]int]bool)
	for _, s := range w.servers {
		s.restart()
		if s.pausedUntil > w.now {
			s.wake()
		}
	}
	for _, p := range w.proxies {
		p.pausedUntil = 0
	}
}
