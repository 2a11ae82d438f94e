package router

import (
	"context"
	"errors"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/dsmproxy/dsmproxy/protocol"
	"github.com/dsmproxy/dsmproxy/rewrite"
	"github.com/dsmproxy/dsmproxy/router/replica"
	"github.com/dsmproxy/dsmproxy/router/store"
)

// setState carries a statement out that changes the session: it is tried on a
// store, remembered, and replayed on every store connection that this client
// uses from then on.
func (s *session) setState(st *rewrite.Statement, req replica.Request, args rewrite.Args) error {
	p := st.Plan
	switch {
	case p.Database != "":
		return s.use(p.Database, req)
	case p.NextTxn:
		return s.nextTxn(st)
	case p.Pins != "":
		return refuse(p.Pins)
	case p.ByDo:
		return s.setByDo(st, req, args)
	case p.Params > 0 && !onlyUserVars(p):
		return s.setBound(st, args)
	}
	if err := s.vars.keep(s, p); err != nil {
		return err
	}
	if known := s.autocommitByVar(st); known != nil {
		return s.setState(known, variant(req, known.Text), nil)
	}
	if e := refusedSet(p); e != nil {
		return e
	}
	autocommit, others := none, 0
	for _, a := range p.Set {
		if a.Name == "autocommit" {
			autocommit = onOff(a.Value)
		} else {
			others++
		}
	}
	if autocommit == on && !s.data.State().Autocommit() && s.data.InTxn() {
		if err := s.data.Commit(); err != nil {
			return err
		}
	}
	if slices.ContainsFunc(p.Set, func(a rewrite.Assignment) bool { return a.Name == "transaction_isolation" }) {
		if err := s.data.KeepIsolation(); err != nil {
			return err
		}
	}
	next := s.data.State()
	if len(p.Assigns) > 0 && !constant(p) {
		return s.setVars(st, req, autocommit)
	}
	if others > 0 {
		next = s.remember(next, st)
	}
	if autocommit != none {
		next = s.withAutocommit(next, autocommit == on, others > 0)
	}
	if others == 0 && !s.data.Holds() {
		s.data.SetState(next)
		s.setAutocommitStatus()
		return s.ok()
	}
	err := s.data.Change(req, next, func(conn *store.Conn) error { return s.learn(p, conn) })
	s.setAutocommitStatus()
	return err
}

// autocommitByVar is a SET of autocommit to what a user variable has, as a dump
// sets it back, with that value; nil for others.
func (s *session) autocommitByVar(st *rewrite.Statement) *rewrite.Statement {
	p := st.Plan
	if len(p.Set) != 1 || p.Set[0].Name != "autocommit" || p.Uses&rewrite.UsesUserVariable == 0 || onOff(p.Set[0].Value) != none {
		return nil
	}
	text, ok := st.WithUserVars(s.keyLiteral)
	if !ok {
		return nil
	}
	known := &rewrite.Statement{}
	s.router.Planner.Plan(known, text, s.data.State().DB(), s.mode)
	if known.Plan.Kind != rewrite.KindSessionState || known.Plan.Uses&rewrite.UsesUserVariable != 0 {
		return nil
	}
	return known
}

// Values of a switch.
const (
	none = iota
	off
	on
)

func onOff(value string) int {
	switch strings.Trim(value, `'"`) {
	case "0", "OFF", "FALSE":
		return off
	case "1", "ON", "TRUE", "DEFAULT":
		return on
	}
	return none
}

// remember returns the state after a SET.
func (s *session) remember(state *store.Session, st *rewrite.Statement) *store.Session {
	names := make([]string, len(st.Plan.Set))
	for i, a := range st.Plan.Set {
		names[i] = a.Name
	}
	return state.WithSet(st.Text, names, constant(st.Plan))
}

// withAutocommit returns the state with autocommit on or off. Once a SET of
// several variables with autocommit among them is to be replayed, each later
// change is replayed behind it.
func (s *session) withAutocommit(state *store.Session, to, amongOthers bool) *store.Session {
	s.inSet = s.inSet || amongOthers
	if s.inSet {
		sql := "SET autocommit=0"
		if to {
			sql = "SET autocommit=1"
		}
		state = state.WithSet([]byte(sql), []string{"autocommit"}, true)
	}
	return state.WithAutocommit(to)
}

