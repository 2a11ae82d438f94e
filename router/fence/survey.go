package fence

import (
	"context"

	"github.com/dsmproxy/dsmproxy/router/view"
)

// A survey is a read of all records, each at its primary. Whoever makes it
// asks the stores himself:
//
//	s := g.Survey(tables, nil)
//	defer s.End()
//	for {
//		stores, err := s.Begin(ctx)    // which stores are to be asked
//		... read from each of them; what it has of other stores' records
//		    does not count: the first of stores in a key's order answers ...
//		if a store failed { err = s.Failed(ctx, store, why); continue }
//		ok, err := s.Confirm(ctx)      // whether it may be told
//	}
//
// It is a read of each of the records, begun with Begin and ended with Confirm,
// and so as new as one of them alone. Of several it says nothing more.

// helpBatch is how many versions are put on the other targets at a time.
const helpBatch = 32

// Survey is a survey. It is used by one goroutine at a time.
type Survey struct {
	o      *op
	tables []uint16
	keys   []Key // nil for all records of tables
	c      *installed
	ck     *check
	asked  []surveyed
}

// surveyed is a store that is to be asked.
type surveyed struct {
	p *peer
	s *standing
}

// Survey is one of all records of tables, or, unless keys is nil, of those of
// keys, which may have different primaries.
func (g *Group) Survey(tables []uint16, keys []Key) *Survey {
	return &Survey{o: g.begin(1), tables: tables, keys: keys}
}

// End gives back what the survey holds.
func (s *Survey) End() { s.o.end() }

// Begin returns the stores that are to be asked, by index: those of which each
// provably has the newest version of every record that it is the first of them
// for. It waits until that is so.
func (s *Survey) Begin(ctx context.Context) (stores []int, err error) {
	for {
		again, err := s.begin(ctx)
		if err != nil {
			return nil, err
		}
		if again {
			continue
		}
		for _, a := range s.asked {
			stores = append(stores, a.p.index)
		}
		return stores, nil
	}
}

// begin tries once.
func (s *Survey) begin(ctx context.Context) (again bool, err error) {
	o := s.o
	g := o.g
	if s.c, err = o.current(ctx); err != nil {
		return false, err
	}
	v := s.c.view
	s.ck = g.startCheck()
	s.asked = s.asked[:0]
	for _, p := range g.stores {
		if v.State(p.index) != view.Up {
			continue
		}
		st, err := g.admitted(ctx, p)
		if err == nil {
			err = g.reached(ctx, s.c, p, st)
		}
		if err != nil {
			return true, o.failed(ctx, s.c, p, err)
		}
		s.asked = append(s.asked, surveyed{p, st})
	}
	if up := len(s.asked); up < g.cfg.MinCopies && (!g.cfg.ablate.noMinCopies || up == 0) {
		if err := o.pause(ctx, pauseOwners, &Unavailable{Reason: FewOwners, Have: up, Need: g.cfg.MinCopies}); err != nil {
			return false, err
		}
		g.refresh(ctx)
		return true, nil
	}
	if g.cfg.ablate.noSettle {
		return false, nil
	}
	if s.keys != nil {
		return s.settleKeys(ctx)
	}
	for _, a := range s.asked {
		if v.CoversAll(a.s.cover, a.p.index, g.cfg.Copies) {
			continue
		}
		// The next heal covers it.
		if err := o.pause(ctx, pauseView, &Unavailable{Reason: Uncovered, Store: a.p.name()}); err != nil {
			return false, err
		}
		_, _ = a.p.look(ctx, g.env, Beat{}) // another proxy may have healed
		g.refresh(ctx)
		return true, nil
	}
	return false, nil
}

// settleKeys sees to it that the primary of each key is settled for it.
func (s *Survey) settleKeys(ctx context.Context) (again bool, err error) {
	g := s.o.g
	for _, k := range s.keys {
		site := &s.o.sites[0]
		g.locate(s.c.view, k, site)
		p := g.stores[site.targets[0]]
		if err := g.settledOne(ctx, s.c, p, k, site); err != nil {
			return true, s.o.failed(ctx, s.c, p, err)
		}
	}
	return false, nil
}

// Epoch tells views apart.
func (s *Survey) Epoch() uint64 { return s.c.view.Epoch() }

// Failed waits a little after a store could not be asked. Then all is to begin
// anew; an error says that it need not any more.
func (s *Survey) Failed(ctx context.Context, store int, err error) error {
	return s.o.failed(ctx, s.c, s.o.g.stores[store], err)
}

// Txn is a transaction at one of the stores that Begin has named, in the view of
// the survey, for whoever has begun it there between Begin and Confirm.
func (s *Survey) Txn(store int) *Txn {
	for _, a := range s.asked {
		if a.p.index == store {
			return &Txn{s.o.g, s.c, a.p, a.s}
		}
	}
	return nil
}

