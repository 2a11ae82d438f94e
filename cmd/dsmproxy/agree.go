package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"sync"

	"github.com/dsmproxy/dsmproxy/conf"
	"github.com/dsmproxy/dsmproxy/router/ledger"
)

// The stores keep the settings in which all proxies must agree; a proxy that has
// others does not serve (ledger/settings.go).

// sideSchema is where the side tables are.
const sideSchema = "dsm"

// minCopies is consistency.min_copies, or what package fence takes for 0.
func minCopies(cfg *conf.Config) int {
	switch n := cfg.Consistency.MinCopies; {
	case n > 0:
		return n
	case cfg.Copies < len(cfg.Stores):
		return cfg.Copies
	}
	return max(1, cfg.Copies-1)
}

// agreedSettings are those of a configuration.
func agreedSettings(cfg *conf.Config) []ledger.Setting {
	var stores, witnesses []string
	for _, s := range cfg.Stores {
		one := s.Name
		if cfg.Placement == "rendezvous" && (s.Weight != 1 || s.Zone != "") {
			one += fmt.Sprintf("(%g,%s)", s.Weight, s.Zone)
		}
		stores = append(stores, one)
	}
	for _, w := range cfg.Witnesses {
		witnesses = append(witnesses, w.Name)
	}
	slices.Sort(witnesses)
	lease := "none"
	if cfg.Consistency.Level == "safe" && cfg.Consistency.Quorum != "solo" {
		lease = cfg.Consistency.ViewLease.String()
	}
	return []ledger.Setting{
		{Name: "stores", Value: strings.Join(stores, " ")},
		{Name: "placement", Value: cfg.Placement},
		{Name: "copies", Value: strconv.Itoa(cfg.Copies)},
		{Name: "min_copies", Value: strconv.Itoa(minCopies(cfg))},
		{Name: "witnesses", Value: "[" + strings.Join(witnesses, " ") + "]", Free: true},
		{Name: "quorum", Value: cfg.Consistency.Quorum, Free: true},
		{Name: "view_lease", Value: lease, Free: true},
	}
}

// agreement is which stores and witnesses keep the settings already.
type agreement struct {
	settings []ledger.Setting
	mu       sync.Mutex // guards done
	done     map[string]bool
}

// agree compares the settings with those of each store and witness that answers
// and has not been compared yet, and has them keep the settings if no other one
// objects. all is whether each has been compared.
func (f *fenced) agree(ctx context.Context) (all bool, err error) {
	members := f.members()
	for _, keep := range []bool{false, true} {
		var mu sync.Mutex // guards err and all
		var asked sync.WaitGroup
		all = true
		for _, w := range members {
			f.agreed.mu.Lock()
			done := f.agreed.done[w.Name()]
			f.agreed.mu.Unlock()
			if done {
				continue
			}
			asked.Go(func() {
				keeps, e := w.Agree(ctx, f.agreed.settings, keep)
				if st := f.store(w); keeps && st != nil {
					e = st.AgreeTables(ctx, f.cfg.OtherTables != "refuse")
					keeps = e == nil
				}
				mu.Lock()
				defer mu.Unlock()
				var differs *ledger.Disagreement
				switch {
				case errors.As(e, &differs):
					err = differs
				case keeps:
					f.agreed.mu.Lock()
					f.agreed.done[w.Name()] = true
					f.agreed.mu.Unlock()
				default: // it does not answer, or was not founded yet
					all = false
				}
			})
		}
		asked.Wait()
		if err != nil {
			return false, err
		}
	}
	return all, nil
}

// store is the store that a member is; nil of a witness.
func (f *fenced) store(w *ledger.Witness) *ledger.Store {
	for _, s := range f.ledger.Stores {
		if &s.Witness == w {
			return s
		}
	}
	return nil
}

// members are the stores, then the witnesses.
func (f *fenced) members() []*ledger.Witness {
	var list []*ledger.Witness
	for _, s := range f.ledger.Stores {
		list = append(list, &s.Witness)
	}
	return append(list, f.ledger.Witnesses...)
}

// keepAgreeing compares the settings with those of stores that come later, and
// tells fail if they differ.
func (f *fenced) keepAgreeing(ctx context.Context, fail func(error)) {
	for ctx.Err() == nil {
		all, err := f.agree(ctx)
		if err != nil {
			fail(err)
			return
		}
		if all {
			return
		}
		f.env.Sleep(ctx, foundEvery)
	}
}
