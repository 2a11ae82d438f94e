package store

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"time"
)

// State is whether a store is believed to be alive.
type State uint8

// The states of a store.
const (
	// Unknown: not reached yet since the proxy began. Left by the first probe
	// or statement.
	Unknown State = iota
	// Up: the last login or statement went well.
	Up
	// Down: the last one failed. Only the probe tries a store that is down; one
	// probe that logs in and gets an answer makes it Up.
	Down
)

// String is the state in lower case.
func (s State) String() string {
	switch s {
	case Up:
		return "up"
	case Down:
		return "down"
	}
	return "unknown"
}

// health is the state of a store at one time. It is never modified.
type health struct {
	state   State
	since   time.Time
	err     error
	refused bool // the store is there, but refuses the probe's login
	changed chan struct{}
}

// State is lock-free. A store that is drained is Down to all.
func (s *Store) State() State {
	if s.drained.Load() {
		return Down
	}
	return s.health.Load().state
}

// Changed returns a channel that is closed at the next change of State.
func (s *Store) Changed() <-chan struct{} { return s.health.Load().changed }

// alive notes that the store has let somebody in and answered. While it is
// Down only the probe may say so.
func (s *Store) alive(byProbe bool) {
	if h := s.health.Load(); h.state == Up {
		return
	} else if h.state == Down && !byProbe {
		s.suspectNow()
		return
	}
	s.mu.Lock()
	h := s.health.Load()
	if h.state == Up {
		s.mu.Unlock()
		return
	}
	if h.state == Down {
		s.up, s.goDown = context.WithCancelCause(context.Background())
		s.noReset.Store(false) // it may be another version now
	}
	s.change(&health{state: Up, err: h.err})
	s.mu.Unlock()
	s.cfg.Log.Info("store up", "store", s.cfg.Name, "version", s.Version(),
		"was", h.state.String(), "lasted", time.Since(h.since).Round(time.Millisecond), "action", s.upAction(h.state))
}

// upAction says what becomes of a store that is up and was not.
func (s *Store) upAction(was State) string {
	switch {
	case s.cfg.Grouped && was == Down:
		return "it serves again when the group has it up, with all its records"
	case s.cfg.Grouped:
		return "it serves when the group has it up"
	case s.Drained():
		return "none: it is drained"
	case was == Down:
		return "statements go to it again"
	}
	return "statements go to it"
}

// downAction says what becomes of the statements of a store that is down.
func (s *Store) downAction() string {
	if s.cfg.Grouped {
		return "its records wait until the group has excluded it, then other stores serve them; it is probed every "
	}
	return "statements go to other stores; it is probed every "
}

// down notes that nobody answers at the store: it drops the idle connections,
// ends the dials, wakes those who wait for a connection, and aborts the
// connections in use, so that nobody waits for an answer that will not come.
// Of a store that is Down already only connections from before began are
// aborted: those that Get was forced to make.
func (s *Store) down(err error, began time.Time) {
	s.mu.Lock()
	h := s.health.Load()
	wasDown := h.state == Down
	if wasDown {
		s.health.Store(&health{state: Down, since: h.since, err: err, changed: h.changed})
	} else {
		s.change(&health{state: Down, err: err})
		s.goDown(ErrDown)
		s.wakeAll()
	}
	idle := s.takeAllIdle()
	var busy []*Conn
	for c := range s.conns {
		if !wasDown || c.born.Before(began) {
			busy = append(busy, c)
		}
	}
	s.mu.Unlock()
	for _, c := range idle {
		c.close()
	}
	for _, c := range busy {
		c.abort(&downError{err})
	}
	switch {
	case Unproven(err) && !(wasDown && Unproven(h.err)): // somebody must act, whatever it was down for
		s.cfg.Log.Error("store down", "store", s.cfg.Name, "err", err,
			"was", h.state.String(), "lasted", time.Since(h.since).Round(time.Millisecond),
			"action", "renew the certificate at the store, or correct tls of the store in the configuration")
	case !wasDown:
		s.cfg.Log.Warn("store down", "store", s.cfg.Name, "err", err,
			"was", h.state.String(), "lasted", time.Since(h.since).Round(time.Millisecond),
			"action", s.downAction()+s.tuning.Load().ProbeInterval.String())
	}
}

// Unproven reports whether a store's certificate was not accepted.
func Unproven(err error) bool {
	return errors.As(err, new(*tls.CertificateVerificationError)) || errors.As(err, new(x509.CertificateInvalidError)) ||
		errors.As(err, new(x509.UnknownAuthorityError)) || errors.As(err, new(x509.HostnameError))
}

// refused notes that the store refuses the probe's login. What is in use goes
// on: other logins may be good.
func (s *Store) refused(err error) {
	s.mu.Lock()
	h := s.health.Load()
	if h.refused {
		s.mu.Unlock()
		return
	}
	if h.state == Down {
		s.health.Store(&health{state: Down, since: h.since, err: err, refused: true, changed: h.changed})
	} else {
		s.change(&health{state: Down, err: err, refused: true})
		s.goDown(ErrDown)
		s.wakeAll()
	}
	s.mu.Unlock()
	s.cfg.Log.Error("store down", "store", s.cfg.Name, "err", err,
		"was", h.state.String(), "lasted", time.Since(h.since).Round(time.Millisecond),
		"action", "let the proxy's user in at the store, or correct user and password in the configuration")
}

// stillDown notes why a store that is Down did not let the probe in.
func (s *Store) stillDown(err error) {
	s.mu.Lock()
	if h := s.health.Load(); h.state == Down {
		s.health.Store(&health{state: Down, since: h.since, err: err, changed: h.changed})
	}
	s.mu.Unlock()
}

// change makes h the health of the store; s.mu is held.
func (s *Store) change(h *health) {
	if h.state == Down {
		s.counts.downs.Add(1)
	}
	h.since = time.Now()
	h.changed = make(chan struct{})
	close(s.health.Swap(h).changed)
}

// suspectNow asks for a probe at once.
func (s *Store) suspectNow() {
	select {
	case s.suspect <- struct{}{}:
	default:
	}
}

// downError is why a connection fails whose store was found to be down.
type downError struct{ cause error }

func (e *downError) Error() string        { return "store is down: " + e.cause.Error() }
func (e *downError) Is(target error) bool { return target == ErrDown }
