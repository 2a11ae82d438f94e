package protocol

import (
	"bytes"
	"crypto/tls"
	"encoding/binary"
	"net"
	"testing"
	"time"
)

// old is a client that knows no plugins.
const old = rawCaps &^ (ClientPluginAuth | ClientConnectAttrs)

func TestAuthentication(t *testing.T) {
	s := startServer(t, nil)
	sha2, native := scrambleCachingSHA2, scrambleNative
	for _, tc := range []struct {
		name        string
		caps        Capability
		user        string
		plugin      string
		auth        func(scramble []byte, password string) []byte
		switched    string // the plugin that is asked for; "" for none
		wrongAnswer bool
		empty       bool
		fast        bool
	}{
		{name: "caching_sha2", caps: rawCaps, user: "app", plugin: pluginCachingSHA2, auth: sha2, fast: true},
		{name: "native", caps: rawCaps, user: "app", plugin: pluginNative, auth: native},
		{name: "old client", caps: old, user: "app", auth: native},
		{name: "native that waits to be asked", caps: rawCaps, user: "app", plugin: pluginNative, switched: pluginNative},
		{name: "clear password", caps: rawCaps, user: "app", plugin: "mysql_clear_password", switched: pluginNative},
		{name: "plugin without a name", caps: rawCaps, user: "app", switched: pluginNative},
		{name: "empty password", caps: rawCaps, user: "nobody", plugin: pluginNative, empty: true},
		{name: "empty password, caching_sha2", caps: rawCaps, user: "nobody", plugin: pluginCachingSHA2, empty: true},
		{name: "empty password, old client", caps: old, user: "nobody", empty: true},
		{name: "wrong answer to a switch", caps: rawCaps, user: "app", plugin: "dialog", switched: pluginNative, wrongAnswer: true},
		{name: "unknown user is asked too", caps: rawCaps, user: "eve", plugin: "dialog", switched: pluginNative, wrongAnswer: true},
	} {
		t.Run(tc.name, func(t *testing.T) {
			c := s.dial(t)
			if c.plugin != pluginCachingSHA2 || c.caps != offered {
				t.Errorf("greeted with %q and %#x", c.plugin, uint32(c.caps))
			}
			if c.status != StatusAutocommit || !bytes.Equal(c.reserved, make([]byte, 10)) {
				t.Errorf("greeted with status %#x, reserved %x", c.status, c.reserved)
			}
			if bytes.ContainsAny(c.scramble[:], "\x00$") {
				t.Errorf("scramble %q", c.scramble)
			}
			var auth []byte
			if tc.auth != nil {
				auth = tc.auth(c.scramble[:], "secret")
			}
			c.respond(t, tc.caps, tc.user, "", tc.plugin, auth)
			if tc.switched != "" {
				scramble := c.expectSwitch(t, tc.switched)
				if bytes.Equal(scramble, c.scramble[:]) {
					t.Error("the scramble was used twice")
				}
				answer := scrambleOf(tc.switched)(scramble, "secret")
				if tc.wrongAnswer {
					answer[0]++
				}
				c.packet(t, answer)
			}
			if tc.wrongAnswer {
				c.expectError(t, ErrAccessDenied)
				c.expectEnd(t)
				return
			}
			if tc.fast {
				if p := c.read(t); !bytes.Equal(p, fastAuthOK[:]) {
					t.Fatalf("got %q, want the fast path", p)
				}
			}
			c.expectOK(t)
			c.send(t, ComQuery, "whoami")
			if n := c.rows(t); n != 1 {
				t.Errorf("%d rows, want 1", n)
			}
		})
	}
}

// expectSwitch reads an AuthSwitchRequest and returns its scramble.
func (c *rawClient) expectSwitch(t testing.TB, plugin string) []byte {
	t.Helper()
	f := fields{b: c.read(t)}
	if h := f.take(1); h == nil || h[0] != headerEOF {
		t.Fatalf("got %q, want an AuthSwitchRequest", h)
	}
	if got := f.null(); string(got) != plugin {
		t.Fatalf("asked for %q, want %q", got, plugin)
	}
	scramble := bytes.Clone(f.null())
	if len(scramble) != scrambleSize || len(f.b) > 0 {
		t.Fatalf("scramble %q and %q behind", scramble, f.b)
	}
	return scramble
}

