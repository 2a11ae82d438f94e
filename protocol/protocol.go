// Package protocol speaks the MySQL client/server protocol: framing of
// packets over a connection, the grammar of answers, and the server's side of
// it: listening, TLS, the handshake, authentication and the command loop.
//
// It knows no SQL and no stores. A [Server] hands each client that has logged
// in to a [Handler], as net/http does with a request; package router
// implements it. Package router/store uses the framing ([Conn], [Framer]) for
// the connections towards the stores.
//
// Wire formats are those of the MySQL Internals "Client/Server Protocol"
// documentation; names of commands, flags and columns are the field's.
package protocol

// Command is the first byte of a command packet.
type Command byte

// The commands that dsmproxy knows. Others are answered with error 1047.
const (
	ComQuit             Command = 0x01
	ComInitDB           Command = 0x02
	ComQuery            Command = 0x03
	ComFieldList        Command = 0x04
	ComStatistics       Command = 0x09
	ComProcessInfo      Command = 0x0a
	ComProcessKill      Command = 0x0c
	ComDebug            Command = 0x0d
	ComPing             Command = 0x0e
	ComChangeUser       Command = 0x11
	ComStmtPrepare      Command = 0x16
	ComStmtExecute      Command = 0x17
	ComStmtSendLongData Command = 0x18
	ComStmtClose        Command = 0x19
	ComStmtReset        Command = 0x1a
	ComSetOption        Command = 0x1b
	ComStmtFetch        Command = 0x1c
	ComResetConnection  Command = 0x1f
)

// Capability is the set of flags that both sides agree on in the handshake.
type Capability uint32

// Capability flags, as in MySQL's mysql_com.h.
const (
	ClientLongPassword     Capability = 1 << 0
	ClientFoundRows        Capability = 1 << 1
	ClientLongFlag         Capability = 1 << 2
	ClientConnectWithDB    Capability = 1 << 3
	ClientNoSchema         Capability = 1 << 4
	ClientCompress         Capability = 1 << 5
	ClientODBC             Capability = 1 << 6
	ClientLocalFiles       Capability = 1 << 7
	ClientIgnoreSpace      Capability = 1 << 8
	ClientProtocol41       Capability = 1 << 9
	ClientInteractive      Capability = 1 << 10
	ClientSSL              Capability = 1 << 11
	ClientTransactions     Capability = 1 << 13
	ClientSecureConnection Capability = 1 << 15
	ClientMultiStatements  Capability = 1 << 16
	ClientMultiResults     Capability = 1 << 17
	ClientPSMultiResults   Capability = 1 << 18
	ClientPluginAuth       Capability = 1 << 19
	ClientConnectAttrs     Capability = 1 << 20
	ClientPluginAuthLenEnc Capability = 1 << 21
	ClientSessionTrack     Capability = 1 << 23
	ClientDeprecateEOF     Capability = 1 << 24
	ClientZstdCompression  Capability = 1 << 26 // CLIENT_ZSTD_COMPRESSION_ALGORITHM
	ClientQueryAttributes  Capability = 1 << 27
)

// Has reports whether all flags of f are set.
func (c Capability) Has(f Capability) bool { return c&f == f }

// Status is the server status that OK and EOF packets carry.
type Status uint16

// Status flags, as in MySQL's mysql_com.h.
const (
	StatusInTrans            Status = 0x0001
	StatusAutocommit         Status = 0x0002
	StatusMoreResults        Status = 0x0008
	StatusNoGoodIndex        Status = 0x0010
	StatusNoIndex            Status = 0x0020
	StatusCursorExists       Status = 0x0040
	StatusLastRowSent        Status = 0x0080
	StatusDBDropped          Status = 0x0100
	StatusNoBackslashEscapes Status = 0x0200
	StatusMetadataChanged    Status = 0x0400
	StatusSlowQuery          Status = 0x0800
	StatusPSOutParams        Status = 0x1000
	StatusInTransReadonly    Status = 0x2000
	StatusSessionChanged     Status = 0x4000
	StatusANSIQuotes         Status = 0x8000
)

// Has reports whether all flags of f are set.
func (s Status) Has(f Status) bool { return s&f == f }
