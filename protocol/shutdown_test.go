package protocol

import (
	"context"
	"net"
	"testing"
	"time"
)

// quickly makes clients quiet at once.
func quickly(s *Server) { s.quiet = 20 * time.Millisecond }

func TestShutdown(t *testing.T) {
	s := startServer(t, quickly)
	idle, busy, trans := s.login(t), s.login(t), s.login(t)
	trans.send(t, ComQuery, "begin")
	trans.expectOK(t)
	busy.send(t, ComQuery, "wait")
	waitFor(t, "the busy one's command to run", func() bool {
		s.mu.Lock()
		defer s.mu.Unlock()
		return s.clients[busy.id].questions.Load() == 1
	})
	silent, err := net.Dial("tcp", s.addr)
	if err != nil {
		t.Fatal(err)
	}
	defer silent.Close()
	ctx, cancel := context.WithTimeout(context.Background(), 200*time.Millisecond)
	defer cancel()
	if err := s.Shutdown(ctx); err != context.DeadlineExceeded {
		t.Errorf("Shutdown = %v, want an expired deadline", err)
	}
	idle.expectEnd(t)
	if n := s.Clients(); n != 2 {
		t.Errorf("%d clients, want the busy one and the one in a transaction", n)
	}
	if _, err := net.Dial("tcp", s.addr); err == nil {
		t.Error("the listener is open")
	}
	trans.send(t, ComQuery, "echo still there")
	if n := trans.rows(t); n != 1 {
		t.Errorf("in a transaction: %d rows, want 1", n)
	}
	trans.send(t, ComQuery, "commit")
	trans.expectOK(t)
	trans.expectEnd(t)
	s.Kill(busy.id, true, nil)
	busy.expectError(t, ErrQueryInterrupted)
	busy.expectEnd(t)
	if err := s.Shutdown(context.Background()); err != nil {
		t.Errorf("Shutdown = %v", err)
	}
}

// client is the one of an id.
func (s *testServer) client(id uint32) *Client {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.clients[id]
}

// shutDown begins a shutdown and waits until nobody is let in any more.
func (s *testServer) shutDown(t *testing.T, ctx context.Context) (ended chan error) {
	t.Helper()
	ended = make(chan error, 1)
	go func() { ended <- s.Shutdown(ctx) }()
	waitFor(t, "the shutdown to begin", func() bool {
		s.mu.Lock()
		defer s.mu.Unlock()
		return s.closing
	})
	return ended
}

// TestShutdownIsPatient: who is not quiet, who holds a lock and who is about to
// log in is served on; who has been quiet is not.
func TestShutdownIsPatient(t *testing.T) {
	s := startServer(t, func(s *Server) { s.quiet = time.Hour })
	quiet, active, locker, working := s.login(t), s.login(t), s.login(t), s.login(t)
	locker.send(t, ComQuery, "lock")
	locker.expectOK(t)
	late, err := net.Dial("tcp", s.addr)
	if err != nil {
		t.Fatal(err)
	}
	defer late.Close()
	waitFor(t, "the connection to be accepted", func() bool { return s.Stats().Accepted == 5 })
	ended := s.shutDown(t, context.Background())
	seen, now := make(map[*Client]idleness), time.Now()
	s.retire(seen, now)
	active.send(t, ComQuery, "echo on")
	if n := active.rows(t); n != 1 {
		t.Fatalf("%d rows, want 1", n)
	}
	working.send(t, ComQuery, "wait")
	waitFor(t, "a command to run", func() bool { return s.client(working.id).since.Load() > 0 })
	s.retire(seen, now.Add(time.Hour))
	quiet.expectEnd(t)
	s.Kill(working.id, true, nil)
	working.expectError(t, ErrQueryInterrupted)
	waitFor(t, "the command to end", func() bool { return s.client(working.id).since.Load() < 0 })
	s.retire(seen, now.Add(90*time.Minute))
	if s.client(working.id).ending.Load() != nil {
		t.Error("a client is to end whose command has just ended")
	}
	working.send(t, ComQuit, "")
	active.send(t, ComQuery, "echo on")
	if n := active.rows(t); n != 1 {
		t.Errorf("who is not quiet: %d rows, want 1", n)
	}
	locker.send(t, ComQuery, "echo on")
	if n := locker.rows(t); n != 1 {
		t.Errorf("with a lock: %d rows, want 1", n)
	}
	late.SetReadDeadline(time.Now().Add(patience))
	if _, err := late.Read(make([]byte, 5)); err != nil {
		t.Errorf("who has connected before is not greeted: %v", err)
	}
	select {
	case err := <-ended:
		t.Errorf("Shutdown = %v while clients are there", err)
	default:
	}
	locker.send(t, ComQuit, "")
	late.Close()
	s.retire(seen, now.Add(3*time.Hour)) // it has been active since the last look
	s.retire(seen, now.Add(5*time.Hour))
	active.expectEnd(t)
	if err := <-ended; err != nil {
		t.Errorf("Shutdown = %v", err)
	}
}

// TestShutdownBehindAnswer: a client that is never quiet is closed right behind
// an answer, in the second half of the time: before it has sent anything more.
func TestShutdownBehindAnswer(t *testing.T) {
	s := startServer(t, func(s *Server) { s.quiet = time.Hour })
	c := s.login(t)
	ctx, cancel := context.WithTimeout(context.Background(), 2*patience)
	defer cancel()
	ended := s.shutDown(t, ctx)
	s.hurry.Store(true)
	s.retire(map[*Client]idleness{}, time.Now())
	if s.client(c.id).ending.Load() != errLeaving {
		t.Fatal("the client is not to end")
	}
	c.send(t, ComPing, "")
	c.expectOK(t)
	c.send(t, ComQuery, "echo the last one")
	if n := c.rows(t); n != 1 {
		t.Errorf("%d rows, want 1", n)
	}
	c.expectEnd(t)
	if err := <-ended; err != nil {
		t.Errorf("Shutdown = %v", err)
	}
}
