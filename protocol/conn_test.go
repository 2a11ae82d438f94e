package protocol

import (
	"bytes"
	"crypto/tls"
	"errors"
	"io"
	"math/rand/v2"
	"net"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"
)

// patience bounds every wait of the tests; none is expected to last.
const patience = 60 * time.Second

// tcpPair returns both ends of a loopback TCP connection.
func tcpPair(t testing.TB) (a, b net.Conn) {
	t.Helper()
	return pair(t, "tcp", "127.0.0.1:0")
}

func pair(t testing.TB, network, addr string) (a, b net.Conn) {
	t.Helper()
	l, err := net.Listen(network, addr)
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	a, err = net.Dial(network, l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	b, err = l.Accept()
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []net.Conn{a, b} {
		c.SetDeadline(time.Now().Add(patience))
		t.Cleanup(func() { c.Close() })
	}
	return a, b
}

// tlsPair returns both ends of a TLS connection over loopback.
func tlsPair(t testing.TB) (a, b net.Conn) {
	t.Helper()
	cert, err := SelfSigned()
	if err != nil {
		t.Fatal(err)
	}
	x, y := tcpPair(t)
	client := tls.Client(x, &tls.Config{InsecureSkipVerify: true})
	server := tls.Server(y, &tls.Config{Certificates: []tls.Certificate{*cert}})
	done := make(chan error, 1)
	go func() { done <- client.Handshake() }()
	if err := server.Handshake(); err != nil {
		t.Fatal(err)
	}
	if err := <-done; err != nil {
		t.Fatal(err)
	}
	return client, server
}

var transports = []struct {
	name string
	pair func(testing.TB) (net.Conn, net.Conn)
}{
	{"tcp", tcpPair},
	{"unix", func(t testing.TB) (net.Conn, net.Conn) {
		return pair(t, "unix", filepath.Join(t.TempDir(), "s"))
	}},
	{"tls", tlsPair},
	{"pipe", func(testing.TB) (net.Conn, net.Conn) { return net.Pipe() }},
}

func randomBytes(n int) []byte {
	b := make([]byte, n)
	r := rand.New(rand.NewPCG(1, uint64(n)))
	for i := range b[:min(n, 1<<20)] {
		b[i] = byte(r.Uint32())
	}
	for i := 1 << 20; i < n; i += copy(b[i:], b[1:1<<20]) { // of a length that is no power of two
	}
	return b
}

func TestPacketSizes(t *testing.T) {
	sizes := []int{0, 1, 5, 250, 4091, 4092, 4093, smallBuffer - 4, smallBuffer, smallBuffer + 1, maxCopy, maxCopy + 1, largeBuffer, largeBuffer + 1, 1 << 20}
	big := []int{MaxFrame - 1, MaxFrame, MaxFrame + 1, 40 << 20}
	for _, tr := range transports {
		t.Run(tr.name, func(t *testing.T) {
			x, y := tr.pair(t)
			a, b := NewConn(x), NewConn(y)
			all := sizes
			if tr.name == "tcp" {
				all = append(all[:len(all):len(all)], big...)
			}
			payload := randomBytes(all[len(all)-1])
			want := bytes.Clone(payload)
			sent := make(chan error, 1)
			go func() {
				for _, n := range all {
					if err := a.QueuePacket(payload[:n]); err != nil {
						sent <- err
						return
					}
				}
				sent <- a.Flush()
			}()
			for _, n := range all {
				got, err := b.ReadPacket(64 << 20)
				if err != nil {
					t.Fatalf("packet of %d bytes: %v", n, err)
				}
				if !bytes.Equal(got, want[:n]) {
					t.Fatalf("packet of %d bytes differs (got %d bytes)", n, len(got))
				}
			}
			if err := <-sent; err != nil {
				t.Fatal(err)
			}
			if !bytes.Equal(payload, want) {
				t.Error("QueuePacket has changed the payload")
			}
			if a.Sequence() != b.Sequence() {
				t.Errorf("sequence numbers differ: %d sent, %d read", a.Sequence(), b.Sequence())
			}
			if a.out != nil {
				t.Error("a write buffer is held after Flush")
			}
		})
	}
}

func TestPacketLimit(t *testing.T) {
	for _, tc := range []struct {
		name   string
		header []byte
		limit  int
	}{
		{"first frame", []byte{0xff, 0xff, 0xff, 0}, 1 << 20},
		{"one more than the limit", []byte{11, 0, 0, 0}, 10},
	} {
		t.Run(tc.name, func(t *testing.T) {
			x, y := tcpPair(t)
			x.Write(tc.header)
			c := NewConn(y)
			_, err := c.ReadPacket(tc.limit)
			var e *Error
			if !errors.As(err, &e) || e.Code != ErrPacketTooLarge {
				t.Errorf("ReadPacket = %v, want error 1153", err)
			}
			if len(c.in) > smallBuffer {
				t.Errorf("%d bytes of buffer are held for a header", len(c.in))
			}
		})
	}
}

func TestPacketLimitOfJoined(t *testing.T) {
	x, y := tcpPair(t)
	go NewConn(x).QueuePacket(make([]byte, MaxFrame+100))
	_, err := NewConn(y).ReadPacket(MaxFrame + 99)
	var e *Error
	if !errors.As(err, &e) || e.Code != ErrPacketTooLarge {
		t.Errorf("ReadPacket = %v, want error 1153", err)
	}
}

func TestPacketOutOfOrder(t *testing.T) {
	x, y := tcpPair(t)
	x.Write([]byte{1, 0, 0, 3, 'x'})
	_, err := NewConn(y).ReadPacket(100)
	var e *Error
	if !errors.As(err, &e) || e.Code != ErrNetPacketsOutOrder {
		t.Errorf("ReadPacket = %v, want error 1156", err)
	}
}

func TestReadGoesOnAfterDeadline(t *testing.T) {
	for _, tr := range transports {
		if tr.name == "tls" {
			continue // a TLS connection can't go on after a timeout in the middle of a record
		}
		t.Run(tr.name, func(t *testing.T) {
			x, y := tr.pair(t)
			c := NewConn(y)
			packet := append(appendHeader(nil, 300, 0), randomBytes(300)...)
			for _, cut := range []int{2, 4, 100} {
				go x.Write(packet[:cut])
				b, err := c.Fill(cut - 1)
				if err != nil || len(b) != cut {
					t.Fatalf("Fill = %d bytes, %v", len(b), err)
				}
				c.SetDeadline(time.Now().Add(-time.Second))
				if _, err := c.ReadPacket(1000); !errors.Is(err, os.ErrDeadlineExceeded) {
					t.Fatalf("ReadPacket = %v, want an expired deadline", err)
				}
				c.SetDeadline(time.Now().Add(patience))
				go x.Write(packet[cut:])
				got, err := c.ReadPacket(1000)
				if err != nil || !bytes.Equal(got, packet[4:]) {
					t.Fatalf("cut at %d: ReadPacket = %d bytes, %v", cut, len(got), err)
				}
				c.ResetSequence()
			}
		})
	}
}

func TestFillAndConsume(t *testing.T) {
	x, y := tcpPair(t)
	c := NewConn(y)
	x.Write([]byte("abc"))
	if b, err := c.Fill(2); err != nil || string(b) != "abc" {
		t.Fatalf("Fill(2) = %q, %v", b, err)
	}
	c.Consume(1)
	x.Write([]byte("def"))
	if b, err := c.Fill(4); err != nil || string(b) != "bcdef" {
		t.Fatalf("Fill(4) = %q, %v", b, err)
	}
	if c.Buffered() != 5 {
		t.Errorf("Buffered() = %d, want 5", c.Buffered())
	}
	c.Consume(5)
	x.Close()
	if _, err := c.Fill(0); err != io.EOF {
		t.Errorf("Fill at the end = %v, want EOF", err)
	}
}

func TestWriteKeepsOrder(t *testing.T) {
	x, y := tcpPair(t)
	a := NewConn(x)
	var want []byte
	go func() {
		for i := range 2000 {
			p := randomBytes(i * 37 % 9000)
			if i%3 == 0 {
				a.Write(p)
			} else {
				a.QueuePacket(p)
			}
		}
		a.Flush()
		x.Close()
	}()
	seq := byte(0)
	for i := range 2000 {
		p := randomBytes(i * 37 % 9000)
		if i%3 != 0 {
			want = appendHeader(want, len(p), seq)
			seq++
		}
		want = append(want, p...)
	}
	got, err := io.ReadAll(y)
	if err != nil || !bytes.Equal(got, want) {
		t.Errorf("read %d bytes (%v), want %d; equal: %v", len(got), err, len(want), bytes.Equal(got, want))
	}
}

// waitFor waits until cond holds.
func waitFor(t testing.TB, what string, cond func() bool) {
	t.Helper()
	for end := time.Now().Add(patience); !cond(); time.Sleep(time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("waited in vain for %s", what)
		}
	}
}

