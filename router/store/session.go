package store

// Session is the part of a client's session state that can be replayed on a
// store connection: its database, autocommit, and its SET statements in order.
// It is immutable; With and the like return a new one. A nil Session is the
// state after the login.
type Session struct {
	// to be written by the owner of this package
}

// WithDB returns the state with another default database.
func (s *Session) WithDB(db string) *Session { panic("contract only") }

// DB is the default database; "" for none.
func (s *Session) DB() string { panic("contract only") }

// WithAutocommit returns the state with autocommit on or off.
func (s *Session) WithAutocommit(on bool) *Session { panic("contract only") }

// Autocommit is true in a nil Session.
func (s *Session) Autocommit() bool { panic("contract only") }

// WithSet returns the state after a SET statement that assigns the variables
// named. constant says that all their values are constants, so that it makes
// void every earlier constant SET of no other variables (unless one that is
// not constant stands between), and the state does not grow with the number
// of SETs.
func (s *Session) WithSet(sql []byte, names []string, constant bool) *Session {
	panic("contract only")
}

// Equal reports whether two states are the same; it compares fingerprints.
func (s *Session) Equal(t *Session) bool { panic("contract only") }
