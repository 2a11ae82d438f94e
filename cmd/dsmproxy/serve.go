package main

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"os/signal"
	"path/filepath"
	"runtime/pprof"
	"slices"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/dsmproxy/dsmproxy/conf"
	"github.com/dsmproxy/dsmproxy/protocol"
	"github.com/dsmproxy/dsmproxy/rewrite"
	"github.com/dsmproxy/dsmproxy/router"
	"github.com/dsmproxy/dsmproxy/router/meter"
	"github.com/dsmproxy/dsmproxy/router/placement"
	"github.com/dsmproxy/dsmproxy/router/replica"
	"github.com/dsmproxy/dsmproxy/router/store"
)

// runServe runs the proxy until SIGTERM or SIGINT.
func runServe(args []string, _ io.Reader, stdout, stderr io.Writer) error {
	fs := newFlags("serve", "[-config FILE]", "Runs the proxy until SIGTERM or SIGINT. SIGHUP has it read its configuration\nagain, SIGUSR2 hand over to a new process of the program.")
	path := fs.String("config", "dsmproxy.toml", "configuration `file`")
	profile := fs.String("cpuprofile", "", "write a processor profile of the run to this `file`")
	rest, done, err := parseFlags(fs, args, stdout, stderr)
	if done || err != nil {
		return err
	}
	if len(rest) > 0 {
		return usageError(fs, stderr, "takes no argument %q", rest[0])
	}
	// Relative paths in it are the same at a reload, wherever that reads it.
	file, err := filepath.Abs(configPath(*path))
	if err != nil {
		return err
	}
	cfg, err := loadConfig(file, stderr)
	if err != nil {
		return err
	}
	if *profile != "" {
		f, err := os.Create(*profile)
		if err != nil {
			return err
		}
		defer f.Close()
		if err := pprof.StartCPUProfile(f); err != nil {
			return err
		}
		defer pprof.StopCPUProfile()
	}
	in, err := takePassed()
	if err != nil {
		return err
	}
	signals := make(chan os.Signal, 2)
	signal.Notify(signals, syscall.SIGHUP, syscall.SIGUSR2) // which otherwise end it while it starts
	p, err := startPassed(cfg, file, newLogging(cfg.Log, stderr), in)
	if err != nil {
		return err
	}
	p.running.Go(func() { adaptProcessors(p.ctx, p.effort, p.log.Logger) })
	signal.Notify(signals, syscall.SIGTERM, syscall.SIGINT)
	err = p.run(signals)
	stop := p.closeOn(signals)
	defer stop()
	return errors.Join(err, p.Close())
}

// proxy is a running proxy: everything that serve and demo start.
type proxy struct {
	log     *logging
	started time.Time
	set     *replica.Set
	server  *protocol.Server
	router  *router.Router
	plans   *rewrite.Planner
	place   placement.Placement
	fenced  *fenced // nil at the level seed
	users   accounts
	tls     liveTLS
	// listeners are for clients; listen is what the configuration named them by
	// at the start.
	listeners     []net.Listener
	listen        string
	passedBy      string       // who has opened them; "": the proxy itself
	program       string       // for a successor
	heir          *heir        // nil: no clients are passed on
	admin         *http.Server // nil: none
	adminListener net.Listener // below TLS
	adminTLS      atomic.Pointer[tls.Config]
	adminListen   string
	adminURL      string // "": none
	force         inForce
	records       recordCounts
	recent        recent
	shown         shown
	serving       atomic.Bool // clients are let in
	draining      atomic.Bool
	cutOff        atomic.Int64 // clients that the end was not waited for
	cutting       sync.Once
	failed        chan error      // why the proxy can't go on
	ctx           context.Context // ends with Close
	cancel        context.CancelFunc
	running       sync.WaitGroup
}

// startProxy starts all of a proxy, in the order stores, probes, listener, so
// that the first client finds the stores known. path is the file that cfg is
// from, for Reload; "" if it is from none.
func startProxy(cfg *conf.Config, path string, log *logging) (*proxy, error) {
	return startPassed(cfg, path, log, passed{})
}

// startPassed is startProxy in a process that sockets were passed to.
func startPassed(cfg *conf.Config, path string, log *logging, in passed) (*proxy, error) {
	file, err := program()
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithCancel(context.Background())
	p := &proxy{
		log: log, started: time.Now(), failed: make(chan error, 1), ctx: ctx, cancel: cancel,
		program: file, listen: cfg.Listen, adminListen: cfg.Admin.Listen,
	}
	p.force.begin(cfg, path)
	if err := p.start(ctx, cfg, &in); err != nil {
		cancel()
		p.closeAdmin()
		p.running.Wait()
		return nil, err
	}
	return p, nil
}

