package rewrite

import (
	"bytes"
	"strconv"
)

// HasHex reports whether a part of v is a hexadecimal or a bit literal.
func (s *Statement) HasHex(v Value) bool {
	for i := range v.Parts {
		p := &v.Parts[i]
		if p.Source != SourceLiteral || p.Index < 0 || p.Index >= len(s.literals) {
			continue
		}
		if k := s.literals[p.Index].kind; k == tokHex || k == tokBit {
			return true
		}
	}
	return false
}

// IntegerKey returns the decimal text of the integer that text is to an integer
// column: the one that it begins with, 0 if there is none. A fraction is rounded:
// to a column that is compared with it, it equals nothing anyway. text is
// returned as it is if it is decimal text already.
func IntegerKey(text []byte) []byte {
	if isInteger(text) {
		return text
	}
	text = bytes.TrimLeft(text, " \t\n\v\f\r")
	sign, digits := 0, text
	if len(digits) > 0 && (digits[0] == '+' || digits[0] == '-') {
		sign, digits = 1, digits[1:]
	}
	end := classEnd(digits, 0, classDigit)
	if end > 0 && (end == len(digits) || digits[end] != '.' && digits[end]|0x20 != 'e') {
		digits = digits[:end]
		for len(digits) > 1 && digits[0] == '0' {
			digits = digits[1:]
		}
		if sign > 0 && text[0] == '-' && string(digits) != "0" {
			return append([]byte("-"), digits...)
		}
		return digits
	}
	n, _ := parseNumber(text)
	return strconv.AppendInt(nil, n, 10)
}

// isInteger reports whether text is an integer as MySQL prints it.
func isInteger(text []byte) bool {
	if len(text) > 1 && text[0] == '-' && text[1] != '0' {
		text = text[1:]
	}
	return len(text) > 0 && (text[0] != '0' || len(text) == 1) && classEnd(text, 0, classDigit) == len(text)
}
