package store

import (
	"context"
	"errors"
	"io"
	"net"
	"sync"
	"sync/atomic"
	"time"

	"github.com/dsmproxy/dsmproxy/protocol"
	"github.com/dsmproxy/dsmproxy/router/meter"
)

// Conn is one logged-in connection to a store. It belongs to one client's
// session from Get until Release or Discard and is used by one goroutine at a
// time, except for Abort.
type Conn struct {
	store  *Store
	access *Access // by which it was made
	login  Login
	pool   *pool
	raw    net.Conn // under TLS too
	pc     *protocol.Conn
	born   time.Time
	shard  meter.Shard

	thread       uint32
	deprecateEOF bool
	probes       bool // it is the probe's
	restores     bool // COM_RESET_CONNECTION restores the login's charset

	// What follows belongs to who uses the connection, and to the pool while it
	// is idle.
	session *Session        // as far as known; see stale
	status  protocol.Status // of the last answer
	frame   protocol.Framer // of answers to the package's own statements
	buf     []byte          // of Read, and of the package's own statements
	unread  int             // answers that were asked for and not read to their end
	early   []byte          // those of them that were read ahead
	began   meter.Time      // of the running command, if it is timed; see departs
	// resetting counts the answers to Release's reset that are not read yet.
	resetting int
	unsent    bool   // something is queued
	sent      bool   // some of the running command was written
	bounded   bool   // a deadline is set
	tainted   bool   // see Taint
	unsure    bool   // an error may have left a transaction open; see answered
	mark      uint64 // see SetMark
	trait     uint8  // see SetTrait
	keepsOpen bool   // see KeepsOpen
	text      *Stmt  // what is prepared by SQL; see PrepareText
	stale     bool   // session is not what the store has: reset before use
	broken    bool   // failed: no byte of it can be trusted
	doomed    bool   // in order, but not to be used again
	rested    uint32

	expired atomic.Bool           // older than MaxLifetime
	cause   atomic.Pointer[error] // why it was aborted

	hasCloses atomic.Bool
	mu        sync.Mutex // guards stmts and closes
	stmts     map[*Stmt]uint32
	closes    []uint32 // statement ids to be closed

	// Guarded by store.mu: the place among the idle connections.
	isIdle       bool
	above, below *Conn // in the pool; above was released later
	newer, older *Conn // in the store
}

// Store is the store it leads to.
func (c *Conn) Store() *Store { return c.store }

// Login is what the connection logged in with.
func (c *Conn) Login() Login { return c.login }

// DeprecateEOF reports whether answers have an OK packet where older servers
// send EOF. It is what the Login asked for.
func (c *Conn) DeprecateEOF() bool { return c.deprecateEOF }

// ThreadID is the store's number of the connection, for KillQuery.
func (c *Conn) ThreadID() uint32 { return c.thread }

// Status is the server status of the last answer that was not an error.
func (c *Conn) Status() protocol.Status { return c.status }

// Unsure reports whether the last answer was an error that may have left a
// transaction open, of which Status does not tell.
func (c *Conn) Unsure() bool { return c.unsure }

// Session is the session state that the connection has.
func (c *Conn) Session() *Session { return c.session }

// Begin starts a command: it resets the sequence and lets the answer be waited
// for until deadline (zero: for ever, yet a store that is probed to be Down
// ends the wait).
func (c *Conn) Begin(deadline time.Time) {
	c.sent = false
	c.pc.ResetSequence()
	if !deadline.IsZero() || c.bounded {
		c.bounded = !deadline.IsZero()
		c.pc.SetDeadline(deadline)
	}
}

// directWrite is the length of a packet from which protocol.Conn may write it
// before Send.
const directWrite = 4 << 10

// Queue adds a command packet to what Send writes. Several may be queued
// before one Send; the store answers them in order.
func (c *Conn) Queue(payload []byte) error {
	if len(payload) >= directWrite {
		c.sent = true
	}
	return c.queue(payload)
}

// queue is Queue for commands of the package's own.
func (c *Conn) queue(payload []byte) error {
	if c.hasCloses.Load() {
		if err := c.queueCloses(); err != nil {
			return err
		}
	}
	c.unsent = true
	c.pc.ResetSequence()
	if err := c.pc.QueuePacket(payload); err != nil {
		return c.fail(err)
	}
	if len(payload) == 0 || !isSilent(protocol.Command(payload[0])) {
		c.unread++
	}
	return nil
}

