package router

import (
	"bytes"
	"context"
	"fmt"
	"slices"

	"github.com/dsmproxy/dsmproxy/protocol"
	"github.com/dsmproxy/dsmproxy/rewrite"
	"github.com/dsmproxy/dsmproxy/router/replica"
	"github.com/dsmproxy/dsmproxy/router/store"
)

// PREPARE s FROM '...', EXECUTE s USING @a, DEALLOCATE PREPARE s: a statement
// that is prepared so has a plan as one that COM_STMT_PREPARE prepares; its keys
// are found in the user variables. A store carries it out by the same words,
// under a name of the proxy's own, so that what the client gets is a result in
// text form.

// named is a statement that the client has prepared by SQL.
type named struct {
	plan rewrite.Statement
	stmt *store.Stmt
	mode rewrite.Mode // of the session at PREPARE
}

// noBackslash is how the session read a backslash at PREPARE.
func (n *named) noBackslash() bool { return n.mode&rewrite.ModeNoBackslashEscapes != 0 }

// executed is the running EXECUTE. It implements replica.Request, rewrite.Args
// and typedArgs.
type executed struct {
	stmt        *store.Stmt
	noBackslash bool
	using       [][]byte // the arguments as written

	session *session
	of      *rewrite.Statement // the EXECUTE
}

// prepareSQL carries PREPARE and its relatives out.
func (s *session) prepareSQL(st *rewrite.Statement, req replica.Request) error {
	p := st.Plan.Prepared
	if beyondMySQL(p) && !s.mariaDB() {
		err := s.data.ReadAny(req) // a syntax error, in the store's words
		if err == nil {
			s.remembered(st.Plan)
		}
		return err
	}
	switch p.Verb {
	case rewrite.PrepareText:
		delete(s.named, p.Name) // whatever becomes of the new one
		if len(s.named)+len(s.prepared) >= maxPrepared {
			return tooManyPrepared()
		}
		n, err := s.prepareNamed(st)
		if err != nil {
			return err
		}
		if s.named == nil {
			s.named = make(map[string]*named)
		}
		s.named[p.Name] = n
		s.latest = &n.plan
		return s.okWith(protocol.OK{Info: "Statement prepared"})
	case rewrite.DeallocatePrepared:
		if s.named[p.Name] == nil {
			return unknownHandler(p.Name, "DEALLOCATE PREPARE")
		}
		delete(s.named, p.Name)
		return s.ok()
	}
	n := s.named[p.Name]
	if p.Verb == rewrite.ExecuteImmediate {
		var err error
		if n, err = s.prepareNamed(st); err != nil {
			return err
		}
	} else if n == nil {
		return unknownHandler(p.Name, "EXECUTE")
	}
	s.planned(&n.plan, n.stmt, n.stmt.Text, n.mode)
	if len(p.Using) != n.plan.Plan.Params {
		return protocol.Errorf(protocol.ErrWrongArguments, "Incorrect arguments to EXECUTE")
	}
	// The EXECUTE itself may be s.stmt, which several statements share.
	of := *st
	e := &executed{stmt: n.stmt, noBackslash: n.noBackslash(), using: st.Arguments(), session: s, of: &of}
	return s.carryOut(&n.plan, e, e)
}

// beyondMySQL reports whether MariaDB alone knows the statement.
func beyondMySQL(p *rewrite.PreparedSQL) bool {
	return p.Verb == rewrite.ExecuteImmediate || p.FromExpr != "" ||
		slices.ContainsFunc(p.Using, func(a rewrite.Argument) bool { return a.Var == "" })
}

// prepareNamed has a store check the text of a PREPARE or EXECUTE IMMEDIATE, and
// makes its plan.
func (s *session) prepareNamed(st *rewrite.Statement) (*named, error) {
	text, err := s.preparedText(st)
	if err != nil {
		return nil, err
	}
	n := &named{
		stmt: &store.Stmt{Text: text, Session: s.data.State()},
		mode: s.mode,
	}
	s.router.Planner.Plan(&n.plan, text, s.data.State().DB(), s.mode)
	p := n.plan.Plan
	refused := s.preparable(p)
	at := -1
	switch {
	case p.Malformed, p.Kind == rewrite.KindEmpty, p.Kind == rewrite.KindMulti, p.Kind == rewrite.KindPrepareSQL:
		// The store says what is wrong.
	case refused != nil:
		return nil, refused
	case p.Kind == rewrite.KindOtherTable, p.Kind == rewrite.KindCall, p.Elsewhere, p.Routines != nil:
		if err := s.otherRefused(p); err != nil {
			return nil, err
		}
		at = s.router.OtherTables
	case len(p.Others) > 0:
		at = s.router.OtherTables
	}
	if err := s.data.PrepareText(n.stmt, n.noBackslash(), at, writesRecords(p) && !s.data.ReadOnly()); err != nil {
		return nil, err
	}
	return n, refused
}

