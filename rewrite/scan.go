package rewrite

import (
	"bytes"
	"encoding/binary"
	"math/bits"
)

// An action says how the lexer goes on at a byte outside quotes.
type action uint8

// The actions. Up to actLastPlain they are those of bytes that begin neither a
// blank nor a comment.
const (
	actWord action = iota
	actLetterBXN
	actDigit
	actQuote
	actDouble
	actBacktick
	actDot
	actAt
	actParam
	actStar
	actOp        // an operator of one character
	actLongOp    // an operator of one character or more
	actLastPlain = actLongOp
)

const (
	actBlank action = iota + actLastPlain + 1
	actHash
	actDash
	actSlash
	actSemi
	actBad
)

// The classes of bytes.
const (
	classWord uint8 = 1 << iota // part of an unquoted identifier
	classDigit
	classHex
)

var (
	actions = makeActions()
	classes = makeClasses()

	commentEnd = []byte("*/")
	commentBeg = []byte("/*")
)

func makeActions() (t [256]action) {
	for c := range t {
		switch {
		case c < ' ' || c == 0x7f:
			t[c] = actBad
		case c >= '0' && c <= '9':
			t[c] = actDigit
		case c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c == '_' || c == '$' || c >= 0x80:
			t[c] = actWord
		default:
			t[c] = actOp
		}
	}
	// 0x85 and 0xa0, blanks in Unicode, are none here.
	for _, c := range " \t\n\v\f\r" {
		t[c] = actBlank
	}
	for _, c := range "<>!:|&\\" {
		t[c] = actLongOp
	}
	for _, c := range "bBxXnN" {
		t[c] = actLetterBXN
	}
	for c, a := range map[byte]action{
		'\'': actQuote, '"': actDouble, '`': actBacktick, '.': actDot, '@': actAt,
		'?': actParam, '*': actStar, '#': actHash, '-': actDash, '/': actSlash, ';': actSemi,
	} {
		t[c] = a
	}
	return t
}

func makeClasses() (t [256]uint8) {
	for c := range t {
		switch {
		case c >= '0' && c <= '9':
			t[c] = classWord | classDigit | classHex
		case c >= 'a' && c <= 'f' || c >= 'A' && c <= 'F':
			t[c] = classWord | classHex
		case c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c == '_' || c == '$' || c >= 0x80:
			t[c] = classWord
		}
	}
	return t
}

// classEnd returns the end of the run of bytes of a class at i.
func classEnd(text []byte, i int, class uint8) int {
	for i < len(text) && classes[text[i]]&class != 0 {
		i++
	}
	return i
}

// isDashComment tells whether -- at the start of text begins a comment: a
// blank, a control character or the end must follow.
func isDashComment(text []byte) bool {
	return len(text) >= 2 && text[0] == '-' && text[1] == '-' &&
		(len(text) == 2 || text[2] <= ' ' || text[2] == 0x7f)
}

// isPlainComment tells whether text begins with a comment that is neither a
// hint nor executable.
func isPlainComment(text []byte) bool {
	if len(text) < 2 || text[0] != '/' || text[1] != '*' {
		return false
	}
	if len(text) == 2 {
		return true
	}
	switch text[2] {
	case '+', '!':
		return false
	case 'M':
		return len(text) == 3 || text[3] != '!'
	}
	return true
}

func holdsCommentSign(text []byte) bool {
	return bytes.Contains(text, commentEnd) || bytes.Contains(text, commentBeg)
}

// quotesClose tells whether each quote in text has its counterpart.
func quotesClose(text []byte) bool {
	for i := 0; i < len(text); i++ {
		if c := text[i]; c == '\'' || c == '"' || c == '`' {
			end := bytes.IndexByte(text[i+1:], c)
			if end < 0 {
				return false
			}
			i += 1 + end
		}
	}
	return true
}

// str reads the string whose quote is at litStart; its token begins at start.
// It returns -1 with l.err.
func (l *lexed) str(start, litStart int) int {
	end, escaped := stringEnd(l.text, litStart, l.mode&ModeNoBackslashEscapes == 0)
	if end < 0 {
		l.err = errString
		return -1
	}
	if l.inExec && holdsCommentSign(l.text[litStart:end]) {
		l.err = errExecQuote
		return -1
	}
	l.literal(tokString, start, litStart, end, escaped)
	return end
}

// stringEnd finds the end of the string whose quote is at i, -1 for none.
// Session data fills most of the bytes that a proxy lexes, and it has an
// escape every 36 bytes where it is random, every 5 where it is JSON, or none
// at all: what is near is looked at in words of 8 bytes, for what is far the
// processor's own search is called.
func stringEnd(text []byte, i int, backslash bool) (end int, escaped bool) {
	quote := text[i]
	escape := quote
	if backslash {
		escape = '\\'
	}
	i++
	for empty := 0; i+8 <= len(text); {
		hits := eitherIn(binary.LittleEndian.Uint64(text[i:]), quote, escape)
		if hits == 0 {
			i += 8
			if empty++; empty == 4 {
				i, empty = indexFar(text, i, quote, escape), 0
			}
			continue
		}
		empty = 0
		next := i + 8
		for hits != 0 {
			at := bits.TrailingZeros64(hits) / 8
			if p := i + at; text[p] == quote && (p+1 == len(text) || text[p+1] != quote) {
				return p + 1, escaped
			}
			escaped = true
			if at == 7 {
				next++ // past the byte that is escaped
			}
			hits &= ^uint64(0) << (8 * (at + 2))
		}
		i = next
	}
	for ; i < len(text); i++ {
		switch c := text[i]; {
		case c == quote && (i+1 == len(text) || text[i+1] != quote):
			return i + 1, escaped
		case c == quote, c == escape:
			escaped = true
			i++
		}
	}
	return -1, escaped
}

// eitherIn returns a word whose bytes are 0x80 where those of word are a or b,
// 0 elsewhere.
func eitherIn(word uint64, a, b byte) uint64 {
	const ones, lows = 0x0101010101010101, 0x7f7f7f7f7f7f7f7f
	x, y := word^ones*uint64(a), word^ones*uint64(b)
	return ^(((x&lows+lows)|x)&((y&lows+lows)|y) | lows)
}

// indexEither returns the index of the first a or b at or after i, len(text)
// for none.
func indexEither(text []byte, i int, a, b byte) int {
	for end := i + 32; i < end; i += 8 {
		if i+8 > len(text) {
			break
		}
		if hits := eitherIn(binary.LittleEndian.Uint64(text[i:]), a, b); hits != 0 {
			return i + bits.TrailingZeros64(hits)/8
		}
	}
	return indexFar(text, i, a, b)
}

// indexFar does what indexEither does where it is probably far. Its windows
// grow, so that no byte is searched often.
func indexFar(text []byte, i int, a, b byte) int {
	for size := 64; i < len(text); size *= 2 {
		window := text[i:min(i+size, len(text))]
		end := bytes.IndexByte(window, a)
		if end >= 0 {
			window = window[:end]
		}
		if a != b {
			if first := bytes.IndexByte(window, b); first >= 0 {
				return i + first
			}
		}
		i += len(window)
		if end >= 0 {
			return i
		}
	}
	return len(text)
}

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
