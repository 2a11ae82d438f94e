package protocol

import (
	"bytes"
	"context"
	"crypto/tls"
	"encoding/binary"
	"fmt"
	"io"
	"net"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/go-sql-driver/mysql"
)

// v2 makes a header of version 2.
func v2(command, family byte, body string) string {
	b := append([]byte(proxyV2), command, family)
	return string(binary.BigEndian.AppendUint16(b, uint16(len(body)))) + body
}

const (
	v2From4 = "\xc0\x00\x02\x07\x0a\x00\x00\x01\x10\x00\x0c\xea" // 192.0.2.7:4096 to 10.0.0.1:3306
	v2From6 = "\x20\x01\x0d\xb8\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x07" +
		"\x20\x01\x0d\xb8\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x01\x10\x00\x0c\xea"
)

// trusting starts a server that believes everybody on loopback.
func trusting(t testing.TB, change func(*Server)) *testServer {
	t.Helper()
	return startServer(t, func(s *Server) {
		s.ProxyNetworks = []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}
		if change != nil {
			change(s)
		}
	})
}

// TestProxyHeader: who is named in a header is who is told in messages.
func TestProxyHeader(t *testing.T) {
	plain := trusting(t, nil)
	secure := trusting(t, func(s *Server) { s.TLS = selfSigned(t) })
	for name, tc := range map[string]struct{ header, host string }{
		"none":                      {"", "127.0.0.1"},
		"v1, IPv4":                  {"PROXY TCP4 192.0.2.7 10.0.0.1 4096 3306\r\n", "192.0.2.7"},
		"v1, IPv6":                  {"PROXY TCP6 2001:db8::7 2001:db8::1 4096 3306\r\n", "2001:db8::7"},
		"v1, mapped":                {"PROXY TCP6 ::ffff:192.0.2.7 ::ffff:10.0.0.1 4096 3306\r\n", "192.0.2.7"},
		"v1, unknown":               {"PROXY UNKNOWN\r\n", "127.0.0.1"},
		"v1, unknown, long":         {"PROXY UNKNOWN ffff:f...f:ffff ffff:f...f:ffff 65535 65535\r\n", "127.0.0.1"},
		"v1, longest":               {"PROXY UNKNOWN " + strings.Repeat("x", mostV1-16) + "\r\n", "127.0.0.1"},
		"v2, IPv4":                  {v2(v2Proxy, v2TCP4, v2From4), "192.0.2.7"},
		"v2, IPv6":                  {v2(v2Proxy, v2TCP6, v2From6), "2001:db8::7"},
		"v2, more behind":           {v2(v2Proxy, v2TCP4, v2From4+"\x03\x00\x04abcd"+strings.Repeat("\x05", 3000)), "192.0.2.7"},
		"v2, unix":                  {v2(v2Proxy, v2Unix, strings.Repeat("/", v2UnixSize)), "127.0.0.1"},
		"v2, unspecified":           {v2(v2Proxy, v2Unspec, "whatever"), "127.0.0.1"},
		"v2, local":                 {v2(v2Local, v2Unspec, ""), "127.0.0.1"},
		"v2, local with an address": {v2(v2Local, v2TCP4, v2From4), "127.0.0.1"},
	} {
		for server, s := range map[string]*testServer{"plain": plain, "with tls": secure} {
			for _, dribble := range []bool{false, true} {
				t.Run(fmt.Sprintf("%s/%s/%v", name, server, dribble), func(t *testing.T) {
					t.Parallel()
					c := s.dial(t)
					step := len(tc.header)
					if dribble {
						step = 1
					}
					for rest := tc.header; rest != ""; rest = rest[step:] {
						if _, err := c.nc.Write([]byte(rest[:step])); err != nil {
							t.Fatal(err)
						}
					}
					c.respond(t, rawCaps, "app", "", pluginNative, scrambleNative(c.scramble[:], "wrong"))
					p := c.read(t)
					want := fmt.Sprintf("Access denied for user 'app'@'%s' (using password: YES)", tc.host)
					if e := ParseErr(p); e == nil || e.Code != ErrAccessDenied || e.Message != want {
						t.Errorf("answer %q, want %q", p, want)
					}
				})
			}
		}
	}
	t.Run("log", func(t *testing.T) {
		s := trusting(t, nil)
		c := s.dial(t)
		c.nc.Write([]byte(v2(v2Proxy, v2TCP4, v2From4)))
		c.respond(t, rawCaps, "app", "", pluginNative, scrambleNative(c.scramble[:], "wrong"))
		c.expectError(t, ErrAccessDenied)
		if log := s.log.String(); !strings.Contains(log, "client.host=192.0.2.7 client.via=127.0.0.1") {
			t.Errorf("log: %s", log)
		}
	})
}

