package protocol

import (
	"context"
	"net"
	"time"
)

// A shutdown disturbs clients as little as can be, for the protocol has no word
// by which a server could send a client away: all that it can do is to close the
// connection, and a statement that is on its way then is lost.
//
// Nobody who has been let in is turned away: connections that were accepted are
// served, logins end. A client that has been quiet for a while is closed; pools
// see that before they use it. One that is not quiet may be a program between
// two statements, or a pool under load. It is let go on for half of the time
// that there is. From then on it is closed right behind its next answer to a
// statement: the end is there before it can have sent anything more. Both wait for the end of a
// transaction, and the first for the client's locks too.
//
// Where another process takes over, clients are passed on to it instead, as soon
// as they can be (pass.go): those that can't be now are given the first half of
// the time, and those that never can be end as described.

// defaultQuiet is how long a client must have been idle to be closed by a
// shutdown in its first half.
const defaultQuiet = time.Second

// looksPerQuiet is how often a shutdown looks at the clients in that time.
const looksPerQuiet = 20

// errShutdown ends a client at once, errLeaving behind its next answer.
var (
	errShutdown = Errorf(ErrServerShutdown, "Server shutdown in progress")
	errLeaving  = Errorf(ErrServerShutdown, "Server shutdown in progress")
)

// ends reports whether a command may be the last one of what a program uses its
// connection for. Others are about to be followed: a statement that was prepared
// is executed, and a connection that was looked at is used.
func ends(cmd Command) bool {
	return cmd == ComQuery || cmd == ComStmtExecute || cmd == ComStmtClose
}

// Shutdown closes the listeners, ends each client when that disturbs it least,
// outside a transaction (StatusInTrans in its Status), and returns when all are
// gone or ctx ends.
func (s *Server) Shutdown(ctx context.Context) error {
	s.stopListening()
	s.close()
	if s.passing.Load() == nil {
		s.closeEstates()
	}
	gone := make(chan struct{})
	go func() {
		s.wait()
		close(gone)
	}()
	began := time.Now()
	var hurry <-chan time.Time // never, if there is all the time
	if end, ok := ctx.Deadline(); ok {
		half := time.NewTimer(end.Sub(began) / 2)
		defer half.Stop()
		hurry = half.C
	}
	look := time.NewTicker(s.quietTime() / looksPerQuiet)
	defer look.Stop()
	seen := make(map[*Client]idleness)
	for {
		s.retire(seen, time.Now())
		select {
		case <-gone:
			return nil
		case <-ctx.Done():
			return ctx.Err()
		case <-hurry:
			s.hurry.Store(true)
		case <-look.C:
		}
	}
}

// idleness is since when a client has sent nothing, and in which half of the
// shutdown it was woken to end. It is woken once, for it may be sending.
type idleness struct {
	questions uint64
	since     time.Time
	woken     [2]bool
	offered   bool // it was woken to be passed on
}

// retire ends the clients whose time has come.
func (s *Server) retire(seen map[*Client]idleness, now time.Time) {
	tick, quiet, hurry := s.tick.Load(), s.quietTime(), s.hurry.Load()
	pass := s.passing.Load() != nil
	half := 0
	if hurry {
		half = 1
	}
	for _, c := range s.present() {
		was, asked, since := seen[c], c.questions.Load(), c.since.Load()
		if was.since.IsZero() || was.questions != asked || since > 0 {
			was = idleness{questions: asked, since: now}
			seen[c] = was
		}
		switch {
		case since == 0: // in its handshake
			if hurry {
				c.raw.Close()
			}
		case pass && !hurry && !c.rooted.Load():
			c.offer(since < 0 && !was.offered)
			was.offered = was.offered || since < 0
			seen[c] = was
		case since < 0 && (now.Sub(was.since) >= quiet || passed(tick+since, quiet)):
			if !was.woken[half] {
				was.woken[half] = true
				seen[c] = was
				c.end(errShutdown)
			}
		case hurry:
			if !c.ending.CompareAndSwap(nil, errLeaving) {
				c.ending.CompareAndSwap(errPassing, errLeaving)
			}
		}
	}
}

// Close closes the listeners and all clients and waits for their goroutines.
func (s *Server) Close() error {
	s.stopListening()
	s.close()
	s.mu.Lock()
	s.closed = true
	s.mu.Unlock()
	s.closeEstates()
	for _, c := range s.present() {
		c.noteClosed()
		c.raw.Close()
		c.abort(errShutdown, true)
	}
	s.wait()
	return nil
}

// stopListening closes the listeners and waits until what they have accepted has
// been let in.
func (s *Server) stopListening() {
	s.begin.Do(s.init)
	s.mu.Lock()
	if !s.stopped {
		s.stopped = true
		close(s.stop)
	}
	for l := range s.listeners {
		l.Close()
	}
	s.mu.Unlock()
	s.serving.Wait()
}

// close lets no more clients in.
func (s *Server) close() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.closing = true
}

// present are the clients that are there, those in their handshake included.
func (s *Server) present() []*Client {
	s.mu.Lock()
	defer s.mu.Unlock()
	clients := make([]*Client, 0, len(s.clients))
	for _, c := range s.clients {
		clients = append(clients, c)
	}
	return clients
}

// wait waits for the clients' goroutines and then for the sweeper's.
func (s *Server) wait() {
	s.wg.Wait()
	s.mu.Lock()
	select {
	case <-s.stopSweep:
	default:
		close(s.stopSweep)
	}
	s.mu.Unlock()
	s.sweeper.Wait()
}

func (s *Server) quietTime() time.Duration {
	if s.quiet > 0 {
		return s.quiet
	}
	return defaultQuiet
}

func (s *Server) addListener(l net.Listener) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.stopped {
		s.listeners[l] = struct{}{}
		s.serving.Add(1)
	}
	return !s.stopped
}

func (s *Server) dropListener(l net.Listener) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.listeners, l)
	s.serving.Done()
}
