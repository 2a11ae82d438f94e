package protocol

import (
	"context"
	"errors"
	"io"
	"math/rand/v2"
	"net"
	"sync"
	"testing"
	"time"
)

// TestPassOnKilled: whoever is told that a client was killed finds it gone,
// however close before or behind its passing on that was; else the client is
// there.
func TestPassOnKilled(t *testing.T) {
	was, is := startServer(t, nil), startServer(t, nil)
	clients := make([]*rawClient, 300)
	for i := range clients {
		clients[i] = was.login(t)
	}
	killed := make([]error, len(clients))
	ended, _ := was.passTo(t, is, newBequest(t))
	var wg sync.WaitGroup
	for i, c := range clients {
		wg.Go(func() {
			for rand.IntN(200) > 0 && was.client(c.id) != nil {
				time.Sleep(time.Duration(rand.IntN(100)) * time.Microsecond)
			}
			killed[i] = was.Kill(c.id, false, nil)
		})
	}
	wg.Wait()
	if err := <-ended; err != nil {
		t.Errorf("Shutdown = %v", err)
	}
	n := 0
	for i, c := range clients {
		if killed[i] == nil {
			n++
			c.expectEnd(t)
		} else {
			c.expectEcho(t, "not killed")
		}
	}
	t.Logf("%d of %d killed", n, len(clients))
}

// whileTaken is a Heir that does something when the other process serves the
// client and this one does not know yet.
type whileTaken struct {
	Heir
	do func()
}

func (h whileTaken) Take(nc net.Conn, record []byte) (Inherited, error) {
	said, err := h.Heir.Take(nc, record)
	h.do()
	return said, err
}

// TestPassOnKilledMeanwhile: a client that is killed where it was, while it is
// on its way, is ended where it is; so is one that has just been passed on, and
// of one that has gone it is said.
func TestPassOnKilledMeanwhile(t *testing.T) {
	was, is := startServer(t, nil), startServer(t, nil)
	c := was.login(t)
	b := newBequest(t)
	go is.Inherit(b)
	was.PassOn(whileTaken{b, func() {
		waitFor(t, "the client to be served", func() bool { return is.Clients() == 1 })
		if err := was.Kill(c.id, false, nil); err != nil {
			t.Errorf("Kill = %v", err)
		}
	}})
	if err := was.Shutdown(context.Background()); err != nil {
		t.Errorf("Shutdown = %v", err)
	}
	c.expectEnd(t)
	waitFor(t, "the other process to know", func() bool { return is.Clients() == 0 })

	third := startServer(t, nil)
	d := third.login(t)
	client := third.client(d.id)
	client.ending.Store(errPassed)
	if err := third.Kill(d.id, true, nil); !isNoSuchThread(err) {
		t.Errorf("KILL QUERY of one that was passed on: %v", err)
	}
	if err := third.Kill(d.id, false, nil); err != nil {
		t.Errorf("KILL of one that was just passed on: %v", err)
	}
	d.expectEnd(t)
	client.raw.Close()
	if err := third.Kill(d.id, false, nil); err != nil && !isNoSuchThread(err) || client.cut() {
		t.Errorf("KILL of one whose connection is closed here: %v", err)
	}
}

func isNoSuchThread(err error) bool {
	var e *Error
	return errors.As(err, &e) && e.Code == ErrNoSuchThread
}

// TestPassOnChangeUser: a client that was idle when it was looked at, and is in
// the midst of COM_CHANGE_USER when it is woken, becomes who it wants to be, and
// is passed on behind it.
func TestPassOnChangeUser(t *testing.T) {
	was, is := startServer(t, nil), startServer(t, nil)
	c := was.login(t)
	c.send(t, ComChangeUser, "other\x00\x00elsewhere\x00\x21\x00"+pluginNative+"\x00\x00")
	p := c.read(t)
	b := newBequest(t)
	go is.Inherit(b)
	was.PassOn(b)
	was.client(c.id).offer(true)
	c.packet(t, scrambleNative(p[len(pluginNative)+2:len(p)-1], "geheim"))
	c.expectOK(t)
	if err := was.Shutdown(context.Background()); err != nil {
		t.Errorf("Shutdown = %v", err)
	}
	c.expectEcho(t, "still here")
	if got := is.client(c.id); got == nil || got.User != "other" || got.DB != "elsewhere" {
		t.Errorf("became %+v", got)
	}
}

