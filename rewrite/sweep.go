package rewrite

import "strings"

// A DELETE or UPDATE without a key is carried out in two steps, so that each
// record is written, and counted, once: the keys that its condition finds are
// asked of all stores, and the statement is then run for those keys only, the
// condition kept, for a record may have changed in between. For example
//
//	DELETE FROM sessions WHERE expires < 5 LIMIT 9
//
// asks for the keys by
//
//	SELECT HEX(CAST(`id` AS BINARY)) FROM sessions WHERE (expires < 5) LIMIT 9
//
// and then deletes by
//
//	DELETE FROM sessions WHERE (expires < 5) AND `id` IN (x'61',x'62')
//
// Where ORDER BY and LIMIT say together which records are meant, the first
// statement is one whose answer has to be that of one database.

// Sweep is a DELETE or UPDATE that is carried out for the keys it finds. Its
// parts hold the statement's parameters in their order.
type Sweep struct {
	// Select finds the keys, in hexadecimal, in its first column. A number is to
	// follow it: that of the rows that are wanted.
	Select []byte
	// Chosen finds the keys as Select does, with the statement's own ORDER BY
	// and LIMIT.
	Chosen []byte
	// Ordered: LIMIT takes the first records of an order.
	Ordered bool
	// Head and Tail stand before and behind the list of keys: Head key, key...
	// Tail.
	Head, Tail []byte
	// Nothing, of one with RETURNING, answers with the columns of its rows.
	Nothing []byte
	// Judged is the statement with a condition that no record fulfils, for a
	// server that judges statements by their conditions (sql_safe_updates).
	Judged []byte
	// Limited: at most Limit records are to be written.
	Limited bool
	Limit   Value
	// Queries: there is a subquery in it, which may read the table that it writes:
	// not every server takes that.
	Queries bool
}

// Sweep takes a KindBroadcast or a KindWrite of several keys apart. why names
// what stands against it; "" for nothing. It reads the text anew, for such
// statements are rare.
func (s *Statement) Sweep() (w Sweep, why string) {
	l := &lexed{}
	lex(l, s.Text, s.mode)
	a := &analyzer{l: l, toks: l.tokens}
	switch {
	case l.execComments || l.hints || l.compound || l.multi || l.err != "":
		return w, "a write without the key that has an executable comment or a hint"
	case len(s.Plan.Others) > 0:
		return w, "a write without the key that names table " + s.Plan.Others[0]
	case s.Plan.Target.Surrogate:
		return w, "a write of table " + s.Plan.Target.Name + " without " + s.Plan.Target.Column
	}
	column := s.Plan.Table.Key
	if s.Plan.Target.Name != "" {
		column = s.Plan.Target.Column
	}
	sw := sweeper{analyzer: a, plan: s.Plan, key: "`" + strings.ReplaceAll(column, "`", "``") + "`", tableOf: s.Plan.Table.Name}
	if s.Plan.Target.Name != "" {
		sw.tableOf = s.Plan.Target.Name
	}
	for i := range a.toks {
		sw.out.Queries = sw.out.Queries || a.is(i, "select")
	}
	switch s.Plan.Verb {
	case VerbDelete:
		if parts, ok := a.deletesChosen(); ok {
			why = sw.deleteChosen(parts)
		} else {
			why = sw.delete()
		}
	case VerbUpdate:
		why = sw.update()
	default:
		why = "a write without the key that is neither DELETE nor UPDATE"
	}
	return sw.out, why
}

// sweeper finds the clauses of one statement.
type sweeper struct {
	*analyzer
	plan    *Plan
	key     string
	tableOf string // the table that is written
	out     Sweep
}

// delete takes DELETE [modifiers] FROM table [WHERE ...] [LIMIT n] [RETURNING ...]
// apart, DELETE alias FROM table AS alias ..., and DELETE FROM alias USING table
// AS alias ...
func (w *sweeper) delete() string {
	from := w.clause(1, "from")
	if from < 0 {
		return "DELETE without FROM"
	}
	if using := w.clause(from, "using"); using > 0 && (w.clause(from, "where") < 0 || using < w.clause(from, "where")) {
		from = using
	}
	if why := w.qualify(from+1, w.first(w.tail(from), w.clause(from, "where"))); why != "" {
		return why
	}
	return w.assemble(w.upTo(len(w.toks)), from+1, 0, from)
}

