package protocol

import (
	"bytes"
	"net"
	"strings"
	"testing"
)

// counted is a connection whose reads, or writes, are counted.
type counted struct {
	net.Conn
	reads int
}

func (c *counted) Read(b []byte) (int, error) {
	c.reads++
	return c.Conn.Read(b)
}

// writes keeps what each Write brought.
type writes [][]byte

func (w *writes) Write(b []byte) (int, error) {
	*w = append(*w, bytes.Clone(b))
	return len(b), nil
}

// TestLongRow: a row that a server sends in two pieces goes out in one, and
// from the second on the connection has a buffer that takes all at once.
func TestLongRow(t *testing.T) {
	s := from(1).packet(1).defs(1).eof(2).row(strings.Repeat("x", 20000)).eof(2)
	x, y := net.Pipe()
	defer x.Close()
	defer y.Close()
	link := &counted{Conn: y}
	src := NewConn(link)
	for _, test := range []struct {
		name   string
		pieces [][]byte
		reads  int
	}{
		{"torn", [][]byte{s.b[:smallBuffer], s.b[smallBuffer:]}, 2},
		{"whole", [][]byte{s.b}, 1},
		{"torn within a small buffer", [][]byte{s.b[:9000], s.b[9000:]}, 2},
	} {
		go func() {
			for _, p := range test.pieces { // each is taken before the next
				x.Write(bytes.Clone(p))
			}
		}()
		link.reads = 0
		var f Framer
		var got writes
		f.Reset(AnswerResult, false, 1)
		if _, err := f.Relay(&got, src); err != nil {
			t.Fatalf("%s: %v", test.name, err)
		}
		if len(got) != 1 || !bytes.Equal(got[0], s.b) {
			t.Errorf("%s: passed on in %d pieces, want 1 of %d bytes", test.name, len(got), len(s.b))
		}
		if link.reads != test.reads {
			t.Errorf("%s: %d reads, want %d", test.name, link.reads, test.reads)
		}
		if src.in != nil {
			t.Errorf("%s: a buffer is held afterwards", test.name)
		}
	}
}
