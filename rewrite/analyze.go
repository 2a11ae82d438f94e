package rewrite

import (
	"bytes"
	"strings"
	"unicode/utf8"

	"github.com/pingcap/tidb/pkg/parser/ast"
)

// analyze makes the plan of a lexed statement. The plan may be kept for all
// statements of the shape if it is cacheable: if nothing in it depends on what
// a literal holds, or on what Options.Columns said.
//
// Data statements are read by the parser (see skeleton), everything else by
// its tokens: what stores understand there is more than any parser knows, and
// less of it matters.
func analyze(l *lexed, db string, mode Mode, o *Options) (p *Plan, cacheable bool) {
	a := &analyzer{l: l, db: db, mode: mode, o: o}
	if l.execComments {
		p = a.variants()
	} else {
		p = a.planOf(l.tokens)
	}
	if p.Kind == KindOtherTable && p.Verb != VerbDDL {
		p.Routines = a.storedFunctions()
	}
	if p.Refuse == "" {
		p.Refuse = a.uncertain(p)
	}
	return p, !a.uncacheable
}

// analyzer makes one plan.
type analyzer struct {
	l           *lexed
	db          string
	mode        Mode
	o           *Options
	uncacheable bool

	toks []token // of the statement as it is read now, without hints
	p    *Plan
	// tables are the tables that the statement reads or writes, and data what
	// is known of the rows of session tables (see source).
	tables []*source
	edges  []edge
	inner  map[ast.ExprNode]*scope // those of subqueries
	local  map[*source]bool        // see analyzer.own
	marks  []int                   // offsets of parameters in the skeleton
	// spelled are the tokens, by their start, that the parser is to read as
	// another word.
	spelled map[int32]string
}

// planOf returns the plan for tokens without executable comments.
func (a *analyzer) planOf(toks []token) *Plan {
	a.toks = a.toks[:0]
	for _, t := range toks {
		if t.kind != tokHint {
			a.toks = append(a.toks, t)
		}
	}
	a.p = &Plan{}
	a.tables, a.edges, a.spelled = nil, nil, nil
	a.inner, a.local = nil, nil
	for _, t := range a.toks {
		if t.kind == tokParam {
			a.p.Params++
		}
	}
	a.statement()
	a.p.Tableless = a.tableless()
	return a.p
}

// uncertain tells why the keys of p can't be trusted, "" if they can.
func (a *analyzer) uncertain(p *Plan) string {
	if !p.Kind.keyed() {
		return ""
	}
	if a.mode&ModeUnsafeCharset != 0 {
		return "bytes beyond ASCII in a character set where they may hold a backslash or a quote"
	}
	if a.l.wideWord {
		for _, t := range a.l.tokens {
			if (t.kind == tokWord || t.kind == tokUserVar || t.kind == tokSysVar) && mayHoldBlank(a.l.bytes(t)) {
				return "bytes in a name that are blanks in some character sets"
			}
		}
	}
	return ""
}

// mayHoldBlank tells whether a name holds a byte that is a blank in latin1, and
// is not UTF-8, where it is none.
func mayHoldBlank(name []byte) bool {
	return (bytes.IndexByte(name, 0x85) >= 0 || bytes.IndexByte(name, 0xa0) >= 0) && !utf8.Valid(name)
}

// keyed tells whether statements of the kind go where a key says.
func (k Kind) keyed() bool {
	switch k {
	case KindRead, KindReadForUpdate, KindWrite, KindMove, KindWriteByOther, KindLock, KindUnlock,
		KindLockTest:
		return true
	}
	return false
}

// refuse makes the plan one that refuses, for the first reason that is found.
func (a *analyzer) refuse(why string) {
	if a.p.Refuse == "" {
		a.p.Refuse = why
	}
}

// detail adds to the plan's detail.
func (a *analyzer) detail(s string) {
	if a.p.Detail != "" {
		s = a.p.Detail + ", " + s
	}
	a.p.Detail = s
}