// deleteChosen takes a DELETE of the keys that a subquery chooses apart. For
// the alias that the subquery may give, the keys are deleted by a DELETE of
// several tables.
func (w *sweeper) deleteChosen(parts chosen) string {
	c := clauses{
		tables: w.between(parts.table, parts.tableEnd),
		key:    w.key, cond: "1",
		order: parts.order, limit: parts.limit, end: parts.end,
	}
	c.head = "DELETE FROM " + c.tables
	if parts.alias >= 0 {
		alias := string(w.l.text[w.toks[parts.alias].start:w.toks[parts.alias].end])
		c.head = "DELETE " + alias + " FROM " + c.tables
		c.key = alias + "." + w.key
	}
	if parts.where >= 0 {
		c.cond = w.between(parts.where+1, w.first(parts.end, parts.order, parts.limit))
	}
	c.judged = string(w.l.text[:w.upTo(len(w.toks))]) + " AND RAND() < 0"
	return w.make(&c)
}

// update takes UPDATE [modifiers] table SET ... [WHERE ...] [LIMIT n] apart.
// The parameters of SET come first in the SELECT too.
func (w *sweeper) update() string {
	table := 1
	for w.is(table, "low_priority") || w.is(table, "ignore") {
		table++
	}
	set := w.clause(table, "set")
	if set < 0 {
		return "UPDATE of several tables"
	}
	if why := w.qualify(table, set); why != "" {
		return why
	}
	end := w.tail(set)
	if where := w.clause(set, "where"); where >= 0 {
		end = where
	}
	return w.assemble(w.upTo(set), table, w.params(set, end), set)
}

// qualify puts the table's name, or its alias, before the key where the tables,
// which are the tokens from i up to end, are several: they may have a column of
// that name too.
func (w *sweeper) qualify(i, end int) string {
	several := false
	for k, depth := i, 0; k < end; k++ {
		switch {
		case w.op(k, "("):
			depth++
		case w.op(k, ")"):
			depth--
		case depth == 0 && (w.op(k, ",") || w.is(k, "join") || w.is(k, "straight_join")):
			several = true
		}
	}
	if !several {
		return ""
	}
	for ; ; i++ {
		if i == end {
			return "a write of table " + w.tableOf + " that doesn't name it among its tables"
		}
		if w.op(i, "(") && (w.is(i+1, "select") || w.is(i+1, "with")) {
			i = w.skipParens(i) - 1
			continue
		}
		if _, written, next := w.tableName(i); next > i && strings.EqualFold(written, w.tableOf) && w.startsTable(i) {
			break
		}
	}
	_, name, next := w.tableName(i)
	if w.is(next, "as") {
		next++
	}
	if given, ok := w.ident(next); ok && next < end && (w.kind(next) != tokWord || !clauseWords[w.word(next)] && !behindTable[w.word(next)]) {
		name = given
	}
	w.key = "`" + strings.ReplaceAll(name, "`", "``") + "`." + w.key
	return ""
}

// clauses are the parts of a statement that a sweep is made of.
type clauses struct {
	head, tables, key, cond, judged string
	params                          int    // between head and cond
	order, limit, end               int    // tokens; -1 for no such clause
	returning, returned             string // the clause, and its expressions
}

