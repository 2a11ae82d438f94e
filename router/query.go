package router

import (
	"context"
	"errors"
	"slices"
	"strings"

	"github.com/dsmproxy/dsmproxy/protocol"
	"github.com/dsmproxy/dsmproxy/rewrite"
	"github.com/dsmproxy/dsmproxy/router/replica"
	"github.com/dsmproxy/dsmproxy/router/store"
)

// Queue implements replica.Request.
func (r *textRequest) Queue(_ context.Context, conn *store.Conn) error { return conn.Queue(r.payload) }

// Answer implements replica.Request.
func (r *textRequest) Answer() protocol.AnswerKind { return r.answer }

// query carries a COM_QUERY out.
func (s *session) query(payload []byte) error {
	text := payload[1:]
	s.router.Planner.Plan(&s.stmt, text, s.data.State().DB(), s.mode)
	if s.stmt.Plan.Kind == rewrite.KindMulti || s.stmt.Remark && s.client.Capabilities.Has(protocol.ClientMultiStatements) {
		return s.several(text)
	}
	s.text = textRequest{payload: payload}
	return s.carryOut(&s.stmt, &s.text, nil)
}

// several carries the statements of one COM_QUERY out one by one. The first
// that fails is the last.
func (s *session) several(text []byte) error {
	if !s.client.Capabilities.Has(protocol.ClientMultiStatements) {
		s.latest = &s.stmt
		return protocol.Errorf(protocol.ErrParse, misunderstood+"several statements in one query need CLIENT_MULTI_STATEMENTS")
	}
	parts := s.router.Planner.Split(text, s.mode)
	for i, part := range parts {
		s.data.More = i < len(parts)-1
		s.router.Planner.Plan(&s.stmt, part, s.data.State().DB(), s.mode)
		s.text = textRequest{payload: append([]byte{byte(protocol.ComQuery)}, part...)}
		err := s.carryOut(&s.stmt, &s.text, nil)
		var e *protocol.Error
		if errors.As(err, &e) && i > 0 {
			s.data.Idle(e)
			return s.client.WriteError(e) // answers before it have been written
		}
		if err != nil || s.failed() {
			return err
		}
	}
	return nil
}

// failed reports whether the answer that was relayed last is an error.
func (s *session) failed() bool { return s.data.Failed() }

