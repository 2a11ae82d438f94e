package store

import (
	"context"
	"slices"
	"time"
)

// How often the janitor comes, and to do what.
const (
	cleanInterval = 500 * time.Millisecond
	checkRounds   = 10 // between two looks for connections that the store has closed
	openRounds    = 2  // for so many an idle connection may keep a table open
)

// clean keeps the idle connections tidy until ctx ends: statements that their
// clients have closed are closed, connections that are too old or too many are
// too, and those that the store has closed are dropped.
func (s *Store) clean(ctx context.Context) {
	t := time.NewTicker(cleanInterval)
	defer t.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-t.C:
		}
		round := s.tick.Add(1)
		if s.closes.Load() > 0 {
			s.closeStatements()
		}
		if s.texts.Load() > 0 {
			s.dropTexts(round)
		}
		s.tidyLanes()
		s.letGo(round)
		for _, c := range s.surplus(time.Now()) {
			c.quit()
		}
		if round%checkRounds == 0 {
			s.dropDead()
		}
	}
}

// closeStatements sends the idle connections' pending COM_STMT_CLOSE.
func (s *Store) closeStatements() {
	s.mu.Lock()
	var pending []*Conn
	for c := s.oldest; c != nil; {
		next := c.newer
		if c.hasCloses.Load() {
			s.unlink(c)
			pending = append(pending, c)
		}
		c = next
	}
	s.mu.Unlock()
	for _, c := range pending {
		if c.queueCloses() != nil || c.flush() != nil {
			c.Discard()
			continue
		}
		s.put(c)
	}
}

// letGo resets the connections that have been idle for a while and keep a table
// open (KeepsOpen): who changes the table, or flushes all tables for a backup,
// waits for them. In one that is used, the next statement makes way. They go
// below all others, so that they stay unused as long as they are not needed.
func (s *Store) letGo(round uint32) {
	var open []*Conn
	s.mu.Lock()
	for c := s.oldest; c != nil && round-c.rested >= openRounds; {
		newer := c.newer
		if c.keepsOpen {
			s.unlink(c)
			open = append(open, c)
		}
		c = newer
	}
	s.mu.Unlock()
	for _, c := range slices.Backward(open) {
		if !c.startReset() {
			c.Discard()
			continue
		}
		s.putBack(c, true)
	}
}

// surplus takes out the idle connections that are too old, and the longest
// unused of those that are too many, and marks the old ones that are in use.
func (s *Store) surplus(now time.Time) []*Conn {
	var old []*Conn
	s.mu.Lock()
	defer s.mu.Unlock()
	take := func(c *Conn) {
		s.unlink(c)
		delete(s.conns, c)
		s.freeLocked()
		old = append(old, c)
	}
	for s.idle > s.maxIdle || s.idle > 0 && s.overfull() {
		take(s.oldest)
	}
	lifetime := s.tuning.Load().MaxLifetime
	if lifetime <= 0 {
		return old
	}
	for c := range s.conns {
		if now.Sub(c.born) < lifetime {
			continue
		}
		if c.isIdle {
			take(c)
		} else {
			c.expired.Store(true)
		}
	}
	return old
}

// KeepIdle has the store keep n idle connections at most.
func (s *Store) KeepIdle(n int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.maxIdle = n
}

// dropDead drops the idle connections that the store has closed.
func (s *Store) dropDead() {
	s.mu.Lock()
	idle := make([]*Conn, 0, s.idle)
	for c := s.oldest; c != nil; c = c.newer {
		if c.resetting == 0 {
			idle = append(idle, c)
		}
	}
	s.mu.Unlock()
	for _, c := range idle {
		if c.pc.Alive() {
			continue
		}
		s.mu.Lock()
		gone := c.isIdle // if not, who uses it finds out
		if gone {
			s.unlink(c)
		}
		s.mu.Unlock()
		if gone {
			c.Discard()
			s.suspectNow()
		}
	}
}
