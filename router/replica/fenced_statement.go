package replica

import (
	"context"
	"errors"
	"strconv"
	"time"

	"github.com/dsmproxy/dsmproxy/protocol"
	"github.com/dsmproxy/dsmproxy/router/fence"
	"github.com/dsmproxy/dsmproxy/router/ledger"
	"github.com/dsmproxy/dsmproxy/router/store"
)

// errNoPart: the connection on which a transaction runs is gone.
var errNoPart = errors.New("the connection to the store was lost")

// errKilled: a KILL has come before the statement was sent.
var errKilled = errors.New("interrupted before it was sent")

// maxFenced bounds an answer that is kept back until it counts.
const maxFenced = 64 << 20

// Preparer is a Request that has to talk to a store before it can be queued
// there.
type Preparer interface {
	Request
	// Prepare does so.
	Prepare(ctx context.Context, conn *store.Conn) error
}

// fencedStmt is the client's running statement, as the ledger runs it: once, or
// again if the first run did not count. A client has one.
type fencedStmt struct {
	client *Client
	req    Request
	kind   ledger.Kind
	write  *Write // nil of a read
	// changed is the condition of Changed.
	changed string
	// notes: the warnings of a read are asked for behind it, where they would
	// otherwise be lost.
	notes bool
	// keep: the connection is needed when the statement has come to its end.
	keep bool

	// payload and prepared are what goes by a lane; nil for nothing.
	payload  []byte
	prepared *store.Stmt

	store   int
	conn    *store.Conn // that is kept
	whole   bool        // the answer has come to its end
	refused *protocol.Error
	size    int // of the answer
}

var (
	_ ledger.Noted     = (*fencedStmt)(nil)
	_ ledger.Refusable = (*fencedStmt)(nil)
	_ ledger.Removing  = (*fencedStmt)(nil)
	_ ledger.Shared    = (*fencedStmt)(nil)
)

// begin makes s the statement of req.
func (s *fencedStmt) begin(c *Client, req Request, w *Write) *fencedStmt {
	*s = fencedStmt{client: c, req: req, write: w, changed: ledger.RowsChanged}
	s.keep = c.Learn != nil || c.AskInsertID
	if w != nil && w.Returns {
		s.changed = ledger.AlwaysChanged
	}
	return s
}

// Kind implements ledger.Statement.
func (s *fencedStmt) Kind() ledger.Kind { return s.kind }

// Changed implements ledger.Statement.
func (s *fencedStmt) Changed() string { return s.changed }

// Removes implements ledger.Removing.
func (s *fencedStmt) Removes() bool { return s.write != nil && s.write.Removes }

// Refused implements ledger.Refusable.
func (s *fencedStmt) Refused() bool { return s.client.frame.Answer().Err != nil }

// Deadlocked implements ledger.Refusable. What the statement makes of user
// variables is another value in a second run.
func (s *fencedStmt) Deadlocked() bool {
	e := s.client.frame.Answer().Err
	return s.whole && e != nil && e.Code == protocol.ErrLockDeadlock && s.write != nil && s.kind == ledger.Alone && s.client.Learn == nil
}

// Acquire implements ledger.Statement.
func (s *fencedStmt) Acquire(ctx context.Context, st *store.Store) (*store.Conn, error) {
	c := s.client
	s.forget()
	if p := c.fencing.ctx; p != nil {
		p.firm.Store(false)
	}
	s.store = c.set.index(st)
	if s.kind == ledger.Commit {
		if c.pinned[s.store] == nil {
			return nil, errNoPart
		}
		c.pinned[s.store].Begin(time.Time{})
		return c.pinned[s.store], nil
	}
	if c.fencing.lost != "" { // with the connection of the first run
		s.refused = lockLost(c.fencing.lost)
		return nil, nil
	}
	conn, err := c.acquire(s.store, true, true)
	if err == nil {
		if p, ok := s.req.(Preparer); ok {
			if err = p.Prepare(c.ctx, conn); err != nil {
				s.returns(conn, err)
			}
		}
	}
	if err == nil {
		conn.Begin(time.Time{})
		return conn, nil
	}
	var answer *protocol.Error
	if why := c.interrupted(); why != nil {
		return nil, why
	}
	if errors.As(err, &answer) { // of the login, the database, a PREPARE
		s.refused = answer
		return nil, nil
	}
	return nil, err
}

// Queue implements ledger.Statement.
func (s *fencedStmt) Queue(ctx context.Context, conn *store.Conn) error {
	c := s.client
	if s.write != nil {
		if c.fencing.begins.Store(s.kind == ledger.Alone); s.kind == ledger.Alone && c.came.Load() && c.wait.Err() != nil {
			// That KILL may be on its way to the store, and not know of begins.
			c.fencing.begins.Store(false)
			return errKilled
		}
		if before := s.before(); before != nil {
			if err := conn.Queue(before); err != nil {
				return err
			}
		}
		if c.fencing.ctx != nil {
			c.fencing.ctx.firm.Store(true)
		}
	}
	if err := s.req.Queue(c.ctx, conn); err != nil {
		return err
	}
	if s.write == nil {
		return s.Trail(conn)
	}
	return nil
}

