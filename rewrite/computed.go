package rewrite

import "github.com/pingcap/tidb/pkg/parser/ast"

// An INSERT may give its key as an expression that the proxy does not compute:
//
//	INSERT INTO sessions (id, data) VALUES (UUID(), 'x')
//
// A store is asked for the value, which is then put in its place:
//
//	INSERT INTO sessions (id, data) VALUES (_utf8mb4 x'...', 'x')
//
// The parameters of such an expression go with it.

// Place is a value in the VALUES lists of an INSERT.
type Place struct{ Row, Column int }

// computedKey notes a key that is an expression of constants, parameters and
// functions.
func (a *analyzer) computedKey(t *source, e ast.ExprNode, column int) {
	var v columnless
	if e.Accept(&v); t.kind == sourceSession && !v.found && a.p.Uses&own == 0 {
		a.p.Computed = append(a.p.Computed, Place{Row: len(a.p.Keys), Column: column})
		a.p.Keys = append(a.p.Keys, Value{Null: true})
	}
	a.refuse("INSERT of a computed key")
}

// columnless looks for what an expression has its value from beside itself.
type columnless struct{ found bool }

// Enter implements ast.Visitor.
func (v *columnless) Enter(n ast.Node) (ast.Node, bool) {
	switch n.(type) {
	case *ast.ColumnNameExpr, *ast.SubqueryExpr, *ast.ValuesExpr, *ast.DefaultExpr:
		v.found = true
	}
	return n, v.found
}

// Leave implements ast.Visitor.
func (v *columnless) Leave(n ast.Node) (ast.Node, bool) { return n, true }

// Expression is the text of a computed key and its parameters, which are N from
// First on.
type Expression struct {
	Text     []byte
	First, N int
}

// Computed returns each of the plan's Computed, and what makes the statement with
// others in their place; nil if it can't be taken apart.
func (s *Statement) Computed() (list []Expression, with func(values []string) []byte) {
	l := &lexed{}
	lex(l, s.Text, s.mode)
	if l.execComments || l.hints || l.compound || l.multi || l.err != "" || s.mode&ModeUnsafeCharset != 0 {
		return nil, nil
	}
	w := sweeper{analyzer: &analyzer{l: l, toks: l.tokens}}
	begin := w.find(1, "values", "value", "set")
	if begin == len(w.toks) {
		return nil, nil
	}
	var spans []columnSpan
	for _, p := range s.Plan.Computed {
		c, ok := w.place(begin, p)
		if !ok {
			return nil, nil
		}
		spans = append(spans, c)
		list = append(list, Expression{
			Text:  s.Text[w.toks[c.first].start:w.toks[c.end-1].end],
			First: w.params(0, c.first), N: w.params(c.first, c.end),
		})
	}
	return list, func(values []string) (text []byte) {
		done := int32(0)
		for i, c := range spans {
			text = append(append(text, s.Text[done:w.toks[c.first].start]...), values[i]...)
			done = w.toks[c.end-1].end
		}
		return append(text, s.Text[done:]...)
	}
}

// place finds a value of the rows or assignments behind token begin.
func (w *sweeper) place(begin int, p Place) (c columnSpan, ok bool) {
	i, end := begin+1, w.find(begin+1, "on", "as", "returning")
	sets := w.is(begin, "set")
	for row := 0; !sets; row++ {
		if w.is(i, "row") {
			i++
		}
		if !w.op(i, "(") {
			return c, false
		}
		next := w.skipParens(i)
		if row == p.Row {
			i, end = i+1, next-1
			break
		}
		i = next + 1
	}
	for n := 0; n < p.Column; n++ {
		if i = w.findOp(i, ",") + 1; i >= end {
			return c, false
		}
	}
	c.first, c.end = i, min(w.findOp(i, ","), end)
	if sets {
		_, _, next := w.tableName(i)
		if !w.op(next, "=") && !w.op(next, ":=") {
			return c, false
		}
		c.first = next + 1
	}
	return c, c.first < c.end
}
