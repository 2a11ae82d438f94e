package rewrite

import (
	"slices"
	"strconv"
	"strings"
)

// A SELECT with ORDER BY and LIMIT that runs on copies of the records needs
// only the first of each store, if the store can put them in the same order:
//
//	SELECT data FROM sessions WHERE n > 5 ORDER BY expires DESC LIMIT 10
//	SELECT ... FROM sessions WHERE ( n > 5) ORDER BY expires DESC LIMIT 72
//
// That the second statement orders by the same thing is certain where each term
// is a column's name which no column of the answer bears that is something else
// (SELECT -n AS n ... ORDER BY n), and where the answer's columns have no
// effects of their own.

// ordered tells whether the statement's only clauses behind WHERE are ORDER BY
// and LIMIT, both of which a store can be asked for.
func (w *scatterer) ordered() bool {
	order := w.find(w.table, "order")
	if w.limit == len(w.toks) || order > w.limit || !w.is(order+1, "by") ||
		w.find(w.table, "group", "having", "window") < len(w.toks) || !w.rowwise() {
		return false
	}
	for i := range w.toks {
		if w.kind(i) == tokUserVar || w.op(i, ":=") {
			return false
		}
	}
	names := w.orderNames(order + 2)
	return names != nil && w.plainFields(names)
}

// orderNames are the columns of the ORDER BY whose first term stands at i, in
// lower case; nil if they are not all that it names.
func (w *scatterer) orderNames(i int) (names []string) {
	for {
		name, next := w.column(i)
		if next == i {
			return nil
		}
		names = append(names, strings.ToLower(name))
		if w.is(next, "asc") || w.is(next, "desc") {
			next++
		}
		if next == w.limit {
			return names
		}
		if !w.op(next, ",") {
			return nil
		}
		i = next + 1
	}
}

// plainFields tells whether each column of the answer is *, a column of the
// table or the value of a function, and has none of the given names unless it
// is the column of that name. The name of a function's value is its text, if it
// has no other.
func (w *scatterer) plainFields(names []string) bool {
	for i := w.fields; ; i++ {
		var next int
		switch {
		case w.op(i, "*"):
			next = i + 1
		case w.kind(i) == tokWord && w.op(i+1, "("):
			next = w.skipParens(i + 1)
		default:
			if _, next = w.column(i); next == i {
				return false
			}
			if w.op(next, ".") && w.op(next+1, "*") {
				next += 2
			}
		}
		if w.is(next, "as") {
			next++
		}
		if next < w.from && !w.op(next, ",") {
			alias, ok := w.ident(next)
			if !ok || !simpleName(alias) || slices.Contains(names, strings.ToLower(alias)) {
				return false
			}
			next++
		}
		if next == w.from {
			return true
		}
		if !w.op(next, ",") {
			return false
		}
		i = next
	}
}

// column reads [[schema.]table.]column at i and returns the index behind it, i
// itself if there is none.
func (w *scatterer) column(i int) (name string, next int) {
	for next = i; ; next++ {
		part, ok := w.ident(next)
		if !ok || !simpleName(part) {
			return "", i
		}
		if name, next = part, next+1; !w.op(next, ".") || w.op(next+1, "*") {
			return name, next
		}
	}
}

// simpleName tells whether no expression has this name as its text, and no
// letter of it is another one in another case than in ASCII.
func simpleName(name string) bool {
	for _, c := range []byte(name) {
		if c != '_' && c != '$' && (c < '0' || c > '9') && (c|0x20 < 'a' || c|0x20 > 'z') {
			return false
		}
	}
	return name != ""
}

// Each is the statement for one store of which each row is made of one record,
// with the given key in front; first, unless 0, is how many it is asked for.
func (w *Scatter) Each(key string, first int64) []byte {
	b := append(append(append(slices.Clone(w.Head), key...), ','), w.Tail...)
	if first > 0 {
		b = strconv.AppendInt(append(b, " LIMIT "...), first, 10)
	}
	return b
}

// First is Gather for the first n records in the statement's own order.
func (w *Scatter) First(columns string, n int64) []byte {
	b := append(w.gather(columns), ' ')
	b = append(append(b, w.Order...), "\nLIMIT "...)
	return strconv.AppendInt(b, n, 10)
}