// before is what a write goes out behind, and after what undoes that; nil for
// nothing.
func (s *fencedStmt) before() []byte {
	switch {
	case s.write == nil:
		return nil
	case s.write.fix != nil:
		return s.write.fix
	}
	return s.client.fix(s.write)
}

func (s *fencedStmt) after() []byte {
	switch {
	case s.write == nil, s.write.fix == nil && !s.write.fixed():
		return nil
	case s.write.Number == 0:
		return unfix
	case s.write.FixTime:
		return unfixBoth
	}
	return unfixNumber
}

// Answer implements ledger.Statement.
func (s *fencedStmt) Answer(conn *store.Conn) error {
	c := s.client
	if s.after() != nil {
		if err := c.skip(conn); err != nil {
			return err
		}
		if e := c.scratch.Answer().Err; e != nil {
			return c.set.refusesNumbers(s.store, e)
		}
	}
	c.fencing.begins.Store(false)
	if _, err := c.await(s.store, conn); err != nil {
		return err
	}
	c.resetFrame(s.req.Answer(), c.pinned[s.store] == conn)
	if s.kind == ledger.Alone && s.write != nil {
		c.frame.Clear |= protocol.StatusInTrans
	}
	c.keeps()
	s.size = 0
	if _, err := conn.Relay(s, &c.frame); err != nil {
		return err
	}
	s.whole = true
	if s.write == nil {
		return s.Trailed(conn)
	}
	return nil
}

// Write takes a part of the answer.
func (s *fencedStmt) Write(b []byte) (int, error) {
	if s.size += len(b); s.size <= maxFenced {
		s.client.held = append(s.client.held, b...)
	}
	return len(b), nil
}

var (
	foundRowsPacket = append([]byte{byte(protocol.ComQuery)}, "SELECT FOUND_ROWS()"...)
	warningsPacket  = append([]byte{byte(protocol.ComQuery)}, "SHOW WARNINGS"...)
)

// Trail implements ledger.Trailing. It is used for reads as well.
func (s *fencedStmt) Trail(conn *store.Conn) error {
	if s.client.CountFound && s.kind == ledger.Alone {
		if err := conn.Queue(foundRowsPacket); err != nil {
			return err
		}
	}
	if s.asksNotes() {
		if err := conn.Queue(warningsPacket); err != nil {
			return err
		}
	}
	if after := s.after(); after != nil {
		return conn.Queue(after)
	}
	return nil
}

// asksNotes reports whether the statement is followed by SHOW WARNINGS: a write
// can't be run again for them. In a transaction they stay on its connection.
func (s *fencedStmt) asksNotes() bool {
	return s.kind == ledger.Alone && (s.write != nil || s.notes || s.client.Learn != nil)
}

// Trailed implements ledger.Trailing.
func (s *fencedStmt) Trailed(conn *store.Conn) error {
	c := s.client
	if c.CountFound && s.kind == ledger.Alone {
		rows, err := readRows(conn)
		if err != nil {
			return err
		}
		if len(rows) == 1 {
			if c.FoundRows, err = strconv.ParseUint(string(rows[0][0]), 10, 64); err != nil {
				return err
			}
		}
	}
	if s.asksNotes() {
		rows, err := readRows(conn)
		if err != nil {
			return err
		}
		s.Note(rows)
	}
	if s.after() != nil {
		return c.skip(conn)
	}
	return nil
}

// NotesOnly implements ledger.Noted.
func (s *fencedStmt) NotesOnly() bool { return !s.client.CountFound && s.after() == nil }

// Note implements ledger.Noted.
func (s *fencedStmt) Note(rows [][][]byte) {
	c := s.client
	c.Notes = nil
	if a := c.frame.Answer(); a.Err == nil && a.Warnings != 0 {
		c.Notes = rows
	}
}

// readRows is ReadRows where a refusal is an answer like any other.
func readRows(conn *store.Conn) ([][][]byte, error) {
	rows, err := conn.ReadRows()
	var refused *protocol.Error
	if errors.As(err, &refused) {
		return nil, nil
	}
	return rows, err
}

// Settle implements ledger.Statement.
func (s *fencedStmt) Settle(conn *store.Conn, err error) {
	s.client.fencing.begins.Store(false)
	if s.kind == ledger.Commit {
		if err != nil {
			s.client.drop(s.store, conn)
		}
		return
	}
	if err == nil {
		s.client.opens(s.store, conn)
		if s.keep {
			s.conn = conn
			return
		}
	}
	s.returns(conn, err)
}

// returns gives a connection back.
func (s *fencedStmt) returns(conn *store.Conn, err error) {
	var refused *protocol.Error
	if err != nil && !errors.As(err, &refused) {
		s.client.drop(s.store, conn)
		return
	}
	s.client.finish(s.store, conn)
}

// forget undoes what a run of the statement has left that does not count.
func (s *fencedStmt) forget() {
	c := s.client
	s.refused, s.whole = nil, false
	if k := c.opened; k != nil {
		c.opened = nil
		if s.conn == k.conn {
			s.conn = nil
		}
		c.loseCursor(k)
	}
	if s.conn != nil {
		s.returns(s.conn, nil)
		s.conn = nil
	}
}

// index is the place of a store among the set's.
func (s *Set) index(st *store.Store) int {
	for i, o := range s.stores {
		if o == st {
			return i
		}
	}
	return -1
}

var _ fence.Statement = (*fencedStmt)(nil)
