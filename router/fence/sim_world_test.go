package fence

import (
	"context"
	"encoding/binary"
	"fmt"
	"io"
	"math"
	"strconv"
	"time"

	"github.com/dsmproxy/dsmproxy/router/view"
)

// simConfig is one kind of history.
type simConfig struct {
	Name                   string
	Stores, Copies         int
	MinCopies              int
	Witnesses              int
	Proxies, Clients, Keys int
	Lease                  time.Duration // 0: strict, unless Solo
	Solo                   bool
	Naive                  bool          // the rule of 2006 instead of a Group
	Lossy                  bool          // a store that is restarted has lost seconds
	Flush                  bool          // what is committed can be read before it is on the disk
	Drift                  float64       // of the proxies' clocks
	StopClock              bool          // a proxy that is stopped does not see the time pass
	Late                   uint64        // Config.Late; 0 means 40
	Rejoin                 time.Duration // Config.Rejoin; 0: short, and different in each proxy
	LookTimeout            time.Duration // of Look; 0: lookTimeout
	Faults                 []fault       // with their weights
	Calm                   bool          // no late packets
	Length                 time.Duration // of the part with faults
	Adopt                  bool          // begin with records from before the protocol

	ablate  ablations
	without without
}

// without takes out what the stores do.
type without struct {
	fence     bool // requests are carried out in any view
	flush     bool // images that are told may not be on the disk yet
	gate      bool // stores that have lost something are let in as they are
	tickLimit bool // puts are never too late
	once      bool // a register is made where there is one by now
}

// world is one history.
type world struct {
	*engine
	cfg     simConfig
	servers []*server // the stores, then the witnesses
	names   []string
	proxies []*simProxy
	orders  [][]uint16 // by key

	cutRequest, cutReply map[[2]int]bool // by proxy and server
	calm                 bool
	boots                uint64
	begun                map[uint64]simRow // by key: what it was adopted with

	history []*simCall
	faults  map[fault]int
	log     io.Writer // nil: no trace
	// crashLive ends or restarts a server that goroutines use.
	crashLive func(s *server, crash bool)
	// hook is called before a server carries a step out; nil in histories.
	hook    func(l *link, call string)
	clients int
	strange uint64        // Counts.Strange of the proxies that were killed
	ended   time.Duration // when the clients end
}

// simProxy is a proxy: its Group, and what keeps it from working.
type simProxy struct {
	w           *world
	index       int
	life        int // counts its starts
	dead        bool
	pausedUntil time.Duration
	stopped     time.Duration // of its clock
	group       *Group
	links       []*link         // of the Group, by server
	downUntil   []time.Duration // naive
}

// clock is the proxy's: it drifts, and may have stood still.
func (p *simProxy) clock() time.Duration {
	rate := 1 + p.w.cfg.Drift*[]float64{0, 1, -1, 0.5}[p.index%4]
	return time.Duration(float64(p.w.now-p.stopped)*rate) + time.Hour
}

// simPlacement orders stores as it was drawn.
type simPlacement struct{ w *world }

func (s simPlacement) Stores() int { return s.w.cfg.Stores }

func (s simPlacement) Order(dst []uint16, key []byte) { copy(dst, s.w.orders[keyNumber(key)]) }

func keyID(k int) []byte { return []byte(strconv.Itoa(k)) }

func keyNumber(id []byte) int {
	k, err := strconv.Atoi(string(id))
	if err != nil {
		panic(err)
	}
	return k
}

func newWorld(cfg simConfig, seed uint64) *world {
	if cfg.MinCopies == 0 {
		cfg.MinCopies = cfg.Copies
	}
	if cfg.Late == 0 {
		cfg.Late = 40
	}
	w := &world{
		engine: newEngine(seed), cfg: cfg, calm: cfg.Calm, ended: cfg.Length,
		cutRequest: make(map[[2]int]bool), cutReply: make(map[[2]int]bool),
		faults: make(map[fault]int), begun: make(map[uint64]simRow),
	}
	for range cfg.Keys {
		order := make([]uint16, cfg.Stores)
		for i, s := range w.rng.Perm(cfg.Stores) {
			order[i] = uint16(s)
		}
		w.orders = append(w.orders, order)
	}
	first := view.New(cfg.Stores)
	for i := range cfg.Stores + cfg.Witnesses {
		s := &server{w: w, index: i}
		s.wipe()
		w.servers = append(w.servers, s)
		w.names = append(w.names, fmt.Sprintf("s%d", i))
		s.alive, s.locks = true, make(map[string]rowLock)
		if !cfg.Adopt {
			s.open(Found, first, 0)
			s.cover = first
		}
	}
	for i := range cfg.Proxies {
		p := &simProxy{w: w, index: i}
		w.proxies = append(w.proxies, p)
	}
	if cfg.Adopt {
		w.sow()
	}
	for _, p := range w.proxies {
		p.begin()
	}
	return w
}

