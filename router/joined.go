package router

import (
	"errors"
	"slices"
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
	parts, why := whole.Joined(s.router.Planner.Ours(s.data.State().DB()))
	if p.Verb == rewrite.VerbDelete { // which table a target is, and whether it is one, a server knows best
		const unknownTable = 1109
		if told, lost := s.data.Judge(whole.Text); lost == nil && told != nil && (told.Code == unknownTable || endsTransaction(told)) {
			return told
		}
	}
	if why != "" {
		return refuse(why)
	}
	if told := s.readsWritten(p, whole.Text); told != nil {
		return told
	}
	var texts [][]byte
	for i := range parts {
		text, err := s.joinedText(&parts[i])
		var refused *protocol.Error
		if errors.As(err, &refused) && refused.Code == errBadField {
			// Which clause it is in is another question.
			if told, lost := s.data.Judge(whole.Text); lost == nil && told != nil && (told.Code == errBadField || endsTransaction(told)) {
				return told
			}
		}
		if err != nil {
			return err
		}
		texts = append(texts, text)
	}
	if len(texts) > 1 {
		if why := goesOn(p); why != "" {
			return refuse(why + " in a write of several records")
		}
		return s.writeParts(p, texts)
	}
	return s.carryOutText(p, texts[0])
}

// readsWritten is what the stores have against a write that reads what it writes:
// MySQL takes none whose subquery does, MariaDB does, and in parts it would be
// carried out at both. The store of the other tables is asked if there are some,
// for they have to be there. nil if there is nothing against it, or no store could
// be asked.
func (s *session) readsWritten(p *rewrite.Plan, text []byte) error {
	const updateTableUsed = 1093
	at := -1
	if len(p.Others) > 0 {
		at = s.router.OtherTables
	}
	told, lost := s.data.JudgeAt(at, text)
	if lost != nil || told == nil {
		return nil
	}
	if told.Code == updateTableUsed || endsTransaction(told) || at < 0 && p.Joins && s.judges(told) {
		return told
	}
	return nil
}

// joinedText is a part with what it needs of other tables in its place.
func (s *session) joinedText(part *rewrite.JoinedPart) ([]byte, error) {
	joints := slices.Clone(part.Joints)
	var texts []string
	size := 0
	for i := 0; i < len(joints); i++ {
		columns, rows, err := s.exactly(joints[i].Select)
		var refused *protocol.Error
		if errors.As(err, &refused) && refused.Code == errBadField && len(joints[i].Within) > 0 {
			joints = slices.Replace(joints, i, i+1, joints[i].Within...)
			i--
			continue
		}
		if err != nil {
			return nil, err
		}
		if err := s.collate(part, &joints[i], columns, rows); err != nil {
			return nil, err
		}
		if part.Outer && !joints[i].Query {
			rows = slices.DeleteFunc(rows, noRow)
		}
		texts = append(texts, inPlace(columns, rows))
		if size += len(texts[i]); size > maxJoined {
			return nil, tooMuch()
		}
	}
	return part.With(joints, texts), nil
}

func tooMuch() error {
	return refuse("a write by other tables, or other records, of which it needs more than 1 MiB")
}

// exactly reads the rows of a SELECT as literals that are what they stand for.
func (s *session) exactly(text []byte) (columns []replica.LiteralColumn, rows [][]string, err error) {
	err = s.selects(text, func(w *replica.Scatter) (err error) {
		columns, rows, err = s.data.ExactLiterals(w, true, maxJoined)
		return err
	})
	if errors.Is(err, replica.ErrTooLong) {
		err = tooMuch()
	}
	return columns, rows, err
}

// noRow reports whether a row is the one that an outer join puts where there is
// none.
func noRow(row []string) bool {
	return !slices.ContainsFunc(row, func(v string) bool { return v != "NULL" })
}

// carryOutText carries out what has been made of a statement with p.
func (s *session) carryOutText(p *rewrite.Plan, text []byte) error {
	var again rewrite.Statement
	s.router.Planner.Plan(&again, text, s.data.State().DB(), s.mode)
	if again.Plan.Joins || again.Plan.Gathers {
		if p.Refuse != "" {
			return refusal(p)
		}
		return refuse("a write by other records of a session table")
	}
	return s.carryOut(&again, &textRequest{payload: append([]byte{byte(protocol.ComQuery)}, text...)}, nil)
}

// writeParts carries a statement out that writes several session tables: in one
// transaction, the client's or one of its own.
func (s *session) writeParts(p *rewrite.Plan, texts [][]byte) error {
	var runs []func() error
	for _, text := range texts {
		runs = append(runs, func() error { return s.carryOutText(p, text) })
	}
	err := s.data.AsOne(runs, p.Verb == rewrite.VerbUpdate)
	if err == nil {
		s.remembered(p)
	}
	return err
}

// inPlace is a query that answers with the rows.
func inPlace(columns []replica.LiteralColumn, rows [][]string) string {
	var b strings.Builder
	b.WriteByte('(')
	for i := range max(1, len(rows)) {
		if i > 0 {
			b.WriteString(" UNION ALL ")
		}
		b.WriteString("SELECT ")
		for j, column := range columns {
			if j > 0 {
				b.WriteString(", ")
			}
			if len(rows) == 0 {
				b.WriteString("NULL")
			} else {
				b.WriteString(rows[i][j])
			}
			if i == 0 {
				b.WriteString(" AS `" + strings.ReplaceAll(column.Name, "`", "``") + "`")
			}
		}
	}
	if len(rows) == 0 {
		b.WriteString(" FROM DUAL WHERE 1=0")
	}
	b.WriteByte(')')
	return b.String()
}
