package store

import "sync"

// Shared keeps one Stmt for all clients that have prepared the same text in the
// same session state, so that a store connection that has served one of them
// need not prepare it again for the next. What a client binds, sends as long
// data, or opens as a cursor, is never left on a connection that another one
// may get. The zero value is ready to use; it is safe for concurrent use.
type Shared struct {
	mu    sync.Mutex
	stmts map[sharedKey]*Stmt
}

// sharedKey is what makes statements equal.
type sharedKey struct {
	text, db     string
	noAutocommit bool
	sets         fingerprint
}

// Get returns the statement of text and session. Each Get wants one Close; the
// statement is closed at the stores with the last.
func (r *Shared) Get(text []byte, session *Session) *Stmt {
	key := sharedKey{
		text: string(text), db: session.DB(),
		noAutocommit: !session.Autocommit(), sets: session.fingerprint(),
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	st := r.stmts[key]
	if st == nil {
		st = &Stmt{Text: []byte(key.text), Session: session, shared: r, key: key}
		if r.stmts == nil {
			r.stmts = make(map[sharedKey]*Stmt)
		}
		r.stmts[key] = st
	}
	st.users++
	return st
}

// last notes that one user of st has closed it, and reports whether it was the
// last.
func (r *Shared) last(st *Stmt) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	st.users--
	if st.users > 0 {
		return false
	}
	delete(r.stmts, st.key)
	return true
}
