package protocol

import (
	"encoding/json"
	"errors"
	"net"
	"net/netip"
	"sync"
	"sync/atomic"
	"time"
)

// A client need not notice that another process takes over: its connection is
// passed on at a statement boundary, with a record of all that the client has
// made of it. Nothing of the connection is guessed: where something can't be told
// (TLS, whose keys nobody hands out) or lives in a store's connection (a
// transaction, a lock, a cursor), the client stays, until that has ended or the
// shutdown ends it (shutdown.go).
//
// A client that waits for its next command is woken for it and has lost no byte:
// what has arrived and was not read stays in the socket, what was read goes
// along. One that is busy is passed on behind its answer. The other process says
// of each client whether it serves it (inherit.go). Until it has said no, nobody
// here touches the connection any more; so it has one master at any time.

// PassVersion is the version of the records of clients that are passed on. A
// process that gets a record of another one, or with a field that it doesn't
// know, serves its client not.
const PassVersion = 1

// What the record of a client that is passed on is made of may have so many
// bytes: its session's record, and what has arrived of its next commands. One
// that has made more of its session stays for good, without that being made a
// record, for it would be at each of its answers.
const (
	maxSession = 12 << 20
	maxUnread  = 4 << 20
)

// passSlots is how many clients are on their way at a time: who gets its turn
// behind thousands has not sent anything meanwhile that waits for an answer.
const passSlots = 32

// Heir is the process that clients are passed on to.
type Heir interface {
	// Take passes a client's connection on and waits for the answer. After an
	// error it is not known who has it, and the caller must not use it any more,
	// unless the error is ErrNotSent. It is called from many goroutines.
	Take(nc net.Conn, record []byte) (Inherited, error)
}

// ErrNotSent says that a client was not passed on, and can't be.
var ErrNotSent = errors.New("the successor has gone")

// Portable is a Session that can go on in another process.
type Portable interface {
	// Pack returns what the session needs for that, or why it can't now. It is
	// called between two commands. A record of more than most bytes is TooLarge,
	// and is not made.
	Pack(most int) (record json.RawMessage, why string)
}

// TooLarge is why a session is not packed of which a client has made too much.
const TooLarge = "too much to pass on"

// passedClient is the record of a client. Names and texts are bytes, for JSON's
// are UTF-8.
type passedClient struct {
	Version       int
	ID            uint32
	User          []byte
	DB            []byte
	Capabilities  Capability
	Collation     uint8
	Attributes    []byte
	RemoteAddr    netip.AddrPort
	Via           string
	Status        Status
	ZstdLevel     byte
	Scramble      []byte
	IdleTimeout   time.Duration // that it has set itself
	Idle          int64         // for how many ticks it has been so
	Last          Command
	FailedChanges int
	Unread        []byte // what has arrived of its next commands
	Session       json.RawMessage
}

// passing is a shutdown that passes clients on.
type passing struct {
	to     Heir
	slots  chan struct{}
	passed atomic.Int64

	mu     sync.Mutex     // guards what follows
	closed map[string]int // clients, by why they were not passed on
}

// errPassing has a client passed on at the next statement boundary where that
// can be; errPassed says that it was, or that nobody knows: nothing can be done
// about the client here any more but to cut its connection.
var (
	errPassing = Errorf(ErrServerShutdown, "Server shutdown in progress")
	errPassed  = Errorf(ErrServerShutdown, "Server shutdown in progress")
)

// PassOn has a Shutdown that follows pass clients on.
func (s *Server) PassOn(to Heir) {
	s.passing.Store(&passing{to: to, slots: make(chan struct{}, passSlots), closed: make(map[string]int)})
}

