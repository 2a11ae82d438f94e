package protocol

import (
	"errors"
	"log/slog"
	"net"
	"os"
	"runtime/debug"
	"time"
)

// How long Serve waits after an accept that went wrong, as for want of file
// descriptors.
const (
	minAcceptDelay = 5 * time.Millisecond
	maxAcceptDelay = time.Second
)

// init begins what all listeners share.
func (s *Server) init() {
	s.log = s.Log
	if s.log == nil {
		s.log = slog.New(slog.DiscardHandler)
	}
	if s.TLS != nil {
		s.tlsConfig = s.TLS.Clone()
		// An answer goes out in as few segments and system calls as can be.
		s.tlsConfig.DynamicRecordSizingDisabled = true
	}
	s.codecs.init()
	s.started = time.Now()
	s.stop = make(chan struct{})
	s.stopSweep = make(chan struct{})
	s.mu.Lock() // Stats and Kill may be called before
	s.listeners = make(map[net.Listener]struct{})
	s.estates = make(map[Estate]struct{})
	s.clients = make(map[uint32]*Client)
	s.users = make(map[string]int)
	s.mu.Unlock()
	s.limits.Store(s.ownLimits())
	s.tick.Store(firstTick)
	s.sweeper.Go(s.sweep)
}

// Serve accepts clients from l until Shutdown or Close, whose caller it then
// returns net.ErrClosed to. It may be called for several listeners.
func (s *Server) Serve(l net.Listener) error {
	s.begin.Do(s.init)
	if !s.addListener(l) {
		l.Close()
		return net.ErrClosed
	}
	defer s.dropListener(l)
	_, kept := l.(Listener)
	delay := minAcceptDelay
	for {
		nc, err := l.Accept()
		if err == nil {
			delay = minAcceptDelay
			if !kept {
				stayAlive(nc)
			}
			s.accept(nc)
			continue
		}
		if errors.Is(err, net.ErrClosed) {
			return net.ErrClosed
		}
		s.log.Warn("accepting a client failed; trying again", "error", err, "delay", delay)
		select {
		case <-s.stop:
			return net.ErrClosed
		case <-time.After(delay):
		}
		delay = min(2*delay, maxAcceptDelay)
	}
}

// stayAlive is for a connection that is not of a Listener.
func stayAlive(nc net.Conn) {
	if tc, ok := nc.(*net.TCPConn); ok {
		tc.SetKeepAliveConfig(keepAlive)
	}
}

// accept begins a client's handshake in a goroutine of its own.
func (s *Server) accept(nc net.Conn) {
	s.accepted.Add(1)
	c := newClient(s, nc)
	displaced, err := s.enter(c)
	if err != nil {
		if err.Code == ErrConCount {
			s.refusals.log(s.log, s.tick.Load(), slog.LevelWarn, "client refused: max_clients are there", err.Code, "client", c, "max_clients", s.limits.Load().MaxClients)
		}
		// Sent in place of the greeting; a new socket has room for it.
		c.farewell(err)
		nc.Close()
		return
	}
	if displaced != nil {
		displaced.raw.Close()
		s.refusals.log(s.log, s.tick.Load(), slog.LevelWarn, "too many pending logins: the oldest is closed", 0, "from", displaced.raw.RemoteAddr(), "max_pending_logins", s.limits.Load().MaxPendingLogins)
	}
	go s.login(c)
}

// login carries out the handshake, and then the client's commands. Those get a
// fresh goroutine behind TLS, whose handshake's stack is many times what they
// need; without it another stack would have to grow again.
func (s *Server) login(c *Client) {
	goesOn := false
	defer func() {
		if !goesOn {
			s.recovered(c, recover())
			s.leave(c)
			s.forget(c)
		}
	}()
	c.conn.SetDeadline(time.Now().Add(s.handshakeTimeout()))
	err := c.handshake()
	if err == nil {
		err = s.admit(c)
	}
	if err != nil {
		s.rejected(c, err)
		return
	}
	s.loggedIn.Add(1)
	goesOn = true
	if c.TLS {
		go s.run(c)
		return
	}
	s.run(c)
}

// admit opens the session of a client that has proved who it is and answers
// its login.
func (s *Server) admit(c *Client) error {
	if err := s.seat(c); err != nil {
		return err
	}
	session, err := s.Handler.Open(c)
	if err != nil {
		return err
	}
	c.open(session)
	c.since.Store(-s.tick.Load()) // who has the answer can be killed
	if err := c.WriteOK(OK{}); err != nil {
		return err
	}
	if err := c.conn.Flush(); err != nil {
		return err
	}
	if err := c.conn.SetDeadline(time.Time{}); err != nil {
		return err
	}
	if c.codec != nil {
		c.conn.startCompression(c.codec, s.maxPacket())
	}
	if c.ending.Load() != nil {
		c.raw.SetReadDeadline(time.Unix(1, 0)) // as end has done meanwhile
	}
	return nil
}

// errDisplaced is why a login that was carried out comes to nothing.
var errDisplaced = errors.New("displaced by later logins")

// rejected tells a client why it can't log in, and the log if an operator can
// make something of it.
func (s *Server) rejected(c *Client, err error) {
	var e *Error
	if !errors.As(err, &e) {
		if errors.Is(err, os.ErrDeadlineExceeded) {
			s.slow.Add(1)
		}
		s.log.Debug("login ended", "client", c, "error", err)
		return
	}
	s.noteRejected(c, e)
	c.farewell(e)
}

// noteRejected counts and logs a login that is refused.
func (s *Server) noteRejected(c *Client, e *Error) {
	if e.Code == ErrAccessDenied {
		s.denied.Add(1)
		s.refusals.log(s.log, s.tick.Load(), slog.LevelInfo, "access denied", e.Code, "client", c, "user", c.User)
	} else {
		s.refusals.log(s.log, s.tick.Load(), slog.LevelInfo, "login refused", e.Code, "client", c, "user", c.User, "error", e)
	}
}

// farewell sends e as the last thing, if the connection takes it at once.
func (c *Client) farewell(e *Error) {
	c.raw.SetWriteDeadline(time.Now().Add(time.Second))
	if c.WriteError(e) == nil {
		c.conn.Flush()
	}
}

// run carries out a client's commands until it leaves.
func (s *Server) run(c *Client) {
	defer s.forget(c)
	defer s.loggedIn.Add(-1)
	defer s.leave(c)
	defer func() { s.recovered(c, recover()) }()
	c.serve()
}

// leave closes c's session.
func (s *Server) leave(c *Client) {
	defer func() { s.recovered(c, recover()) }()
	c.close()
}

// recovered logs and counts a panic, which ends its client alone.
func (s *Server) recovered(c *Client, p any) {
	if p == nil {
		return
	}
	s.panics.Add(1)
	s.log.Error("a session panicked; its client is disconnected", "client", c, "panic", p, "stack", string(debug.Stack()))
}