// carryOut carries one planned statement out; args are the bound values of a
// prepared one.
func (s *session) carryOut(st *rewrite.Statement, req replica.Request, args rewrite.Args) error {
	s.data.Fresh()
	s.givenID, s.unnumbered = false, false
	if st.Plan.Uses&rewrite.UsesSysdate != 0 {
		var done func()
		st, req, done = s.withNow(st, req)
		defer done()
	}
	if st.Plan.Uses&rewrite.UsesUserVariable != 0 {
		st = s.keyedByVars(st)
	}
	asks := st
	if st.Plan.Uses&rewrite.UsesLastInsertID != 0 {
		st = s.keyedByInsertID(st)
	}
	s.latest = st
	p := st.Plan
	if p.Waits != nil || s.maxTime != 0 {
		s.limit(st, args)
	}
	if p.Computed != nil {
		return s.computed(st, req, args)
	}
	if p.Selects {
		return s.insertSelected(st, req, args)
	}
	if p.Joins && (s.router.OtherTables >= 0 || p.Refuse == "") {
		return s.writeJoined(st, req, args)
	}
	if p.Refuse != "" {
		return s.elsewhere(st, req, args)
	}
	if e := s.isView(p); e != nil {
		return e
	}
	if s.tablesLocked && p.Table != nil && p.Kind != rewrite.KindLockTables && s.data.Fenced() {
		return notLocked(p)
	}
	if len(p.Assigns) > 0 {
		if err := s.assigning(p); err != nil {
			return err
		}
	}
	s.data.CountFound = p.Pins == sqlCalcFoundRows
	s.data.AskInsertID = p.Pins == lastInsertIDOf
	s.data.CountSelected = p.SelectsFrom
	req, done := s.inform(asks, req)
	defer done()
	var err error
	switch p.Kind {
	case rewrite.KindEmpty:
		return s.empty(st)
	case rewrite.KindRead, rewrite.KindReadForUpdate:
		err = s.read(st, req, args)
	case rewrite.KindWrite:
		err = s.write(st, req, args)
	case rewrite.KindMove:
		err = s.move(st, req, args)
	case rewrite.KindScatterRead:
		err = s.scatter(st, req, args)
	case rewrite.KindWriteByOther:
		err = s.writeByOther(st, req, args)
	case rewrite.KindBroadcast:
		err = s.broadcast(st, req, args)
	case rewrite.KindAny:
		if p.Verb == rewrite.VerbShow && p.Uses&rewrite.UsesWarnings != 0 {
			return s.showNotes(st, req)
		}
		if p.Lists {
			err = s.list(st, req)
			break
		}
		if p.Processes {
			return s.processes(st, req)
		}
		if p.Explains {
			err = s.explain(st, req, args)
			break
		}
		if p.Uses&rewrite.UsesTLS != 0 {
			if rows := s.tlsStatus(st, args); len(rows) > 0 {
				return s.showStatus(req, rows)
			}
		}
		err = s.any(p, req)
	case rewrite.KindOtherTable:
		err = s.other(p, req)
	case rewrite.KindSessionState:
		if p.Diagnostics != nil {
			return s.diagnose(st, args)
		}
		err = s.setState(st, req, args)
	case rewrite.KindTxnBegin, rewrite.KindTxnCommit, rewrite.KindTxnRollback,
		rewrite.KindTxnSavepoint, rewrite.KindTxnReleaseSavepoint, rewrite.KindTxnRollbackToSavepoint:
		return s.transaction(st)
	case rewrite.KindLock, rewrite.KindUnlock, rewrite.KindLockTest, rewrite.KindUnlockAll:
		err = s.lock(st, req, args)
	case rewrite.KindKill:
		return s.kill(st, args)
	case rewrite.KindPrepareSQL:
		return s.prepareSQL(st, req)
	case rewrite.KindCall:
		err = s.call(st, req)
	case rewrite.KindLockTables:
		err = s.lockTables(st, req)
	case rewrite.KindUnlockTables:
		err = s.unlockTables(req)
	default:
		return refuse(p.Kind.String())
	}
	switch {
	case err != nil:
	case p.Uses&rewrite.UsesWarnings != 0 && s.mariaDB() && !s.failed():
		// What it tells of stays as it is.
		s.own.rowCount, s.own.foundRows = -1, s.data.Answer().Rows
	default:
		s.remembered(p)
		if p.Kind == rewrite.KindWrite && p.Rows == 0 && (p.Verb == rewrite.VerbInsert || p.Verb == rewrite.VerbReplace) && !s.failed() {
			s.own.foundRows = 0
			if p.SelectsFrom {
				s.own.foundRows = s.data.Selected()
			}
		}
	}
	return err
}

// read carries a SELECT of known keys out.
func (s *session) read(st *rewrite.Statement, req replica.Request, args rewrite.Args) error {
	p := st.Plan
	if err := pins(p); err != nil {
		return err
	}
	lock := p.Kind == rewrite.KindReadForUpdate
	if len(p.Others) > 0 {
		return s.joinKeys(st, req, args)
	}
	switch {
	case lock && len(p.Keys) == 0 && p.OtherColumn != "":
		return s.lockByOther(st, req, args)
	case lock && (len(p.Keys) == 0 && len(p.Reads) > 0 || s.loose(st, args)):
		return s.lockFound(st, req, args)
	case s.loose(st, args):
		return s.gather(st, req, args, nil)
	}
	if err := s.findKeys(st, p.Keys, args); err != nil {
		return err
	}
	switch len(s.keys) {
	case 0:
		return s.data.ReadAny(req) // id = NULL: no record, wherever it is asked
	case 1:
		if share, ok := req.(replica.Shareable); ok && shareable(p) {
			return s.data.ReadShared(s.table(p), s.keys[0], share)
		}
		return s.data.Read(s.table(p), s.keys[0], req, lock && !p.Shares)
	}
	err := s.data.ReadSeveral(s.table(p), s.keys, req, lock && !p.Shares)
	if lock && errors.Is(err, replica.ErrApart) {
		return s.lockApart(st, req, args, s.keys)
	}
	if errors.Is(err, replica.ErrApart) {
		return s.gather(st, req, args, s.keys)
	}
	return err
}

