package store

import (
	"context"
	"errors"
	"io"
	"time"

	"github.com/dsmproxy/dsmproxy/protocol"
)

// ErrDown is what Get returns for a store that is down.
var ErrDown = errors.New("store is down")

// NetError is a failure of a connection to a store: the store is dead, silent,
// or has ended the connection (1053, 1927, 08S01, a broken answer).
type NetError struct {
	Store string
	Err   error
	// Sent: some of the statement was written, so that it may have run.
	Sent bool
}

// Error says which store failed and how.
func (e *NetError) Error() string { panic("contract only") }

// Unwrap returns the cause.
func (e *NetError) Unwrap() error { return e.Err }

// MayHaveRun reports whether err leaves open if the statement has run.
func MayHaveRun(err error) bool { panic("contract only") }

// Conn is one logged-in connection to a store. It belongs to one client's
// session from Get until Release or Discard and is used by one goroutine at a
// time, except for Abort.
type Conn struct {
	// to be written by the owner of this package
}

// Store is the store it leads to.
func (c *Conn) Store() *Store { panic("contract only") }

// Align brings the connection's session state to want by the fewest round
// trips: none if it is equal, the statements that are missing if its own is a
// prefix of want (or all that differs are constants that want assigns anew),
// COM_RESET_CONNECTION and all of want otherwise. An *protocol.Error is what
// the store said of one of the statements; the connection stays usable.
func (c *Conn) Align(ctx context.Context, want *Session) error { panic("contract only") }

// Begin starts a command: it resets the sequence and lets the answer be waited
// for until deadline (zero: for ever, yet a store that is probed to be Down
// ends the wait).
func (c *Conn) Begin(deadline time.Time) { panic("contract only") }

// Queue adds a command packet to what Send writes. Several may be queued
// before one Send; the store answers them in order.
func (c *Conn) Queue(payload []byte) error { panic("contract only") }

// Send writes all that is queued in one system call.
func (c *Conn) Send() error { panic("contract only") }

// Await waits for the first packet of the next answer and returns the *protocol.Error
// in it, if it is one, without consuming it. Any other error is a *NetError;
// the errors by which a store says that it is going away (1053, 1927, 4031) are
// such.
func (c *Conn) Await() (*protocol.Error, error) { panic("contract only") }

// Relay relays the next answer to w as f was reset for. An error of the store's
// side is a *NetError, one of w's side is returned as it is.
func (c *Conn) Relay(w io.Writer, f *protocol.Framer) (n int64, err error) { panic("contract only") }

// Read reads the next answer into memory, up to limit bytes, and returns its
// frames, valid until the next use of the connection.
func (c *Conn) Read(f *protocol.Framer, limit int) ([]byte, error) { panic("contract only") }

// Exec runs a statement that the proxy itself sends and drops its rows.
func (c *Conn) Exec(ctx context.Context, sql string) (*protocol.Answer, error) {
	panic("contract only")
}

// Query runs a statement that the proxy itself sends and returns its rows in
// text form, nil for NULL. It is for small results.
func (c *Conn) Query(ctx context.Context, sql string) (rows [][][]byte, err error) {
	panic("contract only")
}

// Stmt is a client's prepared statement, as far as stores are concerned: its
// text and the session state that it was prepared in.
type Stmt struct {
	Text    []byte
	Session *Session
	// to be written by the owner of this package
}

// StmtID returns the id that the store gave to st on this connection,
// preparing it first if it is not prepared here (in st's session state, after
// which the connection has its former state again).
func (c *Conn) StmtID(ctx context.Context, st *Stmt) (uint32, error) { panic("contract only") }

// Adopt notes that st is prepared on this connection under id.
func (c *Conn) Adopt(st *Stmt, id uint32) { panic("contract only") }

// Close has st closed on all connections where it is prepared: at once on
// those that are idle, with the next command on others. No answer is awaited.
func (st *Stmt) Close() { panic("contract only") }

// SetSession notes that the client's own statement has brought the connection
// to session state s.
func (c *Conn) SetSession(s *Session) { panic("contract only") }

// Taint notes that the connection is in a state that only COM_RESET_CONNECTION
// undoes.
func (c *Conn) Taint() { panic("contract only") }

// Release gives the connection back to its pool: as it is if it is clean, after
// COM_RESET_CONNECTION if it is tainted; it is closed if an answer has not been
// read to its end, or if its last status says that a transaction is open.
func (c *Conn) Release() { panic("contract only") }

// Discard closes the connection.
func (c *Conn) Discard() { panic("contract only") }

// Abort makes a blocked Await, Relay or Read return, from another goroutine.
// The connection can only be discarded then.
func (c *Conn) Abort() { panic("contract only") }
