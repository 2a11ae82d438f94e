package rewrite

import "bytes"

// own are what a statement may ask of its client's session.
const own = UsesLastInsertID | UsesFoundRows | UsesRowCount | UsesConnectionID | UsesWarnings | UsesTransaction

// Substitute returns the statement with each call and variable that tells of
// the client's session (LAST_INSERT_ID(), ROW_COUNT(), @@warning_count, ...)
// replaced by the expression that value gives for it, so that any connection can
// answer it. name is the function's or the variable's, that with @@, in lower
// case. A column
// that is nothing else keeps its name by an alias.
func (s *Statement) Substitute(value func(use Uses, name string) string) []byte {
	l := &lexed{}
	lex(l, s.Text, s.mode)
	w := &sweeper{analyzer: &analyzer{l: l, toks: l.tokens}}
	var out []byte
	done := 0
	for _, c := range w.columns() {
		changed := false
		for i := c.first; i < c.end; i++ {
			use, name, next := w.own(i)
			if use&own == 0 {
				continue
			}
			changed = true
			out = append(out, s.Text[done:w.toks[i].start]...)
			out = append(out, value(use, name)...)
			done = w.upTo(next)
			i = next - 1
		}
		if changed && c.unnamed {
			end := w.upTo(c.end)
			out = append(append(out, s.Text[done:end]...), " AS `"...)
			out = append(append(out, s.Text[w.toks[c.first].start:end]...), '`')
			done = end
		}
	}
	return append(out, s.Text[done:]...)
}

// columnSpan are the tokens of one column of a SELECT, or all those of a clause
// behind the columns.
type columnSpan struct {
	first, end int
	unnamed    bool // a column without an alias
}

// columns cuts the statement at the commas outside parentheses.
func (w *sweeper) columns() []columnSpan {
	var list []columnSpan
	begin, depth := 0, 0
	named := !w.is(0, "select")
	add := func(end int) {
		if end > begin {
			list = append(list, columnSpan{begin, end, !named && w.unnamed(begin, end)})
		}
	}
	if !named {
		for begin = 1; w.modifies(begin); begin++ {
		}
	}
	for i := begin; i < len(w.toks); i++ {
		switch {
		case w.op(i, "("):
			depth++
		case w.op(i, ")"):
			depth--
		case depth > 0:
		case w.op(i, ","):
			add(i)
			begin = i + 1
		case w.is(i, "from"), w.is(i, "limit"), w.is(i, "where"), w.is(i, "union"), w.op(i, ";"):
			add(i)
			begin, named = i, true
		}
	}
	add(len(w.toks))
	return list
}

// modifies reports whether a word between SELECT and the columns stands at i.
func (w *sweeper) modifies(i int) bool {
	switch w.word(i) {
	case "all", "distinct", "distinctrow", "high_priority", "straight_join", "sql_small_result", "sql_big_result",
		"sql_buffer_result", "sql_cache", "sql_no_cache", "sql_calc_found_rows":
		return true
	}
	return false
}

// unnamed reports whether a column has no alias: none by AS, and it does not
// end in a name, which might be one behind anything but an operator.
func (w *sweeper) unnamed(first, end int) bool {
	for i := first; i < end; i++ {
		if w.is(i, "as") || bytes.IndexByte(w.l.bytes(w.toks[i]), '`') >= 0 {
			return false
		}
	}
	switch w.kind(end - 1) {
	case tokWord, tokQuotedIdent, tokString:
		return end-2 >= first && w.wantsOperand(end-2) || w.is(end-1, "end") && w.is(first, "case")
	}
	return true
}

// wantsOperand reports whether token i is an operator, so that an operand comes
// behind it and no alias.
func (w *sweeper) wantsOperand(i int) bool {
	switch w.word(i) {
	case "is", "not", "and", "or", "xor", "div", "mod", "like", "rlike", "regexp", "sounds", "collate", "binary":
		return true
	}
	return w.kind(i) == tokOp && !w.op(i, ")")
}

// own tells what token i asks of the session, and the token behind it.
func (w *sweeper) own(i int) (use Uses, name string, next int) {
	switch w.kind(i) {
	case tokSysVar:
		scope, name := splitSysVar(string(w.l.bytes(w.toks[i])))
		if scope == "global" {
			return 0, "", i
		}
		return sysVarUse(name), "@@" + name, i + 1
	case tokWord:
		name := w.word(i)
		if w.op(i+1, "(") && w.op(i+2, ")") {
			return functionUses[name], name, i + 3
		}
	}
	return 0, "", i
}
