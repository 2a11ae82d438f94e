package router

import (
	"fmt"
	"strconv"

	"github.com/dsmproxy/dsmproxy/protocol"
	"github.com/dsmproxy/dsmproxy/rewrite"
)

// GET DIAGNOSTICS tells of the last statement, whichever store has carried it
// out: what the session keeps of it is assigned to the user variables by a SET.

// diagnose carries GET DIAGNOSTICS out. It leaves what it tells of as it is.
func (s *session) diagnose(st *rewrite.Statement, args rewrite.Args) error {
	d := st.Plan.Diagnostics
	n, ok := int64(0), true
	switch {
	case d.CondVar != "":
		v, err := s.userVar(d.CondVar)
		if err != nil {
			return err
		}
		var bad error
		n, bad = strconv.ParseInt(string(v.Text), 10, 64)
		ok = bad == nil && !v.Null
	case d.Condition != nil:
		n, ok = st.Number(*d.Condition, args)
	}
	for _, item := range d.Items {
		if item.Name == "row_number" && !s.mariaDB() {
			return protocol.Errorf(protocol.ErrParse, misunderstood+"statement not understood near 'ROW_NUMBER'")
		}
	}
	asksOne := d.CondVar != "" || d.Condition != nil
	if asksOne && (!ok || n < 1 || n > int64(len(s.own.notes))) {
		return s.noCondition()
	}
	sql := ""
	for _, item := range d.Items {
		value := s.ofStatement(item.Name)
		if asksOne {
			value = s.ofCondition(item.Name, s.own.notes[n-1])
		}
		sql += ", " + rewrite.QuoteUserVar(item.Var) + "=" + value
	}
	inner := new(rewrite.Statement)
	text := []byte("SET " + sql[2:])
	s.router.Planner.Plan(inner, text, s.data.State().DB(), s.mode)
	rows := s.own.rowCount
	err := s.data.Hush(func() error { // a charset may be deprecated
		return s.setState(inner, &textRequest{payload: append([]byte{byte(protocol.ComQuery)}, text...)}, nil)
	})
	s.own.rowCount = rows
	return err
}

// noCondition is the answer to a GET DIAGNOSTICS of a condition that there is not.
func (s *session) noCondition() error {
	const invalid = 1758
	s.own.notes = append(s.own.notes, [][]byte{[]byte("Error"), strconv.AppendInt(nil, invalid, 10), []byte("Invalid condition number")})
	s.own.warnings++
	s.own.errors++
	if s.data.More {
		s.client.Status |= protocol.StatusMoreResults
		defer func() { s.client.Status &^= protocol.StatusMoreResults }()
	}
	return s.client.WriteOK(protocol.OK{Warnings: 1})
}

// ofStatement is an expression for what is known of the last statement.
func (s *session) ofStatement(item string) string {
	if item == "number" {
		return fmt.Sprintf("CAST(%d AS UNSIGNED)", s.own.warnings)
	}
	return strconv.FormatInt(s.own.rowCount, 10)
}

// ofCondition is an expression for what is known of an error or a warning.
func (s *session) ofCondition(item string, note [][]byte) string {
	switch item {
	case "mysql_errno":
		return "CAST(" + string(note[1]) + " AS UNSIGNED)"
	case "row_number":
		return "0"
	case "returned_sqlstate":
		return fmt.Sprintf("_utf8 x'%x'", s.stateOf(note))
	case "class_origin", "subclass_origin":
		if !s.mariaDB() { // which leaves them empty
			return "_utf8 '" + originOf(s.stateOf(note)) + "'"
		}
	case "message_text":
		if charset := s.results().charset; charset != "utf8mb4" && charset != "utf8mb3" {
			return fmt.Sprintf("CONVERT(_%s x'%x' USING utf8)", charset, note[2])
		}
		return fmt.Sprintf("_utf8 x'%x'", note[2])
	}
	return "_utf8 ''"
}

// stateOf is the SQLSTATE of an error or a warning.
func (s *session) stateOf(note [][]byte) string {
	if s.own.state != "" && string(note[0]) == "Error" {
		return s.own.state
	}
	code, _ := strconv.ParseUint(string(note[1]), 10, 16)
	return rewrite.SQLState(uint16(code))
}

// originOf is who has defined the class of an SQLSTATE, as MySQL says it.
func originOf(state string) string {
	if c := state[0]; c >= '0' && c <= '4' || c >= 'A' && c <= 'H' {
		return "ISO 9075"
	}
	return "MySQL"
}
