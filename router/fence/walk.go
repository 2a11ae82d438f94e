package fence

import (
	"bytes"
	"cmp"
	"context"
)

// A walk reads the lists of several stores beside each other, in the order of
// the keys, as a merge does. What it tells of a key is from different times at
// different stores.

const (
	walkPage  = 1000 // keys asked for at a time, of each store
	walkBatch = 200  // keys told at a time
)

// row is a key with what the stores hold of it.
type row struct {
	key     Key
	site    site
	entries []Entry  // by store; not Known where the store was not asked
	ticks   []uint64 // by store: when its page was read
}

// cursor is one store's list.
type cursor struct {
	p     *peer
	guard Guard
	items []Item
	tick  uint64
	last  bool // there is no other page
}

// walk calls f with the keys that f(ilter) lists at the stores, in batches.
func (g *Group) walk(ctx context.Context, c *installed, stores []*peer, filter Filter, f func(batch []row) error) error {
	cursors := make([]*cursor, len(stores))
	for i, p := range stores {
		guard, _, err := g.guard(ctx, c, p)
		if err != nil {
			return err
		}
		cursors[i] = &cursor{p: p, guard: guard}
	}
	var batch []row
	after := Key{}
	for {
		r, ok, err := g.nextRow(ctx, cursors, filter, after)
		if err != nil {
			return err
		}
		if ok {
			g.locate(c.view, r.key, &r.site)
			after = r.key
			batch = append(batch, r)
		}
		if len(batch) == walkBatch || !ok && len(batch) > 0 {
			if err := f(batch); err != nil {
				return err
			}
			batch = batch[:0]
		}
		if !ok {
			return nil
		}
	}
}

// nextRow takes the least key off the cursors.
func (g *Group) nextRow(ctx context.Context, cursors []*cursor, filter Filter, after Key) (row, bool, error) {
	var least *cursor
	for _, c := range cursors {
		if len(c.items) == 0 && !c.last {
			if err := g.nextPage(ctx, c, filter, after); err != nil {
				return row{}, false, err
			}
		}
		if len(c.items) > 0 && (least == nil || compareKeys(c.items[0].Key, least.items[0].Key) < 0) {
			least = c
		}
	}
	if least == nil {
		return row{}, false, nil
	}
	r := row{key: least.items[0].Key, entries: make([]Entry, len(g.stores)), ticks: make([]uint64, len(g.stores))}
	for _, c := range cursors {
		r.ticks[c.p.index] = c.tick
		if len(c.items) > 0 && compareKeys(c.items[0].Key, r.key) == 0 {
			r.entries[c.p.index] = c.items[0].Entry
			c.items = c.items[1:]
		}
	}
	return r, true, nil
}

func (g *Group) nextPage(ctx context.Context, c *cursor, filter Filter, after Key) (err error) {
	s := c.p.standing.Load()
	c.items, c.tick, err = c.p.store.Scan(ctx, c.guard, filter, after, walkPage)
	g.noteErr(c.p, s, err)
	c.last = len(c.items) < walkPage
	return err
}

// compareKeys is the order of Store.Scan.
func compareKeys(a, b Key) int {
	if d := cmp.Compare(a.Table, b.Table); d != 0 {
		return d
	}
	return bytes.Compare(a.ID, b.ID)
}
