package rewrite

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
)

var tokenNames = [...]string{
	tokNone: "none", tokWord: "word", tokQuotedIdent: "ident", tokIntroducer: "intro",
	tokString: "str", tokNumber: "num", tokDecimal: "dec", tokHex: "hex", tokBit: "bit",
	tokParam: "param", tokUserVar: "uservar", tokSysVar: "sysvar", tokOp: "op", tokHint: "hint",
	tokExecComment: "exec", tokExecCommentEnd: "execend",
}

// dump prints tokens as kind:text, and an error behind them.
func dump(l *lexed) string {
	var b strings.Builder
	for i, t := range l.tokens {
		if i > 0 {
			b.WriteByte(' ')
		}
		fmt.Fprintf(&b, "%s:%s", tokenNames[t.kind], l.bytes(t))
		if t.kind == tokExecComment && t.lit > 0 {
			fmt.Fprintf(&b, "(%d)", t.lit)
		}
	}
	if l.err != "" {
		fmt.Fprintf(&b, " ERR %s", l.err)
	}
	if l.multi {
		b.WriteString(" MULTI")
	}
	if l.wideWord {
		b.WriteString(" WIDE")
	}
	return strings.TrimSpace(b.String())
}

func TestLex(t *testing.T) {
	for _, c := range []struct {
		name, sql string
		mode      Mode
		want      string
	}{
		{"plain", "SELECT data FROM t WHERE id = 'abc'", 0, "word:SELECT word:data word:FROM word:t word:WHERE word:id op:= str:'abc'"},
		{"no blanks", "a=1,b='x'", 0, "word:a op:= num:1 op:, word:b op:= str:'x'"},
		{"doubled quote", `'a''b' "a""b"`, 0, `str:'a''b' str:"a""b"`},
		{"escaped quote", `'a\'b' 'c'`, 0, `str:'a\'b' str:'c'`},
		{"escaped backslash", `'a\\' 'c'`, 0, `str:'a\\' str:'c'`},
		{"three backslashes", `'a\\\' b' 'c'`, 0, `str:'a\\\' b' str:'c'`},
		{"no escapes", `'a\' 'c'`, ModeNoBackslashEscapes, `str:'a\' str:'c'`},
		{"adjacent", "'a' 'b''c'", 0, "str:'a' str:'b''c'"},
		{"empty string", "''", 0, "str:''"},
		{"ansi quotes", `"id" = 'x"'`, ModeANSIQuotes, `ident:"id" op:= str:'x"'`},
		{"ansi doubled", `"i""d\"`, ModeANSIQuotes, `ident:"i""d\"`},
		{"backtick", "`a``b`.`c`", 0, "ident:`a``b` op:. ident:`c`"},
		{"unterminated string", "SELECT 'abc", 0, "word:SELECT ERR unterminated string"},
		{"unterminated by escape", `SELECT 'abc\'`, 0, "word:SELECT ERR unterminated string"},
		{"unterminated escape", `SELECT 'abc\`, 0, "word:SELECT ERR unterminated string"},
		{"unterminated ident", "SELECT `abc", 0, "word:SELECT ERR unterminated identifier"},
		{"unterminated comment", "SELECT 1 /* abc", 0, "word:SELECT num:1 ERR unterminated comment"},
		{"comment of one slash", "SELECT 1 /*/", 0, "word:SELECT num:1 ERR unterminated comment"},
		{"unterminated exec", "SELECT 1 /*! + 1", 0, "word:SELECT num:1 exec:/*! op:+ num:1 ERR unterminated comment"},
		{"national", "N'a' n'b' N 'c' xN'd'", 0, "str:N'a' str:n'b' word:N str:'c' word:xN str:'d'"},
		{"introducer", "_utf8mb4'a' _binary 'b' _nope'c' t._utf8", 0, "intro:_utf8mb4 str:'a' intro:_binary str:'b' word:_nope str:'c' word:t op:. word:_utf8"},
		{"hex", "x'4142' X'4a' 0x4142 0x1 0X41 x '1'", 0, "hex:x'4142' hex:X'4a' hex:0x4142 hex:0x1 word:0X41 word:x str:'1'"},
		{"hex empty", "x''", 0, "hex:x''"},
		{"hex odd", "x'414'", 0, "ERR malformed hexadecimal or bit literal"},
		{"hex bad", "x'4g'", 0, "ERR malformed hexadecimal or bit literal"},
		{"hex that is a name", "0x4g 0x", 0, "word:0x4g word:0x"},
		{"bits", "b'01' B'1' 0b01 0b2", 0, "bit:b'01' bit:B'1' bit:0b01 word:0b2"},
		{"bits bad", "b'012'", 0, "ERR malformed hexadecimal or bit literal"},
		{"numbers", "0 007 1.5 .5 1. 1e3 1E+3 1.5e-3 .5e1", 0, "num:0 num:007 dec:1.5 dec:.5 dec:1. dec:1e3 dec:1E+3 dec:1.5e-3 dec:.5e1"},
		{"number and word", "1.5abc 1e5abc 1a 1e 1e+", 0, "dec:1.5 word:abc dec:1e5 word:abc word:1a word:1e word:1e op:+"},
		{"bad exponent", "1.5e", 0, "ERR malformed number"},
		{"negative", "-1 +2", 0, "op:- num:1 op:+ num:2"},
		{"names after dots", "t.1e5 t.0x12 db.2.3 `t`.5 t .5 t.select", 0, "word:t op:. word:1e5 word:t op:. word:0x12 word:db op:. word:2 op:. word:3 ident:`t` dec:.5 word:t dec:.5 word:t op:. word:select"},
		{"strange names", "a$b $c 3d _x é", 0, "word:a$b word:$c word:3d word:_x word:é WIDE"},
		{"no blanks above ascii", "a\x85b \xa0", 0, "word:a\x85b word:\xa0 WIDE"},
		{"wide in a string only", "'\xa0' `é` /* é */", 0, "str:'\xa0' ident:`é`"},
		{"dash comment", "a -- b 'c\nd", 0, "word:a word:d"},
		{"dash comment at the end", "a --", 0, "word:a"},
		{"dash comment with tab", "a --\tx", 0, "word:a"},
		{"no dash comment", "a --b", 0, "word:a op:- op:- word:b"},
		{"no dash comment before string", "5--'1'", 0, "num:5 op:- op:- str:'1'"},
		{"hash comment", "a#b 'c\n#\nd", 0, "word:a word:d"},
		{"hash comment ends at newline only", "a # b\rc\nd", 0, "word:a word:d"},
		{"nul in a line comment", "a # b\x00\n c", 0, "word:a ERR control character outside quotes"},
		{"block comment", "a/* 'b */c/**/d /***/ e", 0, "word:a word:c word:d word:e"},
		{"exec comment", "a /*!50001 , 'b' */ c", 0, "word:a exec:/*!50001(50001) op:, str:'b' execend:*/ word:c"},
		{"exec comment forms", "/*!x*/ /*M! y */ /*M!100100z*/ /*!100100*/ /*!5 z*/ /*!5000012*/", 0, "exec:/*! word:x execend:*/ exec:/*M! word:y execend:*/ exec:/*M!100100(100100) word:z execend:*/ exec:/*!100100(100100) execend:*/ exec:/*! num:5 word:z execend:*/ exec:/*!500001(500001) num:2 execend:*/"},
		{"mary is no monty", "/*m! y */ /*M y */ a", 0, "word:a"},
		{"star slash in exec", "/*! a*b */ 1*2 */", 0, "exec:/*! word:a op:* word:b execend:*/ num:1 op:* num:2 op:* op:/"},
		{"comment in exec", "/*! a /* b */ c */ d", 0, "exec:/*! word:a word:c execend:*/ word:d"},
		{"exec in exec", "/*! a /*! b */ */", 0, "exec:/*! word:a ERR nested executable comment"},
		{"hint in exec", "/*! SELECT /*+ b */ */", 0, "exec:/*! word:SELECT ERR nested executable comment"},
		{"string that ends an exec", "/*! 'a */ b' */", 0, "exec:/*! ERR comment sign inside quotes in an executable comment"},
		{"ident that ends an exec", "/*! `a */ b` */", 0, "exec:/*! ERR comment sign inside quotes in an executable comment"},
		{"variable that ends an exec", "/*! @'a */ b' */", 0, "exec:/*! ERR comment sign inside quotes in an executable comment"},
		{"line comment that ends an exec", "/*! # a */\n */", 0, "exec:/*! ERR comment sign inside quotes in an executable comment"},
		{"semicolon in exec", "/*! a; b */", 0, "exec:/*! word:a ERR semicolon in an executable comment"},
		{"hint", "SELECT /*+ MAX_EXECUTION_TIME(5) */ 1", 0, "word:SELECT hint:/*+ MAX_EXECUTION_TIME(5) */ num:1"},
		{"hint with quotes", "SELECT /*+ INDEX(`a` \"b\") */ 1", 0, "word:SELECT hint:/*+ INDEX(`a` \"b\") */ num:1"},
		{"hint with a sign in quotes", "SELECT /*+ INDEX(`a */ `) */ 1", 0, "word:SELECT ERR comment sign inside quotes in a hint"},
		{"operators", "a:=b<=>c<>d!=e<=f>=g||h&&i<<j>>k->l->>m", 0, "word:a op::= word:b op:<=> word:c op:<> word:d op:!= word:e op:<= word:f op:>= word:g op:|| word:h op:&& word:i op:<< word:j op:>> word:k op:-> word:l op:->> word:m"},
		{"null", `\N`, 0, `op:\N`},
		{"params", "?,? '?' `?` /*?*/ --?", 0, "param:? op:, param:? str:'?' ident:`?` op:- op:- param:?"},
		{"user variables", "@a @`b c` @'d\\'e' @\"f\" @a.b @", 0, "uservar:@a uservar:@`b c` uservar:@'d\\'e' uservar:@\"f\" uservar:@a.b uservar:@"},
		{"user variable, ansi", `@"f\"`, ModeANSIQuotes, `uservar:@"f\"`},
		{"account", "'u'@'h' u@h `u`@`h`", 0, "str:'u' uservar:@'h' word:u uservar:@h ident:`u` uservar:@`h`"},
		{"system variables", "@@a @@session.b @@`c` @@global.`d` @@a . b @@x.", 0, "sysvar:@@a sysvar:@@session.b sysvar:@@`c` sysvar:@@global.`d` sysvar:@@a op:. word:b sysvar:@@x op:."},
		{"system variable without a name", "@@ a", 0, "ERR malformed variable name"},
		{"control character", "a \x01 b", 0, "word:a ERR control character outside quotes"},
		{"nul", "a \x00", 0, "word:a ERR control character outside quotes"},
		{"nul in an identifier", "`a\x00`", 0, "ERR unterminated identifier"},
		{"nul in a string", "'a\x00'", 0, "str:'a\x00'"},
		{"semicolons at the end", "a ; ; -- x\n;", 0, "word:a"},
		{"only semicolons", " ; /* x */ ;", 0, ""},
		{"empty", "", 0, ""},
		{"two statements", "a; b 'c", 0, "word:a MULTI"},
		{"second in an exec comment", "a; /*! b */", 0, "word:a MULTI"},
		{"first empty", "; a", 0, "MULTI"},
		{"semicolon in a string", "'a;b' ; ", 0, "str:'a;b'"},
		{"unterminated comment behind", "a; /* x", 0, "word:a ERR unterminated comment"},
		{"procedure", "CREATE PROCEDURE p() BEGIN a; b; END", 0, "word:CREATE word:PROCEDURE word:p op:( op:) word:BEGIN word:a op:; word:b op:; word:END"},
		{"trigger with definer", "CREATE OR REPLACE DEFINER=`a`@`b` TRIGGER t x; y", 0, "word:CREATE word:OR word:REPLACE word:DEFINER op:= ident:`a` uservar:@`b` word:TRIGGER word:t word:x op:; word:y"},
		{"event with definer", "create definer = current_user() event e do a; b", 0, "word:create word:definer op:= word:current_user op:( op:) word:event word:e word:do word:a op:; word:b"},
		{"function", "CREATE DEFINER='a' @ 'b' AGGREGATE FUNCTION f; y", 0, "word:CREATE word:DEFINER op:= str:'a' uservar:@ str:'b' word:AGGREGATE word:FUNCTION word:f op:; word:y"},
		{"no routine", "CREATE TABLE event (a int); SELECT 1", 0, "word:CREATE word:TABLE word:event op:( word:a word:int op:) MULTI"},
		{"begin", "BEGIN; SELECT 1", 0, "word:BEGIN MULTI"},
		{"begin not atomic", "BEGIN NOT ATOMIC a; END", 0, "word:BEGIN word:NOT word:ATOMIC word:a op:; word:END"},
	} {
		t.Run(c.name, func(t *testing.T) {
			var l lexed
			lex(&l, []byte(c.sql), c.mode)
			if got := dump(&l); got != c.want {
				t.Errorf("lex(%q)\n got %s\nwant %s", c.sql, got, c.want)
			}
		})
	}
}

func TestLexLiterals(t *testing.T) {
	var l lexed
	text := []byte(`SELECT 'a', _utf8 x'41', N'b', 5 , ? , @a, "c\n"`)
	lex(&l, text, 0)
	var got []string
	for _, lit := range l.literals {
		got = append(got, fmt.Sprintf("%s %s %s %t", tokenNames[lit.kind],
			text[lit.introStart:lit.introEnd], text[lit.start:lit.end], lit.escaped))
	}
	want := []string{
		"str  'a' false", "hex _utf8 x'41' false", "str N 'b' false", "num  5 false",
		`str  "c\n" true`,
	}
	if fmt.Sprint(got) != fmt.Sprint(want) {
		t.Errorf("literals = %q, want %q", got, want)
	}
	if l.params != 1 {
		t.Errorf("params = %d, want 1", l.params)
	}
	for i, tok := range l.tokens {
		if tok.lit >= 0 && tok.kind != tokParam && l.literals[tok.lit].end != tok.end {
			t.Errorf("token %d refers to literal %d, which ends elsewhere", i, tok.lit)
		}
	}
}

func TestNames(t *testing.T) {
	for sql, want := range map[string]string{
		"abc": "abc", "`a``b\\`": "a`b\\", "``": "", "@a.b": "a.b", "@`x``y`": "x`y", `@'x\'y'`: "x'y", "@": "",
	} {
		var l lexed
		lex(&l, []byte(sql), 0)
		got := ""
		if l.tokens[0].kind == tokUserVar {
			got = string(l.varName(nil, l.tokens[0]))
		} else {
			got = string(l.name(nil, l.tokens[0]))
		}
		if got != want {
			t.Errorf("name of %q = %q, want %q", sql, got, want)
		}
	}
}

// shapeOf returns the shape with digits for the marks of literals.
func shapeOf(sql string, mode Mode) string {
	var l lexed
	lex(&l, []byte(sql), mode)
	return strings.NewReplacer("\x01", "$s", "\x02", "$n", "\x03", "$d", "\x04", "$x", "\x05", "$b", "\x06", "$N").
		Replace(string(l.shape))
}

func TestShape(t *testing.T) {
	for _, c := range []struct{ name, sql, want string }{
		{"literals", "SELECT 'a', \"b\", 1, 1.5, x'41', b'1', N'x', _utf8'y', ?", "SELECT $s, $s, $n, $d, $x, $b, $N, _utf8$s, ?"},
		{"blanks", " \t SELECT\n\n  1  ,\r\n2 ", "SELECT $n , $n"},
		{"one blank", "SELECT 1 , 'a' FROM t", "SELECT $n , $s FROM t"},
		{"tabs count as blanks", "a\tb", "a b"},
		{"caller comments", "SELECT /* Foo::bar 127.0.0.1 */ a /* x */ /* y */ FROM b /* z */", "SELECT a FROM b"},
		{"comment as the only blank", "a/* x */b", "a b"},
		{"comment beside a blank", "a/* x */ b", "a b"},
		{"leading comment", "/* x */ a", "a"},
		{"line comments", "-- x\na -- y\nb # z", "a b"},
		{"blank before a parenthesis", "COUNT (*) COUNT(*)", "COUNT (*) COUNT(*)"},
		{"minus", "a - -1", "a - -$n"},
		{"semicolons", "SELECT 1 ; ; ", "SELECT $n"},
		{"hint", "SELECT /*+ A(1) */ 'x'", "SELECT /*+ A(1) */ $s"},
		{"exec comment", "a /*!40101  'x', 1 */ 'y'", "a /*!40101 'x', 1 */ $s"},
		{"set", "SET  a = 'x', b=1", "SET a = 'x', b=1"},
		{"set in lower case", "set names 'utf8'", "set names 'utf8'"},
		{"user variable", "SELECT @'x', @y", "SELECT @'x', @y"},
		{"marks in identifiers", "`\x01`", "`$s`"},
	} {
		t.Run(c.name, func(t *testing.T) {
			if got := shapeOf(c.sql, 0); got != c.want {
				t.Errorf("shape of %q = %q, want %q", c.sql, got, c.want)
			}
		})
	}
}

func TestShapeIsBounded(t *testing.T) {
	var l lexed
	lex(&l, []byte("INSERT INTO t VALUES "+strings.Repeat("(1),", 100_000)), 0)
	if !l.long || len(l.shape) > maxShape || cap(l.shape) > 4*maxShape {
		t.Errorf("long = %t, len(shape) = %d, cap %d", l.long, len(l.shape), cap(l.shape))
	}
	if len(l.literals) != 100_000 {
		t.Errorf("%d literals, want all", len(l.literals))
	}
	lex(&l, []byte("SET a = '"+strings.Repeat("x", 100_000)+"'"), 0)
	if !l.long || len(l.shape) > maxShape {
		t.Errorf("SET: long = %t, len(shape) = %d", l.long, len(l.shape))
	}
}

// checkLexed holds the lexer to its promises about spans.
func checkLexed(t *testing.T, l *lexed) {
	t.Helper()
	end, lits, params := int32(0), int32(0), 0
	for i, tok := range l.tokens {
		if tok.start < end || tok.end <= tok.start || int(tok.end) > len(l.text) {
			t.Fatalf("%q: token %d is [%d, %d) after %d", l.text, i, tok.start, tok.end, end)
		}
		if spaced := tok.start != end; spaced != tok.spaced {
			t.Fatalf("%q: token %d: spaced = %t", l.text, i, tok.spaced)
		}
		checkGap(t, l, end, tok.start)
		end = tok.end
		switch tok.kind {
		case tokString, tokNumber, tokDecimal, tokHex, tokBit:
			lit := l.literals[lits]
			if tok.lit != lits || lit.end != tok.end || lit.start < tok.start || lit.end <= lit.start ||
				lit.introStart > lit.introEnd || lit.introEnd > lit.start {
				t.Fatalf("%q: token %d has literal %+v", l.text, i, lit)
			}
			lits++
			l.literalBytes(nil, int(tok.lit))
		case tokParam:
			if int(tok.lit) != params {
				t.Fatalf("%q: parameter %d is number %d", l.text, params, tok.lit)
			}
			params++
		}
	}
	if int(lits) != len(l.literals) || params != l.params {
		t.Fatalf("%q: %d of %d literals, %d of %d parameters", l.text, lits, len(l.literals), params, l.params)
	}
	if l.err == "" && !l.multi {
		checkGap(t, l, end, int32(l.semi))
	}
}

// checkGap holds what lies between tokens to be blanks and comments.
func checkGap(t *testing.T, l *lexed, start, end int32) {
	t.Helper()
	gap := l.text[start:end]
	for len(gap) > 0 {
		n := 1
		switch {
		case actions[gap[0]] == actBlank:
		case gap[0] == '#' || gap[0] == '-':
			if n = bytes.IndexByte(gap, '\n') + 1; n == 0 {
				n = len(gap)
			}
		case bytes.HasPrefix(gap, []byte("/*")):
			n = bytes.Index(gap[2:], []byte("*/")) + 4
		default:
			t.Fatalf("%q: %q lies between tokens", l.text, gap)
		}
		gap = gap[n:]
	}
}

func FuzzLex(f *testing.F) {
	for _, s := range []string{
		"SELECT data FROM t WHERE id = 'a''b\\'c' AND x = \"y\" -- z\nLIMIT 1;",
		"/*!50001 SET NAMES 'utf8' */ /*M! a */ /*+ b */ # c\n/* d */ 0x41 x'42' b'1' 0b1 1.5e3 .5",
		"N'a' _utf8mb4'b' @a @@session.b @`c` `d``e`.1e5 ? := <=> -> ->> || \\N",
		"CREATE DEFINER=a@b PROCEDURE p() BEGIN SELECT 1; END; SELECT 2",
		"a;;b; /* c */ ;",
	} {
		for mode := range Mode(4) {
			f.Add([]byte(s), byte(mode))
		}
	}
	f.Fuzz(func(t *testing.T, text []byte, m byte) {
		mode := Mode(m) & (ModeANSIQuotes | ModeNoBackslashEscapes)
		var l lexed
		lex(&l, text, mode)
		checkLexed(t, &l)
		checkSplit(t, text, mode)
		if l.err != "" || l.multi || l.long || l.wideWord || len(l.tokens) == 0 {
			return
		}
		// The shape says which tokens there are.
		if actions[l.shape[0]] == actBlank {
			t.Fatalf("%q: the shape %q begins with a blank", text, l.shape)
		}
	})
}

func checkSplit(t *testing.T, text []byte, mode Mode) {
	t.Helper()
	p := NewPlanner(Options{CacheSize: 8})
	pieces := p.Split(text, mode)
	joined := bytes.Join(pieces, []byte(";"))
	if !bytes.HasPrefix(text, joined) {
		t.Fatalf("Split(%q) = %q", text, pieces)
	}
	for i, piece := range pieces {
		var l lexed
		lex(&l, piece, mode)
		if l.multi {
			t.Fatalf("Split(%q): %q is several statements", text, piece)
		}
		if l.err != "" && i+1 < len(pieces) {
			t.Fatalf("Split(%q): %q: %s", text, piece, l.err)
		}
	}
}

func TestSplit(t *testing.T) {
	p := NewPlanner(Options{})
	for _, c := range []struct {
		sql  string
		want []string
	}{
		{"", []string{""}},
		{" ; ;", []string{""}},
		{"a", []string{"a"}},
		{"a;", []string{"a"}},
		{"a; b ;", []string{"a", " b"}},
		{"a;;b", []string{"a", "", "b"}},
		{"a 'x;y'; b `;` /* ; */ # ;\n; c -- ;", []string{"a 'x;y'", " b `;` /* ; */ # ;\n", " c --"}},
		{"a; b 'c; d", []string{"a", " b 'c; d"}},
		{"a; CREATE TRIGGER t BEGIN b; c; END; d", []string{"a", " CREATE TRIGGER t BEGIN b; c; END; d"}},
		{"a; /* c */ ; /* d */", []string{"a", " /* c */ ", " /* d */"}},
		{"a; /* c */ ;", []string{"a", " /* c */"}},
		{"a -- c", []string{"a -- c"}},
	} {
		var got []string
		for _, piece := range p.Split([]byte(c.sql), 0) {
			got = append(got, string(piece))
		}
		if fmt.Sprintf("%q", got) != fmt.Sprintf("%q", c.want) {
			t.Errorf("Split(%q) = %q, want %q", c.sql, got, c.want)
		}
	}
}

// TestShapesTellTokens makes statements from random pieces: those that share a
// shape must share their tokens but for what literals hold.
func TestShapesTellTokens(t *testing.T) {
	pieces := strings.Split("a|b|SET|select|'x'|'y\\'z'|\"q\"|1|22|1.5|x'41'|0x4a|b'1'|?|`i`|`\x01`|@v|@'w'|@@s.x|_utf8|_utf8mb4|N'n'|/*c*/|-- d\n|#e\n| |  |\t|.|,|(|)|=|<|>|-|--|+|*|/|!|:|&|&&|/*!|/*!50001|*/|/*+ h */|e5|t.1|N|x|b|\\N|$|0|0x", "|")
	rnd := rand.New(rand.NewPCG(1, 2))
	seen := map[string]string{}
	shared := 0
	for range 300_000 {
		var b strings.Builder
		for range 1 + rnd.IntN(5) {
			b.WriteString(pieces[rnd.IntN(len(pieces))])
		}
		mode := Mode(rnd.IntN(4))
		var l lexed
		lex(&l, []byte(b.String()), mode)
		if l.err != "" || l.multi {
			continue
		}
		var tokens strings.Builder
		exec := false
		for i, tok := range l.tokens {
			text := string(l.bytes(tok))
			switch tok.kind {
			case tokExecComment, tokExecCommentEnd:
				exec = !exec
			case tokString, tokNumber, tokDecimal, tokHex, tokBit:
				if !exec && !l.verbatim {
					text = text[:l.literals[tok.lit].start-tok.start]
				}
			}
			fmt.Fprintf(&tokens, "%s:%q:%t ", tokenNames[tok.kind], text, tok.spaced && i > 0)
		}
		key := fmt.Sprint(mode, string(l.shape))
		if old, ok := seen[key]; !ok {
			seen[key] = tokens.String()
		} else if old != tokens.String() {
			t.Fatalf("%q has shape %q and tokens %s, another has tokens %s", b.String(), l.shape, tokens.String(), old)
		} else {
			shared++
		}
	}
	if shared < 10_000 {
		t.Errorf("only %d shapes were shared", shared)
	}
}

// slowStringEnd is stringEnd as the manual tells it.
func slowStringEnd(text []byte, i int, backslash bool) (end int, escaped bool) {
	quote := text[i]
	for i++; i < len(text); i++ {
		switch {
		case backslash && text[i] == '\\':
			escaped = true
			i++
		case text[i] == quote && i+1 < len(text) && text[i+1] == quote:
			escaped = true
			i++
		case text[i] == quote:
			return i + 1, escaped
		}
	}
	return -1, escaped
}

// longString returns a string of some hundred bytes and what follows it.
func longString(rnd *rand.Rand, backslash bool, rest []byte) []byte {
	text, plain := []byte{'\''}, rnd.IntN(20)
	for length := rnd.IntN(400); len(text) < length; {
		piece := []string{"''", "''''", "\\'", "\\\\", "\\x", "\\\\\\'"}[rnd.IntN(6)]
		if piece[0] == '\\' && !backslash || rnd.IntN(20) < plain {
			piece = "x"
		}
		text = append(text, piece...)
	}
	return append(append(text, '\''), rest...)
}

func TestStringEnd(t *testing.T) {
	rnd := rand.New(rand.NewPCG(3, 4))
	for range 200_000 {
		text := make([]byte, 1+rnd.IntN(120))
		frequent := rnd.IntN(60)
		for i := range text {
			if text[i] = byte('\'' + rnd.IntN(2)); rnd.IntN(60) < frequent {
				text[i] = "'\\a\xa7\x26\x28\xdc\\"[rnd.IntN(8)]
			} else if rnd.IntN(3) > 0 {
				text[i] = 'x'
			}
		}
		text[0] = '\''
		backslash := rnd.IntN(2) == 0
		if rnd.IntN(2) == 0 { // a long one, which does not end at once
			text = longString(rnd, backslash, text)
		}
		end, escaped := stringEnd(text, 0, backslash)
		wantEnd, wantEscaped := slowStringEnd(text, 0, backslash)
		if end != wantEnd || escaped != wantEscaped {
			t.Fatalf("stringEnd(%q, %t) = %d, %t, want %d, %t", text, backslash, end, escaped, wantEnd, wantEscaped)
		}
	}
}
