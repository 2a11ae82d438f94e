// Package store is one store as its clients see it: dialling and logging in,
// the pools of connections, bringing a connection to a client's session state,
// and whether the store is alive. It knows no keys, no plans and no other
// store. Packages router and router/replica call it.
package store

import (
	"container/list"
	"context"
	"crypto/tls"
	"log/slog"
	"runtime"
	"sync"
	"sync/atomic"
	"time"

	"github.com/dsmproxy/dsmproxy/protocol"
	"github.com/dsmproxy/dsmproxy/router/meter"
)

// Config is what a Store is made from.
type Config struct {
	Name string
	// An Access, which SetAccess changes.
	Network string // "tcp" or "unix"
	Addr    string
	// User and Password log in to the store; an empty User means the client's
	// own name and password.
	User, Password string
	// ProbeLogin is who the probe logs in as; its User "" means User above.
	ProbeLogin Login
	TLS        *tls.Config // nil: no TLS

	// A Tuning, which SetTuning changes.
	MaxConns       int           // open connections, of all logins; 0 means 200
	Reserve        int           // how many of them only GetReserved takes; MaxConns is more
	MaxIdle        int           // idle ones kept; 0 means MaxConns
	MaxLifetime    time.Duration // of a connection; 0 means no bound
	WaitTimeout    time.Duration // for a connection while MaxConns are open; 0 means 10 s
	ConnectTimeout time.Duration // dial and login together; 0 means 1 s
	ProbeInterval  time.Duration // 0 means 250 ms
	ProbeTimeout   time.Duration // 0 means 1 s

	// Grouped: other stores serve its records until more is known of it than that
	// it is alive (router/fence). It changes what the log says.
	Grouped bool

	Timed meter.Sampler // which statements are timed
	Log   *slog.Logger
}

// withDefaults returns c with its zero values replaced.
func (c Config) withDefaults() Config {
	if c.Log == nil {
		c.Log = slog.New(slog.DiscardHandler)
	}
	return c
}

// Login is what a handshake fixes, and so the key of a pool. It is comparable.
type Login struct {
	User, Password string              // User "": as the probe, whoever that is by then
	Capabilities   protocol.Capability // of FOUND_ROWS, DEPRECATE_EOF, IGNORE_SPACE, INTERACTIVE, ODBC, MULTI_STATEMENTS, MULTI_RESULTS, PS_MULTI_RESULTS; others are ignored
	Collation      uint8               // mapped by the store where it does not know it
}

// Store is one store. It is safe for concurrent use.
type Store struct {
	cfg     Config // but for what access and tuning say
	access  atomic.Pointer[Access]
	tuning  atomic.Pointer[Tuning]
	health  atomic.Pointer[health]
	version atomic.Pointer[string] // of the last greeting
	suspect chan struct{}          // asks for a probe at once
	killers chan struct{}          // holds one for each connection of a KILL

	// tick counts the janitor's rounds: a clock that costs nothing to read.
	tick atomic.Uint32
	// closes counts the idle connections' statements that wait to be closed.
	closes atomic.Int64
	// texts counts the connections with a statement that was prepared by SQL.
	texts atomic.Int64
	// lastGood is when somebody last logged in or the probe was answered, in
	// Unix nanoseconds.
	lastGood atomic.Int64
	// certificateEnd is when the certificate expires that the server has shown and
	// that was verified, in Unix seconds; 0 if there is none.
	certificateEnd atomic.Int64
	// noReset: the server does not know COM_RESET_CONNECTION.
	noReset atomic.Bool
	drained atomic.Bool
	// anew: the probe is to log in again, whatever connection it has.
	anew   atomic.Bool
	counts counts

	lanes   laneSets
	waiting atomic.Int32 // waiters, and those who have just been served

	mu        sync.Mutex // guards what follows; no I/O is done under it
	drainedAt time.Time  // when drained was changed last
	pools     map[Login]*pool
	conns     map[*Conn]struct{} // all that are logged in
	oldest    *Conn              // idle ones in the order of their release
	newest    *Conn
	open      int       // connections, and dials that will make one
	idle      int       // connections in the pools
	waiters   list.List // of *waiter, longest waiting first
	urgent    list.List // those in GetReserved, who come first
	maxIdle   int       // as configured, or KeepIdle's
	closed    bool      // Run has ended: nothing is kept idle
	clock     clock
	// up ends when the store goes down, with the cause; it ends the dials.
	up     context.Context
	goDown context.CancelCauseFunc
}

