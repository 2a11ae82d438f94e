package fence

import (
	"fmt"
	"time"
)

// How two servers under one store's name are found: a configuration, a name
// service or a balancer leads one proxy to another server than the others, and
// each is taken for the store by those that reach it. With every beat a proxy
// leaves at all peers that it lives, and which stores it reaches (Beat.Reach).
// So who says at some peer that it reaches a store has left its beats at that
// store as well; if there are none at the server that this proxy reaches under
// the name, that is another one. By which addresses a server is reached does not
// matter, nor that one server is a copy of the other to the last byte.
//
// A beat that is missing once says nothing: the store may just have been emptied
// or put back, or packets are late. All of that is made up for by the other
// proxy's next beat, so beats must be missing for long (missingFor), while the
// other proxy goes on saying that it reaches the store (spoken), and nothing is
// judged while the store is being admitted or founded, or while anybody keeps it
// out of service or does not reach it. What is found is told, and nothing else
// depends on it: to exclude a store for that is only safe if both proxies do.
//
// What is not found: servers that no other peer is shared with, as nobody hears
// of the other proxy then; witnesses, which Beat.Reach does not have; and an
// address that leads to either server by turns, so that beats come to both.

// spoken is how old the last that a proxy has said is at most for it to live,
// and so for how long a proxy may stay silent while it is doubted.
func (g *Group) spoken() time.Duration { return max(5*time.Second, 3*g.cfg.BeatEvery+staleRound) }

// missingFor is for how long beats must be missing. A packet that was sent when
// its sender lived may be late, and keep it alive for as long as it is: what
// counts is that this is well above spoken.
func (g *Group) missingFor() time.Duration { return 2 * g.spoken() }

// Beats that must be missing one after the other; and how many proxies may be
// reported at most, for a store tells no more than 200 rows (router/ledger).
const (
	missingBeats = 5
	maxReports   = 100
)

// doubt is whether a peer is another server than another proxy reaches under its
// name. The peer's mutex guards it.
type doubt struct {
	proxy       uint64 // whose beats are missing; 0: nobody's
	told        *peer  // where that says that it reaches the store
	boot        uint64 // of the peer, meanwhile
	first, last time.Duration
	beats       int
	found       bool // and told
}

// said is the last that another proxy has said at any peer but one.
type said struct {
	age   time.Duration
	reach uint64
	at    *peer
}

// doubtAll judges all stores by what their last answers tell.
func (g *Group) doubtAll() {
	for _, p := range g.stores {
		g.doubt(p)
	}
}

// doubt judges p, and logs what is found and when that has ended.
func (g *Group) doubt(p *peer) {
	others, shared := g.heardBeside(p), g.seenByAll(p)
	now := g.env.Now()
	p.mu.Lock()
	d := &p.doubt
	was := *d
	missing, known := g.missing(p, others, now)
	switch {
	case p.last.Boot != d.boot || p.drained.Load() != 0 || !shared: // begin anew, but what was found ends by itself
		*d = doubt{boot: p.last.Boot}
		if was.found && p.drained.Load() == 0 && now-was.last <= g.missingFor() {
			*d = was
			d.boot = p.last.Boot
		}
	case missing != 0:
		if d.proxy == 0 || !d.found && (d.proxy != missing || now-d.last > g.spoken()) {
			*d = doubt{proxy: missing, boot: d.boot, first: now}
		}
		d.proxy, d.told, d.last = missing, others[missing].at, now
		d.beats++
		d.found = d.found || d.beats >= missingBeats && now-d.first >= g.missingFor()
	case known && !d.found, now-d.last > g.missingFor(), d.found && here(p, d.proxy, now) <= g.spoken():
		*d = doubt{boot: d.boot}
	}
	is := *d
	p.mu.Unlock()
	switch {
	case is.found && !was.found:
		g.counts.strange.Add(1)
		g.cfg.Log.Error("another proxy reaches another server as this store", "store", p.name(), "addr", address(p.voter),
			"other_proxy", proxyName(is.proxy), "says_so_at", is.told.name(),
			"action", "compare the store's address in the configurations of all proxies, and what it resolves to where each of them runs; "+
				"stop the proxies that are wrong: until then reads may be stale")
	case !is.found && was.found:
		g.cfg.Log.Info("no proxy is seen to reach another server as this store any more", "store", p.name(), "addr", address(p.voter),
			"other_proxy", proxyName(was.proxy))
	}
}

// missing is a proxy that lives and says that it reaches p, and whose beats are
// not there; 0 if there is none. Of several it is the one that is doubted
// already, or the first by its number. It is not known where there is nothing to
// compare. The peer's mutex is held.
func (g *Group) missing(p *peer, others map[uint64]said, now time.Duration) (proxy uint64, known bool) {
	st := &p.last
	if p.err != nil || st.Boot == 0 || st.Blank || st.founding() || now-p.heard > g.spoken() || len(st.Reports) > maxReports {
		return 0, false
	}
	for id, s := range others {
		if s.reach&(1<<p.index) == 0 || here(p, id, now) <= g.missingFor() {
			continue
		}
		if proxy == 0 || id == p.doubt.proxy || proxy != p.doubt.proxy && id < proxy {
			proxy = id
		}
	}
	return proxy, len(others) > 0
}

// here is how old a proxy's last beat at p is; for ever if none is known. The
// peer's mutex is held.
func here(p *peer, proxy uint64, now time.Duration) time.Duration {
	for _, r := range p.last.Reports {
		if r.Proxy == proxy {
			return r.Age + now - p.heard
		}
	}
	return 1<<63 - 1
}

// heardBeside is the last that each other proxy which lives has said at the peers
// but p.
func (g *Group) heardBeside(p *peer) map[uint64]said {
	list := make(map[uint64]said)
	now := g.env.Now()
	for _, o := range g.peers {
		if o == p {
			continue
		}
		o.mu.Lock()
		for _, r := range o.last.Reports {
			age := r.Age + now - o.heard
			if s, ok := list[r.Proxy]; o.err == nil && r.Proxy != g.id && age <= g.spoken() && (!ok || age < s.age) {
				list[r.Proxy] = said{age, r.Reach, o}
			}
		}
		o.mu.Unlock()
	}
	return list
}

// Placed is a Voter that knows its server's address.
type Placed interface{ Addr() string }

// address is the voter's, "" if it does not know it.
func address(v Voter) string {
	if placed, ok := v.(Placed); ok {
		return placed.Addr()
	}
	return ""
}

// proxyName is a proxy as its beats name it: the id in the table dsm.proxy.
func proxyName(id uint64) string { return fmt.Sprint(id) }
