package replica

import (
	"context"
	"errors"
	"log/slog"
	"math"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"time"

	"github.com/dsmproxy/dsmproxy/protocol"
	"github.com/dsmproxy/dsmproxy/router/fence"
	"github.com/dsmproxy/dsmproxy/router/ledger"
	"github.com/dsmproxy/dsmproxy/router/placement"
	"github.com/dsmproxy/dsmproxy/router/store"
)

// Config is what a Set is made from.
type Config struct {
	Stores    []*store.Store
	Placement placement.Placement
	Copies    int // N, 1 to the number of stores
	// Service is who the proxy logs in as for statements of its own.
	Service store.Login
	// Password is what a client's user logs in with by now; nil: as it did then.
	Password func(user string) (string, bool)
	// LockWait bounds the wait for a key that another client writes; 0 means
	// 50 s, as innodb_lock_wait_timeout.
	LockWait time.Duration
	Log      *slog.Logger
	// Group and Ledger are those of the stores at the levels safe and strict; nil
	// at the level seed.
	Group  *fence.Group
	Ledger *ledger.Ledger
}

// Set is all stores with the rule by which records are spread over them. It is
// safe for concurrent use.
type Set struct {
	stores    []*store.Store
	place     placement.Placement
	copies    int
	group     *fence.Group // nil at the level seed
	ledger    *ledger.Ledger
	service   store.Login
	password  func(user string) (string, bool)
	lockWait  time.Duration
	log       *slog.Logger
	locks     *keyLocks
	schemas   schemas
	keyRule   atomic.Pointer[keyRule] // of the table that was asked for last
	numbers   numbers
	id        uint64 // of this proxy, among those that lease numbers
	deadlocks deadlocks
	lockWaiters
	lockHomes
	lockHolders
	holders  sync.Map  // connOf -> uint32: CONNECTION_ID() of the client whose locks it holds
	pending  []backlog // by store
	catchUps sync.WaitGroup
	kills    sync.WaitGroup // KILL QUERYs under way
	isShort  atomic.Bool    // the last write had fewer than N copies
	counts   counts
}

// New returns the Set of the given stores.
func New(c Config) *Set {
	if c.LockWait == 0 {
		c.LockWait = 50 * time.Second
	}
	s := &Set{
		stores: c.Stores, place: c.Placement, copies: c.Copies, group: c.Group, ledger: c.Ledger,
		service: c.Service, password: c.Password, lockWait: c.LockWait, log: c.Log,
		deadlocks: deadlocks{txns: make(map[*Client]struct{})},
		locks:     newKeyLocks(), pending: make([]backlog, len(c.Stores)),
		numbers: numbers{wanted: make(chan *sequence, 1)},
		schemas: schemas{log: c.Log, fenced: c.Group != nil},
		id:      many + 1 + rand.Uint64N(math.MaxUint64-many-1),
	}
	s.schemas.ask = s.queryIn("")
	if c.Ledger != nil {
		c.Ledger.SetFolding(s.Folding)
	}
	return s
}

// Stores are all stores, in the configured order.
func (s *Set) Stores() []*store.Store { return s.stores }

// StoreNamed returns the index of the store of the given name, or -1.
func (s *Set) StoreNamed(name string) int {
	for i, st := range s.stores {
		if st.Name() == name {
			return i
		}
	}
	return -1
}

// Version is the server version of the first store that has one.
func (s *Set) Version() string {
	for _, st := range s.stores {
		if v := st.Version(); v != "" {
			return v
		}
	}
	return ""
}

// short warns once that a write has fewer than N copies, full tells once that
// writes have them again.
func (s *Set) short(have int) {
	s.counts.short.Add(1)
	if s.isShort.CompareAndSwap(false, true) {
		s.log.Warn("writes have too few copies", "copies", have, "want", s.copies,
			"action", "bring stores back: what is written now is on fewer stores than configured")
	}
}

func (s *Set) full() {
	if s.isShort.Load() && s.isShort.CompareAndSwap(true, false) {
		s.log.Info("writes have all copies again", "want", s.copies)
	}
}

// live reports whether statements go to store i.
func (s *Set) live(i int) bool {
	return s.stores[i].State() != store.Down && (s.group == nil || s.group.Serves(i))
}

// Live reports whether statements go to any store.
func (s *Set) Live() bool {
	for i := range s.stores {
		if s.live(i) {
			return true
		}
	}
	return false
}

// Query runs a statement of the proxy's own on the first store that answers
// it, in database db ("" for none).
func (s *Set) Query(ctx context.Context, db, sql string) ([][][]byte, error) {
	var want *store.Session
	if db != "" {
		want = want.WithDB(db)
	}
	var last error
	for _, force := range []bool{false, true} {
		for i, st := range s.stores {
			if !force && !s.live(i) {
				continue
			}
			conn, err := st.Get(ctx, s.service, want, force)
			if err != nil {
				last = err
				continue
			}
			rows, err := queryOnce(ctx, conn, sql)
			if err == nil || !storeFailed(err) {
				return rows, err
			}
			last = err
		}
	}
	var refused *protocol.Error
	if errors.As(last, &refused) && refused.Code == protocol.ErrBadDB {
		return nil, refused
	}
	return nil, unreachable(last)
}

// queryOnce runs a statement on a connection of the proxy's own and gives it
// back.
func queryOnce(ctx context.Context, conn *store.Conn, sql string) ([][][]byte, error) {
	rows, err := conn.Query(ctx, sql)
	if err != nil && storeFailed(err) {
		conn.Discard()
	} else {
		conn.Release()
	}
	return rows, err
}

// unreachable is what a client is told when no store is left.
func unreachable(last error) *protocol.Error {
	if last == nil {
		last = store.ErrDown
	}
	return protocol.Errorf(protocol.ErrUnknown,
		"dsmproxy: no store can serve this statement (last: %v); nothing was changed, see the proxy's log", store.Told(last))
}
