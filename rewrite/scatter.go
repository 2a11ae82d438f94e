package rewrite

import (
	"slices"
	"strings"
)

// A SELECT without a key is carried out on the records of all stores, each of
// which is to be seen once. There are three ways, and Scatter says which of
// them a statement allows:
//
//   - Rows: each row of the answer is made of one record, so that each store
//     can be asked, and the rows of the records that it is not to answer for
//     are left out:
//     SELECT data FROM sessions WHERE expires < 5 LIMIT 9
//     SELECT CAST(`id` AS BINARY), data FROM sessions WHERE ( expires < 5)
//   - Count: the answer is the number of records.
//   - Anything else runs as it is on copies of the tables that hold each record
//     once; Narrow is how only the records are copied that it can see.

// Read is a table with session records that a statement reads, as the
// statement names it.
type Read struct {
	Table        *Table
	Schema, Name string
	// Column holds the key, or, in a secondary table, the surrogate.
	Column    string
	Surrogate bool
}

// Scatter is how a SELECT can be carried out on the records of several stores.
type Scatter struct {
	// Rows: Head, the key, a comma and Tail are the statement for one store, of
	// whose answer Offset rows are left out and Limit are taken.
	Rows          bool
	Head, Tail    []byte
	Limited       bool
	Limit, Offset Value // Offset has no Parts if it is not given

	// Count: it answers with nothing but the number of records.
	Count bool

	// Narrow: the records that it can see are SELECT ... FROM From WHERE Where.
	// Where holds the parameters behind the first Before and before the last
	// After ones.
	Narrow        bool
	From, Where   []byte
	Before, After int

	// Order, unless nil, is the statement's ORDER BY in front of a LIMIT; a store
	// can put the records in the same order by it.
	Order []byte

	// Columns are the names that the statement has, in lower case, the columns
	// of its tables among them; nil: it may name them all.
	Columns []string
}

// Scatter looks how a SELECT of records of several stores can be carried out.
// why names what stands against any way; "" for nothing. It reads the text
// anew, for such statements are rare.
func (s *Statement) Scatter() (w Scatter, why string) {
	l := &lexed{}
	lex(l, s.Text, s.mode)
	if s.mode&ModeUnsafeCharset != 0 {
		return w, "bytes beyond ASCII in a character set where they may hold a backslash or a quote"
	}
	sc := scatterer{analyzer: &analyzer{l: l, toks: l.tokens}, plan: s.Plan}
	for i := range sc.toks {
		switch {
		case sc.is(i, "match") && sc.op(i+1, "("):
			// Copies have no full-text index. As a column, match is quoted.
			sc.fulltext = true
		case sc.is(i, "partition") && sc.op(i+1, "("): // nor partitions
			sc.partition = true
		case !sc.is(i, "into") || s.Plan.Gathers:
		case sc.kind(i+1) != tokUserVar:
			return w, "SELECT ... INTO without the key"
		default:
			sc.into = true
		}
	}
	sc.columns()
	if !l.execComments && !l.hints && !l.wideWord && !l.compound && sc.pure() && sc.single() {
		sc.clauses()
	}
	if sc.fulltext && !sc.out.Rows {
		return w, "MATCH ... AGAINST over the records of several stores"
	}
	if sc.partition && !sc.out.Rows && !sc.out.Count {
		return w, "PARTITION (...) over the records of several stores"
	}
	return sc.out, ""
}

// scatterer finds the parts of one SELECT. The fields are indexes of tokens.
type scatterer struct {
	*analyzer
	plan *Plan
	out  Scatter

	fulltext         bool
	partition        bool // it names partitions
	into             bool // it has INTO @variable
	fields           int  // behind SELECT and its modifiers
	from             int
	qualifier        token // of the columns of the only table
	table            int   // behind the table and its alias
	where, limit     int   // len(toks) if there is none
	source, condEnd  int   // ends of FROM and of WHERE
	distinct, simple bool  // simple: no clause between WHERE and LIMIT
}

// columns collects the names of the statement.
func (w *scatterer) columns() {
	w.out.Columns = []string{}
	for i := range w.toks {
		name, ok := w.ident(i)
		switch {
		case w.op(i, "*") && !(w.op(i-1, "(") && w.is(i-2, "count") && w.op(i+1, ")")),
			w.is(i, "natural"), w.is(0, "table"), w.kind(i) == tokExecComment,
			ok && !isASCII([]byte(name)):
			w.out.Columns = nil
			return
		case ok:
			w.out.Columns = append(w.out.Columns, strings.ToLower(name))
		}
	}
}

