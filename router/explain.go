package router

import (
	"github.com/dsmproxy/dsmproxy/rewrite"
	"github.com/dsmproxy/dsmproxy/router/replica"
)

// explain carries out EXPLAIN, DESCRIBE or ANALYZE of a statement that names
// records: at a store that holds the first of them, if it can be told.
func (s *session) explain(st *rewrite.Statement, req replica.Request, args rewrite.Args) error {
	var err error
	if s.loose(st, args) || s.findKeys(st, st.Plan.Keys, args) != nil || len(s.keys) == 0 {
		err = s.any(st.Plan, req)
	} else {
		err = s.data.ReadNear(s.keys[0], req)
	}
	if err == nil && !s.failed() {
		s.data.ForgetNext() // it has opened the tables
	}
	return err
}
