package rewrite

import (
	"strings"

	"github.com/pingcap/tidb/pkg/parser/ast"
	"github.com/pingcap/tidb/pkg/parser/opcode"
)

// update makes the plan of an UPDATE.
func (a *analyzer) update(u *ast.UpdateStmt) {
	sc := &scope{}
	a.with(u.With, sc)
	a.from(u.TableRefs.TableRefs, sc)
	if u.Where != nil {
		a.condition(sc, u.Where, nil)
	}
	a.orderBy(u.Order, sc)
	targets := make(map[*source]bool)
	for _, s := range u.List {
		a.nested(sc, s.Expr)
		if ref, ok := sc.column(s.Column); ok && ref.own {
			targets[ref.src] = true
		} else {
			targets[nil] = true
		}
	}
	a.settle()
	t := a.target(sc, targets, "UPDATE")
	if t == nil {
		return
	}
	a.limited(t, u.Limit != nil, u.Order)
	to, assigned := a.assignsKey(sc, t, u.List)
	if a.p.Refuse != "" {
		a.p.Kind = KindWrite
		return
	}
	a.written(t)
	if !assigned {
		if a.p.Surrogates != nil && len(t.keys) != 1 && len(t.column(identitySurrogate)) != 1 {
			a.refuse("UPDATE of the column " + t.table.Surrogate + " of several records")
		}
		if a.p.Kind == KindBroadcast && u.Where == nil {
			a.detail("update all")
		}
		return
	}
	switch {
	case a.p.Surrogates != nil:
		a.refuse("UPDATE of the column " + t.table.Surrogate + " together with the key")
	case a.p.Kind == KindWrite && len(a.p.Keys) == 1:
		a.p.Kind = KindMove
		a.p.Keys = append(a.p.Keys, to)
	case a.p.Kind == KindWrite:
		a.refuse("UPDATE that gives several records one key")
	case a.p.OtherValues != nil:
		a.p.Kind = KindWriteByOther
		a.p.Keys = []Value{to}
	default:
		a.refuse("UPDATE of the key column of unknown records")
	}
}

// delete makes the plan of a DELETE.
func (a *analyzer) delete(d *ast.DeleteStmt) {
	sc := &scope{}
	a.with(d.With, sc)
	a.from(d.TableRefs.TableRefs, sc)
	if d.Where != nil {
		a.condition(sc, d.Where, nil)
	}
	a.orderBy(d.Order, sc)
	targets := make(map[*source]bool)
	if d.IsMultiTable && d.Tables != nil {
		for _, n := range d.Tables.Tables {
			found := (*source)(nil)
			for _, s := range sc.sources {
				if strings.EqualFold(s.alias, n.Name.O) {
					found = s
				}
			}
			targets[found] = true
		}
	} else {
		targets[sc.sources[0]] = true
	}
	a.settle()
	t := a.target(sc, targets, "DELETE")
	if t == nil {
		return
	}
	a.written(t)
	gc := false
	if a.p.Kind == KindBroadcast {
		switch {
		case d.Where == nil:
			a.detail("delete all")
		case a.collects(sc, t, d.Where):
			a.detail("GC")
			gc = true
		}
	}
	// Garbage that one store still holds after another has lost it does no
	// harm, and is collected the next time.
	a.limited(t, d.Limit != nil && !gc, d.Order)
}

// target returns the session table that an UPDATE or DELETE changes, and nil
// if it changes another one: the plan is made then.
func (a *analyzer) target(sc *scope, targets map[*source]bool, verb string) *source {
	var ours, others []*source
	for s := range targets {
		switch {
		case s == nil:
			// A column that may be that of any table here.
			for _, s := range sc.sources {
				if s.ours() {
					ours = append(ours, s)
				} else if s.kind == sourceOther {
					others = append(others, s)
				}
			}
		case s.ours():
			ours = append(ours, s)
		default:
			others = append(others, s)
		}
	}
	if len(ours) == 0 {
		a.p.Kind = KindOtherTable
		for _, s := range others {
			if s.kind == sourceMeta {
				a.other(s.schema, s.name)
			}
		}
		if a.firstOurs() != nil {
			a.gathers(verb + " of another table by the records of a session table")
		}
		return nil
	}
	t := ours[0]
	for _, s := range sc.sources { // in the order of the statement
		if s.ours() && targets[s] {
			t = s
			break
		}
	}
	a.about(t)
	whole := a.joinable(sc, t, targets)
	if len(a.p.Others) > 0 {
		a.detail("joins other table")
		a.p.Joins = whole
		a.refuse(verb + " that joins another table")
	}
	for _, s := range a.tables {
		if s == t || !s.ours() {
			continue
		}
		if s.depth == 0 && a.connected(s) || a.local[s] {
			continue
		}
		if verb == "DELETE" && a.choosesItself(t) {
			break
		}
		if t.keys == nil || s.keys == nil || len(s.keys) != 1 || !a.sameKeys(t.keys, s.keys) {
			if whole {
				a.p.Joins = true
				break
			}
			a.refuse("a subquery over a session table in a write")
		}
	}
	return t
}

