package replica

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/dsmproxy/dsmproxy/protocol"
	"github.com/dsmproxy/dsmproxy/router/store"
)

// What all stores are to run, a store that is down runs when it returns: DDL,
// and the batches of keyless writes. So does one that has refused DDL for now;
// what it refuses for now again is tried each second. It is remembered in this
// proxy's memory only, up to a bound.

// maxBacklog bounds what is remembered for one store that is down.
const maxBacklog = 1000

// Backlog is what is remembered for one store, and what has become of earlier
// statements. Each number but Pending only grows.
type Backlog struct {
	Pending  int    // statements that it is yet to run
	Replayed uint64 // those that it has run since
	Refused  uint64 // those that it has answered with an error
	Lost     uint64 // those beyond the bound, which it will never run
}

// Backlogs tells of all stores, in the configured order.
func (s *Set) Backlogs() []Backlog {
	list := make([]Backlog, len(s.pending))
	for i := range s.pending {
		b := &s.pending[i]
		b.mu.Lock()
		list[i] = b.counts
		list[i].Pending = len(b.missed)
		b.mu.Unlock()
	}
	return list
}

// backlog are the statements that a store has missed while it was down.
type backlog struct {
	mu     sync.Mutex // guards what follows
	missed []missed
	counts Backlog // but for Pending
}

// missed is one of them. Its request is its own.
type missed struct {
	state *store.Session
	req   Request
	ddl   string // its text, if it is DDL
	done  func()
}

// repeats reports whether m is DDL that is the last already.
func (b *backlog) repeats(m missed) bool {
	for i := len(b.missed) - 1; i >= 0 && m.ddl != ""; i-- {
		if last := &b.missed[i]; last.ddl != "" {
			return last.ddl == m.ddl && last.state.DB() == m.state.DB()
		}
	}
	return false
}

// missedAt is one that a transaction has sent to the other stores and not
// committed yet.
type missedAt struct {
	store int
	missed
}

// remember keeps a statement for a store that is down.
func (s *Set) remember(i int, m missed) {
	b := &s.pending[i]
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.repeats(m) {
		m.done()
		return
	}
	if len(b.missed) == maxBacklog {
		if b.counts.Lost++; b.counts.Lost == 1 {
			s.log.Error("store misses statements for good: too many while it was down",
				"store", s.stores[i].Name(), "limit", maxBacklog)
		}
		m.done()
		return
	}
	if len(b.missed) == 0 {
		s.log.Info("statements are kept for a store that is down", "store", s.stores[i].Name(), "limit", maxBacklog)
	}
	b.missed = append(b.missed, m)
}

// behind reports whether store i is yet to run something.
func (s *Set) behind(i int) bool {
	b := &s.pending[i]
	b.mu.Lock()
	defer b.mu.Unlock()
	return len(b.missed) > 0
}

// misses notes that a store has not run a statement of the client's that it has
// to run when it returns; in a transaction, if that is committed.
func (c *Client) misses(i int, m missed) {
	if c.InTxn() {
		c.txn.missed = append(c.txn.missed, missedAt{i, m})
		return
	}
	c.set.remember(i, m)
}

// forgetMissed drops what a transaction that is rolled back has noted.
func (c *Client) forgetMissed() {
	for _, m := range c.txn.missed {
		m.done()
	}
	c.txn.missed = nil
}

// Run gives stores that return what they have missed, and leases numbers ahead,
// until ctx ends.
func (s *Set) Run(ctx context.Context) error {
	for i := range s.stores {
		s.catchUps.Go(func() { s.catchUp(ctx, i) })
	}
	s.catchUps.Go(func() { s.leaseAhead(ctx) })
	s.catchUps.Go(func() { s.watch(ctx) })
	if s.group != nil {
		s.catchUps.Go(func() { s.finishMoves(ctx) })
	}
	s.catchUps.Wait()
	s.kills.Wait()
	return ctx.Err()
}

func (s *Set) catchUp(ctx context.Context, i int) {
	st := s.stores[i]
	for {
		changed := st.Changed()
		if st.State() == store.Up {
			s.replay(ctx, i)
		}
		select {
		case <-ctx.Done():
			return
		case <-changed:
		case <-time.After(time.Second): // what was missed while it came up
		}
	}
}

// replay runs what store i has missed, in order.
func (s *Set) replay(ctx context.Context, i int) {
	b := &s.pending[i]
	for n := 0; ; n++ {
		b.mu.Lock()
		if len(b.missed) == 0 {
			b.mu.Unlock()
			if n > 0 {
				s.log.Info("store has run what it had missed", "store", s.stores[i].Name(), "statements", n)
			}
			return
		}
		m := b.missed[0]
		b.mu.Unlock()
		refused, err := s.replayOne(ctx, i, m)
		if err != nil || refused != nil && isTransient(refused.Code) {
			return // it is tried again
		}
		m.done()
		b.mu.Lock()
		b.missed[0] = missed{}
		b.missed = b.missed[1:]
		b.counts.Replayed++
		if refused != nil {
			b.counts.Refused++
		}
		b.mu.Unlock()
		switch name := s.stores[i].Name(); {
		case refused == nil:
		case m.ddl != "" && isDone(refused.Code):
			s.log.Info("store had a statement already that it was to run", "store", name, "code", refused.Code)
		case m.ddl != "":
			s.log.Error("stores differ: one refuses DDL that it had missed", "store", name, "code", refused.Code,
				"action", "compare SHOW CREATE TABLE with another store's, and carry the DDL out there by hand")
		default:
			s.log.Warn("store differs on a statement that it had missed", "store", name, "code", refused.Code)
		}
	}
}

// replayOne runs one statement. err means that the store is gone again.
func (s *Set) replayOne(ctx context.Context, i int, m missed) (refused *protocol.Error, err error) {
	conn, err := s.stores[i].Get(ctx, s.service, m.state, false)
	if err != nil {
		if errors.As(err, &refused) && refused.Code == protocol.ErrBadDB {
			return refused, nil // its database has been dropped
		}
		return nil, err
	}
	stop := context.AfterFunc(ctx, conn.Abort)
	defer stop()
	conn.Begin(time.Time{})
	if err = m.req.Queue(ctx, conn); err == nil {
		err = conn.Send()
	}
	if err == nil {
		_, err = conn.Await()
	}
	var f protocol.Framer
	if err == nil {
		f.Reset(m.req.Answer(), s.service.Capabilities.Has(protocol.ClientDeprecateEOF), 1)
		_, err = conn.Read(&f, maxHeld)
	}
	switch {
	case errors.As(err, &refused): // it can't be prepared
		conn.Discard()
		return refused, nil
	case err != nil:
		conn.Discard()
		return nil, err
	}
	refused = f.Answer().Err
	if !m.state.Autocommit() {
		if _, err := conn.Exec(ctx, "COMMIT"); err != nil {
			conn.Discard()
			return nil, err
		}
	}
	conn.Release()
	return refused, nil
}

// shared is a request that several stores run at the same time.
type shared struct {
	Request
	mu sync.Mutex // held to queue it: that writes a statement's number into it
}

// Queue implements Request.
func (r *shared) Queue(ctx context.Context, conn *store.Conn) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.Request.Queue(ctx, conn)
}
