package protocol

import "time"

// sweepEvery is how often the sweeper looks at the clients.
const sweepEvery = time.Second

// firstTick is the sweeper's first round: clients that another process passes on
// may have been idle since before it.
const firstTick = 1 << 32

// sweep looks at all clients once a second, so that no statement needs a timer
// of its own: at those whose command has been running for a second or more, for
// the client may have vanished, and at those that are idle.
func (s *Server) sweep() {
	t := time.NewTicker(sweepEvery)
	defer t.Stop()
	var clients []*Client
	for {
		select {
		case <-s.stopSweep:
			s.refusals.flush(s.log, s.tick.Load(), true)
			return
		case <-t.C:
		}
		now := s.tick.Add(1)
		s.refusals.flush(s.log, now, false)
		s.failures.forget(now)
		clients = clients[:0]
		s.mu.Lock()
		for _, c := range s.clients {
			clients = append(clients, c)
		}
		s.mu.Unlock()
		for _, c := range clients {
			s.inspect(c, now)
		}
		clear(clients)
	}
}

// inspect ends c if it has vanished, takes no answer or was idle for too long.
func (s *Server) inspect(c *Client, now int64) {
	switch since := c.since.Load(); {
	case since > 0 && !c.vanished:
		switch {
		case now-since >= 2 && c.conn.peek.look() == peerGone:
			s.log.Debug("client vanished during its command", "client", c)
			s.lost(c)
		case s.takesTooLong(c, since, now):
			c.expired = since
			s.expired.Add(1)
			c.abort(s.tooLong(), false)
		case s.stuck(c, now):
			s.log.Info("client takes no answer", "client", c)
			s.lost(c)
		}
	case since < 0 && s.idleTooLong(c, since, now):
		if c.ending.Load() == nil {
			s.idled.Add(1)
		}
		c.end(Errorf(ErrIdleTimeout, "The client was disconnected by the server because of inactivity."))
	}
}

// passed reports whether so many ticks are d at least. A tick is a second at
// most, so that n of them are more than n-1 seconds.
func passed(ticks int64, d time.Duration) bool {
	return time.Duration(ticks-1)*sweepEvery >= d
}

// stuck reports whether one write to c has been under way for too long.
func (s *Server) stuck(c *Client, now int64) bool {
	w := c.conn.writes.Load()
	if w != c.writes {
		c.writes, c.writeSince = w, now
	}
	return w%2 == 1 && passed(now-c.writeSince, s.writeTimeout())
}

// lost ends a client to which nothing can be said, and its command.
func (s *Server) lost(c *Client) {
	c.vanished = true
	cause := Errorf(ErrQueryInterrupted, "Query execution was interrupted")
	c.end(cause)
	c.abort(cause, true)
}
