package protocol

import (
	"net"
	"time"
)

// MaxFrame is the largest payload of one frame; a longer packet goes on in the
// next frame, and one of exactly a multiple of it ends with an empty frame.
const MaxFrame = 1<<24 - 1

// Conn frames packets over one network connection, for either side of it. It
// holds a read buffer only while bytes wait in it and a write buffer only
// while some wait to be flushed, so that an idle connection costs no buffer.
//
// A Conn is used by one goroutine at a time, except for Close, Alive and
// SetDeadline.
type Conn struct {
	nc net.Conn
	// to be written by the owner of this package
}

// NewConn frames packets over nc, which may be a *net.TCPConn, a
// *net.UnixConn or a *tls.Conn.
func NewConn(nc net.Conn) *Conn { panic("contract only") }

// ReadPacket reads one whole packet, joining the frames of a long one, and
// checks their sequence numbers. The payload is valid until the next call of a
// reading method. A payload of more than limit bytes is an error before it is
// read into memory (1153); memory grows with what has arrived, never with what
// a header announces.
func (c *Conn) ReadPacket(limit int) ([]byte, error) { panic("contract only") }

// QueuePacket frames payload into the write buffer with the next sequence
// numbers. It copies a short payload; one of more than 64 KiB is written at
// once, after what was queued before it. It never changes payload.
func (c *Conn) QueuePacket(payload []byte) error { panic("contract only") }

// Write queues bytes that are framed already (a chunk of an answer that is
// being relayed). It may write them at once without copying.
func (c *Conn) Write(frames []byte) (int, error) { panic("contract only") }

// Flush writes what was queued, in one system call where the kernel takes it.
func (c *Conn) Flush() error { panic("contract only") }

// Fill returns the bytes that have arrived and were not consumed, waiting for
// more than have bytes of them; have = 0 waits for at least one. The bytes are
// valid until the next call; the caller may change them.
func (c *Conn) Fill(have int) ([]byte, error) { panic("contract only") }

// Consume drops the first n bytes of what Fill returned.
func (c *Conn) Consume(n int) { panic("contract only") }

// Buffered is the number of bytes that have arrived and were not consumed.
func (c *Conn) Buffered() int { panic("contract only") }

// ResetSequence makes 0 the next sequence number, as each command does.
func (c *Conn) ResetSequence() { panic("contract only") }

// Sequence is the next sequence number, read or written.
func (c *Conn) Sequence() byte { panic("contract only") }

// SetSequence makes n the next sequence number.
func (c *Conn) SetSequence(n byte) { panic("contract only") }

// Alive reports, without a round trip and without blocking, whether the peer
// has neither closed the connection nor (while nothing was asked of it) sent a
// byte. It is safe to call beside a blocked read.
func (c *Conn) Alive() bool { panic("contract only") }

// SetDeadline bounds all reads and writes; the zero time lifts the bound.
func (c *Conn) SetDeadline(t time.Time) error { return c.nc.SetDeadline(t) }

// Net is the connection underneath.
func (c *Conn) Net() net.Conn { return c.nc }

// Close closes the connection; a blocked read or write returns an error.
func (c *Conn) Close() error { return c.nc.Close() }
