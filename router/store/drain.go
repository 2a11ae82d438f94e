package store

import "time"

// A store is drained to be taken out of service for a while: the proxy goes on
// as if it were down, but lets what runs there end. It is still probed.

// Drain takes the store out of service, or with false puts it back. It reports
// whether that has changed anything. The last store that is left is used all the
// same, as one is that is down.
func (s *Store) Drain(out bool) bool {
	s.mu.Lock()
	changed := s.drained.Swap(out) != out
	if changed {
		s.drainedAt = time.Now()
		h := *s.health.Load()
		old := h.changed
		h.changed = make(chan struct{})
		s.health.Store(&h)
		close(old)
		if out {
			s.wakeAll()
		}
	}
	s.mu.Unlock()
	switch {
	case changed && out:
		s.cfg.Log.Warn("store drained", "store", s.cfg.Name,
			"action", "other stores serve its records until it is undrained; what runs there ends by itself")
	case changed:
		s.cfg.Log.Info("store undrained", "store", s.cfg.Name, "state", s.State().String(),
			"action", "statements go to it again as soon as it is up")
	}
	return changed
}

// Drained reports whether the store is out of service.
func (s *Store) Drained() bool { return s.drained.Load() }