func (s *session) setAutocommitStatus() {
	if s.data.State().Autocommit() {
		s.client.Status |= protocol.StatusAutocommit
	} else {
		s.client.Status &^= protocol.StatusAutocommit
	}
}

// learn takes over what a SET changes in how this client's SQL is read.
func (s *session) learn(p *rewrite.Plan, conn *store.Conn) error {
	for _, a := range p.Set {
		switch a.Name {
		case "sql_mode":
			if err := s.learnMode(conn); err != nil {
				return err
			}
		case "names", "charset", "character_set_client":
			s.mode &^= rewrite.ModeUnsafeCharset
			name := strings.ToLower(strings.Trim(a.Value, `'"`))
			if unsafeCharset(name) {
				s.mode |= rewrite.ModeUnsafeCharset
			}
			if name == "" { // an expression
				if err := s.learnCharset(conn); err != nil {
					return err
				}
			}
		case "last_insert_id", "identity":
			if n, err := strconv.ParseUint(a.Value, 10, 64); err == nil {
				s.own.insertID = n
			}
		case "transaction_read_only":
			s.data.KeepAccess()
			s.data.ReadsOnly = onOff(a.Value) == on && a.Value != "DEFAULT"
		case "completion_type":
			s.completion = a.Value
		case "innodb_lock_wait_timeout":
			if err := s.learnLockWait(conn); err != nil {
				return err
			}
		case "max_statement_time", "max_execution_time":
			if err := s.learnTime(conn); err != nil {
				return err
			}
		case "auto_increment_increment", "auto_increment_offset":
			if err := s.learnNumbering(conn); err != nil {
				return err
			}
		case "wait_timeout":
			if err := s.learnIdle(conn); err != nil {
				return err
			}
		case "timestamp":
			s.fixedTime = a.Value != "DEFAULT" && a.Value != "0"
		}
	}
	return nil
}

// learnCharset asks what a SET to an expression has made of the charset of what
// the client sends.
func (s *session) learnCharset(conn *store.Conn) error {
	rows, err := conn.Query(context.Background(), "SELECT @@character_set_client")
	if err != nil {
		return err
	}
	if unsafeCharset(string(rows[0][0])) {
		s.mode |= rewrite.ModeUnsafeCharset
	}
	return nil
}

// unsafeCharset reports whether a charset has characters whose second byte may
// be a backslash.
func unsafeCharset(name string) bool {
	switch name {
	case "gbk", "big5", "sjis", "cp932", "gb18030", "gb2312":
		return true
	}
	return false
}

// learnLockWait has waits in the proxy last as long as those at the stores.
func (s *session) learnLockWait(conn *store.Conn) error {
	rows, err := conn.Query(context.Background(), "SELECT @@innodb_lock_wait_timeout")
	if err != nil {
		return err
	}
	s.data.LockWait = lockWait(rows[0][0])
	return nil
}

// learnIdle has the client closed when it is idle for as long as it has set
// wait_timeout to.
func (s *session) learnIdle(conn *store.Conn) error {
	rows, err := conn.Query(context.Background(), "SELECT @@wait_timeout")
	if err != nil {
		return err
	}
	seconds, err := strconv.ParseUint(string(rows[0][0]), 10, 32)
	s.client.SetIdleTimeout(time.Duration(seconds) * time.Second)
	return err
}

// learnNumbering has the proxy count as the client wants.
func (s *session) learnNumbering(conn *store.Conn) error {
	rows, err := conn.Query(context.Background(), "SELECT @@auto_increment_increment, @@auto_increment_offset")
	if err != nil {
		return err
	}
	if s.autoStep, err = strconv.ParseUint(string(rows[0][0]), 10, 16); err != nil {
		return err
	}
	s.autoOffset, err = strconv.ParseUint(string(rows[0][1]), 10, 16)
	return err
}

func (s *session) learnMode(conn *store.Conn) error {
	rows, err := conn.Query(context.Background(), "SELECT @@sql_mode")
	if err != nil {
		return err
	}
	s.mode = s.mode&rewrite.ModeUnsafeCharset | rewrite.ParseMode(string(rows[0][0]))
	return nil
}