func (p *proxy) start(ctx context.Context, cfg *conf.Config, in *passed) error {
	if err := in.sameLevel(cfg); err != nil {
		return err
	}
	p.users.set(cfg.Users)
	certificates := certificatesIn(cfg) // before they are read
	stores, err := makeStores(cfg, p.log.Logger)
	if err != nil {
		return err
	}
	if p.place, err = makePlacement(cfg); err != nil {
		return err
	}
	if p.fenced, err = newGroup(cfg, stores, p.place, p.log.Logger); err != nil {
		return err
	}
	rc := replica.Config{
		Stores: stores, Placement: p.place, Copies: cfg.Copies,
		Service: ownLogin, Password: p.users.Password, Log: p.log.Logger,
	}
	if p.fenced != nil {
		rc.Group, rc.Ledger = p.fenced.group, p.fenced.ledger
	}
	p.set = replica.New(rc)
	other := -1
	if cfg.OtherTables != "refuse" {
		other = p.set.StoreNamed(cfg.OtherTables)
	}
	p.server = &protocol.Server{Credentials: &p.users, Log: p.log.Logger, Version: p.version}
	if err := faceClients(p.server, cfg); err != nil {
		return err
	}
	if p.server.TLS, err = p.tls.begin(cfg); err != nil {
		return err
	}
	p.plans = p.planner(ctx, cfg)
	r := router.New(router.Config{
		Set: p.set, Planner: p.plans, Credentials: &p.users,
		OtherTables: other, Kill: p.server.Kill, Clients: p.server.List, Timed: timed(cfg), Log: p.log.Logger,
	})
	r.LogSlow(cfg.Log.SlowStatement)
	p.server.Handler, p.router = r, r

	if p.listeners, err = in.forClients(cfg); err != nil {
		return fmt.Errorf("listen: %w", err)
	}
	p.passedBy = in.by
	if err := p.startAdmin(cfg, in); err != nil {
		return errors.Join(err, p.closeListeners())
	}
	access, err := accesses(cfg, cfg, nil)
	if err != nil {
		return errors.Join(err, p.closeListeners())
	}
	p.shown.note(cfg, p.tls.now.Load(), p.adminTLS.Load(), access)
	p.running.Go(func() { p.log.run(ctx) })
	for _, st := range stores {
		p.running.Go(func() { _ = st.Run(ctx) })
	}
	p.running.Go(func() { _ = p.set.Run(ctx) })
	if p.fenced != nil {
		if _, err := p.fenced.agree(ctx); err != nil {
			return errors.Join(err, p.closeListeners())
		}
		if err := p.fenced.ledger.Unfit(ctx); err != nil {
			return errors.Join(err, p.closeListeners())
		}
		p.fenced.ledger.Compare(ctx, p.fenced.member)
		p.running.Go(func() { p.fenced.run(ctx, p.fail) })
	} else {
		if err := p.apart(ctx, apartTime); err != nil {
			return errors.Join(err, p.closeListeners())
		}
		p.running.Go(func() { p.keepApart(ctx) })
	}
	p.awaitStore(ctx, r, tables(cfg))
	p.beReady(ctx, in)
	p.running.Go(func() { p.keepRecent(ctx) })
	p.running.Go(func() { p.tellExpiry(ctx) })
	p.running.Go(func() { p.watchFile(ctx) })
	if len(certificateFiles(cfg)) > 0 || p.force.path != "" {
		p.running.Go(func() { p.watchCertificates(ctx, certificates) })
	}
	p.server.StartIDs(in.LastID)
	p.serving.Store(true)
	for _, l := range p.listeners {
		p.running.Go(func() {
			if err := p.server.Serve(l); err != nil && !errors.Is(err, net.ErrClosed) {
				p.log.Error("listener failed", "err", err)
			}
		})
		p.log.Info("listening", "addr", l.Addr().String(), "stores", len(stores),
			"copies", cfg.Copies, "level", cfg.Consistency.Level)
	}
	if in.by != "" {
		p.log.Info("sockets were passed on", "by", in.by, "used", slices.Equal(p.listeners, in.clients))
	}
	p.inherit(ctx, in)
	return in.serves()
}

// awaitStore waits a moment for the first store, for its version goes into the
// greeting and its sql_mode into how statements are read; without one it goes
// on, and asks until one is there.
func (p *proxy) awaitStore(ctx context.Context, r *router.Router, tables []rewrite.Table) {
	learned := make(chan struct{})
	p.running.Go(func() {
		defer close(learned)
		for ctx.Err() == nil {
			err := r.LearnMode(ctx)
			if err == nil {
				r.CheckNames(ctx, tables)
				return
			}
			p.log.Warn("no store can be asked for its sql_mode yet", "err", err)
			select {
			case <-ctx.Done():
			case <-time.After(time.Second):
			}
		}
	})
	select {
	case <-learned:
	case <-time.After(2 * time.Second):
	}
}

// version is the server version that clients are greeted with.
func (p *proxy) version() string {
	if v := p.set.Version(); v != "" {
		return v
	}
	return "8.0.0-dsmproxy"
}

// Addr is where clients connect to, the first of several addresses.
func (p *proxy) Addr() net.Addr { return p.listeners[0].Addr() }