// statement dispatches on the first words.
func (a *analyzer) statement() {
	a.effects(0)
	if a.l.compound {
		a.p.ImplicitCommit = true
		if a.is(0, "create") || a.is(0, "alter") {
			a.elsewhere(strings.ToUpper(a.firstWords(2)))
		} else {
			a.refuse(strings.ToUpper(a.firstWords(2)))
		}
		return
	}
	switch a.word(0) {
	case "values":
		a.values()
	case "select", "with", "table", "insert", "replace", "update", "delete", "do":
		a.data()
	case "":
		switch {
		case a.op(0, "("):
			a.data()
		case len(a.toks) == 0:
			a.p.Kind = KindEmpty
		default:
			a.refuse("statement not understood near '" + a.near(0) + "'")
		}
	case "set":
		a.set()
	case "use":
		a.use()
	case "begin", "start", "commit", "rollback", "savepoint", "release":
		a.transaction()
	case "show", "describe", "desc", "explain", "help":
		a.metadata()
	case "create", "alter", "drop", "rename", "truncate", "optimize", "analyze", "check", "repair":
		a.ddl()
	case "lock", "unlock":
		a.lockTables()
	case "prepare", "execute", "deallocate":
		a.prepareSQL()
	case "call":
		a.call()
	case "kill":
		a.kill()
	default:
		a.unknown()
	}
}

// RefuseLoadLocal is why a statement is refused that has the server ask the
// client for a file.
const RefuseLoadLocal = "LOAD DATA LOCAL"

// unknown refuses a statement that stores may know and dsmproxy does not carry
// out, by the words that name it.
func (a *analyzer) unknown() {
	switch w := a.word(0); w {
	case "load":
		if a.is(2, "local") || a.is(3, "local") {
			a.refuse(RefuseLoadLocal)
			return
		}
		a.elsewhere(strings.ToUpper(a.firstWords(2)))
	case "get":
		a.diagnostics()
	case "change", "purge", "reset", "install", "uninstall", "import", "stop",
		"cache", "backup", "binlog":
		a.refuse(strings.ToUpper(a.firstWords(2)))
	case "grant", "revoke":
		a.p.ImplicitCommit = true
		a.elsewhere(strings.ToUpper(w))
	case "checksum":
		a.p.ResultSet = true
		a.elsewhere(strings.ToUpper(w))
	case "handler", "flush":
		a.p.ImplicitCommit = w == "flush"
		a.pin(strings.ToUpper(w)) // a cursor, or a lock
		a.elsewhere(strings.ToUpper(w))
	case "signal", "resignal": // an error, or a warning, and nothing else
		a.p.Kind = KindAny
	case "shutdown", "restart", "xa", "clone":
		a.refuse(strings.ToUpper(w))
	case "if", "case", "while", "loop", "repeat", "for", "declare", "return", "open", "fetch",
		"close", "leave", "iterate", "elseif", "else", "end":
		a.refuse("statement not understood near '" + a.near(0) + "'")
	default: // no statement begins like this
		a.refuse("statement not understood near '" + a.near(0) + "'")
		a.p.Malformed = true
	}
}

// kill reads KILL [HARD | SOFT] [CONNECTION | QUERY [ID]] id.
func (a *analyzer) kill() {
	a.p.Kind = KindKill
	i := 1
	if a.is(i, "hard") || a.is(i, "soft") {
		i++
	}
	if a.is(i, "connection") {
		i++
	} else if a.is(i, "query") {
		a.p.KillQuery = true
		i++
		if a.is(i, "id") {
			a.refuse("KILL QUERY ID")
			return
		}
	}
	if a.is(i, "user") {
		a.refuse("KILL USER")
		return
	}
	if v, n := a.valueAt(i); n > 0 && i+n == len(a.toks) {
		a.p.KillID = &v
		return
	}
	if a.is(i, "connection_id") && a.op(i+1, "(") && a.op(i+2, ")") && i+3 == len(a.toks) {
		return
	}
	a.refuse("KILL of a computed id")
}
