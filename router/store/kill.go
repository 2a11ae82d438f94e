package store

import (
	"context"
	"strconv"

	"github.com/dsmproxy/dsmproxy/protocol"
)

// maxKillers bounds the connections that only carry a KILL at one time.
const maxKillers = 4

// KillQuery ends the statement that victim runs, by another connection of the
// same login. It may be called while the connection is in use, and after that;
// its user sees to it that it runs nothing else meanwhile.
func (s *Store) KillQuery(ctx context.Context, victim *Conn) error {
	return s.kill(ctx, victim, "KILL QUERY ")
}

// KillConn ends a connection at the store, with what it runs, which the store
// may not notice the end of the socket of. It may be called as KillQuery may.
func (s *Store) KillConn(ctx context.Context, victim *Conn) error {
	return s.kill(ctx, victim, "KILL ")
}

func (s *Store) kill(ctx context.Context, victim *Conn, verb string) error {
	s.mu.Lock()
	if victim.isIdle { // it runs nothing
		s.mu.Unlock()
		return nil
	}
	var c *Conn
	if p := s.pools[victim.login]; p != nil && victim.access == s.access.Load() {
		if c = p.top; c != nil && c.resetting == 0 {
			s.unlink(c)
		} else {
			c = nil
		}
	}
	s.mu.Unlock()
	sql := verb + strconv.FormatUint(uint64(victim.thread), 10)
	if c != nil && c.ready() {
		_, err := c.Exec(ctx, sql)
		c.Release()
		return unlessGone(err)
	}
	if c != nil {
		c.Discard()
	}
	// Some more than MaxConns, for a moment: a kill must not wait for what it is
	// to end.
	select {
	case s.killers <- struct{}{}:
		defer func() { <-s.killers }()
	case <-ctx.Done():
		return context.Cause(ctx)
	}
	dctx, cancel := context.WithTimeout(ctx, s.tuning.Load().ConnectTimeout)
	defer cancel()
	c, err := s.login(dctx, victim.access, victim.access.as(victim.login))
	if err != nil {
		if e, ok := err.(*protocol.Error); ok {
			return e
		}
		return s.netError(err, false)
	}
	defer c.quit()
	_, err = c.Exec(dctx, sql)
	return unlessGone(err)
}

// unlessGone is the outcome of a KILL: a thread that has ended is what it wants.
func unlessGone(err error) error {
	if e, ok := err.(*protocol.Error); ok && e.Code == protocol.ErrNoSuchThread {
		return nil
	}
	return err
}
