package protocol

import (
	"bytes"
	"io"
	"net"
)

// The compressed protocol.
//
// It lies between the packets and the connection: their frames, headers and
// all, are a stream of bytes that is cut anywhere into compressed frames.
//
//	3 bytes  length of what follows the header
//	1 byte   sequence number, its own, from 0 at each command
//	3 bytes  length before compression; 0: what follows is not compressed
//
// So a packet may span several compressed frames, and one of them may hold
// several packets. It begins behind the OK packet that answers the login, over
// TLS too, and stays for the connection's life. The sequence numbers of the
// packets inside mean nothing then: clients and servers number them as they
// like, and neither side looks.
//
// A frame is decompressed as its bytes are asked for. Nothing is taken by the
// length it claims: a bomb costs what the packets in it may cost, and one whose
// claim is wrong is an error before its last byte is handed out.

const (
	// compressedHeaderSize is what stands before each compressed frame.
	compressedHeaderSize = 7
	// minCompress is the least that is worth compressing, as MySQL has it.
	minCompress = 50
	// maxPiece is the most that one compressed frame is written of, and pieceRoom
	// what it may take however badly it compresses.
	maxPiece  = 64 << 10
	pieceRoom = maxPiece + 256
	// frameSlack is by how much a compressed frame may be longer than a packet,
	// for the headers in it and what a client sends along.
	frameSlack = 64 << 10
)

// compressed is a connection whose bytes travel compressed. It holds no buffer
// and no compressor while nothing waits in it.
type compressed struct {
	net.Conn        // for its deadlines, addresses and Close
	frames    *Conn // what comes and goes over the connection
	codec     codec
	maxPacket int
	seq       byte

	// Reading: left bytes of the running frame were not handed out yet.
	left int
	// src is what the frame holds, and decoder reads it; nil: it is plain.
	src     bytes.Reader
	decoder io.Reader
	one     [1]byte
}

// startCompression goes on with compressed frames.
func (c *Conn) startCompression(codec codec, maxPacket int) {
	c.Trim()
	frames := &Conn{nc: c.nc, raw: c.raw, layered: c.layered, in: c.in, r: c.r, w: c.w}
	c.in, c.r, c.w = nil, 0, 0
	if frames.raw != nil {
		frames.onRead = frames.readReady
	}
	c.z = &compressed{Conn: c.nc, frames: frames, codec: codec, maxPacket: maxPacket}
	c.nc, c.raw, c.onRead, c.layered = c.z, nil, nil, true
}

// reset begins a new command. One that came in the frame of the command before
// it is taken for the first one of its frame.
func (z *compressed) reset(buffered bool) {
	z.seq = 0
	if buffered || z.left > 0 {
		z.seq = 1
	}
}

// pending reports whether some of the next command has arrived.
func (z *compressed) pending() bool { return z.left > 0 || z.frames.Buffered() > 0 }

// Read hands out bytes of one frame, waiting for the next one if none is left.
func (z *compressed) Read(p []byte) (int, error) {
	for z.left == 0 {
		if err := z.next(); err != nil {
			return 0, err
		}
	}
	if len(p) > z.left {
		p = p[:z.left]
	}
	if z.decoder == nil {
		n, _ := z.src.Read(p)
		z.left -= n
		return n, nil
	}
	n, err := io.ReadFull(z.decoder, p)
	if err != nil {
		return 0, z.broken()
	}
	if z.left -= n; z.left == 0 {
		// The end carries the checksum, and must be here.
		if _, err := io.ReadFull(z.decoder, z.one[:]); err != io.EOF {
			return 0, z.broken()
		}
		z.endFrame()
	}
	return n, nil
}

// next waits for a whole frame, compressed as it is.
func (z *compressed) next() error {
	h, err := z.frames.Fill(compressedHeaderSize - 1)
	if err != nil {
		return err
	}
	size, plain := frameSize(h), frameSize(h[4:])
	if h[3] != z.seq {
		z.seq = h[3] + 1
		return Errorf(ErrNetPacketsOutOrder, "Got packets out of order")
	}
	if max(size, plain) > z.maxPacket+frameSlack {
		z.seq++
		return packetTooLarge()
	}
	n := compressedHeaderSize + size
	if h, err = z.frames.Fill(n - 1); err != nil {
		return err
	}
	z.frames.Consume(n)
	z.seq++
	z.src.Reset(h[compressedHeaderSize:n])
	if plain == 0 {
		z.left = size
		return nil
	}
	if z.decoder, err = z.codec.open(&z.src); err != nil {
		return z.broken()
	}
	z.left = plain
	return nil
}

// endFrame gives the decoder back.
func (z *compressed) endFrame() {
	if z.decoder != nil {
		z.codec.close(z.decoder)
		z.decoder = nil
	}
	z.src.Reset(nil)
}

// broken ends a frame that can't be decompressed to what it claims.
func (z *compressed) broken() error {
	z.left = 0
	z.endFrame()
	return Errorf(ErrNetUncompress, "Couldn't uncompress communication packet")
}

// Write sends b at once, as one frame or several.
func (z *compressed) Write(b []byte) (int, error) {
	out := takeBuffer(largeBuffer)[:0]
	defer func() { giveBuffer(out) }()
	for rest := b; len(rest) > 0; {
		piece := rest[:min(len(rest), maxPiece)]
		rest = rest[len(piece):]
		out = z.appendFrame(out, piece)
		if len(rest) > 0 && cap(out)-len(out) >= pieceRoom {
			continue
		}
		if _, err := z.Conn.Write(out); err != nil {
			return 0, err
		}
		out = out[:0]
	}
	return len(b), nil
}

// appendFrame appends one frame to out, which has room for it as it is.
func (z *compressed) appendFrame(out, piece []byte) []byte {
	start := len(out)
	out = append(out, 0, 0, 0, z.seq, 0, 0, 0)
	z.seq++
	body, plain := len(out), 0
	if len(piece) >= minCompress {
		var ok bool
		if out, ok = z.codec.compress(out, piece, len(piece)); ok {
			plain = len(piece)
		} else {
			out = out[:body]
		}
	}
	if plain == 0 {
		out = append(out, piece...)
	}
	n := len(out) - body
	h := out[start:]
	h[0], h[1], h[2] = byte(n), byte(n>>8), byte(n>>16)
	h[4], h[5], h[6] = byte(plain), byte(plain>>8), byte(plain>>16)
	return out
}
