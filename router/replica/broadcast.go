package replica

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/dsmproxy/dsmproxy/protocol"
	"github.com/dsmproxy/dsmproxy/router/store"
)

// maxBacklog bounds what is remembered for one store that is down.
const maxBacklog = 1000

// backlog are the statements that a store has missed while it was down. They
// live in this proxy's memory only.
type backlog struct {
	mu      sync.Mutex
	missed  []missed
	running bool
	lost    int // statements beyond maxBacklog
}

type missed struct {
	state *store.Session
	sql   string
}

// Broadcast carries DDL out on every store. The first store that answers
// decides what the client sees; a store that is down gets sql when it returns,
// unless that is "".
func (c *Client) Broadcast(req Request, sql string) error {
	if c.InTxn() {
		if err := c.Commit(); err != nil {
			return err
		}
	}
	c.set.schemas.forget()
	defer c.set.schemas.forget()
	c.set.numbers.forget()
	c.copies = c.copies[:0]
	var down []int
	var last error
	for i := range c.set.stores {
		conn, err := c.acquire(i, false, false)
		if err == nil {
			err = c.send(conn, req)
			if err != nil {
				c.drop(i, conn)
			}
		}
		switch {
		case err == nil:
			c.copies = append(c.copies, copyOf{store: i, conn: conn, sent: true})
		case c.ctx.Err() != nil:
			c.dropUnread()
			return c.aborted()
		case !storeFailed(err):
			c.dropUnread()
			return err
		default:
			down, last = append(down, i), err
		}
	}
	answered := false
	for i := range c.copies {
		cp := &c.copies[i]
		if err := c.readOne(&Write{Req: req}, cp, !answered); err != nil {
			c.drop(cp.store, cp.conn)
			down, last = append(down, cp.store), err
			continue
		}
		c.finishCopy(cp)
		if e := cp.answer.Err; e != nil && answered && c.frame.Answer().Err == nil {
			c.set.log.Warn("store differs on a statement for all stores",
				"store", c.set.stores[cp.store].Name(), "err", e)
		}
		answered = true
	}
	switch {
	case c.ctx.Err() != nil:
		return c.aborted()
	case !answered:
		return unreachable(last)
	}
	if c.frame.Answer().Err == nil && sql != "" {
		for _, i := range down {
			c.set.remember(i, missed{c.state, sql})
		}
	}
	if _, err := c.out.Conn().Write(c.held); err != nil {
		return err
	}
	c.answered()
	return c.settle()
}

// remember keeps a statement for a store that is down.
func (s *Set) remember(i int, m missed) {
	b := &s.pending[i]
	b.mu.Lock()
	defer b.mu.Unlock()
	if len(b.missed) == maxBacklog {
		b.lost++
		s.log.Error("store misses a statement for good: too many while it was down",
			"store", s.stores[i].Name(), "limit", maxBacklog)
		return
	}
	b.missed = append(b.missed, m)
}

// Run gives stores that return what they have missed, until ctx ends.
func (s *Set) Run(ctx context.Context) error {
	for i := range s.stores {
		s.catchUps.Go(func() { s.catchUp(ctx, i) })
	}
	s.catchUps.Wait()
	s.kills.Wait()
	return ctx.Err()
}

func (s *Set) catchUp(ctx context.Context, i int) {
	st := s.stores[i]
	for {
		changed := st.Changed()
		if st.State() == store.Up {
			s.replay(ctx, i)
		}
		select {
		case <-ctx.Done():
			return
		case <-changed:
		case <-time.After(time.Second): // what was missed while it came up
		}
	}
}

// replay runs what store i has missed, in order.
func (s *Set) replay(ctx context.Context, i int) {
	b := &s.pending[i]
	for {
		b.mu.Lock()
		if len(b.missed) == 0 {
			b.mu.Unlock()
			return
		}
		m := b.missed[0]
		b.mu.Unlock()
		conn, err := s.stores[i].Get(ctx, s.service, m.state, false)
		if err != nil {
			return
		}
		_, err = conn.Exec(ctx, m.sql)
		var refused *protocol.Error
		if errors.As(err, &refused) {
			s.log.Warn("store differs on a statement that it had missed", "store", s.stores[i].Name(), "err", refused)
		} else if err != nil {
			conn.Discard()
			return
		}
		conn.Release()
		b.mu.Lock()
		b.missed = b.missed[1:]
		b.mu.Unlock()
	}
}
