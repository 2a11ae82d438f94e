package fence

import "context"

// Read carries out a read of keys, which have one primary, there. When it
// returns nil the statement's answer may be given to the client. Its other
// errors are ErrScattered, *Unavailable and ctx's; none leaves anything behind.
func (g *Group) Read(ctx context.Context, stmt Statement, keys []Key) error {
	o := g.begin(len(keys))
	defer o.end()
	for {
		done, err := o.read(ctx, stmt, keys)
		if done || err != nil {
			return err
		}
	}
}

// read tries once. It is false if it must be tried again.
func (o *op) read(ctx context.Context, stmt Statement, keys []Key) (done bool, err error) {
	g := o.g
	c, p, err := o.place(ctx, keys)
	if err != nil {
		return false, err
	}
	ck := g.startCheck()
	// What settles a key must have been known before the data is read: of what
	// the store says together with the data, or after it, a part may have
	// become true in between.
	if !g.cfg.ablate.settleLate {
		if err := o.settled(ctx, c, p, keys); err != nil {
			return false, o.failed(ctx, c, p, err)
		}
	}
	o.limit()
	guard, s, err := g.readGuard(ctx, c, p)
	if err == nil {
		err = p.store.Read(ctx, guard, stmt, keys, o.entries)
		g.noteErr(p, s, err)
	}
	if err != nil {
		return false, o.failed(ctx, c, p, err)
	}
	if g.cfg.ablate.settleLate {
		if err := o.settled(ctx, c, p, keys); err != nil {
			return false, o.failed(ctx, c, p, err)
		}
	}
	return o.seen(ctx, c, p, ck, keys)
}

// readGuard is guard for what is told only under a lease (confirmed). A read
// that is answered while this proxy has a lease of c need not look at the
// store's register once that has reached c. What could it tell then? That it is
// newer: a write that is acknowledged in a newer view before the lease has
// ended is also on this store, as one of the owners (mustWait), and is dirty
// until it is on all of them; what it has written over here it tells of by its
// epoch (overtaken); and nothing is taken from the store before the lease has
// ended (dropLeftovers, swapAt). At the level strict nothing bounds how late
// the answer is to what was asked when the round was sent, and with the solo
// quorum the register is all that there is.
func (g *Group) readGuard(ctx context.Context, c *installed, p *peer) (Guard, *standing, error) {
	guard, s, err := g.guard(ctx, c, p)
	if err == nil {
		err = g.reached(ctx, c, p, s)
	}
	guard.Leased = g.cfg.Lease > 0 && !g.cfg.ablate.noLease
	return guard, s, err
}

// reached sees to it that p's register has reached c before data is read that
// marks are read behind: what is written there in an older view in between need
// not be made of the data either, and a look at the register behind it comes
// too late to tell.
func (g *Group) reached(ctx context.Context, c *installed, p *peer, s *standing) error {
	if g.cfg.ablate.behind || c.view.Equal(p.register.Load()) {
		return nil
	}
	err := p.voter.Push(ctx, s.boot, c.view, g.cfg.Solo)
	g.noteErr(p, s, err)
	if err == nil {
		p.register.Store(c.view)
	}
	return err
}

// overtaken is an error if p, which marks were read from without a look at its
// register, has left c, and the marks are of a version that was made since. If
// p is not its primary any more, that need not be made of what was read before
// it, which may have come to nothing.
func (o *op) overtaken(ctx context.Context, c *installed, p *peer, key Key, e *Entry) error {
	g := o.g
	if g.cfg.Lease == 0 || e.Version.Epoch <= c.view.Epoch() || g.cfg.ablate.overtaken {
		return nil
	}
	guard, s, err := g.guard(ctx, c, p)
	if err == nil {
		_, err = p.store.Load(ctx, guard, []Key{key}, false, make([]Entry, 1))
		g.noteErr(p, s, err)
	}
	return err
}

// seen does what must be done before the client may see an answer that tells
// of keys: o.entries say which versions were there, or newer ones.
func (o *op) seen(ctx context.Context, c *installed, p *peer, ck *check, keys []Key) (done bool, err error) {
	g := o.g
	var dirty []Key
	var sites []site
	for i := range keys {
		e := &o.entries[i]
		if err := o.overtaken(ctx, c, p, keys[i], e); err != nil {
			return false, o.failed(ctx, c, p, err)
		}
		g.glimpses.note(keys[i], e.Version.ID)
		if !e.Known || e.Flags.Has(cleanFlag) || g.clean.knows(keys[i], e.Version.ID) {
			continue
		}
		if g.mustWait(c, &o.sites[i]) && !g.cfg.ablate.hastyHelp {
			return false, o.outwait(ctx)
		}
		if g.cfg.ablate.noHelp || o.sites[i].n == 1 && g.cfg.ablate.tellUnwritten {
			continue
		}
		dirty, sites = append(dirty, keys[i]), append(sites, o.sites[i])
	}
	for len(dirty) > 0 {
		n := min(len(dirty), helpBatch)
		if err := o.help(ctx, c, p, dirty[:n], sites[:n]); err != nil {
			return false, o.failed(ctx, c, nil, err)
		}
		dirty, sites = dirty[n:], sites[n:]
	}
	if !g.confirmed(ctx, c, ck) {
		g.refresh(ctx)
		// Not for ever: a clock that runs too fast never sees a lease.
		return false, o.pause(ctx, 0, g.noView())
	}
	return true, nil
}

// help puts the versions that the primary has of keys on all other targets, for
// they may be on the primary alone: if that were lost, a version that a client
// has seen would be. Where it is the only target they may be in its memory
// alone, and to load them is all. Whoever was to bring them to the others may
// have given up, so that nobody has been told of them before: what follows from
// that is as a write of them now would be, and like one it outwaits the leases
// under which another primary, which has not got them, is still read.
func (o *op) help(ctx context.Context, c *installed, p *peer, keys []Key, sites []site) error {
	entries := make([]Entry, len(keys))
	guard, standing, err := o.g.guard(ctx, c, p)
	if err != nil {
		return err
	}
	_, err = p.store.Load(ctx, guard, keys, true, entries)
	o.g.noteErr(p, standing, err)
	if err != nil {
		return err
	}
	known := 0
	for i := range entries {
		if entries[i].Known { // else a tombstone that has been dropped since: it was everywhere
			keys[known], entries[known], sites[known] = keys[i], entries[i], sites[i]
			known++
		}
	}
	if known == 0 {
		return nil
	}
	o.g.counts.helped.Add(uint64(known))
	return o.replicate(ctx, c, keys[:known], entries[:known], sites[:known])
}
