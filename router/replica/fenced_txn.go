package replica

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/dsmproxy/dsmproxy/router/fence"
	"github.com/dsmproxy/dsmproxy/router/ledger"
	"github.com/dsmproxy/dsmproxy/router/store"
)

// A transaction has a part at each store that is the primary of a record that
// it names, on one connection; the first statement that names one opens it. All
// runs there and nowhere else: what is read is told to the client once the
// Group says that it counts, statement by statement; what is written is fenced
// and copied by COMMIT (fenced_commit.go). So a transaction holds up nobody but
// by its row locks, and a change of the stores' states rolls it back, with the
// error of a deadlock.
//
// No key is locked in the proxy: the primary's row locks order the writers of
// all proxies, NOWAIT and SKIP LOCKED included.

// fencedPart is a transaction's part at one store.
type fencedPart struct {
	txn  *fence.Txn
	keys []fence.Key // of the records that it has written; their IDs are its own
}

// startPause is how long a transaction's first statement waits before it is
// tried again.
const startPause = 20 * time.Millisecond

// within reports whether a statement is part of a transaction, open or to be
// opened by it.
func (c *Client) within() bool { return c.InTxn() || !c.state.Autocommit() }

// fencedWithin carries a statement of a transaction out; w is nil of a read.
func (c *Client) fencedWithin(t Table, keys [][]byte, req Request, w *Write) error {
	list, err := c.fenceKeys(t, keys)
	if err != nil {
		return err
	}
	if !c.state.Autocommit() {
		c.enroll()
	}
	s := &c.fencing.stmt
	start := starting{fresh: len(c.txn.parts) == 0}
	for {
		if err = c.runWithin(list, req, w); !errors.Is(err, fence.ErrRestart) || !c.startOver(&start) {
			break
		}
	}
	if err == nil && s.refused == nil {
		if e := c.sacrificed(c.frame.Answer().Err); e != nil {
			s.forget()
			return e
		}
	}
	if err != nil && c.ctx.Err() != nil {
		s.forget()
		return c.aborted()
	}
	err = s.tell(err)
	c.settle()
	return err
}

// runWithin carries it out once.
func (c *Client) runWithin(list []fence.Key, req Request, w *Write) error {
	s := c.fencing.stmt.begin(c, req, w)
	s.kind, s.keep = ledger.Within, true
	part, err := c.part(list)
	if err != nil {
		return err
	}
	if w == nil {
		// Not c.wait: a KILL is the store's affair, and is answered by it.
		return part.txn.Read(c.ctx, s, list)
	}
	return c.writeWithin(s, part, list)
}

// part returns the transaction's part at the primary of keys, opening it if
// need be.
func (c *Client) part(list []fence.Key) (*fencedPart, error) {
	parts, at := c.txn.parts, 0
	for ; at < len(parts); at++ {
		err := parts[at].txn.Enlist(c.wait, list[0])
		if err == nil {
			break
		}
		if !errors.Is(err, fence.ErrScattered) {
			return nil, err
		}
	}
	if at == len(parts) {
		txn, err := c.set.group.Begin(c.wait, list[0])
		if err != nil {
			return nil, err
		}
		for i := range parts {
			if parts[i].txn.Store() == txn.Store() {
				return nil, fence.ErrRestart // the key has come to it since
			}
		}
		c.txn.parts = append(parts, fencedPart{txn: txn})
	}
	p := &c.txn.parts[at]
	for _, k := range list[1:] {
		if err := p.txn.Enlist(c.wait, k); err != nil {
			return nil, err
		}
	}
	return p, nil
}

// writeWithin runs a write. Its answer counts once the transaction is
// committed, but where it has changed nothing, for then it tells of the records
// as a read does.
func (c *Client) writeWithin(s *fencedStmt, p *fencedPart, list []fence.Key) error {
	if !p.txn.Alive() {
		return fence.ErrRestart
	}
	if err := s.run(c.ctx, c.set.stores[p.txn.Store()]); err != nil {
		return fmt.Errorf("%w: %w", fence.ErrRestart, err)
	}
	a := c.frame.Answer()
	switch {
	case s.refused != nil:
		return nil
	case a.Err == nil && (s.write.Returns || a.AffectedRows > 0):
		p.wrote(list)
		return nil
	}
	return p.txn.Read(c.ctx, repeated{s}, list)
}

// run carries the statement out at a store, up to its answer.
func (s *fencedStmt) run(ctx context.Context, st *store.Store) error {
	conn, err := s.Acquire(ctx, st)
	if conn == nil {
		return err
	}
	if err = s.Queue(ctx, conn); err == nil {
		err = s.Trail(conn)
	}
	if err == nil {
		err = conn.Send()
	}
	if err == nil {
		err = s.Answer(conn)
	}
	if err == nil {
		err = s.Trailed(conn)
	}
	s.Settle(conn, err)
	return err
}

// wrote notes the records that are to be copied.
func (p *fencedPart) wrote(list []fence.Key) {
	for _, k := range list {
		known := slices.ContainsFunc(p.keys, func(o fence.Key) bool {
			return o.Table == k.Table && bytes.Equal(o.ID, k.ID)
		})
		if !known {
			p.keys = append(p.keys, fence.Key{Table: k.Table, ID: bytes.Clone(k.ID)})
		}
	}
}

// repeated is a statement that has its answer already.
type repeated struct{ *fencedStmt }

// Acquire implements ledger.Statement.
func (repeated) Acquire(context.Context, *store.Store) (*store.Conn, error) { return nil, nil }

// starting is how a transaction's first statement fares.
type starting struct {
	fresh bool // nothing of it is at any primary
	began time.Time
}

// startOver reports whether the statement may be tried again, perhaps at
// another store: it was the first, so that there is nothing to be lost.
func (c *Client) startOver(s *starting) bool {
	if !s.fresh || len(c.txn.parts) != 1 || c.wait.Err() != nil {
		return false
	}
	i := c.txn.parts[0].txn.Store()
	if slices.Contains(c.txn.alone, i) || s.began != (time.Time{}) && time.Since(s.began) > c.set.group.Patience() {
		return false
	}
	if s.began.IsZero() {
		s.began = time.Now()
	}
	c.fencing.stmt.forget()
	c.txn.parts = c.txn.parts[:0]
	if conn := c.pinned[i]; conn != nil {
		c.drop(i, conn)
	}
	c.pauseStart()
	return true
}

// pauseStart waits a moment before a transaction is begun anew.
func (c *Client) pauseStart() {
	timer := time.NewTimer(startPause)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-c.wait.Done():
	}
}
