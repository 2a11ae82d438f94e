package protocol

import (
	"context"
	"crypto/tls"
	"log/slog"
	"net"
	"net/netip"
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
	// valid until Command returns. It gets QUERY, INIT_DB, FIELD_LIST and the
	// STMT commands, nothing else. An *Error it returns is sent as the
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
	// (transaction, locks); the connection is closed then.
	Abort(cause *Error, all bool)
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

// Server accepts clients. Its fields are set before Serve and not changed
// after it.
type Server struct {
	Handler     Handler
	Credentials Credentials
	Log         *slog.Logger

	// Version is the server version in the greeting, asked at each one, for it
	// is known only when a store has been reached.
	Version func() string
	// TLS offers TLS unless nil; RequireTLS refuses clients without it (3159).
	TLS        *tls.Config
	RequireTLS bool
	// MaxClients bounds the connections, those in their handshake included;
	// one more is told 1040. 0 means no bound.
	MaxClients int
	// HandshakeTimeout bounds the login; 0 means 10 s.
	HandshakeTimeout time.Duration
	// IdleTimeout closes a client that has sent no command for so long, unless
	// 0. (MySQL's wait_timeout.)
	IdleTimeout time.Duration
	// MaxPacket bounds a command in bytes (max_allowed_packet); 0 means 64 MiB.
	MaxPacket int
}

// Serve accepts clients from l until Shutdown or Close, whose caller it then
// returns net.ErrClosed to. It may be called for several listeners.
func (s *Server) Serve(l net.Listener) error { panic("contract only") }

// Shutdown closes the listeners, ends each client at its next statement
// boundary outside a transaction (StatusInTrans in its Status), and returns
// when all are gone or ctx ends.
func (s *Server) Shutdown(ctx context.Context) error { panic("contract only") }

// Close closes the listeners and all clients and waits for their goroutines.
func (s *Server) Close() error { panic("contract only") }

// Kill ends the client with the given id, or, with query, the statement it
// runs. by is who asks: a user may kill only their own (1095); an unknown id is
// 1094. The errors are *Error.
func (s *Server) Kill(id uint32, query bool, by *Client) error { panic("contract only") }

// Clients is the number of clients that have logged in.
func (s *Server) Clients() int { panic("contract only") }

// Client is one logged-in client: what its handshake said, and the way to
// answer it. Its fields are changed only by COM_CHANGE_USER and
// COM_SET_OPTION, and Status by its session.
type Client struct {
	ID           uint32 // CONNECTION_ID(), unique in this process
	User         string
	DB           string     // asked for at login; "" for none
	Capabilities Capability // agreed on
	Collation    uint8      // as sent: the low byte of a collation id
	Attributes   map[string]string
	RemoteAddr   netip.AddrPort // zero for a unix socket
	TLS          bool

	// Status is what the answers that the proxy makes itself carry. The
	// session keeps it exact. It begins as StatusAutocommit.
	Status Status
	// to be written by the owner of this package
}

// Conn is where relayed answers go. The next sequence number of the running
// command's answer is its Sequence.
func (c *Client) Conn() *Conn { panic("contract only") }

// WriteOK answers with an OK packet with the client's Status.
func (c *Client) WriteOK(ok OK) error { panic("contract only") }

// WriteError answers with an ERR packet.
func (c *Client) WriteError(e *Error) error { panic("contract only") }

// WriteResult answers with a text result set of string columns; a nil value is
// NULL. It serves what the proxy answers by itself and what a scatter merged.
func (c *Client) WriteResult(columns []Column, rows [][][]byte) error { panic("contract only") }

// OK is what an OK packet says beside the status.
type OK struct {
	AffectedRows uint64
	InsertID     uint64
	Warnings     uint16
	Info         string
}

// Column describes one column of a result set (Protocol::ColumnDefinition41).
type Column struct {
	Schema, Table, OrgTable, Name, OrgName string
	Charset                                uint16
	Length                                 uint32
	Type                                   byte
	Flags                                  uint16
	Decimals                               byte
}