// Passed tells how many clients were passed on, and how many were closed, by why
// they could not be.
func (s *Server) Passed() (passed int, closed map[string]int) {
	closed = make(map[string]int)
	p := s.passing.Load()
	if p == nil {
		return 0, closed
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	for why, n := range p.closed {
		closed[why] = n
	}
	return int(p.passed.Load()), closed
}

// Staying tells how many clients are still here though clients are passed on, by
// why.
func (s *Server) Staying() map[string]int {
	list := make(map[string]int)
	if s.passing.Load() == nil {
		return list
	}
	for _, c := range s.present() {
		if c.since.Load() != 0 {
			list[c.why()]++
		}
	}
	return list
}

// Why a client is not passed on, beside what its session says.
const (
	staysTLS       = "TLS"
	staysTxn       = "in a transaction"
	staysRunning   = "in a statement"
	staysHalf      = "in the midst of sending"
	staysForeign   = "connection of another kind"
	staysHeirGone  = "the successor has gone"
	staysNoAnswer  = "the successor did not answer"
	staysRefusedBy = "the successor: "
)

// passOn passes the client on if it can be now. It is the successor's then, or
// nobody's.
func (c *Client) passOn() (gone bool) {
	p := c.server.passing.Load()
	if p == nil || c.rooted.Load() {
		return false
	}
	switch {
	case c.TLS:
		return c.root(staysTLS)
	case c.Status.Has(StatusInTrans):
		return c.stay(staysTxn)
	}
	switch c.raw.(type) {
	case *net.TCPConn, *net.UnixConn:
	default:
		return c.root(staysForeign)
	}
	p.slots <- struct{}{}
	defer func() { <-p.slots }()
	if killed(c.ending.Load()) { // while it waited for its turn
		return false
	}
	record, why := c.record()
	switch why {
	case "":
	case TooLarge:
		return c.root(why)
	default:
		return c.stay(why)
	}
	said, err := p.to.Take(c.raw, record)
	switch {
	case errors.Is(err, ErrNotSent):
		return c.root(staysHeirGone)
	case err != nil:
		c.stay(staysNoAnswer)
		c.noteClosed()
	case said != Served:
		return c.root(staysRefusedBy + said.String())
	default:
		p.passed.Add(1)
	}
	if killed(c.ending.Swap(errPassed)) {
		// Meanwhile, here, where nobody can undo what was said of that. From now on
		// Kill cuts the connection itself.
		c.cut()
	}
	return true
}

// killed reports whether a client ends for another reason than a shutdown.
func killed(e *Error) bool { return e != nil && e.Code != ErrServerShutdown }

// stay notes why the client is not passed on now.
func (c *Client) stay(why string) (gone bool) {
	if was := c.whyHere.Load(); was == nil || *was != why {
		c.whyHere.Store(&why)
	}
	return false
}

// root notes why the client is not passed on at all.
func (c *Client) root(why string) (gone bool) {
	c.rooted.Store(true)
	c.ending.CompareAndSwap(errPassing, nil)
	return c.stay(why)
}

// cut ends the connection in whatever process it is, unless this one has it no
// more.
func (c *Client) cut() bool {
	nc, ok := c.raw.(interface {
		CloseRead() error
		CloseWrite() error
	})
	if !ok || errors.Is(nc.CloseRead(), net.ErrClosed) {
		return false
	}
	nc.CloseWrite() // which adds that the client knows at once
	return true
}

// record is the record of the client, or why there is none now.
func (c *Client) record() (record []byte, why string) {
	unread, ok := c.conn.unread()
	if !ok || len(unread) > maxUnread {
		return nil, staysHalf
	}
	session, ok := c.session.(Portable)
	if !ok {
		return nil, staysForeign
	}
	packed, why := session.Pack(maxSession)
	if why != "" {
		return nil, why
	}
	record, err := json.Marshal(&passedClient{
		Version: PassVersion, ID: c.ID, User: []byte(c.User), DB: []byte(c.DB), Capabilities: c.Capabilities,
		Collation: c.Collation, Attributes: []byte(c.Attributes), RemoteAddr: c.RemoteAddr, Via: c.via,
		Status: c.Status, ZstdLevel: c.zstdLevel, Scramble: c.scramble[:], IdleTimeout: time.Duration(c.idle.Load()),
		Idle: c.idleTicks(), Last: c.last, FailedChanges: c.failedChanges, Unread: unread, Session: packed,
	})
	if err != nil {
		return nil, err.Error()
	}
	return record, ""
}

// idleTicks is for how long the client has been idle.
func (c *Client) idleTicks() int64 {
	if since := c.since.Load(); since < 0 {
		return c.server.tick.Load() + since
	}
	return 0
}

// unread is what has arrived of the next commands. ok is false in the midst of
// one of which some was taken already.
func (c *Conn) unread() (b []byte, ok bool) {
	if c.inFrame || c.joined > 0 {
		return nil, false
	}
	if c.z == nil {
		if c.r == c.w {
			return nil, true
		}
		return c.in[c.r:c.w], true
	}
	if c.Buffered() > 0 || c.z.left > 0 {
		return nil, false
	}
	return c.z.frames.unread()
}

// arrived puts what unread has returned in front of what is read.
func (c *Conn) arrived(b []byte) {
	if len(b) > 0 {
		c.in = takeBuffer(len(b))
		c.r, c.w = 0, copy(c.in, b)
	}
}

// offer has a client passed on, at once if it is idle.
func (c *Client) offer(idle bool) {
	c.ending.CompareAndSwap(nil, errPassing)
	if idle {
		c.raw.SetReadDeadline(time.Unix(1, 0))
	}
}

// noteClosed counts a client that a shutdown closes although it passes others
// on.
func (c *Client) noteClosed() {
	p := c.server.passing.Load()
	if p == nil || c.since.Load() == 0 || !c.counted.CompareAndSwap(false, true) {
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.closed[c.why()]++
}

// why is why the client is here.
func (c *Client) why() string {
	if s := c.whyHere.Load(); s != nil {
		return *s
	}
	return staysRunning
}
