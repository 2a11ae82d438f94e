package protocol

import "time"

// sweepEvery is how often the sweeper looks at the clients.
const sweepEvery = time.Second

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
			return
		case <-t.C:
		}
		now := s.tick.Add(1)
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

// inspect ends c if it has vanished or was idle for too long. A tick is a
// second at most, so that n of them are more than n-1 seconds.
func (s *Server) inspect(c *Client, now int64) {
	switch since := c.since.Load(); {
	case since > 0:
		if now-since >= 2 && !c.vanished && c.conn.peek.look() == peerGone {
			c.vanished = true
			s.log.Debug("client vanished during its command", "client", c)
			cause := Errorf(ErrQueryInterrupted, "Query execution was interrupted")
			c.end(cause)
			c.abort(cause, true)
		}
	case since < 0 && s.IdleTimeout > 0:
		if time.Duration(now+since-1)*sweepEvery >= s.IdleTimeout {
			c.end(Errorf(ErrIdleTimeout, "The client was disconnected by the server because of inactivity."))
		}
	}
}