func TestIdleConnectionsHoldNoBuffers(t *testing.T) {
	const n = 1000
	conns := make([]*Conn, n)
	peers := make([]*Conn, n)
	var done sync.WaitGroup
	defer done.Wait()
	for i := range conns {
		x, y := tcpPair(t)
		peers[i], conns[i] = NewConn(x), NewConn(y)
		defer x.Close()
		done.Go(func() {
			for {
				p, err := conns[i].ReadPacket(1 << 20)
				if err != nil {
					return
				}
				conns[i].QueuePacket(p)
				conns[i].Flush()
				conns[i].ResetSequence()
			}
		})
	}
	for i, p := range peers {
		if err := p.QueuePacket([]byte("hello")); err != nil {
			t.Fatal(err)
		}
		p.Flush()
		if got, err := p.ReadPacket(100); err != nil || string(got) != "hello" {
			t.Fatalf("%d: %q, %v", i, got, err)
		}
		p.Trim()
	}
	for _, p := range peers {
		if p.in != nil || p.out != nil {
			t.Fatal("an idle connection holds a buffer")
		}
	}
	for _, p := range peers {
		p.Close()
	}
	done.Wait()
	for _, c := range conns {
		// Its last read has ended with EOF, so the buffer was needed to see that.
		if c.out != nil || len(c.in) > smallBuffer {
			t.Fatal("a connection holds more than a small buffer")
		}
	}
}

