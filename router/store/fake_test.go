package store

import (
	"bytes"
	"context"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha1"
	"crypto/tls"
	"crypto/x509"
	"encoding/binary"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/dsmproxy/dsmproxy/protocol"
)

// fake is a server that can do what no MariaDB does: the server's side of
// caching_sha2_password, and misbehave.
type fake struct {
	t        testing.TB
	addr     string
	version  string
	caps     protocol.Capability
	plugin   string // of the greeting
	switchTo string // plugin that an AuthSwitchRequest asks for; "" for none
	password string
	cached   bool // caching_sha2_password's fast path
	key      *rsa.PrivateKey
	tls      *tls.Config
	answer   func(cmd []byte) []byte // payload of the only packet; nil: OK

	mu       sync.Mutex // guards what follows
	commands []string
	clear    int // passwords that came in clear
	wg       sync.WaitGroup
}

const fakeCaps = protocol.ClientProtocol41 | protocol.ClientSecureConnection | protocol.ClientPluginAuth |
	protocol.ClientConnectAttrs | protocol.ClientDeprecateEOF | protocol.ClientTransactions

var fakeSalt = []byte("0123456789abcdefghij")

// start listens until the test ends.
func (f *fake) start(t testing.TB) *fake {
	f.t = t
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	f.addr = l.Addr().String()
	if f.caps == 0 {
		f.caps = fakeCaps
	}
	if f.tls != nil {
		f.caps |= protocol.ClientSSL
	}
	var open sync.Map
	f.wg.Go(func() {
		for {
			nc, err := l.Accept()
			if err != nil {
				return
			}
			open.Store(nc, nil)
			f.wg.Go(func() {
				defer nc.Close()
				f.serve(nc)
			})
		}
	})
	t.Cleanup(func() {
		l.Close()
		open.Range(func(nc, _ any) bool { nc.(net.Conn).Close(); return true })
		f.wg.Wait()
	})
	return f
}

func (f *fake) greeting() []byte {
	b := append([]byte{10}, f.version...)
	b = append(b, 0, 1, 0, 0, 0)
	b = append(b, fakeSalt[:8]...)
	b = append(b, 0)
	b = binary.LittleEndian.AppendUint16(b, uint16(f.caps))
	b = append(b, 255, 2, 0)
	b = binary.LittleEndian.AppendUint16(b, uint16(f.caps>>16))
	b = append(b, 21)
	b = append(b, make([]byte, 10)...)
	b = append(b, fakeSalt[8:]...)
	b = append(b, 0)
	b = append(b, f.plugin...)
	return append(b, 0)
}

var fakeOK = []byte{0, 0, 0, 2, 0, 0, 0}

func fakeErr(code uint16, state, msg string) []byte {
	return append(binary.LittleEndian.AppendUint16([]byte{0xff}, code), "#"+state+msg...)
}

func (f *fake) serve(nc net.Conn) {
	pc := protocol.NewConn(nc)
	send := func(b []byte) { pc.QueuePacket(b); pc.Flush() }
	send(f.greeting())
	// No byte more than the packet is read: TLS may follow it.
	header := make([]byte, headerSize)
	if _, err := io.ReadFull(nc, header); err != nil {
		return
	}
	b := make([]byte, frameSize(header))
	if _, err := io.ReadFull(nc, b); err != nil {
		return
	}
	var err error
	pc.SetSequence(2)
	private := false
	if len(b) == 32 {
		t := tls.Server(nc, f.tls)
		if t.Handshake() != nil {
			return
		}
		seq := pc.Sequence()
		pc = protocol.NewConn(t)
		pc.SetSequence(seq)
		private = true
		if b, err = pc.ReadPacket(1 << 16); err != nil {
			return
		}
	}
	r := reader{b: b[32:]}
	r.zeroEnded()
	response := bytes.Clone(r.take(int(r.byte())))
	plugin := string(r.zeroEnded())
	if want := f.plugin; f.switchTo != "" {
		want = f.switchTo
		plugin = want
		send(append(append(append([]byte{0xfe}, want...), 0), append(fakeSalt, 0)...))
		if b, err = pc.ReadPacket(1 << 16); err != nil {
			return
		}
		response = bytes.Clone(b)
	}
	if !f.check(pc, send, plugin, response, private) {
		send(fakeErr(1045, "28000", "Access denied"))
		return
	}
	send(fakeOK)
	for {
		pc.ResetSequence()
		b, err := pc.ReadPacket(1 << 24)
		if err != nil || b[0] == byte(protocol.ComQuit) {
			return
		}
		f.mu.Lock()
		f.commands = append(f.commands, fmt.Sprintf("%02x%s", b[0], b[1:]))
		f.mu.Unlock()
		out := fakeOK
		if f.answer != nil {
			if a := f.answer(b); a != nil {
				out = a
			}
		}
		if bytes.HasPrefix(out, []byte("frames:")) {
			pc.Write(out[len("frames:"):])
			pc.Flush()
			continue
		}
		send(out)
	}
}