// write carries a write of known keys out.
func (s *session) write(st *rewrite.Statement, req replica.Request, args rewrite.Args) error {
	p := st.Plan
	if err := pins(p); err != nil {
		return err
	}
	if len(p.Keys) == 0 {
		return s.withoutKey(p)
	}
	if p.CopiesFrom != nil {
		return s.copyRecord(st, req, args)
	}
	if p.Verb == rewrite.VerbInsert || p.Verb == rewrite.VerbReplace {
		column, err := s.numbered(p, s.table(p))
		switch {
		case err != nil:
			return err
		case column != "" && p.Rows > 1:
			return s.writeRows(st, req, args, column)
		case column != "":
			return s.insertNumbered(st, req, args, column)
		}
	} else if s.loose(st, args) {
		return s.sweep(st, req, args, nil)
	}
	if err := s.findKeys(st, p.Keys, args); err != nil {
		return err
	}
	if len(s.keys) == 0 {
		if p.Verb == rewrite.VerbInsert || p.Verb == rewrite.VerbReplace {
			return nullKey(p)
		}
		return s.data.ReadAny(req) // no record has the key NULL
	}
	if len(s.keys) > 1 && !s.data.Together(s.keys) {
		return s.writeApart(st, req, args)
	}
	if p.Verb == rewrite.VerbUpdate && p.Surrogates != nil {
		if err := s.updatesNumber(st, s.table(p), args); err != nil {
			return err
		}
	}
	w := replica.Write{Req: req, Keys: s.keys, Spelled: s.spelled, Table: s.table(p), Partial: partial(p), Updates: p.Verb == rewrite.VerbUpdate, Removes: p.Verb == rewrite.VerbDelete, Returns: p.ResultSet}
	s.sameOnAll(&w, p)
	err := s.data.Write(&w)
	if errors.Is(err, replica.ErrApart) { // since they were seen together
		return s.writeApart(st, req, args)
	}
	return err
}

// writeApart carries a write of several known keys out, those in s.keys, whose
// records have no store in common.
func (s *session) writeApart(st *rewrite.Statement, req replica.Request, args rewrite.Args) error {
	if v := st.Plan.Verb; v == rewrite.VerbInsert || v == rewrite.VerbReplace {
		return s.writeRows(st, req, args, "")
	}
	return s.sweep(st, req, args, s.keys)
}

// partial reports whether a statement writes a part of a record that is there.
func partial(p *rewrite.Plan) bool { return p.Verb == rewrite.VerbUpdate || p.Target.Name != "" }

// sameOnAll decides how w is made to give the same record on all copies.
func (s *session) sameOnAll(w *replica.Write, p *rewrite.Plan) {
	if s.data.Fenced() {
		return // it runs at one store, and the record is copied
	}
	nondet := p.Nondet
	if p.Verb != rewrite.VerbDelete {
		t := w.Table
		if p.Target.Name != "" {
			t = s.target(p)
		}
		switch s.data.Defaults(t) {
		case replica.DefaultsTime:
			nondet |= rewrite.NondetTime
		case replica.DefaultsOther:
			nondet |= rewrite.NondetOther
		}
	}
	w.Image = nondet&rewrite.NondetOther != 0
	w.FixTime = nondet&rewrite.NondetTime != 0 && !s.fixedTime
}

// move carries an UPDATE that assigns the key out. To assign the key to itself
// is a plain write.
func (s *session) move(st *rewrite.Statement, req replica.Request, args rewrite.Args) error {
	if err := pins(st.Plan); err != nil {
		return err
	}
	if s.data.ReadOnly() { // no store would say so where no record is found
		return s.readOnlyTransaction()
	}
	if s.loose(st, args) {
		return refuse("a number for a key that is text, or a hexadecimal literal for one that is a number")
	}
	if err := s.findKeys(st, st.Plan.Keys[:1], args); err != nil {
		return err
	}
	if len(s.keys) == 0 {
		return s.data.ReadAny(req) // no record has the key NULL
	}
	if err := s.findKeys(st, st.Plan.Keys, args); err != nil {
		return err
	}
	w := replica.Write{Req: req, Keys: s.keys, Spelled: s.spelled, Table: s.table(st.Plan), Partial: true}
	s.sameOnAll(&w, st.Plan)
	switch {
	case len(s.keys) == 1:
		return s.data.Write(&w)
	case len(st.Plan.Keys) != 2:
		return refuse("UPDATE that changes the key column of several records")
	}
	w.Image = false // one store runs it anyway
	if column, err := s.data.Numbered(w.Table); err != nil {
		return err
	} else if n, ok := parseInt(s.keys[1]); ok && strings.EqualFold(column, w.Table.Key) {
		if err := s.given(st, w.Table, column, n, nil); err != nil {
			return err
		}
	}
	return s.data.Move(&w)
}

