package router

import (
	"github.com/dsmproxy/dsmproxy/protocol"
	"github.com/dsmproxy/dsmproxy/rewrite"
	"github.com/dsmproxy/dsmproxy/router/replica"
)

// What concerns no session table goes to the store of the other tables, if one
// is configured. What a statement leaves behind there (a temporary table, table
// locks) is not seen anywhere else: one connection serves the client's
// statements there from then on.

// elsewhere carries a statement out that is refused for session tables.
func (s *session) elsewhere(st *rewrite.Statement, req replica.Request, args rewrite.Args) error {
	p := st.Plan
	if p.Refuse == rewrite.RefuseLoadLocal {
		return noLocalFiles(p, s.router.Set.Version())
	}
	var err error
	switch {
	case s.router.OtherTables < 0 || !p.Elsewhere && !p.Gathers:
		return refusal(p)
	case p.Gathers:
		err = s.join(st, req, args, nil)
	default:
		err = s.other(p, req)
	}
	if err == nil {
		s.remembered(p)
	}
	return err
}

// Why a client keeps a connection to the store of the other tables.
const (
	keepsLocks    = "LOCK TABLES" // which may have ended
	keepsTables   = "has a temporary table"
	keepsCall     = "has called a procedure"
	keepsUnstated = "has left something at the store of the other tables"
)

// keepOthers has one connection serve the client's statements on other tables
// from now on, for what it holds there.
func (s *session) keepOthers(why string) error {
	if s.keeps == "" || s.keeps == keepsLocks {
		s.keeps = why
	}
	return s.data.Keep(s.router.OtherTables)
}

// call carries CALL out. A procedure can do whatever a client can.
func (s *session) call(st *rewrite.Statement, req replica.Request) error {
	p := st.Plan
	if err := s.otherRefused(p); err != nil {
		return err
	}
	s.data.Learn = s.learnVars(p.Assigns, true)
	learn := s.data.Learn
	if err := s.keepOthers(keepsCall); err != nil {
		return err
	}
	s.data.Learn = learn
	return s.data.On(s.router.OtherTables, req)
}

// function carries a statement out that names no table, and a stored function.
func (s *session) function(p *rewrite.Plan, req replica.Request) error {
	if err := s.otherRefused(p); err != nil {
		return err
	}
	s.data.Learn = s.learnVars(p.Assigns, true)
	return s.data.On(s.router.OtherTables, req)
}

// lockTables carries LOCK TABLES of other tables out. That of a session table
// would have to stop all proxies' clients at all stores at once, and each copy's
// writes at the same place of their order, which no store can promise: who
// relies on it must be told. Two uses rely on nothing that it gives and are
// answered without a lock: a dump, whose READ LOCAL lets others insert anyway,
// and the load of one, which is known by its switching off of checks.
func (s *session) lockTables(st *rewrite.Statement, req replica.Request) error {
	p := st.Plan
	if p.Table != nil {
		if !p.ReadLocal && !s.loads() {
			return lockRefused(p)
		}
		if err := s.freeTables(); err != nil {
			return err
		}
		if s.data.InTxn() {
			if err := s.data.Commit(); err != nil {
				return err
			}
		}
		return s.ok()
	}
	if err := s.otherRefused(p); err != nil {
		return err
	}
	if s.data.InTxn() {
		if err := s.data.Commit(); err != nil {
			return err
		}
	}
	if err := s.keepOthers(keepsLocks); err != nil {
		return err
	}
	s.tablesLocked = true
	return s.data.On(s.router.OtherTables, req)
}

// loads reports whether the client loads a dump, as mysqldump and mariadb-dump
// write it.
func (s *session) loads() bool {
	state := s.data.State()
	return state.Assigns("unique_checks") && state.Assigns("foreign_key_checks")
}

// lockRefused says what to do in the place of LOCK TABLES of a session table.
func lockRefused(p *rewrite.Plan) *protocol.Error {
	return refuse("LOCK TABLES of the session table " + p.Table.Name +
		"; lock records by SELECT ... FOR UPDATE in a transaction, or a name by GET_LOCK()")
}

// notLocked is the error of a session table while LOCK TABLES holds others, as a
// server gives it. At the levels safe and strict a write begins a transaction,
// which would end LOCK TABLES unseen.
func notLocked(p *rewrite.Plan) *protocol.Error {
	return protocol.Errorf(1100, "Table '%s' was not locked with LOCK TABLES", p.Table.Name)
}

// unlockTables carries UNLOCK TABLES out.
func (s *session) unlockTables(req replica.Request) error {
	if !s.tablesLocked {
		return s.ok()
	}
	s.tablesLocked = false
	return s.data.On(s.router.OtherTables, req)
}

// freeTables ends LOCK TABLES, as the beginning of a transaction does.
func (s *session) freeTables() error {
	if !s.tablesLocked {
		return nil
	}
	s.tablesLocked = false
	return s.data.Run(s.router.OtherTables, "UNLOCK TABLES")
}
