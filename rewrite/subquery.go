package rewrite

import (
	"strings"

	"github.com/pingcap/tidb/pkg/parser/ast"
	"github.com/pingcap/tidb/pkg/parser/opcode"
)

// What a condition with a subquery says. The rows of a secondary table lie on
// the stores of the record that they belong to, so that a store can do by itself
// what compares a row with rows of its own record only:
//
//	DELETE FROM parts WHERE sid IN (SELECT sid FROM sessions WHERE expires < 5)
//	DELETE FROM parts WHERE EXISTS (SELECT 1 FROM sessions s WHERE s.sid = parts.sid AND s.expires < 5)
//
// That is not so of NOT IN and NOT EXISTS while a store lacks records.

// condition learns from a condition and from the subqueries in it.
func (a *analyzer) condition(sc *scope, e ast.ExprNode, within map[*source]bool) {
	a.where(sc, e, within)
	a.nested(sc, e)
	for _, c := range conjuncts(nil, e) {
		a.subqueries(sc, unparen(c), within)
	}
}

// subqueries learns from one conjunct.
func (a *analyzer) subqueries(sc *scope, e ast.ExprNode, within map[*source]bool) {
	switch x := e.(type) {
	case *ast.PatternInExpr:
		if x.Sel != nil && !x.Not {
			a.amongSelected(sc, x.Expr, x.Sel, within, true)
		}
	case *ast.BinaryOperationExpr:
		if x.Op == opcode.EQ {
			a.amongSelected(sc, x.L, x.R, within, false)
			a.amongSelected(sc, x.R, x.L, within, false)
		}
	case *ast.ExistsSubqueryExpr:
		inner := a.inner[x.Sel]
		if x.Not || inner == nil || plainSelect(x.Sel) == nil {
			return
		}
		for _, s := range inner.sources {
			for _, t := range sc.sources {
				a.own(t, s)
			}
		}
	}
}

// amongSelected learns from e = (SELECT column ...) and, with all, from
// e IN (SELECT column ...).
func (a *analyzer) amongSelected(sc *scope, e, sub ast.ExprNode, within map[*source]bool, all bool) {
	outer, ok := a.columnOf(sc, e)
	inner := a.inner[unparen(sub)]
	s := plainSelect(sub)
	if !ok || !outer.own || inner == nil || s == nil || len(s.Fields.Fields) != 1 || s.Fields.Fields[0].Expr == nil {
		return
	}
	from, ok := a.columnOf(inner, s.Fields.Fields[0].Expr)
	if !ok || !from.own || from.identity() == identityNone || from.identity() != outer.identity() ||
		from.src.table != outer.src.table {
		return
	}
	if within == nil || within[outer.src] {
		a.edges = append(a.edges, edge{from.src, outer.src})
	}
	if all {
		a.edges = append(a.edges, edge{outer.src, from.src})
		for _, other := range inner.sources {
			a.own(outer.src, other)
			a.own(from.src, other)
		}
	}
}

// own notes that of s, in a subquery, only the rows matter that belong to the
// record of a row of t.
func (a *analyzer) own(t, s *source) {
	for _, e := range a.edges {
		if e.to == s && e.from == t {
			if a.local == nil {
				a.local = make(map[*source]bool)
			}
			a.local[s] = true
		}
	}
}

// plainSelect returns the SELECT of a subquery if each of its rows comes from
// one row of each of its tables, and nil otherwise.
func plainSelect(e ast.ExprNode) *ast.SelectStmt {
	sub, ok := unparen(e).(*ast.SubqueryExpr)
	if !ok {
		return nil
	}
	s, ok := sub.Query.(*ast.SelectStmt)
	if !ok || s.Fields == nil || s.Limit != nil || s.GroupBy != nil || s.Having != nil || s.With != nil ||
		len(s.WindowSpecs) > 0 {
		return nil
	}
	for _, f := range s.Fields.Fields {
		switch f.Expr.(type) {
		case nil, *ast.ColumnNameExpr, ast.ValueExpr:
		default: // an aggregate makes one row of all
			return nil
		}
	}
	return s
}

// repeated tells whether the statement names a common table expression at more
// than one place, so that what is said of one is not said of the other.
func (a *analyzer) repeated(name string) bool {
	n := 0
	for i := range a.toks {
		if word, ok := a.ident(i); ok && strings.EqualFold(word, name) && !a.op(i-1, ".") && !a.op(i+1, ".") {
			n++
		}
	}
	return n > 2 // where it is defined, and one more
}
