package protocol

import (
	"net"
	"syscall"
)

// maxCopy is the longest payload that QueuePacket copies.
const maxCopy = 64 << 10

// maxWrite is the most that one write brings of a long payload.
const maxWrite = 1 << 20

// QueuePacket frames payload into the write buffer with the next sequence
// numbers. It copies a short payload; one of more than 64 KiB is written at
// once, after what was queued before it. It never changes payload.
func (c *Conn) QueuePacket(payload []byte) error {
	if c.captured != nil {
		*c.captured = append(appendHeader(*c.captured, len(payload), c.seq), payload...)
		c.seq++
		return nil
	}
	if len(payload) > maxCopy {
		return c.writeThrough(payload)
	}
	if err := c.reserve(headerSize + len(payload)); err != nil {
		return err
	}
	c.out = appendHeader(c.out, len(payload), c.seq)
	c.out = append(c.out, payload...)
	c.seq++
	c.queued += uint64(headerSize + len(payload))
	return nil
}

// Write queues bytes that are framed already (a chunk of an answer that is
// being relayed). It writes them at once, without copying, if nothing waits or
// if they would not fit the buffer. It leaves the sequence number alone.
func (c *Conn) Write(frames []byte) (int, error) {
	if c.captured != nil {
		*c.captured = append(*c.captured, frames...)
		return len(frames), nil
	}
	c.queued += uint64(len(frames))
	if len(c.out) > 0 {
		if len(c.out)+len(frames) <= cap(c.out) {
			c.out = append(c.out, frames...)
			return len(frames), nil
		}
		if err := c.Flush(); err != nil {
			return 0, err
		}
	}
	return c.write(frames)
}

// Flush writes what was queued, in one system call where the kernel takes it.
func (c *Conn) Flush() error {
	if c.out == nil {
		return nil
	}
	var err error
	if len(c.out) > 0 {
		_, err = c.write(c.out)
	}
	c.releaseOut()
	return err
}

func (c *Conn) releaseOut() {
	if c.out != nil {
		giveBuffer(c.out)
		c.out = nil
	}
}

// reserve makes room for n more bytes, at most largeBuffer, in the write
// buffer, flushing what does not fit beside them.
func (c *Conn) reserve(n int) error {
	total := len(c.out) + n
	if c.out != nil && total <= cap(c.out) {
		return nil
	}
	if total > largeBuffer {
		if err := c.Flush(); err != nil {
			return err
		}
		total = n
	}
	old := c.out
	c.out = append(takeBuffer(total)[:0], old...)
	if old != nil {
		giveBuffer(old)
	}
	return nil
}

// write makes one write, and shows that it is under way.
func (c *Conn) write(b []byte) (int, error) {
	c.writes.Add(1)
	n, err := c.writeAll(b)
	c.writes.Add(1)
	return n, err
}

func (c *Conn) writeAll(b []byte) (int, error) {
	if c.raw == nil {
		return c.nc.Write(b)
	}
	c.rest, c.writeErr = b, nil
	err := c.raw.Write(c.onWrite)
	if err == nil {
		err = c.writeErr
	}
	n := len(b) - len(c.rest)
	c.rest = nil
	return n, err
}

// writeReady is called when the socket may take bytes, at first without any
// waiting.
func (c *Conn) writeReady(fd uintptr) bool {
	for len(c.rest) > 0 {
		n, err := writeSocket(fd, c.rest)
		switch {
		case err == syscall.EINTR:
			continue
		case err == syscall.EAGAIN:
			return false
		case err != nil:
			c.writeErr = err
			return true
		}
		c.rest = c.rest[n:]
	}
	return true
}

// writeThrough writes what is queued and payload, without copying it.
func (c *Conn) writeThrough(payload []byte) error {
	for {
		n := min(len(payload), MaxFrame)
		if err := c.reserve(headerSize); err != nil {
			return err
		}
		c.out = appendHeader(c.out, n, c.seq)
		c.seq++
		c.queued += uint64(headerSize + n)
		if err := c.writeFrame(payload[:n]); err != nil {
			return err
		}
		payload = payload[n:]
		if n < MaxFrame {
			return nil
		}
	}
}

// writeFrame writes what is queued and the rest of a frame behind it. It does
// so in pieces, for a write that doesn't end is a sign of a peer that takes
// nothing.
func (c *Conn) writeFrame(rest []byte) error {
	n := min(len(rest), maxWrite)
	bufs := net.Buffers{c.out, rest[:n]}
	c.writes.Add(1)
	_, err := bufs.WriteTo(c.nc)
	c.writes.Add(1)
	c.releaseOut()
	for rest = rest[n:]; err == nil && len(rest) > 0; rest = rest[n:] {
		n = min(len(rest), maxWrite)
		_, err = c.write(rest[:n])
	}
	return err
}

// begin starts a packet in the write buffer and returns where; the caller
// appends its payload to c.out and calls end. It spares what is small and
// built in place a copy.
func (c *Conn) begin(room int) (int, error) {
	if err := c.reserve(headerSize + min(room, maxCopy)); err != nil {
		return 0, err
	}
	start := len(c.out)
	c.out = append(c.out, 0, 0, 0, 0)
	return start, nil
}

// finish frames the packet that was begun at start.
func (c *Conn) finish(start int) error {
	n := len(c.out) - start - headerSize
	if n >= MaxFrame {
		long := c.out
		c.out = append(takeBuffer(max(start, 1))[:0], long[:start]...)
		return c.writeThrough(long[start+headerSize:])
	}
	h := c.out[start:]
	h[0], h[1], h[2], h[3] = byte(n), byte(n>>8), byte(n>>16), c.seq
	c.seq++
	if c.captured != nil {
		*c.captured = append(*c.captured, h...)
		c.out = c.out[:start]
		return nil
	}
	c.queued += uint64(n + headerSize)
	if len(c.out) > maxCopy {
		return c.Flush()
	}
	return nil
}

// Capture keeps short answers from the peer from now on, until the function is
// called that it returns, which returns their frames. The sequence number is then
// what it was.
func (c *Conn) Capture() func() []byte {
	var frames []byte
	seq := c.seq
	c.captured = &frames
	return func() []byte {
		c.captured, c.seq = nil, seq
		return frames
	}
}

func appendHeader(b []byte, n int, seq byte) []byte {
	return append(b, byte(n), byte(n>>8), byte(n>>16), seq)
}
