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
// then they are put on the targets of the view that is now. Or it has newer ones,
// which were made of them if it is the same view and the same start of its
// server, for nobody else can have written there: then those are put. Or else the
// write was lost with its primary, or is part of what another one has made since,
// and nobody can tell the client which.
//
// The statement is not executed again, whatever comes.
func (o *op) complete(ctx context.Context, in Guard, keys []Key, id uint64) error {
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
		if !o.written(id) && !(guard.Boot == in.Boot && guard.View == in.View && o.known()) {
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

// known reports whether there is something of each of the keys.
func (o *op) known() bool {
	for i := range o.entries {
		if !o.entries[i].Known {
			return false
		}
	}
	return true
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
