package fence

import (
	"context"

	"github.com/dsmproxy/dsmproxy/router/view"
)

// Remove deletes the record of key if its version is still v, and reports
// whether it has. It is for what a proxy has left undone that has died: nobody
// waits for it, and a proxy that does not serve does nothing.
func (g *Group) Remove(ctx context.Context, key Key, v view.Version) (removed bool, err error) {
	if c := g.now.Load(); c == nil || !g.owns(c.view) {
		return false, &Unavailable{Reason: NotOwner}
	}
	o := g.begin(1)
	defer o.end()
	for {
		removed, again, err := o.remove(ctx, []Key{key}, v)
		if !again || err != nil {
			return removed, err
		}
	}
}

// remove tries once. It must be tried again if again is true.
func (o *op) remove(ctx context.Context, keys []Key, v view.Version) (removed, again bool, err error) {
	g := o.g
	c, p, err := o.ready(ctx, keys)
	if err != nil || c == nil {
		return false, true, err
	}
	o.sending(keys)
	guard, s, err := g.guard(ctx, c, p)
	var tick uint64
	if err == nil {
		tick, err = p.store.Load(ctx, guard, keys, false, o.entries)
		g.noteErr(p, s, err)
	}
	if err != nil {
		return false, true, o.failed(ctx, c, p, err)
	}
	seen := o.entries[0]
	if !seen.Known || seen.Version != v || seen.Flags.Has(view.Deleted) {
		return false, false, nil
	}
	id := g.newID()
	tomb := Entry{Known: true, Version: v.Next(c.view.Epoch(), id), Flags: view.Deleted}
	done := make([]bool, 1)
	swap := Swap{Put: Put{Key: keys[0], Entry: tomb, MaxTick: tick + g.cfg.Late}, Seen: seen}
	err = p.store.Swap(ctx, guard, []Swap{swap}, done)
	g.noteErr(p, s, err)
	if err == nil && !done[0] {
		err = errRaced
	}
	if err != nil { // if it was done all the same, the next try finds another version
		return false, true, o.failed(ctx, c, p, err)
	}
	o.entries[0] = tomb
	switch f, err := o.finish(ctx, c, p, guard, keys, id); f {
	case took:
		return true, false, nil
	case never:
		return false, true, nil
	default:
		return true, false, g.unknown(p, err)
	}
}
