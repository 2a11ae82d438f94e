package router

import (
	"bytes"
	"encoding/hex"
	"slices"
	"strconv"
	"strings"

	"github.com/dsmproxy/dsmproxy/protocol"
	"github.com/dsmproxy/dsmproxy/rewrite"
	"github.com/dsmproxy/dsmproxy/router/replica"
	"github.com/dsmproxy/dsmproxy/router/store"
)

// User variables are part of the session's state, which every store connection
// of the client has. What a statement assigns to one is asked of the connection
// that has carried it out, and is a constant from then on:
//
//	SELECT n + 1 INTO @n FROM sessions WHERE id = 'k'    on one store
//	SELECT ...                                           asks it for @n: 8, a bigint
//	SET @`n`=8                                           is replayed elsewhere
//
// A SET of constants is replayed as it is, and asked for once its value is
// needed to find a key, or a SET changes how its text would be read.

// userVars are what the session knows of its user variables.
type userVars struct {
	known map[string]store.UserVar // without Literal
	raw   map[string]struct{}      // assigned by a SET that is replayed as it is
}

// note takes over a value.
func (u *userVars) note(name string, v store.UserVar) {
	if u.known == nil {
		u.known = make(map[string]store.UserVar)
	}
	u.known[name] = v
	delete(u.raw, name)
}

// keep takes note of what a SET is going to assign, or changes in how the text
// of those that were assigned before would be read.
func (u *userVars) keep(s *session, p *rewrite.Plan) error {
	if len(u.raw) > 0 && slices.ContainsFunc(p.Set, func(a rewrite.Assignment) bool { return readsText(a.Name) }) {
		names := make([]string, 0, len(u.raw))
		for name := range u.raw {
			names = append(names, name)
		}
		slices.Sort(names)
		if err := s.settleVars(names); err != nil {
			return err
		}
	}
	for _, name := range p.Assigns {
		delete(u.known, name)
		if u.raw == nil {
			u.raw = make(map[string]struct{})
		}
		u.raw[name] = struct{}{}
	}
	return nil
}

// readsText reports whether a variable rules how a literal is read.
func readsText(name string) bool {
	return name == "names" || name == "charset" || name == "sql_mode" ||
		strings.HasPrefix(name, "character_set_") || strings.HasPrefix(name, "collation_")
}

// settleVars gives user variables, which are assigned by text, their values in
// a form that means the same in any state.
func (s *session) settleVars(names []string) error {
	var state *store.Session
	err := s.data.Ask(func(conn *store.Conn) (err error) {
		state, err = s.askVars(conn, names, func(name string) error { return varTooLarge(name, "") })
		return err
	})
	if err != nil {
		return err
	}
	return s.data.Moved(nil, state)
}

// varTooLarge refuses a user variable whose value can't be replayed.
func varTooLarge(name, what string) *protocol.Error {
	return protocol.Errorf(protocol.ErrNotSupportedYet, "dsmproxy: user variable %s has more than %d bytes%s", name, store.MaxUserVar, what)
}

// askVars asks a connection for user variables and returns the state with their
// values. One whose value is too large is NULL from then on, if tooLarge says
// nothing against it.
func (s *session) askVars(conn *store.Conn, names []string, tooLarge func(name string) error) (*store.Session, error) {
	quoted := make([]string, len(names))
	for i, name := range names {
		quoted[i] = rewrite.QuoteUserVar(name)
	}
	values, err := s.data.UserVars(conn, quoted)
	if err != nil {
		return nil, err
	}
	state := s.data.State()
	for i, v := range values {
		if v.TooLarge {
			if err := tooLarge(quoted[i]); err != nil {
				return nil, err
			}
			v = store.UserVar{Null: true, Literal: "''"}
			if err := s.data.Exec(conn, v.Assign(quoted[i])); err != nil {
				return nil, err
			}
		}
		// A query without a row assigns nothing, and a variable's type shows it.
		if !v.Unset || state.Assigns(names[i]) {
			state = state.WithSet([]byte(v.Assign(quoted[i])), []string{names[i]}, true)
		}
		v.Literal = ""
		s.vars.note(names[i], v)
	}
	return state, nil
}

