package rewrite

import (
	"bytes"
	"math"
	"slices"
)

// A tokenKind says what a token is.
type tokenKind uint8

// The kinds of tokens.
const (
	tokNone tokenKind = iota
	// tokWord is an unquoted identifier or keyword. After a dot it is an
	// identifier whatever it looks like: t.1e5, t.select.
	tokWord
	tokQuotedIdent // `x`, and "x" under ANSI_QUOTES
	// tokIntroducer is the name of a character set before a literal:
	// _utf8mb4. The literal that follows refers to it.
	tokIntroducer
	tokString  // 'x' and "x", with the N of N'x'
	tokNumber  // an integer: 12
	tokDecimal // 1.5, .5, 1., 1e3
	tokHex     // x'4142', 0x4142
	tokBit     // b'0101', 0b0101
	tokParam   // ?
	tokUserVar // @x, @`x`, @'x'
	// tokSysVar is @@x or @@session.x: one token with its dots, as far as it
	// is written without blanks.
	tokSysVar
	tokOp   // one operator or sign: = <=> := ( , ; and \N
	tokHint // /*+ ... */
	// tokExecComment is the opener of a comment that some stores execute: /*!
	// or /*M!, with the version number behind it (5 or 6 digits). The tokens
	// inside follow, tokExecCommentEnd closes it.
	tokExecComment
	tokExecCommentEnd // its */
)

// A token is a piece of a statement between blanks and comments.
type token struct {
	start, end int32 // in lexed.text
	// lit is the index of a literal, or of a parameter for tokParam; the
	// version number of tokExecComment, 0 for none; -1 otherwise.
	lit    int32
	kind   tokenKind
	spaced bool // a blank or a comment stands before it
}

// A literal is one literal of a statement.
type literal struct {
	start, end int32 // in lexed.text, with its quotes but without introducer
	// introStart and introEnd are the span of the introducer, _utf8mb4 or the
	// N of N'x'; both are 0 for none.
	introStart, introEnd int32
	kind                 tokenKind
	escaped              bool // holds a backslash escape or a doubled quote
}

// lexed is the result of lexing one statement, and scratch space: whoever
// owns it lexes the next statement into it without an allocation.
//
// # Shapes
//
// The shape of a statement is its text with each literal replaced by a byte
// for its kind, each run of blanks and comments by one blank, and without the
// semicolons at its end. Statements with equal shapes have equal tokens but
// for what their literals hold, and so they share a plan: a plan must not
// depend on the contents of literals, that of LIMIT included. Three things
// stay in the shape as they are written:
//
//   - hints and executable comments, for stores act on them; the literals in
//     executable comments too;
//   - all literals of a statement that begins with SET, for its plan tells
//     the values that it assigns;
//   - the names of user variables: @'x'.
//
// The shape begins with whatever the caller has put in front (see lex).
type lexed struct {
	text     []byte
	tokens   []token
	literals []literal
	shape    []byte
	params   int // number of tokParam

	// err says why the text is not SQL for any store; tokens and shape are
	// incomplete then.
	err string
	// multi: a second statement begins behind the semicolon at semi. The
	// tokens are those of the first one and incomplete is the shape.
	multi bool
	semi  int // of the first statement's end; len(text) if it has none
	// compound: CREATE PROCEDURE and the like. The semicolons are among the
	// tokens, all that follows belongs to the statement.
	compound bool

	execComments bool // there is a tokExecComment
	hints        bool // there is a tokHint
	// wideWord: there is a byte above 0x7f outside literals, comments and
	// quoted identifiers. In some charsets some of these are blanks (0x85,
	// 0xa0), so that the tokens are not certain.
	wideWord bool
	// long: the shape is longer than maxShape and was cut.
	long bool

	mode     Mode
	prefix   int // length of what the caller has put in front of the shape
	run      int // start of the text that is not yet in the shape
	end      int // of the last token
	verbatim bool
	inExec   bool
}

// maxShape bounds the length of a shape that is cached, in bytes.
const maxShape = 4096

