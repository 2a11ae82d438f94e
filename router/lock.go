package router

import (
	"bytes"
	"errors"
	"strconv"

	"github.com/dsmproxy/dsmproxy/protocol"
	"github.com/dsmproxy/dsmproxy/rewrite"
	"github.com/dsmproxy/dsmproxy/router/replica"
	"github.com/dsmproxy/dsmproxy/router/store"
)

// lock carries a statement of the GET_LOCK family out, at the store that the
// lock's name leads to. Where the names lead to several stores, and where a
// thread of a store would be shown, the calls are carried out one by one in
// the statement's order; the statement then gets their values in their places.
func (s *session) lock(st *rewrite.Statement, req replica.Request, args rewrite.Args) error {
	p := st.Plan
	if err := pins(p); err != nil {
		return err
	}
	if p.Kind == rewrite.KindUnlockAll {
		return s.data.UnlockAll(req)
	}
	var pieces []rewrite.LockPiece
	shows := false
	uses := make([]replica.LockUse, 0, 1)
	for i, call := range p.Locks {
		shows = shows || call.Func == "is_used_lock"
		name, null, ok := st.Append(nil, call.Name, args)
		if !null && !ok { // computed, or in a character set of its own
			if pieces, ok = st.LockPieces(); !ok {
				return refuse("a lock's name that is computed in a statement with an executable comment or a hint")
			}
			value, _, err := s.selectHex(args, pieces[i].Name, s.data.Value)
			if err != nil {
				return err
			}
			name = []byte(value) // nothing for NULL, for which the store has an error
		}
		uses = append(uses, replica.LockUse{Func: call.Func, Name: string(name)})
	}
	if len(uses) == 0 {
		return s.data.ReadAny(req)
	}
	if !shows || !p.LocksApart {
		err := s.data.Lock(uses, p.LockAlone, req)
		if !errors.Is(err, replica.ErrLocksApart) {
			return err
		}
		if !p.LocksApart {
			return refuse("locks that are on different stores in one expression")
		}
	}
	return s.locksApart(st, args, uses)
}

// locksApart carries the calls out one by one and then the statement with
// their values.
func (s *session) locksApart(st *rewrite.Statement, args rewrite.Args, uses []replica.LockUse) error {
	pieces, ok := st.LockPieces()
	if !ok {
		return refuse("several locks in a statement with an executable comment or a hint")
	}
	values := make([]string, len(pieces))
	for i, use := range uses {
		home := 0
		value, null, err := s.selectHex(args, pieces[i].Call, func(req replica.Request) (v string, null bool, err error) {
			v, home, null, err = s.data.LockValue(use, req)
			return v, null, err
		})
		if err != nil {
			return err
		}
		holder := use.Func == "is_used_lock"
		if thread, err := strconv.ParseUint(value, 10, 32); holder && !null && err == nil {
			value = strconv.FormatUint(uint64(s.data.Holder(home, uint32(thread))), 10)
		}
		values[i] = lockLiteral(value, null, holder && !s.mariaDB())
	}
	text, params := st.WithLocks(values)
	rest := s.subset(args, text, params)
	plain := rewrite.Statement{}
	s.router.Planner.Plan(&plain, text, s.data.State().DB(), s.mode)
	if p, ok := rest.(*prepared); ok {
		defer p.stmt.Close()
	}
	left, _ := rest.(rewrite.Args)
	return s.carryOut(&plain, rest, left)
}

// lockLiteral is an expression with a lock function's value, and its type: an
// integer that may be NULL, unsigned if told so.
func lockLiteral(value string, null, unsigned bool) string {
	never := "2"
	switch {
	case null:
		value = never
	case value == never:
		never = "1"
	}
	if unsigned {
		value += "|0"
	}
	return "NULLIF(" + value + "," + never + ")"
}

// selectHex has ask carry out a SELECT of a piece of the running statement, in
// hexadecimal.
func (s *session) selectHex(args rewrite.Args, piece rewrite.Piece,
	ask func(replica.Request) (string, bool, error)) (string, bool, error) {
	text := append(append([]byte("SELECT HEX(CONCAT("), piece.Text...), "))"...)
	params := make([]int, piece.Params)
	for i := range params {
		params[i] = piece.First + i
	}
	part := s.subset(args, text, params)
	if p, ok := part.(*prepared); ok {
		defer p.stmt.Close()
	}
	return ask(part)
}

// executeFlags is where the flags are in a COM_STMT_EXECUTE.
const executeFlags = 5

// subset is a request for another text with some of the running statement's
// parameters.
func (s *session) subset(args rewrite.Args, text []byte, params []int) replica.Request {
	if e, ok := args.(*executed); ok {
		return e.subset(text, params)
	}
	p, ok := args.(*prepared)
	if !ok {
		return &textRequest{payload: append([]byte{byte(protocol.ComQuery)}, text...)}
	}
	part := &prepared{text: text, stmt: &store.Stmt{Text: bytes.Clone(text), Session: p.stmt.Session}}
	part.payload = protocol.AppendSubset(nil, &p.exec, p.id, p.types, params)
	part.payload[executeFlags] = 0 // no cursor
	for i, param := range params {
		if value, ok := p.long[param]; ok {
			if part.long == nil {
				part.long = make(map[int][]byte)
			}
			part.long[i] = value
		}
	}
	return part
}