// check is the server's side of the plugins.
func (f *fake) check(pc *protocol.Conn, send func([]byte), plugin string, response []byte, private bool) bool {
	if f.password == "" {
		return len(response) == 0
	}
	switch plugin {
	case nativePassword:
		return bytes.Equal(response, scrambleNative(fakeSalt, f.password))
	case cachingSha2:
	default:
		return false
	}
	if f.cached {
		if !bytes.Equal(response, scrambleSha2(fakeSalt, f.password)) {
			return false
		}
		send([]byte{1, sha2FastDone})
		return true
	}
	send([]byte{1, sha2FullNeeded})
	b, err := pc.ReadPacket(1 << 16)
	if err != nil {
		return false
	}
	if string(b) == f.password+"\x00" {
		f.mu.Lock()
		f.clear++
		f.mu.Unlock()
		return private
	}
	if len(b) != 1 || b[0] != sha2RequestKey {
		return false
	}
	der, err := x509.MarshalPKIXPublicKey(&f.key.PublicKey)
	if err != nil {
		f.t.Error(err)
		return false
	}
	send(append([]byte{1}, pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der})...))
	if b, err = pc.ReadPacket(1 << 16); err != nil {
		return false
	}
	plain, err := rsa.DecryptOAEP(sha1.New(), rand.Reader, f.key, b, nil)
	if err != nil {
		return false
	}
	for i := range plain {
		plain[i] ^= fakeSalt[i%len(fakeSalt)]
	}
	return string(plain) == f.password+"\x00"
}

func TestPlugins(t *testing.T) {
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	p := newPKI(t, t.TempDir())
	cert, err := tls.LoadX509KeyPair(p.path("server.pem"), p.path("server.key"))
	if err != nil {
		t.Fatal(err)
	}
	server := &tls.Config{Certificates: []tls.Certificate{cert}}
	client := &tls.Config{RootCAs: p.pool}
	for _, tt := range []struct {
		name     string
		f        *fake
		tls      *tls.Config
		password string
		err      string
		clear    int
	}{
		{"fast", &fake{plugin: cachingSha2, cached: true, password: "secret"}, nil, "secret", "", 0},
		{"fast, wrong", &fake{plugin: cachingSha2, cached: true, password: "secret"}, nil, "wrong", "1045", 0},
		{"full by RSA", &fake{plugin: cachingSha2, key: key, password: "secret"}, nil, "secret", "", 0},
		{"full by RSA, long", &fake{plugin: cachingSha2, key: key, password: strings.Repeat("long", 30)}, nil, strings.Repeat("long", 30), "", 0},
		{"full by RSA, wrong", &fake{plugin: cachingSha2, key: key, password: "secret"}, nil, "wrong", "1045", 0},
		{"full by TLS", &fake{plugin: cachingSha2, key: key, password: "secret", tls: server}, client, "secret", "", 1},
		{"TLS there but not wanted", &fake{plugin: cachingSha2, key: key, password: "secret", tls: server}, nil, "secret", "", 0},
		{"TLS wanted but not there", &fake{plugin: cachingSha2, key: key, password: "secret"}, client, "secret", "does not offer TLS", 0},
		{"empty password", &fake{plugin: cachingSha2}, nil, "", "", 0},
		{"switch to native", &fake{plugin: cachingSha2, switchTo: nativePassword, password: "secret"}, nil, "secret", "", 0},
		{"switch to sha2", &fake{plugin: nativePassword, switchTo: cachingSha2, key: key, password: "secret"}, nil, "secret", "", 0},
		{"switch to sha2, fast", &fake{plugin: nativePassword, switchTo: cachingSha2, cached: true, password: "secret"}, nil, "secret", "", 0},
		{"unknown plugin first", &fake{plugin: "sha256_password", switchTo: cachingSha2, cached: true, password: "secret"}, nil, "secret", "", 0},
		{"clear password", &fake{plugin: nativePassword, switchTo: "mysql_clear_password", password: "secret"}, nil, "secret", "not supported", 0},
		{"clear password by TLS", &fake{plugin: nativePassword, switchTo: "mysql_clear_password", password: "secret", tls: server}, client, "secret", "not supported", 0},
		{"dialog", &fake{plugin: nativePassword, switchTo: "dialog", password: "secret"}, nil, "secret", "not supported", 0},
	} {
		t.Run(tt.name, func(t *testing.T) {
			tt.f.version = "8.4.3"
			f := tt.f.start(t)
			cfg := config(t, f.addr)
			cfg.TLS = tt.tls
			s := New(cfg)
			_, err := s.login(t.Context(), s.access.Load(), Login{User: "u", Password: tt.password})
			if tt.err == "" && err != nil || tt.err != "" && (err == nil || !strings.Contains(err.Error(), tt.err)) {
				t.Errorf("login: %v, want %q", err, tt.err)
			}
			f.mu.Lock()
			defer f.mu.Unlock()
			if f.clear != tt.clear {
				t.Errorf("the password came in clear %d times, want %d", f.clear, tt.clear)
			}
		})
	}
}

