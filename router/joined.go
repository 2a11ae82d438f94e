package router

import (
	"errors"
	"strings"

	"github.com/dsmproxy/dsmproxy/protocol"
	"github.com/dsmproxy/dsmproxy/rewrite"
	"github.com/dsmproxy/dsmproxy/router/replica"
)

// maxJoined bounds what is read of other tables for a write of session tables, in
// bytes of SQL.
const maxJoined = 1 << 20

// errBadField is the error of a column that is not known.
const errBadField = 1054

// writeJoined carries an UPDATE or DELETE of session tables out that goes by
// other tables: with what it needs of them in their place.
func (s *session) writeJoined(st *rewrite.Statement, req replica.Request, args rewrite.Args) error {
	p := st.Plan
	_, binary := req.(*prepared)
	switch {
	case len(p.Assigns) > 0:
		return refuse(p.Refuse + " and assigns a user variable")
	case p.ResultSet && binary:
		return refuse(p.Refuse + " with RETURNING, of a prepared statement")
	case s.data.ReadOnly():
		return s.readOnlyTransaction()
	}
	whole, err := s.bound(st, args)
	if err != nil {
		return err
	}
	parts, with, why := whole.Joined()
	if why != "" {
		return refuse(why)
	}
	texts := make([]string, len(parts))
	size := 0
	for i := range parts {
		names, rows, err := s.literals(parts[i].Select)
		var refused *protocol.Error
		if parts[i].Query && errors.As(err, &refused) && refused.Code == errBadField {
			return refuse("a write by a query of another table that names a column of the record")
		}
		if err != nil {
			return err
		}
		texts[i] = inPlace(names, rows)
		if size += len(texts[i]); size > maxJoined {
			return refuse(p.Refuse + " of which it needs more than 1 MiB")
		}
	}
	text := with(texts)
	var again rewrite.Statement
	s.router.Planner.Plan(&again, text, s.data.State().DB(), s.mode)
	if again.Plan.Joins {
		return refusal(p)
	}
	return s.carryOut(&again, &textRequest{payload: append([]byte{byte(protocol.ComQuery)}, text...)}, nil)
}

// inPlace is a query that answers with the rows.
func inPlace(names []string, rows [][]string) string {
	var b strings.Builder
	b.WriteByte('(')
	for i := range max(1, len(rows)) {
		if i > 0 {
			b.WriteString(" UNION ALL ")
		}
		b.WriteString("SELECT ")
		for j, name := range names {
			if j > 0 {
				b.WriteString(", ")
			}
			if len(rows) == 0 {
				b.WriteString("NULL")
			} else {
				b.WriteString(rows[i][j])
			}
			if i == 0 {
				b.WriteString(" AS `" + strings.ReplaceAll(name, "`", "``") + "`")
			}
		}
	}
	if len(rows) == 0 {
		b.WriteString(" FROM DUAL WHERE 1=0")
	}
	b.WriteByte(')')
	return b.String()
}
