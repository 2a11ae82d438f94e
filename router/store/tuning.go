package store

import "time"

// Tuning is how many connections a store gets and how it is watched, which may
// change while it serves. Its fields are those of Config.
type Tuning struct {
	MaxConns, Reserve, MaxIdle  int
	MaxLifetime, WaitTimeout    time.Duration
	ConnectTimeout              time.Duration
	ProbeInterval, ProbeTimeout time.Duration
}

// withDefaults returns t with its zero values replaced.
func (t Tuning) withDefaults() *Tuning {
	if t.MaxConns == 0 {
		t.MaxConns = 200
	}
	t.MaxConns = max(t.MaxConns, t.Reserve+1)
	if t.MaxIdle == 0 || t.MaxIdle > t.MaxConns {
		t.MaxIdle = t.MaxConns
	}
	if t.WaitTimeout == 0 {
		t.WaitTimeout = 10 * time.Second
	}
	if t.ConnectTimeout == 0 {
		t.ConnectTimeout = time.Second
	}
	if t.ProbeInterval == 0 {
		t.ProbeInterval = 250 * time.Millisecond
	}
	if t.ProbeTimeout == 0 {
		t.ProbeTimeout = time.Second
	}
	return &t
}

// shared is how many connections those who wait in Get may use in all.
func (t *Tuning) shared() int { return t.MaxConns - t.Reserve }

// SetTuning has the store go by t from now on. Who waits for a connection that
// there may be now gets it; of too many the idle ones are closed soon, and those
// in use when they are given back. Waits that have begun end when they were to,
// and lanes stay as many as they are.
func (s *Store) SetTuning(t Tuning) {
	now := t.withDefaults()
	s.mu.Lock()
	s.tuning.Store(now)
	s.maxIdle = now.MaxIdle
	for s.open < now.MaxConns {
		s.open++ // for who comes next, as if it were given back
		w := s.next()
		if w == nil {
			s.open--
			break
		}
		close(w.ready)
	}
	s.mu.Unlock()
	s.suspectNow() // the probe learns its interval
}

// overfull reports whether there are more connections than there may be by now;
// s.mu is held.
func (s *Store) overfull() bool { return s.open > s.tuning.Load().MaxConns }
