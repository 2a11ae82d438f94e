package rewrite

import (
	"fmt"
	"strconv"
	"strings"
	"sync"

	"github.com/pingcap/tidb/pkg/parser"
	"github.com/pingcap/tidb/pkg/parser/ast"
	"github.com/pingcap/tidb/pkg/parser/mysql"
	"github.com/pingcap/tidb/pkg/parser/test_driver"
)

// The parser never sees a client's literals. It reads a skeleton: the tokens
// of the statement, each literal replaced by a placeholder that says which it
// is, so that its cost does not depend on how much session data a statement
// carries, and so that no byte of it can confuse it.
//
//	INSERT INTO t (id, n) VALUES (_binary'x\'y', 7)
//	INSERT INTO t ( id , n ) VALUES ( '~0~' , 1000001 )
//
// What the parser checks but does not need to know (the names of collations
// and character sets) is replaced as well.

// maxName bounds the names of collations and character sets, in quotes.
const maxName = 66

// maxPooled bounds the skeletons whose parsers are kept: a parser holds on to
// what it read last.
const maxPooled = 64 << 10

// numberBase is what the placeholder of a number counts from.
const numberBase = 1_000_000

// parsers are parsers at rest; one is made in 20 µs.
var parsers = sync.Pool{New: func() any { return parser.New() }}

// parse parses the skeleton of toks. Offsets of the parameters in it are left
// in a.marks.
func (a *analyzer) parse(toks []token, quote bool) (stmt ast.StmtNode, err error) {
	text := a.skeleton(toks, quote)
	p := parsers.Get().(*parser.Parser)
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("parser: %v", r) // p is left to the garbage collector
		}
	}()
	p.SetSQLMode(a.sqlMode())
	stmts, _, err := p.ParseSQL(text)
	if err == nil && len(stmts) != 1 {
		err = fmt.Errorf("%d statements", len(stmts))
	}
	if err == nil {
		stmt = stmts[0]
	}
	if len(text) <= maxPooled {
		parsers.Put(p)
	}
	return stmt, err
}

// sqlMode is the client's mode as far as it is not already in the skeleton.
func (a *analyzer) sqlMode() (m mysql.SQLMode) {
	if a.mode&ModePipesAsConcat != 0 {
		m |= mysql.ModePipesAsConcat
	}
	if a.mode&ModeIgnoreSpace != 0 {
		m |= mysql.ModeIgnoreSpace
	}
	if a.mode&ModeHighNotPrecedence != 0 {
		m |= mysql.ModeHighNotPrecedence
	}
	return m
}

// skeleton writes what the parser reads. quote puts words in quotes that are
// reserved to the parser but may be names to a store.
func (a *analyzer) skeleton(toks []token, quote bool) string {
	var b strings.Builder
	a.marks = a.marks[:0]
	at := func(i int) string { // the word at i in lower case
		if i < 0 || i >= len(toks) || toks[i].kind != tokWord {
			return ""
		}
		return strings.ToLower(string(a.l.bytes(toks[i])))
	}
	isOp := func(i int, op string) bool {
		return i >= 0 && i < len(toks) && toks[i].kind == tokOp && string(a.l.bytes(toks[i])) == op
	}
	for i, t := range toks {
		text := ""
		if t.kind != tokString || t.end-t.start <= maxName { // no session data
			text = string(a.l.bytes(t))
		}
		if word, ok := a.spelled[t.start]; ok {
			text = word
		}
		if !(t.kind == tokOp && text == "(" && !t.spaced && i > 0 && toks[i-1].kind == tokWord) {
			b.WriteByte(' ')
		}
		if t.kind == tokWord || t.kind == tokQuotedIdent || t.kind == tokString {
			if s, ok := fixedName(at(i-2), at(i-1), text, isOp(i+1, ")")); ok {
				b.WriteString(s)
				continue
			}
		}
		switch t.kind {
		case tokIntroducer, tokHint, tokExecComment, tokExecCommentEnd:
		case tokWord:
			if isOp(i-1, ".") || !isASCII([]byte(text)) || quote && quotable[strings.ToLower(text)] && !isOp(i+1, "(") {
				text = "`" + text + "`"
			}
			b.WriteString(text)
		case tokQuotedIdent:
			name := string(a.l.name(nil, t))
			b.WriteString("`" + strings.ReplaceAll(name, "`", "``") + "`")
		case tokString:
			if at(i-1) == "escape" {
				b.WriteString("'|'") // the parser wants one character
				continue
			}
			placeholder(&b, t.lit)
		case tokHex, tokBit:
			placeholder(&b, t.lit)
		case tokNumber, tokDecimal:
			b.WriteString(strconv.Itoa(numberBase + int(t.lit)))
		case tokParam:
			for len(a.marks) <= int(t.lit) {
				a.marks = append(a.marks, -1)
			}
			a.marks[t.lit] = b.Len()
			b.WriteByte('?')
		case tokUserVar:
			b.WriteString("@v")
		default:
			if text == `\N` {
				text = "NULL"
			}
			b.WriteString(text)
		}
	}
	return b.String()
}

