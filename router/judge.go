package router

import (
	"context"
	"errors"
	"strings"

	"github.com/dsmproxy/dsmproxy/protocol"
	"github.com/dsmproxy/dsmproxy/rewrite"
	"github.com/dsmproxy/dsmproxy/router/store"
)

// A statement that the proxy refuses may be one that no server would carry out:
// there is an error in it. To be sure, a store is asked to prepare it, which has
// no effect there, and what it says against the statement is what the client
// gets.

// judged returns the error for a command that has failed.
func (s *session) judged(cmd protocol.Command, err error) error {
	if err == nil {
		return nil
	}
	var e *protocol.Error
	if s.latest == nil || !errors.As(err, &e) ||
		cmd != protocol.ComQuery && cmd != protocol.ComStmtPrepare {
		return err
	}
	p := s.latest.Plan
	switch {
	case e.Code == protocol.ErrParse && strings.HasPrefix(e.Message, misunderstood):
	case e.Code != protocol.ErrNotSupportedYet || !strings.HasPrefix(e.Message, refusedPrefix):
		return err
	default:
		if len(p.Others) > 0 && s.router.OtherTables < 0 {
			if e := s.nowhere(p); e != nil {
				return e
			}
		}
		if p.Elsewhere || len(p.Others) > 0 || p.Kind == rewrite.KindMulti || p.Kind == rewrite.KindOtherTable && p.Routines == nil {
			return err // the tables are not there, which says nothing
		}
	}
	told, lost := s.data.Judge(s.latest.Text)
	if lost != nil || told == nil || !s.judges(told) {
		return err
	}
	return told
}

// misunderstood begins what is said of a statement that is none to the proxy: a
// store has better words, but may be out of reach.
const misunderstood = "You have an error in your SQL syntax; dsmproxy: "

// judges reports whether an error says what is wrong with a statement.
func (s *session) judges(e *protocol.Error) bool {
	const tooManyStatements, routineDenied, viewInvalid = 1461, 1370, 1356
	switch e.Code {
	case protocol.ErrUnsupportedPS, tooManyStatements, routineDenied, viewInvalid:
		return false
	case protocol.ErrParse:
		return true
	}
	if endsTransaction(e) {
		return true
	}
	// A store that has been wiped is not to be believed.
	return !s.data.Fenced() || e.Code == protocol.ErrNoSuchTable && s.absent()
}

// endsTransaction reports whether what the proxy has asked at a store of the
// client's transaction has found that store lost, and the transaction with it: the
// client is told, for what follows would be carried out by itself.
func endsTransaction(told *protocol.Error) bool { return told.Code == protocol.ErrLockDeadlock }

// absent reports whether all stores can be asked, and none has the session table
// of the latest statement.
func (s *session) absent() bool {
	p := s.latest.Plan
	if p.Table == nil {
		return false
	}
	t := s.table(p)
	at, ok := s.anywhere("information_schema.TABLES WHERE TABLE_SCHEMA = " + text(t.Schema) + " AND TABLE_NAME = " + text(t.Name))
	return ok && !at && t.Schema != ""
}

// withoutKey is the error of an INSERT that gives no key: the server's, if the
// key column has no default and the sql_mode asks for a value, and a refusal
// otherwise.
func (s *session) withoutKey(p *rewrite.Plan) error {
	if s.data.ReadOnly() {
		return s.readOnlyTransaction()
	}
	t := s.table(p)
	var found bool
	err := s.data.Ask(func(conn *store.Conn) error {
		rows, err := conn.Query(context.Background(), "SELECT 1 FROM information_schema.COLUMNS WHERE TABLE_SCHEMA = "+text(t.Schema)+
			" AND TABLE_NAME = "+text(t.Name)+" AND COLUMN_NAME = "+text(t.Key)+" AND COLUMN_DEFAULT IS NULL AND EXTRA = ''"+
			" AND IS_NULLABLE = 'NO' AND @@sql_mode REGEXP 'STRICT_(ALL|TRANS)_TABLES'")
		found = len(rows) > 0
		return err
	})
	var refused *protocol.Error
	if errors.As(err, &refused) && endsTransaction(refused) {
		return refused
	}
	if ignores, _ := s.latest.OnDuplicates(); err != nil || !found || ignores {
		return refuse(noKey)
	}
	return &protocol.Error{Code: 1364, State: "HY000", Message: "Field '" + t.Key + "' doesn't have a default value"}
}

// text is a name as a literal.
func text(name string) string {
	return "'" + strings.NewReplacer("'", "''", `\`, `\\`).Replace(name) + "'"
}
