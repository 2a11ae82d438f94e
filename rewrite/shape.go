package rewrite

// maxShape bounds the length of a shape that is cached, in bytes.
const maxShape = 4096

// The bytes that stand in shapes for literals, by their kinds. The lexer lets
// no such byte through outside quotes.
var shapeMarks = [...]byte{tokString: 1, tokNumber: 2, tokDecimal: 3, tokHex: 4, tokBit: 5}

// shapeNational stands for N'x'.
const shapeNational = 6

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