// placeholder writes what stands for the literal lit.
func placeholder(b *strings.Builder, lit int32) {
	b.WriteString("'~")
	b.WriteString(strconv.Itoa(int(lit)))
	b.WriteString("~'")
}

// fixedName replaces the names of collations and character sets by ones that
// the parser knows and that stand for what matters of them.
func fixedName(before, prev, text string, closes bool) (string, bool) {
	name := strings.ToLower(strings.Trim(text, "'\"`"))
	switch {
	case prev == "collate":
		if name == "binary" || strings.HasSuffix(name, "_bin") {
			return "utf8mb4_bin", true
		}
		return "utf8mb4_general_ci", true
	case prev == "using" && closes, // CONVERT(x USING name)
		prev == "charset" && before == "char", prev == "set" && before == "character":
		return "utf8mb4", true
	}
	return "", false
}

// quotable are words that are reserved to the parser and names to some store.
var quotable = words(`array cume_dist dense_rank empty except first_value function groups ilike
	intersect json_table lag last_value lateral lead member nth_value ntile of over percent_rank
	rank recursive row row_number rows system tablesample window stored virtual generated fetch
	until optimistic pessimistic region regions split topn ddl jobs job width batch placement
	policy cube tidb stats buckets samples`)

// literal returns the value that a literal of the parser's stands for.
func (a *analyzer) literal(e ast.ValueExpr) (v Value, ok bool) {
	switch x := e.GetValue().(type) {
	case nil:
		return Value{Null: true}, true
	case string:
		return a.placeholders(x)
	case int64:
		if mysql.HasIsBooleanFlag(e.GetType().GetFlag()) {
			return Value{}, false
		}
		return a.number(x)
	case uint64:
		return a.number(int64(x))
	}
	return Value{}, false
}

func (a *analyzer) number(n int64) (v Value, ok bool) {
	i := int(n - numberBase)
	if i < 0 || i >= len(a.l.literals) {
		return Value{}, false
	}
	p, ok := a.literalPart(i)
	return Value{Parts: []Part{p}}, ok
}

// placeholders reads '~3~', or '~3~~4~' for adjacent literals.
func (a *analyzer) placeholders(s string) (v Value, ok bool) {
	for s != "" {
		digits, rest, found := strings.Cut(strings.TrimPrefix(s, "~"), "~")
		i, err := strconv.Atoi(digits)
		if !found || err != nil || i < 0 || i >= len(a.l.literals) {
			return Value{}, false
		}
		p, ok := a.literalPart(i)
		if !ok {
			return Value{}, false
		}
		v.Parts = append(v.Parts, p)
		s = rest
	}
	return v, len(v.Parts) > 0
}

// param returns the value that a parameter marker of the parser's stands for.
func (a *analyzer) param(e *test_driver.ParamMarkerExpr) (v Value, ok bool) {
	for i, offset := range a.marks {
		if offset == e.Offset {
			return Value{Parts: []Part{{Source: SourceParam, Index: i}}}, true
		}
	}
	return Value{}, false
}
