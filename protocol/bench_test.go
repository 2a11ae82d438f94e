package protocol

import (
	"io"
	"testing"
)

// BenchmarkRelay relays a small answer between two loopback connections.
func BenchmarkRelay(b *testing.B) {
	x, y := tcpPair(b)
	p, q := tcpPair(b)
	src, dst := NewConn(y), NewConn(p)
	s := from(1).packet(2).defs(2).eof(2).row("a", "b").eof(2)
	sink := make([]byte, len(s.b))
	var f Framer
	b.ReportAllocs()
	for b.Loop() {
		x.Write(s.b)
		f.Reset(AnswerResult, false, 1)
		if _, err := f.Relay(dst, src); err != nil {
			b.Fatal(err)
		}
		io.ReadFull(q, sink)
	}
}

// BenchmarkFramer follows an answer of a hundred rows without any network.
func BenchmarkFramer(b *testing.B) {
	s := from(1).packet(2).defs(2).eof(2)
	for range 100 {
		s.row("a key of some length", "and its value")
	}
	s.eof(2)
	var f Framer
	b.ReportAllocs()
	b.SetBytes(int64(len(s.b)))
	for b.Loop() {
		f.Reset(AnswerResult, false, 1)
		if _, done, err := f.Feed(s.b); !done || err != nil {
			b.Fatal(done, err)
		}
	}
}

// BenchmarkPing is a whole command: a packet read and answered by a Server.
func BenchmarkPing(b *testing.B) {
	c := startServer(b, nil).login(b)
	command := []byte{byte(ComPing)}
	b.ReportAllocs()
	for b.Loop() {
		c.ResetSequence()
		c.QueuePacket(command)
		c.Flush()
		if _, err := c.ReadPacket(100); err != nil {
			b.Fatal(err)
		}
	}
}
