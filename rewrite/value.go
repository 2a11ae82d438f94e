package rewrite

import (
	"bytes"
	"math"
	"strconv"
)

// Args are the bound values of a prepared statement.
type Args interface {
	// Arg returns the text of parameter i: the bytes of a string, the decimal
	// text of an integer. ok is false for a value that can't be a key (a
	// float, a date).
	Arg(i int) (text []byte, null, ok bool)
}

// Append appends the bytes of v to dst: literals unescaped, hex decoded, as
// the store will see them. null says that the value is NULL; ok is false
// where the bytes can't be told, and dst is returned as it was. args is nil
// for a text statement.
func (s *Statement) Append(dst []byte, v Value, args Args) (key []byte, null, ok bool) {
	return s.append(dst, v, args, false)
}

// append is Append; it takes the text of decimals if told so.
func (s *Statement) append(dst []byte, v Value, args Args, decimals bool) (key []byte, null, ok bool) {
	if v.Null {
		return dst, true, true
	}
	begin := len(dst)
	for i := range v.Parts {
		part := &v.Parts[i]
		switch part.Source {
		case SourceConst:
			dst = append(dst, part.Const...)
			continue
		case SourceParam:
			if args == nil {
				return dst[:begin], false, false
			}
			text, null, ok := args.Arg(part.Index)
			if !ok || null {
				return dst[:begin], null, ok
			}
			dst = append(dst, text...)
			continue
		case SourceCall:
			arg, null, ok := s.append(nil, Value{Parts: part.Of}, args, false)
			if null || !ok {
				return dst[:begin], null, ok
			}
			if !part.Call.takes(arg) {
				return dst[:begin], false, false
			}
			if dst, null = part.Call.append(dst, arg); null {
				return dst[:begin], true, true
			}
			continue
		}
		if part.Index < 0 || part.Index >= len(s.literals) {
			return dst[:begin], false, false
		}
		l := s.literals[part.Index]
		if decimals && l.kind == tokDecimal {
			dst = append(dst, s.Text[l.start:l.end]...)
			continue
		}
		if dst, ok = appendLiteral(dst, s.Text, l, s.mode); !ok {
			return dst[:begin], false, false
		}
	}
	if isNegativeZero(v, dst[begin:]) {
		dst = append(dst[:begin], '0')
	}
	return dst, false, len(v.Parts) != 0
}

// isNegativeZero tells whether v is a sign and a number, and the number 0.
func isNegativeZero(v Value, text []byte) bool {
	return len(v.Parts) == 2 && v.Parts[1].Numeric && string(text) == "-0" &&
		string(v.Parts[0].Const) == "-"
}

// Number returns the value of v as an integer, as MySQL converts it: a string
// counts as the number it begins with, a fraction is rounded. ok is false for
// NULL and for what is no number at all.
func (s *Statement) Number(v Value, args Args) (n int64, ok bool) {
	var space [64]byte
	text, null, ok := s.append(space[:0], v, args, true)
	if null || !ok {
		return 0, false
	}
	return parseNumber(text)
}

// parseNumber reads the number that text begins with.
func parseNumber(text []byte) (int64, bool) {
	text = bytes.TrimLeft(text, " \t\n\v\f\r")
	end := 0
	if end < len(text) && (text[end] == '+' || text[end] == '-') {
		end++
	}
	digits := end
	end = classEnd(text, end, classDigit)
	whole := end
	if end < len(text) && text[end] == '.' {
		end = classEnd(text, end+1, classDigit)
	}
	if end == digits || end == digits+1 && whole == digits {
		return 0, false
	}
	if end < len(text) && text[end]|0x20 == 'e' {
		if e := exponentEnd(text, end); e > 0 {
			end = e
		}
	}
	if end == whole {
		n, err := strconv.ParseInt(string(text[:end]), 10, 64)
		if err == nil {
			return n, true
		}
	}
	f, err := strconv.ParseFloat(string(text[:end]), 64)
	if err != nil && !math.IsInf(f, 0) {
		return 0, false
	}
	f = math.Round(f)
	switch {
	case f >= math.MaxInt64:
		return math.MaxInt64, true
	case f <= math.MinInt64:
		return math.MinInt64, true
	}
	return int64(f), true
}

