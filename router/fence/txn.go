package fence

import (
	"context"
	"errors"
	"fmt"
)

// Txn is a client's transaction on keys of one primary. Its statements run
// where the client's connection to that store is; what they tell is guarded
// statement by statement, what they write by the COMMIT. So a long transaction
// never holds up a change of view: it is rolled back by it. A Txn is used by
// one goroutine at a time. One that is not committed is just forgotten.
type Txn struct {
	g *Group
	c *installed
	p *peer
	s *standing
}

// Begin opens a transaction at the primary of key.
func (g *Group) Begin(ctx context.Context, key Key) (*Txn, error) {
	o := g.begin(1)
	defer o.end()
	keys := []Key{key}
	for {
		c, p, err := o.ready(ctx, keys)
		if err != nil {
			return nil, err
		}
		if c == nil {
			continue
		}
		if g.leaves(p) {
			if err := o.holdOff(ctx, p); err != nil {
				return nil, err
			}
			continue
		}
		s, err := g.admitted(ctx, p)
		if err == nil {
			err = g.reached(ctx, c, p, s)
		}
		if err == nil {
			return &Txn{g, c, p, s}, nil
		}
		if err := o.failed(ctx, c, p, err); err != nil {
			return nil, err
		}
	}
}

// Store is the index of the store where the statements are to run.
func (t *Txn) Store() int { return t.p.index }

// Enlist brings another key into the transaction, before a statement names it.
// ErrScattered means that its primary is another store.
func (t *Txn) Enlist(ctx context.Context, key Key) error {
	o := t.g.begin(1)
	defer o.end()
	keys := []Key{key}
	for {
		if !t.Alive() {
			return ErrRestart
		}
		t.g.locate(t.c.view, key, &o.sites[0])
		if o.sites[0].n == 0 || int(o.sites[0].targets[0]) != t.p.index {
			return ErrScattered
		}
		c, _, err := o.ready(ctx, keys)
		if err != nil {
			return err
		}
		if c != nil && c.view == t.c.view {
			return nil
		}
	}
}

// Alive reports whether the transaction may still be committed, as far as is
// known.
func (t *Txn) Alive() bool {
	s := t.p.standing.Load() // whose cover may have grown
	return t.g.now.Load().view == t.c.view && s != nil && s.boot == t.s.boot
}

// Read runs a statement of the transaction that changes nothing, locking or
// not. The guard and the marks must not come from the transaction's snapshot.
func (t *Txn) Read(ctx context.Context, stmt Statement, keys []Key) error {
	o := t.g.begin(len(keys))
	defer o.end()
	for i := range keys {
		t.g.locate(t.c.view, keys[i], &o.sites[i])
	}
	ck := t.g.startCheck()
	o.limit()
	if !t.Alive() {
		return ErrRestart
	}
	err := t.p.store.Read(ctx, Guard{Boot: t.s.boot, View: t.c.view}, stmt, keys, o.entries)
	t.g.noteErr(t.p, t.s, err)
	if err != nil {
		return t.restart(ctx, err)
	}
	// The statement is not tried again, for its answer has come from inside the
	// transaction. That its view is still the one that counts may be learnt later,
	// as when this process has had no processor for longer than a lease.
	for {
		done, err := o.seen(ctx, t.c, t.p, ck, keys)
		switch {
		case err != nil || done:
			return err
		case !t.Alive():
			return ErrRestart
		}
		ck = t.g.startCheck()
	}
}

// Commit runs the statement that commits, and then brings the keys that the
// transaction has written to the other targets. ErrRestart means that it was
// rolled back, *Unknown that this can't be told.
func (t *Txn) Commit(ctx context.Context, stmt Statement, keys []Key) error {
	d, err := t.Decide(ctx, stmt, keys)
	if err != nil {
		return err
	}
	return d.Copy(ctx)
}

// Decided is a transaction that is committed at its primary. Its keys are still
// to be brought to the other targets, by Copy, before the client is told.
type Decided struct {
	t       *Txn
	o       *op
	keys    []Key
	id      uint64
	changed bool // and not brought to all targets yet
	in      Guard
}

// Decide is the first part of Commit: it runs the statement that commits.
// Whoever has transactions at several primaries decides all of them before the
// first Copy, for that would wait for what the others have locked.
func (t *Txn) Decide(ctx context.Context, stmt Statement, keys []Key) (*Decided, error) {
	g := t.g
	o := g.begin(len(keys))
	d, err := t.decide(ctx, o, stmt, keys)
	if err != nil {
		o.end()
		return nil, err
	}
	return d, nil
}

func (t *Txn) decide(ctx context.Context, o *op, stmt Statement, keys []Key) (*Decided, error) {
	g := t.g
	for i := range keys {
		g.locate(t.c.view, keys[i], &o.sites[i])
	}
	o.sending(keys)
	if !t.Alive() {
		return nil, ErrRestart
	}
	id := g.newID()
	in := Guard{Boot: t.s.boot, View: t.c.view}
	changed, err := t.p.store.Write(ctx, in, stmt, keys, id, o.entries)
	g.noteErr(t.p, t.s, err)
	switch {
	case err != nil && mayHaveRun(err):
		switch g.resolve(ctx, o.attempt(in, t.p.index, keys, id, false)) {
		case took:
			return &Decided{t, o, keys, id, false, in}, nil
		case never:
			return nil, fmt.Errorf("%w: %w", ErrRestart, err)
		}
		return nil, g.unknown(t.p, err)
	case err != nil:
		return nil, t.restart(ctx, err)
	case !changed:
		done, err := o.seen(ctx, t.c, t.p, g.startCheck(), keys)
		if err == nil && !done {
			err = ErrRestart
		}
		if err != nil {
			return nil, err
		}
	}
	return &Decided{t, o, keys, id, changed, in}, nil
}

// Copy is the second part of Commit; it is called once. ErrRestart means that
// the transaction was undone with its primary, *Unknown that it may have been.
func (d *Decided) Copy(ctx context.Context) error {
	defer d.o.end()
	if !d.changed {
		return nil
	}
	switch f, err := d.o.finish(ctx, d.t.c, d.t.p, d.in, d.keys, d.id); f {
	case took:
		return nil
	case never:
		return ErrRestart
	default:
		return d.t.g.unknown(d.t.p, err)
	}
}

// restart is the error of a transaction that is rolled back because of err.
func (t *Txn) restart(ctx context.Context, err error) error {
	if errors.Is(err, ErrFenced) {
		t.g.refresh(ctx)
	}
	return fmt.Errorf("%w: %w", ErrRestart, err)
}