// speak is a server that sends b to whoever comes, and reads what they say.
func speak(t testing.TB, packets ...[]byte) string {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	var wg sync.WaitGroup
	wg.Go(func() {
		for {
			nc, err := l.Accept()
			if err != nil {
				return
			}
			wg.Go(func() {
				defer nc.Close()
				for i, p := range packets {
					if i > 0 {
						nc.SetReadDeadline(time.Now().Add(patience))
						if _, err := nc.Read(make([]byte, 4096)); err != nil {
							return
						}
					}
					nc.Write(p)
				}
			})
		}
	})
	t.Cleanup(func() {
		l.Close()
		wg.Wait()
	})
	return l.Addr().String()
}

func frame(seq byte, payload []byte) []byte {
	return append([]byte{byte(len(payload)), byte(len(payload) >> 8), byte(len(payload) >> 16), seq}, payload...)
}

func TestMalformedLogins(t *testing.T) {
	good := (&fake{version: "8.0.1", caps: fakeCaps, plugin: nativePassword}).greeting()
	hello := frame(0, good)
	old := bytes.Clone(good)
	binary.LittleEndian.PutUint16(old[20:], 0)
	for _, tt := range []struct {
		name    string
		packets [][]byte
	}{
		{"nothing", [][]byte{nil}},
		{"empty packet", [][]byte{{0, 0, 0, 0}}},
		{"HTTP", [][]byte{[]byte("HTTP/1.1 400 Bad Request\r\n\r\n")}},
		{"another protocol version", [][]byte{frame(0, []byte{9, '5', 0})}},
		{"version without an end", [][]byte{frame(0, []byte("\x0a8.0.1"))}},
		{"cut before the salt", [][]byte{frame(0, good[:9])}},
		{"cut in the salt", [][]byte{frame(0, good[:15])}},
		{"cut in the capabilities", [][]byte{frame(0, good[:21])}},
		{"cut before the rest of the salt", [][]byte{frame(0, good[:38])}},
		{"a long way to come", [][]byte{{0xff, 0xff, 0xff, 0}}},
		{"wrong sequence", [][]byte{frame(7, good)}},
		{"too old", [][]byte{frame(0, old)}},
		{"ERR of one byte", [][]byte{frame(0, []byte{0xff})}},
		{"empty answer", [][]byte{hello, {0, 0, 0, 2}}},
		{"OK cut short", [][]byte{hello, frame(2, []byte{0, 0})}},
		{"OK with a huge number", [][]byte{hello, frame(2, []byte{0, 0xfe, 1})}},
		{"old password", [][]byte{hello, frame(2, []byte{0xfe})}},
		{"switch without an end", [][]byte{hello, frame(2, []byte("\xfemysql_native_password"))}},
		{"switch without salt", [][]byte{hello, frame(2, []byte("\xfecaching_sha2_password\x00"))}},
		{"data for native", [][]byte{hello, frame(2, []byte{1, 4})}},
		{"key that was not asked for", [][]byte{hello, frame(2, []byte("\xfecaching_sha2_password\x00"+string(fakeSalt)+"\x00")), frame(4, []byte("\x01-----BEGIN"))}},
		{"no key", [][]byte{hello, frame(2, []byte("\xfecaching_sha2_password\x00"+string(fakeSalt)+"\x00")), frame(4, []byte{1, 4}), frame(6, []byte{1, 'x'})}},
		{"bytes after the OK", [][]byte{hello, append(frame(2, fakeOK), 1, 2, 3)}},
		{"a row", [][]byte{hello, frame(2, []byte{3, 'a', 'b', 'c'})}},
	} {
		cfg := config(t, speak(t, tt.packets...))
		s := New(cfg)
		_, err := s.login(t.Context(), s.access.Load(), app)
		if err == nil {
			t.Errorf("%s: no error", tt.name)
		}
	}
}