// isSilent reports whether cmd has no answer.
func isSilent(cmd protocol.Command) bool {
	switch cmd {
	case protocol.ComStmtClose, protocol.ComStmtSendLongData, protocol.ComQuit:
		return true
	}
	return false
}

// Send writes all that is queued in one system call.
func (c *Conn) Send() error {
	c.sent = true
	c.departs()
	return c.flush()
}

// flush is Send for commands of the package's own.
func (c *Conn) flush() error {
	c.unsent = false
	if err := c.pc.Flush(); err != nil {
		return c.fail(err)
	}
	return nil
}

// Await waits for the first packet of the next answer and returns the *protocol.Error
// in it, if it is one, without consuming it. Any other error is a *NetError;
// the errors by which a store says that it is going away (1053, 1927, 4031) are
// such.
func (c *Conn) Await() (*protocol.Error, error) {
	b := c.early
	if len(b) == 0 {
		var err error
		if b, err = c.fillPacket(); err != nil {
			return nil, c.fail(err)
		}
	}
	c.arrives()
	if b[headerSize] != 0xff {
		return nil, nil
	}
	e := parseError(b[headerSize : headerSize+frameSize(b)])
	if endsConnection(e) {
		return nil, c.fail(e)
	}
	return e, nil
}

const headerSize = 4

// frameSize is the length in a frame's header.
func frameSize(b []byte) int { return int(b[0]) | int(b[1])<<8 | int(b[2])<<16 }

// fillPacket waits for the next packet's first byte, and for all of it if it is
// an ERR packet, without consuming it.
func (c *Conn) fillPacket() ([]byte, error) {
	b, err := c.pc.Fill(headerSize - 1)
	if err == nil && len(b) == headerSize {
		if frameSize(b) == 0 {
			return nil, errMalformed
		}
		b, err = c.pc.Fill(headerSize)
	}
	if err != nil || b[headerSize] != 0xff {
		return b, err
	}
	size := frameSize(b)
	if size > maxLoginPacket {
		return nil, errMalformed
	}
	if len(b) < headerSize+size {
		b, err = c.pc.Fill(headerSize + size - 1)
	}
	return b, err
}

// Relay relays the next answer to w as f was reset for. An error of the store's
// side is a *NetError, one of w's side is returned as it is.
func (c *Conn) Relay(w io.Writer, f *protocol.Framer) (n int64, err error) {
	if len(c.early) > 0 {
		return c.relayEarly(w, f)
	}
	return c.relay(w, f)
}

// relay is Relay for what has not been read ahead.
func (c *Conn) relay(w io.Writer, f *protocol.Framer) (n int64, err error) {
	if n, err = f.Relay(w, c.pc); err != nil {
		var side *protocol.RelayError
		if !errors.As(err, &side) {
			return n, c.fail(err)
		}
		if !side.Source {
			return n, side.Err
		}
		return n, c.fail(side.Err)
	}
	c.answered(f.Answer())
	return n, nil
}

// Read reads the next answer into memory, up to limit bytes, and returns its
// frames, valid until the next use of the connection. A longer answer is an
// *protocol.Error; the rest of it stays unread, so that Release closes the
// connection.
func (c *Conn) Read(f *protocol.Framer, limit int) ([]byte, error) {
	if len(c.early) > 0 {
		return c.readEarly(f)
	}
	frames, err := c.read(c.buf[:0], f, limit)
	if cap(frames) > 0 {
		c.buf = frames
	}
	if err != nil {
		return nil, err
	}
	c.answered(f.Answer())
	return frames, nil
}

// read appends the frames of the next answer to dst.
func (c *Conn) read(dst []byte, f *protocol.Framer, limit int) ([]byte, error) {
	have := 0
	for {
		b, err := c.pc.Fill(have)
		if err != nil {
			return dst, c.fail(err)
		}
		n, done, err := f.Feed(b)
		if err != nil {
			return dst, c.fail(err)
		}
		if len(dst)+n > limit {
			return dst, protocol.Errorf(protocol.ErrUnknown,
				"dsmproxy: the answer of store %s has more than %d bytes, and can't be held in memory", c.store.cfg.Name, limit)
		}
		dst = append(dst, b[:n]...)
		c.pc.Consume(n)
		if done {
			return f.Ended(dst), nil
		}
		have = len(b) - n
	}
}