// learnVars is for replica.Client.Learn: it takes over what the connection's
// statement has assigned. With all, it asks for every variable that is there.
func (s *session) learnVars(names []string, all bool) func(conn *store.Conn) error {
	return func(conn *store.Conn) error {
		names := names
		if all {
			names = slices.Clone(names)
			for _, name := range s.data.UserVarNames(conn) {
				if name = "@" + strings.ToLower(name); !slices.Contains(names, name) {
					names = append(names, name)
				}
			}
		}
		var refused *protocol.Error
		state, err := s.askVars(conn, names, func(name string) error {
			refused = varTooLarge(name, "; it is NULL now")
			return nil
		})
		if err == nil {
			err = s.data.Moved(conn, state)
		}
		if err == nil && refused != nil {
			return &replica.Instead{Err: refused}
		}
		return err
	}
}

// assigning prepares for a statement, other than a SET, that assigns user
// variables, and refuses one that several stores carry out. A read of all records
// is no such one: what it assigns is assigned where the copies of the tables are.
func (s *session) assigning(p *rewrite.Plan) error {
	if e := unassignable(p); e != nil {
		return e
	}
	if p.Kind != rewrite.KindSessionState && p.Kind != rewrite.KindPrepareSQL {
		s.data.Learn = s.learnVars(p.Assigns, false)
	}
	return nil
}

// unassignable refuses an assignment that more than one store carries out.
func unassignable(p *rewrite.Plan) *protocol.Error {
	switch p.Kind {
	case rewrite.KindSessionState, rewrite.KindPrepareSQL, rewrite.KindRead, rewrite.KindReadForUpdate,
		rewrite.KindScatterRead, rewrite.KindWrite, rewrite.KindAny, rewrite.KindOtherTable, rewrite.KindLock, rewrite.KindUnlock,
		rewrite.KindLockTest, rewrite.KindCall:
		return nil
	}
	if len(p.Assigns) == 0 {
		return nil
	}
	return refuse("an assignment of a user variable in a statement without the key")
}

// setVars carries a SET out that assigns what is not constant to user
// variables.
func (s *session) setVars(st *rewrite.Statement, req replica.Request, autocommit int) error {
	p := st.Plan
	names, list, fixed := []string(nil), "", p.Params == 0
	for _, a := range p.Set {
		if strings.HasPrefix(a.Name, "@") || a.Name == "autocommit" {
			continue
		}
		fixed = fixed && a.Const
		names = append(names, a.Name)
		list += ", " + assignment(a)
	}
	next := s.data.State()
	switch {
	case names == nil:
	case fixed:
		next = next.WithSet([]byte("SET "+list[2:]), names, true)
	default:
		next = s.remember(next, st)
	}
	if autocommit != none {
		next = s.withAutocommit(next, autocommit == on, names != nil && !fixed)
	}
	err := s.data.ChangeHere(req, func(conn *store.Conn) error {
		if !s.failed() {
			if err := s.learn(p, conn); err != nil {
				return err
			}
			conn.SetSession(next)
			if err := s.data.Moved(conn, next); err != nil {
				return err
			}
		}
		return s.learnVars(p.Assigns, false)(conn)
	})
	s.setAutocommitStatus()
	return err
}

// assignment writes an assignment of a system variable.
func assignment(a rewrite.Assignment) string {
	switch a.Name {
	case "names":
		return "NAMES " + a.Text
	case "charset":
		return "CHARACTER SET " + a.Text
	}
	return a.Name + "=" + a.Text
}

// constant reports whether all that a SET assigns is constant.
func constant(p *rewrite.Plan) bool {
	return p.Params == 0 && !slices.ContainsFunc(p.Set, func(a rewrite.Assignment) bool { return !a.Const })
}