// FuzzLogin gives what a server says to the login.
func FuzzLogin(f *testing.F) {
	good := (&fake{version: "8.0.1", caps: fakeCaps, plugin: nativePassword}).greeting()
	f.Add(good, []byte("\xfecaching_sha2_password\x00"+string(fakeSalt)+"\x00"), []byte{1, 4})
	f.Add(good, fakeOK, []byte{})
	f.Add(good[:30], fakeErr(1045, "28000", "no"), []byte{})
	f.Fuzz(func(t *testing.T, hello, first, second []byte) {
		if len(hello)+len(first)+len(second) > maxLoginPacket {
			return
		}
		near, far := net.Pipe()
		var wg sync.WaitGroup
		wg.Go(func() {
			defer far.Close()
			b := make([]byte, 4096)
			for i, p := range [][]byte{hello, first, second} {
				if i > 0 {
					if _, err := far.Read(b); err != nil {
						return
					}
				}
				if _, err := far.Write(frame(byte(2*i), p)); err != nil {
					return
				}
			}
		})
		s := New(Config{Name: "s", Addr: "pipe"})
		if c, err := s.handshake(context.Background(), s.access.Load(), near, app); err == nil {
			c.close()
		}
		near.Close()
		wg.Wait()
	})
}

func TestDeprecateEOFIsAsAsked(t *testing.T) {
	f := (&fake{version: "5.6.1", caps: fakeCaps &^ protocol.ClientDeprecateEOF, plugin: nativePassword, password: "p"}).start(t)
	s := New(config(t, f.addr))
	_, err := s.Get(t.Context(), Login{User: "u", Password: "p", Capabilities: protocol.ClientDeprecateEOF}, nil, false)
	var e *protocol.Error
	if !errors.As(err, &e) || !strings.Contains(e.Message, "DEPRECATE_EOF") {
		t.Errorf("Get = %v", err)
	}
}

// MySQL forgets the charset of the login at COM_RESET_CONNECTION.
func TestResetRestoresTheCharsetOfMySQL(t *testing.T) {
	f := (&fake{version: "8.4.3", plugin: nativePassword, password: "p", answer: func(cmd []byte) []byte {
		if !bytes.HasPrefix(cmd, []byte("\x03SELECT")) {
			return nil
		}
		column := []byte("\x03def\x00\x00\x00\x01a\x00\x0c\x2d\x00\x00\x00\x00\x00\xfd\x00\x00\x00\x00\x00")
		var b []byte
		for i, p := range [][]byte{{4}, column, column, column, column, []byte("\x07utf8mb4\xfb\x12utf8mb4_unicode_ci\x03224"), {0xfe, 0, 0, 2, 0, 0, 0}} {
			b = append(b, frame(byte(i+1), p)...)
		}
		return append([]byte("frames:"), b...)
	}}).start(t)
	s := New(config(t, f.addr))
	l := Login{User: "u", Password: "p", Capabilities: protocol.ClientDeprecateEOF, Collation: 224}
	c := getAs(t, s, l, nil)
	c.Taint()
	c.Release()
	c = getAs(t, s, l, (*Session)(nil).with(modeA, zone))
	c.Release()
	c = getAs(t, s, l, (*Session)(nil).with(modeA))
	c.Release()
	f.mu.Lock()
	defer f.mu.Unlock()
	restore := "03SET character_set_client=utf8mb4, character_set_results=NULL, collation_connection=utf8mb4_unicode_ci"
	want := []string{
		"03SELECT @@character_set_client, @@character_set_results, @@collation_connection, " +
			"(SELECT ID FROM information_schema.COLLATIONS WHERE COLLATION_NAME=@@collation_connection)",
		"1f", restore, "03" + modeA.sql, "03" + zone.sql,
		"1f", restore, "03" + modeA.sql,
	}
	if got := strings.Join(f.commands, "\n"); got != strings.Join(want, "\n") {
		t.Errorf("commands:\n%s\nwant:\n%s", got, strings.Join(want, "\n"))
	}
}

