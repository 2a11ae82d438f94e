package protocol

import (
	"crypto/tls"
	"net"
	"sync"
	"syscall"
)

// Alive reports, without a round trip and without blocking, whether the peer
// has neither closed the connection nor (while nothing was asked of it) sent a
// byte. It looks at the socket, not at what is Buffered. Over TLS, bytes are
// no sign of death: they may be a record that carries no data. It is safe to
// call beside a blocked read.
func (c *Conn) Alive() bool {
	switch c.peek.look() {
	case peerQuiet:
		return true
	case peerTalks:
		return c.peek.tls
	}
	return false
}

// peerSign is what a look at a socket tells of the peer.
type peerSign uint8

const (
	peerQuiet peerSign = iota // open, and nothing to read
	peerTalks                 // bytes wait to be read
	peerGone                  // closed, reset or timed out
)

// peek looks at a socket's next byte without taking it.
type peek struct {
	ctl syscall.RawConn // nil: nothing can be seen
	tls bool

	// mu guards what follows, which is kept to spare allocations. The call made
	// under it never blocks.
	mu   sync.Mutex
	fn   func(fd uintptr)
	buf  [1]byte
	sign peerSign
}

func (p *peek) init(nc net.Conn) {
	if t, ok := nc.(*tls.Conn); ok {
		nc, p.tls = t.NetConn(), true
	}
	if sc, ok := nc.(syscall.Conn); ok {
		if ctl, err := sc.SyscallConn(); err == nil {
			p.ctl = ctl
			p.fn = p.recv
		}
	}
}

// look uses Control, for Read would wait for a blocked reader.
func (p *peek) look() peerSign {
	if p.ctl == nil {
		return peerQuiet
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.sign = peerGone
	if p.ctl.Control(p.fn) != nil {
		return peerGone
	}
	return p.sign
}

func (p *peek) recv(fd uintptr) {
	for {
		n, _, err := syscall.Recvfrom(int(fd), p.buf[:], syscall.MSG_PEEK|syscall.MSG_DONTWAIT)
		switch {
		case err == syscall.EINTR:
			continue
		case err == syscall.EAGAIN:
			p.sign = peerQuiet
		case err == nil && n > 0:
			p.sign = peerTalks
		}
		return
	}
}
