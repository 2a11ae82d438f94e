package replica

import (
	"context"
	"errors"
	"slices"
	"sync"
	"time"

	"github.com/dsmproxy/dsmproxy/protocol"
	"github.com/dsmproxy/dsmproxy/router/store"
)

// Request is a statement as it is sent to a store.
type Request interface {
	// Queue adds the statement's packets to what conn sends next. It may talk
	// to the store first, to prepare a statement there.
	Queue(ctx context.Context, conn *store.Conn) error
	// Answer is the grammar of its answer.
	Answer() protocol.AnswerKind
}

// Client is one client's side of the data path: its session state as stores
// must have it, the store connections that its transaction holds, and scratch
// space. It is used by one goroutine at a time, except for Abort.
type Client struct {
	// Login is who the client's store connections log in as.
	Login store.Login
	// More marks the answers as followed by another one, for all but the last
	// of several statements in one command.
	More bool
	// Notes are the rows of SHOW WARNINGS after the last statement; nil if it
	// gave no warning.
	Notes [][][]byte
	// CountFound asks for FOUND_ROWS() after the statement, into FoundRows.
	CountFound bool
	FoundRows  uint64
	// ReadsOnly is the session's transaction_read_only.
	ReadsOnly bool
	// AskInsertID asks for LAST_INSERT_ID() after the statement, into InsertID.
	AskInsertID bool
	InsertID    uint64
	// CountSelected asks for what Selected tells.
	CountSelected bool
	// Learn, if it is not nil, is called with the connection that has carried
	// the statement out, before that can be used for anything else, and whether
	// or not the store has refused the statement.
	Learn func(conn *store.Conn) error
	// LockWait bounds the wait for a key that another client writes; 0 means as
	// the Set's.
	LockWait time.Duration
	// Waits bounds it for the statement that is carried out.
	Waits Waits
	// Home is the store that has the tables beside the session tables, and so is
	// asked first what concerns no record; -1 if there is none.
	Home int
	// Cursor lets the statement open a cursor, for TakeCursor.
	Cursor bool

	set   *Set
	out   *protocol.Client
	state *store.Session

	ctx    context.Context
	cancel context.CancelCauseFunc
	interrupts
	waits
	lockVictim

	owner  *lockOwner
	txn    txn
	inner  bool          // the transaction is the proxy's own, of one statement
	pinned []*store.Conn // of the transaction, by store; nil where none is held
	kept   []*store.Conn // those that hold locks, by store
	locks  []heldLock
	homes  []*lockHome // of names that it holds or asks for
	order  []uint16
	copies []copyOf
	lanes  lanes
	held   []byte // an answer that is kept back

	selected uint64 // of the last statement with CountSelected

	fencing *fencing  // nil at the level seed
	one     [1][]byte // scratch: one key

	keyRule  *keyRule   // used last; nil: none
	charsets charsets   // of its session
	noted    [][][]byte // the warnings of a statement that a SET follows
	stamp    []byte     // see fix

	opened  *Cursor   // by the last statement
	cursors []*Cursor // all that are open
	here    bool      // Change uses one connection only
	hush    bool      // Change answers without warnings

	frame   protocol.Framer // of the answer that the client gets
	scratch protocol.Framer // of answers that it does not

	mu     sync.Mutex
	active []*store.Conn // guarded by mu: what Abort has to abort
}

// NewClient returns the data path of a client that has logged in.
func (s *Set) NewClient(out *protocol.Client, login store.Login, state *store.Session) *Client {
	c := &Client{
		Login: login, Home: -1, set: s, out: out, state: state,
		owner:  newLockOwner(),
		pinned: make([]*store.Conn, len(s.stores)),
		kept:   make([]*store.Conn, len(s.stores)),
		order:  make([]uint16, len(s.stores)),
	}
	// Two that know nothing of each other, for a parent keeps a list of its
	// children; ends ends both.
	c.ctx, c.cancel = context.WithCancelCause(context.Background())
	c.wait, c.stop = context.WithCancelCause(context.Background())
	c.owner.client = c
	if c.fenced() {
		c.fencing = new(fencing)
	}
	return c
}

// State is the session state that store connections of this client have.
func (c *Client) State() *store.Session { return c.state }

// SetState changes it without telling a store: the next statement's alignment
// does. No connection may be pinned.
func (c *Client) SetState(state *store.Session) { c.state = state }

var errGone = errors.New("client has gone")

// Close rolls back and gives everything back.
func (c *Client) Close() {
	c.mu.Lock()
	c.ends(errGone)
	c.mu.Unlock()
	for i, conn := range c.pinned {
		if conn != nil {
			c.drop(i, conn) // the store rolls back when its client goes
		}
	}
	for i, conn := range c.kept {
		if conn != nil {
			c.drop(i, conn) // it frees the locks as well
		}
	}
	for len(c.cursors) > 0 {
		c.loseCursor(c.cursors[0])
	}
	for len(c.active) > 0 { // after a panic in the middle of a statement
		conn := c.active[0]
		c.unwatch(conn)
		conn.Discard()
	}
	c.forgetMissed()
	c.set.locks.release(c.owner)
	c.strike()
}

func (c *Client) watch(conn *store.Conn) {
	c.mu.Lock()
	c.active = append(c.active, conn)
	c.mu.Unlock()
}

