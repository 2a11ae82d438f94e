package router

import (
	"bytes"
	"cmp"
	"encoding/base64"
	"encoding/json"
	"errors"
	"slices"
	"time"

	"github.com/dsmproxy/dsmproxy/protocol"
	"github.com/dsmproxy/dsmproxy/rewrite"
	"github.com/dsmproxy/dsmproxy/router/meter"
	"github.com/dsmproxy/dsmproxy/router/replica"
	"github.com/dsmproxy/dsmproxy/router/store"
)

// A session goes on in another process (protocol/pass.go) with what it is made
// of: the SETs that its store connections get, how its SQL is read, what it knows
// of its user variables, its prepared statements under their ids, what its last
// statement has left. What the proxy can find out again is not told: plans are
// made anew, at a statement's first use, by the configuration that is in force
// there. Login, database and client are the protocol's to tell.

// packVersion is the version of packedSession, and with it of the bits of
// rewrite.Mode: whoever changes one of them counts it up.
const packVersion = 1

// packedSession is a session for another process. What is text in SQL is bytes,
// for it need not be UTF-8.
type packedSession struct {
	Version int
	// States are those of the session and of the statements at their PREPARE,
	// which name them by their index; the session's is the first.
	States     []store.PackedSession
	Mode       rewrite.Mode
	FixedTime  bool
	InSet      bool
	ReadsOnly  bool
	Completion []byte
	MaxTime    time.Duration
	LockWait   time.Duration
	AutoStep   uint64
	AutoOffset uint64
	Own        packedOwn
	Vars       []packedVar
	RawVars    [][]byte
	LastStmt   uint32
	Prepared   []packedStmt
	Named      []packedStmt
}

// packedOwn is what the last statement has left.
type packedOwn struct {
	InsertID  uint64
	RowCount  int64
	FoundRows uint64
	Warnings  uint16
	Errors    int
	State     []byte
	Notes     [][][]byte
}

// packedVar is a user variable whose value is known.
type packedVar struct {
	Name, Text, Charset []byte
	Null, Number        bool
}

// packedStmt is a prepared statement: by id, or by a name if it was prepared by
// SQL.
type packedStmt struct {
	ID     uint32
	Name   []byte
	Text   []byte
	State  int
	Mode   rewrite.Mode // at PREPARE
	Params int
	Types  []byte // as bound last
}

// Pack implements protocol.Portable.
func (s *session) Pack(most int) (record json.RawMessage, why string) {
	if why := s.stays(); why != "" {
		return nil, why
	}
	if s.packedSize() > most {
		return nil, protocol.TooLarge
	}
	p := packedSession{
		Version: packVersion, Mode: s.mode, FixedTime: s.fixedTime, InSet: s.inSet, ReadsOnly: s.data.ReadsOnly,
		Completion: []byte(s.completion), MaxTime: s.maxTime, LockWait: s.data.LockWait,
		AutoStep: s.autoStep, AutoOffset: s.autoOffset, LastStmt: s.lastStmt,
		Own: packedOwn{s.own.insertID, s.own.rowCount, s.own.foundRows, s.own.warnings, s.own.errors, []byte(s.own.state), s.own.notes},
	}
	states := packedStates{p: &p}
	states.add(s.data.State())
	for name, v := range s.vars.known {
		p.Vars = append(p.Vars, packedVar{Name: []byte(name), Text: v.Text, Charset: []byte(v.Charset), Null: v.Null, Number: v.Number})
	}
	for name := range s.vars.raw {
		p.RawVars = append(p.RawVars, []byte(name))
	}
	for _, st := range s.prepared {
		p.Prepared = append(p.Prepared, packedStmt{
			ID: st.id, Text: st.text, State: states.add(st.stmt.Session), Mode: st.mode, Params: st.params, Types: st.types,
		})
	}
	slices.SortFunc(p.Prepared, func(a, b packedStmt) int { return cmp.Compare(a.ID, b.ID) })
	for name, n := range s.named {
		p.Named = append(p.Named, packedStmt{Name: []byte(name), Text: n.stmt.Text, State: states.add(n.stmt.Session), Mode: n.mode})
	}
	record, err := json.Marshal(&p)
	if err != nil {
		return nil, err.Error()
	}
	return record, ""
}

// stays says what the session has that can't go on elsewhere; "" if nothing.
func (s *session) stays() string {
	why := s.data.Stays()
	switch {
	case why == replica.StaysKept && s.tablesLocked:
		return "LOCK TABLES"
	case why == replica.StaysKept && s.keeps != "":
		return s.keeps
	case why != "":
		return why
	}
	for _, p := range s.prepared {
		if len(p.long) > 0 || p.noSuchParam {
			return "long data"
		}
	}
	return ""
}

