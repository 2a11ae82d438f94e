package rewrite

import (
	"slices"
	"strings"
)

// An UPDATE or DELETE of a session table may go by what is in other tables:
//
//	UPDATE sessions s JOIN users u ON u.id = s.uid SET s.name = u.name WHERE s.id = 'k'
//	DELETE FROM sessions WHERE id = 'k' AND uid IN (SELECT id FROM users WHERE banned)
//
// What it needs of them is read first, and stands in their place then:
//
//	SELECT DISTINCT u.* FROM sessions s JOIN users u ON u.id = s.uid WHERE s.id = 'k'
//	UPDATE sessions s JOIN (SELECT 7 AS id, 'x' AS name) AS u ON u.id = s.uid SET s.name = u.name WHERE s.id = 'k'
//
// So the record is tested and written by one statement, at its own stores. An
// outer join is read without its condition but for what that says of the record,
// for a row that the condition leaves out is there all the same.

// A Joint is a part of such a statement that has other tables in it.
type Joint struct {
	start, end int
	// Select reads what is to stand in its place.
	Select []byte
	// Query: it is a query; else a table.
	Query bool
	alias string // behind it, for a table
}

// Joined returns the parts of an UPDATE or DELETE with Plan.Joins, and what makes
// the statement with others in their place. why names what stands against it; ""
// for nothing.
func (s *Statement) Joined() (parts []Joint, with func(texts []string) []byte, why string) {
	l := &lexed{}
	lex(l, s.Text, s.mode)
	const apart = "a write by other tables that can't be taken apart"
	switch {
	case l.execComments || l.hints || l.compound || l.multi || l.err != "" || s.mode&ModeUnsafeCharset != 0:
		return nil, nil, apart
	}
	w := &sweeper{analyzer: &analyzer{l: l, toks: l.tokens}, plan: s.Plan}
	if parts, why = w.joints(); why != "" {
		return nil, nil, why
	}
	if len(parts) == 0 {
		return nil, nil, apart
	}
	return parts, func(texts []string) (text []byte) {
		done := 0
		for i, p := range parts {
			text = append(append(append(text, s.Text[done:p.start]...), texts[i]...), p.alias...)
			done = p.end
		}
		return append(text, s.Text[done:]...)
	}, ""
}

// names reports whether one of the tables in list, as written, is named from i up
// to end.
func (w *sweeper) names(i, end int, list []string) bool {
	for ; i < end; i++ {
		if _, _, next := w.tableName(i); next != i && w.mayBeTable(i, next) && w.isNamed(i, list) {
			return true
		}
	}
	return false
}

// isNamed reports whether the name at i is one of those in list.
func (w *sweeper) isNamed(i int, list []string) bool {
	schema, name, next := w.tableName(i)
	return next != i && !w.op(i-1, ".") && slices.ContainsFunc(list, func(o string) bool {
		return strings.EqualFold(o, name) || strings.EqualFold(o, schema+"."+name)
	})
}

// joints finds them.
func (w *sweeper) joints() (parts []Joint, why string) {
	refs, end, alias := w.references()
	for i := 1; i < len(w.toks); i++ {
		if w.op(i, "(") && (w.is(i+1, "select") || w.is(i+1, "with")) {
			next := w.skipParens(i)
			if w.names(i, next, w.plan.Others) {
				if w.names(i, next, []string{w.plan.Table.Name}) {
					return nil, "a write by a query of a session table and another one"
				}
				parts = append(parts, Joint{
					start: int(w.toks[i].start), end: w.upTo(next),
					Select: w.l.text[w.toks[i].end:w.toks[next-1].start], Query: true,
				})
			}
			i = next - 1
			continue
		}
		if i < refs || i >= end || !w.isNamed(i, w.plan.Others) || !w.startsTable(i) {
			continue
		}
		schema, name, next := w.tableName(i)
		as := name
		after := next
		if w.is(after, "as") {
			after++
		}
		if given, ok := w.ident(after); ok && after < end && !clauseWords[w.word(after)] && !behindTable[w.word(after)] {
			as = given
			after++
		} else if after = next; schema != "" {
			return nil, "a write by the table " + schema + "." + name + " without an alias"
		}
		if alias == "" {
			return nil, "a write of a table that is not named first, by others"
		}
		quoted := "`" + strings.ReplaceAll(as, "`", "``") + "`"
		sel := "SELECT DISTINCT " + quoted + ".* FROM " + w.between(refs, end)
		if cond := w.joinedBy(refs, end, alias); cond != "" {
			sel += " WHERE " + cond
		}
		parts = append(parts, Joint{
			start: int(w.toks[i].start), end: w.upTo(after), Select: []byte(sel), alias: " AS " + quoted,
		})
		i = after - 1
	}
	return parts, ""
}

var behindTable = words("join inner cross left right natural straight_join on using use force ignore partition set where")

// startsTable reports whether a table of a join stands at i.
func (w *sweeper) startsTable(i int) bool {
	switch w.word(i - 1) {
	case "from", "join", "straight_join", "update", "using", "ignore", "low_priority":
		return true
	}
	return w.op(i-1, ",") || w.op(i-1, "(")
}

// references returns the tokens of the joined tables, and the name that the
// session table has among them.
func (w *sweeper) references() (begin, end int, alias string) {
	if w.is(0, "update") {
		begin = 1
		for w.is(begin, "low_priority") || w.is(begin, "ignore") {
			begin++
		}
		end = w.first(len(w.toks), w.clause(begin, "set"))
	} else {
		from := w.clause(1, "from")
		if from < 0 {
			return 0, 0, ""
		}
		if using := w.clause(from, "using"); using > 0 && !w.is(from+1, "(") && (w.clause(from, "join") < 0 || using < w.clause(from, "join")) {
			from = using
		}
		begin = from + 1
		end = w.first(w.tail(begin), w.clause(begin, "where"))
	}
	for i := begin; i < end; i++ {
		if !w.isNamed(i, []string{w.plan.Table.Name}) || !w.startsTable(i) {
			continue
		}
		_, name, next := w.tableName(i)
		if w.is(next, "as") {
			next++
		}
		if given, ok := w.ident(next); ok && next < end && !clauseWords[w.word(next)] && !behindTable[w.word(next)] {
			name = given
		}
		return begin, end, name
	}
	return begin, end, ""
}

// joinedBy is the condition by which the joined tables are read.
func (w *sweeper) joinedBy(refs, end int, alias string) string {
	where := w.clause(end, "where")
	if where < 0 {
		return ""
	}
	condEnd := w.tail(where)
	outer := false
	for i := refs; i < end; i++ {
		outer = outer || w.is(i, "left") || w.is(i, "right") || w.is(i, "natural")
	}
	if !outer && !w.names(where, condEnd, w.plan.Others) {
		return "(" + w.between(where+1, condEnd) + "\n)"
	}
	var own []string
	begin := where + 1
	for i := begin; i <= condEnd; i++ {
		if w.op(i, "(") && i < condEnd {
			i = w.skipParens(i) - 1
			continue
		}
		switch w.word(i) {
		case "or", "xor", "between", "not":
			return ""
		}
		if w.op(i, "||") {
			return ""
		}
		if i < condEnd && !w.is(i, "and") && !w.op(i, "&&") {
			continue
		}
		if name, ok := w.ident(begin); ok && i == begin+5 && strings.EqualFold(name, alias) && w.op(begin+1, ".") && w.op(begin+3, "=") {
			own = append(own, w.between(begin, i))
		}
		begin = i + 1
	}
	return strings.Join(own, " AND ")
}