// sow leaves records from before the protocol, not all of them where they
// should be.
func (w *world) sow() {
	for k := range w.cfg.Keys {
		for i := len(w.orders[k]) - 1; i >= 0; i-- {
			if w.one(2) {
				val := w.rng.Uint64()
				w.servers[w.orders[k][i]].entries[string(keyID(k))] = Entry{Known: true, Image: binary.BigEndian.AppendUint64(nil, val)}
				w.begun[uint64(k)] = simRow{true, val} // the first of the order is the last that is sown
			}
		}
	}
}

// begin starts the proxy.
func (p *simProxy) begin() {
	p.dead = false
	w := p.w
	if w.cfg.Naive {
		p.downUntil = make([]time.Duration, w.cfg.Stores)
	} else {
		p.startGroup()
	}
	if w.cfg.Adopt && w.cfg.Clients > 0 { // else the test does
		p.found()
	}
	for range max(w.cfg.Clients, 0) {
		w.startClient(p)
	}
}

func (p *simProxy) startGroup() {
	w := p.w
	cfg := Config{
		Placement: simPlacement{w}, Copies: w.cfg.Copies, MinCopies: w.cfg.MinCopies,
		Lease: w.cfg.Lease, Solo: w.cfg.Solo,
		Detect:        300*time.Millisecond + w.upTo(700*time.Millisecond),
		DetectRefused: 100*time.Millisecond + w.upTo(700*time.Millisecond),
		Rejoin:        time.Duration(1 + w.rng.IntN(600)*int(time.Millisecond)), RejoinMax: time.Second,
		Late: w.cfg.Late, MendEvery: 500 * time.Millisecond, Patience: 3 * time.Second,
		Env: simEnv{p}, ablate: w.cfg.ablate,
	}
	if w.cfg.Rejoin > 0 {
		cfg.Rejoin, cfg.RejoinMax = w.cfg.Rejoin, w.cfg.Rejoin
	}
	p.links = nil
	for i, s := range w.servers {
		l := &link{p: p, s: s}
		p.links = append(p.links, l)
		if i < w.cfg.Stores {
			cfg.Stores = append(cfg.Stores, l)
		} else {
			cfg.Witnesses = append(cfg.Witnesses, l)
		}
	}
	g, err := New(cfg)
	if err != nil {
		panic(err)
	}
	p.group = g
	w.spawn(p, func() { _ = g.Run(context.Background()) })
}

// kill ends the proxy's life. What it has sent arrives all the same.
func (p *simProxy) kill() {
	p.life++
	if p.group != nil {
		p.w.strange += p.group.counts.strange.Load()
	}
	p.dead, p.pausedUntil = true, 0
}

func (w *world) trace(format string, args ...any) {
	if w.log != nil {
		fmt.Fprintf(w.log, "%12v %s\n", w.now, fmt.Sprintf(format, args...))
	}
}

// top is the join of the stores' registers.
func (w *world) top() *view.View {
	var v *view.View
	for _, s := range w.servers {
		if s.view != nil {
			v = s.view.Join(v)
		}
	}
	return v
}

// The operations of clients.

type simKind uint8

const (
	doRead simKind = iota // SELECT
	doPut                 // REPLACE
	doSet                 // UPDATE ... SET val = arg
	doMix                 // UPDATE ... SET val = f(val, arg)
	doDelete
	doTxn    // SELECT ... FOR UPDATE; UPDATE: it tells what it has read
	doSurvey // of several keys: a doRead of each
)

func (k simKind) String() string {
	return [...]string{"read", "put", "set", "mix", "delete", "txn"}[k]
}

type simOp struct {
	kind simKind
	arg  uint64
}

type simRow struct {
	exists bool
	val    uint64
}

// simOut is an answer to one operation.
type simOut struct {
	unknown  bool
	found    bool
	val      uint64
	affected int
}

func (o simOp) apply(r simRow) (next simRow, changed bool, out simOut) {
	switch {
	case o.kind == doRead:
		return r, false, simOut{found: r.exists, val: r.val}
	case o.kind == doPut:
		return simRow{true, o.arg}, true, simOut{affected: 1}
	case !r.exists:
		return r, false, simOut{}
	case o.kind == doSet:
		return simRow{true, o.arg}, true, simOut{affected: 1}
	case o.kind == doMix:
		return simRow{true, scramble(r.val, o.arg)}, true, simOut{affected: 1}
	case o.kind == doTxn:
		return simRow{true, scramble(r.val, o.arg)}, true, simOut{found: true, val: r.val}
	}
	return simRow{}, true, simOut{affected: 1}
}

// scramble depends on the order of what it is given.
func scramble(a, b uint64) uint64 {
	x := a*0x9e3779b97f4a7c15 + b
	x ^= x >> 29
	x *= 0xbf58476d1ce4e5b9
	return x ^ x>>32
}

// simCall is one operation on one key, as its client has seen it.
type simCall struct {
	client, key int
	op          simOp
	out         simOut
	call, ret   time.Duration
	state       callState
	err         error
}

type callState uint8

const (
	pending  callState = iota // or of unknown outcome
	answered                  // with out
	untold                    // it took effect, and out is lost
	failed                    // certainly without effect
)

const forever = time.Duration(math.MaxInt64 / 2)
