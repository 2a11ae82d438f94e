package fence

import (
	"context"
	"errors"
	"time"
)

// pauseComplete is how long complete waits at most before each try.
const pauseComplete = 35 * time.Millisecond

// complete ends a write that its primary has committed and whose versions did
// not reach all targets. Their primary, whoever that is by now, still has them:
// then they are put on the targets of the view that is now. Or it has not: the
// write was lost with its primary, or is part of a newer version already, and
// nobody can tell the client which.
//
// The statement is not executed again, whatever comes.
func (o *op) complete(ctx context.Context, keys []Key, id uint64) error {
	g := o.g
	o.waited = false // it has a wait of its own
	why := &Unavailable{Reason: Failing}
	for {
		if err := o.pause(ctx, pauseComplete, why); err != nil {
			break
		}
		if !g.refresh(ctx) {
			why = g.noView()
			continue
		}
		c, p, err := o.ready(ctx, keys)
		if err != nil {
			break
		}
		if c == nil {
			continue
		}
		o.limit()
		guard, s, err := g.guard(ctx, c, p)
		if err == nil {
			_, err = p.store.Load(ctx, guard, keys, true, o.entries)
			g.noteErr(p, s, err)
		}
		if err != nil {
			continue
		}
		if !o.written(id) {
			break
		}
		if o.replicate(ctx, c, keys, o.entries, o.sites) == nil {
			g.counts.completed.Add(1)
			return nil
		}
	}
	g.counts.unknown.Add(1)
	return errors.Join(ErrUnknown, context.Cause(ctx))
}

// written reports whether all of o.entries are of write id.
func (o *op) written(id uint64) bool {
	for i := range o.entries {
		if e := &o.entries[i]; !e.Known || e.Version.ID != id {
			return false
		}
	}
	return true
}
