package router

import (
	"bytes"
	"context"
	"encoding/binary"
	"strings"

	"github.com/dsmproxy/dsmproxy/protocol"
	"github.com/dsmproxy/dsmproxy/rewrite"
	"github.com/dsmproxy/dsmproxy/router/store"
)

// maxPrepared bounds the prepared statements of one client, as
// max_prepared_stmt_count does.
const maxPrepared = 16382

// prepared is a client's prepared statement. Its plan was made at PREPARE; the
// keys are found in the bound values at each EXECUTE. It implements
// replica.Request for the running EXECUTE.
type prepared struct {
	id   uint32
	text []byte
	plan rewrite.Statement
	mode rewrite.Mode // at PREPARE
	stmt *store.Stmt
	// private: stmt is not shared with whoever has prepared the same.
	private bool
	params  int            // as the store counts them
	types   []byte         // as bound last; clients send them only once
	long    map[int][]byte // parameters that came as COM_STMT_SEND_LONG_DATA
	// noSuchParam: long data came for a parameter that there is not, which is an
	// error until a reset.
	noSuchParam bool

	exec    protocol.Execute
	payload []byte // of the running EXECUTE, with types
	scratch []byte
}

// prepare carries COM_STMT_PREPARE out.
func (s *session) prepare(payload []byte) error {
	s.lastStmt++ // also where nothing comes of it: see find
	if len(s.prepared) >= maxPrepared {
		return tooManyPrepared()
	}
	text := bytes.Clone(payload[1:])
	p := &prepared{text: text, mode: s.mode, stmt: s.router.stmts.Get(text, s.data.State())}
	defer func() {
		if s.prepared[p.id] != p {
			p.stmt.Close()
		}
	}()
	s.router.Planner.Plan(&p.plan, text, s.data.State().DB(), s.mode)
	s.latest = &p.plan
	at := -1
	if p.plan.Plan.Kind == rewrite.KindEmpty {
		if err := emptiness(&p.plan); err != nil {
			return err
		}
	} else if err := s.preparable(p.plan.Plan); err != nil {
		return err
	}
	writes := writesRecords(p.plan.Plan)
	if writes && s.data.ReadOnly() {
		return s.readOnlyTransaction()
	}
	if k := p.plan.Plan; k.Kind == rewrite.KindOtherTable || k.Kind == rewrite.KindCall || k.Elsewhere || k.Routines != nil {
		if err := s.otherRefused(p.plan.Plan); err != nil {
			return err
		}
		at = s.router.OtherTables
	} else if len(k.Others) > 0 { // with session tables, which that store has too
		at = s.router.OtherTables
	}
	p.id = s.lastStmt
	err := s.data.Prepare(&textRequest{payload: payload, answer: protocol.AnswerPrepare}, p.stmt, p.id, at, writes)
	if err != nil {
		return err
	}
	if a := s.data.Answer(); a.Err != nil {
		s.rememberError(a.Err)
		return nil
	}
	s.noted(0)
	p.params = int(s.data.Answer().Params)
	if s.prepared == nil {
		s.prepared = make(map[uint32]*prepared)
	}
	s.prepared[p.id] = p
	return nil
}

// writesRecords reports whether p writes session tables, other than by DDL.
func writesRecords(p *rewrite.Plan) bool {
	switch p.Kind {
	case rewrite.KindWrite, rewrite.KindMove:
		return true
	case rewrite.KindBroadcast:
		return p.Verb == rewrite.VerbDelete || p.Verb == rewrite.VerbUpdate
	}
	return false
}

// preparable says at PREPARE already what can't be carried out.
func (s *session) preparable(p *rewrite.Plan) error {
	switch {
	case (p.Gathers || p.Selects || p.Joins) && s.router.OtherTables >= 0:
		return nil
	case p.Refuse != "" && p.Uses&rewrite.UsesUserVariable == 0 && !p.Elsewhere && p.Computed == nil:
		return refusal(p) // with user variables it may be another one at EXECUTE
	case p.Kind == rewrite.KindMulti:
		return protocol.Errorf(protocol.ErrParse, misunderstood+"several statements can't be prepared as one")
	case p.Kind == rewrite.KindPrepareSQL:
		return protocol.Errorf(protocol.ErrUnsupportedPS,
			"This command is not supported in the prepared statement protocol yet")
	}
	return nil
}

// latestStmt stands at MariaDB for the statement that was prepared last, unless
// that has failed: its connectors for Node.js, Java and C send PREPARE and
// EXECUTE in one go.
const latestStmt = 1<<32 - 1

// find returns the statement whose id stands behind the command byte.
func (s *session) find(payload []byte, name string) (*prepared, error) {
	if len(payload) < 5 {
		return nil, protocol.Errorf(protocol.ErrMalformedPacket, "Malformed communication packet.")
	}
	id := binary.LittleEndian.Uint32(payload[1:])
	at := id
	if id == latestStmt && strings.Contains(s.router.Set.Version(), "MariaDB") {
		at = s.lastStmt
	}
	p, ok := s.prepared[at]
	if !ok {
		if !strings.Contains(s.router.Set.Version(), "MariaDB") {
			name = "mysql_stmt_precheck" // MySQL's word for all commands, from 8.0 on
		}
		return nil, protocol.Errorf(protocol.ErrUnknownStmtHandler,
			"Unknown prepared statement handler (%d) given to %s", id, name)
	}
	s.planned(&p.plan, p.stmt, p.text, p.mode)
	return p, nil
}