// Confirm is called when all stores have been asked. It reports whether what
// they have told may be told to the client; else all is to begin anew, for the
// stores' states have changed. That a record can't be copied at the moment, or
// that this proxy has no lease, does not mean that: it may be confirmed later.
func (s *Survey) Confirm(ctx context.Context) (ok bool, err error) {
	for {
		if ok, err = s.confirm(ctx); ok || err != nil || !s.lasts() {
			return ok, err
		}
		s.ck = s.o.g.startCheck()
	}
}

// lasts reports whether the stores are as they were at Begin, as far as is known.
func (s *Survey) lasts() bool {
	for _, a := range s.asked {
		if now := a.p.standing.Load(); now == nil || now.boot != a.s.boot {
			return false
		}
	}
	return s.o.g.now.Load().view == s.c.view
}

// confirm tries once.
func (s *Survey) confirm(ctx context.Context) (ok bool, err error) {
	o := s.o
	g := o.g
	o.limit()
	for _, a := range s.asked {
		if err := s.confirmAt(ctx, a); err != nil {
			return false, o.failed(ctx, s.c, a.p, err)
		}
	}
	if !g.confirmed(ctx, s.c, s.ck) {
		g.refresh(ctx)
		return false, o.pause(ctx, 0, g.noView())
	}
	return true, nil
}

// confirmAt sees to it that what the store has told is on all targets, and that
// it was in the survey's view until then.
func (s *Survey) confirmAt(ctx context.Context, a surveyed) error {
	if s.keys != nil {
		return s.confirmKeys(ctx, a)
	}
	for _, t := range s.tables {
		if err := s.confirmTable(ctx, a, t); err != nil {
			return err
		}
	}
	return nil
}

func (s *Survey) guard(a surveyed) Guard { return Guard{Boot: a.s.boot, View: s.c.view} }

// confirmTable does so for the records of a table.
func (s *Survey) confirmTable(ctx context.Context, a surveyed, table uint16) error {
	g := s.o.g
	after := Key{Table: table, ID: []byte{}}
	for {
		items, _, err := a.p.store.Scan(ctx, s.guard(a), Dirty, after, walkPage)
		g.noteErr(a.p, a.s, err)
		if err != nil {
			return err
		}
		more := len(items) == walkPage
		for i := range items {
			if items[i].Key.Table != table {
				items, more = items[:i], false
				break
			}
		}
		if err := s.helpAll(ctx, a, items); err != nil {
			return err
		}
		if !more {
			return nil
		}
		after = items[len(items)-1].Key
	}
}

// confirmKeys does so for the survey's keys.
func (s *Survey) confirmKeys(ctx context.Context, a surveyed) error {
	g := s.o.g
	var keys []Key
	for _, k := range s.keys {
		if s.isPrimary(a, k) {
			keys = append(keys, k)
		}
	}
	if len(keys) == 0 {
		return nil
	}
	entries := make([]Entry, len(keys))
	_, err := a.p.store.Load(ctx, s.guard(a), keys, false, entries)
	g.noteErr(a.p, a.s, err)
	if err != nil {
		return err
	}
	var items []Item
	for i, k := range keys {
		if entries[i].Known && !entries[i].Flags.Has(cleanFlag) {
			items = append(items, Item{k, entries[i]})
		}
	}
	return s.helpAll(ctx, a, items)
}

func (s *Survey) isPrimary(a surveyed, k Key) bool {
	site := &s.o.sites[0]
	s.o.g.locate(s.c.view, k, site)
	return int(site.targets[0]) == a.p.index
}

// helpAll puts those of items that are the store's to answer for on all other
// targets.
func (s *Survey) helpAll(ctx context.Context, a surveyed, items []Item) error {
	g := s.o.g
	if g.cfg.ablate.noHelp {
		return nil
	}
	var keys []Key
	var sites []site
	help := func() error {
		err := s.o.help(ctx, s.c, a.p, keys, sites)
		keys, sites = keys[:0], sites[:0]
		return err
	}
	for i := range items {
		k := items[i].Key
		if !s.isPrimary(a, k) || g.clean.knows(k, items[i].Entry.Version.ID) {
			continue
		}
		if g.mustWait(s.c, &s.o.sites[0]) && !g.cfg.ablate.hastyHelp {
			return &Unavailable{Reason: Leases}
		}
		if s.o.sites[0].n == 1 && g.cfg.ablate.tellUnwritten {
			continue
		}
		keys, sites = append(keys, k), append(sites, s.o.sites[0])
		if len(keys) == helpBatch {
			if err := help(); err != nil {
				return err
			}
		}
	}
	if len(keys) == 0 {
		return nil
	}
	return help()
}
