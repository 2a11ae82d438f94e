package router

import (
	"github.com/dsmproxy/dsmproxy/rewrite"
	"github.com/dsmproxy/dsmproxy/router/replica"
)

// SYSDATE() would give each store its own time, whatever SET timestamp says. In
// a write it is the time at which the statement begins, as with sysdate_is_now.

// withNow returns a write with SYSDATE(), and its request, in that form. done is
// to be called afterwards.
func (s *session) withNow(st *rewrite.Statement, req replica.Request) (*rewrite.Statement, replica.Request, func()) {
	switch st.Plan.Verb {
	case rewrite.VerbInsert, rewrite.VerbReplace, rewrite.VerbUpdate, rewrite.VerbDelete:
	default:
		return st, req, func() {}
	}
	if s.fixedTime || st.Plan.Table == nil {
		return st, req, func() {}
	}
	text := st.WithNow()
	timed := new(rewrite.Statement)
	s.router.Planner.Plan(timed, text, s.data.State().DB(), s.mode)
	told := variant(req, text)
	if p, ok := told.(*prepared); ok {
		return timed, told, p.stmt.Close
	}
	return timed, told, func() {}
}
