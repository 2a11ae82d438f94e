package protocol

import (
	"context"
	"crypto/tls"
	"encoding/json"
	"errors"
	"io"
	"net"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/go-sql-driver/mysql"
)

// bequest is both ends of what passes clients on, within one process: a Heir to
// one server, an Estate to another.
type bequest struct {
	t       testing.TB
	clients chan bequeathed
	closed  chan struct{}
	close   sync.Once
	answers chan Inherited
	taking  sync.Mutex
	change  func(*passedClient) // what is wrong with a record; nil: nothing
	mute    bool                // no answer arrives
}

type bequeathed struct {
	nc     net.Conn
	record []byte
}

func newBequest(t testing.TB) *bequest {
	return &bequest{t: t, clients: make(chan bequeathed), closed: make(chan struct{}), answers: make(chan Inherited)}
}

// Take implements Heir.
func (b *bequest) Take(nc net.Conn, record []byte) (Inherited, error) {
	b.taking.Lock()
	defer b.taking.Unlock()
	f, err := nc.(interface{ File() (*os.File, error) }).File()
	if err != nil {
		return 0, errors.Join(ErrNotSent, err)
	}
	defer f.Close()
	there, err := net.FileConn(f)
	if err != nil {
		return 0, errors.Join(ErrNotSent, err)
	}
	if b.change != nil {
		var r passedClient
		if err := json.Unmarshal(record, &r); err != nil {
			b.t.Error(err)
		}
		b.change(&r)
		record, _ = json.Marshal(r)
	}
	select {
	case b.clients <- bequeathed{there, record}:
	case <-b.closed:
		there.Close()
		return 0, ErrNotSent
	}
	select {
	case said := <-b.answers:
		if b.mute {
			return 0, io.ErrUnexpectedEOF
		}
		return said, nil
	case <-b.closed:
		return 0, io.ErrUnexpectedEOF
	}
}

// Next implements Estate.
func (b *bequest) Next() (net.Conn, []byte, error) {
	select {
	case c := <-b.clients:
		return c.nc, c.record, nil
	case <-b.closed:
		return nil, nil, io.EOF
	}
}

// Answer implements Estate.
func (b *bequest) Answer(i Inherited) error {
	select {
	case b.answers <- i:
		return nil
	case <-b.closed:
		return io.ErrClosedPipe
	}
}

func (b *bequest) Close() error {
	b.close.Do(func() { close(b.closed) })
	return nil
}

// passTo has a server shut down and pass its clients on to another one. The
// channel tells how many that has taken.
func (s *testServer) passTo(t testing.TB, to *testServer, b *bequest) (ended chan error, taken chan int) {
	t.Helper()
	to.StartIDs(s.LastID() + 1000)
	taken = make(chan int, 1)
	go func() {
		n, _ := to.Inherit(b)
		taken <- n
	}()
	s.PassOn(b)
	ctx, cancel := context.WithTimeout(context.Background(), 4*patience)
	ended = make(chan error, 1)
	go func() {
		err := s.Shutdown(ctx)
		cancel()
		b.Close()
		ended <- err
	}()
	return ended, taken
}

// whole waits for a server's end and fails for a client that was not passed on.
func (s *testServer) whole(t testing.TB, ended chan error, want int) {
	t.Helper()
	if err := <-ended; err != nil {
		t.Errorf("Shutdown = %v", err)
	}
	if passed, closed := s.Passed(); passed != want || len(closed) != 0 {
		t.Errorf("%d clients passed on, closed: %v; want %d and none", passed, closed, want)
	}
}

func (c *rawClient) expectEcho(t testing.TB, text string) {
	t.Helper()
	c.send(t, ComQuery, "echo "+text)
	if got := c.echoed(t); got != text {
		t.Fatalf("echo = %q, want %q", got, text)
	}
}

