package rewrite

import (
	"strings"

	"github.com/pingcap/tidb/pkg/parser/ast"
)

// What stores understand and the parser does not is rewritten for the parser,
// as far as it changes nothing of the route. What remains is read by its
// tokens, if these are certain, and refused if not.

// understand parses the statement. ok is false if the plan is made without the
// parser.
func (a *analyzer) understand() (stmt ast.StmtNode, ok bool) {
	if why := a.unsupported(); why != "" {
		a.refuse(why)
	}
	if a.depth() > maxDepth {
		a.refuse("a statement that nests too deeply")
		a.guess()
		return nil, false
	}
	a.intoVariables()
	stmt, err := a.parse(a.toks, false)
	if err == nil {
		return stmt, true
	}
	toks, aliases := a.plainer()
	for _, quote := range []bool{false, true} {
		if stmt, err2 := a.parse(toks, quote); err2 == nil {
			if i, ok := stmt.(*ast.InsertStmt); ok {
				rowAlias(i, aliases)
			}
			return stmt, true
		}
	}
	if a.p.Refuse == "" {
		a.simple(err)
	}
	return nil, false
}

// unsupported names a clause that no plan can do justice to.
func (a *analyzer) unsupported() string {
	for i := range a.toks {
		switch {
		case a.is(i, "into") && (a.is(i+1, "outfile") || a.is(i+1, "dumpfile")):
			return "SELECT ... INTO " + strings.ToUpper(a.word(i+1))
		case a.are(i, "procedure", "analyse") && a.op(i+2, "("):
			return "PROCEDURE ANALYSE"
		case a.are(i, "for", "system_time"):
			return "FOR SYSTEM_TIME"
		case a.are(i, "for", "portion", "of"):
			return "FOR PORTION OF"
		case a.are(i, "next", "value", "for"), a.are(i, "previous", "value", "for"):
			return strings.ToUpper(a.word(i)) + " VALUE FOR"
		case a.are(0, "delete", "history"):
			return "DELETE HISTORY"
		case (a.is(i, "nextval") || a.is(i, "lastval") || a.is(i, "setval")) && a.op(i+1, "("):
			return strings.ToUpper(a.word(i))
		}
	}
	return ""
}

// maxDepth bounds how deep the parser's tree may be. What walks it calls
// itself, and a stack that overflows takes the process with it.
const maxDepth = 10_000

// depth returns a bound for the depth of the parser's tree: of the parentheses
// open at any point, with the operators and joins that may nest in each.
// Commas separate what does not nest, but for those behind FROM.
func (a *analyzer) depth() int {
	type level struct {
		ops  int
		from bool
	}
	levels := []level{{}}
	sum, most := 0, 0
	for i, t := range a.toks {
		top := &levels[len(levels)-1]
		switch {
		case a.op(i, "("):
			levels = append(levels, level{})
			sum++
		case a.op(i, ")"):
			if len(levels) > 1 {
				sum -= top.ops + 1
				levels = levels[:len(levels)-1]
			}
		case a.op(i, ",") && !top.from:
			sum -= top.ops
			top.ops = 0
		case t.kind == tokOp && !a.op(i, "."), t.kind == tokWord && nestingWords[a.word(i)]:
			top.ops++
			sum++
			top.from = top.from || a.is(i, "from")
		}
		most = max(most, sum)
	}
	return most
}

// nestingWords are words that operators, joins and the like are made of.
var nestingWords = words(`and or xor not is in like rlike regexp between case when div mod binary
	collate interval escape sounds join straight_join union except intersect from select member
	match any all some exists with where`)

// intoVariables takes INTO @x, @y out of a SELECT.
func (a *analyzer) intoVariables() {
	for i := range a.toks {
		if !a.is(i, "into") || a.kind(i+1) != tokUserVar {
			continue
		}
		end := i + 2
		for a.op(end, ",") && a.kind(end+1) == tokUserVar {
			end += 2
		}
		a.toks = append(a.toks[:i:i], a.toks[end:]...)
		a.pin("user variable")
		a.p.ResultSet = false
		return
	}
}

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

// simple makes the plan of a statement that the parser doesn't understand, if
// its tokens are those of SELECT | UPDATE | DELETE ... WHERE key = value AND
// ..., and refuses it otherwise.
func (a *analyzer) simple(err error) {
	t, keys := a.simpleKey()
	if t == nil {
		a.refuse("statement not understood near '" + a.nearError(err) + "'")
		a.guess()
		return
	}
	a.about(t)
	a.p.Keys = keys
	a.p.Kind = KindWrite
	if a.p.Verb == VerbSelect {
		a.p.Kind = KindRead
		if i := a.find(1, "for", "lock"); i < len(a.toks) {
			a.p.Kind = KindReadForUpdate
		}
	}
}

