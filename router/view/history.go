package view

import "time"

// History is what a proxy has seen of each store's register lately. It answers
// which views may still be leased by somebody. It is immutable.
type History struct {
	// changed is when the register was last seen to have moved, lastUp when a
	// phase Up was last seen to have ended. Times are the proxy's own.
	changed, lastUp []time.Duration
}

// NewHistory is that of a proxy which sees its first view at now: any other
// may have been leased until then.
func NewHistory(stores int, now time.Duration) *History {
	h := &History{changed: make([]time.Duration, stores), lastUp: make([]time.Duration, stores)}
	for s := range stores {
		h.changed[s], h.lastUp[s] = now, now
	}
	return h
}

// Calm is the history of a proxy that knows that no view but the present one
// is leased.
func Calm(stores int) *History {
	h := &History{changed: make([]time.Duration, stores), lastUp: make([]time.Duration, stores)}
	for s := range stores {
		h.changed[s], h.lastUp[s] = longAgo, longAgo
	}
	return h
}

const longAgo = time.Duration(-1 << 62)

// Moved is h after the view went from old to v at now.
func (h *History) Moved(old, v *View, now time.Duration) *History {
	next := &History{
		changed: append([]time.Duration(nil), h.changed...),
		lastUp:  append([]time.Duration(nil), h.lastUp...),
	}
	for s := range v.gens {
		if old.gens[s] == v.gens[s] {
			continue
		}
		next.changed[s] = now
		if old.State(s) == Up || passes(old.gens[s], v.gens[s], Up) {
			next.lastUp[s] = now
		}
	}
	return next
}

// Quiet reports whether nothing has changed for longer than wait.
func (h *History) Quiet(now, wait time.Duration) bool {
	for _, at := range h.changed {
		if now-wait <= at {
			return false
		}
	}
	return true
}

// MustWait reports whether a write in v may not be acknowledged yet: a store
// that it does not reach may be the readable primary of its key in a view that
// somebody holds a lease of. A lease has certainly ended wait after its view
// was seen to be gone.
//
// The walk follows the order as a reader of any such view would. It ends at a
// store that was Up all the time: in none of those views is a store behind it
// the primary. So a write waits after the exclusion of its primary only, not
// after that of a copy, nor for a store that comes back.
func (h *History) MustWait(v *View, order []uint16, n int, now, wait time.Duration) bool {
	owners := 0
	for _, s := range order {
		up := v.gens[s].State() == Up
		owner := up && owners < n
		if owner {
			owners++
		}
		if !owner && (up || now-wait <= h.lastUp[s]) {
			return true
		}
		if up && now-wait > h.changed[s] {
			return false
		}
	}
	return false
}

// MayLead reports whether a store that is not the primary of a key in v may be
// its primary in a view that somebody holds a lease of.
func (h *History) MayLead(store int, v *View, order []uint16, now, wait time.Duration) bool {
	for _, s := range order {
		up := v.gens[s].State() == Up
		switch {
		case int(s) == store:
			return up || now-wait <= h.lastUp[s]
		case up && now-wait > h.changed[s]:
			return false
		}
	}
	return false
}
