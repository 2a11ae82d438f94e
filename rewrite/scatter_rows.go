package rewrite

import (
	"slices"
	"strings"
)

// The statement for one store, where each row of the answer is made of one
// record; and that which counts them.

// counts tells whether the statement selects nothing but COUNT(*), COUNT(1) or
// COUNT(key).
func (w *scatterer) counts() bool {
	i := w.fields
	if !w.is(i, "count") || !w.op(i+1, "(") {
		return false
	}
	i += 2
	_, name, next := w.tableName(i)
	switch {
	case w.op(i, "*"), w.kind(i) == tokNumber:
		next = i + 1
	case next > i && strings.EqualFold(name, w.plan.Reads[0].Column):
	default:
		return false
	}
	if !w.op(next, ")") {
		return false
	}
	next++
	if w.is(next, "as") {
		next++
	}
	if next < w.from {
		next++ // the alias
	}
	return next == w.from
}

// rowwise tells whether each row is made of one record.
func (w *scatterer) rowwise() bool {
	for i := w.fields; i < len(w.toks); i++ {
		switch word := w.word(i); {
		case word == "distinct" || word == "distinctrow" || word == "over" || word == "sql_calc_found_rows",
			aggregates[word] && w.op(i+1, "("):
			return false
		}
	}
	return true
}

// aggregates are the functions among pureFunctions that make one value of many
// rows.
var aggregates = words(`avg bit_and bit_or bit_xor count cume_dist dense_rank first_value group_concat
	grouping json_arrayagg json_objectagg lag last_value lead max min nth_value ntile percent_rank rank
	row_number std stddev stddev_pop stddev_samp sum var_pop var_samp variance`)

// limits reads LIMIT n, LIMIT m, n and LIMIT n OFFSET m. It returns false for
// anything else.
func (w *scatterer) limits() bool {
	if w.limit == len(w.toks) {
		return true
	}
	w.out.Limited = true
	first, n := w.valueAt(w.limit + 1)
	at := w.limit + 1 + n
	if n != 1 || at == len(w.toks) {
		w.out.Limit = first
		return n == 1
	}
	second, n := w.valueAt(at + 1)
	if n != 1 || at+2 != len(w.toks) {
		return false
	}
	if w.op(at, ",") {
		w.out.Offset, w.out.Limit = first, second
		return true
	}
	w.out.Limit, w.out.Offset = first, second
	return w.is(at, "offset")
}

// rows makes the statement for one store. Its parameters are those of the
// statement, in their order.
func (w *scatterer) rows() {
	text := w.l.text
	w.out.Head = append(slices.Clone(text[w.toks[0].start:w.toks[w.fields-1].end]), ' ')
	fields := w.toks[w.fields]
	tail := []byte(" ")
	if w.op(w.fields, "*") { // which can stand in front only
		tail = append(tail, w.l.bytes(w.qualifier)...)
		tail = append(tail, '.')
	}
	tail = append(tail, text[fields.start:w.toks[w.source-1].end]...)
	tail = append(tail, " WHERE ("...)
	tail = append(tail, w.out.Where...)
	tail = append(tail, "\n)"...)
	for range w.out.After {
		tail = append(tail, " AND (1 OR ? IS NULL)"...)
	}
	w.out.Tail = tail
}
