package main

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"maps"
	"net"
	"os"
	"slices"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/dsmproxy/dsmproxy/protocol"
)

// A successor gets, beside the listening sockets, one end of a pair of unix
// sockets, by which its predecessor passes on the clients that it has
// (protocol/pass.go):
//
//	successor    the version of the records that it knows, before it is ready
//	predecessor  4 bytes length of a record, with the connection (SCM_RIGHTS)
//	             the record
//	successor    1 byte for each: what has become of it
//
// Nobody else can reach the pair, for it has no name. A predecessor that knows
// nothing of it passes no client on; one whose successor is silent does not
// either.

const (
	// passTime bounds what passing one client on may take.
	passTime = 10 * time.Second
	// helloTime is how long a successor that is ready may take to say what it
	// knows: it has said so before.
	helloTime = time.Second
	// idsAhead is how many ids of clients a predecessor has for those that connect
	// until its successor does so.
	idsAhead = 1 << 17
	// longestRecord is more than any record has.
	longestRecord = 64 << 20
)

// heir is the successor, to pass clients on to. It implements protocol.Heir.
type heir struct {
	conn     *net.UnixConn
	pid      int
	patience time.Duration // passTime

	mu      sync.Mutex // guards what follows, and is held while a record is sent
	gone    bool
	waiting []chan protocol.Inherited // for their answers, in this order
}

// newHeir makes the pair; theirs is for the successor.
func newHeir() (h *heir, theirs *os.File, err error) {
	syscall.ForkLock.RLock() // or a program that is started now would inherit them
	pair, err := syscall.Socketpair(syscall.AF_UNIX, syscall.SOCK_STREAM, 0)
	if err == nil {
		syscall.CloseOnExec(pair[0])
		syscall.CloseOnExec(pair[1])
	}
	syscall.ForkLock.RUnlock()
	if err != nil {
		return nil, nil, fmt.Errorf("socketpair: %w", err)
	}
	theirs = os.NewFile(uintptr(pair[1]), "clients")
	conn, err := unixConn(uintptr(pair[0]))
	if err != nil {
		theirs.Close()
		return nil, nil, err
	}
	return &heir{conn: conn, patience: passTime}, theirs, nil
}

// unixConn takes a descriptor over.
func unixConn(fd uintptr) (*net.UnixConn, error) {
	f := os.NewFile(fd, "clients")
	defer f.Close()
	conn, err := net.FileConn(f) // of a copy that no other program inherits
	if err != nil {
		return nil, err
	}
	u, ok := conn.(*net.UnixConn)
	if !ok {
		conn.Close()
		return nil, errors.New("no unix socket")
	}
	return u, nil
}

// greeted reports whether the successor knows the records of this process.
func (h *heir) greeted() bool {
	h.conn.SetReadDeadline(time.Now().Add(helloTime))
	var hello [1]byte
	_, err := io.ReadFull(h.conn, hello[:])
	h.conn.SetReadDeadline(time.Time{})
	return err == nil && hello[0] >= protocol.PassVersion
}

// listen reads the answers until the successor has gone.
func (h *heir) listen() {
	b := make([]byte, 64)
	for {
		n, err := h.conn.Read(b)
		h.mu.Lock()
		for _, answer := range b[:n] {
			if len(h.waiting) > 0 {
				h.waiting[0] <- protocol.Inherited(answer) // which has room
				h.waiting = h.waiting[1:]
			}
		}
		if err != nil {
			h.end()
			h.mu.Unlock()
			return
		}
		h.mu.Unlock()
	}
}

// end passes nothing on any more; h.mu is held.
func (h *heir) end() {
	h.gone = true
	h.conn.Close()
	for _, w := range h.waiting {
		close(w)
	}
	h.waiting = nil
}

// Close ends it, and each Take. One that is sending to a successor that does not
// read has the lock, and ends as the connection is closed.
func (h *heir) Close() {
	h.conn.Close()
	h.mu.Lock()
	defer h.mu.Unlock()
	if !h.gone {
		h.end()
	}
}

// Take implements protocol.Heir.
func (h *heir) Take(nc net.Conn, record []byte) (protocol.Inherited, error) {
	answer := make(chan protocol.Inherited, 1)
	if err := h.send(nc, record, answer); err != nil {
		return 0, err
	}
	late := time.NewTimer(h.patience)
	defer late.Stop()
	select {
	case said, ok := <-answer:
		if !ok {
			return 0, errors.New("the successor has gone without an answer")
		}
		return said, nil
	case <-late.C:
		h.Close()
		return 0, fmt.Errorf("no answer of the successor within %v", h.patience)
	}
}

