package protocol

import (
	"bytes"
	"encoding/binary"
	"errors"
	"io"
	"net"
	"syscall"
	"testing"
	"time"
)

// rawClient speaks the protocol by hand.
type rawClient struct {
	*Conn
	id       uint32
	caps     Capability // offered
	plugin   string     // greeted with
	scramble [scrambleSize]byte
	status   Status
	reserved []byte
}

const rawCaps = ClientProtocol41 | ClientSecureConnection | ClientPluginAuth | ClientLongPassword | ClientConnectAttrs

// dial reads the greeting.
func (s *testServer) dial(t testing.TB) *rawClient {
	t.Helper()
	nc, err := net.Dial("tcp", s.addr)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { nc.Close() })
	nc.SetDeadline(time.Now().Add(patience))
	c := &rawClient{Conn: NewConn(nc)}
	p, err := c.ReadPacket(1 << 16)
	if err != nil {
		t.Fatal(err)
	}
	c.readGreeting(t, p)
	return c
}

func (c *rawClient) readGreeting(t testing.TB, p []byte) {
	t.Helper()
	f := fields{b: p}
	if v := f.take(1); v == nil || v[0] != 10 {
		t.Fatalf("greeting %q", p)
	}
	f.null()
	c.id = binary.LittleEndian.Uint32(f.take(4))
	copy(c.scramble[:], f.take(8))
	f.take(1)
	low := f.take(2)
	f.take(1)
	c.status = Status(binary.LittleEndian.Uint16(f.take(2)))
	high := f.take(2)
	c.caps = Capability(binary.LittleEndian.Uint16(low)) | Capability(binary.LittleEndian.Uint16(high))<<16
	if n := f.take(1); n[0] != scrambleSize+1 {
		t.Errorf("greeting's scramble has %d bytes", n[0])
	}
	c.reserved = bytes.Clone(f.take(10))
	copy(c.scramble[8:], f.null())
	c.plugin = string(f.null())
	if f.short || len(f.b) > 0 {
		t.Fatalf("greeting %q", p)
	}
}

// respond sends a handshake response.
func (c *rawClient) respond(t testing.TB, caps Capability, user, db, plugin string, auth []byte) {
	t.Helper()
	if db != "" {
		caps |= ClientConnectWithDB
	}
	p := responseHead(caps)
	p = append(append(p, user...), 0, byte(len(auth)))
	p = append(p, auth...)
	if db != "" {
		p = append(append(p, db...), 0)
	}
	if caps.Has(ClientPluginAuth) {
		p = append(append(p, plugin...), 0)
	}
	c.packet(t, p)
}

func responseHead(caps Capability) []byte {
	p := binary.LittleEndian.AppendUint32(nil, uint32(caps))
	return append(p, append([]byte{0, 0, 0, 1, 33}, make([]byte, 23)...)...)
}

func (c *rawClient) packet(t testing.TB, p []byte) {
	t.Helper()
	if err := c.QueuePacket(p); err != nil {
		t.Fatal(err)
	}
	if err := c.Flush(); err != nil {
		t.Fatal(err)
	}
}

// login logs in as app by mysql_native_password.
func (s *testServer) login(t testing.TB) *rawClient {
	t.Helper()
	c := s.dial(t)
	c.respond(t, rawCaps, "app", "", pluginNative, scrambleNative(c.scramble[:], "secret"))
	c.expectOK(t)
	return c
}

func (c *rawClient) send(t testing.TB, cmd Command, rest string) {
	t.Helper()
	c.ResetSequence()
	c.packet(t, append([]byte{byte(cmd)}, rest...))
}

func (c *rawClient) read(t testing.TB) []byte {
	t.Helper()
	p, err := c.ReadPacket(1 << 20)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func (c *rawClient) expectOK(t testing.TB) OK {
	t.Helper()
	p := c.read(t)
	ok, _, is := ParseOK(p)
	if !is {
		t.Fatalf("got %q (%v), want OK", p, ParseErr(p))
	}
	return ok
}

func (c *rawClient) expectError(t testing.TB, code uint16) {
	t.Helper()
	p := c.read(t)
	if e := ParseErr(p); e == nil || e.Code != code {
		t.Fatalf("got %q, want error %d", p, code)
	}
}

// expectEnd waits for the server to close the connection.
func (c *rawClient) expectEnd(t testing.TB) {
	t.Helper()
	if p, err := c.ReadPacket(1 << 20); err == nil {
		t.Fatalf("got %q, want the end", p)
	} else if err != io.EOF && !isReset(err) {
		t.Fatalf("got %v, want the end", err)
	}
}

// rows reads an answer and returns the number of its rows.
func (c *rawClient) rows(t testing.TB) int {
	t.Helper()
	var f Framer
	f.Reset(AnswerResult, false, 1)
	if _, err := f.Relay(io.Discard, c.Conn); err != nil {
		t.Fatal(err)
	}
	return int(f.Answer().Rows)
}

func isReset(err error) bool { return errors.Is(err, syscall.ECONNRESET) }