// execute carries COM_STMT_EXECUTE out.
func (s *session) execute(payload []byte) error {
	p, err := s.find(payload, "mysqld_stmt_execute")
	if err != nil {
		return err
	}
	s.dropCursorOf(p)
	defer clear(p.long)
	if p.noSuchParam {
		return protocol.Errorf(protocol.ErrWrongArguments, "Incorrect arguments to mysqld_stmt_send_long_data")
	}
	var isLong func(int) bool
	if len(p.long) > 0 {
		isLong = p.isLong
	}
	if err := p.exec.Parse(payload, p.params, p.types, isLong); err != nil {
		return err
	}
	if p.params != p.plan.Plan.Params && p.plan.Plan.Table != nil {
		return refuse("a statement whose parameters the store counts differently")
	}
	p.payload = payload
	switch {
	case p.exec.NewTypes:
		p.types = append(p.types[:0], p.exec.Types...)
	case p.params > 0:
		// A store connection may never have been told the types, or those of
		// another client.
		p.scratch = protocol.AppendExecute(p.scratch[:0], &p.exec, p.id, p.types)
		p.payload = p.scratch
	}
	s.data.Cursor = p.exec.Flags&cursorReadOnly != 0
	if s.data.Cursor && !p.private {
		// Another statement of this client with the same text must not end the
		// cursor.
		p.stmt.Close()
		p.stmt, p.private = &store.Stmt{Text: p.text, Session: p.stmt.Session}, true
	}
	err = s.carryOut(&p.plan, p, p)
	s.data.Cursor = false
	if err == nil {
		s.keepCursor(p)
	}
	return err
}

// cursorReadOnly is CURSOR_TYPE_READ_ONLY in the flags of COM_STMT_EXECUTE.
const cursorReadOnly = 1

// Prepare implements replica.Preparer.
func (p *prepared) Prepare(ctx context.Context, conn *store.Conn) error {
	_, err := conn.StmtID(ctx, p.stmt)
	return err
}

// Queue implements replica.Request.
func (p *prepared) Queue(ctx context.Context, conn *store.Conn) error {
	id, err := conn.StmtID(ctx, p.stmt)
	if err != nil {
		return err
	}
	for i, value := range p.long {
		long := make([]byte, 7, 7+len(value))
		long[0] = byte(protocol.ComStmtSendLongData)
		binary.LittleEndian.PutUint32(long[1:], id)
		binary.LittleEndian.PutUint16(long[5:], uint16(i))
		if err := conn.Queue(append(long, value...)); err != nil {
			return err
		}
	}
	binary.LittleEndian.PutUint32(p.payload[1:], id)
	return conn.Queue(p.payload)
}

// Answer implements replica.Request.
func (p *prepared) Answer() protocol.AnswerKind { return protocol.AnswerResult }

// Arg implements rewrite.Args.
func (p *prepared) Arg(i int) (text []byte, null, ok bool) {
	if value, long := p.long[i]; long {
		return value, false, true
	}
	return p.exec.Arg(i)
}

// IsNumber reports whether parameter i was bound as a number.
func (p *prepared) IsNumber(i int) bool { return p.exec.IsNumber(i) }

// Charset returns what charset parameter i is in.
func (p *prepared) Charset(i int) string {
	if p.exec.IsBinary(i) {
		return rewrite.CharsetBinary
	}
	return rewrite.CharsetOfClient
}

func (p *prepared) isLong(i int) bool {
	_, ok := p.long[i]
	return ok
}

// sendLongData keeps a piece of a parameter until EXECUTE; it has no answer.
// What is wrong with it is told at EXECUTE, as MySQL does.
func (s *session) sendLongData(payload []byte) error {
	p, err := s.find(payload, "mysqld_stmt_send_long_data")
	if err != nil || len(payload) < 7 {
		return nil
	}
	i := int(binary.LittleEndian.Uint16(payload[5:]))
	if i >= p.params {
		p.noSuchParam = true
		return nil
	}
	if p.long == nil {
		p.long = make(map[int][]byte)
	}
	p.long[i] = append(p.long[i], payload[7:]...)
	return nil
}

// resetStmt carries COM_STMT_RESET out: the long data and the cursor go.
func (s *session) resetStmt(payload []byte) error {
	p, err := s.find(payload, "mysqld_stmt_reset")
	if err != nil {
		return err
	}
	clear(p.long)
	p.noSuchParam = false
	s.dropCursorOf(p)
	return s.ok()
}

// closeStmt carries COM_STMT_CLOSE out; it has no answer.
func (s *session) closeStmt(payload []byte) {
	p, err := s.find(payload, "mysqld_stmt_close")
	if err != nil {
		return
	}
	s.dropCursorOf(p)
	p.stmt.Close()
	delete(s.prepared, p.id)
}
