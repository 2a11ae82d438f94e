package store

import (
	"container/list"
	"context"
	"errors"
	"sync/atomic"
	"time"

	"github.com/dsmproxy/dsmproxy/protocol"
	"github.com/dsmproxy/dsmproxy/router/meter"
)

// fromLogin are the capabilities that a Login chooses.
const fromLogin = protocol.ClientFoundRows | protocol.ClientDeprecateEOF | protocol.ClientIgnoreSpace |
	protocol.ClientInteractive | protocol.ClientODBC | protocol.ClientMultiResults | protocol.ClientPSMultiResults |
	protocol.ClientMultiStatements

// searchDepth is how many idle connections are looked at for the best one.
const searchDepth = 64

// pool is the idle connections of one login.
type pool struct {
	login Login
	// The idle ones, the last released on top; guarded by the store's mu.
	top, bottom *Conn
	// restore is the SET that a COM_RESET_CONNECTION must be followed by; nil if
	// by none.
	restore atomic.Pointer[[]byte]
}

// waiter is a Get that waits for its turn.
type waiter struct {
	pool  *pool
	want  *Session
	force bool
	queue *list.List    // that it waits in
	ready chan struct{} // closed once it has been served
	// What it was served, valid when ready is closed: a connection, an error,
	// or else the right to open a connection.
	conn *Conn
	err  error
}

// Get returns a connection whose session state is want: an idle one (one whose
// state is want already, if there is one) or a new one. While MaxConns are open
// it waits, in turn, for WaitTimeout at most (1040). A failure to dial makes the
// store Down; an *protocol.Error of the store's login (1045) or of a statement of
// want (1049) is returned as it is and does not. A store that has no connection
// to spare (1040) is asked again, for WaitTimeout at most.
//
// If the store is Down, Get fails at once with ErrDown unless force is set
// (the last store that is left is tried all the same).
func (s *Store) Get(ctx context.Context, l Login, want *Session, force bool) (*Conn, error) {
	return s.get(ctx, l, want, force, &s.waiters)
}

// GetReserved is Get for work that others wait for, who hold connections to
// other stores: it may take the Config.Reserve as well, and comes before all who
// wait in Get. Whoever holds what it returns must not wait for another
// connection, or else all may wait for each other.
func (s *Store) GetReserved(ctx context.Context, l Login, want *Session, force bool) (*Conn, error) {
	return s.get(ctx, l, want, force, &s.urgent)
}

func (s *Store) get(ctx context.Context, l Login, want *Session, force bool, queue *list.List) (*Conn, error) {
	c, err := s.getOnce(ctx, l, want, force, queue)
	if err != nil {
		if why, ok := crowded(err); ok {
			return s.getInTurn(ctx, l, want, force, queue, why)
		}
	}
	return c, err
}

// getOnce is get, but that the store's own refusal for want of connections is
// its error.
func (s *Store) getOnce(ctx context.Context, l Login, want *Session, force bool, queue *list.List) (*Conn, error) {
	l = s.access.Load().as(l)
	l.Capabilities &= fromLogin
	c, err := s.take(ctx, l, want, force, queue)
	if err != nil {
		return nil, err
	}
	if c != nil {
		if c.ready() {
			if !c.stale && c.session.Equal(want) {
				return c, nil
			}
			if err = c.Align(ctx, want); err == nil {
				return c, nil
			}
			var answer *protocol.Error
			if ctx.Err() != nil || errors.As(err, &answer) {
				c.Release()
				return nil, err
			}
		}
		s.forget(c) // but not its place: a new one takes it
		c.quit()
	}
	if c, err = s.dial(ctx, l, force); err != nil {
		return nil, err
	}
	if err = c.Align(ctx, want); err == nil {
		return c, nil
	}
	c.Release()
	return nil, err
}