// TestProxyHeaderRefused: headers of strangers, and what is none.
func TestProxyHeaderRefused(t *testing.T) {
	good := "PROXY TCP4 192.0.2.7 10.0.0.1 4096 3306\r\n"
	s := trusting(t, func(s *Server) { s.HandshakeTimeout = 300 * time.Millisecond })
	stranger := startServer(t, func(s *Server) {
		s.ProxyNetworks = []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8")}
		s.ProxyUnix = true
	})
	for name, tc := range map[string]struct {
		s      *testServer
		header string
		code   uint16
		log    string
	}{
		"a stranger's v1":    {stranger, good, ErrHostNotPrivileged, "a PROXY header is not accepted from 127.0.0.1, which proxy_protocol does not list"},
		"a stranger's v2":    {stranger, v2(v2Proxy, v2TCP4, v2From4), ErrHostNotPrivileged, "not accepted"},
		"a stranger's local": {stranger, v2(v2Local, 0, ""), ErrHostNotPrivileged, "not accepted"},
		"v1, no line's end":  {s, "PROXY TCP4 " + strings.Repeat("1", 200), ErrHandshake, "a line of more than 107 bytes"},
		"v1, cut":            {s, "PROXY TCP4 192.0.2.7", ErrHandshake, "cut short"},
		"v1, short":          {s, "PROXY\r\n", ErrHandshake, "cut short"},
		"v1, no address":     {s, "PROXY TCP4 192.0.2.x 10.0.0.1 4096 3306\r\n", ErrHandshake, "bad PROXY header"},
		"v1, wrong family":   {s, "PROXY TCP4 2001:db8::7 2001:db8::1 4096 3306\r\n", ErrHandshake, "bad PROXY header"},
		"v1, wrong port":     {s, "PROXY TCP4 192.0.2.7 10.0.0.1 4096 65536\r\n", ErrHandshake, "bad PROXY header"},
		"v1, signed port":    {s, "PROXY TCP4 192.0.2.7 10.0.0.1 +409 3306\r\n", ErrHandshake, "bad PROXY header"},
		"v1, zone":           {s, "PROXY TCP6 fe80::1%eth0 fe80::2 4096 3306\r\n", ErrHandshake, "bad PROXY header"},
		"v1, two blanks":     {s, "PROXY TCP4  192.0.2.7 10.0.0.1 4096 3306\r\n", ErrHandshake, "bad PROXY header"},
		"v1, udp":            {s, "PROXY UDP4 192.0.2.7 10.0.0.1 4096 3306\r\n", ErrHandshake, "bad PROXY header"},
		"v1, two":            {s, good + good, ErrHandshake, "Bad handshake"},
		"v2, announced long": {s, proxyV2 + "\x21\x11\xff\xff", ErrHandshake, "65535 bytes, more than 4096"},
		"v2, cut":            {s, v2(v2Proxy, v2TCP4, v2From4)[:20], ErrHandshake, "cut short"},
		"v2, head cut":       {s, proxyV2[:8], ErrHandshake, "cut short"},
		"v2, signature":      {s, "\r\n\r\n\x00\r\nQUIX\n" + "\x21\x11\x00\x0c" + v2From4, ErrHandshake, "bad PROXY header"},
		"v2, version 1":      {s, v2(0x11, v2TCP4, v2From4), ErrHandshake, "version and command 0x11"},
		"v2, command":        {s, v2(0x2f, v2TCP4, v2From4), ErrHandshake, "version and command 0x2f"},
		"v2, short IPv4":     {s, v2(v2Proxy, v2TCP4, v2From4[:11]), ErrHandshake, "family 0x11 with 11 bytes"},
		"v2, short IPv6":     {s, v2(v2Proxy, v2TCP6, v2From6[:35]), ErrHandshake, "family 0x21 with 35 bytes"},
		"v2, udp":            {s, v2(v2Proxy, 0x12, v2From4), ErrHandshake, "family 0x12"},
	} {
		t.Run(name, func(t *testing.T) {
			c := tc.s.dial(t)
			if _, err := c.nc.Write([]byte(tc.header)); err != nil {
				t.Fatal(err)
			}
			if name == "v1, two" {
				c.SetSequence(good[3] + 1) // it is answered as the packet it is not
			}
			c.expectError(t, tc.code)
			c.expectEnd(t)
			waitFor(t, "a word of it in the log", func() bool { return strings.Contains(tc.s.log.String(), tc.log) || tc.s.refusals.counts(tc.code) })
		})
	}
	// Whoever sends none is greeted and let in from anywhere.
	stranger.login(t)
}

