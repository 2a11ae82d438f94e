package rewrite

import (
	"slices"
	"strings"

	"github.com/pingcap/tidb/pkg/parser/ast"
	"github.com/pingcap/tidb/pkg/parser/mysql"
	"github.com/pingcap/tidb/pkg/parser/opcode"
	"github.com/pingcap/tidb/pkg/parser/test_driver"
)

// What a condition says of columns. A restriction holds for every row that the
// condition lets through; a condition that says nothing certain has none:
// a negation, a range, a comparison with what is not a plain value.

// A restriction says that a column has one of some values.
type restriction struct {
	colRef
	vals []Value
}

// An edge says that the rows of one source belong to the records of another:
// what restricts from restricts to.
type edge struct{ from, to *source }

// maxKeys bounds how many keys one condition may name.
const maxKeys = 65536

// where learns from the conjuncts of a condition. Only sources in within (nil
// for all) are restricted by it, which is how the condition of an outer join
// restricts one side only.
func (a *analyzer) where(sc *scope, e ast.ExprNode, within map[*source]bool) {
	for _, c := range conjuncts(nil, e) {
		for _, r := range a.restrictions(sc, c) {
			if r.own && (within == nil || within[r.src]) {
				r.src.known = append(r.src.known, r)
			}
		}
		a.equality(sc, c, within)
	}
}

// conjuncts appends the conditions that e joins by AND.
func conjuncts(list []ast.ExprNode, e ast.ExprNode) []ast.ExprNode {
	switch x := e.(type) {
	case *ast.ParenthesesExpr:
		return conjuncts(list, x.Expr)
	case *ast.BinaryOperationExpr:
		if x.Op == opcode.LogicAnd {
			return conjuncts(conjuncts(list, x.L), x.R)
		}
	}
	return append(list, e)
}

// restrictions returns what e says of columns.
func (a *analyzer) restrictions(sc *scope, e ast.ExprNode) []restriction {
	switch x := e.(type) {
	case *ast.ParenthesesExpr:
		return a.restrictions(sc, x.Expr)
	case *ast.BinaryOperationExpr:
		switch x.Op {
		case opcode.LogicAnd:
			return append(a.restrictions(sc, x.L), a.restrictions(sc, x.R)...)
		case opcode.LogicOr:
			return a.either(sc, disjuncts(nil, x))
		case opcode.EQ, opcode.NullEQ:
			return a.compared(sc, x.L, x.R)
		}
	case *ast.PatternInExpr:
		if !x.Not && x.Sel == nil {
			return a.listed(sc, x.Expr, x.List)
		}
	case *ast.IsTruthExpr:
		if x.True == 1 && !x.Not {
			return a.restrictions(sc, x.Expr)
		}
	}
	return nil
}

// disjuncts appends the conditions that e joins by OR.
func disjuncts(list []ast.ExprNode, e ast.ExprNode) []ast.ExprNode {
	switch x := e.(type) {
	case *ast.ParenthesesExpr:
		return disjuncts(list, x.Expr)
	case *ast.BinaryOperationExpr:
		if x.Op == opcode.LogicOr {
			return disjuncts(disjuncts(list, x.L), x.R)
		}
	}
	return append(list, e)
}

// either returns what holds if one of several conditions does: of a column
// that all of them restrict, that it has one of all their values.
func (a *analyzer) either(sc *scope, conditions []ast.ExprNode) (both []restriction) {
	for i, c := range conditions {
		rs := a.restrictions(sc, c)
		if i == 0 {
			for _, r := range rs {
				both = append(both, restriction{r.colRef, slices.Clone(r.vals)})
			}
			continue
		}
		both = slices.DeleteFunc(both, func(r restriction) bool { return restrictionOf(rs, r.colRef) == nil })
		for k := range both {
			both[k].vals = append(both[k].vals, restrictionOf(rs, both[k].colRef).vals...)
		}
		if len(both) == 0 || len(both[0].vals) > maxKeys {
			return nil
		}
	}
	return both
}

