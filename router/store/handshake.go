package store

import (
	"bytes"
	"context"
	"crypto/tls"
	"encoding/binary"
	"errors"
	"fmt"
	"net"
	"strings"
	"time"

	"github.com/dsmproxy/dsmproxy/protocol"
)

// maxLoginPacket bounds what a store may send during the login.
const maxLoginPacket = 64 << 10

// programName is told to the store in the connection attributes.
const programName = "dsmproxy"

// always are the capabilities of every connection where the store has them.
// LOCAL_FILES, COMPRESS, SESSION_TRACK and QUERY_ATTRIBUTES are never among
// them.
const always = protocol.ClientProtocol41 | protocol.ClientSecureConnection | protocol.ClientPluginAuth |
	protocol.ClientTransactions | protocol.ClientLongPassword | protocol.ClientLongFlag | protocol.ClientConnectAttrs

// needed are those without which this package can't talk to a server.
const needed = protocol.ClientProtocol41 | protocol.ClientSecureConnection

var errMalformed = errors.New("malformed packet")

// greeting is the first packet of a server (Protocol::HandshakeV10).
type greeting struct {
	version string
	mariaDB bool
	thread  uint32
	caps    protocol.Capability
	salt    []byte
	plugin  string
}

// parseGreeting reads the first packet. An ERR packet in its place (1040,
// 1129, 1130) is returned as *protocol.Error.
func parseGreeting(b []byte) (*greeting, error) {
	if len(b) > 0 && b[0] == 0xff {
		return nil, parseError(b)
	}
	r := reader{b: b}
	if v := r.byte(); r.bad || v != 10 {
		return nil, fmt.Errorf("%w: not the greeting of a MySQL server", errMalformed)
	}
	var g greeting
	version := string(r.zeroEnded())
	g.thread = uint32(r.uint(4))
	g.salt = bytes.Clone(r.take(8))
	r.take(1)
	g.caps = protocol.Capability(r.uint(2))
	saltLen := 0
	if len(r.b) > 0 {
		r.take(1 + 2) // collation, status
		g.caps |= protocol.Capability(r.uint(2)) << 16
		saltLen = int(r.byte())
		r.take(10)
	}
	if g.caps.Has(protocol.ClientSecureConnection) {
		// The length counts a zero byte at the end, which is no salt.
		g.salt = append(g.salt, r.take(max(saltLen-8, 13)-1)...)
		if len(r.b) > 0 {
			r.take(1)
		}
	}
	if g.caps.Has(protocol.ClientPluginAuth) && len(r.b) > 0 {
		g.plugin = string(r.plugin())
	}
	if r.bad {
		return nil, fmt.Errorf("%w: greeting cut short", errMalformed)
	}
	// MariaDB before 11 hides its version from old replication clients.
	g.version = strings.TrimPrefix(version, "5.5.5-")
	g.mariaDB = strings.Contains(version, "MariaDB") || g.version != version
	return &g, nil
}

// MariaDB reports whether the store is MariaDB, as far as its version tells.
func (s *Store) MariaDB() bool { return strings.Contains(s.Version(), "MariaDB") }

// handshake logs in over raw. Its deadline is the caller's affair.
func (s *Store) handshake(ctx context.Context, to *Access, raw net.Conn, l Login) (*Conn, error) {
	pc := protocol.NewConn(raw)
	b, err := pc.ReadPacket(maxLoginPacket)
	if err != nil {
		return nil, brokenAnswer(err)
	}
	g, err := parseGreeting(b)
	if err != nil {
		return nil, err
	}
	s.version.Store(&g.version)
	if !g.caps.Has(needed) {
		return nil, fmt.Errorf("store %s (%s) is older than MySQL 4.1, which can't be used", s.cfg.Name, g.version)
	}
	caps := (always | l.Capabilities&fromLogin) & g.caps
	if l.Capabilities.Has(protocol.ClientDeprecateEOF) && !caps.Has(protocol.ClientDeprecateEOF) {
		return nil, protocol.Errorf(protocol.ErrNotSupportedYet,
			"dsmproxy: store %s (%s) does not know CLIENT_DEPRECATE_EOF, which this client uses", s.cfg.Name, g.version)
	}
	a := &authentication{
		plugin: g.plugin, salt: g.salt, password: l.Password,
		private: to.Network == "unix",
	}
	if to.TLS != nil {
		if pc, err = s.startTLS(ctx, to.TLS, pc, raw, g, caps, l); err != nil {
			return nil, err
		}
		caps |= protocol.ClientSSL
		a.private, a.tls = true, true
	}
	a.pc = pc
	response, err := a.respond()
	if err != nil {
		return nil, err
	}
	if err := pc.QueuePacket(loginPacket(caps, mapCollation(l.Collation, g.mariaDB), l.User, a.plugin, response)); err != nil {
		return nil, err
	}
	if err := pc.Flush(); err != nil {
		return nil, err
	}
	status, err := a.finish()
	if err != nil {
		return nil, err
	}
	if pc.Buffered() > 0 {
		return nil, fmt.Errorf("%w: bytes after the login", errMalformed)
	}
	pc.Trim()
	c := &Conn{
		store: s, access: to, login: l, raw: raw, pc: pc, thread: g.thread, born: time.Now(),
		deprecateEOF: caps.Has(protocol.ClientDeprecateEOF),
		restores:     g.restoresCharset(),
		status:       status,
	}
	c.session = c.session.WithAutocommit(status.Has(protocol.StatusAutocommit))
	return c, nil
}

