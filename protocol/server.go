package protocol

import (
	"container/list"
	"crypto/tls"
	"log/slog"
	"net"
	"net/netip"
	"sync"
	"sync/atomic"
	"time"
)

// Handler opens a session for each client that has logged in.
type Handler interface {
	// Open is called after the client's password was checked and before the
	// login is answered. An *Error it returns is sent to the client (an
	// unknown database, say) and ends the connection.
	Open(c *Client) (Session, error)
}

// Session carries out one client's commands. All methods but Abort are called
// from that client's goroutine, one at a time.
type Session interface {
	// Command carries out one command and has written its whole answer to the
	// client when it returns. payload begins with the command byte and is
	// valid until Command returns. It gets QUERY, INIT_DB, FIELD_LIST, PING and
	// the STMT commands, nothing else. An *Error it returns is sent as the
	// answer if nothing of it has been written yet; any other error closes the
	// connection.
	Command(cmd Command, payload []byte) error
	// Reset brings the session to the state after login, for
	// COM_RESET_CONNECTION and (after the client has its new user, database
	// and charset) for COM_CHANGE_USER.
	Reset() error
	// Abort ends the running command, if any, from another goroutine; the
	// command answers with cause if it can. It is called when the client has
	// vanished, and for KILL. all also ends what outlives the command
	// (transaction, locks); the connection is closed then. It must not wait for
	// the session's goroutine, which may be the one that calls it (KILL of
	// one's own connection).
	Abort(cause *Error, all bool)
	// Holds reports whether the client would lose locks with its connection. (Of
	// a transaction its Status tells.)
	Holds() bool
	// Close gives everything back: transactions, locks, statements. It is
	// called once, also after a panic of Command.
	Close()
}

// Credentials tells the password of a user. It is asked from many goroutines.
type Credentials interface {
	// Password returns the user's password in clear; ok is false for an
	// unknown user, who is answered as one with a wrong password is.
	Password(user string) (password string, ok bool)
}

// The defaults of a Server's fields.
const (
	defaultHandshakeTimeout = 10 * time.Second
	defaultWriteTimeout     = 60 * time.Second
	defaultMaxPacket        = 64 << 20
	defaultVersion          = "8.0.0-dsmproxy"
)

// Server accepts clients. Its fields are set before Serve and not changed
// after it.
type Server struct {
	Handler     Handler
	Credentials Credentials
	Log         *slog.Logger

	// Version is the server version in the greeting, asked at each one, for it
	// is known only when a store has been reached; it may return "" before.
	Version func() string
	// TLS offers TLS unless nil; RequireTLS refuses clients without it (3159),
	// those of a unix socket excepted.
	TLS        *tls.Config
	RequireTLS bool
	// MaxClients bounds the clients that have logged in; one more is told 1040.
	// MaxPendingLogins bounds those that have not yet: one more, and the oldest
	// is closed. 0 means no bound.
	MaxClients, MaxPendingLogins int
	// MaxUserClients bounds the clients of one user; one more is told 1203.
	// MaxLoginFailures is after how many wrong passwords in a row a user's logins
	// from one host are tried once a second only, and otherwise told 1129. 0
	// means no bound.
	MaxUserClients, MaxLoginFailures int
	// ProxyNetworks are those whose connections may say by a header of the PROXY
	// protocol for whom they are made; with ProxyUnix those of a unix socket may.
	ProxyNetworks []netip.Prefix
	ProxyUnix     bool
	// HandshakeTimeout bounds the login; 0 means 10 s.
	HandshakeTimeout time.Duration
	// IdleTimeout closes a client that has sent no command for so long, unless
	// 0. (MySQL's wait_timeout.) It is kept to the second.
	IdleTimeout time.Duration
	// StatementTimeout ends a command that has been running for so long, unless
	// 0: 1969 or 3024, by the greeting's version. It is kept to the second.
	StatementTimeout time.Duration
	// WriteTimeout closes a client that has taken nothing of its answer for so
	// long; 0 means 60 s. (MySQL's net_write_timeout.) It is kept to the second.
	WriteTimeout time.Duration
	// MaxPacket bounds a command in bytes (max_allowed_packet); 0 means 64 MiB.
	MaxPacket int
	// Compression is what clients are offered of ClientCompress (zlib) and
	// ClientZstdCompression.
	Compression Capability

	quiet     time.Duration           // see Shutdown; 0 means defaultQuiet
	hurry     atomic.Bool             // the second half of a Shutdown
	passing   atomic.Pointer[passing] // see PassOn
	serving   sync.WaitGroup          // calls of Serve; nothing is added once stopped
	begin     sync.Once
	tlsConfig *tls.Config
	codecs    codecs
	scrambles scrambles
	log       *slog.Logger
	started   time.Time
	stop      chan struct{} // closed by Shutdown and Close
	stopSweep chan struct{} // closed when the last client has gone
	tick      atomic.Int64  // counts the sweeper's rounds
	refusals  refusals
	limits    atomic.Pointer[Limits]
	failures  failures

	loggedIn                          atomic.Int64
	accepted, refused, denied, panics atomic.Uint64
	displaced                         atomic.Uint64
	overUser, blocked, idled, expired atomic.Uint64
	slow, oversized                   atomic.Uint64
	pastQuestions                     atomic.Uint64 // of clients that have gone
	long                              atomic.Uint64 // see LongCommands
	inherited                         atomic.Uint64

	// mu guards what follows.
	mu        sync.Mutex
	stopped   bool // the listeners are closed
	closing   bool // nobody is let in any more
	closed    bool // nor taken over
	listeners map[net.Listener]struct{}
	estates   map[Estate]struct{}
	clients   map[uint32]*Client // those in their handshake included
	lastID    uint32
	pending   list.List      // of *Client: not logged in yet, the oldest first
	seated    int            // clients that have logged in
	users     map[string]int // of them, by user
	wg        sync.WaitGroup // goroutines of clients, and calls of Inherit; without these nothing is added once closing
	sweeper   sync.WaitGroup
}

