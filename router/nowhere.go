package router

import (
	"strings"

	"github.com/dsmproxy/dsmproxy/protocol"
	"github.com/dsmproxy/dsmproxy/rewrite"
	"github.com/dsmproxy/dsmproxy/router/store"
)

// nowhere returns the error that a server has for a statement with a table that
// it does not have, if none of the stores has one of the tables that the plan
// names besides the session tables; nil if they have, or can't all be asked.
func (s *session) nowhere(p *rewrite.Plan) *protocol.Error {
	if p == s.searched || p.Verb != rewrite.VerbSelect && !writes(p.Verb) {
		return nil
	}
	s.searched = p
	for _, name := range p.Others {
		schema, table, ok := strings.Cut(name, ".")
		if !ok {
			schema, table = s.data.State().DB(), name
		}
		if schema == "" {
			return protocol.Errorf(protocol.ErrNoDB, "No database selected")
		}
		at, ok := s.anywhere("information_schema.TABLES WHERE TABLE_SCHEMA = " + text(schema) + " AND TABLE_NAME = " + text(table))
		switch {
		case !ok:
			return nil
		case at && !strings.EqualFold(table, leaseTable):
			continue
		}
		if !s.mariaDB() {
			if at, ok = s.anywhere("information_schema.SCHEMATA WHERE SCHEMA_NAME = " + text(schema)); ok && !at {
				return protocol.Errorf(protocol.ErrBadDB, "Unknown database '%s'", schema)
			}
		}
		return protocol.Errorf(protocol.ErrNoSuchTable, "Table '%s.%s' doesn't exist", schema, table)
	}
	return nil
}

// anywhere reports whether a store has rows of a kind. ok is false if one can't
// be asked.
func (s *session) anywhere(rows string) (there, ok bool) {
	for i, st := range s.router.Set.Stores() {
		if st.State() != store.Up {
			return false, false
		}
		found, err := s.router.Set.QueryAt(s.data.Context(), i, "SELECT 1 FROM "+rows+" LIMIT 1")
		if err != nil {
			return false, false
		}
		if len(found) > 0 {
			return true, true
		}
	}
	return false, true
}
