package fence

import (
	"sync/atomic"
	"time"

	"github.com/dsmproxy/dsmproxy/router/view"
)

// counts are what has happened since the process began.
type counts struct {
	helped, settled, completed, refused atomic.Uint64
	unknown, waited, excluded, reset    atomic.Uint64
	dropped, unsettled, strange         atomic.Uint64
}

// Counts are what has happened since the process began.
type Counts struct {
	Helped    uint64 // versions that a reader has put on all targets
	Settled   uint64 // keys for which all stores were asked
	Completed uint64 // writes that were finished in another view
	Refused   uint64 // operations that ended as Unavailable
	Unsettled uint64 // of these, for the reason Unsettled
	Unknown   uint64 // writes whose outcome is unknown
	Waited    uint64 // waits of writes for leases
	Excluded  uint64 // stores that this proxy has excluded
	Reset     uint64 // stores found to have lost their memory
	Dropped   uint64 // tombstones dropped
	Strange   uint64 // stores found to be another server than another proxy reaches
}

// Standing is what the proxy knows of a store or a witness.
type Standing struct {
	Name    string
	Witness bool
	State   string        // "up", "down", "join"; "" of a witness, and before the first view
	Since   time.Duration // since when it answers, or fails, by the Env's clock
	Turned  time.Duration // when its State has changed last, by the Env's clock; 0 if it has not
	Err     error         // why it fails; nil if it answers
	Why     string        // what is the matter with one that answers; "" if nothing is
	Tick    uint64
	Keys    uint64
	Covered bool // it has all it should have as of the present view
	// Blank: it has no register. Gate: it was admitted since its last start.
	// Forgotten: what it remembers was given up. Durable: what it has committed is
	// there after any restart.
	Blank, Gate, Forgotten, Durable bool
	// Drained is since when this proxy keeps it out of service, by the Env's
	// clock; 0 if it does not.
	Drained time.Duration
	// Other is a proxy that reaches another server under the store's name, by the
	// id of its beats; 0 if none is known.
	Other uint64
}

// Overview is the state of the Group for an operator.
type Overview struct {
	View   string        // "" before the first
	Epoch  uint64        // of the view
	Leased time.Duration // how long the lease still lasts; 0 if it does not, or none is needed
	Owner  bool          // this proxy may serve
	Solo   bool          // one proxy serves at a time
	// Why says why no record can be served; nil if they can.
	Why       *Unavailable
	Copies    int
	MinCopies int
	// Tidy: copies that were left over in the present view have been dropped by
	// this proxy.
	Tidy   bool
	Stores []Standing // the witnesses behind the stores
	Heal   Heal
	Counts Counts
}

// Overview says how things are. It asks no store.
func (g *Group) Overview() Overview {
	o := Overview{
		Counts: g.counts.read(), Solo: g.cfg.Solo, Why: g.obstacle(), Copies: g.cfg.Copies, MinCopies: g.cfg.MinCopies,
	}
	c := g.now.Load()
	if c != nil {
		o.View, o.Epoch = c.view.String(), c.view.Epoch()
		o.Owner, o.Tidy = g.owns(c.view), g.tidy.Load() == c.view
		if left := time.Duration(g.leased.Load()) - g.env.Now(); g.cfg.Lease > 0 && left > 0 {
			o.Leased = left
		}
	}
	for _, p := range g.peers {
		o.Stores = append(o.Stores, g.standingOf(p, c))
	}
	g.heal.mu.Lock()
	o.Heal = g.heal.state
	g.heal.mu.Unlock()
	return o
}

// staleRound is how long ago the last round of a group without leases may have
// been, besides three beats.
const staleRound = time.Second

