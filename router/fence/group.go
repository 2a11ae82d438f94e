package fence

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/dsmproxy/dsmproxy/router/placement"
	"github.com/dsmproxy/dsmproxy/router/view"
)

// maxVoters is up to how many stores vote, the first ones.
const maxVoters = 7

// Config is what a Group is made from. The stores, in this order, the copies
// and the lease must be the same in all proxies.
type Config struct {
	Stores    []Store
	Placement placement.Placement
	Copies    int // N
	// MinCopies is how many stores that hold a key must be up for it to be
	// served; 0 means N if there are more stores than N, else N-1 and at least 1.
	// While fewer stores than that lose their memory, no acknowledged write is
	// lost.
	MinCopies int
	// Witnesses vote, and hold no records.
	Witnesses []Voter
	// Lease is how long a view may be acted in without asking again: the level
	// safe. 0 means to ask beside each read: the level strict.
	Lease time.Duration
	// Solo is the quorum for two voters: every store that is not excluded must
	// agree, and one proxy serves at a time. There is no lease then.
	Solo bool

	// Detect is how long a store must fail to be excluded, DetectRefused how
	// long where nobody listens; 0 means 1 s, and 250 ms. It counts from when the
	// first Look was sent that failed, and at most half of Detect for each: so
	// that is what a Look should wait at most.
	Detect, DetectRefused time.Duration
	// Rejoin is how long a store that was excluded must answer to be taken
	// back. It doubles with each exclusion, up to RejoinMax, and is forgotten
	// when the store has been up for that long. 0 means 5 s, and 10 min.
	Rejoin, RejoinMax time.Duration
	// Late is after how many ticks of its store a put is too late; 0 means
	// 2000. A store makes a tick each BeatEvery of each proxy. Tombstones are
	// kept for twice as long.
	Late uint64
	// BeatEvery is how often stores are looked at; 0 means a third of the
	// lease, or 300 ms. MendEvery is how often copies are looked after; 0 means
	// 1 s. CleanEvery is how often marks are sent; 0 means 50 ms.
	BeatEvery, MendEvery, CleanEvery time.Duration
	// Patience is how long an operation waits for the stores to be in a state
	// to carry it out; 0 means 10 s.
	Patience time.Duration

	Env Env // nil means a Live
	Log *slog.Logger

	ablate ablations
}

// ablations take mechanisms out, so that the tests can see that each of them
// is missed. All are false in production.
type ablations struct {
	noHelp         bool // answer with versions that may be on one store only
	noSettle       bool // believe every primary
	noJoin         bool // let a store that comes back serve at once
	ackEarly       bool // acknowledge what the primary alone has
	eagerTombs     bool // drop tombstones at once
	casAssume      bool // take a swap that failed for somebody's newer version
	noLease        bool // neither test leases nor wait for them, nor check
	settleBlind    bool // don't look again whether the key has been settled
	settleLate     bool // judge an answer by what is known after it
	forgetUnproven bool // exclude stores although those left are not covered
	keepProposals  bool // keep proposals that were not installed
	noMinCopies    bool // acknowledge on any number of copies
	noSweep        bool // leave what dead proxies have left
	soloForget     bool // take back an exclusion that may have reached a store
	soloLaunder    bool // keep proposals under another owner's term
	noLaggards     bool // leave voters behind that a majority does not need
	noReopen       bool // leave the gates of durable stores closed
	hasty          bool // take views over that may not be on the stores' disks
	noTicks        bool // remember the ticks of stores in the proxy alone
	hastyJoin      bool // let a store join that is read under leases of before
	hastyDrop      bool // drop what is read under leases of before
	hastyHelp      bool // tell what nobody was told before while leases of before are read under
	tellUnwritten  bool // tell what is to be on one store alone before it is on its disk
	overtaken      bool // tell under a lease what a newer view may have written over
	hastyHeal      bool // take back what is read under leases of before
	markUnwritten  bool // mark what copies show before it is on their disks
	behind         bool // read under a lease where older views may still be written in
	noResolve      bool // leave it at that where a write's outcome is not told
	guessFate      bool // take what is there for older than a write that was lost
	noSeal         bool // don't keep such a write from coming back
	sameNumbers    bool // number on from what is found where memory was lost
	foundWithout   bool // found what answers, without those that are away
	foundAgain     bool // found what is empty beside stores that have been used
	fillFounding   bool // fill an empty store from others that are being founded
	fewFounding    bool // before the first heal, ask no more stores than behind it
	hastySpare     bool // before the first heal, exclude stores as behind it
}

func (c Config) withDefaults() Config {
	set := func(d *time.Duration, v time.Duration) {
		if *d == 0 {
			*d = v
		}
	}
	if c.MinCopies == 0 {
		c.MinCopies = c.Copies
		if c.Copies == len(c.Stores) {
			c.MinCopies = max(1, c.Copies-1)
		}
	}
	if c.Solo {
		c.Lease = 0
	}
	set(&c.Detect, time.Second)
	set(&c.DetectRefused, 250*time.Millisecond)
	set(&c.Rejoin, 5*time.Second)
	set(&c.RejoinMax, 10*time.Minute)
	if c.Late == 0 {
		c.Late = 2000
	}
	if c.Lease > 0 {
		set(&c.BeatEvery, c.Lease/3)
	}
	set(&c.BeatEvery, 300*time.Millisecond)
	set(&c.MendEvery, time.Second)
	set(&c.CleanEvery, 50*time.Millisecond)
	set(&c.Patience, 10*time.Second)
	if c.Env == nil {
		c.Env = &Live{}
	}
	if c.Log == nil {
		c.Log = slog.New(slog.DiscardHandler)
	}
	return c
}

