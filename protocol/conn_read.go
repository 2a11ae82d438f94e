package protocol

import (
	"io"
	"syscall"
)

// Fill returns the bytes that have arrived and were not consumed, waiting for
// more than have bytes of them; have = 0 waits for at least one. The bytes are
// valid until the next call of a reading method or Trim, also after Consume;
// the caller may change them. After an expired deadline the reading can go on.
func (c *Conn) Fill(have int) ([]byte, error) {
	if err := c.fill(have, have+1); err != nil {
		return nil, err
	}
	return c.in[c.r:c.w], nil
}

// Consume drops the first n bytes of what Fill returned.
func (c *Conn) Consume(n int) {
	if n > c.w-c.r {
		panic("protocol: more consumed than there is")
	}
	c.r += n
}

// Buffered is the number of bytes that have arrived and were not consumed.
func (c *Conn) Buffered() int { return c.w - c.r }

// Trim gives the read buffer back if no byte waits in it. The next read would
// do it too: Trim is for a connection that will be idle without being read.
// What ReadPacket and Fill have returned is void after it.
func (c *Conn) Trim() {
	if c.r == c.w {
		c.releaseIn()
	}
}

// ReadPacket reads one whole packet, joining the frames of a long one, and
// checks their sequence numbers. The payload is valid until the next call of a
// reading method. A payload of more than limit bytes is an error before it is
// read into memory (1153); memory grows with what has arrived, never with what
// a header announces. After an expired deadline the reading can go on.
func (c *Conn) ReadPacket(limit int) ([]byte, error) {
	for {
		if !c.inFrame {
			if err := c.nextFrame(limit); err != nil {
				return nil, err
			}
		}
		n := c.joined + c.frame
		if err := c.fill(n-1, n); err != nil {
			return nil, err
		}
		c.joined, c.inFrame = n, false
		if c.frame < MaxFrame {
			c.joined = 0
			p := c.in[c.r : c.r+n : c.r+n]
			c.r += n
			if c.z != nil {
				c.seq = c.z.seq
			}
			return p, nil
		}
	}
}

// nextFrame takes the header that follows the joined bytes out of the buffer.
// After an *Error the next sequence number is that of an answer to the packet.
func (c *Conn) nextFrame(limit int) error {
	n := c.joined + headerSize
	if err := c.fill(n-1, n); err != nil {
		return err
	}
	h := c.in[c.r+c.joined:]
	size := frameSize(h)
	if h[3] != c.seq && c.z == nil {
		c.seq = h[3] + 1
		return Errorf(ErrNetPacketsOutOrder, "Got packets out of order")
	}
	if c.joined+size > limit {
		c.seq++
		return packetTooLarge()
	}
	if c.joined == 0 {
		c.r += headerSize
	} else {
		// Little has arrived behind the header yet, so little is moved.
		copy(h, c.in[c.r+n:c.w])
		c.w -= headerSize
	}
	c.seq++
	c.frame, c.inFrame = size, true
	return nil
}

func packetTooLarge() *Error {
	return Errorf(ErrPacketTooLarge, "Got a packet bigger than 'max_allowed_packet' bytes")
}

// frameSize is the length that a frame's header announces.
func frameSize(h []byte) int {
	return int(h[0]) | int(h[1])<<8 | int(h[2])<<16
}

// fill reads until more than have bytes are buffered; need is how many the
// caller knows that it will need.
func (c *Conn) fill(have, need int) error {
	if c.w-c.r > have {
		return nil
	}
	for {
		size := c.room(need)
		if err := c.read(size, need); err != nil {
			return err
		}
		if c.w-c.r > have {
			return nil
		}
	}
}

// room makes room behind in[r:w] and returns the size of buffer to take where
// none is held.
func (c *Conn) room(need int) int {
	if c.r == c.w {
		c.r, c.w = 0, 0
		want := smallBuffer
		if c.full && !c.exact {
			want = largeBuffer
		}
		if c.in != nil && len(c.in) != want {
			c.releaseIn()
		}
		return want
	}
	held := c.w - c.r
	if len(c.in) > smallBuffer && held < smallBuffer/2 && need <= smallBuffer {
		c.moveIn(smallBuffer)
	}
	if c.r > 0 && (c.r+need > len(c.in) || len(c.in)-c.w < smallBuffer/4) {
		copy(c.in, c.in[c.r:c.w])
		c.r, c.w = 0, held
	}
	if c.w == len(c.in) {
		size := 2 * len(c.in)
		if len(c.in) < largeBuffer {
			size = largeBuffer
		} else if need > len(c.in) && need < size {
			size = need
		}
		c.moveIn(size)
	}
	return len(c.in)
}

// moveIn moves the waiting bytes to a buffer of the given size.
func (c *Conn) moveIn(size int) {
	b := takeBuffer(size)
	n := copy(b, c.in[c.r:c.w])
	giveBuffer(c.in)
	c.in, c.r, c.w = b, 0, n
}

func (c *Conn) releaseIn() {
	if c.in != nil {
		giveBuffer(c.in)
		c.in = nil
	}
	c.r, c.w = 0, 0
}

// end is the end of what may be read into.
func (c *Conn) end(need int) int {
	if c.exact {
		return min(len(c.in), c.r+need)
	}
	return len(c.in)
}

// read makes one read that brings something, into a buffer of the given size
// if none is held.
func (c *Conn) read(size, need int) error {
	if c.raw == nil {
		return c.readPlain(size, need)
	}
	c.readEnd = size
	if c.exact {
		c.readEnd = min(size, c.r+need)
	}
	c.readN, c.readErr = 0, nil
	if err := c.raw.Read(c.onRead); err != nil {
		return err
	}
	if c.readErr != nil {
		return c.readErr
	}
	c.w += c.readN
	c.full = c.w >= smallBuffer
	return nil
}

// readReady is called when the socket may be readable, at first without any
// waiting. It holds a buffer only if there is something to read, or if bytes
// wait in it already.
func (c *Conn) readReady(fd uintptr) bool {
	if c.in == nil {
		c.in = takeBuffer(c.readEnd)
	}
	for {
		n, err := readSocket(fd, c.in[c.w:c.readEnd])
		switch {
		case err == syscall.EINTR:
			continue
		case err == syscall.EAGAIN:
			if c.r == c.w {
				giveBuffer(c.in)
				c.in = nil
			}
			return false
		case err != nil:
			c.readErr = err
		case n == 0:
			c.readErr = io.EOF
		default:
			c.readN = n
		}
		return true
	}
}

// readPlain reads by the connection's own Read: from TLS, compressed, or from a
// wrapper.
func (c *Conn) readPlain(size, need int) error {
	if c.layered && c.in == nil {
		// An idle connection waits with one byte of room. The next read takes
		// what has been decrypted or decompressed behind it.
		n, err := c.nc.Read(c.one[:])
		if n == 0 {
			return err
		}
		c.in = takeBuffer(size)
		c.in[0] = c.one[0]
		c.r, c.w = 0, 1
		return nil
	}
	if c.in == nil {
		c.in = takeBuffer(size)
	}
	for {
		n, err := c.nc.Read(c.in[c.w:c.end(need)])
		if n > 0 {
			c.w += n
			c.full = c.w >= smallBuffer
			return nil
		}
		if err != nil {
			if c.r == c.w {
				c.releaseIn()
			}
			return err
		}
	}
}
