package protocol

import "sync"

// Whoever guesses passwords is slowed down: after MaxLoginFailures wrong ones
// in a row, a user's logins from one host are looked at once a second, and
// refused unseen otherwise. Other users of that host, and that user from
// elsewhere, log in as ever. What is remembered is bounded, and forgotten after
// some quiet.

const (
	maxFailures    = 10_000 // pairs of user and host that are remembered
	forgetFailures = 60     // ticks of quiet
)

// failures are the logins that went wrong.
type failures struct {
	mu   sync.Mutex // guards list
	list map[loginName]*failure
}

// loginName is who tries, and from where.
type loginName struct{ user, host string }

// failure is how often one has failed in a row, and when last tried.
type failure struct {
	times int
	last  int64 // tick
}

// allowed reports whether a login may be tried now.
func (f *failures) allowed(who loginName, most int, now int64) bool {
	if most == 0 {
		return true
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	one := f.list[who]
	if one == nil || one.times < most || now > one.last {
		if one != nil {
			one.last = now
		}
		return true
	}
	return false
}

// ended notes how a login has ended.
func (f *failures) ended(who loginName, ok bool, most int, now int64) {
	if most == 0 {
		return
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	if ok {
		delete(f.list, who)
		return
	}
	one := f.list[who]
	if one == nil {
		if len(f.list) >= maxFailures {
			return
		}
		if f.list == nil {
			f.list = make(map[loginName]*failure)
		}
		one = new(failure)
		f.list[who] = one
	}
	one.times++
	one.last = now
}

// forget drops what is old.
func (f *failures) forget(now int64) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for who, one := range f.list {
		if now-one.last > forgetFailures {
			delete(f.list, who)
		}
	}
}