// New returns a Store; Run must be called for it to be probed.
func New(c Config) *Store {
	s := &Store{
		cfg:     c.withDefaults(),
		suspect: make(chan struct{}, 1),
		killers: make(chan struct{}, maxKillers),
		pools:   make(map[Login]*pool),
		conns:   make(map[*Conn]struct{}),
		lanes: laneSets{
			most: max(leastLanes, 2*runtime.GOMAXPROCS(0)),
			wake: make(chan struct{}, 1), sets: make(map[laneKey]*Lanes),
		},
	}
	s.tuning.Store(Tuning{
		c.MaxConns, c.Reserve, c.MaxIdle, c.MaxLifetime, c.WaitTimeout, c.ConnectTimeout, c.ProbeInterval, c.ProbeTimeout,
	}.withDefaults())
	s.maxIdle = s.tuning.Load().MaxIdle
	s.access.Store(Access{c.Network, c.Addr, c.User, c.Password, c.ProbeLogin, c.TLS}.withDefaults())
	s.health.Store(&health{since: time.Now(), changed: make(chan struct{})})
	s.up, s.goDown = context.WithCancelCause(context.Background())
	return s
}

// Run probes the store until ctx ends, then closes its idle connections.
// Connections in use are closed by their Release then.
func (s *Store) Run(ctx context.Context) error {
	var janitor sync.WaitGroup
	janitor.Go(func() { s.clean(ctx) })
	janitor.Go(func() { s.watchLanes(ctx) })
	s.probe(ctx)
	janitor.Wait()
	s.closeLanes()
	s.mu.Lock()
	s.closed = true
	idle := s.takeAllIdle()
	s.mu.Unlock()
	for _, c := range idle {
		c.quit()
	}
	return nil
}

// Name is the configured name.
func (s *Store) Name() string { return s.cfg.Name }

// Addr is the address that new connections are made to.
func (s *Store) Addr() string { return s.access.Load().Addr }

// WaitTimeout is how long a statement waits for a connection.
func (s *Store) WaitTimeout() time.Duration { return s.tuning.Load().WaitTimeout }

// Version is the server version of the store's greeting; "" before the first.
func (s *Store) Version() string {
	if v := s.version.Load(); v != nil {
		return *v
	}
	return ""
}

// CertificateEnd is when the certificate expires that the server has shown last;
// zero if none was, or none is verified.
func (s *Store) CertificateEnd() time.Time {
	if end := s.certificateEnd.Load(); end != 0 {
		return time.Unix(end, 0)
	}
	return time.Time{}
}

// Stats says what an operator asks: state, since when, the last error, open,
// idle and waiting counts.
func (s *Store) Stats() Stats {
	h := s.health.Load()
	s.mu.Lock()
	defer s.mu.Unlock()
	since := h.since
	if s.Drained() || h.state == Up && s.drainedAt.After(since) {
		since = s.drainedAt
	}
	return Stats{
		State: h.state, Since: since, Err: h.err, Version: s.Version(),
		Open: s.open, Idle: s.idle, Waiting: s.waiters.Len() + s.urgent.Len(),
		Max: s.tuning.Load().MaxConns, Drained: s.Drained(), Refused: h.refused,
		Clock: s.clock.offset, ClockWrong: s.clock.wrong,
	}
}

// Stats is a snapshot of a store for an operator.
type Stats struct {
	State   State
	Since   time.Time // it is in State, or Drained
	Err     error     // the last one that made it Down
	Version string
	Open    int // connections, idle ones and those being dialled included
	Idle    int
	Waiting int // statements, for a connection
	Max     int // connections
	Drained bool
	Refused bool // it is Down because it refuses the probe's login
	// Clock is how far its clock is ahead of the proxy's at least, ClockWrong
	// whether that was found to be too much; 0 before it was asked.
	Clock      time.Duration
	ClockWrong bool
}