// assemble finds the clauses. tableEnd is the text up to which a table stands
// that begins at token table; clauses are looked for behind token at.
func (w *sweeper) assemble(tableEnd, table, params, at int) string {
	text := w.l.text
	where, condEnd := w.clause(at, "where"), w.tail(at)
	c := clauses{
		key: w.key, cond: "1", params: params,
		order: w.clause(at, "order"), limit: w.clause(at, "limit"), end: len(w.toks),
	}
	if returning := w.clause(at, "returning"); returning >= 0 && w.plan.ResultSet {
		if w.params(returning, len(w.toks)) > 0 {
			return "RETURNING with a parameter, without the key"
		}
		c.end = returning
		c.returning = " " + w.between(returning, len(w.toks))
		c.returned = w.between(returning+1, len(w.toks))
	}
	c.head = string(text[:w.upTo(condEnd)])
	if where >= 0 {
		c.cond = string(text[w.toks[where].end:w.upTo(condEnd)])
		tableEnd = min(tableEnd, w.upTo(where))
		c.head = string(text[:w.toks[where].start])
		c.judged = c.head + " WHERE (" + c.cond + "\n) AND RAND() < 0" + string(text[w.upTo(condEnd):w.upTo(len(w.toks))])
	} else {
		tableEnd = min(tableEnd, w.upTo(condEnd))
	}
	c.tables = string(text[w.toks[table].start:tableEnd])
	return w.make(&c)
}

// make makes the statements of the clauses.
func (w *sweeper) make(c *clauses) string {
	rest := ""
	behind := w.first(c.end, c.order, c.limit)
	for range w.params(behind, c.end) {
		rest += " AND (1 OR ? IS NULL)"
	}
	if c.limit >= 0 {
		if why := w.limit(c.limit, c.end); why != "" {
			return why
		}
		w.out.Ordered = c.order >= 0
	}
	selects := "SELECT HEX(CAST(" + c.key + " AS BINARY))" + strings.Repeat(", ? IS NULL", c.params) +
		" FROM " + c.tables + " WHERE (" + c.cond + "\n)"
	w.out.Select = []byte(selects + rest + " LIMIT ")
	w.out.Chosen = []byte(selects + " " + w.between(behind, c.end))
	w.out.Head = []byte(c.head + " WHERE (" + c.cond + "\n) AND " + c.key + " IN (")
	w.out.Tail = []byte(")" + rest + c.returning)
	if c.returned != "" {
		w.out.Nothing = []byte("SELECT " + c.returned + " FROM " + c.tables + " WHERE (" + c.cond + "\n) AND 1=0" + rest)
	}
	if c.judged == "" { // without a condition, LIMIT does not help it
		c.judged = c.head + " WHERE RAND() < 0" + rest + c.returning
	}
	w.out.Judged = []byte(c.judged)
	return ""
}

// limit notes LIMIT n, which can be one literal or parameter only.
func (w *sweeper) limit(at, end int) string {
	if at+2 != end {
		return "LIMIT with more than a number in a write without the key"
	}
	w.out.Limited = true
	switch t := w.toks[at+1]; t.kind {
	case tokNumber:
		w.out.Limit = Value{Parts: []Part{{Source: SourceLiteral, Index: int(t.lit), Numeric: true}}}
	case tokParam:
		w.out.Limit = Value{Parts: []Part{{Source: SourceParam, Index: int(t.lit)}}}
	default:
		return "LIMIT with an expression"
	}
	return ""
}

// clause returns the token at or behind at that begins a clause, outside
// parentheses; -1 for none.
func (w *sweeper) clause(at int, word string) int {
	depth := 0
	for i := at; i < len(w.toks); i++ {
		switch {
		case w.op(i, "("):
			depth++
		case w.op(i, ")"):
			depth--
		case depth == 0 && w.is(i, word) && !w.op(i-1, ".") && !w.op(i+1, "."):
			return i
		}
	}
	return -1
}

// tail is the token that begins ORDER BY, LIMIT or RETURNING, or the end.
func (w *sweeper) tail(at int) int {
	end := w.first(len(w.toks), w.clause(at, "order"), w.clause(at, "limit"))
	if w.plan != nil && w.plan.ResultSet {
		end = w.first(end, w.clause(at, "returning"))
	}
	return end
}

// first is the first of the clauses that there are, or the end.
func (w *sweeper) first(end int, clauses ...int) int {
	for _, i := range clauses {
		if i >= 0 {
			end = min(end, i)
		}
	}
	return end
}

// between is the text of the tokens from i up to end.
func (w *sweeper) between(i, end int) string {
	if i >= end {
		return ""
	}
	return string(w.l.text[w.toks[i].start:w.toks[end-1].end])
}

// upTo is the end of the text before token i.
func (w *sweeper) upTo(i int) int { return int(w.toks[i-1].end) }
