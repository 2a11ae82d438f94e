package replica

import (
	"slices"
	"strings"
	"sync"
)

// The home of a name moves when a store dies, and would move back when it
// returns, while a client holds the lock where it was meanwhile. So the Set
// knows where clients of this proxy hold a name, or ask for it: there it is
// asked for until none does, or that store dies too. Other proxies' clients are
// not seen.

// lockHomes are the homes of the names that are in use. Its zero value is ready;
// it is safe for concurrent use.
type lockHomes struct {
	mu     sync.Mutex
	byName map[string]*lockHome // by the name in lower case; guarded by mu
}

// lockHome is one of them. A new one takes its place when its store dies.
type lockHome struct {
	name  string
	store int
	users int // clients; guarded by lockHomes.mu
}

// homeOf is the store where a name is in use, -1 if none that lives.
func (s *Set) homeOf(name string) int {
	s.lockHomes.mu.Lock()
	defer s.lockHomes.mu.Unlock()
	if h := s.lockHomes.byName[strings.ToLower(name)]; h != nil && s.live(h.store) {
		return h.store
	}
	return -1
}

// claim notes that the client is about to ask for a lock. It is to be followed
// by disclaim.
func (c *Client) claim(name string) {
	if c.holds(name) >= 0 {
		return
	}
	name = strings.ToLower(name)
	c.homes = slices.DeleteFunc(c.homes, func(h *lockHome) bool {
		stale := h.name == name
		if stale {
			c.set.lockHomes.leave(h)
		}
		return stale
	})
	home := c.lockHome(name)
	l := &c.set.lockHomes
	l.mu.Lock()
	defer l.mu.Unlock()
	h := l.byName[name]
	if h == nil || !c.set.live(h.store) {
		h = &lockHome{name: name, store: home}
		if l.byName == nil {
			l.byName = make(map[string]*lockHome)
		}
		l.byName[name] = h
	}
	h.users++
	c.homes = append(c.homes, h)
}

// disclaim forgets the names that the client has claimed and does not hold.
func (c *Client) disclaim() {
	c.enlistHolds()
	c.homes = slices.DeleteFunc(c.homes, func(h *lockHome) bool {
		gone := c.holds(h.name) < 0
		if gone {
			c.set.lockHomes.leave(h)
		}
		return gone
	})
}

// leave is the end of one client's claim.
func (l *lockHomes) leave(h *lockHome) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if h.users--; h.users == 0 && l.byName[h.name] == h {
		delete(l.byName, h.name)
	}
}
