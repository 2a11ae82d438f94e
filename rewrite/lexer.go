package rewrite

import (
	"math"
	"slices"
)

// lex reads text as a client in the given mode means it. It reuses the slices
// of l and allocates nothing once they have grown. The shape is appended to
// the first l.prefix bytes of l.shape.
func lex(l *lexed, text []byte, mode Mode) {
	*l = lexed{
		text:     text,
		tokens:   l.tokens[:0],
		literals: l.literals[:0],
		shape:    l.shape[:l.prefix],
		prefix:   l.prefix,
		semi:     len(text),
		mode:     mode,
	}
	if len(text) > math.MaxInt32 {
		l.err = errLong
		return
	}
	l.scan()
	if l.inExec && l.err == "" && !l.multi {
		l.err = errComment
	}
	l.flush(min(l.semi, len(text)))
	if n := len(l.shape); n > l.prefix && l.shape[n-1] == ' ' {
		l.shape = l.shape[:n-1]
	}
}

// scan reads tokens until the end of the statement. The methods that it calls
// read what is at i and return the index behind it, or -1 where the statement
// ends, with l.err if that is before its time.
func (l *lexed) scan() {
	text := l.text
	for i := 0; i >= 0 && i < len(text); {
		switch c := text[i]; actions[c] {
		case actBlank:
			// The most frequent case, one blank between two tokens, stays in
			// the run.
			if c == ' ' && i > 0 && i+1 < len(text) && actions[text[i+1]] <= actLastPlain {
				i++
				continue
			}
			i = l.gap(i)
		case actWord:
			i = l.word(i)
		case actOp:
			i = l.op(i, 1)
		case actDigit:
			if l.afterDot(i) {
				i = l.word(i)
			} else {
				i = l.number(i)
			}
		case actQuote:
			i = l.str(i, i)
		case actBacktick:
			i = l.quoted(i)
		default:
			i = l.special(i)
		}
	}
}

// special reads what begins with a byte that can mean several things.
func (l *lexed) special(i int) int {
	text := l.text
	var next byte
	if i+1 < len(text) {
		next = text[i+1]
	}
	switch text[i] {
	case '"':
		if l.mode&ModeANSIQuotes != 0 {
			return l.quoted(i)
		}
		return l.str(i, i)
	case '#':
		return l.gap(i)
	case '-':
		if isDashComment(text[i:]) {
			return l.gap(i)
		}
	case '/':
		if next == '*' {
			return l.comment(i)
		}
	case '*':
		if l.inExec && next == '/' {
			l.inExec = false
			l.add(tokExecCommentEnd, i, i+2, -1)
			return i + 2
		}
	case 'b', 'B', 'n', 'N', 'x', 'X':
		if next == '\'' && !l.afterDot(i) {
			return l.prefixed(i)
		}
		return l.word(i)
	case '.':
		if classes[next]&classDigit != 0 && !l.afterWord(i) {
			return l.number(i)
		}
	case '@':
		return l.variable(i)
	case '?':
		l.add(tokParam, i, i+1, l.params)
		l.params++
		return i + 1
	case ';':
		return l.semicolon(i)
	default:
		if actions[text[i]] == actBad {
			l.err = errControl
			return -1
		}
	}
	return l.op(i, opLen(text[i:]))
}

// semicolon reads the semicolon at i, which ends all but compound statements.
func (l *lexed) semicolon(i int) int {
	if l.inExec {
		l.err = errExecSemi
		return -1
	}
	if l.compound = l.compound || isCompound(l); l.compound {
		return l.op(i, 1)
	}
	l.semi = i
	l.tail(i + 1)
	return -1
}

// add appends a token. It writes the fields one by one, into place: a token
// that is composed elsewhere and copied costs the processor three times that.
func (l *lexed) add(kind tokenKind, start, end, lit int) {
	n := len(l.tokens)
	if n == cap(l.tokens) {
		l.tokens = slices.Grow(l.tokens, max(n, 32))
	}
	l.tokens = l.tokens[:n+1]
	t := &l.tokens[n]
	t.start = int32(start)
	t.end = int32(end)
	t.lit = int32(lit)
	t.kind = kind
	t.spaced = start != l.end
	l.end = end
}

// word reads the word at start, and learns from the first one.
func (l *lexed) word(start int) int {
	text, end, wide := l.text, start, uint8(0)
	for end < len(text) && classes[text[end]]&classWord != 0 {
		wide |= text[end]
		end++
	}
	l.wideWord = l.wideWord || wide >= 0x80
	if len(l.tokens) == 0 {
		l.verbatim = isWord(text[start:end], "SET")
	}
	kind := tokWord
	if text[start] == '_' && isCharset(text[start+1:end]) && !l.afterDot(start) {
		kind = tokIntroducer
	}
	l.add(kind, start, end, -1)
	return end
}

// afterDot tells whether a dot stands directly before i that follows a name:
// what begins there is a name, too.
func (l *lexed) afterDot(i int) bool {
	return i > 0 && l.text[i-1] == '.' && l.end == i && l.tokens[len(l.tokens)-1].kind == tokOp
}

// afterWord tells whether an unquoted word ends directly before i.
func (l *lexed) afterWord(i int) bool {
	if l.end != i || len(l.tokens) == 0 {
		return false
	}
	kind := l.tokens[len(l.tokens)-1].kind
	return kind == tokWord || kind == tokIntroducer
}

// op appends an operator of n characters.
func (l *lexed) op(i, n int) int {
	l.add(tokOp, i, i+n, -1)
	return i + n
}

// opLen is the length of the operator that text begins with.
func opLen(text []byte) int {
	var next, third byte
	if len(text) > 1 {
		next = text[1]
	}
	if len(text) > 2 {
		third = text[2]
	}
	switch c := text[0]; {
	case c == '<' && next == '=' && third == '>', c == '-' && next == '>' && third == '>':
		return 3
	case next == '=' && (c == '<' || c == '>' || c == '!' || c == ':'),
		c == '<' && (next == '>' || next == '<'),
		c == '>' && next == '>',
		c == '-' && next == '>',
		c == '|' && next == '|',
		c == '&' && next == '&',
		c == '\\' && next == 'N':
		return 2
	}
	return 1
}