// initDB carries COM_INIT_DB out. MySQL tells in its answer of the warnings of the
// statement before, which was none of this client's, but of a USE's own.
func (s *session) initDB(payload []byte) error {
	db := string(payload[1:])
	if db != "" && !s.mariaDB() {
		payload = append([]byte{byte(protocol.ComQuery)}, "USE `"+strings.ReplaceAll(db, "`", "``")+"`"...)
	}
	return s.use(db, &textRequest{payload: payload})
}

// use changes the default database.
func (s *session) use(db string, req replica.Request) error {
	next := s.data.State().WithDB(db)
	who := access{s.client.User, db}
	if _, ok := s.router.known.Load(who); ok && !s.data.Holds() {
		s.data.SetState(next)
		s.client.SetDB(db)
		return s.ok()
	}
	if err := s.data.Change(req, next, nil); err != nil || s.failed() {
		return err
	}
	s.router.known.Store(who, struct{}{})
	s.client.SetDB(db)
	s.own.rowCount = 0
	return nil
}

// nextTxn takes SET TRANSACTION, which concerns the next transaction only.
func (s *session) nextTxn(st *rewrite.Statement) error {
	if s.data.InTxn() {
		return &protocol.Error{Code: 1568, State: "25001",
			Message: "Transaction characteristics can't be changed while a transaction is in progress"}
	}
	access, isolation := replica.AccessDefault, ""
	for _, a := range st.Plan.Set {
		switch {
		case a.Name == "transaction_isolation":
			isolation = a.Value
		case a.Value == "1":
			access = replica.AccessReadOnly
		default:
			access = replica.AccessReadWrite
		}
	}
	s.data.NextTxn(isolation, access)
	return s.ok()
}

// transaction carries BEGIN, COMMIT, ROLLBACK and the savepoints out.
func (s *session) transaction(st *rewrite.Statement) error {
	p, sql := st.Plan, string(st.Text)
	var err error
	var answer protocol.OK
	chain, release := s.completes(p)
	var traits replica.Traits
	if chain {
		traits = s.data.Traits()
	}
	switch p.Kind {
	case rewrite.KindTxnBegin:
		s.writesOthers = false
		if err = s.freeTables(); err == nil {
			access := replica.AccessDefault
			switch {
			case p.ReadOnly:
				access = replica.AccessReadOnly
			case p.ReadWrite:
				access = replica.AccessReadWrite
			}
			err = s.data.Begin(sql, access)
		}
		if err == nil && p.Snapshot {
			answer.Warnings, err = s.data.Snapshot()
		}
	case rewrite.KindTxnCommit:
		s.writesOthers = false
		err = s.data.Commit()
	case rewrite.KindTxnRollback:
		s.writesOthers = false
		s.data.Rollback()
	case rewrite.KindTxnSavepoint:
		err = s.data.Savepoint(p.Savepoint, sql)
	case rewrite.KindTxnReleaseSavepoint:
		err = s.data.ReleaseSavepoint(p.Savepoint, sql)
	case rewrite.KindTxnRollbackToSavepoint:
		err = s.data.RollbackTo(p.Savepoint, sql)
	}
	if err == nil && chain {
		err = s.data.Chain(traits)
	}
	if err != nil {
		return err
	}
	if err := s.okWith(answer); err != nil {
		return err
	}
	if release {
		return errors.Join(s.client.Conn().Flush(), errReleased)
	}
	return nil
}

// completes tells what COMMIT and ROLLBACK do beside: begin a transaction, end
// the client.
func (s *session) completes(p *rewrite.Plan) (chain, release bool) {
	if p.Kind != rewrite.KindTxnCommit && p.Kind != rewrite.KindTxnRollback {
		return false, false
	}
	chain, release = p.Chain, p.Release
	if !chain && !release {
		chain = s.completion == "1" || s.completion == "CHAIN"
		release = s.completion == "2" || s.completion == "RELEASE"
	}
	return chain && !p.NoChain, release && !p.NoRelease
}

// errReleased closes the connection of a client that asked for it.
var errReleased = errors.New("COMMIT or ROLLBACK with RELEASE")