// preparedText is the text that is to be prepared.
func (s *session) preparedText(st *rewrite.Statement) ([]byte, error) {
	p := st.Plan.Prepared
	if p.FromExpr != "" {
		return s.computedText(p)
	}
	if p.FromVar == "" {
		text, null, ok := st.Append(nil, p.From, nil)
		if !ok || null {
			return nil, refuse("a text to prepare whose bytes can't be told")
		}
		return text, nil
	}
	v, err := s.userVar(p.FromVar)
	if err != nil {
		return nil, err
	}
	return textOf(&v)
}

// computedText has a store compute the text.
func (s *session) computedText(p *rewrite.PreparedSQL) ([]byte, error) {
	var v store.UserVar
	err := s.data.Ask(func(conn *store.Conn) error {
		values, err := s.data.UserVars(conn, []string{"(" + p.FromExpr + "\n)"})
		if err == nil {
			v = values[0]
		}
		return err
	})
	if err == nil && v.TooLarge {
		err = varTooLarge("of a text to prepare", "")
	}
	if err != nil {
		return nil, err
	}
	return textOf(&v)
}

// textOf is a text to prepare.
func textOf(v *store.UserVar) ([]byte, error) {
	switch {
	case v.Null:
		return []byte("NULL"), nil // a syntax error
	case !v.Number && !v.Plain():
		return nil, refuse("a text to prepare in the character set " + v.Charset)
	}
	return bytes.Clone(v.Text), nil
}

func unknownHandler(name, statement string) *protocol.Error {
	return protocol.Errorf(protocol.ErrUnknownStmtHandler,
		"Unknown prepared statement handler (%s) given to %s", name, statement)
}

func tooManyPrepared() *protocol.Error {
	return &protocol.Error{Code: 1461, State: "42000", Message: fmt.Sprintf(
		"Can't create more than max_prepared_stmt_count statements (current value: %d)", maxPrepared)}
}

// Prepare implements replica.Preparer.
func (e *executed) Prepare(ctx context.Context, conn *store.Conn) error {
	return conn.PrepareText(ctx, e.stmt, e.noBackslash)
}

// Queue implements replica.Request.
func (e *executed) Queue(ctx context.Context, conn *store.Conn) error {
	if err := conn.PrepareText(ctx, e.stmt, e.noBackslash); err != nil {
		return err
	}
	text := []byte("EXECUTE " + store.TextName)
	for i, arg := range e.using {
		if i == 0 {
			text = append(text, " USING "...)
		} else {
			text = append(text, ", "...)
		}
		text = append(text, arg...)
	}
	return conn.Queue(append([]byte{byte(protocol.ComQuery)}, text...))
}

// Answer implements replica.Request.
func (e *executed) Answer() protocol.AnswerKind { return protocol.AnswerResult }

// with is the request for another text.
func (e *executed) with(text []byte, using [][]byte) *executed {
	return &executed{
		stmt:        &store.Stmt{Text: bytes.Clone(text), Session: e.stmt.Session},
		noBackslash: e.noBackslash, using: using, session: e.session, of: e.of,
	}
}

// subset is the request for a text that has some of the parameters.
func (e *executed) subset(text []byte, params []int) replica.Request {
	using := make([][]byte, len(params))
	for i, p := range params {
		using[i] = e.using[p]
	}
	return e.with(text, using)
}

// Arg implements rewrite.Args.
func (e *executed) Arg(i int) (text []byte, null, ok bool) {
	if i >= len(e.of.Plan.Prepared.Using) {
		return nil, false, false
	}
	arg := &e.of.Plan.Prepared.Using[i]
	if arg.Var == "" {
		return e.of.Append(nil, arg.Value, nil)
	}
	v, err := e.session.userVar(arg.Var)
	if err != nil {
		return nil, false, false
	}
	return v.Text, v.Null, v.Null || v.Number && isInteger(v.Text) || !v.Number && v.Plain()
}

// IsNumber reports whether argument i is a number.
func (e *executed) IsNumber(i int) bool {
	if i >= len(e.of.Plan.Prepared.Using) {
		return false
	}
	arg := &e.of.Plan.Prepared.Using[i]
	if arg.Var == "" {
		return arg.IsNumber()
	}
	v, err := e.session.userVar(arg.Var)
	return err == nil && v.Number
}

// Charset returns what charset argument i is in.
func (e *executed) Charset(i int) string {
	if i >= len(e.of.Plan.Prepared.Using) || e.of.Plan.Prepared.Using[i].Var == "" {
		return rewrite.CharsetOfClient
	}
	v, err := e.session.userVar(e.of.Plan.Prepared.Using[i].Var)
	if err != nil || v.Number {
		return rewrite.CharsetOfClient
	}
	return v.Charset
}

var _ replica.Request = (*executed)(nil)
