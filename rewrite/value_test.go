package rewrite

import (
	"bytes"
	"fmt"
	"testing"
)

// planned returns a statement whose values can be asked for without a plan.
func planned(text string, mode Mode) *Statement {
	var l lexed
	lex(&l, []byte(text), mode)
	return &Statement{Text: l.text, mode: mode, literals: l.literals}
}

func lit(i int) Part     { return Part{Source: SourceLiteral, Index: i} }
func num(i int) Part     { return Part{Source: SourceLiteral, Index: i, Numeric: true} }
func param(i int) Part   { return Part{Source: SourceParam, Index: i} }
func con(s string) Part  { return Part{Source: SourceConst, Const: []byte(s)} }
func of(p ...Part) Value { return Value{Parts: p} }

// testArgs holds strings, nil for NULL, and an error for what is no key.
type testArgs []any

func (a testArgs) Arg(i int) (text []byte, null, ok bool) {
	switch v := a[i].(type) {
	case string:
		return []byte(v), false, true
	case nil:
		return nil, true, true
	}
	return nil, false, false
}

func TestAppend(t *testing.T) {
	args := testArgs{"p'0", nil, 1.5, "7"}
	for _, c := range []struct {
		name, sql string
		mode      Mode
		value     Value
		want      string // "NULL", "?", or the quoted key
	}{
		{"string", "'abc'", 0, of(lit(0)), `"abc"`},
		{"empty", "''", 0, of(lit(0)), `""`},
		{"doubled quotes", `'a''b''' "c""'"`, 0, of(lit(0), lit(1)), `"a'b'c\"'"`},
		{"escapes", `'\0\'\"\b\n\r\t\Z\\\%\_\x'`, 0, of(lit(0)), `"\x00'\"\b\n\r\t\x1a\\\\%\\_x"`},
		{"escape before the end", `'a\\'`, 0, of(lit(0)), `"a\\"`},
		{"no backslash escapes", `'a\n''\'`, ModeNoBackslashEscapes, of(lit(0)), `"a\\n'\\"`},
		{"second literal", "'a' 'b'", 0, of(lit(1)), `"b"`},
		{"concatenation", "'a' 7 x'42'", 0, of(lit(0), con("-"), num(1), lit(2)), `"a-7B"`},
		{"integer", "7", 0, of(num(0)), `"7"`},
		{"leading zeros", "007", 0, of(num(0)), `"7"`},
		{"zero", "000", 0, of(num(0)), `"0"`},
		{"negative", "-07", 0, of(con("-"), num(0)), `"-7"`},
		{"negative zero", "-00", 0, of(con("-"), num(0)), `"0"`},
		{"no negative zero", "'0'", 0, of(con("-"), lit(0)), `"-0"`},
		{"large integer", "123456789012345678901234567890", 0, of(num(0)), `"123456789012345678901234567890"`},
		{"decimal", "7.0", 0, of(num(0)), "?"},
		{"float", "1e3", 0, of(num(0)), "?"},
		{"hex", "0x616263", 0, of(lit(0)), `"abc"`},
		{"hex, odd", "0x162", 0, of(lit(0)), `"\x01b"`},
		{"hex string", "X'4aFf'", 0, of(lit(0)), `"J\xff"`},
		{"hex, empty", "x''", 0, of(lit(0)), `""`},
		{"bits", "b'0100000101000010'", 0, of(lit(0)), `"AB"`},
		{"bits, short", "0b1", 0, of(lit(0)), `"\x01"`},
		{"bits, nine", "b'101000001'", 0, of(lit(0)), `"\x01A"`},
		{"bits, empty", "b''", 0, of(lit(0)), `""`},
		{"national", "N'a\\'b'", 0, of(lit(0)), `"a'b"`},
		{"utf8mb4", "_utf8mb4'\xc3\xa9'", 0, of(lit(0)), `"é"`},
		{"binary", "_BINARY '\xff'", 0, of(lit(0)), `"\xff"`},
		{"latin1, ascii", "_latin1'a'", 0, of(lit(0)), `"a"`},
		{"latin1", "_latin1'\xe9'", 0, of(lit(0)), "?"},
		{"utf16", "_utf16 0x0061", 0, of(lit(0)), "?"},
		{"ucs2", "_ucs2'a'", 0, of(lit(0)), "?"},
		{"utf32", "_utf32 x'00000061'", 0, of(lit(0)), "?"},
		{"param", "?", 0, of(param(0)), `"p'0"`},
		{"param within", "'a' ?", 0, of(lit(0), param(3)), `"a7"`},
		{"null param", "?", 0, of(con("x"), param(1)), "NULL"},
		{"param that is no key", "?", 0, of(con("x"), param(2)), "?"},
		{"null", "", 0, Value{Null: true}, "NULL"},
		{"nothing", "", 0, Value{}, "?"},
		{"constant", "", 0, of(con("")), `""`},
		{"no such literal", "'a'", 0, of(lit(1)), "?"},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := planned(c.sql, c.mode)
			key, null, ok := s.Append([]byte("dst"), c.value, args)
			got := fmt.Sprintf("%q", bytes.TrimPrefix(key, []byte("dst")))
			switch {
			case !bytes.HasPrefix(key, []byte("dst")):
				t.Fatalf("dst became %q", key)
			case !ok || null:
				if len(key) != 3 {
					t.Errorf("dst = %q, want it untouched", key)
				}
				if got = "?"; ok {
					got = "NULL"
				}
			}
			if got != c.want {
				t.Errorf("Append(%q) = %s, want %s", c.sql, got, c.want)
			}
		})
	}
	if _, null, ok := planned("?", 0).Append(nil, of(param(0)), nil); null || ok {
		t.Errorf("a parameter without arguments: %t, %t", null, ok)
	}
}

