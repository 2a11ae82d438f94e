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

// match matches the tables of the stores that join.
func (g *Group) match(ctx context.Context, c *installed) error {
	var up []Store
	for _, p := range g.stores {
		if c.view.State(p.index) == view.Up {
			up = append(up, p.store)
		}
	}
	for _, p := range g.stores {
		m, ok := p.store.(Matching)
		if !ok || c.view.State(p.index) != view.Join {
			continue
		}
		if err := m.Match(ctx, up); err != nil {
			var differs *Differs
			if errors.As(err, &differs) {
				g.warnDiffers(p, differs)
			}
			return err
		}
		p.mu.Lock()
		p.differs = ""
		p.mu.Unlock()
	}
	return nil
}

// Differs is why the tables of a store can't be matched.
type Differs struct {
	Table string
	Why   string // how it differs, and what is to be done
}

// Error says it.
func (d *Differs) Error() string { return "table " + d.Table + ": " + d.Why }

// warnDiffers tells an operator, once.
func (g *Group) warnDiffers(p *peer, d *Differs) {
	p.mu.Lock()
	told := p.differs == d.Error()
	p.differs = d.Error()
	p.mu.Unlock()
	if !told {
		g.cfg.Log.Error("store can't join: a table differs", "store", p.name(), "table", d.Table, "why", d.Why)
	}
}