// onlyUserVars reports whether a SET assigns nothing but user variables.
func onlyUserVars(p *rewrite.Plan) bool {
	return !slices.ContainsFunc(p.Set, func(a rewrite.Assignment) bool { return !strings.HasPrefix(a.Name, "@") })
}

// setByDo carries a SET out by the plan of the DO that does the same, for its
// values are to be found where a query would find them. What a store is sent is a
// SET that reads as that DO does, byte for byte: MySQL warns of an assignment in
// any other statement.
func (s *session) setByDo(st *rewrite.Statement, req replica.Request, args rewrite.Args) error {
	text := st.Do()
	v := variants{of: req}
	defer v.close()
	inner := new(rewrite.Statement)
	s.router.Planner.Plan(inner, text, s.data.State().DB(), s.mode)
	set := append([]byte("SET"), bytes.TrimPrefix(text, []byte("DO "))...)
	if k := inner.Plan.Kind; k == rewrite.KindRead || k == rewrite.KindScatterRead {
		inner.Text = set
	}
	return s.carryOut(inner, v.with(set), args)
}

// setBound carries a SET of a system variable with parameters out: as the same
// statement with literals, for that is what can be replayed.
func (s *session) setBound(st *rewrite.Statement, args rewrite.Args) error {
	text, ok := st.WithParams(func(i int) (string, bool) { return literal(args, i) })
	if !ok {
		return refuse("SET with a parameter that is neither text nor an integer")
	}
	inner := new(rewrite.Statement)
	s.router.Planner.Plan(inner, text, s.data.State().DB(), s.mode)
	if inner.Plan.Refuse != "" {
		return refusal(inner.Plan)
	}
	req := &textRequest{payload: append([]byte{byte(protocol.ComQuery)}, text...)}
	return s.setState(inner, req, nil)
}

// literal writes parameter i as a literal.
func literal(args rewrite.Args, i int) (sql string, ok bool) {
	if args == nil {
		return "", false
	}
	text, null, ok := args.Arg(i)
	typed, _ := args.(typedArgs)
	switch {
	case !ok:
		return "", false
	case null:
		return "NULL", true
	case typed != nil && typed.IsNumber(i):
		return string(text), true
	}
	// Plain text is written as such, so that ON or 0 is seen for what it is.
	if !strings.ContainsFunc(string(text), func(r rune) bool { return r < ' ' || r > '~' || r == '\'' || r == '\\' }) {
		return "'" + string(text) + "'", true
	}
	return "_utf8mb4 x'" + hex.EncodeToString(text) + "'", true
}

// keyedByVars returns the statement with the values of its user variables, if
// that is what shows its keys, and st itself otherwise.
func (s *session) keyedByVars(st *rewrite.Statement) *rewrite.Statement {
	if !unkeyed(st.Plan) {
		return st
	}
	text, ok := st.WithUserVars(s.keyLiteral)
	if !ok {
		return st
	}
	return s.keyed(st, text)
}

// keyLiteral is the literal that a user variable is to the planner.
func (s *session) keyLiteral(name string) (sql string, ok bool) {
	v, err := s.userVar(name)
	switch {
	case err != nil:
		return "", false
	case v.Null:
		return "NULL", true
	case v.Number:
		return string(v.Text), true
	}
	return "_" + v.Charset + " x'" + hex.EncodeToString(v.Text) + "'", true
}

// userVar returns the value of a user variable.
func (s *session) userVar(name string) (store.UserVar, error) {
	if v, ok := s.vars.known[name]; ok {
		return v, nil
	}
	if !s.data.State().Assigns(name) {
		return store.UserVar{Null: true}, nil
	}
	if err := s.settleVars([]string{name}); err != nil {
		return store.UserVar{}, err
	}
	return s.vars.known[name], nil
}

// isInteger reports whether a number is written as one.
func isInteger(text []byte) bool {
	_, err := strconv.ParseInt(string(text), 10, 64)
	if err != nil {
		_, err = strconv.ParseUint(string(text), 10, 64)
	}
	return err == nil
}