// guess sets the kind of a statement that is refused anyway.
func (a *analyzer) guess() {
	switch a.p.Verb {
	case VerbSelect:
		a.p.Kind = KindScatterRead
	case VerbInsert, VerbReplace:
		a.p.Kind = KindWrite
	case VerbUpdate, VerbDelete:
		a.p.Kind = KindBroadcast
	}
}

// simpleKey finds the table and the key of a simple statement.
func (a *analyzer) simpleKey() (*source, []Value) {
	at := 1
	switch a.word(0) {
	case "select", "delete":
		at = a.find(1, "from") + 1
	case "update":
		for a.is(at, "low_priority") || a.is(at, "ignore") {
			at++
		}
	default:
		return nil, nil
	}
	schema, name, next := a.tableName(at)
	if next == at {
		return nil, nil
	}
	alias := ""
	if a.is(next, "as") {
		next++
	}
	if w := a.word(next); a.kind(next) == tokQuotedIdent || w != "" && w != "where" && w != "set" {
		alias, _ = a.ident(next)
		next++
	}
	where := a.find(next, "where")
	if a.is(0, "update") != a.is(next, "set") || !a.is(0, "update") && where != next {
		return nil, nil
	}
	t := a.table(schema, name, alias, &scope{})
	if t.kind != sourceSession || !a.onlySimple(t, next, where) {
		return nil, nil
	}
	end := a.find(where, "group", "having", "order", "limit", "for", "lock", "returning", "procedure", "window", "into")
	for i := where + 1; i < end; {
		and := min(a.find(i, "and"), end)
		if v, ok := a.simpleEquality(t, i, and); ok {
			return t, []Value{v}
		}
		i = and + 1
	}
	return nil, nil
}

// onlySimple tells whether no token says that there is more to the statement.
func (a *analyzer) onlySimple(t *source, set, where int) bool {
	for i := range a.toks {
		switch w := a.word(i); w {
		case "union", "except", "intersect", "join", "straight_join", "using":
			return false
		case "select":
			if i > 0 {
				return false
			}
		case "or", "xor", "not", "between", "case", "when":
			if i > where {
				return false
			}
		}
		if i > where && (a.op(i, "||") || a.op(i, "&&") || a.op(i, "!") || a.op(i, ":=")) {
			return false
		}
		// An assignment of the key.
		if i > set && i < where && (a.op(i, "=") || a.op(i, ":=")) {
			if name, ok := a.ident(i - 1); ok && strings.EqualFold(name, t.table.Key) {
				return false
			}
		}
	}
	return where < len(a.toks)
}

// simpleEquality reads key = value or value = key.
func (a *analyzer) simpleEquality(t *source, i, end int) (v Value, ok bool) {
	if next := a.keyAt(t, i); next > i && a.op(next, "=") {
		v, n := a.valueAt(next + 1)
		return v, n > 0 && next+1+n == end
	}
	if v, n := a.valueAt(i); n > 0 && a.op(i+n, "=") {
		next := a.keyAt(t, i+n+1)
		return v, next > i+n+1 && next == end
	}
	return Value{}, false
}

// keyAt returns the index behind the key column at i, i if there is another.
func (a *analyzer) keyAt(t *source, i int) int {
	qualifier, name, next := a.tableName(i)
	if next > i && strings.EqualFold(name, t.table.Key) &&
		(qualifier == "" || strings.EqualFold(qualifier, t.alias)) {
		return next
	}
	return i
}

// nearError returns the word at which the parser stopped.
func (a *analyzer) nearError(err error) string {
	_, rest, ok := strings.Cut(err.Error(), "near \"")
	if !ok {
		return a.near(0)
	}
	f := strings.FieldsFunc(rest, func(r rune) bool { return r <= ' ' || r == '"' })
	if len(f) == 0 {
		return "end"
	}
	word := strings.Trim(f[0], "`")
	switch {
	case strings.HasPrefix(word, "'~"), strings.HasPrefix(word, "100"):
		return "a literal"
	case len(word) > 32:
		return strings.ToValidUTF8(word[:32], "")
	}
	return word
}