// A server that does not know COM_RESET_CONNECTION gets new connections.
func TestServerWithoutReset(t *testing.T) {
	f := (&fake{version: "10.11.1-MariaDB", plugin: nativePassword, password: "p", answer: func(cmd []byte) []byte {
		if cmd[0] == byte(protocol.ComResetConnection) {
			return fakeErr(1047, "08S01", "Unknown command")
		}
		return nil
	}}).start(t)
	s := New(config(t, f.addr))
	l := Login{User: "u", Password: "p"}
	c := getAs(t, s, l, (*Session)(nil).with(modeA, zone))
	c.Release()
	next := getAs(t, s, l, (*Session)(nil).with(modeA))
	if next == c {
		t.Error("the connection was used again")
	}
	next.Taint()
	next.Release()
	if st := s.Stats(); st.Open != 0 || st.State != Up {
		t.Errorf("%+v, want none open", st)
	}
}

// An answer that ends the connection is a failure of the store, and no answer.
func TestAnswersThatEndTheConnection(t *testing.T) {
	var answer []byte
	f := (&fake{version: "10.11.1-MariaDB", plugin: nativePassword, password: "p", answer: func(cmd []byte) []byte { return answer }}).start(t)
	s := New(config(t, f.addr))
	for _, tt := range []struct {
		code  uint16
		state string
		net   bool
		again bool // the connection is used again
	}{
		{1053, "08S01", true, false},
		{1927, "70100", true, false},
		{4031, "HY000", true, false},
		{1159, "08S01", true, false},
		{1317, "70100", false, true},
		{1064, "42000", false, true},
		{1047, "08S01", false, true},
		{1153, "08S01", false, false},
	} {
		answer = nil
		c := getAs(t, s, Login{User: "u", Password: "p"}, nil)
		answer = fakeErr(tt.code, tt.state, "text")
		c.Begin(time.Time{})
		c.Queue([]byte("\x03SELECT 1"))
		c.Send()
		e, err := c.Await()
		var ne *NetError
		if tt.net {
			if !errors.As(err, &ne) || !ne.Sent || !MayHaveRun(err) {
				t.Errorf("%d: %v, %v, want a NetError", tt.code, e, err)
			}
		} else if err != nil || e == nil || e.Code != tt.code || e.State != tt.state || e.Message != "text" {
			t.Errorf("%d: %v, %v", tt.code, e, err)
		} else {
			var fr protocol.Framer
			fr.Reset(protocol.AnswerResult, false, 1)
			if _, err := c.Read(&fr, 1000); err != nil {
				t.Errorf("%d: %v", tt.code, err)
			}
		}
		c.Release()
		if got := s.Stats().Idle == 1; got != tt.again {
			t.Errorf("%d: used again = %v, want %v", tt.code, got, tt.again)
		}
	}
}

func TestReadIsBounded(t *testing.T) {
	s := New(config(t, startServer(t).Addr()))
	c := get(t, s, nil)
	c.Begin(time.Time{})
	c.Queue([]byte("\x03SELECT REPEAT('x', 100000)"))
	c.Send()
	var f protocol.Framer
	f.Reset(protocol.AnswerResult, true, 1)
	_, err := c.Read(&f, 50000)
	var e *protocol.Error
	if !errors.As(err, &e) {
		t.Errorf("Read = %v", err)
	}
	c.Release()
	if st := s.Stats(); st.Open != 0 {
		t.Errorf("%d open, want the connection closed", st.Open)
	}
}