// startTLS asks for TLS and goes over to it. It fails if the store has none.
func (s *Store) startTLS(ctx context.Context, cfg *tls.Config, pc *protocol.Conn, raw net.Conn, g *greeting, caps protocol.Capability, l Login) (*protocol.Conn, error) {
	if !g.caps.Has(protocol.ClientSSL) {
		return nil, fmt.Errorf("store %s does not offer TLS, which its configuration requires", s.cfg.Name)
	}
	if pc.Buffered() > 0 {
		return nil, fmt.Errorf("%w: bytes in clear before TLS", errMalformed)
	}
	if err := pc.QueuePacket(loginHead(caps|protocol.ClientSSL, mapCollation(l.Collation, g.mariaDB))); err != nil {
		return nil, err
	}
	if err := pc.Flush(); err != nil {
		return nil, err
	}
	pc.Trim()
	t := tls.Client(raw, cfg)
	if err := t.HandshakeContext(ctx); err != nil {
		return nil, fmt.Errorf("TLS: %w", err)
	}
	if chain := t.ConnectionState().PeerCertificates; len(chain) > 0 && (!cfg.InsecureSkipVerify || cfg.VerifyConnection != nil) {
		s.certificateEnd.Store(chain[0].NotAfter.Unix())
	}
	secure := protocol.NewConn(t)
	secure.SetSequence(pc.Sequence())
	return secure, nil
}

// restoresCharset reports whether COM_RESET_CONNECTION brings the charset of
// the login back. MariaDB does, as it ought to; MySQL falls back to that of the
// server.
func (g *greeting) restoresCharset() bool {
	var major, minor int
	if _, err := fmt.Sscanf(g.version, "%d.%d", &major, &minor); err != nil {
		return false
	}
	return g.mariaDB && (major > 10 || major == 10 && minor >= 4)
}

// loginHead is the part of the login packet that asks for TLS by itself.
func loginHead(caps protocol.Capability, collation uint8) []byte {
	b := make([]byte, 32, 128)
	binary.LittleEndian.PutUint32(b, uint32(caps))
	binary.LittleEndian.PutUint32(b[4:], 1<<30) // the largest packet we take
	b[8] = collation
	return b
}

// loginPacket is Protocol::HandshakeResponse41.
func loginPacket(caps protocol.Capability, collation uint8, user, plugin string, response []byte) []byte {
	b := loginHead(caps, collation)
	b = append(b, user...)
	b = append(b, 0, byte(len(response)))
	b = append(b, response...)
	if caps.Has(protocol.ClientPluginAuth) {
		b = append(b, plugin...)
		b = append(b, 0)
	}
	if caps.Has(protocol.ClientConnectAttrs) {
		const name = "program_name"
		b = append(b, byte(2+len(name)+len(programName)), byte(len(name)))
		b = append(b, name...)
		b = append(b, byte(len(programName)))
		b = append(b, programName...)
	}
	return b
}

// brokenAnswer hides that the framing's own errors are *protocol.Error, for
// they are not the store's words.
func brokenAnswer(err error) error {
	var e *protocol.Error
	if errors.As(err, &e) {
		return fmt.Errorf("%w: %s", errMalformed, e.Message)
	}
	return err
}

// reader takes a packet apart. Past its end it reads zeros and becomes bad.
type reader struct {
	b   []byte
	bad bool
}

func (r *reader) take(n int) []byte {
	if n > len(r.b) {
		r.bad, r.b = true, nil
		return nil
	}
	t := r.b[:n]
	r.b = r.b[n:]
	return t
}

func (r *reader) byte() byte { return byte(r.uint(1)) }

// uint reads a little-endian number of n bytes.
func (r *reader) uint(n int) (v uint64) {
	for i, b := range r.take(n) {
		v |= uint64(b) << (8 * i)
	}
	return v
}

// lenEnc reads a length-encoded number; null is the NULL of a text row.
func (r *reader) lenEnc() (v uint64, null bool) {
	switch b := r.byte(); b {
	case 0xfb:
		return 0, true
	case 0xfc:
		return r.uint(2), false
	case 0xfd:
		return r.uint(3), false
	case 0xfe:
		return r.uint(8), false
	case 0xff:
		r.bad = true
		return 0, false
	default:
		return uint64(b), false
	}
}

// lenEncBytes reads a length-encoded string.
func (r *reader) lenEncBytes() (b []byte, null bool) {
	n, null := r.lenEnc()
	if null {
		return nil, true
	}
	if n > uint64(len(r.b)) {
		r.bad, r.b = true, nil
		return nil, false
	}
	return r.take(int(n)), false
}

// zeroEnded reads up to a zero byte, which must be there.
func (r *reader) zeroEnded() []byte {
	i := bytes.IndexByte(r.b, 0)
	if i < 0 {
		r.bad, r.b = true, nil
		return nil
	}
	t := r.b[:i]
	r.b = r.b[i+1:]
	return t
}

// plugin reads a plugin's name, whose zero byte some servers forget.
func (r *reader) plugin() []byte {
	if bytes.IndexByte(r.b, 0) < 0 {
		return r.take(len(r.b))
	}
	return r.zeroEnded()
}
