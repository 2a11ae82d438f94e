package protocol

import "time"

// Limits bound what clients may use. A Server begins with its fields of the
// same names, and SetLimits changes them while it runs.
type Limits struct {
	MaxClients, MaxPendingLogins     int
	MaxUserClients, MaxLoginFailures int
	HandshakeTimeout, IdleTimeout    time.Duration
	WriteTimeout, StatementTimeout   time.Duration
	MaxPacket                        int
}

// ownLimits are the limits that the Server's fields give.
func (s *Server) ownLimits() *Limits {
	return (&Limits{
		MaxClients: s.MaxClients, MaxPendingLogins: s.MaxPendingLogins,
		MaxUserClients: s.MaxUserClients, MaxLoginFailures: s.MaxLoginFailures,
		HandshakeTimeout: s.HandshakeTimeout, IdleTimeout: s.IdleTimeout,
		WriteTimeout: s.WriteTimeout, StatementTimeout: s.StatementTimeout, MaxPacket: s.MaxPacket,
	}).withDefaults()
}

// withDefaults replaces the zero values that stand for another one.
func (l *Limits) withDefaults() *Limits {
	if l.HandshakeTimeout <= 0 {
		l.HandshakeTimeout = defaultHandshakeTimeout
	}
	if l.WriteTimeout <= 0 {
		l.WriteTimeout = defaultWriteTimeout
	}
	if l.MaxPacket <= 0 {
		l.MaxPacket = defaultMaxPacket
	}
	return l
}

// SetLimits puts other limits in force. Clients that are there stay, even if
// there are too many of them now. It is safe for concurrent use.
func (s *Server) SetLimits(l Limits) {
	s.begin.Do(s.init)
	s.limits.Store(l.withDefaults())
}

// tooManyOf is what a client is told whose user has enough of them; the caller
// holds mu.
func (s *Server) tooManyOf(user string) *Error {
	if most := s.limits.Load().MaxUserClients; most == 0 || s.users[user] < most {
		return nil
	}
	s.overUser.Add(1)
	return Errorf(ErrTooManyUserConnections, "User %s already has more than 'max_user_connections' active connections", user)
}

// reseat counts a client for another user, for COM_CHANGE_USER.
func (s *Server) reseat(from, to string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if from == to {
		return nil
	}
	if err := s.tooManyOf(to); err != nil {
		return err
	}
	s.leaves(from)
	s.users[to]++
	return nil
}

// leaves counts one client less of a user; the caller holds mu.
func (s *Server) leaves(user string) {
	if s.users[user]--; s.users[user] <= 0 {
		delete(s.users, user)
	}
}

// takesTooLong reports whether a command that began at tick since is to be
// ended for its time, and has not been.
func (s *Server) takesTooLong(c *Client, since, now int64) bool {
	most := s.limits.Load().StatementTimeout
	return most > 0 && c.expired != since && passed(now-since, most)
}

// idleTooLong reports whether a client that is idle since tick -since is to be
// ended for it.
func (s *Server) idleTooLong(c *Client, since, now int64) bool {
	most := s.limits.Load().IdleTimeout
	if own := time.Duration(c.idle.Load()); own > 0 && (most == 0 || own < most) {
		most = own
	}
	return most > 0 && passed(now+since, most)
}

// tooLong is what a server of the greeting's kind answers.
func (s *Server) tooLong() *Error {
	if isMariaDB(s.version()) {
		return Errorf(ErrStatementTimeout, "Query execution was interrupted (max_statement_time exceeded)")
	}
	return Errorf(ErrQueryTimeout, "Query execution was interrupted, maximum statement execution time exceeded")
}
