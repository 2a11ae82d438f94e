package store

import (
	"container/list"
	"context"
	"strings"
	"time"

	"github.com/dsmproxy/dsmproxy/protocol"
)

// A store may have less room than MaxConns: other proxies and programs use it
// too. What it refuses for that is tried again, for as long as the wait for one of
// MaxConns may take: connections that others give back are taken, and one is
// opened as soon as there is room.

// crowdedPause is the time between two attempts.
const crowdedPause = 50 * time.Millisecond

// errUserLimit is that of a resource which an account has used up.
const errUserLimit = 1226

// crowded reports whether err is a store's that has no connection to spare.
func crowded(err error) (*protocol.Error, bool) {
	e, ok := err.(*protocol.Error)
	if !ok || strings.HasPrefix(e.Message, "dsmproxy:") { // ours, of MaxConns
		return nil, false
	}
	return e, e.Code == protocol.ErrConCount || e.Code == protocol.ErrTooManyUserConnections || e.Code == errUserLimit
}

// getInTurn is get once the store has refused a connection by why.
func (s *Store) getInTurn(ctx context.Context, l Login, want *Session, force bool, queue *list.List, why *protocol.Error) (*Conn, error) {
	bound := s.tuning.Load().WaitTimeout
	s.cfg.Log.Warn("store has no connection to spare", "store", s.cfg.Name, "err", why,
		"action", "statements wait for one; raise max_connections there, or lower pool.max_conns")
	began := time.Now()
	defer s.endWait(began)
	s.waiting.Add(1)
	defer s.waiting.Add(-1)
	for {
		pause := time.NewTimer(crowdedPause)
		select {
		case <-ctx.Done():
			pause.Stop()
			return nil, context.Cause(ctx)
		case <-pause.C:
		}
		c, err := s.getOnce(ctx, l, want, force, queue)
		e, again := crowded(err)
		switch {
		case !again:
			return c, err
		case time.Since(began) > bound:
			s.counts.timeouts.Add(1)
			return nil, protocol.Errorf(protocol.ErrConCount, "dsmproxy: store %s has had no connection to spare for %s (pool.wait_timeout; max_connections there): %s",
				s.cfg.Name, bound, e.Message)
		}
	}
}
