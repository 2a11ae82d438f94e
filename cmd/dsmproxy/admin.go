package main

import (
	"cmp"
	"context"
	"crypto/tls"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/dsmproxy/dsmproxy/conf"
	"github.com/dsmproxy/dsmproxy/internal/admin"
	"github.com/dsmproxy/dsmproxy/internal/metrics"
	"github.com/dsmproxy/dsmproxy/protocol"
	"github.com/dsmproxy/dsmproxy/rewrite"
	"github.com/dsmproxy/dsmproxy/router/placement"
	"github.com/dsmproxy/dsmproxy/router/replica"
	"github.com/dsmproxy/dsmproxy/router/store"
)

// startAdmin serves the address for operators. Where the configuration names
// none and the default is taken, as by another proxy, the proxy goes on without.
func (p *proxy) startAdmin(cfg *conf.Config, in *passed) error {
	if cfg.Admin.Listen == "" {
		return nil
	}
	tlsConfig, err := p.liveAdminTLS(cfg)
	if err != nil {
		return fmt.Errorf("admin: %w", err)
	}
	l, err := in.forAdmin(cfg)
	switch {
	case err != nil && cfg.Admin.Listen == conf.DefaultAdmin:
		p.log.Warn("no status page", "err", err, "action", "give admin.listen an address of its own")
		return nil
	case err != nil:
		return fmt.Errorf("admin.listen: %w", err)
	}
	p.adminListener = l
	scheme := "http"
	if tlsConfig != nil {
		scheme, l = "https", tls.NewListener(l, tlsConfig)
	}
	p.admin = admin.Server(p.adminHandler(), p.log.Logger)
	p.running.Go(func() {
		if err := p.admin.Serve(l); !errors.Is(err, http.ErrServerClosed) {
			p.log.Error("status page ended", "err", err)
		}
	})
	p.adminURL = scheme + "://" + l.Addr().String()
	p.log.Info("status page", "url", p.adminURL)
	return nil
}

// closeAdmin ends what startAdmin has started.
func (p *proxy) closeAdmin() {
	if p.admin == nil {
		return
	}
	ctx, cancel := context.WithTimeout(context.Background(), time.Second)
	defer cancel()
	if p.admin.Shutdown(ctx) != nil {
		p.admin.Close()
	}
}

func (p *proxy) adminHandler() http.Handler {
	return admin.Handler(admin.Config{
		Status: p.status, Clients: p.clientList, Ready: p.ready, Log: p.log.Logger,
		Login: func() admin.Login {
			c := p.force.config()
			return admin.Login{User: c.Admin.User, Password: c.Admin.Password, OpenMetrics: c.Metrics.Open}
		},
		Metrics: metrics.Handler(metrics.Source{
			Version: programBuild().Version, Commit: programBuild().Commit, Copies: p.force.config().Copies,
			Server: p.server, Router: p.router, Planner: p.plans, Set: p.set,
			Reloads: p.force.counts, Stale: p.force.stale, Ready: func() bool { return p.ready() == nil },
			Group: p.fenced.status, Certificates: p.certificateEnds,
		}),
		Actions: admin.Actions{
			Drain: p.drainStore, Kill: p.killClient, Reload: p.reloadNote, LogLevel: p.logLevel,
			Route: p.routes, Explain: p.explainLine,
			Group: admin.GroupActions{Decide: p.fenced.decide, Mend: p.fenced.mend},
		},
	})
}

func (p *proxy) killClient(id uint32, statement bool) (note string, err error) {
	var whose admin.Client
	for _, c := range p.clientList() {
		if c.ID == id {
			whose = c
		}
	}
	var e *protocol.Error
	if err := p.server.Kill(id, statement, nil); errors.As(err, &e) {
		return "", fmt.Errorf("client %d: %w", id, admin.ErrNotFound)
	}
	p.log.Info("client killed by an operator", "id", id, "statement_only", statement)
	who := fmt.Sprintf("client %d (%s at %s)", id, whose.User, whose.Host)
	switch {
	case !statement:
		return who + " is disconnected", nil
	case whose.State == "idle":
		return who + " runs no statement: nothing was ended", nil
	}
	return "the statement of " + who + " is ended", nil
}

// logLevel changes the level until the next restart, or the next change of
// log.level.
func (p *proxy) logLevel(level string) (string, error) {
	if level == "" {
		return p.log.levelName(), nil
	}
	switch level {
	case "debug", "info", "warn", "error":
	default:
		return "", fmt.Errorf("%q is not one of debug, info, warn, error", level)
	}
	was := p.log.levelName()
	p.log.setLevel(level)
	p.log.Warn("log level changed by an operator", "from", was, "to", level)
	return level, nil
}

// routes orders the stores for session IDs, as dsmproxy route does.
func (p *proxy) routes(q admin.RouteRequest) ([]admin.Route, error) {
	cfg := p.force.config()
	r := new(orderer)
	if err := r.configure(cfg, q.Table); err != nil {
		return nil, err
	}
	order := make([]uint16, p.place.Stores())
	list := []admin.Route{}
	for _, id := range q.IDs {
		key, err := hex.DecodeString(id)
		if err != nil {
			return nil, err
		}
		if r.fold {
			key = rewrite.FoldKey(nil, key)
		}
		note := ""
		if len(r.auto) > 0 && !rewrite.FoldsToItself(key) {
			if len(r.auto) > 1 {
				return nil, errors.New("which IDs are one key is as the columns of several tables say: say which table with -table")
			}
			t, known := r.auto[0], false
			if key, known = p.set.Folded(p.ctx, replica.Table{Schema: t.Schema, Name: t.Name, Key: t.Key, Collated: true}, key); !known {
				note = columnUnknown
			}
		}
		p.place.Order(order, key)
		one := admin.Route{ID: id, CRC32: placement.CRC32(key), Live: []string{}, Note: note}
		for _, i := range order {
			st := p.Stores()[i]
			one.Order = append(one.Order, st.Name())
			if st.State() != store.Down && len(one.Live) < cfg.Copies {
				one.Live = append(one.Live, st.Name())
			}
		}
		list = append(list, one)
	}
	return list, nil
}

// explainLine explains a line of dsmproxy explain -json by the configuration in
// force.
func (p *proxy) explainLine(line []byte, asText bool) ([]byte, error) {
	x, err := newExplainer(p.force.config(), "", 0)
	if err != nil {
		return nil, err
	}
	x.folded = func(e *rewrite.Explanation, db string) ([]byte, bool) {
		t := e.Plan.Table
		return p.set.Folded(p.ctx, replica.Table{Schema: cmp.Or(e.Plan.Schema, db), Name: t.Name, Key: t.Key, Collated: true}, e.Key)
	}
	e, err := x.line(line)
	switch {
	case err != nil:
		return nil, err
	case !asText:
		return e.JSON(), nil
	}
	return json.Marshal(x.text(e))
}
