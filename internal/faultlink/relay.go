package faultlink

import (
	"io"
	"math"
	"net"
	"sync"
	"sync/atomic"
	"time"
)

// relayed is one connection through a link.
type relayed struct {
	near, far *net.TCPConn
	pumps     [2]pump
	answered  atomic.Bool // the target has sent last
	once      sync.Once
	gone      chan struct{} // closed by reset
}

// pump is one direction of a relayed connection.
type pump struct {
	left atomic.Int64 // bytes until the connection is reset
}

// chunk is bytes on their way; nil bytes are the end of the stream.
type chunk struct {
	b   []byte
	due time.Time
}

// relay carries one accepted connection to its end.
func (l *Link) relay(near *net.TCPConn) {
	r := &relayed{near: near, gone: make(chan struct{})}
	for i := range r.pumps {
		r.pumps[i].left.Store(math.MaxInt64)
	}
	far, err := net.DialTimeout("tcp", l.target, 5*time.Second)
	if err != nil {
		near.SetLinger(0)
		near.Close()
		return
	}
	r.far = far.(*net.TCPConn)

	l.mu.Lock()
	// A connection that was accepted just before a Cut dies with the others.
	refused := l.closed || l.listener == nil
	if !refused {
		l.conns[r] = struct{}{}
	}
	l.mu.Unlock()
	if refused {
		r.reset()
		return
	}

	var wg sync.WaitGroup
	wg.Go(func() { l.pump(r, 0, r.near, r.far) })
	wg.Go(func() { l.pump(r, 1, r.far, r.near) })
	wg.Wait()
	l.mu.Lock()
	delete(l.conns, r)
	l.mu.Unlock()
	r.near.Close()
	r.far.Close()
}

// reset breaks both sides off with a TCP reset.
func (r *relayed) reset() {
	r.once.Do(func() {
		close(r.gone)
		for _, c := range []*net.TCPConn{r.near, r.far} {
			c.SetLinger(0)
			c.Close()
		}
	})
}

// pump carries direction i of r until its source ends or r is reset. Reading
// and writing are apart, so that a delay does not narrow the flow.
func (l *Link) pump(r *relayed, i int, src, dst *net.TCPConn) {
	chunks := make(chan chunk, 1024)
	go func() {
		defer close(chunks)
		buf := make([]byte, 64<<10)
		for {
			n, err := src.Read(buf)
			if n > 0 {
				l.count(r, i)
				rule, _ := l.rule(i)
				c := chunk{b: append([]byte(nil), buf[:n]...), due: time.Now().Add(rule.delay)}
				select {
				case chunks <- c:
				case <-r.gone:
					return
				}
			}
			if err == io.EOF {
				return
			}
			if err != nil {
				// A reset on one side is a reset on the other one, unless the
				// link is silent: then nobody hears of it.
				if l.waitPass(r, i) {
					r.reset()
				}
				return
			}
		}
	}()
	for c := range chunks {
		if !l.waitPass(r, i) || !waitUntil(c.due, r.gone) {
			break
		}
		if !r.send(i, dst, c.b) {
			break
		}
	}
	if l.waitPass(r, i) {
		dst.CloseWrite()
	}
	for range chunks { // the reader ends with r
	}
}

// count counts a round trip when a request begins in direction i.
func (l *Link) count(r *relayed, i int) {
	if i == 1 {
		r.answered.Store(true)
	} else if r.answered.Swap(false) {
		l.trips.Add(1)
	}
}

// send writes b as far as CutAfter lets it; false means that r is broken.
func (r *relayed) send(i int, dst *net.TCPConn, b []byte) bool {
	left := &r.pumps[i].left
	if n := left.Load(); n < int64(len(b)) {
		dst.Write(b[:max(n, 0)])
		r.reset()
		return false
	}
	if left.Load() != math.MaxInt64 && left.Add(-int64(len(b))) == 0 {
		dst.Write(b)
		r.reset()
		return false
	}
	if _, err := dst.Write(b); err != nil {
		r.reset()
		return false
	}
	return true
}

// waitPass waits while direction i is stalled; false means that r is gone.
func (l *Link) waitPass(r *relayed, i int) bool {
	for {
		rule, changed := l.rule(i)
		select {
		case <-r.gone:
			return false
		default:
		}
		if !rule.stalled {
			return true
		}
		select {
		case <-r.gone:
			return false
		case <-changed:
		}
	}
}

// waitUntil waits for due; false means that gone was closed first.
func waitUntil(due time.Time, gone <-chan struct{}) bool {
	d := time.Until(due)
	if d <= 0 {
		return true
	}
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return true
	case <-gone:
		return false
	}
}
