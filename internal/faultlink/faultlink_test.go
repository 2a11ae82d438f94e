package faultlink

import (
	"bytes"
	"errors"
	"io"
	"net"
	"os"
	"syscall"
	"testing"
	"time"
)

// echo starts a server that sends back what it gets and returns its address.
func echo(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			go func() {
				defer c.Close()
				io.Copy(c, c)
			}()
		}
	}()
	return l.Addr().String()
}

func newLink(t *testing.T) *Link {
	t.Helper()
	l, err := New(echo(t))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	return l
}

func dial(t *testing.T, l *Link) net.Conn {
	t.Helper()
	c, err := net.Dial("tcp", l.Addr())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	c.SetDeadline(time.Now().Add(20 * time.Second))
	return c
}

// roundTrip sends msg and wants it back.
func roundTrip(t *testing.T, c net.Conn, msg string) {
	t.Helper()
	if _, err := io.WriteString(c, msg); err != nil {
		t.Fatalf("write: %v", err)
	}
	got := make([]byte, len(msg))
	if _, err := io.ReadFull(c, got); err != nil {
		t.Fatalf("read: %v", err)
	}
	if string(got) != msg {
		t.Fatalf("read %q, want %q", got, msg)
	}
}

// wantSilence wants no byte and no end from c for a while.
func wantSilence(t *testing.T, c net.Conn) {
	t.Helper()
	c.SetReadDeadline(time.Now().Add(100 * time.Millisecond))
	n, err := c.Read(make([]byte, 1))
	if !errors.Is(err, os.ErrDeadlineExceeded) {
		t.Fatalf("read = %d, %v; want silence", n, err)
	}
	c.SetDeadline(time.Now().Add(20 * time.Second))
}

func TestPass(t *testing.T) {
	l := newLink(t)
	c := dial(t, l)
	roundTrip(t, c, "hello")
	big := bytes.Repeat([]byte("0123456789abcdef"), 1<<16)
	go c.Write(big)
	got := make([]byte, len(big))
	if _, err := io.ReadFull(c, got); err != nil || !bytes.Equal(got, big) {
		t.Fatalf("a megabyte came back changed (%v)", err)
	}
	c.(*net.TCPConn).CloseWrite()
	if _, err := c.Read(got); err != io.EOF {
		t.Fatalf("read after half-close = %v, want EOF", err)
	}
}

func TestStallHoldsBytesBack(t *testing.T) {
	for _, d := range []Direction{Up, Down, Both} {
		t.Run(d.String(), func(t *testing.T) {
			l := newLink(t)
			c := dial(t, l)
			roundTrip(t, c, "before")
			l.Stall(d)
			if _, err := io.WriteString(c, "held"); err != nil {
				t.Fatal(err)
			}
			wantSilence(t, c)
			fresh := dial(t, l) // accepted, then nothing
			io.WriteString(fresh, "held")
			wantSilence(t, fresh)
			l.Pass(d)
			for _, c := range []net.Conn{c, fresh} {
				got := make([]byte, 4)
				if _, err := io.ReadFull(c, got); err != nil || string(got) != "held" {
					t.Fatalf("after the stall read %q, %v", got, err)
				}
				roundTrip(t, c, "after")
			}
		})
	}
}

func TestStallHidesTheEnd(t *testing.T) {
	l := newLink(t)
	c := dial(t, l)
	roundTrip(t, c, "x")
	l.Stall(Down)
	c.(*net.TCPConn).CloseWrite() // the echo server answers by closing
	wantSilence(t, c)
	l.Pass(Down)
	if _, err := c.Read(make([]byte, 1)); err != io.EOF {
		t.Fatalf("read = %v, want EOF", err)
	}
}

func TestCutAndRestore(t *testing.T) {
	l := newLink(t)
	c := dial(t, l)
	roundTrip(t, c, "x")
	l.Cut()
	if _, err := c.Read(make([]byte, 1)); !errors.Is(err, syscall.ECONNRESET) {
		t.Fatalf("read = %v, want a reset", err)
	}
	if c, err := net.Dial("tcp", l.Addr()); !errors.Is(err, syscall.ECONNREFUSED) {
		t.Fatalf("dial = %v, %v; want refused", c, err)
	}
	if err := l.Restore(); err != nil {
		t.Fatal(err)
	}
	roundTrip(t, dial(t, l), "again")
}

func TestRefuseKeepsTheOld(t *testing.T) {
	l := newLink(t)
	c := dial(t, l)
	roundTrip(t, c, "x")
	l.Refuse()
	if c, err := net.Dial("tcp", l.Addr()); !errors.Is(err, syscall.ECONNREFUSED) {
		t.Fatalf("dial = %v, %v; want refused", c, err)
	}
	roundTrip(t, c, "old")
}

func TestResetWelcomesTheNew(t *testing.T) {
	l := newLink(t)
	c := dial(t, l)
	roundTrip(t, c, "x")
	l.Reset()
	if _, err := c.Read(make([]byte, 1)); !errors.Is(err, syscall.ECONNRESET) {
		t.Fatalf("read = %v, want a reset", err)
	}
	roundTrip(t, dial(t, l), "new")
}

func TestCutAfter(t *testing.T) {
	l := newLink(t)
	c := dial(t, l)
	roundTrip(t, c, "x")
	l.CutAfter(Down, 3)
	io.WriteString(c, "abcdef")
	got, err := io.ReadAll(c)
	if !errors.Is(err, syscall.ECONNRESET) {
		t.Fatalf("read = %v, want a reset", err)
	}
	if string(got) != "abc" {
		t.Fatalf("read %q, want %q", got, "abc")
	}
	roundTrip(t, dial(t, l), "new connections are whole")
}

func TestDelay(t *testing.T) {
	l := newLink(t)
	c := dial(t, l)
	roundTrip(t, c, "x")
	const delay = 60 * time.Millisecond
	l.Delay(Both, delay)
	begin := time.Now()
	roundTrip(t, c, "slow")
	if d := time.Since(begin); d < 2*delay {
		t.Fatalf("round trip took %v, want at least %v", d, 2*delay)
	}
}

func TestTrips(t *testing.T) {
	l := newLink(t)
	c := dial(t, l)
	roundTrip(t, c, "first") // an echo server does not greet, so this is none
	before := l.Trips()
	for range 5 {
		roundTrip(t, c, "again")
	}
	if n := l.Trips() - before; n != 5 {
		t.Errorf("%d round trips, want 5", n)
	}
}

func TestDeadTarget(t *testing.T) {
	nl, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	addr := nl.Addr().String()
	nl.Close()
	l, err := New(addr)
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	c, err := net.Dial("tcp", l.Addr())
	if err != nil {
		return // the reset was faster than the dial
	}
	defer c.Close()
	c.SetDeadline(time.Now().Add(20 * time.Second))
	if _, err := c.Read(make([]byte, 1)); err == nil {
		t.Fatal("read from a dead target went well")
	}
}
