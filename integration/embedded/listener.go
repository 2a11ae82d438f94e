package main

import (
	"errors"
	"math/rand/v2"
	"net"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"github.com/dolthub/vitess/go/mysql"
)

// listener is a TCP listener that can cut all that it has accepted: the
// engine's own Close leaves connections as they are.
type listener struct {
	net.Listener

	dead  atomic.Bool // cut: nothing is written any more
	mu    sync.Mutex  // guards conns
	conns map[*conn]struct{}
}

// listen listens on addr. Where that is empty it takes a free port of
// 127.0.0.1 below those that systems give to outgoing connections, so that the
// port is still free when a killed store comes back.
func listen(addr string) (*listener, error) {
	if addr != "" {
		l, err := net.Listen("tcp", addr)
		return newListener(l), err
	}
	for range 1000 {
		port := strconv.Itoa(14000 + rand.IntN(18000))
		if l, err := net.Listen("tcp", net.JoinHostPort("127.0.0.1", port)); err == nil {
			return newListener(l), nil
		}
	}
	return nil, errors.New("no free port on 127.0.0.1")
}

func newListener(l net.Listener) *listener {
	return &listener{Listener: l, conns: make(map[*conn]struct{})}
}

// Accept is net.Listener's.
func (l *listener) Accept() (net.Conn, error) {
	c, err := l.Listener.Accept()
	if err != nil {
		return nil, err
	}
	tracked := &conn{Conn: c, listener: l}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.conns[tracked] = struct{}{}
	return tracked, nil
}

// cut resets all connections, as the kernel does with those of a process that
// is killed while bytes wait to be read. No connection gets an answer any more
// once the first is cut: the lock that it held would be granted to another.
func (l *listener) cut() {
	l.dead.Store(true)
	l.mu.Lock()
	conns := make([]*conn, 0, len(l.conns))
	for c := range l.conns {
		conns = append(conns, c)
	}
	l.mu.Unlock()
	for _, c := range conns {
		if tcp, ok := c.Conn.(*net.TCPConn); ok {
			tcp.SetLinger(0)
		}
		c.Close()
	}
}

// writeTimeout bounds a write, for a client that reads nothing would keep the
// store to itself.
const writeTimeout = 30 * time.Second

// conn is an accepted connection.
type conn struct {
	net.Conn
	listener *listener
	// What follows is used by the connection's own goroutine.
	writes bool // its transaction has the gate's write lock
	resets bool // the next write answers COM_RESET_CONNECTION
}

// Write is net.Conn's.
func (c *conn) Write(b []byte) (int, error) {
	if c.listener.dead.Load() {
		return 0, net.ErrClosed
	}
	if err := c.SetWriteDeadline(time.Now().Add(writeTimeout)); err != nil {
		return 0, err
	}
	if c.resets && len(b) != packetHeader {
		c.resets = false
		b = withAutocommit(b)
	}
	return c.Conn.Write(b)
}

// packetHeader is the length of a packet's header, which the engine writes by
// itself.
const packetHeader = 4

// withAutocommit sets the status flag in the OK packet of the engine's answer
// to COM_RESET_CONNECTION, which has none although the session is in
// autocommit mode.
func withAutocommit(ok []byte) []byte {
	const status = 3 // after the OK byte and the numbers, which are zeros
	if len(ok) != 7 || ok[0] != 0 || ok[status] != 0 {
		return ok
	}
	ok = append([]byte(nil), ok...)
	ok[status] = byte(mysql.ServerStatusAutocommit)
	return ok
}

// Close is net.Conn's.
func (c *conn) Close() error {
	c.listener.mu.Lock()
	delete(c.listener.conns, c)
	c.listener.mu.Unlock()
	return c.Conn.Close()
}
