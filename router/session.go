package router

import (
	"errors"
	"strconv"
	"sync/atomic"
	"time"

	"github.com/dsmproxy/dsmproxy/protocol"
	"github.com/dsmproxy/dsmproxy/rewrite"
	"github.com/dsmproxy/dsmproxy/router/meter"
	"github.com/dsmproxy/dsmproxy/router/replica"
	"github.com/dsmproxy/dsmproxy/router/store"
)

// session is one client's MySQL session. Its methods but Abort are called by
// one goroutine at a time.
type session struct {
	router *Router
	client *protocol.Client
	data   *replica.Client
	// running is data, for Abort.
	running atomic.Pointer[replica.Client]

	mode       rewrite.Mode
	fixedTime  bool   // the client has SET timestamp itself
	completion string // its completion_type
	// tablesLocked: LOCK TABLES holds at the store of the other tables.
	tablesLocked bool
	keeps        string // see keepOthers; "": nothing
	writesOthers bool   // the transaction, if one is open, has written other tables
	inSet        bool   // a SET with autocommit among others is in the state's log
	own          own
	// givenID: the insert id of the answer was given by the statement itself, and
	// unnumbered: the stores number the records.
	givenID, unnumbered bool
	maxTime             time.Duration // of a statement; 0: none
	// autoStep and autoOffset are what the client has set auto_increment_increment
	// and auto_increment_offset to; 0 for what it has not.
	autoStep, autoOffset uint64

	stmt      rewrite.Statement // of the running COM_QUERY
	text      textRequest
	keys      [][]byte             // scratch
	spelled   [][]byte             // the keys as the statement has them, where keys are folded
	asSpelled [][]byte             // scratch of spelled
	prepared  map[uint32]*prepared // nil until the first
	named     map[string]*named    // prepared by SQL
	vars      userVars
	lastStmt  uint32
	cursors   cursors

	shows results // see results

	shard    meter.Shard
	searched *rewrite.Plan      // whose tables nowhere has looked for, by the running command
	latest   *rewrite.Statement // what the running command carries out; nil: none yet
}

// begin brings the session to the state after login, which it is the first time.
func (s *session) begin(login bool) error {
	s.fresh()
	c := s.client
	_, known := s.router.known.Load(access{c.User, c.DB})
	if known = known || c.DB == ""; known && (!login || s.router.Set.Live()) {
		return nil
	}
	if err := s.data.Check(); err != nil {
		s.data.Close()
		return err
	}
	if !known {
		s.router.known.Store(access{c.User, c.DB}, struct{}{})
	}
	return nil
}

// fresh makes the session what it is after a login, without a look at a store.
func (s *session) fresh() {
	c := s.client
	s.mode = rewrite.Mode(s.router.baseMode.Load())
	if unsafeCollation(c.Collation) {
		s.mode |= rewrite.ModeUnsafeCharset
	}
	s.fixedTime, s.inSet, s.keeps, s.writesOthers, s.own = false, false, "", false, own{}
	s.completion = ""
	s.autoStep, s.autoOffset, s.maxTime, s.shows = 0, 0, 0, results{}
	c.SetIdleTimeout(0)
	s.named, s.vars, s.tablesLocked = nil, userVars{}, false
	c.Status = protocol.StatusAutocommit
	if s.mode&rewrite.ModeNoBackslashEscapes != 0 {
		c.Status |= protocol.StatusNoBackslashEscapes
	}
	if s.mode&rewrite.ModeANSIQuotes != 0 {
		c.Status |= protocol.StatusANSIQuotes
	}
	var state *store.Session
	if c.DB != "" {
		state = state.WithDB(c.DB)
	}
	s.data = s.router.Set.NewClient(c, s.router.login(c), state)
	s.data.Home = s.router.OtherTables
	if d := s.router.limits.Load(); d != nil {
		s.data.LockWait, s.maxTime = d.lock, d.statement
	}
	s.running.Store(s.data)
}

// ping answers COM_PING. A server that is down answers none, nor does it let
// anybody in: pools and load balancers rely on both, and where no store can be
// reached they are told so.
func (s *session) ping() error {
	if !s.router.Set.Live() {
		if err := s.data.Check(); err != nil {
			return err
		}
	}
	s.own.rowCount = 0
	var ok protocol.OK
	if !s.mariaDB() {
		ok.Warnings = s.own.warnings // MySQL tells of those of the statement before
	}
	return s.client.WriteOK(ok)
}

