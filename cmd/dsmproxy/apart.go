package main

import (
	"context"
	"fmt"
	"time"

	"github.com/dsmproxy/dsmproxy/conf"
	"github.com/dsmproxy/dsmproxy/router/store"
)

// Proxies at the level seed and those at safe or strict must not use the same
// stores: what is written at seed has no version, so the others would serve
// what was there before, or take it for stale. A store that has a register is
// of the latter (router/ledger). So a proxy at seed does not start before such a
// store, and ends when it finds one while it runs; and no process takes over
// from one of the other kind, for both would write until the old one has ended.

const (
	// apartTime is for how long a start waits for stores that don't answer.
	apartTime = 2 * time.Second
	// apartEvery is how often a running proxy looks.
	apartEvery = 10 * time.Second
)

// sameLevel is the error of a successor whose predecessor serves otherwise.
func (in *passed) sameLevel(cfg *conf.Config) error {
	if in.ready == nil {
		return nil
	}
	before := conf.Consistency{Level: in.Level}
	if before.Level == "" {
		before.Level = "seed"
	}
	if before.Fenced() == cfg.Consistency.Fenced() {
		return nil
	}
	return fmt.Errorf("the level was %q before, and would be %q: a process can't take over from one of the other kind. "+
		"Stop all proxies and start them again, or set level = %[1]q in [consistency]", before.Level, cfg.Consistency.Level)
}

// apart is the error of a proxy at seed whose stores are used at another level.
// A store that does not answer within limit has nothing to say.
func (p *proxy) apart(ctx context.Context, limit time.Duration) error {
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	stores := p.Stores()
	used := make(chan string, len(stores)) // names, "" for one that is not
	for _, st := range stores {
		p.running.Go(func() {
			if registered(ctx, st) {
				used <- st.Name()
			} else {
				used <- ""
			}
		})
	}
	for range stores {
		if name := <-used; name != "" {
			return fmt.Errorf("store %s is used at the levels safe and strict, which a proxy at level \"seed\" would break: "+
				"set level = \"safe\" in [consistency]; or, to go back to seed, stop all proxies and DROP DATABASE %s at each store", name, sideSchema)
		}
	}
	return nil
}

// registered reports whether a store has a register. Who may not look sees none.
func registered(ctx context.Context, st *store.Store) bool {
	c, err := st.Get(ctx, ownLogin, nil, false)
	if err != nil {
		return false
	}
	defer c.Release()
	rows, err := c.Query(ctx, "SELECT 1 FROM "+sideSchema+".view LIMIT 1")
	return err == nil && len(rows) > 0
}

// keepApart looks again while the proxy runs, and ends it.
func (p *proxy) keepApart(ctx context.Context) {
	tick := time.NewTicker(apartEvery)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		if err := p.apart(ctx, apartEvery); err != nil {
			p.fail(err)
			return
		}
	}
}
