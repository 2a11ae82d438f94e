package rewrite

import (
	"slices"
	"strings"
)

// What is read of a table for a write that goes by it: the tables of a query that
// names the record, the columns that the statement can name, and the condition.

// within are the tables of a query, which is the tokens from i up to end, that
// are foreign; nil for none.
func (w *joiner) within(i, end int, foreign func(ours bool) bool) (list []Joint) {
	for k := i + 1; k < end; k++ {
		_, _, next := w.tableName(k)
		if next == k || !w.fromTable(k, i) {
			continue
		}
		t := w.tableAt(k, end-1)
		other := slices.ContainsFunc(w.plan.Others, func(o string) bool {
			return strings.EqualFold(o, t.name) || strings.EqualFold(o, t.schema+"."+t.name)
		})
		if (t.ours || other) && foreign(t.ours) {
			as := quoted(t.alias)
			list = append(list, Joint{
				start: int(w.toks[k].start), end: w.upTo(t.end), alias: " AS " + as,
				Table: w.between(k, t.end), Alias: as,
				Select: []byte("SELECT " + w.columnsOf(t.alias) + " FROM " + w.between(k, t.end)),
			})
		}
		k = t.end - 1
	}
	return list
}

// fromTable reports whether a table of a FROM behind token begin stands at k.
func (w *joiner) fromTable(k, begin int) bool {
	switch {
	case w.is(k-1, "from"), w.is(k-1, "join"), w.is(k-1, "straight_join"):
		return true
	case !w.op(k-1, ",") && !w.op(k-1, "("):
		return false
	}
	depth := 0
	for i := k - 1; i > begin; i-- {
		switch {
		case w.op(i, ")"):
			depth++
		case w.op(i, "(") && depth > 0:
			depth--
		case depth > 0:
		case w.is(i, "from"):
			return true
		case w.op(i, "(") && !w.op(i-1, "(") && !w.is(i-1, "from") && !w.is(i-1, "join") && !w.op(i-1, ","), w.is(i, "on"), w.is(i, "using"),
			w.is(i, "select"), w.is(i, "where"), w.is(i, "group"), w.is(i, "having"), w.is(i, "order"), w.is(i, "limit"):
			return false
		}
	}
	return false
}

// columnsOf are the columns of a table that the statement can name: all, unless
// each column is named with its table.
func (w *joiner) columnsOf(alias string) string {
	all := quoted(alias) + ".*"
	var list []string
	if w.givenTwice(alias) {
		return all
	}
	for i := range w.toks {
		name, ok := w.ident(i)
		switch {
		case !ok, w.op(i-1, "."), w.kind(i) == tokWord && (w.op(i+1, "(") || plainWords[w.word(i)]):
			continue
		case w.op(i+1, ".") && !w.op(i+3, "."):
			column, ok := w.ident(i + 2)
			if !strings.EqualFold(name, alias) {
				continue
			}
			if !ok {
				return all
			}
			column = all[:len(all)-1] + quoted(column)
			if !slices.ContainsFunc(list, func(c string) bool { return strings.EqualFold(c, column) }) {
				list = append(list, column)
			}
			continue
		case w.op(i+1, "."):
			return all
		}
		inPlace := func(t joinedTo) bool { return t.first <= i && i < t.end }
		if !slices.ContainsFunc(w.tables, inPlace) && !w.inHead(i) {
			return all // it may be one of its columns
		}
	}
	if len(list) == 0 {
		return all
	}
	return strings.Join(list, ", ")
}

// givenTwice reports whether two tables of the statement may have an alias: it
// stands more than once in front of what begins no column.
func (w *joiner) givenTwice(alias string) bool {
	n := 0
	for i := range w.toks {
		if name, ok := w.ident(i); ok && strings.EqualFold(name, alias) && !w.op(i+1, ".") && !w.inHead(i) && i >= w.begin {
			n++
		}
	}
	return n > 1
}

// inHead reports whether token i names what a DELETE writes.
func (w *joiner) inHead(i int) bool { return w.head[0] <= i && i < w.head[1] }

// plainWords name no column.
var plainWords = words(`delete update ignore low_priority quick set from where and or xor not like in is null between join
	inner cross on as true false div mod escape regexp rlike binary case when then else end select distinct exists interval`)

// joinedBy is the condition by which the joined tables are read.
func (w *joiner) joinedBy(t target) string {
	where := w.clause(w.end, "where")
	if where < 0 {
		return ""
	}
	condEnd := w.tail(where)
	outer, queries := w.outerJoin(), false
	for i := where; i < condEnd; i++ {
		queries = queries || w.is(i, "select")
	}
	if !outer && !queries {
		return "(" + w.between(where+1, condEnd) + "\n)"
	}
	if t.table < 0 {
		return ""
	}
	alias := w.tables[t.table].alias
	var own []string
	begin := where + 1
	for i := begin; i <= condEnd; i++ {
		if w.op(i, "(") && i < condEnd {
			i = w.skipParens(i) - 1
			continue
		}
		switch w.word(i) {
		case "or", "xor", "between", "not", "case": // in CASE, AND joins no conditions of the whole
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
