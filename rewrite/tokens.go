package rewrite

import "strings"

// How the analyzer looks at its tokens. An index beyond them is allowed and
// finds nothing.

// word returns the keyword or unquoted name at i in lower case, "" for
// anything else, a name behind a dot included.
func (a *analyzer) word(i int) string {
	if i < 0 || i >= len(a.toks) || a.toks[i].kind != tokWord || i > 0 && a.op(i-1, ".") {
		return ""
	}
	return strings.ToLower(string(a.l.bytes(a.toks[i])))
}

// is tells whether the given word, in lower case, stands at i.
func (a *analyzer) is(i int, word string) bool {
	if i < 0 || i >= len(a.toks) {
		return false
	}
	t := a.toks[i]
	if t.kind != tokWord || int(t.end-t.start) != len(word) || i > 0 && a.op(i-1, ".") {
		return false
	}
	for k, c := range a.l.bytes(t) {
		if c >= 'A' && c <= 'Z' {
			c += 'a' - 'A'
		}
		if c != word[k] {
			return false
		}
	}
	return true
}

// are tells whether the given words stand at i and behind it.
func (a *analyzer) are(i int, words ...string) bool {
	for k, w := range words {
		if !a.is(i+k, w) {
			return false
		}
	}
	return true
}

// op tells whether the given operator stands at i.
func (a *analyzer) op(i int, op string) bool {
	return i >= 0 && i < len(a.toks) && a.toks[i].kind == tokOp &&
		string(a.l.bytes(a.toks[i])) == op
}

func (a *analyzer) kind(i int) tokenKind {
	if i < 0 || i >= len(a.toks) {
		return tokNone
	}
	return a.toks[i].kind
}

// ident returns the name at i.
func (a *analyzer) ident(i int) (string, bool) {
	switch a.kind(i) {
	case tokWord, tokQuotedIdent, tokIntroducer:
		return string(a.l.name(nil, a.toks[i])), true
	}
	return "", false
}

// tableName reads [schema.]name at i and returns the index behind it, i itself
// if there is none.
func (a *analyzer) tableName(i int) (schema, name string, next int) {
	name, ok := a.ident(i)
	if !ok {
		return "", "", i
	}
	if a.op(i+1, ".") {
		if second, ok := a.ident(i + 2); ok {
			return name, second, i + 3
		}
	}
	return "", name, i + 1
}

// skipParens returns the index behind the parenthesis that closes the one at
// i, i itself if there is none there.
func (a *analyzer) skipParens(i int) int {
	if !a.op(i, "(") {
		return i
	}
	for depth := 0; i < len(a.toks); i++ {
		switch {
		case a.op(i, "("):
			depth++
		case a.op(i, ")"):
			if depth--; depth == 0 {
				return i + 1
			}
		}
	}
	return i
}

// find returns the index of the first of the given words at or behind i that
// stands outside parentheses, len(a.toks) for none.
func (a *analyzer) find(i int, words ...string) int {
	for i < len(a.toks) {
		if a.op(i, "(") {
			i = a.skipParens(i)
			continue
		}
		if w := a.word(i); w != "" {
			for _, wanted := range words {
				if w == wanted {
					return i
				}
			}
		}
		i++
	}
	return len(a.toks)
}

// findOp returns the index of the first operator op at or behind i that stands
// outside parentheses, len(a.toks) for none.
func (a *analyzer) findOp(i int, op string) int {
	for i < len(a.toks) && !a.op(i, op) {
		i = max(a.skipParens(i), i+1)
	}
	return min(i, len(a.toks))
}

// near returns the text at i for a message.
func (a *analyzer) near(i int) string {
	if i >= len(a.toks) {
		return "end"
	}
	switch t := a.toks[i]; t.kind {
	case tokString, tokNumber, tokDecimal, tokHex, tokBit:
		return "a literal" // its value is nobody's business
	default:
		text := strings.ToValidUTF8(string(a.l.bytes(t)), "\ufffd")
		if len(text) > 32 {
			text = strings.ToValidUTF8(text[:32], "")
		}
		return text
	}
}

// firstWords returns the first n words, joined.
func (a *analyzer) firstWords(n int) string {
	var words []string
	for i := 0; i < len(a.toks) && i < n && a.kind(i) == tokWord; i++ {
		words = append(words, a.near(i))
	}
	return strings.Join(words, " ")
}

// valueAt reads a literal, a signed number or a parameter at i and returns it
// and the number of its tokens, 0 for none.
func (a *analyzer) valueAt(i int) (v Value, n int) {
	switch a.kind(i) {
	case tokIntroducer:
		if v, n = a.valueAt(i + 1); n > 0 {
			n++
		}
		return v, n
	case tokParam:
		return Value{Parts: []Part{{Source: SourceParam, Index: int(a.toks[i].lit)}}}, 1
	case tokNumber, tokString, tokHex, tokBit:
		for a.kind(i+n) == a.kind(i) && (n == 0 || a.kind(i) == tokString) {
			part, ok := a.literalPart(int(a.toks[i+n].lit))
			if !ok {
				return Value{}, 0
			}
			v.Parts = append(v.Parts, part)
			n++
		}
		return v, n
	case tokOp:
		if a.op(i, "-") && a.kind(i+1) == tokNumber {
			part, _ := a.literalPart(int(a.toks[i+1].lit))
			return Value{Parts: []Part{{Source: SourceConst, Const: []byte("-")}, part}}, 2
		}
	}
	return Value{}, 0
}

// literalPart returns the part that literal i is. ok is false for one whose
// bytes depend on more than what is written.
func (a *analyzer) literalPart(i int) (p Part, ok bool) {
	lit := a.l.literals[i]
	p = Part{Source: SourceLiteral, Index: i, Numeric: lit.kind == tokNumber}
	if lit.kind == tokDecimal {
		return p, false
	}
	if intro := a.l.text[lit.introStart:lit.introEnd]; len(intro) > 1 {
		switch strings.ToLower(string(intro[1:])) {
		case "utf16", "utf16le", "utf32", "ucs2", "swe7":
			return p, false
		}
	}
	return p, true
}
