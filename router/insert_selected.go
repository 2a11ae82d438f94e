package router

import (
	"encoding/hex"
	"strings"
	"unicode/utf8"

	"github.com/dsmproxy/dsmproxy/protocol"
	"github.com/dsmproxy/dsmproxy/rewrite"
	"github.com/dsmproxy/dsmproxy/router/replica"
)

// insertSelected carries an INSERT or REPLACE out whose records only its SELECT
// tells: what that answers is inserted as literals. The two are no transaction of
// their own: what others write in between is not seen, as at READ COMMITTED.
func (s *session) insertSelected(st *rewrite.Statement, req replica.Request, args rewrite.Args) error {
	p := st.Plan
	_, binary := req.(*prepared)
	switch {
	case p.Pins != "":
		return refuse(p.Pins)
	case len(p.Assigns) > 0:
		return refuse("INSERT ... SELECT that assigns a user variable")
	case p.ResultSet && binary:
		return refuse("INSERT ... SELECT ... RETURNING of a prepared statement")
	case s.data.ReadOnly():
		return s.readOnlyTransaction()
	}
	whole, err := s.bound(st, args)
	if err != nil {
		return err
	}
	parts, why := whole.Selected()
	if why != "" {
		return refuse(why)
	}
	names, rows, err := s.literals(parts.Select)
	if err != nil {
		return err
	}
	if len(rows) == 0 {
		if told := s.mismatch(parts.Head, len(names), parts.Tail); told != nil {
			return told
		}
		err := s.data.NothingInserted()
		s.remembered(p)
		s.own.foundRows = 0
		return err
	}
	text := append([]byte(nil), parts.Head...)
	if column, err := s.data.Numbered(s.table(p)); err != nil {
		return err
	} else if len(rows) == 1 && column == "" && !parts.Row { // as a SELECT, it says how many records it had
		text = append(append(text, " SELECT "...), strings.Join(rows[0], ", ")...)
	} else {
		text = append(text, " VALUES "...)
		for i, row := range rows {
			if i > 0 {
				text = append(text, ", "...)
			}
			text = append(append(append(text, '('), strings.Join(row, ", ")...), ')')
		}
	}
	text = append(append(text, ' '), parts.Tail...)
	var with rewrite.Statement
	s.router.Planner.Plan(&with, text, s.data.State().DB(), s.mode)
	if with.Plan.Selects { // something behind the SELECT is of another table
		return refuse("INSERT from another table")
	}
	if err := s.carryOut(&with, &textRequest{payload: append([]byte{byte(protocol.ComQuery)}, text...)}, nil); err != nil {
		return err
	}
	if !s.failed() && !parts.Row {
		s.own.foundRows = uint64(len(rows))
	}
	return nil
}

// mismatch is what a store has against columns that are to get what a SELECT of so
// many columns answers; nil if nothing, or if it could not be asked.
func (s *session) mismatch(head []byte, columns int, tail []byte) error {
	text := append(append([]byte(nil), head...), " VALUES (NULL"...)
	text = append(text, strings.Repeat(", NULL", columns-1)...)
	text = append(append(text, ") "...), tail...)
	if told, lost := s.data.Judge(text); lost == nil && told != nil && s.judges(told) {
		return told
	}
	return nil
}

// bound is a statement with literals in the place of its parameters, and of what
// tells of the session.
func (s *session) bound(st *rewrite.Statement, args rewrite.Args) (*rewrite.Statement, error) {
	if st.Plan.Params == 0 && st.Plan.Uses&ownUses == 0 {
		return st, nil
	}
	whole := new(rewrite.Statement)
	text, ok := st.WithParams(func(i int) (string, bool) { return boundLiteral(args, i) })
	if !ok {
		return nil, refuse("a SELECT in a write with a parameter that is neither text nor an integer")
	}
	s.router.Planner.Plan(whole, text, s.data.State().DB(), s.mode)
	if whole.Plan.Uses&ownUses != 0 {
		s.router.Planner.Plan(whole, whole.Substitute(s.tell), s.data.State().DB(), s.mode)
	}
	return whole, nil
}

// boundLiteral writes parameter i as a literal with the same bytes.
func boundLiteral(args rewrite.Args, i int) (sql string, ok bool) {
	if args == nil {
		return "", false
	}
	text, null, ok := args.Arg(i)
	if whole, is := args.(wholeArgs); !ok && is {
		if text, ok = whole.Whole(i); ok {
			return string(text), true
		}
	}
	typed, _ := args.(typedArgs)
	if !ok || null || typed == nil || typed.IsNumber(i) {
		return literal(args, i)
	}
	if charset := typed.Charset(i); charset == rewrite.CharsetBinary || !utf8.Valid(text) {
		return "x'" + hex.EncodeToString(text) + "'", true
	}
	return literal(args, i)
}

// literals carries a SELECT out and returns its columns' names and its rows, as
// they are inserted.
func (s *session) literals(text []byte) (names []string, rows [][]string, err error) {
	err = s.selects(text, func(w *replica.Scatter) (err error) {
		names, rows, err = s.data.Literals(w)
		return err
	})
	return names, rows, err
}

// selects has run carry a SELECT out whose rows become literals.
func (s *session) selects(text []byte, run func(w *replica.Scatter) error) error {
	st := new(rewrite.Statement)
	s.router.Planner.Plan(st, text, s.data.State().DB(), s.mode)
	p := st.Plan
	inTxn := s.data.InTxn() || !s.data.State().Autocommit()
	w := &replica.Scatter{Req: &textRequest{payload: append([]byte{byte(protocol.ComQuery)}, st.Text...)}, Limit: -1}
	close := func() {}
	var err error
	switch {
	case p.Refuse != "" && p.Computed == nil:
		return refusal(p)
	case p.Pins != "":
		return refuse(p.Pins)
	case p.Kind == rewrite.KindRead, p.Kind == rewrite.KindScatterRead:
		var keys [][]byte
		if p.Kind == rewrite.KindRead && !s.loose(st, nil) {
			if err := s.findKeys(st, p.Keys, nil); err != nil {
				return err
			}
			if keys = s.keys; keys == nil {
				keys = [][]byte{}
			}
		}
		w, close, err = s.scatterOf(st, w.Req, nil, keys)
	case p.Kind == rewrite.KindOtherTable:
		if err = s.otherRefused(p); err == nil && s.router.OtherTables < 0 {
			err = refusedJoin(p)
		}
	case p.Kind != rewrite.KindAny, p.Routines != nil:
		return refuse("a SELECT in a write that is " + p.Kind.String())
	}
	if err != nil {
		return err
	}
	defer close()
	if len(p.Others) > 0 {
		switch {
		case s.router.OtherTables < 0:
			return refusedJoin(p)
		case s.keeps != "": // a temporary table may hide one that is named
			return refuse("a write by another table by a client with temporary tables, LOCK TABLES or a CALL before")
		case inTxn && s.writesOthers:
			return refuse("a write by another table in a transaction that has written other tables")
		}
		if err := s.checkOthers(p); err != nil {
			return err
		}
		w.AtHome = true
	}
	return run(w)
}
