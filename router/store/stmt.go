package store

import (
	"bytes"
	"context"
	"encoding/binary"
	"io"
	"slices"
	"sync"

	"github.com/dsmproxy/dsmproxy/protocol"
)

// maxStatements bounds the statements that are prepared on one connection; one
// more has another closed, which is prepared again when it is needed. MySQL's
// own bound, of all connections, is 16,382 by default.
const maxStatements = 16000

// Stmt is a client's prepared statement, as far as stores are concerned: its
// text and the session state that it was prepared in. Its fields are not
// changed after its first use.
type Stmt struct {
	Text    []byte
	Session *Session

	// Of a statement that Shared.Get returned.
	shared *Shared
	key    sharedKey
	users  int // guarded by shared.mu

	mu     sync.Mutex // guards what follows
	conns  []*Conn    // where it is prepared
	closed bool
}

// StmtID returns the id that the store gave to st on this connection,
// preparing it first if it is not prepared here (in st's session state, after
// which the connection has its former state again). Answers that its user waits
// for are read ahead then, and kept.
func (c *Conn) StmtID(ctx context.Context, st *Stmt) (uint32, error) {
	if id, ok := c.preparedAs(st); ok {
		return id, nil
	}
	former := c.session
	if !former.parsesAlike(st.Session) && !(c.holds() && former.DB() == st.Session.DB() && meansTheSame(st.Text)) {
		if err := c.Align(ctx, st.Session); err != nil {
			return 0, err
		}
	}
	// First noted, then aligned: a reset would drop the statement, and would
	// have to forget it.
	id, err := c.prepareHere(ctx, st)
	if err != nil {
		return 0, err
	}
	if err := c.Align(ctx, former); err != nil {
		return 0, err
	}
	_, ok := c.preparedAs(st)
	if !ok && st.isClosed() {
		return 0, protocol.Errorf(protocol.ErrUnknownStmtHandler, "Unknown prepared statement handler given to EXECUTE")
	}
	if !ok {
		return 0, protocol.Errorf(protocol.ErrNotSupportedYet,
			"dsmproxy: a prepared statement can't be used on store %s in a session whose variables were changed since by what is not a constant", c.store.cfg.Name)
	}
	return id, nil
}

// OwnStmtID is StmtID for a statement of the proxy's own, which means the same
// in each session state: the connection keeps its own.
func (c *Conn) OwnStmtID(ctx context.Context, st *Stmt) (uint32, error) {
	if id, ok := c.preparedAs(st); ok {
		return id, nil
	}
	return c.prepareHere(ctx, st)
}

// preparedAs is the id of a statement that is prepared on this connection.
func (c *Conn) preparedAs(st *Stmt) (id uint32, ok bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	id, ok = c.stmts[st]
	return id, ok
}

// prepareHere prepares a statement that is not prepared on this connection.
func (c *Conn) prepareHere(ctx context.Context, st *Stmt) (id uint32, err error) {
	done := c.bind(ctx)
	id, err = c.prepare(st)
	if err = done(err); err == nil {
		c.Adopt(st, id)
	}
	return id, err
}

// meansTheSame reports whether a statement means the same in whatever charset
// and sql_mode it is read: a connection that can't be reset need not have those
// of the PREPARE then.
func meansTheSame(text []byte) bool {
	for _, b := range text {
		switch {
		case b >= 0x80, b == '"', b == '\\', b == '|', b == '!':
			return false
		}
	}
	return !bytes.Contains(text, []byte("''")) && !bytes.Contains(bytes.ToLower(text), []byte("not"))
}

func (c *Conn) prepare(st *Stmt) (uint32, error) {
	if err := c.readAhead(); err != nil {
		return 0, err
	}
	c.buf = append(append(c.buf[:0], byte(protocol.ComStmtPrepare)), st.Text...)
	if err := c.queue(c.buf); err != nil {
		return 0, err
	}
	if err := c.flush(); err != nil {
		return 0, err
	}
	c.frame.Reset(protocol.AnswerPrepare, c.deprecateEOF, 1)
	if _, err := c.relay(io.Discard, &c.frame); err != nil {
		return 0, err
	}
	a := c.frame.Answer()
	if a.Err != nil {
		if endsConnection(a.Err) {
			return 0, c.fail(a.Err)
		}
		return 0, a.Err
	}
	return a.StmtID, nil
}

// Adopt notes that st is prepared on this connection under id.
func (c *Conn) Adopt(st *Stmt, id uint32) {
	c.mu.Lock()
	if old, ok := c.stmts[st]; ok {
		c.closeLater(old)
	} else if len(c.stmts) >= maxStatements {
		for other, otherID := range c.stmts { // any
			delete(c.stmts, other)
			c.closeLater(otherID)
			break
		}
	}
	if c.stmts == nil {
		c.stmts = make(map[*Stmt]uint32)
	}
	c.stmts[st] = id
	c.mu.Unlock()

	st.mu.Lock()
	closed := st.closed
	if !closed && !slices.Contains(st.conns, c) {
		st.conns = append(st.conns, c)
	}
	st.mu.Unlock()
	if closed {
		c.drop(st)
	}
}

// Close has st closed on all connections where it is prepared: with the next
// command there, or by the janitor within a second. No answer is awaited. A
// shared statement goes with the Close of its last user.
func (st *Stmt) Close() {
	if st.shared != nil && !st.shared.last(st) {
		return
	}
	st.mu.Lock()
	conns := st.conns
	st.conns, st.closed = nil, true
	st.mu.Unlock()
	for _, c := range conns {
		c.drop(st)
	}
}

func (st *Stmt) isClosed() bool {
	st.mu.Lock()
	defer st.mu.Unlock()
	return st.closed
}

// drop has st closed on this connection.
func (c *Conn) drop(st *Stmt) {
	c.mu.Lock()
	if id, ok := c.stmts[st]; ok {
		delete(c.stmts, st)
		c.closeLater(id)
	}
	c.mu.Unlock()
}

// closeLater queues a COM_STMT_CLOSE; c.mu is held.
func (c *Conn) closeLater(id uint32) {
	c.closes = append(c.closes, id)
	c.hasCloses.Store(true)
	c.store.closes.Add(1)
}

// takeCloses returns the ids that are to be closed; c.mu is held.
func (c *Conn) takeCloses() []uint32 {
	ids := c.closes
	c.closes = nil
	c.hasCloses.Store(false)
	c.store.closes.Add(-int64(len(ids)))
	return ids
}

// queueCloses queues the pending COM_STMT_CLOSE.
func (c *Conn) queueCloses() error {
	c.mu.Lock()
	ids := c.takeCloses()
	c.mu.Unlock()
	var b [5]byte
	b[0] = byte(protocol.ComStmtClose)
	for _, id := range ids {
		binary.LittleEndian.PutUint32(b[1:], id)
		c.pc.ResetSequence()
		if err := c.pc.QueuePacket(b[:]); err != nil {
			return c.fail(err)
		}
	}
	return nil
}

// forgetStatements notes that the store has dropped all statements of the
// connection, as COM_RESET_CONNECTION and its end do.
func (c *Conn) forgetStatements() {
	c.setText(nil)
	c.mu.Lock()
	stmts := c.stmts
	c.stmts = nil
	c.takeCloses()
	c.mu.Unlock()
	for st := range stmts {
		st.mu.Lock()
		if i := slices.Index(st.conns, c); i >= 0 {
			st.conns = slices.Delete(st.conns, i, i+1)
		}
		st.mu.Unlock()
	}
}