// send sends a record with its connection. If it can't, the successor has not
// got all of it, and so does nothing with it.
func (h *heir) send(nc net.Conn, record []byte, answer chan protocol.Inherited) error {
	raw, err := nc.(syscall.Conn).SyscallConn()
	if err != nil {
		return errors.Join(protocol.ErrNotSent, err)
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.gone {
		return protocol.ErrNotSent
	}
	h.conn.SetWriteDeadline(time.Now().Add(h.patience))
	var head [4]byte
	binary.LittleEndian.PutUint32(head[:], uint32(len(record)))
	var failed error
	err = raw.Control(func(fd uintptr) {
		_, _, failed = h.conn.WriteMsgUnix(head[:], syscall.UnixRights(int(fd)), nil)
	})
	if err != nil { // the client's connection is closed, and nothing was sent
		return errors.Join(protocol.ErrNotSent, err)
	}
	if err = failed; err == nil {
		_, err = h.conn.Write(record)
	}
	if err != nil {
		h.end()
		return errors.Join(protocol.ErrNotSent, err)
	}
	h.waiting = append(h.waiting, answer)
	return nil
}

// passOn has the clients passed on to the successor from now on, if it takes any.
func (p *proxy) passOn(h *heir, pid int) {
	if !h.greeted() {
		h.Close()
		return
	}
	h.pid = pid
	p.heir = h
	p.running.Go(h.listen)
	p.server.PassOn(h)
}

// passedOn ends that, and logs what has become of the clients.
func (p *proxy) passedOn() {
	if p.heir == nil {
		return
	}
	p.heir.Close()
	passed, why := p.server.Passed()
	closed, reasons := 0, []string(nil)
	for _, reason := range slices.Sorted(maps.Keys(why)) {
		closed += why[reason]
		reasons = append(reasons, fmt.Sprintf("%s %d", reason, why[reason]))
	}
	p.log.Info("clients passed on", "to_process", p.heir.pid, "passed", passed, "closed", closed, "why", strings.Join(reasons, ", "))
}

// estate is the predecessor, as its clients come from it. It implements
// protocol.Estate.
type estate struct{ conn *net.UnixConn }

// Next implements protocol.Estate.
func (e *estate) Next() (net.Conn, []byte, error) {
	for {
		nc, record, err := e.next()
		if nc != nil || err != nil {
			return nc, record, err
		}
		if err := e.Answer(protocol.RefusedDescriptor); err != nil {
			return nil, nil, err
		}
	}
}

// next is Next; nc is nil for a connection that this process can't have, as for
// want of descriptors.
func (e *estate) next() (nc net.Conn, record []byte, err error) {
	var head [4]byte
	oob := make([]byte, syscall.CmsgSpace(4))
	n, oobn, _, _, err := e.conn.ReadMsgUnix(head[:], oob)
	if err != nil {
		return nil, nil, err
	}
	nc = received(oob[:oobn])
	defer func() {
		if err != nil && nc != nil {
			nc.Close()
		}
	}()
	if _, err := io.ReadFull(e.conn, head[n:]); err != nil {
		return nc, nil, err
	}
	size := binary.LittleEndian.Uint32(head[:])
	if size > longestRecord {
		return nc, nil, fmt.Errorf("a record of %d bytes", size)
	}
	record = make([]byte, size)
	_, err = io.ReadFull(e.conn, record)
	return nc, record, err
}

// received is the connection that came along; nil if none did.
func received(oob []byte) (nc net.Conn) {
	messages, err := syscall.ParseSocketControlMessage(oob)
	if err != nil {
		return nil
	}
	for _, m := range messages {
		fds, err := syscall.ParseUnixRights(&m)
		if err != nil {
			continue
		}
		for _, fd := range fds {
			f := os.NewFile(uintptr(fd), "client")
			if nc == nil {
				nc, _ = net.FileConn(f) // of a copy
			}
			f.Close()
		}
	}
	return nc
}

// Answer implements protocol.Estate.
func (e *estate) Answer(became protocol.Inherited) error {
	e.conn.SetWriteDeadline(time.Now().Add(passTime))
	_, err := e.conn.Write([]byte{byte(became)})
	return err
}

// Close implements protocol.Estate.
func (e *estate) Close() error { return e.conn.Close() }

// inherit serves the clients that the predecessor passes on, from when it is told
// that this process is ready.
func (p *proxy) inherit(ctx context.Context, in *passed) {
	if in.estate == nil {
		return
	}
	if _, err := in.estate.conn.Write([]byte{protocol.PassVersion}); err != nil {
		in.estate.Close() // it has gone
		return
	}
	stop := context.AfterFunc(ctx, func() { in.estate.Close() })
	p.running.Go(func() {
		defer stop()
		clients, err := p.server.Inherit(in.estate)
		if errors.Is(err, io.EOF) || errors.Is(err, net.ErrClosed) {
			p.log.Info("clients taken over", "from_process", in.From, "clients", clients)
			return
		}
		p.log.Warn("taking over clients broke off", "from_process", in.From, "clients", clients, "err", err,
			"action", "the predecessor keeps those that it has, and ends them as at a stop")
	})
}