// TestPassOnTooLarge: a session of which too much was made is found to be so
// once, and its client ends as without a successor.
func TestPassOnTooLarge(t *testing.T) {
	was, is := startServer(t, func(s *Server) { s.quiet = time.Hour }), startServer(t, nil)
	c := was.login(t)
	c.send(t, ComQuery, "large")
	c.expectOK(t)
	s, _ := was.h.sessions.Load(c.id)
	ended, _ := was.passTo(t, is, newBequest(t))
	waitFor(t, "the client to be offered", func() bool { return s.(*testSession).packed.Load() > 0 })
	for range 10 {
		c.expectEcho(t, "once more")
	}
	if n := s.(*testSession).packed.Load(); n != 1 {
		t.Errorf("packed %d times, want once", n)
	}
	was.hurry.Store(true)
	was.retire(map[*Client]idleness{}, time.Now())
	if was.client(c.id).ending.Load() != errLeaving {
		t.Fatal("the client is not to end")
	}
	c.expectEcho(t, "the last one")
	c.expectEnd(t)
	if err := <-ended; err != nil {
		t.Errorf("Shutdown = %v", err)
	}
	if passed, closed := was.Passed(); passed != 0 || closed[TooLarge] != 1 {
		t.Errorf("%d passed on, closed: %v", passed, closed)
	}
}

// recorder is a Heir that gets no client, but its record.
type recorder chan []byte

func (r recorder) Take(_ net.Conn, record []byte) (Inherited, error) {
	r <- record
	return 0, ErrNotSent
}

// lastMinute is an Estate with one client, which arrives as the estate is closed.
type lastMinute struct {
	asked, closed chan struct{}
	close         sync.Once
	clients       chan bequeathed
	answer        chan Inherited
}

func (e *lastMinute) Next() (net.Conn, []byte, error) {
	close(e.asked)
	<-e.closed
	c, ok := <-e.clients
	if !ok {
		return nil, nil, io.EOF
	}
	return c.nc, c.record, nil
}

func (e *lastMinute) Answer(i Inherited) error {
	e.answer <- i
	return io.ErrClosedPipe
}

func (e *lastMinute) Close() error {
	e.close.Do(func() { close(e.closed) })
	return nil
}

// TestInheritWhileEnding: Close, and a Shutdown that passes nobody on, end an
// Inherit that waits for a client; who arrives just then is refused, and there is
// no Inherit behind it.
func TestInheritWhileEnding(t *testing.T) {
	was := startServer(t, quickly)
	was.login(t)
	r := make(recorder, 1)
	was.PassOn(r)
	if err := was.Shutdown(t.Context()); err != nil {
		t.Fatal(err)
	}
	record := <-r
	for name, end := range map[string]func(s *Server) error{
		"Close": (*Server).Close, "Shutdown": func(s *Server) error { return s.Shutdown(t.Context()) },
	} {
		t.Run(name, func(t *testing.T) {
			is := startServer(t, nil)
			here, there := net.Pipe()
			defer here.Close()
			e := &lastMinute{asked: make(chan struct{}), closed: make(chan struct{}),
				clients: make(chan bequeathed, 1), answer: make(chan Inherited, 1)}
			e.clients <- bequeathed{there, record}
			inherited := make(chan int)
			go func() {
				n, _ := is.Inherit(e)
				inherited <- n
			}()
			<-e.asked
			if err := end(is.Server); err != nil {
				t.Errorf("%s = %v", name, err)
			}
			if n := <-inherited; n != 0 {
				t.Errorf("%d clients taken over", n)
			}
			if got := <-e.answer; got != RefusedEnding {
				t.Errorf("the client: %v, want %v", got, RefusedEnding)
			}
			if _, err := here.Read(make([]byte, 1)); err != io.EOF {
				t.Errorf("the client's connection: %v, want its end", err)
			}
			late := newBequest(t)
			if _, err := is.Inherit(late); !errors.Is(err, net.ErrClosed) {
				t.Errorf("Inherit behind the end = %v", err)
			}
			select {
			case <-late.closed:
			default:
				t.Error("the estate is left open")
			}
		})
	}
}