// packedSize is about how long the record of the session would be, made of
// nothing but sums: a client may have gigabytes of prepared statements.
func (s *session) packedSize() int {
	const each = 100 // the names in JSON, and numbers
	size := each
	add := func(lengths ...int) {
		size += each
		for _, n := range lengths {
			size += base64.StdEncoding.EncodedLen(n)
		}
	}
	states := make(map[*store.Session]struct{})
	state := func(state *store.Session) {
		if _, seen := states[state]; !seen {
			states[state] = struct{}{}
			add(state.Size())
		}
	}
	state(s.data.State())
	for name, v := range s.vars.known {
		add(len(name), len(v.Text), len(v.Charset))
	}
	for name := range s.vars.raw {
		add(len(name))
	}
	for _, st := range s.prepared {
		add(len(st.text), len(st.types))
		state(st.stmt.Session)
	}
	for name, n := range s.named {
		add(len(name), len(n.stmt.Text))
		state(n.stmt.Session)
	}
	for _, note := range s.own.notes {
		for _, column := range note {
			add(len(column))
		}
	}
	return size
}

// packedStates are the states of a session that is packed, each once.
type packedStates struct {
	p    *packedSession
	list []*store.Session
}

func (l *packedStates) add(state *store.Session) int {
	if i := slices.IndexFunc(l.list, state.Equal); i >= 0 {
		return i
	}
	l.list = append(l.list, state)
	l.p.States = append(l.p.States, state.Pack())
	return len(l.list) - 1
}

var errPacked = errors.New("a packed session that is not understood")

// Adopt implements protocol.Adopter.
func (r *Router) Adopt(c *protocol.Client, record json.RawMessage) (protocol.Session, error) {
	var p packedSession
	d := json.NewDecoder(bytes.NewReader(record))
	d.DisallowUnknownFields()
	if err := d.Decode(&p); err != nil {
		return nil, err
	}
	if p.Version != packVersion || len(p.States) == 0 {
		return nil, errPacked
	}
	states := make([]*store.Session, len(p.States))
	for i, state := range p.States {
		states[i] = state.Session()
	}
	for _, list := range [][]packedStmt{p.Prepared, p.Named} {
		for i := range list {
			if at := list[i].State; at < 0 || at >= len(states) {
				return nil, errPacked
			}
		}
	}
	s := &session{router: r, client: c, shard: meter.Shard(c.ID)}
	s.fresh()
	s.data.SetState(states[0])
	s.mode, s.fixedTime, s.inSet, s.completion = p.Mode, p.FixedTime, p.InSet, string(p.Completion)
	s.maxTime, s.autoStep, s.autoOffset, s.lastStmt = p.MaxTime, p.AutoStep, p.AutoOffset, p.LastStmt
	s.data.ReadsOnly, s.data.LockWait = p.ReadsOnly, p.LockWait
	s.own = own{p.Own.InsertID, p.Own.RowCount, p.Own.FoundRows, p.Own.Warnings, p.Own.Errors, string(p.Own.State), p.Own.Notes}
	for _, name := range p.RawVars {
		if s.vars.raw == nil {
			s.vars.raw = make(map[string]struct{})
		}
		s.vars.raw[string(name)] = struct{}{}
	}
	for _, v := range p.Vars {
		s.vars.note(string(v.Name), store.UserVar{Text: v.Text, Null: v.Null, Number: v.Number, Charset: string(v.Charset)})
	}
	for _, st := range p.Prepared {
		if s.prepared == nil {
			s.prepared = make(map[uint32]*prepared)
		}
		s.prepared[st.ID] = &prepared{
			id: st.ID, text: st.Text, stmt: r.stmts.Get(st.Text, states[st.State]), mode: st.Mode, params: st.Params, types: st.Types,
		}
	}
	for _, st := range p.Named {
		if s.named == nil {
			s.named = make(map[string]*named)
		}
		s.named[string(st.Name)] = &named{stmt: &store.Stmt{Text: st.Text, Session: states[st.State]}, mode: st.Mode}
	}
	return s, nil
}

// planned makes the plan of a statement that another process has prepared.
func (s *session) planned(plan *rewrite.Statement, st *store.Stmt, text []byte, mode rewrite.Mode) {
	if plan.Plan == nil {
		s.router.Planner.Plan(plan, text, st.Session.DB(), mode)
	}
}
