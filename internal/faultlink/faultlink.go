// Package faultlink is a TCP relay on loopback that fails on command in the
// ways networks do: it resets, refuses, falls silent, delays, and breaks off
// in the middle of a packet. Tests put one between dsmproxy and each store, or
// between a client and dsmproxy.
//
// It knows no MySQL. It says nothing about lost or reordered segments, which
// TCP hides from both ends.
package faultlink

import (
	"fmt"
	"math/rand/v2"
	"net"
	"sync"
	"sync/atomic"
	"time"
)

// Direction says which way bytes go through a link; directions may be or-ed.
type Direction uint8

// The directions.
const (
	Up   Direction = 1 << iota // from who dialled the link to its target
	Down                       // from the target to who dialled the link
	Both = Up | Down
)

// String names the direction.
func (d Direction) String() string {
	switch d {
	case Up:
		return "up"
	case Down:
		return "down"
	case Both:
		return "both"
	}
	return fmt.Sprintf("Direction(%d)", uint8(d))
}

// rule is what happens to the bytes of one direction.
type rule struct {
	stalled bool
	delay   time.Duration
}

// Link relays connections to one target. It is safe for concurrent use.
type Link struct {
	target string
	addr   string
	wg     sync.WaitGroup
	trips  atomic.Int64

	mu       sync.Mutex // guards what follows
	listener net.Listener
	rules    [2]rule       // of Up and Down
	changed  chan struct{} // closed when rules change
	conns    map[*relayed]struct{}
	closed   bool
}

// New starts a link to a TCP address. It listens on a loopback address of its
// own, so that nobody takes its port while it refuses connections.
func New(target string) (*Link, error) {
	l := &Link{target: target, changed: make(chan struct{}), conns: map[*relayed]struct{}{}}
	nl, err := listenAlone()
	if err != nil {
		return nil, fmt.Errorf("faultlink: %w", err)
	}
	l.addr = nl.Addr().String()
	l.listen(nl)
	return l, nil
}

// listenAlone listens on some 127.x.y.z, which Linux owns in full; outgoing
// connections never take their ports there. Elsewhere 127.0.0.1 must do.
func listenAlone() (net.Listener, error) {
	ip := net.IPv4(127, byte(1+rand.IntN(254)), byte(rand.IntN(256)), byte(1+rand.IntN(254)))
	if l, err := net.Listen("tcp", net.JoinHostPort(ip.String(), "0")); err == nil {
		return l, nil
	}
	return net.Listen("tcp", "127.0.0.1:0")
}

// Addr is where the link listens; it stays the same for the link's life.
func (l *Link) Addr() string { return l.addr }

// Conns is the number of connections that are open.
func (l *Link) Conns() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return len(l.conns)
}

// Trips is the number of round trips since New, over all connections: how often
// who dialled has sent something when the target had sent last. What is sent in
// several parts without waiting is one.
func (l *Link) Trips() int64 { return l.trips.Load() }

// Stall lets no byte and no end of connection through in the directions given,
// on old and on new connections. New ones are accepted. What is held back goes
// on when the stall is lifted, as after a healed partition.
func (l *Link) Stall(d Direction) { l.change(d, func(r *rule) { r.stalled = true }) }

// Delay holds each byte back for the time given, without narrowing the flow.
func (l *Link) Delay(d Direction, delay time.Duration) {
	l.change(d, func(r *rule) { r.delay = delay })
}

// Pass lifts Stall and Delay in the directions given.
func (l *Link) Pass(d Direction) { l.change(d, func(r *rule) { *r = rule{} }) }

// CutAfter resets each connection, those to come excepted, once n more bytes
// have gone through it in one of the directions given; they all do.
func (l *Link) CutAfter(d Direction, n int64) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for r := range l.conns {
		for i := range r.pumps {
			if d&(1<<i) != 0 {
				r.pumps[i].left.Store(n)
			}
		}
	}
}

// Reset breaks all connections with a TCP reset; new ones are welcome.
func (l *Link) Reset() {
	l.mu.Lock()
	old := make([]*relayed, 0, len(l.conns))
	for r := range l.conns {
		old = append(old, r)
	}
	l.mu.Unlock()
	for _, r := range old {
		r.reset()
	}
}

// Refuse has new connections refused; old ones live on.
func (l *Link) Refuse() {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.listener != nil {
		l.listener.Close()
		l.listener = nil
	}
}

// Cut refuses new connections and resets the old ones, as a killed server does.
func (l *Link) Cut() {
	l.Refuse()
	l.Reset()
}

// Restore ends every fault: connections are accepted, bytes pass.
func (l *Link) Restore() error {
	l.Pass(Both)
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.closed || l.listener != nil {
		return nil
	}
	nl, err := net.Listen("tcp", l.addr)
	if err != nil {
		return fmt.Errorf("faultlink: %w", err)
	}
	l.listen(nl)
	return nil
}

// Close resets all connections, stops listening and waits for the link's
// goroutines.
func (l *Link) Close() error {
	l.mu.Lock()
	l.closed = true
	l.mu.Unlock()
	l.Cut()
	l.wg.Wait()
	return nil
}

// change applies f to the rules of d and wakes whoever waits for a change.
func (l *Link) change(d Direction, f func(*rule)) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for i := range l.rules {
		if d&(1<<i) != 0 {
			f(&l.rules[i])
		}
	}
	close(l.changed)
	l.changed = make(chan struct{})
}

// rule returns the rule of direction i and a channel that is closed when it
// changes.
func (l *Link) rule(i int) (rule, <-chan struct{}) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.rules[i], l.changed
}

// listen accepts connections from nl; l.mu is held, or l is not shared yet.
func (l *Link) listen(nl net.Listener) {
	l.listener = nl
	l.wg.Add(1)
	go func() {
		defer l.wg.Done()
		for {
			c, err := nl.Accept()
			if err != nil {
				return
			}
			l.wg.Add(1)
			go func() {
				defer l.wg.Done()
				l.relay(c.(*net.TCPConn))
			}()
		}
	}()
}
