package rewrite

import (
	"strings"

	"github.com/pingcap/tidb/pkg/parser/ast"
)

// data makes the plan of a statement that the parser reads.
func (a *analyzer) data() {
	a.verb()
	stmt, ok := a.understand()
	if ok {
		a.understood(stmt)
	}
	switch a.p.Verb {
	case VerbInsert, VerbReplace, VerbUpdate, VerbDelete:
		a.writesWithLock()
	}
}

// values makes the plan of VALUES (1, 2), (3, 4), which the parser knows in
// MySQL's form only: VALUES ROW(1, 2).
func (a *analyzer) values() {
	if a.is(1, "row") || a.find(1, "select", "table", "values") < len(a.toks) || a.subselects() {
		a.data()
		return
	}
	a.verb()
	if !a.locks() {
		a.p.Kind = KindAny
		a.p.Routines = a.storedFunctions()
	}
}

// subselects tells whether there is a subquery.
func (a *analyzer) subselects() bool {
	for i := range a.toks {
		if a.op(i, "(") && (a.is(i+1, "select") || a.is(i+1, "with") || a.is(i+1, "table")) {
			return true
		}
	}
	return false
}

// understood makes the plan of a statement as the parser has read it.
func (a *analyzer) understood(stmt ast.Node) {
	switch x := stmt.(type) {
	case *ast.SelectStmt, *ast.SetOprStmt:
		a.read(x)
	case *ast.InsertStmt:
		a.insert(x)
	case *ast.UpdateStmt:
		a.update(x)
	case *ast.DeleteStmt:
		a.delete(x)
	case *ast.DoStmt:
		sc := &scope{}
		for _, e := range x.Exprs {
			a.nested(sc, e)
		}
		a.readPlan(x)
		a.p.ResultSet = false
	default:
		a.refuse("statement not understood near '" + a.near(0) + "'")
	}
}

// verb sets the plan's verb, and with it whether there is a result set.
func (a *analyzer) verb() {
	i := 0
	for a.op(i, "(") {
		i++
	}
	if a.is(i, "with") {
		i = a.find(i, "select", "update", "delete", "insert", "replace")
	}
	switch a.word(i) {
	case "insert":
		a.p.Verb = VerbInsert
	case "replace":
		a.p.Verb = VerbReplace
	case "update":
		a.p.Verb = VerbUpdate
	case "delete":
		a.p.Verb = VerbDelete
	case "do":
	default:
		a.p.Verb = VerbSelect
		a.p.ResultSet = true
	}
}

// read makes the plan of a SELECT or UNION.
func (a *analyzer) read(n ast.Node) {
	a.query(n, nil, 0, 0)
	a.readPlan(n)
}

// readPlan makes the plan of a statement that writes no table.
func (a *analyzer) readPlan(n ast.Node) {
	if a.locks() {
		return
	}
	if s, ok := n.(*ast.SelectStmt); ok && s.SelectStmtOpts != nil && s.CalcFoundRows {
		a.pin("SQL_CALC_FOUND_ROWS")
	}
	first := a.firstOurs()
	switch {
	case first == nil && len(a.p.Others) > 0:
		a.p.Kind = KindOtherTable
		return
	case first == nil:
		a.p.Kind = KindAny
		if a.has(sourceMeta) {
			a.detail("schema metadata")
			_, a.p.Lists = a.listsSchema()
		} else {
			a.p.Routines = a.storedFunctions()
		}
		return
	}
	a.about(first)
	a.settle()
	if len(a.p.Others) > 0 {
		a.detail("joins other table")
	}
	forUpdate := a.forUpdate(n)
	if forUpdate {
		a.lockWaits()
		a.p.Shares = a.sharesLock()
	}
	if a.l.hints {
		a.hintedTime()
	}
	if a.readKeys() {
		a.p.Kind = KindRead
		if forUpdate {
			a.p.Kind = KindReadForUpdate
		}
		a.noteReads()
		return
	}
	a.p.Kind = KindScatterRead
	a.noteReads()
	a.p.Keys = nil
	a.scatter(first, forUpdate, n)
}

// readKeys sets the plan's keys. It returns false if some rows that the
// statement reads are not named by a key.
func (a *analyzer) readKeys() bool {
	arms := make(map[int][]Value)
	for _, s := range a.tables {
		if !s.ours() {
			continue
		}
		if s.keys == nil {
			return false
		}
		seen, ok := arms[s.arm]
		if !ok {
			arms[s.arm] = s.keys
			a.p.Keys = append(a.p.Keys, s.keys...)
			continue
		}
		if !a.sameKeys(seen, s.keys) {
			a.p.Keys = append(a.p.Keys, s.keys...)
		}
	}
	return true
}

// sameKeys tells whether two lists of keys are the same for certain.
func (a *analyzer) sameKeys(v, w []Value) bool {
	if len(v) != len(w) {
		return false
	}
	for i := range v {
		if !a.same(v[i], w[i]) {
			return false
		}
	}
	return true
}

// scatter completes the plan of a read without a known key.
func (a *analyzer) scatter(first *source, forUpdate bool, n ast.Node) {
	if col, vals := first.byOther(); vals != nil && first.depth == 0 {
		a.p.OtherColumn, a.p.OtherValues = col, vals
	}
	if !forUpdate {
		return
	}
	// The router finds the key of a record that its number names.
	for _, s := range a.tables {
		if s.ours() && (s != first || s.depth > 0) {
			a.refuse("a locking read without the key")
			return
		}
	}
	if first.kind == sourceSession && a.p.OtherColumn != "" && strings.EqualFold(a.p.OtherColumn, first.table.Surrogate) {
		a.p.Kind = KindReadForUpdate
		return
	}
	if s, ok := n.(*ast.SelectStmt); ok && first.kind == sourceSession && len(a.p.Others) == 0 &&
		s.GroupBy == nil && s.Having == nil && !s.Distinct && s.WindowSpecs == nil && s.SelectIntoOpt == nil {
		a.p.Kind = KindReadForUpdate
		a.p.OtherColumn, a.p.OtherValues = "", nil
		return
	}
	a.refuse("a locking read without the key")
}

// connected tells whether the rows of s belong to the records of another
// source, so that each store can join them.
func (a *analyzer) connected(s *source) bool {
	for _, e := range a.edges {
		if e.to == s || e.from == s {
			return true
		}
	}
	return false
}

// forUpdate tells whether a query locks what it reads.
func (a *analyzer) forUpdate(n ast.Node) bool {
	switch x := n.(type) {
	case *ast.SelectStmt:
		return x.LockInfo != nil && x.LockInfo.LockType != ast.SelectLockNone
	case *ast.SetOprStmt:
		return a.forUpdate(x.SelectList)
	case *ast.SetOprSelectList:
		for _, s := range x.Selects {
			if a.forUpdate(s) {
				return true
			}
		}
	}
	return false
}
