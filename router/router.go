// Package router is one client's MySQL session: its state, its statements, its
// transactions. It implements protocol.Handler, has package rewrite tell what
// each statement is, and package router/replica carry it out.
package router

import (
	"context"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/dsmproxy/dsmproxy/protocol"
	"github.com/dsmproxy/dsmproxy/rewrite"
	"github.com/dsmproxy/dsmproxy/router/meter"
	"github.com/dsmproxy/dsmproxy/router/replica"
	"github.com/dsmproxy/dsmproxy/router/store"
)

// Config is what a Router is made from.
type Config struct {
	Set         *replica.Set
	Planner     *rewrite.Planner
	Credentials protocol.Credentials
	// OtherTables is the index of the store that serves the tables that are
	// not configured; -1 refuses them.
	OtherTables int
	// Kill ends another client, as protocol.Server.Kill does.
	Kill func(id uint32, query bool, by *protocol.Client) error
	// Clients lists the clients, as protocol.Server.List does.
	Clients func() []protocol.ClientInfo
	// Timed says which commands are timed.
	Timed meter.Sampler
	Log   *slog.Logger
}

// Router opens a session for each client. It is safe for concurrent use.
type Router struct {
	Config
	baseMode atomic.Uint32 // rewrite.Mode of a fresh session, as the stores have it
	known    sync.Map      // access -> struct{}: databases that a store has let a user into
	parts    sync.Map      // *rewrite.Table -> *[]replica.Part
	learned  learned
	stmts    store.Shared
	guard    guard
	counts   counts
	limits   atomic.Pointer[defaults]        // of a fresh session; nil: not known
	slow     atomic.Int64                    // see LogSlow
	views    atomic.Pointer[map[string]bool] // session tables that are views
}

// access is a database and the user who may use it.
type access struct{ user, db string }

// New returns a Router. LearnMode is to be called once a store can be reached.
func New(c Config) *Router { return &Router{Config: c} }

// LearnMode asks a store for what fresh sessions have: the sql_mode, and how
// long they wait.
func (r *Router) LearnMode(ctx context.Context) error {
	rows, err := r.Set.Query(ctx, "", "SELECT @@GLOBAL.sql_mode")
	if err != nil {
		return err
	}
	r.baseMode.Store(uint32(rewrite.ParseMode(string(rows[0][0]))))
	r.learnLimits(ctx)
	return nil
}

// LogSlow logs statements from now on that take so long; 0 logs none. Each
// statement is timed then.
func (r *Router) LogSlow(least time.Duration) { r.slow.Store(int64(least)) }

// Open implements protocol.Handler.
func (r *Router) Open(c *protocol.Client) (protocol.Session, error) {
	s := &session{router: r, client: c, shard: meter.Shard(c.ID)}
	if err := s.begin(true); err != nil {
		return nil, err
	}
	return s, nil
}

// storeCapabilities are the flags of a client's handshake that change what a
// store answers, so that the store's handshake must have them too.
const storeCapabilities = protocol.ClientFoundRows | protocol.ClientDeprecateEOF |
	protocol.ClientIgnoreSpace | protocol.ClientMultiResults | protocol.ClientPSMultiResults

// login is who the client's store connections log in as.
func (r *Router) login(c *protocol.Client) store.Login {
	password, _ := r.Credentials.Password(c.User)
	return store.Login{
		User: c.User, Password: password,
		Capabilities: c.Capabilities & storeCapabilities,
		Collation:    c.Collation,
	}
}
