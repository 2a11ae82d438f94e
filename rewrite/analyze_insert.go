package rewrite

import (
	"strings"

	"github.com/pingcap/tidb/pkg/parser/ast"
)

// insert makes the plan of an INSERT or REPLACE.
func (a *analyzer) insert(n *ast.InsertStmt) {
	sc := &scope{}
	a.from(n.Table.TableRefs, sc)
	if len(sc.sources) != 1 {
		a.refuse("INSERT into several tables")
		return
	}
	t := sc.sources[0]
	for _, row := range n.Lists {
		for _, e := range row {
			a.nested(&scope{depth: 1}, e)
		}
	}
	for _, s := range n.OnDuplicate {
		a.nested(sc, s.Expr)
	}
	var fields *ast.SelectStmt
	if n.Select != nil {
		a.query(n.Select, nil, 1, 0)
		fields, _ = n.Select.(*ast.SelectStmt)
		a.p.SelectsFrom = fields == nil || fields.From != nil
	}
	a.settle()
	if !t.ours() {
		a.p.Kind = KindOtherTable
		if t.kind == sourceMeta {
			a.other(t.schema, t.name)
		}
		if a.firstOurs() != nil {
			a.gathers("INSERT into another table from a session table")
		}
		return
	}
	a.about(t)
	a.p.Kind = KindWrite
	if t.kind == sourceSecondary {
		a.detail("secondary table")
		a.p.Target = t.read()
	}
	if len(a.p.Others) > 0 {
		if t.kind == sourceSession && (n.Select != nil || len(n.Lists) == 1 && len(n.Lists[0]) > 0) {
			a.selectsRows()
		}
		a.refuse("INSERT from another table")
		return
	}
	columns, ok := a.columns(n, t)
	if !ok {
		a.uncacheable = true
		a.refuse("INSERT without a column list")
		return
	}
	switch {
	case n.Select == nil:
		a.insertRows(t, columns, n.Lists)
	case fields != nil && fields.Kind == ast.SelectStmtKindValues: // VALUES ROW(...)
		var rows [][]ast.ExprNode
		for _, row := range fields.Lists {
			rows = append(rows, row.Values)
		}
		a.insertRows(t, columns, rows)
	default:
		a.insertSelect(t, columns, fields)
	}
	a.insertSources(t, n.Select != nil)
	a.onDuplicate(sc, t, n)
}

// columns returns the columns that an INSERT fills, in lower case.
func (a *analyzer) columns(n *ast.InsertStmt, t *source) (list []string, ok bool) {
	if len(n.Columns) > 0 || n.Setlist {
		for _, c := range n.Columns {
			list = append(list, c.Name.L)
		}
		return list, true
	}
	if len(n.Lists) > 0 && len(n.Lists[0]) == 0 { // VALUES ()
		return nil, true
	}
	if t.kind != sourceSession {
		return nil, false
	}
	list = t.table.Columns
	if len(list) == 0 && a.o.Columns != nil {
		schema := t.schema
		if schema == "" {
			schema = a.db
		}
		if list, ok = a.o.Columns(t.table, schema); !ok {
			return nil, false
		}
	}
	lower := make([]string, len(list))
	for i, c := range list {
		lower[i] = strings.ToLower(c)
	}
	return lower, len(lower) > 0
}

// keyColumn returns which of the columns holds what rows of t are found by,
// and which holds the surrogate; -1 for none.
func (s *source) keyColumn(columns []string) (key, surrogate int) {
	key, surrogate = -1, -1
	for i, c := range columns {
		switch (colRef{src: s, col: c}).identity() {
		case identityKey:
			key = i
		case identitySurrogate:
			surrogate = i
		}
	}
	return key, surrogate
}

// RefuseValueCount is Plan.Refuse of an INSERT whose row number Plan.Rows has
// not as many values as there are columns, which each store would refuse.
const RefuseValueCount = "INSERT whose lists differ in length"

// insertRows finds the keys of VALUES lists.
func (a *analyzer) insertRows(t *source, columns []string, rows [][]ast.ExprNode) {
	key, surrogate := t.keyColumn(columns)
	a.p.Rows = len(rows)
	for i, row := range rows {
		if len(row) != 0 && len(row) != len(columns) {
			a.p.Rows = i + 1
			a.refuse(RefuseValueCount)
			return
		}
		if len(row) == 0 {
			a.insertKey(t, nil, nil, -1, -1)
		} else {
			a.insertKey(t, row, columns, key, surrogate)
		}
	}
}