func TestBadHandshakes(t *testing.T) {
	s := startServer(t, func(s *Server) { s.TLS = selfSigned(t) })
	head := responseHead(rawCaps)
	long := append(bytes.Clone(head), bytes.Repeat([]byte{'u'}, maxLoginPacket)...)
	ssl := responseHead(rawCaps | ClientSSL)
	for _, tc := range []struct {
		name   string
		packet []byte
		code   uint16
	}{
		{"empty", nil, ErrHandshake},
		{"one byte", []byte{1}, ErrHandshake},
		{"text", []byte("GET / HTTP/1.1"), ErrNotSupportedAuthMode},
		{"older than 4.1", append([]byte{5, 0, 0, 0, 1}, "app\x00secret12"...), ErrNotSupportedAuthMode},
		{"no secure connection", append(responseHead(ClientProtocol41|ClientLongPassword), "app\x00secret12\x00"...), ErrNotSupportedAuthMode},
		{"head only, without tls", head, ErrHandshake},
		{"user without end", append(bytes.Clone(head), "app"...), ErrHandshake},
		{"auth beyond the end", append(bytes.Clone(head), "app\x00\xffabc"...), ErrHandshake},
		{"attributes of one byte", append(bytes.Clone(head), "app\x00\x00mysql_native_password\x00\xfc"...), ErrHandshake},
		{"attributes beyond the end", append(bytes.Clone(head), "app\x00\x00mysql_native_password\x00\x05ab"...), ErrHandshake},
		{"attribute without value", append(bytes.Clone(head), "app\x00\x00mysql_native_password\x00\x02\x01a"...), ErrHandshake},
		{"longer than a login may be", long, ErrHandshake},
		{"tls half of the head", ssl[:31], ErrHandshake},
	} {
		t.Run(tc.name, func(t *testing.T) {
			c := s.dial(t)
			c.packet(t, tc.packet)
			c.expectError(t, tc.code)
			c.expectEnd(t)
		})
	}
	c := s.dial(t)
	c.Write([]byte{0xff, 0xff, 0xff, 1}) // 16 MiB announced: refused unseen
	c.SetSequence(2)
	c.expectError(t, ErrHandshake)
	c.expectEnd(t)
	if db := s.open(t, nil); db.Ping() != nil {
		t.Error("the server refuses an ordinary client after them")
	}
}

func TestHandshakeTimeout(t *testing.T) {
	s := startServer(t, func(s *Server) { s.HandshakeTimeout = 20 * time.Millisecond })
	c := s.dial(t)
	c.expectEnd(t)
	waitFor(t, "the silent client to be forgotten", func() bool {
		s.mu.Lock()
		defer s.mu.Unlock()
		return len(s.clients) == 0
	})
	l := startServer(t, func(s *Server) { s.HandshakeTimeout = 200 * time.Millisecond }).login(t)
	time.Sleep(300 * time.Millisecond)
	l.send(t, ComPing, "")
	l.expectOK(t)
}

// TestTLSRequest sends the request and the TLS client's first message in one
// segment, as any client may.
func TestTLSRequest(t *testing.T) {
	s := startServer(t, func(s *Server) { s.TLS = selfSigned(t) })
	c := s.dial(t)
	request := responseHead(rawCaps | ClientSSL)
	held := &holdFirst{Conn: c.Net(), first: append(appendHeader(nil, len(request), 1), request...)}
	tc := tls.Client(held, &tls.Config{InsecureSkipVerify: true})
	if err := tc.Handshake(); err != nil {
		t.Fatal(err)
	}
	c.Conn = NewConn(tc)
	c.SetSequence(2)
	c.respond(t, rawCaps|ClientSSL, "app", "", pluginNative, scrambleNative(c.scramble[:], "secret"))
	c.expectOK(t)
	for range 3 {
		c.send(t, ComQuery, "whoami")
		if n := c.rows(t); n != 1 {
			t.Errorf("%d rows, want 1", n)
		}
	}
}

// holdFirst sends first together with what is written first.
type holdFirst struct {
	net.Conn
	first []byte
}

func (h *holdFirst) Write(b []byte) (int, error) {
	if h.first != nil {
		all := append(h.first, b...)
		h.first = nil
		if _, err := h.Conn.Write(all); err != nil {
			return 0, err
		}
		return len(b), nil
	}
	return h.Conn.Write(b)
}

// TestNothingInClearPassesForTLS sends a login in clear behind the request for
// TLS: it must not be read as one that came by TLS.
func TestNothingInClearPassesForTLS(t *testing.T) {
	s := startServer(t, func(s *Server) { s.TLS = selfSigned(t) })
	c := s.dial(t)
	c.QueuePacket(responseHead(rawCaps | ClientSSL))
	c.respond(t, rawCaps|ClientSSL, "app", "", pluginNative, scrambleNative(c.scramble[:], "secret"))
	for {
		if _, err := c.Fill(c.Buffered()); err != nil {
			break // an alert at most, then the end
		}
	}
	if n := s.h.opened.Load(); n != 0 {
		t.Errorf("%d sessions opened", n)
	}
}