// Stats counts what a Server has seen since it began.
type Stats struct {
	Clients   int    // logged in now
	Accepted  uint64 // connections
	Refused   uint64 // of them, for MaxClients
	Displaced uint64 // of them, for MaxPendingLogins
	Denied    uint64 // of them, for a wrong password or an unknown user
	OverUser  uint64 // of them, for MaxUserClients
	Blocked   uint64 // of them, for MaxLoginFailures
	Slow      uint64 // of them, for HandshakeTimeout
	Idled     uint64 // clients ended for IdleTimeout
	Oversized uint64 // clients ended for MaxPacket
	Expired   uint64 // commands ended for StatementTimeout
	Panics    uint64 // sessions that ended by a panic
	Questions uint64 // commands
	Inherited uint64 // clients that another process has passed on
}

// Stats returns the counts of now.
func (s *Server) Stats() Stats {
	st := Stats{
		Clients:   s.Clients(),
		Accepted:  s.accepted.Load(),
		Refused:   s.refused.Load(),
		Displaced: s.displaced.Load(),
		Denied:    s.denied.Load(),
		OverUser:  s.overUser.Load(),
		Blocked:   s.blocked.Load(),
		Slow:      s.slow.Load(),
		Idled:     s.idled.Load(),
		Oversized: s.oversized.Load(),
		Expired:   s.expired.Load(),
		Panics:    s.panics.Load(),
		Questions: s.pastQuestions.Load(),
		Inherited: s.inherited.Load(),
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, c := range s.clients {
		st.Questions += c.questions.Load()
	}
	return st
}

// longCommand is the length from which on a command takes a processor for so
// long, a millisecond and more, that others notice.
const longCommand = 1 << 20

// LongCommands counts the commands of more than a megabyte.
func (s *Server) LongCommands() uint64 { return s.long.Load() }

// Clients is the number of clients that have logged in.
func (s *Server) Clients() int { return int(s.loggedIn.Load()) }

// Kill ends the client with the given id, or, with query, the statement it
// runs. by is who asks: a user may kill only their own (1095); nil may kill
// any. An unknown id is 1094. The errors are *Error.
func (s *Server) Kill(id uint32, query bool, by *Client) error {
	s.mu.Lock()
	c := s.clients[id]
	s.mu.Unlock()
	if c == nil || c.since.Load() == 0 {
		return noSuchThread(id)
	}
	if by != nil && *by.owner.Load() != *c.owner.Load() {
		return Errorf(ErrKillDenied, "You are not owner of thread %d", id)
	}
	cause := Errorf(ErrQueryInterrupted, "Query execution was interrupted")
	if query {
		if c.ending.Load() == errPassed {
			return noSuchThread(id)
		}
		c.abort(cause, false)
		return nil
	}
	if !c.end(Errorf(ErrConnectionKilled, "Connection was killed")) {
		// Another process serves it. As long as its connection is open here too, it
		// can be ended; and then the other one knows of it.
		if !c.cut() {
			return noSuchThread(id)
		}
		return nil
	}
	c.abort(cause, true)
	return nil
}

func noSuchThread(id uint32) *Error {
	return Errorf(ErrNoSuchThread, "Unknown thread id: %d", id)
}

func (s *Server) handshakeTimeout() time.Duration { return s.limits.Load().HandshakeTimeout }

func (s *Server) writeTimeout() time.Duration { return s.limits.Load().WriteTimeout }

func (s *Server) maxPacket() int { return s.limits.Load().MaxPacket }

func (s *Server) version() string {
	if s.Version != nil {
		if v := s.Version(); v != "" {
			return v
		}
	}
	return defaultVersion
}
