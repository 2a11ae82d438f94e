package store

import (
	"crypto/sha256"
	"encoding/binary"
	"slices"
	"strings"
)

// Session is the part of a client's session state that can be replayed on a
// store connection: its database, autocommit, and its SET statements in order.
// It is immutable; With and the like return a new one. A nil Session is the
// state after the login.
type Session struct {
	db           string
	noAutocommit bool
	sets         []assignment
}

// assignment is one SET statement.
type assignment struct {
	sql      []byte
	names    []string // what it assigns, in lower case
	constant bool
	// chain is the fingerprint of this statement and all before it, so that
	// lists, and beginnings of lists, are compared by their last element.
	chain fingerprint
}

// fingerprint is a SHA-256, cut short.
type fingerprint [16]byte

// WithDB returns the state with another default database.
func (s *Session) WithDB(db string) *Session {
	if s.DB() == db {
		return s
	}
	t := s.clone()
	t.db = db
	return t
}

// DB is the default database; "" for none.
func (s *Session) DB() string {
	if s == nil {
		return ""
	}
	return s.db
}

// WithAutocommit returns the state with autocommit on or off.
func (s *Session) WithAutocommit(on bool) *Session {
	if s.Autocommit() == on {
		return s
	}
	t := s.clone()
	t.noAutocommit = !on
	return t
}

// Autocommit is true in a nil Session.
func (s *Session) Autocommit() bool { return s == nil || !s.noAutocommit }

// WithSet returns the state after a SET statement that assigns the variables
// named: system variables, "@name" for a user variable, "names" for SET NAMES,
// "charset" for SET CHARACTER SET. constant says that all their values are
// constants, so that it makes void every earlier SET of no other variables
// (unless one that is not constant stands between), and the state does not grow
// with the number of SETs.
func (s *Session) WithSet(sql []byte, names []string, constant bool) *Session {
	a := assignment{sql: slices.Clone(sql), names: lower(names), constant: constant}
	t := s.clone()
	kept := make([]assignment, 0, len(t.sets)+1)
	if constant {
		kept = withoutVoid(kept, t.sets, covered(a.names))
	} else {
		kept = append(kept, t.sets...)
	}
	t.sets = chain(append(kept, a), t.sets)
	return t
}

// Equal reports whether two states are the same; it compares fingerprints.
func (s *Session) Equal(t *Session) bool {
	if s == t {
		return true
	}
	if s == nil {
		s, t = t, s
	}
	if t == nil {
		return s.db == "" && !s.noAutocommit && len(s.sets) == 0
	}
	return s.noAutocommit == t.noAutocommit && s.fingerprint() == t.fingerprint() && s.db == t.db
}

// fingerprint is that of the SET statements.
func (s *Session) fingerprint() fingerprint {
	if s == nil || len(s.sets) == 0 {
		return fingerprint{}
	}
	return s.sets[len(s.sets)-1].chain
}

// since returns the SETs that bring a connection whose state is have to s, and
// whether there are such: have's own must be the first of s's, or those that
// are not must be constants which s assigns anew before any of its remaining
// SETs reads a variable.
func (s *Session) since(have *Session) (rest []assignment, ok bool) {
	var mine, theirs []assignment
	if s != nil {
		mine = s.sets
	}
	if have != nil {
		theirs = have.sets
	}
	common := 0
	for common < len(mine) && common < len(theirs) && mine[common].chain == theirs[common].chain {
		common++
	}
	rest, extra := mine[common:], theirs[common:]
	if len(extra) == 0 {
		return rest, true
	}
	var anew []string
	for _, a := range rest {
		if !a.constant {
			break
		}
		anew = append(anew, covered(a.names)...)
	}
	for _, a := range extra {
		if !a.constant || !subset(a.names, anew) {
			return nil, false
		}
	}
	return rest, true
}

// parsesAlike reports whether a PREPARE reads a text in both states alike: they
// have the same database, and the same SETs of what the parser looks at.
func (s *Session) parsesAlike(t *Session) bool {
	return s.DB() == t.DB() && slices.EqualFunc(s.parsing(), t.parsing(),
		func(a, b *assignment) bool { return slices.Equal(a.sql, b.sql) })
}

// parsing are the SETs that the parser depends on: all of them, if a value of
// one that it looks at was computed.
func (s *Session) parsing() []*assignment {
	if s == nil {
		return nil
	}
	var some, all []*assignment
	computed := false
	for i := range s.sets {
		a := &s.sets[i]
		all = append(all, a)
		if slices.ContainsFunc(a.names, forParser) {
			some = append(some, a)
			computed = computed || !a.constant
		}
	}
	if computed {
		return all
	}
	return some
}

// forParser reports whether the parser looks at a variable. A user variable is
// none of those: PREPARE does not read it.
func forParser(name string) bool {
	return name == "sql_mode" || name == "names" || strings.HasPrefix(name, "char") || strings.HasPrefix(name, "collation_")
}

// clone returns a copy that shares the SETs, which nobody changes.
func (s *Session) clone() *Session {
	if s == nil {
		return &Session{}
	}
	t := *s
	return &t
}

// withoutVoid appends to kept those of sets that a constant assignment of names
// after them leaves in force. What stands before one that is not constant, and
// stays, may have been read by it.
func withoutVoid(kept, sets []assignment, names []string) []assignment {
	from := len(sets)
	for from > 0 {
		a := &sets[from-1]
		if !a.constant && !subset(a.names, names) {
			break
		}
		from--
	}
	kept = append(kept, sets[:from]...)
	for _, a := range sets[from:] {
		if !subset(a.names, names) {
			kept = append(kept, a)
		}
	}
	return kept
}

// chain computes the fingerprints of sets, in place, but for those at the
// beginning that are former's.
func chain(sets, former []assignment) []assignment {
	var last fingerprint
	same := true
	for i := range sets {
		same = same && i < len(former) && sets[i].chain == former[i].chain
		if same {
			last = sets[i].chain
			continue
		}
		h := sha256.New()
		h.Write(last[:])
		var n [8]byte
		binary.LittleEndian.PutUint64(n[:], uint64(len(sets[i].sql)))
		h.Write(n[:])
		h.Write(sets[i].sql)
		var sum [sha256.Size]byte
		h.Sum(sum[:0])
		copy(last[:], sum[:])
		sets[i].chain = last
	}
	return sets
}

// covered is names and what else an assignment of them assigns.
func covered(names []string) []string {
	if slices.Contains(names, "names") || slices.Contains(names, "charset") {
		return append(slices.Clone(names), "names", "charset", "character_set_client",
			"character_set_results", "character_set_connection", "collation_connection")
	}
	return names
}

func subset(names, of []string) bool {
	for _, n := range names {
		if !slices.Contains(of, n) {
			return false
		}
	}
	return true
}

func lower(names []string) []string {
	l := make([]string, len(names))
	for i, n := range names {
		l[i] = strings.ToLower(n)
	}
	return l
}