// TestPassOn: clients that are idle, that talk without a pause, in a transaction
// and with a lock go on at another server and notice nothing.
func TestPassOn(t *testing.T) {
	was := startServer(t, quickly)
	is := startServer(t, func(s *Server) { s.MaxClients, s.MaxUserClients = 1, 1 })
	idle, trans, locker, busy := was.login(t), was.login(t), was.login(t), was.login(t)
	trans.send(t, ComQuery, "begin")
	trans.expectOK(t)
	locker.send(t, ComQuery, "lock")
	locker.expectOK(t)
	busy.send(t, ComQuery, "wait")
	waitFor(t, "the command to run", func() bool { return was.client(busy.id).since.Load() > 0 })
	talker, talked := was.login(t), make(chan int)
	stop := make(chan struct{})
	go func() {
		n := 0
		defer func() { talked <- n }()
		for ; ; n++ {
			select {
			case <-stop:
				return
			default:
				talker.expectEcho(t, "and so on")
			}
		}
	}()
	was.client(idle.id).since.Add(100) // as if its last command were before this server's time
	was.client(idle.id).SetIdleTimeout(time.Hour)
	b := newBequest(t)
	ended, taken := was.passTo(t, is, b)
	waitFor(t, "two clients to be passed on", func() bool { return is.Clients() == 2 })
	if c := is.client(idle.id); c == nil {
		t.Fatal("the idle client is not there")
	} else if d := c.idleTicks(); d < 100 || d > 1000 || time.Duration(c.idle.Load()) != time.Hour {
		t.Errorf("idle since %d seconds, may be for %v; want 100, 1h", d, time.Duration(c.idle.Load()))
	}
	trans.expectEcho(t, "still in it")
	if was.client(trans.id) == nil || is.client(trans.id) != nil {
		t.Error("a client was passed on in a transaction")
	}
	trans.send(t, ComQuery, "commit")
	trans.expectOK(t)
	was.Kill(busy.id, true, nil)
	busy.expectError(t, ErrQueryInterrupted)
	waitFor(t, "both to be passed on", func() bool { return is.Clients() == 4 })
	if was.client(locker.id) == nil {
		t.Error("a client was passed on, or closed, that holds a lock")
	}
	was.h.unlock(locker.id)
	locker.expectEcho(t, "free")
	was.whole(t, ended, 5)
	close(stop)
	if n := <-talked; n == 0 {
		t.Error("nothing was talked")
	}
	if n := <-taken; n != 5 {
		t.Errorf("%d clients taken over, want 5", n)
	}
	if n := was.h.closed.Load(); n != 5 {
		t.Errorf("%d sessions closed where they were, want 5", n)
	}
	for name, c := range map[string]*rawClient{"idle": idle, "transaction": trans, "lock": locker, "busy": busy, "talker": talker} {
		c.expectEcho(t, name)
		if is.client(c.id) == nil {
			t.Errorf("%s has another id", name)
		}
	}
	if _, err := net.Dial("tcp", was.addr); err == nil {
		t.Error("the listener is open")
	}
	// They count, and were not refused; who comes now is.
	if s := is.Stats(); s.Clients != 5 || s.Inherited != 5 || s.Accepted != 0 {
		t.Errorf("stats: %+v", s)
	}
	late, err := net.Dial("tcp", is.addr)
	if err != nil {
		t.Fatal(err)
	}
	defer late.Close()
	late.SetDeadline(time.Now().Add(patience))
	(&rawClient{Conn: NewConn(late)}).expectError(t, ErrConCount)
	if err := is.Kill(idle.id, false, is.client(talker.id)); err != nil {
		t.Errorf("Kill = %v", err)
	}
	idle.expectEnd(t)
	talker.send(t, ComQuit, "")
	talker.expectEnd(t)
}

// TestPassOnAgain: clients are passed on to a server that itself ends, and from
// there to the next.
func TestPassOnAgain(t *testing.T) {
	first, second, third := startServer(t, nil), startServer(t, nil), startServer(t, nil)
	trans, idle := first.login(t), first.login(t)
	trans.send(t, ComQuery, "begin")
	trans.expectOK(t)
	endedFirst, _ := first.passTo(t, second, newBequest(t))
	waitFor(t, "the idle one to be passed on", func() bool { return second.Clients() == 1 })
	endedSecond, _ := second.passTo(t, third, newBequest(t))
	waitFor(t, "it to be passed on again", func() bool { return third.Clients() == 1 })
	trans.send(t, ComQuery, "commit")
	trans.expectOK(t)
	first.whole(t, endedFirst, 2)
	second.whole(t, endedSecond, 2)
	trans.expectEcho(t, "far away")
	idle.expectEcho(t, "far away")
	fresh := third.login(t)
	if fresh.id <= 1000 {
		t.Errorf("the id of a new client is %d, which the first server may have given", fresh.id)
	}
}

