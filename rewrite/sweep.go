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
//	SELECT HEX(CAST(`id` AS BINARY)) FROM sessions WHERE expires < 5 LIMIT 9
//
// and then deletes by
//
//	DELETE FROM sessions WHERE (expires < 5) AND `id` IN (x'61',x'62')

// Sweep is a DELETE or UPDATE that is carried out for the keys it finds. Its
// parts hold the statement's parameters in their order.
type Sweep struct {
	// Select finds the keys, in hexadecimal, in its first column.
	Select []byte
	// Head and Tail stand before and behind the list of keys: Head key, key...
	// Tail.
	Head, Tail []byte
	// Limited: at most Limit records are to be written.
	Limited bool
	Limit   Value
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
	case s.Plan.ResultSet:
		return w, "RETURNING without the key"
	}
	sw := sweeper{analyzer: a, key: "`" + strings.ReplaceAll(s.Plan.Table.Key, "`", "``") + "`"}
	switch s.Plan.Verb {
	case VerbDelete:
		why = sw.delete()
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
	key string
	out Sweep
}

// delete takes DELETE [modifiers] FROM table [WHERE ...] [LIMIT n] apart, and
// DELETE alias FROM table AS alias ...
func (w *sweeper) delete() string {
	from := w.clause(1, "from")
	if from < 0 || w.clause(from, "using") > 0 {
		return "DELETE ... USING"
	}
	return w.assemble(w.upTo(len(w.toks)), from+1, "", from)
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
	params := ""
	end := w.tail(set)
	if where := w.clause(set, "where"); where >= 0 {
		end = where
	}
	for i := set; i < end; i++ {
		if w.kind(i) == tokParam {
			params += ", ? IS NULL"
		}
	}
	return w.assemble(w.upTo(set), table, params, set)
}

// assemble makes the parts. tableEnd is the text up to which a table stands
// that begins at token table; clauses are looked for behind token at.
func (w *sweeper) assemble(tableEnd, table int, params string, at int) string {
	text := w.l.text
	where, order, limit := w.clause(at, "where"), w.clause(at, "order"), w.clause(at, "limit")
	if order >= 0 && limit >= 0 {
		return "ORDER BY with LIMIT in a write without the key"
	}
	condEnd := w.tail(at)
	cond := "1"
	if where >= 0 {
		cond = string(text[w.toks[where].end:w.upTo(condEnd)])
		tableEnd = min(tableEnd, w.upTo(where))
	} else {
		tableEnd = min(tableEnd, w.upTo(condEnd))
	}
	tail := ""
	if limit >= 0 {
		if why := w.limit(limit); why != "" {
			return why
		}
		tail = " LIMIT " + string(text[w.toks[limit+1].start:w.toks[limit+1].end])
	}
	tables := string(text[w.toks[table].start:tableEnd])
	w.out.Select = []byte("SELECT HEX(CAST(" + w.key + " AS BINARY))" + params + " FROM " + tables + " WHERE (" + cond + "\n)" + tail)
	head := text[:w.upTo(condEnd)]
	if where >= 0 {
		head = text[:w.toks[where].start]
	}
	w.out.Head = []byte(string(head) + " WHERE (" + cond + "\n) AND " + w.key + " IN (")
	w.out.Tail = []byte(")")
	return ""
}

// limit notes LIMIT n, which can be one literal or parameter only.
func (w *sweeper) limit(at int) string {
	if at+2 != len(w.toks) {
		return "LIMIT with more than a number in a write without the key"
	}
	w.out.Limited = true
	switch t := w.toks[at+1]; t.kind {
	case tokNumber:
		w.out.Limit = Value{Parts: []Part{{Source: SourceLiteral, Index: int(t.lit), Numeric: true}}}
	case tokParam:
		return "LIMIT with a parameter in a write without the key"
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

// tail is the token that begins ORDER BY or LIMIT, or the end.
func (w *sweeper) tail(at int) int {
	end := len(w.toks)
	for _, word := range []string{"order", "limit"} {
		if i := w.clause(at, word); i >= 0 {
			end = min(end, i)
		}
	}
	return end
}

// upTo is the end of the text before token i.
func (w *sweeper) upTo(i int) int { return int(w.toks[i-1].end) }