// Stores are the stores in the configured order.
func (p *proxy) Stores() []*store.Store { return p.set.Stores() }

// servers are the stores, then the witnesses.
func (p *proxy) servers() []*store.Store {
	if p.fenced != nil {
		return p.fenced.servers
	}
	return p.Stores()
}

// timed says which statements are timed.
func timed(cfg *conf.Config) meter.Sampler {
	if !cfg.Metrics.Histograms {
		return meter.Every(0)
	}
	return meter.Every(cfg.Metrics.TimedEvery)
}

func (p *proxy) planner(ctx context.Context, cfg *conf.Config) *rewrite.Planner {
	return rewrite.NewPlanner(rewrite.Options{
		Tables: tables(cfg),
		Columns: func(t *rewrite.Table, schema string) ([]string, bool) {
			if t.Schema != "" {
				schema = t.Schema
			}
			names, err := p.set.Columns(ctx, replica.Table{Schema: schema, Name: t.Name, Key: t.Key})
			return names, err == nil
		},
	})
}

// tables are the configured tables as the planner wants them.
func tables(cfg *conf.Config) []rewrite.Table {
	list := make([]rewrite.Table, len(cfg.Tables))
	for i, t := range cfg.Tables {
		list[i] = rewrite.Table{
			Schema: t.Schema, Name: t.Name, Key: t.Key, Surrogate: t.Surrogate,
			Columns: t.Columns, FoldCase: t.Collation == "ci", Collated: t.Collation == "auto",
		}
		for _, s := range t.Secondary {
			name, column, _ := conf.SplitSecondary(s)
			list[i].Secondary = append(list[i].Secondary, rewrite.Secondary{Name: name, Column: column})
		}
	}
	return list
}

func makePlacement(cfg *conf.Config) (placement.Placement, error) {
	list := make([]placement.Store, len(cfg.Stores))
	for i, s := range cfg.Stores {
		list[i] = placement.Store{Name: s.Name, Weight: s.Weight, Zone: s.Zone}
	}
	return placement.New(cfg.Placement, list)
}

func makeStores(cfg *conf.Config, log *slog.Logger) ([]*store.Store, error) {
	list := make([]*store.Store, len(cfg.Stores))
	for i, s := range cfg.Stores {
		var err error
		if list[i], err = makeStore(cfg, s, log); err != nil {
			return nil, fmt.Errorf("store %s: %w", s.Name, err)
		}
	}
	return list, nil
}

// storeAccess is how a store is reached.
func storeAccess(cfg *conf.Config, s conf.Store) (store.Access, error) {
	tlsConfig, err := s.TLS.Config(s.Addr)
	network, addr := conf.SplitAddr(s.Addr)
	probe := probeLogin(cfg)
	if s.User != "" { // which may be the only account that the store has for the proxy
		probe.User, probe.Password = s.User, s.Password
	}
	return store.Access{
		Network: network, Addr: addr, User: s.User, Password: s.Password, ProbeLogin: probe, TLS: tlsConfig,
	}, err
}

// tuning is how many connections a store gets, and how it is watched.
func tuning(cfg *conf.Config) store.Tuning {
	reserve := 0
	if cfg.Consistency.Fenced() {
		// For copies: who writes holds a connection to the record's primary meanwhile.
		reserve = max(1, cfg.Pool.MaxConns/8)
	}
	return store.Tuning{
		MaxConns: cfg.Pool.MaxConns, Reserve: reserve, MaxIdle: cfg.Pool.MaxIdle, MaxLifetime: cfg.Pool.MaxLifetime,
		WaitTimeout: cfg.Pool.WaitTimeout, ConnectTimeout: cfg.Health.ConnectTimeout,
		ProbeInterval: cfg.Health.ProbeInterval, ProbeTimeout: cfg.Health.ProbeTimeout,
	}
}

func makeStore(cfg *conf.Config, s conf.Store, log *slog.Logger) (*store.Store, error) {
	to, err := storeAccess(cfg, s)
	if err != nil {
		return nil, err
	}
	st := store.New(store.Config{
		Name: s.Name, Network: to.Network, Addr: to.Addr,
		User: to.User, Password: to.Password, ProbeLogin: to.ProbeLogin, TLS: to.TLS,
		Grouped: cfg.Consistency.Fenced(), Timed: timed(cfg), Log: log,
	})
	st.SetTuning(tuning(cfg))
	return st, nil
}

// ownLogin is the proxy's own login at a store, whose user and password are
// the probe's there: they may change while it runs.
var ownLogin = store.Login{
	Capabilities: protocol.ClientDeprecateEOF | protocol.ClientMultiResults | protocol.ClientPSMultiResults,
	Collation:    45,
}

// probeLogin is who the proxy logs in as for itself, at a store that has no
// account of its own: the first user.
func probeLogin(cfg *conf.Config) store.Login {
	l := ownLogin
	l.User, l.Password = cfg.Users[0].Name, cfg.Users[0].Password
	return l
}