func (c *Config) check() error {
	m := len(c.Stores)
	switch {
	case m == 0 || m > view.MaxStores:
		return fmt.Errorf("%d stores: there must be 1 to %d", m, view.MaxStores)
	case c.Placement.Stores() != m:
		return fmt.Errorf("the placement orders %d stores of %d", c.Placement.Stores(), m)
	case c.Copies < 1 || c.Copies > m:
		return fmt.Errorf("copies = %d: there are %d stores", c.Copies, m)
	case c.MinCopies < 1 || c.MinCopies > c.Copies:
		return fmt.Errorf("min_copies = %d: it must be 1 to copies = %d", c.MinCopies, c.Copies)
	case c.Solo && len(c.Witnesses) > 0:
		return errors.New("the solo quorum knows no witnesses")
	case !c.Solo && min(m, maxVoters)+len(c.Witnesses) == 2:
		return errors.New("two voters have no majority when one fails: add a witness, or choose the solo quorum")
	}
	return nil
}

// Group is all stores as one. It is safe for concurrent use.
type Group struct {
	cfg Config
	env Env

	stores []*peer // in the order of the placement
	peers  []*peer // the stores, then the witnesses
	voters []*peer
	// comparing is the first store, if it knows of tables that differ.
	comparing Comparing

	now    atomic.Pointer[installed] // nil before the first view
	leased atomic.Int64              // until when, by env's clock
	// leaving are the stores that some proxy is about to drain, as a bit set.
	leaving atomic.Uint64

	mu         sync.Mutex    // guards what follows; no I/O is done under it
	proposal   *view.View    // what this proxy wants; nil if nothing
	told       *atomic.Int32 // solo: pushes by which a store may have learned of it
	term       uint64        // solo: this proxy's own, once it has claimed
	refreshing *refreshing   // under way; nil if none is
	healed     *view.View    // the last view in which a heal has ended

	checks   checks
	clean    cleaner
	glimpses glimpses
	heal     progress
	counts   counts
	ops      sync.Pool // of *op

	id    uint64 // of this proxy
	tombs tombs
	tidy  atomic.Pointer[view.View] // in which leftovers were dropped last
}

// installed is a view that counts, with what was before it. It is immutable.
type installed struct {
	view    *view.View
	history *view.History
}

// New returns the Group of the given stores; Run must be called for it to do
// anything.
func New(c Config) (*Group, error) {
	c = c.withDefaults()
	if err := c.check(); err != nil {
		return nil, err
	}
	g := &Group{cfg: c, env: c.Env, id: c.Env.Random() | 1}
	for i, s := range c.Stores {
		g.stores = append(g.stores, &peer{voter: s, store: s, index: i, most: c.Detect / 2})
	}
	g.comparing, _ = c.Stores[0].(Comparing)
	g.peers = append(g.peers, g.stores...)
	for i, w := range c.Witnesses {
		g.peers = append(g.peers, &peer{voter: w, index: len(c.Stores) + i, most: c.Detect / 2})
	}
	for i, p := range g.peers {
		if i < maxVoters || p.store == nil {
			g.voters = append(g.voters, p)
		}
	}
	g.ops.New = func() any { return &op{g: g} }
	g.checks.wake = g.env.NewEvent()
	g.clean.wake = g.env.NewEvent()
	return g, nil
}

// Run looks after the stores until ctx ends.
func (g *Group) Run(ctx context.Context) error {
	ended := g.env.NewEvent()
	loops := []func(context.Context){g.keep, g.mend, g.sendMarks}
	if g.strict() {
		loops = append(loops, g.runChecks)
	}
	var left atomic.Int32
	left.Store(int32(len(loops)))
	for _, loop := range loops {
		g.env.Go(func() {
			loop(ctx)
			if left.Add(-1) == 0 {
				ended.Fire()
			}
		})
	}
	ended.Wait(context.WithoutCancel(ctx))
	return ctx.Err()
}

func (g *Group) strict() bool { return g.cfg.Lease == 0 && !g.cfg.Solo }

// outwait is how long after a view was seen to be gone its leases have ended:
// a tenth more than the lease, for clocks that are slow.
func (g *Group) outwait() time.Duration { return g.cfg.Lease + g.cfg.Lease/10 }

// outwaited reports whether nobody can have a lease of a view older than c.
func (g *Group) outwaited(c *installed) bool {
	return g.cfg.Lease == 0 || g.cfg.ablate.noLease || c.history.Quiet(g.env.Now(), g.outwait())
}

// jitter is a random time below d.
func (g *Group) jitter(d time.Duration) time.Duration {
	return time.Duration(g.env.Random() % uint64(max(d, 1)))
}

// each asks all of peers at once. What ask returns is called one at a time,
// and no more once each has returned, which is when all have answered or
// enough, called after each answer, is true.
func (g *Group) each(ctx context.Context, peers []*peer, ask func(p *peer) (record func()), enough func() bool) {
	if len(peers) == 0 {
		return
	}
	var mu sync.Mutex
	ended := g.env.NewEvent()
	left, done := len(peers), false
	for _, p := range peers {
		g.env.Go(func() {
			record := ask(p)
			mu.Lock()
			defer mu.Unlock()
			if left--; done {
				return
			}
			if record != nil {
				record()
			}
			if enough != nil && enough() || left == 0 {
				done = true
				ended.Fire()
			}
		})
	}
	ended.Wait(ctx)
	mu.Lock() // ctx may have ended first
	done = true
	mu.Unlock()
}