// TestPassOnIdentity: a client is who it was, by each kind of connection, and
// changes into another.
func TestPassOnIdentity(t *testing.T) {
	l, err := net.Listen("unix", filepath.Join(t.TempDir(), "sock"))
	if err != nil {
		t.Fatal(err)
	}
	local := serveOn(t, l, nil)
	local.StartIDs(500)
	was, between, is := compressing(t, nil), compressing(t, nil), compressing(t, nil)
	plain := was.dial(t)
	plain.respond(t, rawCaps|ClientMultiStatements, "app", "shop", pluginNative, scrambleNative(plain.scramble[:], "secret"))
	plain.expectOK(t)
	clients := map[string]*rawClient{
		"plain": plain, "zlib": was.loginCompressed(t, ClientCompress, 0), "zstd": was.loginCompressed(t, ClientZstdCompression, 9),
	}
	nc, err := net.Dial("unix", l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer nc.Close()
	nc.SetDeadline(time.Now().Add(patience))
	unix := &rawClient{Conn: NewConn(nc)}
	unix.readGreeting(t, unix.read(t))
	unix.respond(t, rawCaps, "app", "", pluginNative, scrambleNative(unix.scramble[:], "secret"))
	unix.expectOK(t)
	for name, c := range clients {
		c.expectEcho(t, name)
	}
	// What is told of them where they were, and where they have come to.
	var records [2]map[uint32]string
	pass := func(i int, from, to *testServer) {
		records[i] = make(map[uint32]string)
		b := newBequest(t)
		b.change = func(r *passedClient) {
			r.Idle = 0
			text, _ := json.Marshal(r)
			records[i][r.ID] = string(text)
		}
		ended, _ := from.passTo(t, to, b)
		from.whole(t, ended, len(clients))
	}
	pass(0, was, between)
	for _, c := range clients {
		c.expectEcho(t, compressible(5000))
		c.expectEcho(t, noise(5000))
	}
	pass(1, between, is)
	for name, c := range clients {
		if before, after := records[0][c.id], records[1][c.id]; before == "" || before != after {
			t.Errorf("%s: became\n%s, was\n%s", name, after, before)
		}
		c.expectEcho(t, compressible(5000))
		c.expectEcho(t, noise(5000))
	}
	plain.send(t, ComChangeUser, "other\x00\x00elsewhere\x00\x21\x00"+pluginNative+"\x00\x00")
	p := plain.read(t)
	plain.packet(t, scrambleNative(p[len(pluginNative)+2:len(p)-1], "geheim"))
	plain.expectOK(t)
	if got := is.client(plain.id); got.User != "other" || got.DB != "elsewhere" {
		t.Errorf("became %s in %s", got.User, got.DB)
	}
	ended, _ := local.passTo(t, is, newBequest(t))
	local.whole(t, ended, 1)
	unix.expectEcho(t, "local")
	if c := is.client(unix.id); c == nil || c.RemoteAddr.IsValid() {
		t.Error("the client of a unix socket has an address")
	}
}

// TestPassOnBytes: what a client has sent of its next commands goes along,
// wherever it was cut.
func TestPassOnBytes(t *testing.T) {
	was, is := compressing(t, nil), compressing(t, nil)
	pipelined := was.login(t)
	zipped := was.loginCompressed(t, ClientCompress, 0)
	var cut []*rawClient
	query := packet(0, "\x03echo "+compressible(100))
	for n := 1; n < len(query); n += 2 {
		c := was.login(t)
		write(t, c, query[:n])
		cut = append(cut, c)
	}
	pipelined.send(t, ComQuery, "wait")
	zipped.send(t, ComQuery, "wait")
	for range 200 {
		write(t, pipelined, packet(0, "\x03echo on and on"))
	}
	two := append(packet(0, "\x03echo "+compressible(150)), packet(0, "\x03echo last")...)
	write(t, zipped, compressedFrame(0, len(two), deflated(two)))
	write(t, zipped, compressedFrame(0, len(two), deflated(two)))
	for _, c := range []*rawClient{pipelined, zipped} {
		waitFor(t, "the command to run", func() bool { return was.client(c.id).since.Load() > 0 })
	}
	ended, _ := was.passTo(t, is, newBequest(t))
	waitFor(t, "those to be passed on that have sent less than a header", func() bool { return is.Clients() == 2 })
	for _, c := range []*rawClient{pipelined, zipped} {
		was.Kill(c.id, true, nil)
		c.expectError(t, ErrQueryInterrupted)
	}
	for range 200 {
		pipelined.ResetSequence()
		pipelined.SetSequence(1)
		if got := pipelined.echoed(t); got != "on and on" {
			t.Fatalf("echo = %q", got)
		}
	}
	for _, want := range []string{compressible(150), "last", compressible(150), "last"} {
		h, err := zipped.z.frames.Fill(compressedHeaderSize)
		if err != nil {
			t.Fatal(err)
		}
		zipped.z.seq = h[3]
		if got := zipped.echoed(t); got != want {
			t.Fatalf("echo = %q, want %q", got, want)
		}
	}
	for i, c := range cut {
		write(t, c, query[1+2*i:])
		c.ResetSequence()
		c.SetSequence(1)
		if got := c.echoed(t); got != compressible(100) {
			t.Fatalf("cut after %d bytes: %q", 1+2*i, got)
		}
	}
	was.whole(t, ended, len(cut)+2)
	for _, c := range append(cut, pipelined, zipped) {
		c.expectEcho(t, "the next")
	}
}

// write sends bytes as they are.
func write(t testing.TB, c *rawClient, b []byte) {
	t.Helper()
	nc := c.Net()
	if c.z != nil {
		nc = c.z.Conn
	}
	if _, err := nc.Write(b); err != nil {
		t.Fatal(err)
	}
}

// TestPassOnRefused: who can't be passed on ends as without a successor, and is
// counted.
func TestPassOnRefused(t *testing.T) {
	for why, change := range map[string]func(b *bequest, was, is *testServer){
		staysRefusedBy + RefusedRecord.String():  func(b *bequest, _, _ *testServer) { b.change = func(r *passedClient) { r.Version++ } },
		staysRefusedBy + RefusedUser.String():    func(b *bequest, _, _ *testServer) { b.change = func(r *passedClient) { r.User = []byte("gone") } },
		staysRefusedBy + RefusedID.String():      func(b *bequest, _, _ *testServer) { b.change = func(r *passedClient) { r.ID = 0 } },
		staysRefusedBy + RefusedSession.String(): func(b *bequest, _, _ *testServer) { b.change = func(r *passedClient) { r.Session = []byte("-1") } },
		staysRefusedBy + RefusedTLS.String():     func(_ *bequest, _, is *testServer) { is.RequireTLS = true },
		staysHeirGone:                            func(b *bequest, _, _ *testServer) { b.Close() },
		staysNoAnswer: func(b *bequest, _, is *testServer) {
			b.mute, b.change = true, func(r *passedClient) { r.Version++ }
		},
	} {
		t.Run(why, func(t *testing.T) {
			was, is := startServer(t, quickly), startServer(t, nil)
			c := was.login(t)
			b := newBequest(t)
			change(b, was, is)
			ended, _ := was.passTo(t, is, b)
			c.expectEnd(t)
			if err := <-ended; err != nil {
				t.Errorf("Shutdown = %v", err)
			}
			if passed, closed := was.Passed(); passed != 0 || len(closed) != 1 || closed[why] != 1 {
				t.Errorf("%d clients passed on, closed: %v; want 0 and %s", passed, closed, why)
			}
			if n := is.Clients(); n != 0 {
				t.Errorf("%d clients where they were refused", n)
			}
		})
	}
}

// TestPassOnTLS: TLS has keys that nobody else gets.
func TestPassOnTLS(t *testing.T) {
	was, is := startServer(t, func(s *Server) { s.TLS = selfSigned(t); quickly(s) }), startServer(t, nil)
	db := was.open(t, func(c *mysql.Config) { c.TLS = &tls.Config{InsecureSkipVerify: true} })
	if got := whoami(t, db); got.tls != "true" {
		t.Fatalf("whoami = %+v", got)
	}
	ended, _ := was.passTo(t, is, newBequest(t))
	if err := <-ended; err != nil {
		t.Errorf("Shutdown = %v", err)
	}
	if passed, closed := was.Passed(); passed != 0 || closed[staysTLS] != 1 {
		t.Errorf("%d clients passed on, closed: %v", passed, closed)
	}
}

// TestPassOnMany: a hundred clients in the midst of what they say.
func TestPassOnMany(t *testing.T) {
	was, is := startServer(t, nil), startServer(t, nil)
	clients := make([]*rawClient, 100)
	for i := range clients {
		clients[i] = was.login(t)
	}
	var wg sync.WaitGroup
	stop := make(chan struct{})
	for _, c := range clients {
		wg.Go(func() {
			for {
				select {
				case <-stop:
					return
				default:
					c.expectEcho(t, "x")
				}
			}
		})
	}
	ended, _ := was.passTo(t, is, newBequest(t))
	began := time.Now()
	was.whole(t, ended, len(clients))
	t.Logf("%d clients that never pause were passed on within %v", len(clients), time.Since(began).Round(time.Millisecond))
	close(stop)
	wg.Wait()
}
