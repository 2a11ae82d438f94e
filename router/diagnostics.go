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
	err := s.setState(inner, &textRequest{payload: append([]byte{byte(protocol.ComQuery)}, text...)}, nil)
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
		code, _ := strconv.ParseUint(string(note[1]), 10, 16)
		state := rewrite.SQLState(uint16(code))
		if s.own.state != "" && string(note[0]) == "Error" {
			state = s.own.state
		}
		return "_utf8 x'" + fmt.Sprintf("%x", state) + "'"
	case "message_text":
		if charset := s.results().charset; charset != "utf8mb4" && charset != "utf8mb3" {
			return fmt.Sprintf("CONVERT(_%s x'%x' USING utf8)", charset, note[2])
		}
		return fmt.Sprintf("_utf8 x'%x'", note[2])
	}
	return "_utf8 ''"
}