// insertKey adds the key of one row to the plan.
func (a *analyzer) insertKey(t *source, row []ast.ExprNode, columns []string, key, surrogate int) {
	if t.kind == sourceSecondary && key < 0 {
		a.insertSecondary(t, row, surrogate)
		return
	}
	if surrogate >= 0 {
		v, ok := a.inserted(row[surrogate])
		if !ok {
			a.refuse("INSERT of a computed " + columns[surrogate])
			return
		}
		a.p.Surrogates = append(a.p.Surrogates, v)
	}
	if key < 0 {
		a.auto()
		return
	}
	v, ok := a.inserted(row[key])
	switch {
	case !ok:
		a.computedKey(t, row[key], key)
	case v.Null:
		a.auto()
		if _, isDefault := unparen(row[key]).(*ast.DefaultExpr); !isDefault {
			a.p.Keys[len(a.p.Keys)-1] = writtenNull
		}
	default:
		a.p.Keys = append(a.p.Keys, v)
	}
}

// inserted returns the value that a row gives to a column; NULL stands for
// DEFAULT as well.
func (a *analyzer) inserted(e ast.ExprNode) (v Value, ok bool) {
	if _, isDefault := unparen(e).(*ast.DefaultExpr); isDefault {
		return Value{Null: true}, true
	}
	if v, ok = a.numeral(e); ok {
		return v, true
	}
	return a.assigned(e, true)
}

// writtenNull is a key that is written NULL, and not merely left out.
var writtenNull = Value{Null: true, Parts: []Part{{Source: SourceConst, Const: []byte("NULL")}}}

// IsWrittenNull tells whether v is the literal NULL.
func (v Value) IsWrittenNull() bool { return v.Null && len(v.Parts) > 0 }

// auto notes a key that the store would number.
func (a *analyzer) auto() {
	a.p.Keys = append(a.p.Keys, Value{Null: true})
	if a.p.Detail != "AUTO" {
		a.detail("AUTO")
	}
}

// insertSecondary notes the record that a row of a secondary table belongs to.
func (a *analyzer) insertSecondary(t *source, row []ast.ExprNode, surrogate int) {
	if surrogate < 0 {
		a.refuse("INSERT into " + t.name + " without " + t.secondary.Column)
		return
	}
	v, ok := a.inserted(row[surrogate])
	if !ok || v.Null {
		a.refuse("INSERT of a computed " + t.secondary.Column)
		return
	}
	a.p.Kind = KindWriteByOther
	a.p.OtherColumn = t.surrogateName()
	a.p.OtherValues = append(a.p.OtherValues, v)
}

// insertSelect finds the key of INSERT ... SELECT: a value in its list, or the
// record that rows of a secondary table are taken from.
func (a *analyzer) insertSelect(t *source, columns []string, s *ast.SelectStmt) {
	row := selected(s)
	key, surrogate := t.keyColumn(columns)
	if len(row) > 0 && len(row) != len(columns) && s.Fields.Fields[0].WildCard == nil {
		a.p.Rows = 1
		a.refuse(RefuseValueCount)
		return
	}
	if (len(row) == 0 || len(row) != len(columns)) && t.kind == sourceSession {
		a.selectsRows()
		return
	}
	if len(row) == 0 || len(row) != len(columns) {
		a.refuse("INSERT ... SELECT")
		return
	}
	linked := key
	if linked < 0 {
		linked = surrogate
	}
	if t.kind == sourceSecondary && linked >= 0 {
		if keys := a.selectedFrom(t, row[linked]); keys != nil {
			a.p.Keys = keys
			return
		}
	}
	if key >= 0 && (surrogate < 0 || t.kind != sourceSession) {
		if v, ok := a.inserted(row[key]); ok && !v.Null {
			if surrogate >= 0 {
				a.refuse("INSERT ... SELECT of " + columns[surrogate])
				return
			}
			a.p.Keys = []Value{v}
			return
		} else if ok && surrogate < 0 {
			a.p.Keys = []Value{writtenNull}
			return
		}
		if keys := a.selectedKey(t, row[key]); keys != nil {
			a.p.Keys = keys
			return
		}
	}
	if t.kind == sourceSession {
		a.selectsRows()
		return
	}
	a.refuse("INSERT ... SELECT")
}