func TestChangeUser(t *testing.T) {
	s := startServer(t, nil)
	change := func(user, db, plugin string) string {
		p := append(append([]byte(user), 0), 3, 'x', 'y', 'z')
		p = append(append(p, db...), 0)
		p = binary.LittleEndian.AppendUint16(p, 45)
		p = append(append(p, plugin...), 0)
		attrs := AppendLenencBytes(AppendLenencBytes(nil, "program_name"), "again")
		return string(AppendLenencBytes(p, string(attrs)))
	}
	for _, plugin := range []string{pluginNative, pluginCachingSHA2, ""} {
		c := s.login(t)
		c.send(t, ComChangeUser, change("other", "shop", plugin))
		asked := plugin
		if asked == "" {
			asked = pluginNative
		}
		scramble := c.expectSwitch(t, asked)
		c.packet(t, scrambleOf(asked)(scramble, "geheim"))
		if asked == pluginCachingSHA2 {
			if p := c.read(t); !bytes.Equal(p, fastAuthOK[:]) {
				t.Fatalf("got %q, want the fast path", p)
			}
		}
		c.expectOK(t)
		c.send(t, ComQuery, "whoami")
		row := c.row(t)
		if row[0] != "other" || row[1] != "shop" || row[3] != "45" || row[5] != "again" {
			t.Errorf("whoami = %q after COM_CHANGE_USER", row)
		}
	}
	if n := s.h.reset.Load(); n != 3 {
		t.Errorf("%d sessions reset, want 3", n)
	}

	c := s.login(t)
	c.send(t, ComChangeUser, change("other", "", pluginNative))
	scramble := c.expectSwitch(t, pluginNative)
	c.packet(t, scrambleNative(scramble, "wrong"))
	c.expectError(t, ErrAccessDenied)
	c.send(t, ComQuery, "whoami")
	if row := c.row(t); row[0] != "app" {
		t.Errorf("whoami = %q after a refused COM_CHANGE_USER", row)
	}

	c = s.login(t)
	c.send(t, ComChangeUser, change("other", "missing", pluginNative))
	scramble = c.expectSwitch(t, pluginNative)
	c.packet(t, scrambleNative(scramble, "geheim"))
	c.expectError(t, ErrBadDB)
	c.send(t, ComQuery, "whoami")
	if row := c.row(t); row[0] != "app" || row[1] == "missing" {
		t.Errorf("whoami = %q after a COM_CHANGE_USER to a missing database", row)
	}

	c = s.login(t)
	c.send(t, ComChangeUser, "other")
	c.expectError(t, ErrHandshake)
	c.expectEnd(t)

	c = s.dial(t)
	c.respond(t, old, "app", "", "", scrambleNative(c.scramble[:], "secret"))
	c.expectOK(t)
	c.send(t, ComChangeUser, "other\x00\x14"+string(scrambleNative(c.scramble[:], "geheim"))+"shop\x00")
	c.expectOK(t)
	c.send(t, ComQuery, "whoami")
	if row := c.row(t); row[0] != "other" || row[1] != "shop" {
		t.Errorf("whoami = %q after an old client's COM_CHANGE_USER", row)
	}
}

// row reads an answer of one row.
func (c *rawClient) row(t testing.TB) []string {
	t.Helper()
	var f Framer
	var b bytes.Buffer
	f.Reset(AnswerResult, false, 1)
	if _, err := f.Relay(&b, c.Conn); err != nil {
		t.Fatal(err)
	}
	if f.Answer().Err != nil {
		t.Fatal(f.Answer().Err)
	}
	rest := b.Bytes()
	for range 1 + f.Answer().Columns + 1 { // count, definitions, EOF
		rest = rest[headerSize+frameSize(rest):]
	}
	rest = rest[headerSize : headerSize+frameSize(rest)]
	var row []string
	for len(rest) > 0 {
		v, n := ReadLenencBytes(rest)
		row, rest = append(row, string(v)), rest[n:]
	}
	return row
}

func FuzzParseResponse(f *testing.F) {
	f.Add(append(responseHead(rawCaps), "app\x00\x00mysql_native_password\x00\x04\x01a\x01b"...))
	f.Add(append(responseHead(offered), "app\x00\x03abcshop\x00caching_sha2_password\x00\xfc"...))
	f.Add(responseHead(rawCaps | ClientSSL))
	f.Fuzz(func(t *testing.T, p []byte) {
		if r, err := parseResponse(p, offered|ClientSSL); err == nil {
			size := len(r.user) + len(r.db) + len(r.auth) + len(r.plugin) + len(r.attributes)
			if size > len(p) {
				t.Errorf("%d bytes out of %d: %+v", size, len(p), r)
			}
		}
		if len(p) > 0 {
			parseChangeUser(p, offered)
			parseChangeUser(p, 0)
		}
		ParseOK(p)
		ParseErr(p)
		ParseEOF(p)
		ParseColumn(p)
	})
}
