package router

import (
	"bytes"
	"maps"
	"strconv"
	"strings"

	"github.com/dsmproxy/dsmproxy/protocol"
	"github.com/dsmproxy/dsmproxy/rewrite"
	"github.com/dsmproxy/dsmproxy/router/replica"
	"github.com/dsmproxy/dsmproxy/router/store"
)

// broadcast carries a statement for all stores out: DDL as it is, a DELETE or
// UPDATE for the keys that it finds.
func (s *session) broadcast(st *rewrite.Statement, req replica.Request, args rewrite.Args) error {
	p := st.Plan
	if err := pins(p); err != nil {
		return err
	}
	switch p.Verb {
	case rewrite.VerbDelete, rewrite.VerbUpdate:
		return s.sweep(st, req, args, nil)
	}
	switch {
	case !s.data.Fenced():
	case p.Verb == rewrite.VerbTruncate:
		return s.truncate(st)
	case renames(st):
		return refuse("RENAME of a session table at the levels safe and strict")
	}
	missed := string(st.Text)
	if p.IfNotExists {
		there, err := s.data.Exists(s.shared(p.Target).Table, missed)
		if err != nil {
			return err
		}
		if there {
			return s.data.ReadAny(req) // which says so
		}
	}
	s.router.known.Clear() // a database may be dropped
	defer s.router.Planner.Forget()
	if p.Verb == rewrite.VerbTruncate {
		missed = "" // a store that returns may have got new records by then
	}
	numbering := s.numbering(p)
	err := s.data.Broadcast(req, missed)
	if err == nil && s.data.Answer().Err == nil {
		s.restartNumbers(st, numbering)
	}
	// MariaDB's status says that a database was dropped, not that it was the
	// client's own, who has none from then on.
	if a := s.data.Answer(); err == nil && a.Err == nil && a.Status.Has(protocol.StatusDBDropped) &&
		strings.EqualFold(p.Drops, s.data.State().DB()) {
		s.data.SetState(s.data.State().WithDB(""))
		s.client.SetDB("")
	}
	return err
}

// sweep carries a DELETE or UPDATE of records on different stores out; keys is
// nil where they are not known.
func (s *session) sweep(st *rewrite.Statement, req replica.Request, args rewrite.Args, keys [][]byte) error {
	p := st.Plan
	if why := goesOn(p); why != "" && (keys == nil || len(keys) > 1) {
		return refuse(why + " in a write of several records")
	}
	// At the levels safe and strict one store carries a batch out. But a condition
	// is tested twice where the keys are not known.
	fenced := s.data.Fenced()
	if p.Nondet&rewrite.NondetOther != 0 && !p.Chooses && !(fenced && keys != nil) {
		return refuse("a write of several records with a value that differs from store to store")
	}
	if p.Verb == rewrite.VerbUpdate && !fenced && s.data.Defaults(s.table(p)) == replica.DefaultsOther {
		return refuse("an UPDATE of several records of a table with a default that differs from store to store")
	}
	parts, why := st.Sweep()
	if why != "" {
		return refuse(why)
	}
	if err := s.data.KeysKnown(s.table(p)); err != nil {
		return err
	}
	if s.data.ReadOnly() { // no store would say so where no record is found
		return s.readOnlyTransaction()
	}
	if parts.Queries {
		if told := s.readsWritten(p, st.Text); told != nil {
			return told
		}
	}
	v := variants{of: req}
	defer v.close()
	if keys != nil && s.spelled != nil {
		keys = s.spelled
	}
	w := replica.Sweep{
		Table: s.target(p), Limit: -1, Keys: keys,
		Removes: p.Verb == rewrite.VerbDelete, Returns: p.ResultSet, FixTime: s.tellsTime(p) && !s.fixedTime,
		Select: func(limit uint64) (replica.Request, func()) {
			return owned(req, strconv.AppendUint(bytes.Clone(parts.Select), limit, 10))
		},
		Batch: func(list []byte) (replica.Request, func()) {
			return owned(req, append(append(bytes.Clone(parts.Head), list...), parts.Tail...))
		},
	}
	w.Fold = s.folding(s.table(p))
	if w.Returns {
		w.Nothing = v.with(parts.Nothing)
	}
	if keys == nil && (len(p.Keys) > 0 || s.data.State().Assigns("sql_safe_updates")) {
		w.Judged = v.with(parts.Judged)
	}
	if !parts.Limited {
		return s.data.Sweep(&w)
	}
	limit, ok := st.Number(parts.Limit, args)
	var err error
	switch {
	case !ok || limit < 0:
		return refuse("a LIMIT that is no number")
	case parts.Ordered || keys != nil:
		w.Keys, err = s.choose(parts.Chosen, &v, args, keys)
		if err == nil && len(w.Keys) == 0 && !w.Returns {
			return s.data.Nothing(p.Verb == rewrite.VerbUpdate)
		}
		w.InOrder = w.Returns // with no key it is not a sweep of all
	default:
		w.Limit = limit
	}
	if err != nil {
		return err
	}
	return s.data.Sweep(&w)
}

