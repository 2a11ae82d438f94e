package store

import "slices"

// PackedSession is a Session as another process can read it. What is text in SQL
// is bytes, for it need not be UTF-8.
type PackedSession struct {
	DB           []byte
	NoAutocommit bool
	Sets         []PackedSet
}

// PackedSet is one SET statement.
type PackedSet struct {
	SQL      []byte
	Names    [][]byte
	Constant bool
}

// Pack returns the state for another process.
func (s *Session) Pack() PackedSession {
	if s == nil {
		return PackedSession{}
	}
	p := PackedSession{DB: []byte(s.db), NoAutocommit: s.noAutocommit}
	for _, a := range s.sets {
		set := PackedSet{SQL: a.sql, Constant: a.constant}
		for _, name := range a.names {
			set.Names = append(set.Names, []byte(name))
		}
		p.Sets = append(p.Sets, set)
	}
	return p
}

// Size is about how many bytes the state is made of.
func (s *Session) Size() int {
	if s == nil {
		return 0
	}
	size := len(s.db)
	for _, a := range s.sets {
		const each = 50
		size += each + len(a.sql)
		for _, name := range a.names {
			size += len(name)
		}
	}
	return size
}

// Session returns the state that was packed.
func (p PackedSession) Session() *Session {
	s := &Session{db: string(p.DB), noAutocommit: p.NoAutocommit}
	for _, set := range p.Sets {
		a := assignment{sql: slices.Clone(set.SQL), constant: set.Constant}
		for _, name := range set.Names {
			a.names = append(a.names, string(name))
		}
		s.sets = append(s.sets, a)
	}
	s.sets = chain(s.sets, nil)
	return s
}
