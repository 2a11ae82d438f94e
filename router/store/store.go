// Package store is one store as its clients see it: dialling and logging in,
// the pools of connections, bringing a connection to a client's session state,
// and whether the store is alive. It knows no keys, no plans and no other
// store. Packages router and router/replica call it.
package store

import (
	"context"
	"crypto/tls"
	"log/slog"
	"time"

	"github.com/dsmproxy/dsmproxy/protocol"
)

// Config is what a Store is made from.
type Config struct {
	Name    string
	Network string // "tcp" or "unix"
	Addr    string
	// User and Password log in to the store; an empty User means the client's
	// own name and password.
	User, Password string
	// ProbeLogin is who the probe logs in as.
	ProbeLogin Login
	TLS        *tls.Config // nil: no TLS

	MaxConns       int           // open connections, of all logins; 0 means 200
	MaxIdle        int           // idle ones kept; 0 means MaxConns
	MaxLifetime    time.Duration // of a connection; 0 means no bound
	ConnectTimeout time.Duration // dial and login together; 0 means 1 s
	ProbeInterval  time.Duration // 0 means 250 ms
	ProbeTimeout   time.Duration // 0 means 1 s
	Log            *slog.Logger
}

// Login is what a handshake fixes, and so the key of a pool. It is comparable.
type Login struct {
	User, Password string
	Capabilities   protocol.Capability // of FOUND_ROWS, DEPRECATE_EOF, IGNORE_SPACE, INTERACTIVE, ODBC, MULTI_RESULTS, PS_MULTI_RESULTS
	Collation      uint8               // mapped by the store where it does not know it
}

// State is whether a store is believed to be alive.
type State uint8

// The states of a store.
const (
	// Unknown: not reached yet since the proxy began. Left by the first probe
	// or statement.
	Unknown State = iota
	// Up: the last login or statement went well.
	Up
	// Down: the last one failed. Only the probe tries a store that is down; one
	// probe that logs in and gets an answer makes it Up.
	Down
)

// Store is one store. It is safe for concurrent use.
type Store struct {
	// to be written by the owner of this package
}

// New returns a Store; Run must be called for it to be probed.
func New(c Config) *Store { panic("contract only") }

// Run probes the store until ctx ends, then closes its idle connections.
func (s *Store) Run(ctx context.Context) error { panic("contract only") }

// Name is the configured name.
func (s *Store) Name() string { panic("contract only") }

// State is lock-free.
func (s *Store) State() State { panic("contract only") }

// Stats says what an operator asks: state, since when, the last error, open,
// idle and waiting counts.
func (s *Store) Stats() Stats { panic("contract only") }

// Stats is a snapshot of a store for an operator.
type Stats struct {
	State   State
	Since   time.Time
	Err     error // the last one that made it Down
	Version string
	Open    int
	Idle    int
	Waiting int
}

// Version is the server version of the store's greeting; "" before the first.
func (s *Store) Version() string { panic("contract only") }

// Changed returns a channel that is closed at the next change of State.
func (s *Store) Changed() <-chan struct{} { panic("contract only") }

// Get returns a connection whose session state is want: an idle one (one whose
// state is want already, if there is one) or a new one. It waits, in turn,
// while MaxConns are open. A failure to dial makes the store Down; an *protocol.Error
// of the store's login (1045, 1049, 1040) or of a statement of want is returned as
// it is and does not.
//
// If the store is Down, Get fails at once with ErrDown unless force is set
// (the last store that is left is tried all the same).
func (s *Store) Get(ctx context.Context, l Login, want *Session, force bool) (*Conn, error) {
	panic("contract only")
}
