package protocol

// Clients that have not proved who they are get places of their own, so that
// strangers who only connect can't keep users out: one connection more than
// there are places, and the one that has waited longest is closed. A login
// takes milliseconds, so that is a stranger's.

// enter gives c its id and a place among the pending logins, and counts its
// goroutine. The client that it displaced, if any, is to be closed.
func (s *Server) enter(c *Client) (displaced *Client, refused *Error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closing {
		return nil, Errorf(ErrServerShutdown, "Server shutdown in progress")
	}
	if s.full() {
		return nil, s.tooMany()
	}
	if most := s.limits.Load().MaxPendingLogins; most > 0 && s.pending.Len() >= most {
		displaced = s.pending.Remove(s.pending.Front()).(*Client)
		displaced.place = nil
		s.displaced.Add(1)
	}
	for {
		s.lastID++
		if s.lastID != 0 && s.clients[s.lastID] == nil {
			break
		}
	}
	c.ID = s.lastID
	s.clients[c.ID] = c
	c.place = s.pending.PushBack(c)
	s.wg.Add(1)
	return displaced, nil
}

// full reports whether there are MaxClients clients; the caller holds mu.
func (s *Server) full() bool {
	most := s.limits.Load().MaxClients
	return most > 0 && s.seated >= most
}

func (s *Server) tooMany() *Error {
	s.refused.Add(1)
	return Errorf(ErrConCount, "Too many connections")
}

// seat moves a client that has proved who it is from the pending logins to the
// clients.
func (s *Server) seat(c *Client) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if c.place == nil {
		return errDisplaced
	}
	if s.full() {
		return s.tooMany()
	}
	if err := s.tooManyOf(c.User); err != nil {
		return err
	}
	s.pending.Remove(c.place)
	c.place, c.seated = nil, true
	s.seated++
	s.users[c.User]++
	return nil
}

// forget ends c, and undoes enter and seat.
func (s *Server) forget(c *Client) {
	c.raw.Close()
	s.pastQuestions.Add(c.questions.Load())
	s.mu.Lock()
	defer s.mu.Unlock()
	if c.place != nil {
		s.pending.Remove(c.place)
		c.place = nil
	}
	if c.seated {
		c.seated = false
		s.seated--
		s.leaves(*c.owner.Load())
	}
	delete(s.clients, c.ID)
	s.wg.Done()
}