// restrictionOf returns the one with the fewest values for a column, nil for
// none.
func restrictionOf(rs []restriction, ref colRef) (best *restriction) {
	for i := range rs {
		if rs[i].colRef == ref && (best == nil || len(rs[i].vals) < len(best.vals)) {
			best = &rs[i]
		}
	}
	return best
}

// compared returns what l = r says, rows included.
func (a *analyzer) compared(sc *scope, l, r ast.ExprNode) (list []restriction) {
	l, r = unparen(l), unparen(r)
	if lr, ok := l.(*ast.RowExpr); ok {
		rr, ok := r.(*ast.RowExpr)
		if !ok || len(lr.Values) != len(rr.Values) {
			return nil
		}
		for i := range lr.Values {
			list = append(list, a.compared(sc, lr.Values[i], rr.Values[i])...)
		}
		return list
	}
	for range 2 {
		if ref, ok := a.columnOf(sc, l); ok {
			if v, ok := a.value(r, ref.folds()); ok && !v.Null {
				return []restriction{{ref, []Value{v}}}
			}
		}
		l, r = r, l
	}
	return nil
}

// listed returns what e IN (list) says. NULL in the list matches nothing.
func (a *analyzer) listed(sc *scope, e ast.ExprNode, list []ast.ExprNode) (rs []restriction) {
	if len(list) > maxKeys {
		return nil
	}
	e = unparen(e)
	if row, ok := e.(*ast.RowExpr); ok {
		for i := range row.Values {
			var column []ast.ExprNode
			for _, item := range list {
				r, ok := unparen(item).(*ast.RowExpr)
				if !ok || len(r.Values) != len(row.Values) {
					return nil
				}
				column = append(column, r.Values[i])
			}
			rs = append(rs, a.listed(sc, row.Values[i], column)...)
		}
		return rs
	}
	ref, ok := a.columnOf(sc, e)
	if !ok {
		// 'x' IN (id)
		if len(list) == 1 {
			return a.compared(sc, e, list[0])
		}
		return nil
	}
	var vals []Value
	for _, item := range list {
		v, ok := a.value(item, ref.folds())
		if !ok {
			return nil
		}
		if !v.Null {
			vals = append(vals, v)
		}
	}
	if len(vals) == 0 {
		return nil
	}
	return []restriction{{ref, vals}}
}

// folds tells whether the column's collation makes equal what differs in case,
// by configuration.
func (r colRef) folds() bool { return r.src.table != nil && r.src.table.FoldCase }

// equality learns from a = b where both columns identify records.
func (a *analyzer) equality(sc *scope, e ast.ExprNode, within map[*source]bool) {
	x, ok := e.(*ast.BinaryOperationExpr)
	if !ok || x.Op != opcode.EQ && x.Op != opcode.NullEQ {
		return
	}
	l, ok := a.columnOf(sc, unparen(x.L))
	if !ok {
		return
	}
	r, ok := a.columnOf(sc, unparen(x.R))
	if !ok {
		return
	}
	a.connect(l, r, within)
}

// connect notes that two columns are equal.
func (a *analyzer) connect(l, r colRef, within map[*source]bool) {
	if l.identity() == identityNone || l.identity() != r.identity() || l.src.table != r.src.table {
		return
	}
	if r.own && (within == nil || within[r.src]) {
		a.edges = append(a.edges, edge{l.src, r.src})
	}
	if l.own && (within == nil || within[l.src]) {
		a.edges = append(a.edges, edge{r.src, l.src})
	}
}

// unparen returns e without parentheses.
func unparen(e ast.ExprNode) ast.ExprNode {
	for {
		p, ok := e.(*ast.ParenthesesExpr)
		if !ok {
			return e
		}
		e = p.Expr
	}
}

// columnOf returns the column that e is: by itself, or compared byte by byte.
func (a *analyzer) columnOf(sc *scope, e ast.ExprNode) (ref colRef, ok bool) {
	switch x := unparen(e).(type) {
	case *ast.ColumnNameExpr:
		return sc.column(x.Name)
	case *ast.FuncCastExpr:
		if isBinaryCast(x) {
			return a.columnOf(sc, x.Expr)
		}
	case *ast.SetCollationExpr:
		if ref, ok = a.columnOf(sc, x.Expr); ok && (strings.HasSuffix(x.Collate, "_bin") || ref.folds()) {
			return ref, true
		}
	}
	return colRef{}, false
}

