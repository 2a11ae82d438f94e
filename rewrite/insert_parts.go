package rewrite

// An INSERT or REPLACE of several rows is carried out row by row where their
// records are on different stores. For example
//
//	INSERT INTO sessions (id, n) VALUES ('a', ?), ('b', ?) ON DUPLICATE KEY UPDATE n = ?
//
// has the head INSERT INTO sessions (id, n) VALUES, the rows ('a', ?) and
// ('b', ?), which hold the parameters 0 and 1, and the tail ON DUPLICATE KEY
// UPDATE n = ?, which holds parameter 2.

// InsertParts are the pieces of such a statement, all of them parts of its
// text.
type InsertParts struct {
	// Head ends before the first row, Tail begins behind the last one.
	Head, Tail []byte
	// Before ends before VALUES.
	Before []byte
	Rows   []InsertRow
	// HeadParams and TailParams are the numbers of parameters in them.
	HeadParams, TailParams int
	// Ignore: INSERT IGNORE.
	Ignore bool
}

// InsertRow is one row.
type InsertRow struct {
	Text          []byte // with its parentheses
	First, Params int    // its parameters: the first one's index, and their number
	// Values are what is in its parentheses; nil if DEFAULT is among them. Null: the
	// literal NULL is.
	Values []byte
	Null   bool
}

// InsertParts takes an INSERT or REPLACE with VALUES apart, whose plan has all
// keys. why names what stands against it; "" for nothing. It reads the text
// anew, for such statements are rare.
func (s *Statement) InsertParts() (parts InsertParts, why string) {
	l := &lexed{}
	lex(l, s.Text, s.mode)
	switch {
	case l.execComments || l.hints || l.compound || l.multi || l.err != "":
		return parts, "several rows in a statement with an executable comment or a hint"
	case s.mode&ModeUnsafeCharset != 0:
		return parts, "several rows in a character set where bytes beyond ASCII may hold a backslash or a quote"
	}
	w := sweeper{analyzer: &analyzer{l: l, toks: l.tokens}}
	for i := 1; i < len(w.toks); i++ {
		if w.is(i, "ignore") {
			parts.Ignore = true
		}
		if (w.is(i, "values") || w.is(i, "value")) && (w.op(i+1, "(") || w.is(i+1, "row")) {
			w.insertRows(&parts, i+1)
			break
		}
		if w.op(i, "(") {
			i = w.skipParens(i) - 1
		}
	}
	if len(parts.Rows) != s.Plan.Rows || len(s.Plan.Keys) != s.Plan.Rows {
		return parts, "several rows in a statement that can't be taken apart"
	}
	return parts, ""
}

// insertRows takes the rows apart of which the first begins at token i.
func (w *sweeper) insertRows(parts *InsertParts, i int) {
	parts.Head = w.l.text[:w.toks[i].start]
	parts.Before = w.l.text[:w.toks[i-1].start]
	parts.HeadParams = w.params(0, i)
	first := parts.HeadParams
	for {
		begin := i
		if w.is(i, "row") {
			i++
		}
		if !w.op(i, "(") {
			parts.Rows = nil
			return
		}
		open := i
		i = w.skipParens(i)
		n := w.params(begin, i)
		row := InsertRow{Text: w.l.text[w.toks[begin].start:w.upTo(i)], First: first, Params: n}
		row.Values = w.l.text[w.toks[open].end:w.toks[i-1].start]
		for k := open; k < i; k++ {
			if w.is(k, "default") || open+2 == i {
				row.Values = nil
			}
			row.Null = row.Null || w.is(k, "null")
		}
		parts.Rows = append(parts.Rows, row)
		first += n
		if !w.op(i, ",") {
			break
		}
		i++
	}
	if i < len(w.toks) && !w.is(i, "on") && !w.is(i, "as") && !w.is(i, "returning") {
		parts.Rows = nil
		return
	}
	if w.is(i, "as") { // a name for the rows
		for j := range parts.Rows {
			parts.Rows[j].Values = nil
		}
	}
	parts.Tail = w.l.text[w.upTo(i):w.upTo(len(w.toks))]
	parts.TailParams = w.params(i, len(w.toks))
}

// params counts the parameters among the tokens from begin up to end.
func (w *sweeper) params(begin, end int) (n int) {
	for _, t := range w.toks[begin:end] {
		if t.kind == tokParam {
			n++
		}
	}
	return n
}
