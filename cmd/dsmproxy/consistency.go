package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"time"

	"github.com/dsmproxy/dsmproxy/conf"
	"github.com/dsmproxy/dsmproxy/rewrite"
	"github.com/dsmproxy/dsmproxy/router/fence"
	"github.com/dsmproxy/dsmproxy/router/ledger"
	"github.com/dsmproxy/dsmproxy/router/placement"
	"github.com/dsmproxy/dsmproxy/router/store"
	"github.com/dsmproxy/dsmproxy/router/view"
)

// fenced is what the levels safe and strict add to a proxy, and what the
// commands work with that are about them.
type fenced struct {
	cfg       *conf.Config
	group     *fence.Group
	ledger    *ledger.Ledger
	witnesses []*store.Store
	servers   []*store.Store // those of members
	env       *fence.Live
	log       *slog.Logger
	unclean   seldom
	agreed    agreement
}

// newGroup makes the stores one group, with the witnesses that cfg names; nil at
// the level seed. The stores are run by the caller.
func newGroup(cfg *conf.Config, stores []*store.Store, place placement.Placement, log *slog.Logger) (*fenced, error) {
	l := cfg.Consistency
	if !l.Fenced() {
		return nil, nil
	}
	for _, t := range cfg.Tables {
		if len(t.Secondary) > 0 {
			return nil, fmt.Errorf("table %s: its records have rows in other tables (%s), which level %q can't copy: set level = \"seed\"",
				t.Name, strings.Join(t.Secondary, ", "), l.Level)
		}
	}
	f := &fenced{cfg: cfg, env: &fence.Live{}, log: log}
	for _, w := range cfg.Witnesses {
		st, err := makeStore(cfg, w.Store(), log)
		if err != nil {
			return nil, fmt.Errorf("witness %s: %w", w.Name, err)
		}
		f.witnesses = append(f.witnesses, st)
	}
	f.servers = append(stores[:len(stores):len(stores)], f.witnesses...)
	var err error
	if f.ledger, err = ledger.New(ledgerConfig(cfg, log), stores, f.witnesses); err != nil {
		return nil, err
	}
	g := fence.Config{
		Placement: place, Copies: cfg.Copies, MinCopies: l.MinCopies,
		Solo: l.Quorum == "solo", Detect: l.Detect, Patience: l.Patience, Env: f.env, Log: log,
	}
	if l.Level == "safe" {
		g.Lease = l.ViewLease
	}
	g.Stores, g.Witnesses = f.ledger.Of()
	if f.group, err = fence.New(g); err != nil {
		return nil, err
	}
	f.agreed = agreement{settings: agreedSettings(cfg), done: make(map[string]bool)}
	return f, nil
}

// leastLook is how long a look at a store may take at least: it waits for a disk.
const leastLook = 250 * time.Millisecond

// ledgerConfig has the session tables as the ledger wants them.
func ledgerConfig(cfg *conf.Config, log *slog.Logger) ledger.Config {
	c := ledger.Config{Login: ownLogin, Log: log,
		LookTimeout: max(cfg.Consistency.Detect/2, leastLook)}
	for _, t := range cfg.Tables {
		lt := ledger.Table{Number: uint16(t.Number), Schema: t.Schema, Name: t.Name, Key: t.Key, Collated: t.Collation == "auto"}
		if t.Collation == "ci" {
			lt.Fold = func(key []byte) []byte { return rewrite.FoldKey(nil, key) }
		}
		c.Tables = append(c.Tables, lt)
	}
	return c
}

// run looks after the group until ctx ends. It tells fail if other proxies have
// other settings.
func (f *fenced) run(ctx context.Context, fail func(error)) {
	var running sync.WaitGroup
	for _, st := range f.witnesses {
		running.Go(func() { _ = st.Run(ctx) })
	}
	running.Go(func() { f.found(ctx) })
	running.Go(func() { f.keepAgreeing(ctx, fail) })
	running.Go(func() { f.ledger.Watch(ctx, f.member) })
	running.Go(func() { f.tellProgress(ctx) })
	running.Go(func() { f.tellService(ctx) })
	_ = f.group.Run(ctx)
	running.Wait()
	f.env.Wait()
}

// member is a ledger.Members: a store that has yet to join is none.
func (f *fenced) member(store int) (is, founded bool) {
	o := f.group.Overview()
	return o.Stores[store].State != view.Down.String(), o.View != ""
}

// foundEvery is how often it is tried to found a group.
const foundEvery = time.Second

// found founds the group, if no store and no witness has ever belonged to one.
// It goes on until all belong to it: a view may count before.
func (f *fenced) found(ctx context.Context) {
	last := ""
	for ctx.Err() == nil {
		err := f.group.Found(ctx)
		switch {
		case err == nil:
			f.log.Info("stores initialised", "level", f.cfg.Consistency.Level,
				"action", "what they hold is adopted; no proxy at level seed may write to them from here on")
			return
		case errors.Is(err, fence.ErrFounded):
			return
		case err.Error() != last:
			last = err.Error()
			if all := f.prepare(ctx); all != nil {
				err = all
			}
			f.log.Warn("stores not initialised yet", "err", inOneLine(err),
				"action", "all stores and witnesses must answer once; level = \"seed\" in [consistency] does without")
		}
		f.env.Sleep(ctx, foundEvery)
	}
}
