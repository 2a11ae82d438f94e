package store

import (
	"context"
	"strconv"

	"github.com/dsmproxy/dsmproxy/protocol"
)

// KillQuery ends the statement that the connection with the given thread id
// runs, by another connection of the same login. It may be called while the
// connection is in use; its user sees to it that it runs nothing else
// meanwhile. An id that is no connection of the proxy's is error 1094.
func (s *Store) KillQuery(ctx context.Context, thread uint32) error {
	s.mu.Lock()
	var login Login
	found := false
	for c := range s.conns {
		if c.thread == thread {
			login, found = c.login, true
			break
		}
	}
	var c *Conn
	if found {
		if c = s.pools[login].top; c != nil && c.resetting == 0 {
			s.unlink(c)
		} else {
			c = nil
		}
	}
	s.mu.Unlock()
	if c != nil && c.thread == thread { // idle: it runs nothing
		c.Release()
		return nil
	}
	if !found {
		return protocol.Errorf(protocol.ErrNoSuchThread, "Unknown thread id: %d", thread)
	}
	sql := "KILL QUERY " + strconv.FormatUint(uint64(thread), 10)
	if c != nil && c.ready() {
		_, err := c.Exec(ctx, sql)
		c.Release()
		return err
	}
	if c != nil {
		c.Discard()
	}
	// One more than MaxConns, for a moment: a kill must not wait for what it is
	// to end.
	dctx, cancel := context.WithTimeout(ctx, s.cfg.ConnectTimeout)
	defer cancel()
	c, err := s.login(dctx, login)
	if err != nil {
		if e, ok := err.(*protocol.Error); ok {
			return e
		}
		return s.netError(err, false)
	}
	defer c.quit()
	_, err = c.Exec(dctx, sql)
	return err
}