// The bytes that stand in shapes for literals, by their kinds. The lexer lets
// no such byte through outside quotes.
var shapeMarks = [...]byte{tokString: 1, tokNumber: 2, tokDecimal: 3, tokHex: 4, tokBit: 5}

// shapeNational stands for N'x'.
const shapeNational = 6

// Why a text is refused. MySQL and MariaDB answer 1064 to all but the last
// ones, of which no one can tell how a store reads them.
const (
	errString    = "unterminated string"
	errIdent     = "unterminated identifier"
	errComment   = "unterminated comment"
	errControl   = "control character outside quotes"
	errNumber    = "malformed number"
	errHex       = "malformed hexadecimal or bit literal"
	errVariable  = "malformed variable name"
	errLong      = "statement too long"
	errExecNest  = "nested executable comment"
	errExecSemi  = "semicolon in an executable comment"
	errExecQuote = "comment sign inside quotes in an executable comment"
	errHintQuote = "comment sign inside quotes in a hint"
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

// scan reads tokens until the end of the statement.
func (l *lexed) scan() {
	text := l.text
	for i := 0; i < len(text); {
		c := text[i]
		start := i
		switch actions[c] {
		case actBlank:
			// The most frequent case, one blank between two tokens, stays in
			// the run.
			if c == ' ' && i > 0 && i+1 < len(text) && actions[text[i+1]] <= actLastPlain {
				i++
				continue
			}
			if i = l.gap(i); i < 0 {
				return
			}
			continue
		case actHash:
			if i = l.gap(i); i < 0 {
				return
			}
			continue
		case actDash:
			if isDashComment(text[i:]) {
				if i = l.gap(i); i < 0 {
					return
				}
				continue
			}
			i = l.op(i)
		case actSlash:
			if i+1 < len(text) && text[i+1] == '*' {
				if i = l.comment(i); i < 0 {
					return
				}
				continue
			}
			i++
			l.add(tokOp, start, i, -1)
		case actStar:
			if l.inExec && i+1 < len(text) && text[i+1] == '/' {
				l.inExec = false
				i += 2
				l.add(tokExecCommentEnd, start, i, -1)
				continue
			}
			i++
			l.add(tokOp, start, i, -1)
		case actWord:
			i = l.word(i)
		case actLetterBXN:
			if i+1 < len(text) && text[i+1] == '\'' && !l.afterDot(i) {
				if i = l.prefixed(i); i < 0 {
					return
				}
				continue
			}
			i = l.word(i)
		case actDigit:
			if l.afterDot(i) {
				i = l.word(i)
				continue
			}
			if i = l.number(i); i < 0 {
				return
			}
		case actDot:
			if i+1 < len(text) && classes[text[i+1]]&classDigit != 0 && !l.afterWord(i) {
				if i = l.number(i); i < 0 {
					return
				}
				continue
			}
			i++
			l.add(tokOp, start, i, -1)
		case actQuote, actDouble:
			if c == '"' && l.mode&ModeANSIQuotes != 0 {
				if i = l.quoted(i); i < 0 {
					return
				}
				continue
			}
			if i = l.str(i, i); i < 0 {
				return
			}
		case actBacktick:
			if i = l.quoted(i); i < 0 {
				return
			}
		case actAt:
			if i = l.variable(i); i < 0 {
				return
			}
		case actParam:
			i++
			l.add(tokParam, start, i, l.params)
			l.params++
		case actSemi:
			if l.inExec {
				l.err = errExecSemi
				return
			}
			if l.compound = l.compound || isCompound(l); !l.compound {
				l.semi = i
				l.tail(i + 1)
				return
			}
			i++
			l.add(tokOp, start, i, -1)
		case actOp:
			i++
			l.add(tokOp, start, i, -1)
		case actLongOp:
			i = l.op(i)
		default:
			l.err = errControl
			return
		}
	}
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

// literal appends a literal and its token, which begins at start, and cuts the
// literal out of the shape.
func (l *lexed) literal(kind tokenKind, start, litStart, end int, escaped bool) {
	lit := literal{start: int32(litStart), end: int32(end), kind: kind, escaped: escaped}
	mark := shapeMarks[kind]
	if start != litStart { // N'x'
		mark = shapeNational
		lit.introStart, lit.introEnd = int32(start), int32(litStart)
	} else if n := len(l.tokens); n > 0 && l.tokens[n-1].kind == tokIntroducer {
		lit.introStart, lit.introEnd = l.tokens[n-1].start, l.tokens[n-1].end
	}
	l.add(kind, start, end, len(l.literals))
	l.literals = append(l.literals, lit)
	if !l.verbatim && !l.inExec {
		l.flush(start)
		l.run = end
		if !l.long {
			l.shape = append(l.shape, mark)
		}
	}
}

// flush appends the text of the run up to end to the shape.
func (l *lexed) flush(end int) {
	if l.run >= end || l.long {
		return
	}
	if len(l.shape)-l.prefix+end-l.run > maxShape {
		l.long = true
		return
	}
	l.shape = append(l.shape, l.text[l.run:end]...)
	l.run = end
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

// gap skips the blanks and comments at i and puts one blank into the shape for
// them. It returns -1 with l.err.
func (l *lexed) gap(i int) int {
	l.flush(i)
	i = l.skip(i)
	if i < 0 {
		return -1
	}
	l.run = i
	if n := len(l.shape); n > l.prefix && l.shape[n-1] != ' ' && !l.long {
		l.shape = append(l.shape, ' ')
	}
	return i
}

// skip skips blanks and the comments that no store executes.
func (l *lexed) skip(i int) int {
	text := l.text
	for i < len(text) {
		switch c := text[i]; {
		case actions[c] == actBlank:
			i++
		case c == '#', c == '-' && isDashComment(text[i:]):
			end := bytes.IndexByte(text[i:], '\n')
			if end < 0 {
				end = len(text) - i
			}
			line := text[i : i+end]
			// MySQL ends such a comment at a NUL, others don't.
			if bytes.IndexByte(line, 0) >= 0 {
				l.err = errControl
				return -1
			}
			if l.inExec && holdsCommentSign(line) {
				l.err = errExecQuote
				return -1
			}
			i += end
		case c == '/' && isPlainComment(text[i:]):
			end := bytes.Index(text[i+2:], commentEnd)
			if end < 0 {
				l.err = errComment
				return -1
			}
			i += 2 + end + 2
		default:
			return i
		}
	}
	return i
}

// tail reads what follows the semicolon at the end of the first statement.
func (l *lexed) tail(i int) {
	for {
		if i = l.skip(i); i < 0 || i == len(l.text) {
			return
		}
		if l.text[i] != ';' {
			l.multi = true
			return
		}
		i++
	}
}

// comment reads /* at i: a plain comment, a hint, or the opener of an
// executable comment.
func (l *lexed) comment(i int) int {
	text := l.text
	if isPlainComment(text[i:]) {
		return l.gap(i)
	}
	start := i
	if text[i+2] == '+' {
		end := bytes.Index(text[i+3:], commentEnd)
		if end < 0 {
			l.err = errComment
			return -1
		}
		if l.inExec {
			l.err = errExecNest
			return -1
		}
		if !quotesClose(text[i+3 : i+3+end]) {
			l.err = errHintQuote
			return -1
		}
		i += 3 + end + 2
		l.hints = true
		l.add(tokHint, start, i, -1)
		return i
	}
	if l.inExec {
		l.err = errExecNest
		return -1
	}
	i += 3
	if text[i-1] == 'M' {
		i++
	}
	digits, version := 0, 0
	for digits < 6 && i+digits < len(text) && classes[text[i+digits]]&classDigit != 0 {
		version = version*10 + int(text[i+digits]-'0')
		digits++
	}
	if digits >= 5 {
		i += digits
	} else {
		version = 0
	}
	l.execComments, l.inExec = true, true
	l.add(tokExecComment, start, i, version)
	return i
}

// op reads the operator at i, which may have more than one character.
func (l *lexed) op(i int) int {
	n := opLen(l.text[i:])
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
