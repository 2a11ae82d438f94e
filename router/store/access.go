package store

import (
	"crypto/tls"
	"net"
)

// Access is where a store is and who logs in there, which may change while it
// serves. Its fields are those of Config.
type Access struct {
	Network, Addr  string
	User, Password string
	ProbeLogin     Login
	TLS            *tls.Config
}

// withDefaults returns a with its zero values replaced.
func (a Access) withDefaults() *Access {
	if a.Network == "" {
		a.Network = "tcp"
	}
	if a.ProbeLogin.User == "" {
		a.ProbeLogin.User, a.ProbeLogin.Password = a.User, a.Password
	}
	if a.TLS != nil {
		a.TLS = a.TLS.Clone()
		if a.TLS.ServerName == "" {
			a.TLS.ServerName = a.Addr
			if host, _, err := net.SplitHostPort(a.Addr); err == nil {
				a.TLS.ServerName = host
			}
		}
	}
	return &a
}

// as is the login with which a client's is carried out, or the proxy's own, which
// names no user.
func (a *Access) as(l Login) Login {
	switch {
	case a.User != "":
		l.User, l.Password = a.User, a.Password
	case l.User == "":
		l.User, l.Password = a.ProbeLogin.User, a.ProbeLogin.Password
	}
	return l
}

// SetAccess has the store reached in another way from now on. Idle connections
// are closed; those in use, and the lanes, when they have done what they do.
func (s *Store) SetAccess(a Access) {
	s.mu.Lock()
	s.access.Store(a.withDefaults())
	idle := s.takeAllIdle()
	for c := range s.conns {
		c.expired.Store(true)
	}
	s.mu.Unlock()
	s.certificateEnd.Store(0)
	s.noReset.Store(false) // it may be another version
	for _, c := range idle {
		c.quit()
	}
	s.suspectNow()
}
