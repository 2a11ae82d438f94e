package rewrite

import "strings"

// An INSERT or REPLACE may have its rows from a SELECT that does not tell by
// itself whose records they are:
//
//	INSERT INTO sessions (id, n) SELECT id, n FROM old_sessions ON DUPLICATE KEY UPDATE n = VALUES(n)
//
// The SELECT is carried out for itself, and its rows are inserted in its place:
//
//	INSERT INTO sessions (id, n) VALUES ('a', 1), ('b', 2) ON DUPLICATE KEY UPDATE n = VALUES(n)
//
// So is a row of VALUES, or of SET, that has something of another table in it.

// Selected are the pieces of such a statement.
type Selected struct {
	// Head stands before the SELECT, Tail behind it.
	Head, Select, Tail []byte
	// Row: the SELECT was made of a row, in VALUES or SET.
	Row bool
}

// selectsRows notes an INSERT whose records only its SELECT tells.
func (a *analyzer) selectsRows() {
	if a.p.Refuse == "" {
		a.p.Selects, a.p.Keys, a.p.CopiesFrom = true, nil, nil
	}
}

// Selected takes an INSERT or REPLACE with Plan.Selects apart. why names what
// stands against it; "" for nothing. It reads the text anew, for such statements
// are rare.
func (s *Statement) Selected() (parts Selected, why string) {
	l := &lexed{}
	lex(l, s.Text, s.mode)
	switch {
	case l.execComments || l.hints || l.compound || l.multi || l.err != "":
		return parts, "INSERT ... SELECT with an executable comment or a hint"
	case s.mode&ModeUnsafeCharset != 0:
		return parts, "bytes beyond ASCII in a character set where they may hold a backslash or a quote"
	}
	w := sweeper{analyzer: &analyzer{l: l, toks: l.tokens}}
	begin := w.selectIn()
	if begin < 0 {
		return parts, "INSERT ... SELECT that can't be taken apart"
	}
	parts.Row = w.is(begin, "set") || !w.is(begin+1, "row") && (w.is(begin, "values") || w.is(begin, "value"))
	end := len(w.toks)
	for i := begin; i < len(w.toks); i++ {
		if w.is(i, "on") && w.is(i+1, "duplicate") || w.is(i, "returning") && s.Plan.ResultSet {
			end = i
			break
		}
		if w.op(i, "(") {
			i = w.skipParens(i) - 1
		}
	}
	if w.is(end, "on") && w.namesSelected(end, s.Plan.Table.Name) {
		return parts, "ON DUPLICATE KEY UPDATE by columns of the SELECT"
	}
	parts.Tail = s.Text[w.upTo(end):w.upTo(len(w.toks))]
	switch {
	case !parts.Row:
		parts.Head = s.Text[:w.toks[begin].start]
		parts.Select = s.Text[w.toks[begin].start:w.upTo(end)]
	case !w.row(&parts, begin, end):
		return parts, "INSERT from another table"
	}
	return parts, ""
}

// row makes a SELECT of the row that VALUES or SET at token i gives.
func (w *sweeper) row(parts *Selected, i, end int) bool {
	text := w.l.text
	parts.Head = append([]byte(nil), text[:w.toks[i].start]...)
	parts.Select = []byte("SELECT ")
	if !w.is(i, "set") {
		if last := w.skipParens(i + 1); last != end || w.is(i+2, "default") {
			return false // or with a name for the row
		}
		parts.Select = append(parts.Select, text[w.toks[i+1].end:w.toks[end-1].start]...)
		return true
	}
	for i++; ; i++ {
		_, _, next := w.tableName(i)
		value := min(w.findOp(next, ","), end)
		if next == i || !w.op(next, "=") && !w.op(next, ":=") || w.is(next+1, "default") {
			return false
		}
		parts.Head = append(append(parts.Head, "(,"[min(1, len(parts.Select)-len("SELECT "))]), text[w.toks[i].start:w.upTo(next)]...)
		parts.Select = append(append(parts.Select, text[w.toks[next].end:w.upTo(value)]...), ',')
		if i = value; i == end {
			break
		}
	}
	parts.Head = append(parts.Head, ')')
	parts.Select = parts.Select[:len(parts.Select)-1]
	return true
}

// selectIn returns the token that begins the SELECT, -1 for none.
func (w *sweeper) selectIn() int {
	for i := 1; i < len(w.toks); i++ {
		switch w.word(i) {
		case "select", "with", "table", "values", "value", "set":
			return i
		}
		if !w.op(i, "(") {
			continue
		}
		first := i
		for w.op(first, "(") {
			first++
		}
		if w.is(first, "select") || w.is(first, "with") {
			return i
		}
		i = w.skipParens(i) - 1
	}
	return -1
}

// namesSelected reports whether a column behind token i is qualified by another
// name than that of the table.
func (w *sweeper) namesSelected(i int, table string) bool {
	for ; i < len(w.toks); i++ {
		if !w.op(i+1, ".") || w.op(i-1, ".") {
			continue
		}
		last := i
		for w.op(last+3, ".") {
			last += 2
		}
		if name, ok := w.ident(last); !ok || !strings.EqualFold(name, table) {
			return true
		}
	}
	return false
}
