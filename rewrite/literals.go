package rewrite

import (
	"bytes"
)

// quoted reads the quoted identifier at i.
func (l *lexed) quoted(i int) int {
	end := l.quotedEnd(i)
	if end < 0 {
		return -1
	}
	l.add(tokQuotedIdent, i, end, -1)
	return end
}

// quotedEnd finds the end of the quoted identifier at i, or returns -1 with
// l.err.
func (l *lexed) quotedEnd(i int) int {
	end, _ := stringEnd(l.text, i, false)
	// A NUL in a name ends the name for MySQL.
	if end < 0 || bytes.IndexByte(l.text[i:end], 0) >= 0 {
		l.err = errIdent
		return -1
	}
	if l.inExec && holdsCommentSign(l.text[i:end]) {
		l.err = errExecQuote
		return -1
	}
	return end
}

// prefixed reads N'..', x'..' or b'..' at i.
func (l *lexed) prefixed(i int) int {
	class, kind := classHex, tokHex
	switch l.text[i] {
	case 'n', 'N':
		return l.str(i, i+1)
	case 'b', 'B':
		class, kind = classDigit, tokBit
	}
	end := classEnd(l.text, i+2, class)
	if end >= len(l.text) || l.text[end] != '\'' || kind == tokHex && (end-i)%2 != 0 {
		l.err = errHex
		return -1
	}
	if kind == tokBit && bytes.IndexAny(l.text[i+2:end], "23456789") >= 0 {
		l.err = errHex
		return -1
	}
	l.literal(kind, i, i, end+1, false)
	return end + 1
}

// number reads what begins with a digit, or with a dot and a digit, at i: a
// number, or a name like 3d.
func (l *lexed) number(start int) int {
	text := l.text
	i := start
	if text[i] == '0' && i+1 < len(text) {
		class, kind := uint8(0), tokHex
		switch text[i+1] {
		case 'x':
			class = classHex
		case 'b':
			class, kind = classDigit, tokBit
		}
		if class != 0 {
			end := classEnd(text, i+2, class)
			if end > i+2 && (end == len(text) || classes[text[end]]&classWord == 0) &&
				(kind == tokHex || bytes.IndexAny(text[i+2:end], "23456789") < 0) {
				l.literal(kind, start, start, end, false)
				return end
			}
			return l.word(start)
		}
	}
	i = classEnd(text, i, classDigit)
	if i < len(text) && text[i] == '.' {
		i = classEnd(text, i+1, classDigit)
		if i < len(text) && text[i]|0x20 == 'e' {
			if i = exponentEnd(text, i); i < 0 {
				l.err = errNumber
				return -1
			}
		}
		l.literal(tokDecimal, start, start, i, false)
		return i
	}
	if i == len(text) || classes[text[i]]&classWord == 0 {
		l.literal(tokNumber, start, start, i, false)
		return i
	}
	if text[i]|0x20 == 'e' {
		if end := exponentEnd(text, i); end >= 0 {
			l.literal(tokDecimal, start, start, end, false)
			return end
		}
	}
	return l.word(start)
}

// exponentEnd returns the end of the exponent whose E is at i, -1 if it is
// none.
func exponentEnd(text []byte, i int) int {
	i++
	if i < len(text) && (text[i] == '+' || text[i] == '-') {
		i++
	}
	end := classEnd(text, i, classDigit)
	if end == i {
		return -1
	}
	return end
}

// variable reads the user or system variable at i.
func (l *lexed) variable(start int) int {
	text := l.text
	i := start + 1
	if i < len(text) && text[i] == '@' {
		return l.sysVar(start)
	}
	switch {
	case i == len(text):
	case text[i] == '`', text[i] == '"' && l.mode&ModeANSIQuotes != 0:
		if i = l.quotedEnd(i); i < 0 {
			return -1
		}
	case text[i] == '\'', text[i] == '"':
		end, _ := stringEnd(text, i, l.mode&ModeNoBackslashEscapes == 0)
		if end < 0 {
			l.err = errString
			return -1
		}
		if l.inExec && holdsCommentSign(text[i:end]) {
			l.err = errExecQuote
			return -1
		}
		i = end
	default:
		for i < len(text) && (classes[text[i]]&classWord != 0 || text[i] == '.') {
			l.wideWord = l.wideWord || text[i] >= 0x80
			i++
		}
	}
	l.add(tokUserVar, start, i, -1)
	return i
}

// sysVar reads the system variable at start: @@x, @@session.x, @@a.b.c.
func (l *lexed) sysVar(start int) int {
	text := l.text
	i := start + 2
	for {
		if i < len(text) && (text[i] == '`' || text[i] == '"' && l.mode&ModeANSIQuotes != 0) {
			if i = l.quotedEnd(i); i < 0 {
				return -1
			}
		} else {
			end := classEnd(text, i, classWord)
			if end == i {
				l.err = errVariable
				return -1
			}
			i = end
		}
		if i+1 >= len(text) || text[i] != '.' || classes[text[i+1]]&classWord == 0 && text[i+1] != '`' {
			break
		}
		i++
	}
	l.wideWord = l.wideWord || !isASCII(text[start:i])
	l.add(tokSysVar, start, i, -1)
	return i
}