// take returns an idle connection, or nil for the right to open one.
func (s *Store) take(ctx context.Context, l Login, want *Session, force bool, queue *list.List) (*Conn, error) {
	s.mu.Lock()
	if !force && s.State() == Down {
		s.mu.Unlock()
		return nil, ErrDown
	}
	p := s.pools[l]
	if p == nil {
		p = &pool{login: l}
		s.pools[l] = p
	}
	if queue.Len() == 0 && (queue == &s.urgent || s.open-s.idle < s.tuning.Load().shared()) {
		if c := p.best(want); c != nil {
			s.unlink(c)
			s.mu.Unlock()
			return c, nil
		}
		if s.open < s.tuning.Load().MaxConns {
			s.open++
			s.mu.Unlock()
			return nil, nil
		}
		if c := s.oldest; c != nil { // of another login, or in another database
			s.unlink(c)
			delete(s.conns, c)
			s.mu.Unlock()
			c.quit()
			return nil, nil
		}
	}
	w := &waiter{pool: p, want: want, force: force, queue: queue, ready: make(chan struct{})}
	e := queue.PushBack(w)
	s.mu.Unlock()
	return s.wait(ctx, w, e)
}

// wait waits until w, queued as e, is served. The wait is bounded also because
// clients may wait for each other: one that holds the last connection to this
// store for the last one to another.
func (s *Store) wait(ctx context.Context, w *waiter, e *list.Element) (*Conn, error) {
	defer s.endWait(time.Now())
	bound := s.tuning.Load().WaitTimeout
	timer := time.NewTimer(bound)
	defer timer.Stop()
	s.waiting.Add(1)
	defer s.waiting.Add(-1)
	var why error
	select {
	case <-w.ready:
		return w.conn, w.err
	case <-ctx.Done():
		why = context.Cause(ctx)
	case <-timer.C:
		s.counts.timeouts.Add(1)
		why = protocol.Errorf(protocol.ErrConCount, "dsmproxy: all %d connections to store %s have been in use for %s "+
			"(pool.max_conns, pool.wait_timeout)", s.tuning.Load().shared(), s.cfg.Name, bound)
	}
	s.mu.Lock()
	select {
	case <-w.ready: // served in the meantime: pass it on
		s.mu.Unlock()
		switch {
		case w.conn != nil:
			w.conn.Release()
		case w.err == nil:
			s.free()
		}
	default:
		w.queue.Remove(e)
		s.mu.Unlock()
	}
	return nil, why
}

// next takes out who is to have a connection, or the right to one, that is being
// given back and still counts as used; nil for nobody. s.mu is held.
func (s *Store) next() *waiter {
	if e := s.urgent.Front(); e != nil {
		return s.urgent.Remove(e).(*waiter)
	}
	if e := s.waiters.Front(); e != nil && s.open-s.idle <= s.tuning.Load().shared() {
		return s.waiters.Remove(e).(*waiter)
	}
	return nil
}

// put makes c idle, or hands it to who waits longest.
func (s *Store) put(c *Conn) {
	c.rested = s.tick.Load()
	s.putBack(c, false)
}

// putBack has c go back to its pool, as the last that is used again if last is
// set, or to who waits.
func (s *Store) putBack(c *Conn, last bool) {
	s.mu.Lock()
	if c.isIdle {
		s.mu.Unlock()
		panic("store: connection released twice")
	}
	if w := s.next(); w != nil {
		if w.pool == c.pool && c.canHaveDB(w.want) {
			w.conn = c
			close(w.ready)
			s.mu.Unlock()
			return
		}
		delete(s.conns, c) // w opens a connection in its place
		close(w.ready)
		s.mu.Unlock()
		c.quit()
		return
	}
	// SetAccess may have come since Release has looked.
	if s.closed || c.cause.Load() != nil || c.expired.Load() || s.overfull() {
		s.open--
		delete(s.conns, c)
		s.mu.Unlock()
		c.quit()
		return
	}
	if last {
		s.linkLast(c)
	} else {
		s.link(c)
	}
	s.mu.Unlock()
}

// free gives back the right to a connection, to who waits longest for one.
func (s *Store) free() {
	s.mu.Lock()
	s.freeLocked()
	s.mu.Unlock()
}

func (s *Store) freeLocked() {
	if w := s.next(); w != nil {
		close(w.ready)
		return
	}
	s.open--
}