// table names the table that a plan is about.
func (s *session) table(p *rewrite.Plan) replica.Table {
	t := replica.Table{Schema: p.Schema, Name: p.Table.Name, Key: p.Table.Key, Parts: s.router.partsOf(p.Table), Folds: p.Table.FoldCase, Collated: p.Table.Collated}
	if t.Schema == "" {
		t.Schema = s.data.State().DB()
	}
	return t
}

// any carries a statement out that any live store can answer.
func (s *session) any(p *rewrite.Plan, req replica.Request) error {
	if err := pins(p); err != nil {
		return err
	}
	if p.Routines != nil {
		return s.function(p, req)
	}
	return s.data.ReadAny(req)
}

// otherRefused says why a statement on tables that are not configured can't be
// carried out.
func (s *session) otherRefused(p *rewrite.Plan) error {
	if e := refusedOther(p, s.router.OtherTables >= 0); e != nil {
		if nowhere := s.nowhere(p); nowhere != nil {
			return nowhere
		}
		return e
	}
	if slices.ContainsFunc(p.Others, isLeaseTable) {
		if e := s.nowhere(p); e != nil {
			return e
		}
	}
	if p.Verb == rewrite.VerbDDL {
		return nil
	}
	return s.checkOthers(p)
}

// other carries a statement on tables that are not configured out.
func (s *session) other(p *rewrite.Plan, req replica.Request) error {
	if err := s.otherRefused(p); err != nil {
		return err
	}
	if p.ImplicitCommit {
		defer s.router.guard.forget()
		if s.data.InTxn() {
			if err := s.data.Commit(); err != nil {
				return err
			}
		}
	}
	s.writesOthers = s.writesOthers || writes(p.Verb)
	if p.Pins != "" && p.Pins != sqlCalcFoundRows && p.Pins != lastInsertIDOf {
		// What it leaves behind is not seen anywhere else: one connection
		// serves this client's statements there from now on.
		why := keepsUnstated
		if p.Pins == rewrite.PinsTable {
			why = keepsTables
		}
		if err := s.keepOthers(why); err != nil {
			return err
		}
	}
	if p.Routines != nil {
		s.data.Learn = s.learnVars(p.Assigns, true)
	}
	return s.data.On(s.router.OtherTables, req)
}

// pins refuses what would stay behind in a store connection.
func pins(p *rewrite.Plan) error {
	if p.Pins != "" && p.Pins != sqlCalcFoundRows && (p.Pins != lastInsertIDOf || p.Kind == rewrite.KindScatterRead || len(p.Keys) > 1) {
		return refuse(p.Pins)
	}
	return nil
}

// kill carries KILL out on a client of this proxy; without an id, on this one.
func (s *session) kill(st *rewrite.Statement, args rewrite.Args) error {
	p := st.Plan
	id := int64(s.client.ID)
	if p.KillID != nil {
		var ok bool
		if id, ok = st.Number(*p.KillID, args); !ok || id < 0 || id > 1<<32-1 {
			return protocol.Errorf(protocol.ErrNoSuchThread, "Unknown thread id: %d", id)
		}
	}
	own := id == int64(s.client.ID)
	if own && p.KillQuery { // which is this statement
		return protocol.Errorf(protocol.ErrQueryInterrupted, "Query execution was interrupted")
	}
	if err := s.router.Kill(uint32(id), p.KillQuery, s.client); err != nil {
		return err
	}
	if own {
		return protocol.Errorf(protocol.ErrConnectionKilled, "Connection was killed")
	}
	return s.ok()
}