// selectedKey returns the key of the one record of t's table that a SELECT reads,
// if e is its key column.
func (a *analyzer) selectedKey(t *source, e ast.ExprNode) []Value {
	c, ok := unparen(e).(*ast.ColumnNameExpr)
	if !ok || t.kind != sourceSession || len(a.tables) != 2 {
		return nil
	}
	for _, s := range a.tables {
		if s == t || s.kind != sourceSession || s.table != t.table || s.scope == nil || len(s.keys) != 1 {
			continue
		}
		if ref, ok := s.scope.column(c.Name); ok && ref.src == s && ref.identity() == identityKey {
			return s.keys
		}
	}
	return nil
}

// selected returns the list of a SELECT, or that of the SELECT without a table
// from which it takes all columns; nil if there are other columns.
func selected(s *ast.SelectStmt) (row []ast.ExprNode) {
	if s == nil || s.Fields == nil {
		return nil
	}
	for _, f := range s.Fields.Fields {
		if f.Expr == nil {
			return selectedAll(s)
		}
		row = append(row, f.Expr)
	}
	return row
}

// selectedAll returns the list of the SELECT in SELECT * FROM (SELECT ...).
func selectedAll(s *ast.SelectStmt) []ast.ExprNode {
	if len(s.Fields.Fields) != 1 || s.From == nil || s.From.TableRefs == nil || s.From.TableRefs.Right != nil {
		return nil
	}
	t, ok := s.From.TableRefs.Left.(*ast.TableSource)
	if !ok {
		return nil
	}
	inner, ok := t.Source.(*ast.SelectStmt)
	if !ok || inner.From != nil {
		return nil
	}
	return selected(inner)
}

// selectedFrom returns the key of the record whose key or surrogate e is.
func (a *analyzer) selectedFrom(t *source, e ast.ExprNode) []Value {
	c, ok := unparen(e).(*ast.ColumnNameExpr)
	if !ok {
		return nil
	}
	for _, s := range a.tables {
		if s == t || s.scope == nil || len(s.keys) != 1 {
			continue
		}
		ref, ok := s.scope.column(c.Name)
		if ok && ref.src == s && ref.identity() == t.secondary.identity(t.table) {
			return s.keys
		}
	}
	return nil
}

// insertSources checks that all records that an INSERT reads are its own.
func (a *analyzer) insertSources(t *source, selects bool) {
	if a.p.Selects {
		return
	}
	for _, s := range a.tables {
		if s == t || !s.ours() {
			continue
		}
		if len(a.p.Keys) == 1 && s.keys != nil && a.sameKeys(a.p.Keys, s.keys) {
			continue
		}
		if a.p.CopiesFrom != nil || a.p.Kind != KindWrite || t.kind != sourceSession || s.kind != sourceSession ||
			s.table != t.table || len(a.p.Keys) != 1 || len(s.keys) != 1 || len(a.tables) != 2 {
			if t.kind == sourceSession && selects {
				a.selectsRows()
				return
			}
			a.refuse("INSERT from other records of a session table")
			return
		}
		a.p.CopiesFrom = s.keys
	}
}

// onDuplicate checks that ON DUPLICATE KEY UPDATE leaves the key alone.
func (a *analyzer) onDuplicate(sc *scope, t *source, n *ast.InsertStmt) {
	for _, s := range n.OnDuplicate {
		ref := colRef{src: t, col: s.Column.Name.L, own: true}
		id := ref.identity()
		if id == identityNone || a.keepsColumn(sc, ref, s.Expr) {
			continue
		}
		switch x := unparen(s.Expr).(type) {
		case *ast.ValuesExpr: // VALUES(column)
			if x.Column != nil && x.Column.Name.Name.L == ref.col {
				continue
			}
		case *ast.FuncCallExpr: // id = LAST_INSERT_ID(id)
			if x.FnName.L == "last_insert_id" && len(x.Args) == 1 && a.keepsColumn(sc, ref, x.Args[0]) {
				continue
			}
		}
		v, ok := a.value(s.Expr, true)
		if id == identityKey && ok && len(a.p.Keys) == 1 && a.same(v, a.p.Keys[0]) {
			continue
		}
		if id == identitySurrogate && ok && len(a.p.Surrogates) == 1 && a.same(v, a.p.Surrogates[0]) {
			continue
		}
		column := "key column"
		if id == identitySurrogate {
			column = "column " + s.Column.Name.O
		}
		a.refuse("ON DUPLICATE KEY UPDATE of the " + column)
	}
}