// pure tells whether a row of the statement depends on nothing but its record,
// and leaves nothing behind.
func (w *scatterer) pure() bool {
	for i, t := range w.toks {
		switch {
		case t.kind == tokSysVar, w.op(i, ":="):
			return false
		case t.kind == tokQuotedIdent && w.op(i+1, "(") && !indexWords[w.word(i-1)]:
			return false
		case t.kind != tokWord || !w.op(i+1, "("):
		case w.word(i) == "": // behind a dot
			return false
		case !syntaxWords[w.word(i)] && !pureFunctions[w.word(i)] && !timeFunctions[w.word(i)] &&
			!ownFunctions[w.word(i)]:
			return false
		}
	}
	return true
}

// ownFunctions are those of functionUses whose value is the client's own
// wherever it is asked, and those that time rules.
var ownFunctions = words("database schema unix_timestamp")

var indexWords = words("index key for by")

// single tells whether the statement is one SELECT from one table, and finds
// its table.
func (w *scatterer) single() bool {
	if !w.is(0, "select") || len(w.plan.Reads) != 1 {
		return false
	}
	for i := range w.toks {
		switch w.word(i) {
		case "select":
			if i > 0 {
				return false
			}
		case "union", "except", "intersect", "minus", "join", "straight_join", "fetch", "procedure",
			"for", "lock", "values", "examined", "json_table", "lateral":
			return false
		}
	}
	w.from = w.find(1, "from")
	_, name, next := w.tableName(w.from + 1)
	if next == w.from+1 || name != w.plan.Reads[0].Name {
		return false
	}
	w.qualifier = w.toks[next-1]
	if w.is(next, "as") {
		next++
	}
	if _, ok := w.ident(next); ok && (w.kind(next) != tokWord || !clauseWords[w.word(next)]) {
		w.qualifier = w.toks[next]
		next++
	}
	w.table = next
	end := w.find(next, "where", "group", "having", "order", "limit", "window", "into")
	return w.findOp(next, ",") >= end && (end == next || clauseWords[w.word(next)])
}

// clauseWords can stand behind a table.
var clauseWords = words("where group having order limit window into use force ignore partition")

// clauses finds the clauses behind FROM and what follows from them.
func (w *scatterer) clauses() {
	n := len(w.toks)
	others := []string{"group", "having", "order", "window", "into"}
	w.where = w.find(w.table, "where")
	w.limit = w.find(w.table, "limit")
	first := w.find(w.table, others...)
	w.simple = first == n && !w.into
	w.condEnd = min(w.limit, first)
	w.source = min(w.where, w.condEnd)
	if w.where < n && w.where+1 >= w.condEnd {
		return
	}
	text := w.l.text
	w.out.Narrow = true
	w.out.From = text[w.toks[w.from+1].start:w.toks[w.source-1].end]
	w.out.Where = []byte("1")
	if w.where < n {
		w.out.Where = text[w.toks[w.where].end:w.toks[w.condEnd-1].end]
	}
	for i, t := range w.toks {
		switch {
		case t.kind != tokParam:
		case i < w.source:
			w.out.Before++
		case i >= w.condEnd:
			w.out.After++
		}
	}
	w.fields = 1
	for modifiers[w.word(w.fields)] {
		w.fields++
	}
	if w.simple {
		w.out.Count = w.counts()
		w.out.Rows = w.rowwise() && w.limits()
	}
	if w.out.Rows {
		w.rows()
	}
	if !w.simple && !w.into && w.ordered() && w.limits() {
		w.out.Order = text[w.toks[first].start:w.toks[w.limit-1].end]
	}
}

// modifiers of SELECT that change nothing of its rows.
var modifiers = words(`all high_priority straight_join sql_small_result sql_big_result
	sql_buffer_result sql_cache sql_no_cache`)

// Gather is the statement that reads the given columns of the records that the
// SELECT can see.
func (w *Scatter) Gather(columns string) []byte {
	return append(w.gather(columns), " LIMIT 18446744073709551615"...) // whatever sql_select_limit says
}

func (w *Scatter) gather(columns string) []byte {
	b := append([]byte("SELECT "), columns...)
	for range w.Before {
		b = append(b, ", ? IS NULL"...)
	}
	b = append(b, " FROM "...)
	b = append(b, w.From...)
	b = append(b, " WHERE ("...)
	b = append(b, w.Where...)
	b = append(b, "\n)"...)
	for range w.After {
		b = append(b, " AND (1 OR ? IS NULL)"...)
	}
	return b
}

// noteReads notes the tables with session records that the statement reads.
func (a *analyzer) noteReads() {
	for _, s := range a.tables {
		if !s.ours() {
			continue
		}
		r := s.read()
		a.p.Mentions++
		if !slices.Contains(a.p.Reads, r) {
			a.p.Reads = append(a.p.Reads, r)
		}
	}
}

// read is the table of s as a Read.
func (s *source) read() Read {
	r := Read{Table: s.table, Schema: s.schema, Name: s.name, Column: s.table.Key}
	if s.kind == sourceSecondary {
		r.Column = s.secondary.Column
		r.Surrogate = s.secondary.identity(s.table) == identitySurrogate
	}
	return r
}
