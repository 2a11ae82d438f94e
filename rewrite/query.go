package rewrite

import (
	"github.com/pingcap/tidb/pkg/parser/ast"
)

// How the tables of a query are found, and what its conditions say of their
// rows. Subqueries, derived tables, common table expressions and the arms of a
// UNION are queries of their own.

// query looks at a SELECT or UNION. parent is the scope whose columns it can
// name, nil for none.
func (a *analyzer) query(n ast.Node, parent *scope, depth, arm int) *scope {
	switch x := n.(type) {
	case *ast.SelectStmt:
		return a.block(x, parent, depth, arm)
	case *ast.SetOprStmt:
		sc := &scope{parent: parent, depth: depth, arm: arm}
		a.with(x.With, sc)
		a.union(x.SelectList, sc, depth, arm)
		a.orderBy(x.OrderBy, sc)
	case *ast.SetOprSelectList:
		sc := &scope{parent: parent, depth: depth, arm: arm}
		a.with(x.With, sc)
		a.union(x, sc, depth, arm)
	case *ast.SubqueryExpr:
		return a.query(x.Query, parent, depth, arm)
	case *ast.TableSource:
		return a.query(x.Source, parent, depth, arm)
	}
	return nil
}

// union looks at the arms of a UNION, EXCEPT or INTERSECT. Those of the
// statement itself may name different keys; those of a nested one may not.
func (a *analyzer) union(list *ast.SetOprSelectList, sc *scope, depth, arm int) {
	if list == nil {
		return
	}
	for i, s := range list.Selects {
		if depth == 0 && arm == 0 {
			a.query(s, sc, 0, i+1)
		} else {
			a.query(s, sc, depth, arm)
		}
	}
	a.orderBy(list.OrderBy, sc)
}

// block looks at one SELECT.
func (a *analyzer) block(s *ast.SelectStmt, parent *scope, depth, arm int) *scope {
	sc := &scope{parent: parent, depth: depth, arm: arm}
	a.with(s.With, sc)
	if s.From != nil && s.From.TableRefs != nil {
		a.from(s.From.TableRefs, sc)
	}
	if s.Where != nil {
		a.condition(sc, s.Where, nil)
	}
	if s.Fields != nil {
		a.nested(sc, s.Fields)
	}
	if s.GroupBy != nil {
		a.nested(sc, s.GroupBy)
	}
	if s.Having != nil {
		a.nested(sc, s.Having)
	}
	a.orderBy(s.OrderBy, sc)
	for i := range s.WindowSpecs {
		a.nested(sc, &s.WindowSpecs[i])
	}
	for _, row := range s.Lists {
		a.nested(sc, row)
	}
	return sc
}

func (a *analyzer) orderBy(o *ast.OrderByClause, sc *scope) {
	if o != nil {
		a.nested(sc, o)
	}
}

// with looks at common table expressions: derived tables with a name.
func (a *analyzer) with(w *ast.WithClause, sc *scope) {
	if w == nil {
		return
	}
	sc.ctes = make(map[string]*source)
	for _, c := range w.CTEs {
		d := &source{scope: sc, kind: sourceDerived, alias: c.Name.O}
		if w.IsRecursive {
			sc.ctes[c.Name.L] = d
		}
		a.derive(d, c.Query.Query, sc, len(c.ColNameList) == 0 && !w.IsRecursive && !a.repeated(c.Name.O))
		sc.ctes[c.Name.L] = d
	}
}

// outerCTEs returns scopes that hold the common table expressions of sc and
// those around it, and nothing else.
func outerCTEs(sc *scope) *scope {
	if sc == nil {
		return nil
	}
	return &scope{ctes: sc.ctes, parent: outerCTEs(sc.parent)}
}

// cte returns the common table expression of the given name.
func (sc *scope) cte(name string) *source {
	for ; sc != nil; sc = sc.parent {
		if d := sc.ctes[name]; d != nil {
			return d
		}
	}
	return nil
}

// from adds the tables of a FROM clause to sc and returns them.
func (a *analyzer) from(n ast.ResultSetNode, sc *scope) []*source {
	switch x := n.(type) {
	case *ast.Join:
		return a.join(x, sc)
	case *ast.TableSource:
		return a.tableSource(x, sc)
	case *ast.TableName:
		s := a.table(x.Schema.O, x.Name.O, "", sc)
		sc.sources = append(sc.sources, s)
		return []*source{s}
	case *ast.SelectStmt, *ast.SetOprStmt:
		d := &source{scope: sc, kind: sourceDerived}
		a.derive(d, x, nil, true)
		sc.sources = append(sc.sources, d)
		return []*source{d}
	}
	return nil
}

func (a *analyzer) tableSource(x *ast.TableSource, sc *scope) []*source {
	switch src := x.Source.(type) {
	case *ast.TableName:
		if src.Schema.L == "" {
			if d := sc.cte(src.Name.L); d != nil {
				s := *d
				s.alias = src.Name.O
				if x.AsName.L != "" {
					s.alias = x.AsName.O
				}
				sc.sources = append(sc.sources, &s)
				return []*source{&s}
			}
		}
		s := a.table(src.Schema.O, src.Name.O, x.AsName.O, sc)
		sc.sources = append(sc.sources, s)
		return []*source{s}
	case *ast.SelectStmt, *ast.SetOprStmt:
		d := &source{scope: sc, kind: sourceDerived, alias: x.AsName.O}
		// A derived table sees the tables before it if it is LATERAL, and the
		// common table expressions around it always.
		parent := &scope{ctes: sc.ctes, parent: outerCTEs(sc.parent)}
		if x.Lateral {
			parent = sc
		}
		a.derive(d, src, parent, len(x.ColumnNames) == 0)
		sc.sources = append(sc.sources, d)
		return []*source{d}
	default:
		return a.from(x.Source, sc)
	}
}