// obstacle is why no record can be served; nil if they can. It asks no store
// and does nothing about it, as serving does.
func (g *Group) obstacle() *Unavailable {
	c := g.now.Load()
	switch age := g.env.Now() - time.Duration(g.leased.Load()); {
	case c == nil, !g.leaseHolds(), g.cfg.Lease == 0 && age > 3*g.cfg.BeatEvery+staleRound:
		return g.noView()
	case !g.owns(c.view) && c.view.Term() != 0 && g.othersLive():
		return &Unavailable{Reason: NotOwner}
	case !g.owns(c.view):
		if u := g.unclaimed(); u != nil {
			return u
		}
	}
	if up := c.view.Count(view.Up); up < g.cfg.MinCopies {
		return &Unavailable{Reason: FewOwners, Have: up, Need: g.cfg.MinCopies}
	}
	return nil
}

// othersLive reports whether other proxies have lately looked at a store.
func (g *Group) othersLive() bool {
	for _, p := range g.peers {
		st, err := p.status()
		if err != nil {
			continue
		}
		for _, r := range st.Reports {
			if r.Proxy != g.id && r.Age < 3*g.cfg.BeatEvery+staleRound {
				return true
			}
		}
	}
	return false
}

func (g *Group) standingOf(p *peer, c *installed) Standing {
	p.mu.Lock()
	s := Standing{Name: p.name(), Witness: p.store == nil, Since: p.since, Err: p.err, Tick: p.last.Tick, Keys: p.last.Keys}
	if p.err != nil {
		s.Since = p.failing
	}
	st := p.last
	if p.doubt.found {
		s.Other = p.doubt.proxy
	}
	p.mu.Unlock()
	s.Blank, s.Gate, s.Durable = st.Blank, st.Boot != 0, st.Durable
	if c != nil && p.store != nil {
		s.State = c.view.State(p.index).String()
		s.Covered = st.Intact && st.Cover.Equal(c.view)
		s.Drained, s.Turned = time.Duration(p.drained.Load()), time.Duration(p.turned.Load())
		s.Forgotten = c.view.State(p.index) == view.Down && c.view.Void(p.index) == c.view.Gen(p.index)
	}
	switch {
	case s.Err != nil:
	case s.Other != 0:
		s.Why = "another proxy reaches another server under this name: compare its address in the configurations of all proxies"
	case st.Boot == 0 && st.Blank:
		s.Why = "it has no register: it is new, or was wiped"
	case st.Boot == 0 && !st.Durable:
		s.Why = "it was restarted, and may have lost what it had not written to disk"
	case st.Boot == 0 && st.Durable:
		s.Why = "it was restarted; before it is let in again those are asked that know whether it has lost something"
	case p.store != nil && !st.Intact:
		s.Why = "it has lost its memory"
	case c != nil && !c.view.Equal(st.View):
		s.Why = "its register is behind"
	case s.State == view.Down.String() && s.Drained == 0 && !g.seenByAll(p):
		s.Why = "another proxy does not reach it, or was told to drain it"
	}
	return s
}

func (c *counts) read() Counts {
	return Counts{
		Helped: c.helped.Load(), Settled: c.settled.Load(), Completed: c.completed.Load(), Refused: c.refused.Load(),
		Unknown: c.unknown.Load(), Waited: c.waited.Load(), Excluded: c.excluded.Load(), Reset: c.reset.Load(),
		Dropped: c.dropped.Load(), Unsettled: c.unsettled.Load(), Strange: c.strange.Load(),
	}
}

// Primary is the index of the store that serves a key in the present view; -1
// if there is none. Keys can be grouped by it for Read and Write, which find
// out if it is no longer true.
func (g *Group) Primary(key Key) int {
	c := g.now.Load()
	if c == nil {
		return -1
	}
	o := g.begin(1)
	defer o.end()
	s := &o.sites[0]
	s.stores = len(g.stores)
	g.cfg.Placement.Order(s.order[:s.stores], key.ID)
	return c.view.Primary(s.list())
}

// Serves reports whether a store is one to ask what concerns no record, as far
// as is known: it answers, and it is admitted and not excluded. What has lost
// its memory has lost its tables too.
func (g *Group) Serves(store int) bool {
	c := g.now.Load()
	if c == nil || c.view.State(store) == view.Down {
		return false
	}
	p := g.stores[store]
	_, err := p.status()
	return err == nil && p.standing.Load() != nil
}
