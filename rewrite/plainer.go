package rewrite

import (
	"strings"

	"github.com/pingcap/tidb/pkg/parser/ast"
)

// plainer returns the tokens without what the parser doesn't know, and the
// row alias of an INSERT with its columns.
func (a *analyzer) plainer() (toks []token, alias []string) {
	whole := a.toks
	defer func() { a.toks = whole }()
	a.cutReturning()
	a.cutLocking()
	a.cutLimit()
	alias = a.cutRowAlias()
	return a.castTypes(), alias
}

// cutReturning cuts INSERT | REPLACE | DELETE ... RETURNING.
func (a *analyzer) cutReturning() {
	switch a.word(0) {
	case "insert", "replace", "delete":
		if i := a.find(1, "returning"); i < len(a.toks) {
			a.toks = a.toks[:i:i]
			a.p.ResultSet = true
		}
	}
}

// cutLocking cuts what follows LOCK IN SHARE MODE.
func (a *analyzer) cutLocking() {
	for i := range a.toks {
		if a.are(i, "lock", "in", "share", "mode") {
			a.toks = a.toks[: i+4 : i+4]
			return
		}
	}
}

// cutLimit cuts LIMIT ... ROWS EXAMINED n and OFFSET ... FETCH, of a SELECT.
func (a *analyzer) cutLimit() {
	if a.p.Verb != VerbSelect {
		return
	}
	for i := range a.toks {
		switch {
		case a.are(i, "rows", "examined"):
			begin := i
			if a.is(i-1, "limit") {
				begin--
			}
			a.toks = append(a.toks[:begin:begin], a.toks[min(i+3, len(a.toks)):]...)
			return
		case a.is(i, "fetch") && (a.is(i+1, "first") || a.is(i+1, "next")):
			end := a.find(i, "only", "ties") + 1
			if a.is(i-3, "offset") {
				i -= 3
			}
			a.toks = append(a.toks[:i:i], a.toks[min(end, len(a.toks)):]...)
			return
		}
	}
}

// cutRowAlias cuts VALUES (...) AS new [(a, b)] and returns the names: those
// of the alias and its columns.
func (a *analyzer) cutRowAlias() (alias []string) {
	if !a.is(0, "insert") {
		return nil
	}
	dup := a.find(1, "on")
	i := a.find(1, "values", "value", "set")
	i = a.find(i, "as")
	if i >= dup || !a.are(dup, "on", "duplicate", "key") {
		return nil
	}
	for k := i + 1; k < dup; k++ {
		if name, ok := a.ident(k); ok {
			alias = append(alias, name)
		}
	}
	a.toks = append(a.toks[:i:i], a.toks[dup:]...)
	return alias
}

// rowAlias replaces the columns of a row alias by VALUES(column).
func rowAlias(n *ast.InsertStmt, alias []string) {
	if len(alias) == 0 {
		return
	}
	for _, s := range n.OnDuplicate {
		c, ok := unparen(s.Expr).(*ast.ColumnNameExpr)
		if !ok {
			continue
		}
		name := c.Name
		switch {
		case strings.EqualFold(name.Table.O, alias[0]) && len(alias) == 1:
		case name.Table.L == "" || strings.EqualFold(name.Table.O, alias[0]):
			at := -1
			for i, col := range alias[1:] {
				if strings.EqualFold(col, name.Name.O) {
					at = i
				}
			}
			if at < 0 || at >= len(n.Columns) {
				continue
			}
			name = n.Columns[at]
		default:
			continue
		}
		s.Expr = &ast.ValuesExpr{Column: &ast.ColumnNameExpr{Name: &ast.ColumnName{Name: name.Name}}}
	}
}

// castTypes returns the tokens with the types of CAST replaced that the parser
// doesn't know, and with VALUE(column) spelled VALUES(column). No number, no
// address and no time is a key, so that one type stands for all of these.
func (a *analyzer) castTypes() []token {
	var list []token
	dup := a.find(1, "duplicate")
	depth, casts := 0, []int(nil)
	for i := 0; i < len(a.toks); i++ {
		t := a.toks[i]
		switch {
		case a.op(i, "("):
			depth++
			if a.is(i-1, "cast") {
				casts = append(casts, depth)
			}
		case a.op(i, ")"):
			if n := len(casts); n > 0 && casts[n-1] == depth {
				casts = casts[:n-1]
			}
			depth--
		case a.is(i, "value") && a.op(i+1, "(") && i > dup:
			list = append(list, a.respell(t, "VALUES"))
			continue
		case a.is(i, "sounds") && a.is(i+1, "like"):
			continue
		case len(casts) > 0 && casts[len(casts)-1] == depth && a.is(i-1, "as"):
			switch a.word(i) {
			case "varchar":
				t = a.respell(t, "CHAR")
			case "int", "integer", "bigint", "inet4", "inet6", "uuid", "interval":
				t = a.respell(t, "SIGNED")
			}
		}
		list = append(list, t)
	}
	return list
}

// respell notes that a token is to be written as another word.
func (a *analyzer) respell(t token, word string) token {
	if a.spelled == nil {
		a.spelled = make(map[int32]string)
	}
	a.spelled[t.start] = word
	return t
}
