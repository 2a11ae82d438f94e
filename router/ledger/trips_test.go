package ledger

import (
	"net"
	"sync"
	"testing"

	"github.com/dsmproxy/dsmproxy/protocol"
	"github.com/dsmproxy/dsmproxy/router/fence"
	"github.com/dsmproxy/dsmproxy/router/store"
	"github.com/dsmproxy/dsmproxy/router/view"
)

// meter passes connections on to a server and counts the round trips: how often
// the proxy sends when it was the server that sent last.
type meter struct {
	net.Listener
	target string
	mu     sync.Mutex // guards what follows
	trips  int
	conns  []net.Conn
}

func newMeter(t testing.TB, target string) *meter {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	m := &meter{Listener: l, target: target}
	var running sync.WaitGroup
	running.Go(func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			m.mu.Lock()
			m.conns = append(m.conns, c)
			m.mu.Unlock()
			running.Go(func() { m.pass(c) })
		}
	})
	t.Cleanup(func() {
		l.Close()
		m.mu.Lock()
		for _, c := range m.conns {
			c.Close()
		}
		m.mu.Unlock()
		running.Wait()
	})
	return m
}

func (m *meter) pass(c net.Conn) {
	defer c.Close()
	s, err := net.Dial("tcp", m.target)
	if err != nil {
		return
	}
	defer s.Close()
	var mu sync.Mutex
	answered := true
	move := func(dst, src net.Conn, asks bool) {
		b := make([]byte, 64<<10)
		for {
			n, err := src.Read(b)
			if n > 0 {
				mu.Lock()
				if asks && answered {
					m.add()
				}
				answered = !asks
				mu.Unlock()
				if _, err := dst.Write(b[:n]); err != nil {
					break
				}
			}
			if err != nil {
				break
			}
		}
		dst.Close()
		src.Close()
	}
	var both sync.WaitGroup
	both.Go(func() { move(s, c, true) })
	move(c, s, false)
	both.Wait()
}

func (m *meter) add() {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.trips++
}

// take returns the number so far, and begins anew.
func (m *meter) take() int {
	m.mu.Lock()
	defer m.mu.Unlock()
	n := m.trips
	m.trips = 0
	return n
}

// TestRoundTrips: each of the contract's steps is one.
func TestRoundTrips(t *testing.T) {
	// A Push to one that is not durable has the log flushed in a second one.
	o := found(t, "--innodb-flush-log-at-trx-commit=1")
	m := newMeter(t, o.server.Addr())
	// Not run: the probe would be counted.
	st := store.New(store.Config{Name: "s0", Network: "tcp", Addr: m.Addr().String(), User: login.User, Password: login.Password})
	o.st, o.Store = st, newStore(t, Config{Login: login, Tables: []Table{sessions}}, st)
	keys := []fence.Key{key("a"), key("b"), key("c")}
	entries := make([]fence.Entry, 3)
	done := make([]bool, 3)
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	multi := login
	multi.Capabilities = protocol.ClientDeprecateEOF | protocol.ClientMultiStatements
	version, formed := uint64(10), 0
	steps := []struct {
		name string
		do   func()
	}{
		{"Look", func() {
			_, err := o.Look(o.ctx(), fence.Beat{Tick: true, Proxy: 1, Reach: 1})
			must(err)
		}},
		{"Push of what is there", func() { must(o.Push(o.ctx(), o.boot, o.view, false)) }},
		{"Push", func() {
			o.view = o.view.WithState(1, view.Down)
			must(o.Push(o.ctx(), o.boot, o.view, false))
		}},
		{"Note", func() { must(o.Note(o.ctx(), o.guard(), fence.NoteCover)) }},
		{"Write", func() { o.mustWrite(1, "REPLACE INTO app.sessions (id) VALUES ('a')", keys[0]) }},
		{"Write of three", func() { o.mustWrite(1, "REPLACE INTO app.sessions (id) VALUES ('a'),('b'),('c')", keys...) }},
		{"Write, several statements allowed", func() {
			_, err := o.Write(o.ctx(), o.guard(), &text{sql: "UPDATE app.sessions SET n=n+1 WHERE id='a'", login: multi}, keys[:1], 2, entries[:1])
			must(err)
		}},
		{"Write by a form", func() {
			for formed < 3 { // the second is to be prepared
				_, err := o.Write(o.ctx(), o.guard(), &text{sql: "UPDATE app.sessions SET n=n+1 WHERE id='a'", login: multiResults}, keys[:1], 3, entries[:1])
				must(err)
				formed++
			}
			formed--
		}},
		{"Read", func() {
			must(o.Read(o.ctx(), o.guard(), &text{sql: "SELECT * FROM app.sessions WHERE id='a'"}, keys[:1], entries[:1]))
		}},
		{"Load", func() {
			_, err := o.Load(o.ctx(), o.guard(), keys[:1], true, entries[:1])
			must(err)
		}},
		{"Load of three", func() {
			_, err := o.Load(o.ctx(), o.guard(), keys, true, entries)
			must(err)
		}},
		{"Put", func() {
			version++
			must(o.put(o.entryOf(9, version, version, "x"), farTick))
		}},
		{"Swap", func() {
			must(o.Swap(o.ctx(), o.guard(), []fence.Swap{{Put: fence.Put{Key: key("k"), Entry: o.entryOf(9, version, version, "x"), MaxTick: farTick},
				Seen: o.entryOf(9, version, version, "x")}}, done[:1]))
		}},
		{"MarkClean", func() {
			must(o.MarkClean(o.ctx(), o.boot, []fence.Mark{{Key: keys[0], Version: view.Version{N: 1}}, {Key: keys[1]}}))
		}},
		{"Scan", func() {
			_, _, err := o.Scan(o.ctx(), o.guard(), fence.All, fence.Key{}, 100)
			must(err)
		}},
	}
	for _, s := range steps {
		s.do() // connections are opened, shapes read
		m.take()
		// A slow machine takes longer than a shape is remembered, now and then.
		// The push moves the register each time.
		for tries := 1; ; tries++ {
			s.do()
			trips := m.take()
			if trips == 1 {
				break
			}
			if tries == 5 {
				t.Errorf("%s: %d round trips, want 1", s.name, trips)
				break
			}
		}
	}
}
