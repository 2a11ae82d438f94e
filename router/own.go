package router

import (
	"bytes"
	"fmt"
	"strconv"
	"strings"

	"github.com/dsmproxy/dsmproxy/protocol"
	"github.com/dsmproxy/dsmproxy/rewrite"
	"github.com/dsmproxy/dsmproxy/router/replica"
)

// own is what a session tells of its own last statements: what MySQL keeps in
// the connection. Which store connection carried them out does not matter then.
type own struct {
	insertID  uint64
	rowCount  int64
	foundRows uint64
	warnings  uint16
	errors    int
	notes     [][][]byte // the rows of SHOW WARNINGS
}

// inform rewrites a statement that asks for any of that.
func (s *session) inform(st *rewrite.Statement, req replica.Request) (replica.Request, func()) {
	const asked = rewrite.UsesLastInsertID | rewrite.UsesFoundRows | rewrite.UsesRowCount |
		rewrite.UsesConnectionID | rewrite.UsesWarnings
	// Locks are held by store connections: to compare IS_USED_LOCK() with
	// CONNECTION_ID(), both must be the client's (see lock) or the store's.
	if st.Plan.Uses&asked == 0 || len(st.Plan.Locks) > 0 && !st.Plan.LocksApart {
		return req, func() {}
	}
	told := variant(req, st.Substitute(s.tell))
	if p, ok := told.(*prepared); ok {
		return told, p.stmt.Close
	}
	return told, func() {}
}

// tell is the value of a function or variable that shows the session's own.
func (s *session) tell(use rewrite.Uses, name string) string {
	switch {
	case use&rewrite.UsesLastInsertID != 0:
		return strconv.FormatUint(s.own.insertID, 10)
	case use&rewrite.UsesFoundRows != 0:
		return strconv.FormatUint(s.own.foundRows, 10)
	case use&rewrite.UsesRowCount != 0:
		return strconv.FormatInt(s.own.rowCount, 10)
	case use&rewrite.UsesConnectionID != 0:
		return strconv.FormatUint(uint64(s.client.ID), 10)
	case name == "error_count":
		return strconv.Itoa(s.own.errors)
	}
	return strconv.Itoa(int(s.own.warnings))
}

// remembered takes over what a statement's answer says of it.
func (s *session) remembered(p *rewrite.Plan) {
	a := s.data.Answer()
	if a.Err != nil {
		s.rememberError(a.Err)
		return
	}
	s.own.warnings, s.own.errors, s.own.notes = a.Warnings, 0, s.data.Notes
	s.own.rowCount = -1
	switch {
	case a.Columns == 0:
		s.own.rowCount = int64(a.AffectedRows)
		if a.InsertID != 0 {
			s.own.insertID = a.InsertID
		}
	case p.Pins == sqlCalcFoundRows:
		s.own.foundRows = s.data.FoundRows
	default:
		s.own.foundRows = a.Rows
	}
}

// sqlCalcFoundRows is the plan's name of that clause.
const sqlCalcFoundRows = "SQL_CALC_FOUND_ROWS"

// rememberError takes over an error that the client gets.
func (s *session) rememberError(e *protocol.Error) {
	s.own.rowCount, s.own.warnings, s.own.errors = -1, 1, 1
	s.own.notes = [][][]byte{{[]byte("Error"), strconv.AppendUint(nil, uint64(e.Code), 10), []byte(e.Message)}}
}

// showNotes answers SHOW WARNINGS, SHOW ERRORS and their COUNT(*) forms.
func (s *session) showNotes(st *rewrite.Statement, req replica.Request) error {
	words := bytes.Fields(bytes.ToLower(st.Text))
	last := strings.TrimRight(string(bytes.Join(words, nil)), ";")
	onlyErrors := strings.Contains(last, "errors")
	var rows [][][]byte
	for _, r := range s.own.notes {
		if !onlyErrors || string(r[0]) == "Error" {
			rows = append(rows, r)
		}
	}
	count := strings.HasPrefix(last, "showcount(*)")
	name, n := "@@session.warning_count", int(s.own.warnings)
	if onlyErrors {
		name, n = "@@session.error_count", s.own.errors
	}
	if _, binary := req.(*prepared); binary {
		if count {
			return s.selectInstead(req, "SELECT "+strconv.Itoa(n)+" AS `"+name+"`")
		}
		return s.selectInstead(req, selectNotes(rows))
	}
	if s.data.More {
		s.client.Status |= protocol.StatusMoreResults
		defer func() { s.client.Status &^= protocol.StatusMoreResults }()
	}
	if count {
		return s.client.WriteResult([]protocol.Column{number(name)}, [][][]byte{{strconv.AppendInt(nil, int64(n), 10)}})
	}
	return s.client.WriteResult([]protocol.Column{text("Level", 7), number("Code"), text("Message", 512)}, rows)
}

// selectInstead answers a prepared statement by another one, for its rows have
// to come in binary form.
func (s *session) selectInstead(req replica.Request, sql string) error {
	v := variant(req, []byte(sql))
	defer v.(*prepared).stmt.Close()
	return s.data.ReadAny(v)
}

// selectNotes is a SELECT that answers with rows.
func selectNotes(rows [][][]byte) string {
	sql := "SELECT 'Note' AS Level, 0 AS Code, '' AS Message FROM DUAL WHERE 1=0"
	for _, r := range rows {
		sql += fmt.Sprintf(" UNION ALL SELECT '%s', %s, CONVERT(x'%x' USING utf8mb4)", r[0], r[1], r[2])
	}
	return sql
}

// Column types of the protocol (enum_field_types of MySQL).
const (
	typeLongLong  = 8
	typeVarString = 253
)

func text(name string, length uint32) protocol.Column {
	return protocol.Column{Name: name, Charset: 45, Length: length * 4, Type: typeVarString, Flags: 1, Decimals: 31}
}

func number(name string) protocol.Column {
	return protocol.Column{Name: name, Charset: 63, Length: 21, Type: typeLongLong, Flags: 1 | 32 | 128}
}
