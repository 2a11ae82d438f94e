package router

import (
	"strconv"
	"strings"

	"github.com/dsmproxy/dsmproxy/rewrite"
)

// keyedByInsertID returns the statement with the value of LAST_INSERT_ID(), if
// that is what shows its keys, and st itself otherwise.
func (s *session) keyedByInsertID(st *rewrite.Statement) *rewrite.Statement {
	if !unkeyed(st.Plan) {
		return st
	}
	text := st.Substitute(func(use rewrite.Uses, name string) string {
		switch {
		case use&rewrite.UsesLastInsertID != 0:
			return strconv.FormatUint(s.own.insertID, 10)
		case strings.HasPrefix(name, "@@"):
			return name
		}
		return name + "()"
	})
	return s.keyed(st, text)
}

// unkeyed reports whether a statement with values in the place of what its
// session knows may be one of known keys.
func unkeyed(p *rewrite.Plan) bool {
	switch p.Kind {
	case rewrite.KindScatterRead, rewrite.KindBroadcast, rewrite.KindWriteByOther:
		return true
	case rewrite.KindReadForUpdate:
		return len(p.Keys) == 0
	}
	return p.Refuse != "" && !p.Malformed && !p.Elsewhere
}

// keyed plans text, which is st with such values, and returns that if it is a
// statement of known keys.
func (s *session) keyed(st *rewrite.Statement, text []byte) *rewrite.Statement {
	bound := new(rewrite.Statement)
	s.router.Planner.Plan(bound, text, s.data.State().DB(), s.mode)
	switch p := bound.Plan; p.Kind {
	case rewrite.KindRead, rewrite.KindReadForUpdate, rewrite.KindWrite, rewrite.KindMove,
		rewrite.KindWriteByOther, rewrite.KindBroadcast, rewrite.KindLock, rewrite.KindUnlock, rewrite.KindLockTest:
		if p.Refuse == "" {
			return bound
		}
	}
	return st
}
