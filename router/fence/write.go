package fence

import (
	"context"
	"errors"
	"time"
)

// Write carries out a statement that may change the records of keys, which
// have one primary, there, and brings them to the other targets. When it
// returns nil the statement's answer may be given to the client. Its other
// errors are ErrScattered, *Unavailable and ctx's, which leave nothing behind,
// ErrAnswerLost and *Unknown.
func (g *Group) Write(ctx context.Context, stmt Statement, keys []Key) error {
	o := g.begin(len(keys))
	defer o.end()
	for {
		done, err := o.write(ctx, stmt, keys)
		if done || err != nil {
			return err
		}
	}
}

// write tries once. It is false if it must be tried again.
func (o *op) write(ctx context.Context, stmt Statement, keys []Key) (done bool, err error) {
	g := o.g
	c, p, err := o.ready(ctx, keys)
	if err == nil && c != nil && g.leaves(p) {
		return false, o.holdOff(ctx, p)
	}
	if err != nil || c == nil {
		return false, err
	}
	o.sending(keys)
	guard, s, err := g.readGuard(ctx, c, p)
	if err != nil {
		return false, o.failed(ctx, c, p, err)
	}
	id := g.newID()
	changed, err := p.store.Write(ctx, guard, stmt, keys, id, o.entries)
	g.noteErr(p, s, err)
	switch {
	case err != nil && mayHaveRun(err):
		switch g.resolve(ctx, o.attempt(guard, p.index, keys, id, false)) {
		case took:
			return false, ErrAnswerLost
		case never:
			return false, nil
		}
		return false, g.unknown(p, err)
	case err != nil:
		return false, o.failed(ctx, c, p, err)
	case !changed: // it has told the client something, as a read does
		return o.seen(ctx, c, p, g.startCheck(), keys)
	}
	switch f, err := o.finish(ctx, c, p, guard, keys, id); f {
	case took:
		return true, nil
	case never:
		return false, nil
	default:
		return false, g.unknown(p, err)
	}
}

// ready places the keys for a write: settled, with no lease in the way, and of
// tables that are the same at all stores that hold them. It
// returns nil, without an error, if that must be tried again.
func (o *op) ready(ctx context.Context, keys []Key) (*installed, *peer, error) {
	c, p, err := o.place(ctx, keys)
	if err != nil {
		return nil, nil, err
	}
	if ok, err := o.uniform(ctx, keys); !ok {
		return nil, nil, err
	}
	if err := o.settled(ctx, c, p, keys); err != nil {
		return nil, nil, o.failed(ctx, c, p, err)
	}
	for i := range o.sites {
		if o.g.mustWait(c, &o.sites[i]) {
			return nil, nil, o.outwait(ctx)
		}
	}
	return c, p, nil
}

// mustWait reports whether somebody may hold a lease of a view in which a write
// of a key would be missed.
func (g *Group) mustWait(c *installed, s *site) bool {
	return g.cfg.Lease > 0 && !g.cfg.ablate.noLease &&
		c.history.MustWait(c.view, s.list(), g.cfg.Copies, g.env.Now(), g.outwait())
}

// outwait is a part of the wait for such a lease to end.
func (o *op) outwait(ctx context.Context) error {
	o.g.counts.waited.Add(1)
	return o.pause(ctx, max(o.g.cfg.Lease/20, time.Millisecond), &Unavailable{Reason: Leases})
}

// finish brings the new versions, in o.entries, to the other targets. in is what
// p, the primary, was asked under. err is why they did not get there at once,
// nil of what took.
func (o *op) finish(ctx context.Context, c *installed, p *peer, in Guard, keys []Key, id uint64) (f fate, err error) {
	g := o.g
	for i := range keys {
		g.glimpses.note(keys[i], id)
	}
	if g.cfg.ablate.ackEarly {
		late := &op{g: g, limits: o.limits}
		keys, entries, sites := keys, append([]Entry(nil), o.entries...), append([]site(nil), o.sites...)
		g.env.Go(func() { _ = late.replicate(ctx, c, keys, entries, sites) })
		return took, nil
	}
	if err = o.replicate(ctx, c, keys, o.entries, o.sites); err == nil {
		return took, nil
	}
	if f = g.resolve(ctx, o.attempt(in, p.index, keys, id, true)); f == took {
		return took, nil
	}
	return f, err
}

// unknown is the error of a write at p whose outcome can't be told. It names the
// store that was lost with it.
func (g *Group) unknown(p *peer, err error) error {
	g.counts.unknown.Add(1)
	if copied := (*uncopied)(nil); errors.As(err, &copied) {
		return &Unknown{Store: copied.store, Err: err}
	}
	return &Unknown{Store: p.name(), Err: err}
}

// newID is a unique write id: not 0, and positive as a BIGINT.
func (g *Group) newID() uint64 {
	for {
		if id := g.env.Random() >> 1; id != 0 {
			return id
		}
	}
}