// acquire returns the connection to store i that the client's next statement
// uses: the one that its transaction holds there, or one from the pool, which
// joins the transaction if enlist is set and there is one.
func (c *Client) acquire(i int, enlist, force bool) (*store.Conn, error) {
	if conn := c.pinned[i]; conn != nil {
		return conn, nil
	}
	conn := c.kept[i]
	if conn == nil {
		var err error
		if c.came.Load() && c.wait.Err() != nil {
			return nil, context.Cause(c.wait)
		}
		conn, err = c.set.stores[i].Get(c.wait, c.Login, c.state, force)
		if err != nil && c.relogin(err) {
			conn, err = c.set.stores[i].Get(c.wait, c.Login, c.state, force)
		}
		if err != nil {
			if why := c.interrupted(); why != nil {
				return nil, why // a KILL that ends a login says nothing of the store
			}
			return nil, err
		}
		c.watch(conn)
	}
	if enlist && len(c.txn.prefix) > 0 {
		if err := c.join(conn); err != nil {
			c.drop(i, conn)
			return nil, err
		}
		if c.txn.open {
			c.pin(i, conn)
		}
	}
	return conn, nil
}

// relogin has a client go on with its user's new password if that is why a store
// has refused it.
func (c *Client) relogin(err error) bool {
	e, ok := err.(*protocol.Error)
	if !ok || e.Code != protocol.ErrAccessDenied || c.set.password == nil {
		return false
	}
	now, ok := c.set.password(c.Login.User)
	if !ok || now == c.Login.Password {
		return false
	}
	c.Login.Password = now
	return true
}

// acquireAt is acquire for what only store i can do; its error is the client's.
func (c *Client) acquireAt(i int) (*store.Conn, error) {
	conn, err := c.acquire(i, false, true)
	switch {
	case err == nil:
		return conn, nil
	case c.ctx.Err() != nil:
		return nil, c.aborted()
	case storeFailed(err):
		return nil, unreachable(err)
	}
	return nil, err
}

// finish gives a connection back whose answer has been read to its end, unless
// the transaction keeps it. With autocommit off it is the store's status that
// says that a transaction has begun; an error says nothing of that, so the store
// is asked.
func (c *Client) finish(i int, conn *store.Conn) {
	if c.pinned[i] == conn {
		return
	}
	if conn.Unsure() {
		if _, err := conn.Exec(c.ctx, "DO 0"); err != nil {
			c.drop(i, conn)
			return
		}
	}
	if conn.Status().Has(protocol.StatusInTrans) {
		c.out.Status |= conn.Status() & (protocol.StatusInTrans | protocol.StatusInTransReadonly)
		c.pin(i, conn)
		return
	}
	c.giveBack(conn)
}

// giveBack releases a connection unless it holds a lock or a cursor.
func (c *Client) giveBack(conn *store.Conn) {
	if !c.hasCursor(conn) && !slices.Contains(c.kept, conn) {
		if c.unwatch(conn) {
			conn.Discard()
			return
		}
		conn.Release()
	}
}

// pin keeps a connection for the transaction.
func (c *Client) pin(i int, conn *store.Conn) {
	c.enroll()
	c.pinned[i] = conn
	c.txn.joined = append(c.txn.joined, i)
}

// drop closes a connection that failed or is in the middle of an answer.
func (c *Client) drop(i int, conn *store.Conn) {
	if c.pinned[i] == conn {
		c.pinned[i] = nil
	}
	if c.kept[i] == conn {
		c.unkeep(i)
		c.losesLocks(i)
		c.locks = slices.DeleteFunc(c.locks, func(l heldLock) bool { return l.store == i })
		c.disclaim()
	}
	c.cursors = slices.DeleteFunc(c.cursors, func(k *Cursor) bool { return k.conn == conn })
	c.unwatch(conn)
	conn.Discard()
}

// send queues a request and sends it.
func (c *Client) send(conn *store.Conn, req Request) error {
	conn.Begin(time.Time{})
	if err := req.Queue(c.ctx, conn); err != nil {
		return err
	}
	return conn.Send()
}

// resetFrame makes c.frame follow an answer for the client.
func (c *Client) resetFrame(kind protocol.AnswerKind, enlisted bool) {
	c.frame.Reset(kind, c.Login.Capabilities.Has(protocol.ClientDeprecateEOF), c.out.Conn().Sequence())
	c.frame.Expired = &c.expired
	if c.More {
		c.frame.Set |= protocol.StatusMoreResults
	}
	switch {
	case c.inner:
		c.frame.Clear |= protocol.StatusInTrans
	case !enlisted && c.InTxn():
		c.frame.Set |= protocol.StatusInTrans | c.out.Status&protocol.StatusInTransReadonly
	}
}

// persistent are the status flags that outlive an answer.
const persistent = protocol.StatusInTrans | protocol.StatusAutocommit |
	protocol.StatusNoBackslashEscapes | protocol.StatusInTransReadonly | protocol.StatusANSIQuotes

// answered takes over what an answer said of the session.
func (c *Client) answered() {
	c.out.Conn().SetSequence(c.frame.Seq())
	if a := c.frame.Answer(); a.Err == nil {
		c.out.Status = (a.Status&^c.frame.Clear | c.frame.Set) & persistent
	}
}

// Answer is what the last answer said that a store gave to the client.
func (c *Client) Answer() *protocol.Answer { return c.frame.Answer() }

// storeFailed reports whether err means that the store can't serve anybody, so
// that another is to be asked. A store that answers is not to be passed over,
// be it with "too many connections": its copies would miss a write, or serve
// old ones once it has room again.
func storeFailed(err error) bool {
	var e *protocol.Error
	return !errors.As(err, &e)
}
