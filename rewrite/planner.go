package rewrite

import (
	"strings"
	"sync"
	"sync/atomic"
)

// Planner makes plans. It is safe for concurrent use.
type Planner struct {
	now     atomic.Pointer[planning]
	made    atomic.Uint64
	scratch sync.Pool // of *lexed
}

// planning is what plans are made by, and those that were. It is never
// modified, but for its cache.
type planning struct {
	options Options
	// schemas: a plan depends on the client's database.
	schemas bool
	plans   *cache
}

// NewPlanner returns a Planner for the given tables.
func NewPlanner(o Options) *Planner {
	if o.CacheSize <= 0 {
		o.CacheSize = 4096
	}
	p := new(Planner)
	p.use(o)
	return p
}

// use makes plans by o from now on.
func (p *Planner) use(o Options) {
	now := &planning{options: o, plans: newCache(o.CacheSize)}
	for i := range o.Tables {
		t := &o.Tables[i]
		if t.Schema != "" || o.Columns != nil && len(t.Columns) == 0 {
			now.schemas = true
		}
	}
	p.now.Store(now)
}

// Forget drops all cached plans. It is called when Options.Columns would give
// another answer than before.
func (p *Planner) Forget() { p.use(p.now.Load().options) }

// SetTables makes the plans of statements that begin from now on for other
// tables.
func (p *Planner) SetTables(tables []Table) {
	o := p.now.Load().options
	o.Tables = tables
	p.use(o)
}

// Made is how many plans had to be made, for want of one in the cache.
func (p *Planner) Made() uint64 { return p.made.Load() }

// Statement is one statement with its plan: what a Value refers to. It is
// scratch space that its owner reuses; it holds no copy of the text. The zero
// value is ready for use. It is not safe for concurrent use.
type Statement struct {
	Plan *Plan
	Text []byte
	// Remark says that comments stand behind the statement's semicolon. A client
	// that may send several statements gets an answer to them: see Split.
	Remark bool

	mode     Mode
	literals []literal
}

// The bounds of what is cached and kept. A plan for a list of a thousand keys
// takes 100 KiB, and is seldom wanted twice.
const (
	maxCachedValues = 128     // literals and parameters of a cached shape
	maxKeptTokens   = 4 << 10 // in scratch space
	maxKeptLiterals = 512     // in a Statement
)

var (
	planMulti = &Plan{Kind: KindMulti}
	planEmpty = &Plan{Kind: KindEmpty, Tableless: true}
	// planUnsafe: what looks like a second statement may be somebody's data.
	planUnsafe = &Plan{Refuse: errUnsafe}
)

const errUnsafe = "bytes beyond ASCII in a character set where they may hold a backslash or a quote"

// Plan reads text, which s refers to from then on, and finds its plan, by the
// given mode and for a client whose default database is db. A plan is always
// found; what can't be read has a plan that refuses.
func (p *Planner) Plan(s *Statement, text []byte, db string, mode Mode) {
	if !unsafe(text, mode) {
		mode &^= ModeUnsafeCharset
	}
	l, now := p.borrow(), p.now.Load()
	l.literals = s.literals
	if cap(l.literals) > maxKeptLiterals {
		l.literals = nil
	}
	l.shape = now.prefix(l.shape[:0], db, mode)
	l.prefix = len(l.shape)
	lex(l, text, mode)
	s.Text, s.mode, s.literals, s.Remark = text, mode, l.literals, l.remark
	s.Plan = p.find(now, l, db)
	p.giveBack(l)
}

// unsafe tells whether the lexer can be wrong about where literals end.
func unsafe(text []byte, mode Mode) bool {
	return mode&ModeUnsafeCharset != 0 && !isASCII(text)
}

// prefix appends what a plan depends on beside the shape.
func (p *planning) prefix(dst []byte, db string, mode Mode) []byte {
	const ownSchema, systemSchema = 0, 1
	switch {
	case p.schemas:
		dst = append(dst, byte(mode), byte(len(db)>>8), byte(len(db)))
		return append(dst, db...)
	case isSystemSchema(db):
		return append(dst, byte(mode), systemSchema)
	}
	return append(dst, byte(mode), ownSchema)
}

// isSystemSchema tells whether tables without a schema are the server's own
// for a client whose default database is db.
func isSystemSchema(db string) bool {
	return strings.EqualFold(db, "information_schema") || strings.EqualFold(db, "mysql") ||
		strings.EqualFold(db, "performance_schema") || strings.EqualFold(db, "sys")
}

// find returns the plan of a lexed statement.
func (p *Planner) find(now *planning, l *lexed, db string) *Plan {
	switch {
	case l.err != "":
		return &Plan{Refuse: l.err, Malformed: malformed(l.err)}
	case l.multi && l.mode&ModeUnsafeCharset != 0:
		return planUnsafe
	case l.multi:
		return planMulti
	case len(l.tokens) == 0:
		return planEmpty
	case l.long || len(l.literals)+l.params > maxCachedValues:
		p.made.Add(1)
		plan, _ := now.analyze(l, db)
		return plan
	}
	// A plan that is made while Forget is called does not get into the new cache.
	plan, hash := now.plans.get(l.shape)
	if plan != nil {
		return plan
	}
	p.made.Add(1)
	plan, cacheable := now.analyze(l, db)
	if cacheable {
		now.plans.put(l.shape, hash, plan)
	}
	return plan
}

// analyze makes a plan, and refuses what concerns records if literals may end
// elsewhere than the lexer thinks: such a statement must neither be routed nor
// be taken apart.
func (p *planning) analyze(l *lexed, db string) (plan *Plan, cacheable bool) {
	plan, cacheable = analyze(l, db, l.mode, &p.options)
	if l.mode&ModeUnsafeCharset != 0 && plan.Table != nil && plan.Refuse == "" {
		plan.Refuse = errUnsafe
	}
	return plan, cacheable
}

// Split cuts text into its statements at the semicolons outside literals and
// comments, after cutting off what trimEnd does; the last may be a comment
// alone, and there is one at least. The semicolons within a
// statement that defines a routine cut nothing, nor do any where
// ModeUnsafeCharset leaves it uncertain which ones are outside literals.
func (p *Planner) Split(text []byte, mode Mode) [][]byte {
	l := p.borrow()
	defer p.giveBack(l)
	l.prefix = 0
	if unsafe(text, mode) {
		return [][]byte{text}
	}
	text = trimEnd(text)
	var list [][]byte
	for {
		lex(l, text, mode)
		if !l.multi && !l.remark {
			return append(list, text[:l.semi])
		}
		list = append(list, text[:l.semi])
		text = text[l.semi+1:]
	}
}

// borrow returns scratch space, giveBack takes it back unless it has grown
// much.
func (p *Planner) borrow() *lexed {
	if l, ok := p.scratch.Get().(*lexed); ok {
		return l
	}
	return new(lexed)
}

func (p *Planner) giveBack(l *lexed) {
	if cap(l.tokens) > maxKeptTokens {
		l.tokens = nil
	}
	l.text, l.literals = nil, nil
	p.scratch.Put(l)
}