// appendLiteral appends the value of a literal of text.
func appendLiteral(dst, text []byte, lit literal, mode Mode) ([]byte, bool) {
	begin := len(dst)
	written := text[lit.start:lit.end]
	switch lit.kind {
	case tokString:
		if lit.escaped {
			dst = appendUnescaped(dst, written, mode)
		} else {
			dst = append(dst, written[1:len(written)-1]...)
		}
	case tokNumber:
		return appendInteger(dst, written), true
	case tokHex:
		dst = appendHex(dst, written)
	case tokBit:
		dst = appendBits(dst, written)
	default: // a decimal's text depends on the type of what it is compared with
		return dst, false
	}
	if intro := text[lit.introStart:lit.introEnd]; len(intro) > 1 {
		return dst, introKeeps(intro[1:], dst[begin:])
	}
	return dst, true
}

// literalBytes appends the value of a literal of l, as Statement.Append does.
func (l *lexed) literalBytes(dst []byte, lit int) ([]byte, bool) {
	return appendLiteral(dst, l.text, l.literals[lit], l.mode)
}

// introKeeps tells whether a literal with an introducer of the given charset
// reaches a column of an ASCII-based charset byte for byte.
func introKeeps(charset, value []byte) bool {
	switch {
	case isWord(charset, "BINARY"), isWord(charset, "UTF8MB4"), isWord(charset, "UTF8"),
		isWord(charset, "UTF8MB3"):
		return true
	case isWord(charset, "UTF16"), isWord(charset, "UTF16LE"), isWord(charset, "UTF32"),
		isWord(charset, "UCS2"), isWord(charset, "SWE7"):
		return false
	}
	return isASCII(value)
}

// appendUnescaped appends what the quoted text stands for.
func appendUnescaped(dst, quoted []byte, mode Mode) []byte {
	quote := quoted[0]
	text := quoted[1 : len(quoted)-1]
	escape := quote
	if mode&ModeNoBackslashEscapes == 0 {
		escape = '\\'
	}
	for {
		next := indexEither(text, 0, quote, escape)
		if next+1 >= len(text) {
			return append(dst, text...)
		}
		dst = append(dst, text[:next]...)
		if text[next] == quote {
			dst = append(dst, quote)
		} else {
			dst = appendEscape(dst, text[next+1])
		}
		text = text[next+2:]
	}
}

// appendEscape appends what a backslash and c stand for.
func appendEscape(dst []byte, c byte) []byte {
	switch c {
	case '0':
		c = 0
	case 'b':
		c = '\b'
	case 'n':
		c = '\n'
	case 'r':
		c = '\r'
	case 't':
		c = '\t'
	case 'Z':
		c = 0x1a
	case '%', '_':
		dst = append(dst, '\\')
	}
	return append(dst, c)
}

// appendInteger appends an integer as MySQL would print it.
func appendInteger(dst, written []byte) []byte {
	for len(written) > 1 && written[0] == '0' {
		written = written[1:]
	}
	return append(dst, written...)
}

// appendHex appends the bytes of x'4142' or 0x4142; 0x142 is 0x0142.
func appendHex(dst, written []byte) []byte {
	digits := written[2:]
	if written[1] == '\'' {
		digits = digits[:len(digits)-1]
	}
	if len(digits)%2 != 0 {
		dst = append(dst, hexValue(digits[0]))
		digits = digits[1:]
	}
	for ; len(digits) >= 2; digits = digits[2:] {
		dst = append(dst, hexValue(digits[0])<<4|hexValue(digits[1]))
	}
	return dst
}

func hexValue(c byte) byte {
	if c <= '9' {
		return c - '0'
	}
	return c | 0x20 - 'a' + 10
}

// appendBits appends the bytes of b'0101' or 0b0101, filled up on the left.
func appendBits(dst, written []byte) []byte {
	digits := written[2:]
	if written[1] == '\'' {
		digits = digits[:len(digits)-1]
	}
	for n := len(digits) % 8; len(digits) > 0; n = 8 {
		if n == 0 {
			n = 8
		}
		var b byte
		for _, c := range digits[:n] {
			b = b<<1 | (c - '0')
		}
		dst = append(dst, b)
		digits = digits[n:]
	}
	return dst
}
