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
	state     string     // the SQLSTATE of its error
	notes     [][][]byte // the rows of SHOW WARNINGS
}

// mariaDB reports whether the stores are MariaDB, by the first one's version.
func (s *session) mariaDB() bool { return strings.Contains(s.router.Set.Version(), "MariaDB") }

// inform rewrites a statement that asks for any of that.
func (s *session) inform(st *rewrite.Statement, req replica.Request) (replica.Request, func()) {
	// Locks are held by store connections: to compare IS_USED_LOCK() with
	// CONNECTION_ID(), both must be the client's (see lock) or the store's.
	if st.Plan.Uses&ownUses == 0 || len(st.Plan.Locks) > 0 && !st.Plan.LocksApart {
		return req, func() {}
	}
	told := variant(req, st.Substitute(s.tell))
	if p, ok := told.(*prepared); ok {
		return told, p.stmt.Close
	}
	return told, func() {}
}

// tell is an expression with the value, and in MariaDB the type, of a function
// or variable that shows the session's own.
func (s *session) tell(use rewrite.Uses, name string) string {
	n := uint64(s.own.warnings)
	signed := func(n int64) string { return "IF(1," + strconv.FormatInt(n, 10) + "," + name + "())" }
	switch {
	case use&rewrite.UsesFoundRows != 0:
		return signed(int64(s.own.foundRows))
	case use&rewrite.UsesRowCount != 0:
		return signed(s.own.rowCount)
	case name == "connection_id":
		return "CAST(" + strconv.FormatUint(uint64(s.client.ID), 10) + " AS UNSIGNED)"
	case name == "last_insert_id":
		return "(" + strconv.FormatUint(s.own.insertID, 10) + "|0)"
	case use&rewrite.UsesLastInsertID != 0:
		n = s.own.insertID
	case use&rewrite.UsesConnectionID != 0:
		n = uint64(s.client.ID)
	case use&rewrite.UsesTransaction != 0:
		if !s.mariaDB() {
			return name // which MySQL doesn't know, as it will say
		}
		if n = 0; s.data.InTxn() {
			n = 1
		}
	case name == "@@error_count":
		n = uint64(s.own.errors)
	}
	return "NULLIF(" + strconv.FormatUint(n, 10) + "|0,NULL)"
}

// remembered takes over what a statement's answer says of it.
func (s *session) remembered(p *rewrite.Plan) {
	a := s.data.Answer()
	if a.Err != nil {
		s.rememberError(a.Err)
		return
	}
	s.noted(a.Warnings)
	s.own.rowCount = -1
	if p.Pins == lastInsertIDOf {
		s.own.insertID = s.data.InsertID
	}
	switch {
	case a.Columns == 0:
		s.own.rowCount = int64(a.AffectedRows)
		if a.InsertID != 0 && !s.givenID {
			s.own.insertID = a.InsertID
		}
	case p.Pins == sqlCalcFoundRows:
		s.own.foundRows = s.data.FoundRows
	default:
		s.own.foundRows = a.Rows
	}
}

// noted takes over the warnings of a statement that has no error; data.Notes are
// their rows.
func (s *session) noted(warnings uint16) {
	if warnings == 0 && s.own.warnings != 0 && s.mariaDB() && (s.latest == nil || s.latest.Plan.Tableless) {
		return
	}
	s.own.warnings, s.own.errors, s.own.state, s.own.notes = warnings, 0, "", nil
	if warnings != 0 {
		s.own.notes = s.data.Notes
	}
}

// The plan's names of what leaves no more behind in a connection than a number,
// which is asked for after the statement.
const (
	sqlCalcFoundRows = "SQL_CALC_FOUND_ROWS"
	lastInsertIDOf   = "LAST_INSERT_ID(expr)"
)

// rememberError takes over an error that the client gets.
func (s *session) rememberError(e *protocol.Error) {
	s.own.rowCount, s.own.warnings, s.own.errors, s.own.state = -1, 1, 1, e.State
	s.own.notes = [][][]byte{{[]byte("Error"), strconv.AppendUint(nil, uint64(e.Code), 10), []byte(e.Message)}}
}

// showNotes answers SHOW WARNINGS, SHOW ERRORS and their COUNT(*) forms.
func (s *session) showNotes(st *rewrite.Statement, req replica.Request) error {
	words := bytes.Fields(bytes.ToLower(st.Text))
	last := strings.TrimRight(string(bytes.Join(words, nil)), ";")
	last, limit, _ := strings.Cut(last, "limit")
	onlyErrors := strings.Contains(last, "errors")
	s.own.rowCount = -1
	var rows [][][]byte
	for _, r := range s.own.notes {
		if !onlyErrors || string(r[0]) == "Error" {
			rows = append(rows, r)
		}
	}
	if limit != "" {
		offset, count, ok := strings.Cut(limit, ",")
		if !ok {
			offset, count = "0", offset
		}
		from, err1 := strconv.Atoi(offset)
		n, err2 := strconv.Atoi(count)
		if err1 != nil || err2 != nil {
			return refuse("SHOW WARNINGS with a computed LIMIT")
		}
		rows = rows[min(from, len(rows)):]
		rows = rows[:min(n, len(rows))]
	}
	count := strings.HasPrefix(last, "showcount(*)")
	name, n := "@@session.warning_count", int(s.own.warnings)
	if onlyErrors {
		name, n = "@@session.error_count", s.own.errors
	}
	if _, binary := req.(*prepared); binary {
		if count {
			return s.selectInstead(req, "SELECT NULLIF("+strconv.Itoa(n)+"|0,NULL) AS `"+name+"`")
		}
		return s.selectInstead(req, selectNotes(rows, s.results().charset))
	}
	if s.data.More {
		s.client.Status |= protocol.StatusMoreResults
		defer func() { s.client.Status &^= protocol.StatusMoreResults }()
	}
	if count {
		column := protocol.Column{Name: name, Charset: 63, Length: 21, Type: protocol.TypeLongLong, Flags: 32 | 128}
		return s.client.WriteResult([]protocol.Column{column}, [][][]byte{{strconv.AppendInt(nil, int64(n), 10)}})
	}
	code := protocol.Column{Name: "Code", Charset: 63, Length: 4, Type: protocol.TypeLong, Flags: 1 | 32 | 128}
	return s.client.WriteResult([]protocol.Column{s.textColumn("Level", 7), code, s.textColumn("Message", 512)}, rows)
}

// selectInstead answers a prepared statement by another one, for its rows have
// to come in binary form.
func (s *session) selectInstead(req replica.Request, sql string) error {
	v := variant(req, []byte(sql))
	defer v.(*prepared).stmt.Close()
	return s.data.ReadAny(v)
}

// selectNotes is a SELECT that answers with rows, whose texts are in a charset.
func selectNotes(rows [][][]byte, charset string) string {
	sql := "SELECT 'Note' AS Level, CAST(0 AS UNSIGNED) AS Code, '' AS Message FROM DUAL WHERE 1=0"
	for _, r := range rows {
		sql += fmt.Sprintf(" UNION ALL SELECT '%s', CAST(%s AS UNSIGNED), CONVERT(x'%x' USING %s)", r[0], r[1], r[2], charset)
	}
	return sql
}
