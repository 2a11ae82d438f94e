package router

import (
	"github.com/dsmproxy/dsmproxy/rewrite"
	"github.com/dsmproxy/dsmproxy/router/replica"
)

// DDL may begin the numbers of a table anew: TRUNCATE, DROP TABLE, AUTO_INCREMENT
// = n. Other DDL leaves what is leased alone.

// numbering is that of the table that DDL begins the numbers of anew, before it
// is carried out; nil for none.
func (s *session) numbering(p *rewrite.Plan) *replica.Numbering {
	if !p.Restarts {
		return nil
	}
	return s.data.Numbering(s.table(p))
}

// restartNumbers is called after DDL; before is the numbering that its table
// had.
func (s *session) restartNumbers(st *rewrite.Statement, before *replica.Numbering) {
	p := st.Plan
	if p.Table == nil { // of a database
		s.data.ForgetNumbers()
		return
	}
	if !p.Restarts {
		return
	}
	if before == nil { // CREATE TABLE
		before = s.data.Numbering(s.table(p))
	}
	next := int64(1)
	if p.RestartAt != nil {
		next, _ = st.Number(*p.RestartAt, nil)
	}
	if before != nil {
		s.data.RestartNumbers(s.table(p), before, uint64(max(next, 1)))
	}
}
