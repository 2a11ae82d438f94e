package fence

import (
	"context"
	"errors"

	"github.com/dsmproxy/dsmproxy/router/view"
)

// What concerns the tables, not the records, must be done at every store that
// serves or is about to. Stores that are Down get it before they join
// (Matching).

// Matching is a Store whose tables must be as those of the others before it may
// hold records for them.
type Matching interface {
	Store
	// Match brings the tables of the store, which joins, to what they are at the
	// others, which are Up, or says why it can't.
	Match(ctx context.Context, others []Store) error
}

// Members are the stores that were not Down in a view.
type Members struct {
	Stores []int // by index
	c      *installed
}

// Members returns the stores that are not Down as of now.
func (g *Group) Members(ctx context.Context) (Members, error) {
	o := g.begin(0)
	defer o.end()
	c, err := o.current(ctx)
	if err != nil {
		return Members{}, err
	}
	m := Members{c: c}
	for _, p := range g.present(c.view) {
		m.Stores = append(m.Stores, p.index)
	}
	return m, nil
}

// Last reports whether m are still all members, as of a look that began after
// the call.
func (g *Group) Last(ctx context.Context, m Members) bool {
	return g.refresh(ctx) && g.now.Load().view == m.c.view
}

// IsUp reports whether a store is Up, and admitted, as far as is known.
func (g *Group) IsUp(store int) bool {
	c := g.now.Load()
	return c != nil && c.view.State(store) == view.Up && g.stores[store].standing.Load() != nil
}

// OthersLive reports whether other proxies have lately looked at a store.
func (g *Group) OthersLive() bool { return g.othersLive() }

// matchAll matches the tables of the stores that are Down and answer, so that
// they may join, and of those that join. A store that joins and differs all the
// same, for there has been DDL in between, is excluded again: it would hold up
// the writes of all records that it is to have copies of.
func (g *Group) matchAll(ctx context.Context, c *installed) {
	for _, p := range g.stores {
		st, err := p.status()
		if _, ok := p.store.(Matching); !ok || err != nil || st.Boot == 0 || c.view.State(p.index) == view.Up {
			continue
		}
		err = g.match(ctx, c, p)
		var differs *Differs
		if errors.As(err, &differs) && c.view.State(p.index) == view.Join {
			g.exclude(ctx, p, differs)
			return
		}
	}
}

// match matches the tables of one store.
func (g *Group) match(ctx context.Context, c *installed, p *peer) error {
	var up []Store
	for _, o := range g.stores {
		if c.view.State(o.index) == view.Up {
			up = append(up, o.store)
		}
	}
	err := p.store.(Matching).Match(ctx, up)
	var differs *Differs
	text := ""
	if errors.As(err, &differs) {
		text = differs.Error()
	}
	p.mu.Lock()
	told := p.differs == text
	if p.differs = text; err == nil {
		p.matched = g.env.Now()
	}
	p.mu.Unlock()
	switch {
	case text != "" && !told:
		g.cfg.Log.Error("store can't join: a table differs", "store", p.name(), "table", differs.Table, "why", differs.Why)
	case err != nil:
		g.cfg.Log.Debug("tables not matched", "store", p.name(), "err", err)
	}
	return err
}

// fits reports whether the tables of a store that is Down have been matched just
// now.
func (g *Group) fits(p *peer) bool {
	if _, ok := p.store.(Matching); !ok {
		return true
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.matched != 0 && g.env.Now()-p.matched < 3*g.cfg.MendEvery+g.cfg.BeatEvery
}

// Differs is why the tables of a store can't be matched.
type Differs struct {
	Table string
	Why   string // how it differs, and what is to be done
}

// Error says it.
func (d *Differs) Error() string { return "table " + d.Table + ": " + d.Why }

// Unwrap returns ErrUnsent: nothing is done then.
func (d *Differs) Unwrap() error { return ErrUnsent }