// enroll registers a connection that has logged in.
func (s *Store) enroll(c *Conn) {
	s.mu.Lock()
	c.pool = s.pools[c.login]
	c.shard = meter.AnyShard()
	s.conns[c] = struct{}{}
	if c.access != s.access.Load() {
		c.expired.Store(true)
	}
	s.mu.Unlock()
}

// forget drops a connection that is in use from the register, yet keeps its
// place for the one that the caller dials instead.
func (s *Store) forget(c *Conn) {
	s.mu.Lock()
	delete(s.conns, c)
	s.mu.Unlock()
}

// remove forgets a connection that is in use and will be closed.
func (s *Store) remove(c *Conn) {
	s.mu.Lock()
	if _, ok := s.conns[c]; ok {
		delete(s.conns, c)
		s.freeLocked()
	}
	s.mu.Unlock()
}

// wakeAll ends the waits of those who need not wait for a store that is down;
// s.mu is held.
func (s *Store) wakeAll() {
	for _, queue := range []*list.List{&s.waiters, &s.urgent} {
		var next *list.Element
		for e := queue.Front(); e != nil; e = next {
			next = e.Next()
			if w := e.Value.(*waiter); !w.force {
				queue.Remove(e)
				w.err = ErrDown
				close(w.ready)
			}
		}
	}
}

// takeAllIdle empties the pools; s.mu is held. The caller closes what it gets.
func (s *Store) takeAllIdle() []*Conn {
	idle := make([]*Conn, 0, s.idle)
	for s.oldest != nil {
		c := s.oldest
		s.unlink(c)
		delete(s.conns, c)
		s.freeLocked()
		idle = append(idle, c)
	}
	return idle
}

// best returns the idle connection that is brought to want at the least cost:
// one that has it already, one that misses some SETs, one that must be reset,
// one whose reset has not been answered yet. nil: there is none that can.
func (p *pool) best(want *Session) *Conn {
	var near, far, resetting *Conn
	depth := searchDepth
	for c := p.top; c != nil && depth > 0; c = c.below {
		depth--
		switch {
		case c.resetting > 0:
			if resetting == nil && c.canHaveDB(want) {
				resetting = c
			}
		case !c.stale && c.session.Equal(want):
			return c
		case !c.canHaveDB(want) || near != nil:
		default:
			if _, ok := want.since(c.session); ok && !c.stale {
				near = c
			} else if far == nil {
				far = c
			}
		}
	}
	switch {
	case near != nil:
		return near
	case far != nil:
		return far
	}
	return resetting
}

// link makes c idle; s.mu is held.
func (s *Store) link(c *Conn) {
	p := c.pool
	c.isIdle = true
	c.below = p.top
	if p.top != nil {
		p.top.above = c
	} else {
		p.bottom = c
	}
	p.top = c
	c.older = s.newest
	if s.newest != nil {
		s.newest.newer = c
	} else {
		s.oldest = c
	}
	s.newest = c
	s.idle++
}

// linkLast makes c an idle connection, as if it had been released before all
// others; s.mu is held.
func (s *Store) linkLast(c *Conn) {
	p := c.pool
	c.isIdle = true
	c.above = p.bottom
	if p.bottom != nil {
		p.bottom.below = c
	} else {
		p.top = c
	}
	p.bottom = c
	c.newer = s.oldest
	if s.oldest != nil {
		s.oldest.older = c
	} else {
		s.newest = c
	}
	s.oldest = c
	s.idle++
}

// unlink takes an idle connection out; s.mu is held.
func (s *Store) unlink(c *Conn) {
	if c.above != nil {
		c.above.below = c.below
	} else {
		c.pool.top = c.below
	}
	if c.below != nil {
		c.below.above = c.above
	} else {
		c.pool.bottom = c.above
	}
	if c.newer != nil {
		c.newer.older = c.older
	} else {
		s.newest = c.older
	}
	if c.older != nil {
		c.older.newer = c.newer
	} else {
		s.oldest = c.newer
	}
	c.above, c.below, c.newer, c.older = nil, nil, nil, nil
	c.isIdle = false
	s.idle--
}