func TestRoundTripAllocatesNothing(t *testing.T) {
	x, y := tcpPair(t)
	a, b := NewConn(x), NewConn(y)
	payload := randomBytes(200)
	trip := func() {
		a.ResetSequence()
		b.ResetSequence()
		if a.QueuePacket(payload) != nil || a.Flush() != nil {
			t.Fatal("write")
		}
		if _, err := b.ReadPacket(1000); err != nil {
			t.Fatal(err)
		}
		if !b.Alive() {
			t.Fatal("not alive")
		}
	}
	if n := testing.AllocsPerRun(200, trip); n > 0 && !raceDetector {
		t.Errorf("a packet sent and read allocates %v times", n)
	}
}

func FuzzReadPacket(f *testing.F) {
	f.Add([]byte{3, 0, 0, 0, 1, 2, 3})
	f.Add([]byte{0xff, 0xff, 0xff, 0, 1})
	f.Add([]byte{0, 0, 0, 0, 1, 0, 0, 1, 9})
	f.Fuzz(func(t *testing.T, data []byte) {
		x, y := net.Pipe()
		defer y.Close()
		go func() {
			x.Write(data)
			x.Close()
		}()
		c := NewConn(y)
		read := 0
		for {
			p, err := c.ReadPacket(1 << 16)
			if err != nil {
				break
			}
			read += headerSize + len(p)
		}
		if read > len(data) {
			t.Errorf("%d bytes of packets out of %d", read, len(data))
		}
	})
}
