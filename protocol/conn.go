package protocol

import (
	"crypto/tls"
	"net"
	"sync/atomic"
	"syscall"
	"time"
)

// MaxFrame is the largest payload of one frame; a longer packet goes on in the
// next frame, and one of exactly a multiple of it ends with an empty frame.
const MaxFrame = 1<<24 - 1

// headerSize is what stands before each frame: three bytes of length and the
// sequence number.
const headerSize = 4

// Conn frames packets over one network connection, for either side of it. It
// holds a read buffer only while bytes wait in it and a write buffer only
// while some wait to be flushed, so that an idle connection costs no buffer.
//
// A Conn is used by one goroutine at a time, except for Close, Alive and
// SetDeadline.
type Conn struct {
	nc  net.Conn
	seq byte
	z   *compressed // is nc, unless nil

	// Reading: in[r:w] has arrived and was not consumed.
	in   []byte
	r, w int
	// joined is the length of the packet that ReadPacket has begun to join, and
	// frame the length of its running frame, if inFrame; they outlive an expired
	// deadline, after which the reading goes on where it was.
	joined, frame int
	inFrame       bool
	// full: the last read brought what fills a small buffer, so the next one gets
	// a large one. It outlives the buffer: what is long here will be so again.
	full bool
	// exact: no byte is read beyond the packet that is waited for, so that what
	// follows it can be left to TLS.
	exact bool
	// layered: nc decrypts or decompresses, and an idle read of it waits with one
	// byte of room.
	layered bool
	one     [1]byte

	// raw reads without holding a buffer while it waits, and reads and writes by
	// system calls that the scheduler is not told of; nil: nc's own are used.
	raw     syscall.RawConn
	onRead  func(fd uintptr) bool
	readEnd int // in[w:readEnd] is to be read into
	readN   int
	readErr error

	// Writing: out waits to be flushed; queued counts all bytes ever queued.
	out      []byte
	queued   uint64
	captured *[]byte // see Capture
	onWrite  func(fd uintptr) bool
	rest     []byte // of the running write
	writeErr error
	// writes is odd while a write is under way, so that it can be seen from
	// elsewhere that one doesn't end.
	writes atomic.Uint32

	peek peek
}

// NewConn frames packets over nc, which may be a *net.TCPConn, a
// *net.UnixConn or a *tls.Conn.
func NewConn(nc net.Conn) *Conn {
	c := &Conn{nc: nc}
	switch nc := nc.(type) {
	case *tls.Conn:
		c.layered = true
	case *net.TCPConn, *net.UnixConn:
		// Only these, and not what wraps them: a wrapper wants to see the reads.
		if raw, err := nc.(syscall.Conn).SyscallConn(); err == nil {
			c.raw = raw
			c.onRead, c.onWrite = c.readReady, c.writeReady
		}
	}
	c.peek.init(nc)
	return c
}

// startTLS goes on over t, which must run over the connection so far. Nothing
// may be buffered: what came in clear is never read as if it had come by TLS.
func (c *Conn) startTLS(t *tls.Conn) {
	c.Trim()
	c.nc, c.raw, c.onRead, c.layered = t, nil, nil, true
	c.peek.tls = true
}

// ResetSequence makes 0 the next sequence number, as each command does.
func (c *Conn) ResetSequence() {
	c.seq = 0
	if c.z != nil {
		c.z.reset(c.Buffered() > 0)
	}
}

// Sequence is the next sequence number, read or written.
func (c *Conn) Sequence() byte { return c.seq }

// SetSequence makes n the next sequence number.
func (c *Conn) SetSequence(n byte) { c.seq = n }

// SetDeadline bounds all reads and writes; the zero time lifts the bound.
func (c *Conn) SetDeadline(t time.Time) error { return c.nc.SetDeadline(t) }

// Net is the connection underneath.
func (c *Conn) Net() net.Conn { return c.nc }

// Close closes the connection; a blocked read or write returns an error.
func (c *Conn) Close() error { return c.nc.Close() }
