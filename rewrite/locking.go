package rewrite

import "strings"

// Locking is how a locking read of records on several stores is carried out:
// each record is locked and read where it is written first, and the statement
// runs, without its locking clause, on copies of what was read.
type Locking struct {
	Text   []byte // the statement without the clause
	Clause string // the clause, without OF
	Shared bool   // it lets others read and lock so, too
	Skip   bool   // it leaves out what others have locked
	// Find asks for the keys of the records that a statement means which does not
	// name them, in their order; nil if it can't. With Skip or an offset its LIMIT is
	// left out.
	Find []byte
}

// Locking reads a locking SELECT of one session table. why names what stands
// against its being carried out on several stores; "" for nothing.
func (s *Statement) Locking() (k Locking, why string) {
	l := &lexed{}
	lex(l, s.Text, s.mode)
	if s.mode&ModeUnsafeCharset != 0 || l.execComments {
		return k, "a locking read of records on different stores in a comment or a charset that hides a part of it"
	}
	a := &analyzer{l: l, toks: l.tokens}
	end := len(a.toks)
	for end > 0 && a.op(end-1, ";") {
		end--
	}
	at := end
	for i := 1; i < end; i++ {
		if a.is(i, "for") && (a.is(i+1, "update") || a.is(i+1, "share")) ||
			a.is(i, "lock") && a.is(i+1, "in") && a.is(i+2, "share") && a.is(i+3, "mode") {
			at = i
			break
		}
	}
	var next int
	if k.Shared, next = !a.is(at+1, "update"), at+2; a.is(at, "lock") {
		next = at + 4
	}
	if at == end {
		return k, "a locking read of records on different stores"
	}
	k.Clause = " " + string(l.text[a.toks[at].start:a.toks[next-1].end])
	if a.is(next, "of") {
		_, _, next = a.tableName(next + 1)
	}
	if next < end {
		if !a.is(next, "nowait") && !a.is(next, "skip") && !a.is(next, "wait") {
			return k, "a locking read of records on different stores with another clause behind the locking one"
		}
		k.Skip = a.is(next, "skip")
		k.Clause += " " + string(l.text[a.toks[next].start:a.toks[end-1].end])
	}
	k.Text = l.text[:a.toks[at-1].end]
	k.find(s)
	return k, ""
}

// find makes Find, of the statement without its clause.
func (k *Locking) find(s *Statement) {
	l := &lexed{}
	lex(l, k.Text, s.mode)
	a := &sweeper{analyzer: &analyzer{l: l, toks: l.tokens}}
	w := scatterer{analyzer: a.analyzer, plan: s.Plan}
	if l.hints || l.wideWord || l.compound || !w.single() {
		return
	}
	w.clauses()
	order := w.find(w.table, "order")
	if w.fields == 0 || w.find(w.table, "group", "having", "window", "into") < len(w.toks) ||
		w.limit < len(w.toks) && !w.rowwise() {
		return
	}
	text, end := l.text, len(w.toks)
	if w.limit < end && (!w.limits() || k.Skip || len(w.out.Offset.Parts) > 0) {
		if a.params(w.limit, end) > 0 {
			return
		}
		end = w.limit
	}
	head := "SELECT HEX(CAST(`" + strings.ReplaceAll(s.Plan.Reads[0].Column, "`", "``") + "` AS BINARY))"
	tail := text[w.toks[w.from].start:w.toks[end-1].end]
	switch fields := text[w.toks[w.fields].start:w.toks[w.from-1].end]; {
	case w.limit == len(w.toks):
		tail = text[w.toks[w.from].start:w.toks[min(order, len(w.toks))-1].end]
		head += strings.Repeat(", ? IS NULL", a.params(w.fields, w.from))
		if a.params(order, len(w.toks)) > 0 {
			return
		}
	case w.op(w.fields, "*"):
	default: // ORDER BY may name what is selected
		head += ", " + string(fields)
	}
	for i := order; i < len(w.toks) && i < w.limit; i++ {
		if k := w.kind(i); (w.is(i-1, "by") || w.op(i-1, ",")) && k == tokNumber {
			return // it counts what is selected
		}
	}
	k.Find = append([]byte(head+" "), tail...)
}