// join adds both sides of a join. The condition of an outer join restricts the
// side whose rows may be missing; that of an inner join restricts both.
func (a *analyzer) join(j *ast.Join, sc *scope) []*source {
	var l, r []*source
	if j.Left != nil {
		l = a.from(j.Left, sc)
	}
	if j.Right != nil {
		r = a.from(j.Right, sc)
	}
	within := make(map[*source]bool)
	add := func(side []*source) {
		for _, s := range side {
			within[s] = true
			for _, ref := range s.derived {
				within[ref.src] = true
			}
			if s.wild != nil {
				within[s.wild] = true
			}
		}
	}
	if j.Tp != ast.LeftJoin {
		add(l)
	}
	if j.Tp != ast.RightJoin {
		add(r)
	}
	if j.On != nil {
		a.condition(sc, j.On.Expr, within)
	}
	for _, c := range j.Using {
		a.joinOn(l, r, c.Name.L, within)
	}
	if j.NaturalJoin {
		for _, s := range append(append([]*source(nil), l...), r...) {
			if s.kind == sourceSession {
				a.joinOn(l, r, s.table.Key, within)
			}
		}
	}
	return append(l, r...)
}

// joinOn notes that the columns of a name are equal on both sides.
func (a *analyzer) joinOn(l, r []*source, name string, within map[*source]bool) {
	for _, s := range l {
		for _, t := range r {
			x, ok := s.resolve(name)
			if !ok {
				continue
			}
			if y, ok := t.resolve(name); ok {
				a.connect(x, y, within)
			}
		}
	}
}

// derive looks at the query of a derived table. If it is transparent, what the
// query around it says of its columns is true of the columns they come from:
// no row of it depends on other rows.
func (a *analyzer) derive(d *source, n ast.Node, parent *scope, named bool) {
	sc := a.query(n, parent, d.scope.depth+1, d.scope.arm)
	s, ok := n.(*ast.SelectStmt)
	if !ok || sc == nil || !named || len(sc.sources) != 1 || s.Limit != nil || s.GroupBy != nil ||
		s.Having != nil || len(s.WindowSpecs) > 0 || s.Fields == nil {
		return
	}
	if s.SelectStmtOpts != nil && s.SelectStmtOpts.CalcFoundRows {
		return
	}
	d.derived = make(map[string]colRef)
	for _, f := range s.Fields.Fields {
		switch e := f.Expr.(type) {
		case nil:
			d.wild = sc.sources[0]
		case *ast.ColumnNameExpr:
			name := e.Name.Name.L
			if f.AsName.L != "" {
				name = f.AsName.L
			}
			if ref, ok := sc.column(e.Name); ok && ref.own {
				d.derived[name] = ref
			}
		case ast.ValueExpr:
		default:
			// Any aggregate makes one row of all.
			d.derived, d.wild = nil, nil
			return
		}
	}
}

// nested looks at the subqueries in an expression.
func (a *analyzer) nested(sc *scope, n ast.Node) {
	n.Accept(&subqueries{a: a, sc: sc})
}

// subqueries is a visitor that finds subqueries.
type subqueries struct {
	a  *analyzer
	sc *scope
}

// Enter looks at n if it is a subquery, whose inside it then leaves alone.
func (v *subqueries) Enter(n ast.Node) (ast.Node, bool) {
	switch x := n.(type) {
	case *ast.SubqueryExpr:
		inner := v.a.query(x.Query, v.sc, v.sc.depth+1, v.sc.arm)
		if v.a.inner == nil {
			v.a.inner = make(map[ast.ExprNode]*scope)
		}
		v.a.inner[x] = inner
		return n, true
	case *ast.TableNameExpr: // NEXT VALUE FOR
		v.a.table(x.Name.Schema.O, x.Name.Name.O, "", nil)
		return n, true
	}
	return n, false
}

// Leave does nothing.
func (v *subqueries) Leave(n ast.Node) (ast.Node, bool) { return n, true }

// settle finds the keys of all sources.
func (a *analyzer) settle() {
	for _, s := range a.tables {
		s.keys = s.column(identityKey)
	}
	for changed := true; changed; {
		changed = false
		for _, e := range a.edges {
			if e.to.ours() && e.to.keys == nil && e.from.keys != nil {
				e.to.keys = e.from.keys
				changed = true
			}
		}
	}
}

// column returns the fewest values that a column of s must have one of.
func (s *source) column(id identity) (vals []Value) {
	for _, r := range s.known {
		if r.identity() == id && (vals == nil || len(r.vals) < len(vals)) {
			vals = r.vals
		}
	}
	return vals
}

// byOther returns the column other than the key that the conditions name, the
// surrogate if it is among them.
func (s *source) byOther() (col string, vals []Value) {
	if vals = s.column(identitySurrogate); vals != nil {
		return s.surrogateName(), vals
	}
	for _, r := range s.known {
		if r.identity() == identityNone && (vals == nil || len(r.vals) < len(vals)) {
			col, vals = r.col, r.vals
		}
	}
	return col, vals
}

// surrogateName returns the name of the surrogate in the session table, which
// is what a secondary table's column refers to.
func (s *source) surrogateName() string { return s.table.Surrogate }
