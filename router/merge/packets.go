package merge

import "github.com/dsmproxy/dsmproxy/protocol"

// headerSize is what stands before each frame: three bytes of length and the
// sequence number.
const headerSize = 4

// Packets cuts frames that arrive in pieces into packets. It implements
// io.Writer. Its zero value is ready once Each is set.
type Packets struct {
	// Each is called with the payload of each packet, which is valid until it
	// returns. Its error ends the Write.
	Each func(payload []byte) error

	head   []byte // the header, as far as it has arrived
	packet []byte // what has arrived of a packet that did not come in one piece
	left   int    // bytes of the running frame still to come
	more   bool   // the running frame is followed by another of the same packet
}

// Write takes a piece of the frames.
func (p *Packets) Write(b []byte) (int, error) {
	n := len(b)
	for len(b) > 0 {
		if p.left == 0 {
			if b = p.header(b); b == nil {
				return n, nil
			}
		}
		if p.left <= len(b) && !p.more && len(p.packet) == 0 {
			whole := b[:p.left]
			b, p.left = b[p.left:], 0
			if err := p.Each(whole); err != nil {
				return 0, err
			}
			continue
		}
		k := min(p.left, len(b))
		p.packet = append(p.packet, b[:k]...)
		b = b[k:]
		if p.left -= k; p.left > 0 || p.more {
			continue
		}
		whole := p.packet
		p.packet = whole[:0]
		if err := p.Each(whole); err != nil {
			return 0, err
		}
		if cap(whole) > maxKept {
			p.packet = nil
		}
	}
	return n, nil
}

// maxKept bounds the memory that is kept for the next packet.
const maxKept = 1 << 20

// header takes the header of the next frame and returns what follows it; nil
// if not all of it has arrived. An empty frame, which ends a packet of a
// multiple of MaxFrame, ends it here.
func (p *Packets) header(b []byte) []byte {
	k := min(headerSize-len(p.head), len(b))
	p.head = append(p.head, b[:k]...)
	if len(p.head) < headerSize {
		return nil
	}
	h := p.head
	p.head = p.head[:0]
	p.left = int(h[0]) | int(h[1])<<8 | int(h[2])<<16
	p.more = p.left == protocol.MaxFrame
	return b[k:]
}
