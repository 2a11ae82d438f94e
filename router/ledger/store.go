package ledger

import (
	"context"
	"sync"
	"sync/atomic"

	"github.com/dsmproxy/dsmproxy/router/fence"
	"github.com/dsmproxy/dsmproxy/router/store"
)

// Witness is a server that holds a register and no records. It is a
// fence.Voter, and safe for concurrent use.
type Witness struct {
	cfg     *Config
	st      *store.Store
	session *store.Session // of the proxy's own connections
	own     *Store         // nil of a witness

	shard atomic.Uint32          // the next one to be used
	vec   atomic.Pointer[string] // the register as last seen
	disk  atomic.Pointer[onDisk] // the register as it was last known to be written
	texts texts
	jobs  sync.Pool // of *job
	looks atomic.Uint64
	keys  atomic.Uint64 // about how many there are
}

// Store is a server that holds records too. It is a fence.Store, and safe for
// concurrent use.
type Store struct {
	Witness
	siblings func() []*Store
	shapes   shapes
	fit      func(ctx context.Context, c *store.Conn, boot uint64) error // fitLane
	adoption adoption
}

var (
	_ fence.Voter = (*Witness)(nil)
	_ fence.Store = (*Store)(nil)
)

// Ledger is the stores and witnesses of a proxy.
type Ledger struct {
	Stores    []*Store
	Witnesses []*Witness
	known     *known
	told      map[uint16]string // by Compare and Watch, of tables by number
}

// New returns the Stores and Witnesses of stores that somebody else runs.
func New(c Config, stores, witnesses []*store.Store) (*Ledger, error) {
	c = c.withDefaults()
	if err := c.check(); err != nil {
		return nil, err
	}
	l := &Ledger{known: c.known, told: make(map[uint16]string)}
	for _, st := range stores {
		s := &Store{siblings: func() []*Store { return l.Stores }}
		s.init(&c, st)
		s.own = s
		s.fit = s.fitLane
		l.Stores = append(l.Stores, s)
	}
	for _, st := range witnesses {
		w := &Witness{}
		w.init(&c, st)
		l.Witnesses = append(l.Witnesses, w)
	}
	return l, nil
}

// Of returns the stores and witnesses for a fence.Config.
func (l *Ledger) Of() (stores []fence.Store, witnesses []fence.Voter) {
	for _, s := range l.Stores {
		stores = append(stores, s)
	}
	for _, w := range l.Witnesses {
		witnesses = append(witnesses, w)
	}
	return stores, witnesses
}

func (w *Witness) init(c *Config, st *store.Store) {
	w.cfg, w.st = c, st
	w.texts.init(c)
	w.jobs.New = func() any { return &job{} }
	w.session = (*store.Session)(nil).
		WithSet([]byte("SET NAMES binary"), []string{"names"}, true).
		WithSet([]byte("SET sql_mode='NO_AUTO_VALUE_ON_ZERO,ALLOW_INVALID_DATES', time_zone='+00:00', "+
			"innodb_lock_wait_timeout=5, foreign_key_checks=0, sql_safe_updates=0, sql_select_limit=18446744073709551615, "+
			"sql_big_selects=1, completion_type=0, group_concat_max_len=1048576"),
			[]string{"sql_mode", "time_zone", "innodb_lock_wait_timeout", "foreign_key_checks", "sql_safe_updates",
				"sql_select_limit", "sql_big_selects", "completion_type", "group_concat_max_len"}, true).
		WithSet([]byte("SET SESSION TRANSACTION ISOLATION LEVEL READ COMMITTED"), []string{"transaction_isolation"}, true)
}

// Name is the configured name.
func (w *Witness) Name() string { return w.st.Name() }

// Addr is the address that the server is reached by. It implements fence.Placed.
func (w *Witness) Addr() string { return w.st.Addr() }

// service returns a connection of the proxy's own. Clients that wait for what is
// done with it hold connections to other stores, hence GetReserved.
func (w *Witness) service(ctx context.Context, force bool) (*store.Conn, error) {
	c, err := w.st.GetReserved(ctx, w.cfg.Login, w.session, force)
	if err != nil {
		return nil, unsent(err)
	}
	return c, nil
}