// isBinaryCast tells whether e is BINARY x, CAST(x AS BINARY) or the like,
// without a length.
func isBinaryCast(e *ast.FuncCastExpr) bool {
	return e.FunctionType == ast.CastBinaryOperator ||
		(e.Tp.GetType() == mysql.TypeString || e.Tp.GetType() == mysql.TypeVarString) &&
			e.Tp.GetCharset() == "binary" && e.Tp.GetFlen() < 0
}

// value returns the value that e is for certain. folds tells that it is
// compared with a column of a collation that ignores case anyway, so that a
// COLLATE changes nothing.
func (a *analyzer) value(e ast.ExprNode, folds bool) (v Value, ok bool) {
	switch x := e.(type) {
	case *ast.ParenthesesExpr:
		return a.value(x.Expr, folds)
	case *test_driver.ParamMarkerExpr:
		return a.param(x)
	case ast.ValueExpr:
		return a.literal(x)
	case *ast.UnaryOperationExpr:
		if v, ok = a.value(x.V, folds); !ok || len(v.Parts) != 1 || !v.Parts[0].Numeric {
			return Value{}, false
		}
		switch x.Op {
		case opcode.Minus:
			v.Parts = []Part{{Source: SourceConst, Const: []byte("-")}, v.Parts[0]}
			return v, true
		case opcode.Plus:
			return v, true
		}
	case *ast.FuncCastExpr:
		if isTextCast(x) {
			return a.value(x.Expr, folds)
		}
	case *ast.SetCollationExpr:
		if strings.HasSuffix(x.Collate, "_bin") || folds {
			return a.value(x.Expr, folds)
		}
	case *ast.FuncCallExpr:
		switch x.FnName.L {
		case "concat":
			return a.concat(x.Args, folds)
		case "convert": // CONVERT(x USING charset)
			if len(x.Args) == 2 {
				return a.value(x.Args[0], folds)
			}
		}
	}
	return Value{}, false
}

// isTextCast tells whether e leaves the text of its value as it is.
func isTextCast(e *ast.FuncCastExpr) bool {
	return isBinaryCast(e) || e.Tp.GetFlen() < 0 &&
		(e.Tp.GetType() == mysql.TypeVarString || e.Tp.GetType() == mysql.TypeString)
}

func (a *analyzer) concat(args []ast.ExprNode, folds bool) (v Value, ok bool) {
	for _, arg := range args {
		part, ok := a.value(arg, folds)
		if !ok || part.Null {
			return Value{}, false
		}
		v.Parts = append(v.Parts, part.Parts...)
	}
	return v, len(v.Parts) > 0
}

// same tells whether two values are equal in every statement of the shape, and
// where that depends on literals, in this statement, whose plan is not kept
// then.
func (a *analyzer) same(v, w Value) bool {
	if v.Null || w.Null || len(v.Parts) == 0 || len(w.Parts) == 0 {
		return false
	}
	if sameParts(v, w) {
		return true
	}
	x, ok := a.constant(v)
	if !ok {
		return false
	}
	y, ok := a.constant(w)
	if !ok {
		return false
	}
	a.uncacheable = true
	return x == y
}

func sameParts(v, w Value) bool {
	if len(v.Parts) != len(w.Parts) {
		return false
	}
	for i := range v.Parts {
		p, q := v.Parts[i], w.Parts[i]
		if p.Source != q.Source || p.Index != q.Index || string(p.Const) != string(q.Const) ||
			p.Call != q.Call || !sameParts(Value{Parts: p.Of}, Value{Parts: q.Of}) {
			return false
		}
	}
	return true
}

// constant returns the bytes of a value without parameters.
func (a *analyzer) constant(v Value) (string, bool) {
	s := Statement{Text: a.l.text, mode: a.l.mode, literals: a.l.literals}
	b, null, ok := s.Append(nil, v, nil)
	return string(b), ok && !null
}
