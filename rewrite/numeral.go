package rewrite

import (
	"math"
	"strconv"

	"github.com/pingcap/tidb/pkg/parser/ast"
	"github.com/pingcap/tidb/pkg/parser/mysql"
	"github.com/pingcap/tidb/pkg/parser/opcode"
)

// A number that a column gets may be spelled in more ways than one that it is
// compared with: 1e1, 10.0 and TRUE are integers to an integer column, and 0x10
// is one there, but the text "\x10" elsewhere.

// numeral returns the value that e gives to a column, if it is TRUE, FALSE or a
// decimal, with its sign.
func (a *analyzer) numeral(e ast.ExprNode) (v Value, ok bool) {
	e = unparen(e)
	if x, is := e.(*ast.UnaryOperationExpr); is && x.Op == opcode.Minus {
		if v, ok = a.numeral(x.V); !ok || len(v.Parts) != 1 || v.Parts[0].Source != SourceLiteral {
			return Value{}, false
		}
		v.Parts = []Part{{Source: SourceConst, Const: []byte("-")}, v.Parts[0]}
		return v, true
	}
	x, is := e.(ast.ValueExpr)
	if !is {
		return Value{}, false
	}
	n, is := x.GetValue().(int64)
	if !is {
		return Value{}, false
	}
	if mysql.HasIsBooleanFlag(x.GetType().GetFlag()) {
		return Value{Parts: []Part{{Source: SourceConst, Const: strconv.AppendInt(nil, n, 10)}}}, true
	}
	i := int(n - numberBase)
	if i < 0 || i >= len(a.l.literals) || a.l.literals[i].kind != tokDecimal {
		return Value{}, false
	}
	return Value{Parts: []Part{{Source: SourceLiteral, Index: i, Numeric: true}}}, true
}

// AppendNumeral appends what a column gets of a value that is one decimal, or in
// an integer column one hexadecimal or bit literal. ok is false for one that is
// rounded, and for a text of which servers print their own form.
func (s *Statement) AppendNumeral(dst []byte, v Value, integer bool) (text []byte, ok bool) {
	parts, sign := v.Parts, ""
	if len(parts) == 2 && parts[0].Source == SourceConst && string(parts[0].Const) == "-" {
		parts, sign = parts[1:], "-"
	}
	if len(parts) != 1 || parts[0].Source != SourceLiteral || parts[0].Index >= len(s.literals) {
		return dst, false
	}
	lit := s.literals[parts[0].Index]
	written := s.Text[lit.start:lit.end]
	switch {
	case lit.kind == tokDecimal:
		return appendDecimal(dst, sign, string(written), integer)
	case !integer || lit.introEnd > lit.introStart:
	case lit.kind == tokHex && written[1] == 'x': // x'10' is a text to MariaDB
		return appendUint(dst, appendHex(nil, written))
	case lit.kind == tokBit:
		return appendUint(dst, appendBits(nil, written))
	}
	return dst, false
}

// maxExact bounds the floats that every integer below is one of.
const maxExact = 1e15

// appendDecimal appends what a column gets of a decimal.
func appendDecimal(dst []byte, sign, written string, integer bool) ([]byte, bool) {
	f, err := strconv.ParseFloat(written, 64)
	if err != nil {
		return dst, false
	}
	if f != math.Trunc(f) || f >= maxExact || !integer && !hasExponent(written) {
		if integer || !isPlainDecimal(written) {
			return dst, false
		}
		return append(append(dst, sign...), written...), true
	}
	if f != 0 {
		dst = append(dst, sign...)
	}
	return strconv.AppendInt(dst, int64(f), 10), true
}

func hasExponent(written string) bool {
	for i := range written {
		if written[i]|0x20 == 'e' {
			return true
		}
	}
	return false
}

// isPlainDecimal tells whether a decimal is printed as it is written.
func isPlainDecimal(written string) bool {
	text := []byte(written)
	whole := classEnd(text, 0, classDigit)
	if whole == 0 || whole > 1 && text[0] == '0' || whole == len(text) || text[whole] != '.' {
		return false
	}
	return len(text) > whole+1 && classEnd(text, whole+1, classDigit) == len(text) && len(text) < 30
}

// appendUint appends the number that big-endian bytes are.
func appendUint(dst, bytes []byte) ([]byte, bool) {
	for len(bytes) > 0 && bytes[0] == 0 {
		bytes = bytes[1:]
	}
	if len(bytes) > 8 {
		return dst, false
	}
	n := uint64(0)
	for _, b := range bytes {
		n = n<<8 | uint64(b)
	}
	return strconv.AppendUint(dst, n, 10), true
}
