package protocol

import (
	"container/list"
	"log/slog"
	"net"
	"net/netip"
	"sync"
	"sync/atomic"
	"time"
)

// Client is one logged-in client: what its handshake said, and the way to
// answer it. Its fields are changed only by COM_CHANGE_USER and
// COM_SET_OPTION, and Status by its session.
type Client struct {
	ID           uint32 // CONNECTION_ID(), unique in this process
	User         string
	DB           string     // the default database, "" for none; see SetDB
	Capabilities Capability // agreed on
	Collation    uint8      // as sent: the low byte of a collation id
	Attributes   Attributes
	RemoteAddr   netip.AddrPort // zero for a unix socket
	TLS          bool
	// TLSVersion and TLSCipher are what TLS agreed on, as package crypto/tls
	// numbers them; 0 without TLS.
	TLSVersion, TLSCipher uint16

	// Status is what the answers that the proxy makes itself carry. The
	// session keeps it exact. It begins as StatusAutocommit.
	Status Status

	server    *Server
	conn      *Conn
	via       string   // who connected for the client, by the PROXY protocol
	raw       net.Conn // below TLS; closed and woken from other goroutines
	scramble  [scrambleSize]byte
	codec     codec // agreed on for after the login; nil: none
	zstdLevel byte  // as the client has asked for

	// since is the tick at which the running command began or, negative, at
	// which the client began to be idle; 0 before the login.
	since     atomic.Int64
	inTxn     atomic.Bool // Status has it that a transaction is open, behind the last command
	questions atomic.Uint64
	idle      atomic.Int64           // how long it may be idle, unless 0; see SetIdleTimeout
	owner     atomic.Pointer[string] // User, for Kill
	inDB      atomic.Pointer[string] // DB, for List; nil before the login
	// ending is why the client ends at its next statement boundary; nil: it
	// doesn't.
	ending atomic.Pointer[Error]

	// What the sweeper alone uses: that it has seen the client's end, and when
	// it first saw the write that is under way.
	vanished   bool
	writes     uint32
	writeSince int64
	expired    int64 // when a command began that was ended for its time

	// place is among the pending logins, seated that the client is not one any
	// more; both are the server's, under its mu.
	place  *list.Element
	seated bool

	// rooted says that a shutdown can't pass the client on, whyHere why not, or why
	// not now, and counted that this was counted.
	rooted, counted atomic.Bool
	whyHere         atomic.Pointer[string]

	// last is the command that was carried out last.
	last Command

	// failedChanges counts the COM_CHANGE_USERs that were refused.
	failedChanges int

	// mu guards session, which is nil before the login and after its Close, so
	// that Abort finds a session that is open. Abort is called under it.
	mu      sync.Mutex
	session Session
}

func newClient(s *Server, nc net.Conn) *Client {
	c := &Client{server: s, raw: nc, conn: NewConn(nc), Status: StatusAutocommit}
	if a, ok := nc.RemoteAddr().(*net.TCPAddr); ok {
		p := a.AddrPort()
		c.RemoteAddr = netip.AddrPortFrom(p.Addr().Unmap(), p.Port())
	}
	return c
}

// Conn is where relayed answers go. The next sequence number of the running
// command's answer is its Sequence.
func (c *Client) Conn() *Conn { return c.conn }

// LogValue names the client in a log.
func (c *Client) LogValue() slog.Value {
	id, host := slog.Uint64("id", uint64(c.ID)), slog.String("host", c.host())
	if c.via != "" {
		return slog.GroupValue(id, host, slog.String("via", c.via))
	}
	return slog.GroupValue(id, host)
}

// host is the client's address as messages name it.
func (c *Client) host() string {
	if !c.RemoteAddr.IsValid() {
		return "localhost"
	}
	return c.RemoteAddr.Addr().String()
}

// setUser notes who the client is.
func (c *Client) setUser(user string) {
	c.User = user
	c.owner.Store(&user)
}

// SetDB sets the client's default database.
func (c *Client) SetDB(db string) {
	c.DB = db
	c.inDB.Store(&db)
}

// SetIdleTimeout closes the client once it has sent no command for so long, if
// the server doesn't sooner; 0 leaves it to the server. (A session's own
// wait_timeout.)
func (c *Client) SetIdleTimeout(d time.Duration) { c.idle.Store(int64(d)) }

// deprecateEOF reports whether rows end with an OK packet.
func (c *Client) deprecateEOF() bool { return c.Capabilities.Has(ClientDeprecateEOF) }

// open gives the client its session.
func (c *Client) open(s Session) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.session = s
}

// close closes the session, if there is one, after which nothing aborts it.
func (c *Client) close() {
	c.mu.Lock()
	s := c.session
	c.session = nil
	c.mu.Unlock()
	if s != nil {
		s.Close()
	}
}

// abort ends the running command.
func (c *Client) abort(cause *Error, all bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.session != nil {
		c.session.Abort(cause, all)
	}
}

// end makes the client end at its next statement boundary: a blocked read of
// its next command is woken. A shutdown waits for the end of a transaction,
// other causes do not, so these replace it; nor do they wait for a client that
// doesn't take its answer. It reports false for a client that was passed on.
func (c *Client) end(cause *Error) (here bool) {
	if killed(cause) {
		for {
			was := c.ending.Load()
			if was == errPassed {
				return false
			}
			if c.ending.CompareAndSwap(was, cause) {
				break
			}
		}
		c.raw.SetWriteDeadline(time.Now().Add(lingerTime))
	} else if !c.ending.CompareAndSwap(nil, cause) && !c.ending.CompareAndSwap(errPassing, cause) &&
		!c.ending.CompareAndSwap(errLeaving, cause) && c.ending.Load() != cause {
		return c.ending.Load() != errPassed
	}
	c.raw.SetReadDeadline(time.Unix(1, 0))
	return true
}

// due is why the client ends now, at a statement boundary; nil: it doesn't. One
// that a shutdown would end is passed on if it can be.
func (c *Client) due() *Error {
	cause := c.ending.Load()
	if cause == nil || cause.Code != ErrServerShutdown {
		return cause
	}
	if c.passOn() {
		return errPassed
	}
	if cause == errPassing || c.Status.Has(StatusInTrans) || !c.server.hurry.Load() && c.session.Holds() || cause == errLeaving && !ends(c.last) {
		return nil
	}
	return cause
}