// joinable tells whether an UPDATE or DELETE of t, and of what else is among the
// targets, may be carried out with what it needs of other tables, and of other
// records, in their place.
func (a *analyzer) joinable(sc *scope, t *source, targets map[*source]bool) bool {
	if a.p.Refuse != "" || t.kind != sourceSession {
		return false
	}
	for s := range targets {
		switch {
		case s == nil, s == t: // of a column whose table is not known the server says whose it is
		case targets[nil], s.kind != sourceSession && s.kind != sourceOther:
			return false
		}
	}
	for _, s := range a.tables {
		if s.kind == sourceSecondary {
			return false
		}
	}
	return true
}

// choosesItself tells whether a DELETE names its records by a subquery over t
// that a sweep carries out.
func (a *analyzer) choosesItself(t *source) bool {
	if t.kind != sourceSession || a.l.execComments || a.l.hints {
		return false
	}
	parts, ok := a.deletesChosen()
	return ok && strings.EqualFold(parts.key, t.table.Key)
}

// written sets kind and keys of an UPDATE or DELETE of t.
func (a *analyzer) written(t *source) {
	if t.kind == sourceSecondary {
		a.detail("secondary table")
		a.p.Target = t.read()
	}
	if t.keys != nil {
		a.p.Kind = KindWrite
		a.p.Keys = append(a.p.Keys, t.keys...)
		return
	}
	a.p.Kind = KindBroadcast
	col, vals := t.byOther()
	if vals == nil {
		return
	}
	a.p.OtherColumn, a.p.OtherValues = col, vals
	if t.table.Surrogate != "" && strings.EqualFold(col, t.table.Surrogate) {
		a.p.Kind = KindWriteByOther
	}
}

// limited notes a LIMIT that may take other rows on each store.
func (a *analyzer) limited(t *source, limit bool, order *ast.OrderByClause) {
	if !limit || len(t.keys) == 1 || len(t.column(identitySurrogate)) == 1 {
		return
	}
	if order != nil && len(order.Items) == 1 {
		if c, ok := order.Items[0].Expr.(*ast.ColumnNameExpr); ok && t.kind == sourceSession &&
			strings.EqualFold(c.Name.Name.O, t.table.Key) {
			return
		}
	}
	if a.p.Kind != KindBroadcast { // the router chooses the records of a sweep
		a.p.Chooses = a.p.Nondet&NondetOther == 0
		a.p.Nondet |= NondetOther
	}
}

// assignsKey looks for an assignment of the key of t, and returns the key that
// is assigned.
func (a *analyzer) assignsKey(sc *scope, t *source, list []*ast.Assignment) (to Value, ok bool) {
	for _, s := range list {
		ref, found := sc.column(s.Column)
		if !found || ref.src != t {
			continue
		}
		switch ref.identity() {
		case identityNone:
			continue
		case identitySurrogate:
			if !a.keepsColumn(sc, ref, s.Expr) && !a.namedBy(t, ref, s.Expr) {
				a.renumbers(t, s)
			}
			continue
		}
		if a.keepsColumn(sc, ref, s.Expr) {
			continue
		}
		if t.kind == sourceSecondary {
			a.refuse("UPDATE of the column " + s.Column.Name.O)
			return Value{}, false
		}
		v, known := a.assigned(s.Expr, t.table.FoldCase)
		if !known || v.Null {
			a.refuse("UPDATE of the key column to a computed value")
			return Value{}, false
		}
		to, ok = v, true
	}
	return to, ok
}

// renumbers notes that an UPDATE assigns the surrogate column.
func (a *analyzer) renumbers(t *source, s *ast.Assignment) {
	v, ok := a.assigned(s.Expr, false)
	if !ok || v.Null || t.kind == sourceSecondary || a.p.Surrogates != nil {
		a.refuse("UPDATE of the column " + s.Column.Name.O)
		return
	}
	a.p.Surrogates = []Value{v}
}

// keepsColumn tells whether e is the column that it is assigned to.
func (a *analyzer) keepsColumn(sc *scope, ref colRef, e ast.ExprNode) bool {
	c, ok := unparen(e).(*ast.ColumnNameExpr)
	if !ok {
		return false
	}
	from, ok := sc.column(c.Name)
	return ok && from == ref
}

// namedBy tells whether e is the value that the statement names the row by.
func (a *analyzer) namedBy(t *source, ref colRef, e ast.ExprNode) bool {
	v, ok := a.value(e, false)
	vals := t.column(ref.identity())
	return ok && len(vals) == 1 && a.same(v, vals[0])
}

// collects tells whether a DELETE names its rows by a range of some column
// other than the key: garbage collection.
func (a *analyzer) collects(sc *scope, t *source, where ast.ExprNode) bool {
	for _, c := range conjuncts(nil, where) {
		c = unparen(c)
		var sides []ast.ExprNode
		switch x := c.(type) {
		case *ast.BinaryOperationExpr:
			switch x.Op {
			case opcode.LT, opcode.LE, opcode.GT, opcode.GE:
				sides = []ast.ExprNode{x.L, x.R}
			case opcode.LogicOr:
				if a.collects(sc, t, x.L) || a.collects(sc, t, x.R) {
					return true
				}
			}
		case *ast.BetweenExpr:
			sides = []ast.ExprNode{x.Expr}
		}
		for _, e := range sides {
			if ref, ok := a.columnOf(sc, e); ok && ref.identity() == identityKey {
				sides = nil
			}
		}
		if len(sides) > 0 {
			return true
		}
	}
	return false
}