func TestNumber(t *testing.T) {
	for _, c := range []struct {
		sql   string
		value Value
		want  int64
		ok    bool
	}{
		{"10", of(num(0)), 10, true},
		{"-1", of(con("-"), num(0)), -1, true},
		{"'10'", of(lit(0)), 10, true},
		{"' 10 s'", of(lit(0)), 10, true},
		{"'+3'", of(lit(0)), 3, true},
		{"'-3.5'", of(lit(0)), -4, true},
		{"0.5", of(num(0)), 1, true},
		{"1e2", of(num(0)), 100, true},
		{"'1e'", of(lit(0)), 1, true},
		{"'.5'", of(lit(0)), 1, true},
		{"'x'", of(lit(0)), 0, false},
		{"''", of(lit(0)), 0, false},
		{"'.'", of(lit(0)), 0, false},
		{"'-'", of(lit(0)), 0, false},
		{"99999999999999999999", of(num(0)), 1<<63 - 1, true},
		{"'-1e999'", of(lit(0)), -1 << 63, true},
		{"?", of(param(0)), 7, true},
		{"?", of(param(1)), 0, false},
		{"", Value{Null: true}, 0, false},
		{"-1.5", of(con("-"), num(0)), -2, true},
	} {
		n, ok := planned(c.sql, 0).Number(c.value, testArgs{"7", nil})
		if n != c.want || ok != c.ok {
			t.Errorf("Number(%q) = %d, %t, want %d, %t", c.sql, n, ok, c.want, c.ok)
		}
	}
}

// escape quotes value as mysql_real_escape_string does.
func escape(value []byte, mode Mode) []byte {
	text := []byte{'\''}
	for _, c := range value {
		switch {
		case c == '\'' && mode&ModeNoBackslashEscapes != 0:
			text = append(text, '\'')
		case mode&ModeNoBackslashEscapes != 0:
		case c == 0:
			text, c = append(text, '\\'), '0'
		case c == '\n':
			text, c = append(text, '\\'), 'n'
		case c == '\r':
			text, c = append(text, '\\'), 'r'
		case c == 0x1a:
			text, c = append(text, '\\'), 'Z'
		case c == '\\' || c == '\'' || c == '"':
			text = append(text, '\\')
		}
		text = append(text, c)
	}
	return append(text, '\'')
}

func FuzzEscape(f *testing.F) {
	f.Add([]byte("abc"), false)
	f.Add([]byte("'\\\x00\n\r\x1a\"%_"), false)
	f.Add([]byte("'\\''"), true)
	f.Fuzz(func(t *testing.T, value []byte, plain bool) {
		mode := Mode(0)
		if plain {
			mode = ModeNoBackslashEscapes
		}
		text := append([]byte("UPDATE t SET a = "), escape(value, mode)...)
		text = append(text, ", b = 'z'"...)
		s := planned(string(text), mode)
		if len(s.literals) != 2 {
			t.Fatalf("%q has %d literals", text, len(s.literals))
		}
		for i, want := range []string{string(value), "z"} {
			got, null, ok := s.Append(nil, of(lit(i)), nil)
			if string(got) != want || null || !ok {
				t.Errorf("literal %d of %q = %q, %t, %t, want %q", i, text, got, null, ok, want)
			}
		}
	})
}

func FuzzAppend(f *testing.F) {
	f.Add([]byte("'a\\'' 0x1 b'101' _latin1'\xff' 007 1.5 N'x'"), uint8(0))
	f.Fuzz(func(t *testing.T, text []byte, index uint8) {
		for _, mode := range []Mode{0, ModeNoBackslashEscapes} {
			s := planned(string(text), mode)
			v := of(con("-"), num(int(index)))
			dst := []byte("dst")
			key, null, ok := s.Append(dst, v, nil)
			if !bytes.HasPrefix(key, dst) || null || !ok && len(key) != len(dst) {
				t.Errorf("Append = %q, %t, %t", key, null, ok)
			}
			s.Number(v, nil)
		}
	})
}