// counts reports whether messages of an error number are being counted.
func (r *refusals) counts(code uint16) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	f := r.kinds[refusalKind{"login refused", code}]
	return f != nil && f.times > 0
}

// TestProxyHeaderAndTLS: TLS begins behind a header, and whoever comes through
// a balancer must use it where it is required.
func TestProxyHeaderAndTLS(t *testing.T) {
	s := trusting(t, func(s *Server) { s.TLS, s.RequireTLS = selfSigned(t), true })
	c := s.dial(t)
	c.nc.Write([]byte("PROXY TCP4 192.0.2.7 10.0.0.1 4096 3306\r\n"))
	c.respond(t, rawCaps, "app", "", pluginNative, scrambleNative(c.scramble[:], "secret"))
	c.expectError(t, ErrSecureTransport)
	err := s.open(t, func(c *mysql.Config) {
		c.Passwd, c.TLS = "wrong", &tls.Config{InsecureSkipVerify: true}
		c.DialFunc = func(_ context.Context, network, addr string) (net.Conn, error) {
			nc, err := net.Dial(network, addr)
			if err == nil {
				_, err = nc.Write([]byte(v2(v2Proxy, v2TCP4, v2From4)))
			}
			return nc, err
		}
	}).Ping()
	if err == nil || !strings.Contains(err.Error(), "'app'@'192.0.2.7'") {
		t.Errorf("over TLS: %v", err)
	}
}

// FuzzProxyHeader: no bytes make the parser panic or read beyond the header.
func FuzzProxyHeader(f *testing.F) {
	f.Add([]byte("PROXY TCP4 192.0.2.7 10.0.0.1 4096 3306\r\n"))
	f.Add([]byte("PROXY UNKNOWN\r\n"))
	f.Add([]byte(v2(v2Proxy, v2TCP4, v2From4)))
	f.Add([]byte(v2(v2Proxy, v2TCP6, v2From6)))
	f.Add([]byte(v2(v2Local, 0, "")))
	s := &Server{ProxyUnix: true}
	f.Fuzz(func(t *testing.T, b []byte) {
		const tail = "\x00\x00\x00\x01tail"
		for _, exact := range []bool{false, true} {
			c := &Client{server: s, conn: NewConn(&byteConn{r: bytes.NewReader(append(bytes.Clone(b), tail...))})}
			c.conn.exact = exact
			err := c.readProxyHeader()
			if err == nil && c.RemoteAddr.IsValid() && c.RemoteAddr.Addr().Zone() != "" {
				t.Errorf("address %v", c.RemoteAddr)
			}
			if err != nil {
				continue
			}
			// A header that was understood leaves what follows it, a part of the end.
			rest, err := c.conn.Fill(0)
			if err == io.EOF {
				continue // the tail was in the header, by the length it announced
			}
			if err != nil || !exact && !bytes.HasSuffix(append(bytes.Clone(b), tail...), rest) {
				t.Errorf("%q is left of %q: %v", rest, b, err)
			}
		}
	})
}
