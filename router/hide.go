package router

import (
	"strings"

	"github.com/dsmproxy/dsmproxy/rewrite"
	"github.com/dsmproxy/dsmproxy/router/replica"
)

// leaseTable is the proxy's own table among the application's (see
// router/replica/surrogate_lease.go). It is not shown: whoever dumps all tables
// that are shown could not read it, and must not write it.
const leaseTable = "dsmproxy_ids"

// list carries a SHOW of tables out, or a SELECT of what is known of them.
func (s *session) list(st *rewrite.Statement, req replica.Request) error {
	if text := st.WithoutTable(leaseTable, s.data.State().DB()); text != nil {
		req = variant(req, text)
		if p, ok := req.(*prepared); ok {
			defer p.stmt.Close()
		}
	}
	err := s.any(st.Plan, req)
	if err == nil && !s.failed() && !s.mariaDB() {
		s.data.ForgetNext() // MySQL reads tables of its own for it
	}
	return err
}

// isLeaseTable reports whether a name, with or without its schema, is that
// table's.
func isLeaseTable(name string) bool {
	return strings.EqualFold(name[strings.LastIndexByte(name, '.')+1:], leaseTable)
}