// unsafeCollation reports whether a collation's charset has characters whose
// second byte may be a backslash: big5, gbk, sjis, cp932, gb18030.
func unsafeCollation(id uint8) bool {
	switch id {
	case 1, 84, 13, 88, 28, 87, 95, 96, 248, 249, 250:
		return true
	}
	return false
}

// Command implements protocol.Session.
func (s *session) Command(cmd protocol.Command, payload []byte) error {
	began := s.beginCommand()
	s.data.Enter()
	defer s.data.Leave()
	err := s.data.Expired(s.judged(cmd, s.command(cmd, payload)))
	s.endCommand(cmd, began, err)
	if err == nil {
		return nil
	}
	var e *protocol.Error
	if errors.As(err, &e) {
		s.rememberError(e)
		s.data.Idle(e)
	}
	return err
}

func (s *session) command(cmd protocol.Command, payload []byte) error {
	s.data.More = false
	if err := s.data.CheckLocks(); err != nil {
		return err
	}
	switch cmd {
	case protocol.ComQuery:
		return s.query(payload)
	case protocol.ComInitDB:
		return s.initDB(payload)
	case protocol.ComPing:
		return s.ping()
	case protocol.ComFieldList:
		return s.data.ReadAny(&textRequest{payload: payload, answer: protocol.AnswerFields})
	case protocol.ComStmtPrepare:
		return s.prepare(payload)
	case protocol.ComStmtExecute:
		return s.execute(payload)
	case protocol.ComStmtSendLongData:
		return s.sendLongData(payload)
	case protocol.ComStmtFetch:
		return s.fetch(payload)
	case protocol.ComStmtReset:
		return s.resetStmt(payload)
	case protocol.ComStmtClose:
		s.closeStmt(payload)
		return nil
	}
	return protocol.Errorf(protocol.ErrUnknownCommand, "Unknown command")
}

// Reset implements protocol.Session.
func (s *session) Reset() error {
	found := s.own.foundRows // which is no session state to a server
	s.end()
	err := s.begin(false)
	s.own.foundRows = found
	return err
}

// Abort implements protocol.Session.
func (s *session) Abort(cause *protocol.Error, all bool) { s.running.Load().Abort(cause, all) }

// Holds implements protocol.Session.
func (s *session) Holds() bool { return s.data.Holds() }

// Close implements protocol.Session.
func (s *session) Close() { s.end() }

func (s *session) end() {
	s.dropCursors()
	for id, p := range s.prepared {
		p.stmt.Close()
		delete(s.prepared, id)
	}
	s.data.Close()
}

// ok answers a statement that no store has to carry out.
func (s *session) ok() error { return s.okWith(protocol.OK{}) }

// okWith is ok with more than that to say. The warnings are in data.Notes.
func (s *session) okWith(ok protocol.OK) error {
	if s.data.More {
		s.client.Status |= protocol.StatusMoreResults
		defer func() { s.client.Status &^= protocol.StatusMoreResults }()
	}
	s.own.rowCount = 0
	s.noted(ok.Warnings)
	return s.client.WriteOK(ok)
}

// refuse answers a statement that can't be routed rightly.
func refuse(construct string) *protocol.Error {
	return protocol.Errorf(protocol.ErrNotSupportedYet, refusedPrefix+"%s", construct)
}

const refusedPrefix = "dsmproxy: this statement can't be routed: "

// refusal is the answer to a statement whose plan refuses it.
func refusal(p *rewrite.Plan) *protocol.Error {
	if p.Malformed {
		return protocol.Errorf(protocol.ErrParse, misunderstood+"%s", p.Refuse)
	}
	if p.Refuse == rewrite.RefuseLoadLocal {
		// As a server says it whose local_infile is off.
		return protocol.Errorf(protocol.ErrNotAllowedCommand, "dsmproxy: LOAD DATA LOCAL is not allowed: clients are not asked for their files")
	}
	if p.Refuse == rewrite.RefuseValueCount {
		return &protocol.Error{Code: 1136, State: "21S01",
			Message: "Column count doesn't match value count at row " + strconv.Itoa(p.Rows)}
	}
	return refuse(p.Refuse)
}

// textRequest is a command that is sent to a store as it came.
type textRequest struct {
	payload []byte
	answer  protocol.AnswerKind
}
