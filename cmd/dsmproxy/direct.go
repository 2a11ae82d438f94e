package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/dsmproxy/dsmproxy/conf"
	"github.com/dsmproxy/dsmproxy/router/ledger"
	"github.com/dsmproxy/dsmproxy/router/placement"
	"github.com/dsmproxy/dsmproxy/router/replica"
	"github.com/dsmproxy/dsmproxy/router/store"
)

// direct is the stores of a configuration as commands have them that do their
// work themselves, beside running proxies or while none runs.
type direct struct {
	cfg    *conf.Config
	stores []*store.Store
	place  placement.Placement
	fenced *fenced // nil at the level seed
	ledger *ledger.Ledger
	set    *replica.Set

	ctx     context.Context
	cancel  context.CancelFunc
	running sync.WaitGroup
}

func openDirect(ctx context.Context, cfg *conf.Config, log *slog.Logger) (*direct, error) {
	d := &direct{cfg: cfg}
	var err error
	if d.stores, err = makeStores(cfg, log); err != nil {
		return nil, err
	}
	if d.place, err = makePlacement(cfg); err != nil {
		return nil, err
	}
	if d.fenced, err = newGroup(cfg, d.stores, d.place, log); err != nil {
		return nil, err
	}
	rc := replica.Config{Stores: d.stores, Placement: d.place, Copies: cfg.Copies, Service: ownLogin, Log: log}
	all := d.stores
	if d.fenced != nil {
		d.ledger, rc.Group, rc.Ledger = d.fenced.ledger, d.fenced.group, d.fenced.ledger
		all = append(all[:len(all):len(all)], d.fenced.witnesses...)
	} else if d.ledger, err = ledger.New(ledgerConfig(cfg, log), d.stores, nil); err != nil {
		return nil, err
	}
	d.set = replica.New(rc)
	d.ledger.SetFolding(d.set.Folding)
	d.ctx, d.cancel = context.WithCancel(ctx)
	for _, st := range all {
		d.running.Go(func() { _ = st.Run(d.ctx) })
	}
	d.await(all)
	return d, nil
}

// await waits until each store has answered or is known not to.
func (d *direct) await(all []*store.Store) {
	limit := time.NewTimer(d.cfg.Health.ConnectTimeout + d.cfg.Health.ProbeTimeout + patience)
	defer limit.Stop()
	for _, st := range all {
		for changed := st.Changed(); st.State() == store.Unknown; changed = st.Changed() {
			select {
			case <-changed:
			case <-limit.C:
				return
			case <-d.ctx.Done():
				return
			}
		}
	}
}

// live says which stores are up, and what is the matter with the others.
func (d *direct) live() (live []bool, down []string) {
	for _, st := range d.stores {
		s := st.Stats()
		live = append(live, s.State == store.Up)
		if s.State == store.Up {
			continue
		}
		why := "no answer"
		if s.Err != nil {
			why = s.Err.Error()
		}
		down = append(down, fmt.Sprintf("%s: %s", st.Name(), why))
	}
	return live, down
}

// lead runs the group, as a proxy does.
func (d *direct) lead() {
	d.running.Go(func() {
		_ = d.fenced.group.Run(d.ctx)
		d.fenced.env.Wait()
	})
}

// led waits until the group has a view.
func (d *direct) led(ctx context.Context) error {
	end := time.Now().Add(d.cfg.Consistency.Patience)
	for {
		o := d.fenced.group.Overview()
		switch {
		case o.View != "":
			return nil
		case time.Now().After(end) && o.Why != nil:
			return errors.New(o.Why.What())
		}
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-time.After(50 * time.Millisecond):
		}
	}
}

func (d *direct) close() {
	d.cancel()
	d.running.Wait()
}
