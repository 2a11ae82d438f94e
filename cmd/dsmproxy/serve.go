package main

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"os"
	"os/signal"
	"runtime/pprof"
	"sync"
	"syscall"
	"time"

	"github.com/dsmproxy/dsmproxy/conf"
	"github.com/dsmproxy/dsmproxy/protocol"
	"github.com/dsmproxy/dsmproxy/rewrite"
	"github.com/dsmproxy/dsmproxy/router"
	"github.com/dsmproxy/dsmproxy/router/placement"
	"github.com/dsmproxy/dsmproxy/router/replica"
	"github.com/dsmproxy/dsmproxy/router/store"
)

// runServe runs the proxy until SIGTERM or SIGINT.
func runServe(args []string, _ io.Reader, stdout, stderr io.Writer) error {
	fs := newFlags("serve", "[-config FILE]", "Runs the proxy until SIGTERM or SIGINT.")
	path := fs.String("config", "dsmproxy.toml", "configuration `file`")
	profile := fs.String("cpuprofile", "", "write a processor profile of the run to this `file`")
	rest, done, err := parseFlags(fs, args, stdout, stderr)
	if done || err != nil {
		return err
	}
	if len(rest) > 0 {
		return usageError(fs, stderr, "takes no argument %q", rest[0])
	}
	cfg, err := loadConfig(*path, stderr)
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
	p, err := startProxy(cfg, newLogger(cfg.Log, stderr))
	if err != nil {
		return err
	}
	stop := make(chan os.Signal, 2)
	signal.Notify(stop, syscall.SIGTERM, syscall.SIGINT)
	manager := p.tellManager()
	sig := <-stop
	p.log.Info("stopping", "signal", sig.String())
	manager.stopping()
	return p.Close()
}

func newLogger(c conf.Log, w io.Writer) *slog.Logger {
	var level slog.Level
	if err := level.UnmarshalText([]byte(c.Level)); err != nil {
		level = slog.LevelInfo
	}
	o := &slog.HandlerOptions{Level: level}
	if c.Format == "json" {
		return slog.New(slog.NewJSONHandler(w, o))
	}
	return slog.New(slog.NewTextHandler(w, o))
}

// proxy is a running proxy: everything that serve and demo start.
type proxy struct {
	log      *slog.Logger
	set      *replica.Set
	server   *protocol.Server
	listener net.Listener
	ctx      context.Context // ends with Close
	cancel   context.CancelFunc
	running  sync.WaitGroup
}

// drainTime is how long Close waits for clients to reach the end of their
// statement or transaction.
const drainTime = 5 * time.Second

// startProxy starts all of a proxy, in the order stores, probes, listener, so
// that the first client finds the stores known.
func startProxy(cfg *conf.Config, log *slog.Logger) (*proxy, error) {
	ctx, cancel := context.WithCancel(context.Background())
	p := &proxy{log: log, ctx: ctx, cancel: cancel}
	if err := p.start(ctx, cfg); err != nil {
		cancel()
		p.running.Wait()
		return nil, err
	}
	return p, nil
}

func (p *proxy) start(ctx context.Context, cfg *conf.Config) error {
	users := credentials(cfg)
	stores, err := makeStores(cfg, p.log)
	if err != nil {
		return err
	}
	place, err := makePlacement(cfg)
	if err != nil {
		return err
	}
	p.set = replica.New(replica.Config{
		Stores: stores, Placement: place, Copies: cfg.Copies,
		Service: probeLogin(cfg), Log: p.log,
	})
	other := -1
	if cfg.OtherTables != "refuse" {
		other = p.set.StoreNamed(cfg.OtherTables)
	}
	p.server = &protocol.Server{Credentials: users, Log: p.log, Version: p.version}
	if err := faceClients(p.server, cfg); err != nil {
		return err
	}
	r := router.New(router.Config{
		Set: p.set, Planner: p.planner(ctx, cfg), Credentials: users,
		OtherTables: other, Kill: p.server.Kill, Log: p.log,
	})
	p.server.Handler = r

	network, addr := conf.SplitAddr(cfg.Listen)
	if p.listener, err = net.Listen(network, addr); err != nil {
		return fmt.Errorf("listen: %w", err)
	}
	for _, st := range stores {
		p.running.Go(func() { _ = st.Run(ctx) })
	}
	p.running.Go(func() { _ = p.set.Run(ctx) })
	p.awaitStore(ctx, r, tables(cfg))
	p.running.Go(func() {
		if err := p.server.Serve(p.listener); err != nil && !errors.Is(err, net.ErrClosed) {
			p.log.Error("listener failed", "err", err)
		}
	})
	p.log.Info("listening", "addr", p.listener.Addr().String(), "stores", len(stores),
		"copies", cfg.Copies, "level", cfg.Consistency.Level)
	return nil
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

// Addr is where clients connect to.
func (p *proxy) Addr() net.Addr { return p.listener.Addr() }

// Stores are the stores in the configured order.
func (p *proxy) Stores() []*store.Store { return p.set.Stores() }

// Close lets clients end their statement, then ends everything.
func (p *proxy) Close() error {
	ctx, cancel := context.WithTimeout(context.Background(), drainTime)
	defer cancel()
	err := p.server.Shutdown(ctx)
	if errors.Is(err, context.DeadlineExceeded) {
		err = p.server.Close()
	}
	p.cancel()
	p.running.Wait()
	return err
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
			Columns: t.Columns, FoldCase: t.Collation == "ci",
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
		tlsConfig, err := s.TLS.Config(s.Addr)
		if err != nil {
			return nil, fmt.Errorf("store %s: %w", s.Name, err)
		}
		network, addr := conf.SplitAddr(s.Addr)
		list[i] = store.New(store.Config{
			Name: s.Name, Network: network, Addr: addr,
			User: s.User, Password: s.Password, ProbeLogin: probeLogin(cfg), TLS: tlsConfig,
			MaxConns: cfg.Pool.MaxConns, MaxIdle: cfg.Pool.MaxIdle, MaxLifetime: cfg.Pool.MaxLifetime,
			WaitTimeout: cfg.Pool.WaitTimeout, ConnectTimeout: cfg.Health.ConnectTimeout,
			ProbeInterval: cfg.Health.ProbeInterval, ProbeTimeout: cfg.Health.ProbeTimeout,
			Log: log,
		})
	}
	return list, nil
}

// probeLogin is who the proxy logs in as for itself, at a store that has no
// account of its own: the first user.
func probeLogin(cfg *conf.Config) store.Login {
	u := cfg.Users[0]
	return store.Login{
		User: u.Name, Password: u.Password,
		Capabilities: protocol.ClientDeprecateEOF | protocol.ClientMultiResults | protocol.ClientPSMultiResults,
		Collation:    45,
	}
}

// clientTLS is the TLS configuration towards clients, with a self-signed
// certificate made now where none is configured, as MySQL does.
func clientTLS(cfg *conf.Config) (*tls.Config, error) {
	c, err := cfg.TLS.Config()
	if c == nil || err != nil || len(c.Certificates) > 0 {
		return c, err
	}
	own, err := protocol.SelfSigned()
	if err != nil {
		return nil, err
	}
	c.Certificates = []tls.Certificate{*own}
	return c, nil
}

// passwords are the users that clients may log in as.
type passwords map[string]string

func credentials(cfg *conf.Config) passwords {
	p := passwords{}
	for _, u := range cfg.Users {
		p[u.Name] = u.Password
	}
	return p
}

// Password implements protocol.Credentials.
func (p passwords) Password(user string) (string, bool) {
	password, ok := p[user]
	return password, ok
}