// goesOn names what in a statement has a value that depends on the rows before, in
// the order of one server: carried out in parts, it would begin anew in each of
// them, or the last part's would be what is left. "" for nothing.
func goesOn(p *rewrite.Plan) string {
	switch {
	case p.SetsInsertID:
		return lastInsertIDOf
	case p.Seeded:
		return "RAND(seed)"
	}
	return ""
}

// readOnlyTransaction is what a store says of the running write in a transaction
// that may not write: that, unless it can't parse it.
func (s *session) readOnlyTransaction() *protocol.Error {
	if told, lost := s.data.Judge(s.latest.Text); lost == nil && told != nil && (told.Code == protocol.ErrParse || endsTransaction(told)) {
		return told
	}
	e := &protocol.Error{Code: 1792, State: "25006",
		Message: "Cannot execute statement in a READ ONLY transaction"}
	if !s.mariaDB() {
		e.Message += "."
	}
	return e
}

// choose finds the keys of the records that are the first in an order, as one
// database would.
func (s *session) choose(text []byte, v *variants, args rewrite.Args, keys [][]byte) ([][]byte, error) {
	st := &rewrite.Statement{}
	s.router.Planner.Plan(st, text, s.data.State().DB(), s.mode)
	if st.Plan.Refuse != "" {
		return nil, refusal(st.Plan)
	}
	if len(st.Plan.Reads) == 0 {
		return nil, refuse("LIMIT in a write of several keys")
	}
	w, close, err := s.scatterOf(st, v.with(text), args, keys)
	if err != nil {
		return nil, err
	}
	defer close()
	return s.data.Choose(w)
}

// target names the table that an UPDATE or DELETE writes.
func (s *session) target(p *rewrite.Plan) replica.Table {
	if p.Target.Name == "" {
		return s.table(p)
	}
	return s.shared(p.Target).Table
}

// owned is a request for another text with the same parameters, which lives
// until its second value is called.
func owned(req replica.Request, text []byte) (replica.Request, func()) {
	v := variant(req, text)
	p, ok := v.(*prepared)
	if !ok {
		return v, func() {}
	}
	p.long = maps.Clone(p.long)
	p.payload[cursorFlags] = 0
	return p, p.stmt.Close
}

// variant is a request for another text with the same parameters.
func variant(req replica.Request, text []byte) replica.Request {
	if e, ok := req.(*executed); ok {
		return e.with(text, e.using)
	}
	p, ok := req.(*prepared)
	if !ok {
		return &textRequest{payload: append([]byte{byte(protocol.ComQuery)}, text...)}
	}
	return &prepared{
		text: text, stmt: &store.Stmt{Text: text, Session: p.stmt.Session},
		long: p.long, payload: bytes.Clone(p.payload),
	}
}

// BinaryRows implements replica.BinaryRows.
func (p *prepared) BinaryRows() bool { return true }

// tellsTime reports whether the time at which a statement runs shows in what it
// writes.
func (s *session) tellsTime(p *rewrite.Plan) bool {
	return p.Nondet&rewrite.NondetTime != 0 ||
		p.Verb == rewrite.VerbUpdate && s.data.Defaults(s.table(p)) == replica.DefaultsTime
}