// answered notes that an answer was read to its end. An error has no status:
// with autocommit off a statement that fails may have begun a transaction, with
// locks.
func (c *Conn) answered(a *protocol.Answer) {
	c.unread--
	if c.unread == 0 {
		c.sent = false
	}
	c.unsure = a.Err != nil && !c.status.Has(protocol.StatusAutocommit)
	if a.Err == nil {
		c.status = a.Status
		if a.Status.Has(protocol.StatusDBDropped) {
			c.doomed = true // it has no database now, whatever session says
		}
	} else if a.Err.Code == protocol.ErrPacketTooLarge || endsConnection(a.Err) {
		c.doomed = true
	}
}

// SetSession notes that the client's own statement has brought the connection
// to session state s.
func (c *Conn) SetSession(s *Session) { c.session = s }

// Taint notes that the connection is in a state that only COM_RESET_CONNECTION
// undoes.
func (c *Conn) Taint() { c.tainted = true }

// Mark is what SetMark was last called with on this connection, by whomever.
func (c *Conn) Mark() uint64 { return c.mark }

// SetMark keeps a number for as long as the connection is open. What it means
// is up to the callers.
func (c *Conn) SetMark(n uint64) { c.mark = n }

// Trait is what SetTrait was last called with on this connection, by whomever;
// 0 if it was reset since.
func (c *Conn) Trait() uint8 { return c.trait }

// SetTrait keeps a number until the connection is reset, for something that a
// reset undoes. What it means is up to the callers.
func (c *Conn) SetTrait(n uint8) { c.trait = n }

// KeepsOpen notes that a table is open on the connection, which keeps others from
// changing it: once it has been idle for a second, the connection is reset.
func (c *Conn) KeepsOpen() { c.keepsOpen = true }

// keptBuffer is how much memory an idle connection keeps.
const keptBuffer = 4 << 10

// Release gives the connection back to its pool: as it is if it is clean, after
// COM_RESET_CONNECTION if it is tainted or a transaction is or may be open, by
// its last status; it is closed if it has failed or an answer has not been
// read to its end. Release does not wait for the store.
func (c *Conn) Release() {
	if c.broken || c.doomed || c.unread > 0 || c.unsent || c.expired.Load() || c.cause.Load() != nil {
		c.Discard()
		return
	}
	if c.bounded {
		c.bounded = false
		c.pc.SetDeadline(time.Time{})
	}
	if c.tainted || c.unsure || c.status.Has(protocol.StatusInTrans) {
		if !c.startReset() {
			c.Discard()
			return
		}
	}
	if cap(c.buf) > keptBuffer {
		c.buf = nil
	}
	c.sent = false
	c.pc.Trim()
	c.store.put(c)
}

// Discard closes the connection.
func (c *Conn) Discard() {
	c.store.remove(c)
	c.quit()
}

// Abort makes a blocked Await, Relay or Read return, from another goroutine.
// The connection can only be discarded then. The statement may go on at the
// store; see Store.KillQuery.
func (c *Conn) Abort() { c.abort(errAborted) }

func (c *Conn) abort(cause error) {
	if c.cause.CompareAndSwap(nil, &cause) {
		c.raw.Close()
	}
}

// fail makes the connection unusable and returns the error for it.
func (c *Conn) fail(err error) error {
	c.broken = true
	if cause := c.cause.Load(); cause != nil {
		err = *cause
	} else {
		if err == io.EOF {
			err = errClosed
		}
		if !c.probes {
			c.store.counts.broken.Add(1)
			c.store.suspectNow()
		}
	}
	return c.store.netError(err, c.sent)
}

var errClosed = errors.New("the store closed the connection")

// quit closes the connection, saying so to the store if that may be possible,
// which otherwise would log an aborted connection. It belongs to no pool any
// more.
func (c *Conn) quit() {
	if !c.broken && c.unread == 0 && !c.unsent && c.cause.Load() == nil {
		c.pc.SetDeadline(time.Now().Add(10 * time.Millisecond))
		c.pc.ResetSequence()
		if c.pc.QueuePacket([]byte{byte(protocol.ComQuit)}) == nil {
			_ = c.pc.Flush() // best effort
		}
	}
	c.close()
}

// close closes the connection at once.
func (c *Conn) close() {
	c.broken = true
	c.raw.Close()
	c.pc.Trim()
	c.forgetStatements()
}

// bind lets ctx end what the connection waits for. The function it returns must
// be called afterwards, with the outcome, and returns it, or why ctx has ended.
func (c *Conn) bind(ctx context.Context) func(error) error {
	if ctx.Done() == nil {
		return func(err error) error { return err }
	}
	stop := context.AfterFunc(ctx, func() { c.abort(context.Cause(ctx)) })
	return func(err error) error {
		if !stop() {
			c.broken = true
			return context.Cause(ctx)
		}
		return err
	}
}
