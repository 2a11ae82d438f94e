package rewrite

import (
	"strings"
	"unicode/utf8"
)

// maxDigest bounds a digest, in bytes.
const maxDigest = 300

// Digest is the statement as people may see it: with ? in the place of each
// literal, without comments, and cut off where it gets long. Where it can't be
// told what is a literal, it ends: a word right behind a string may be the rest
// of one whose quotes were not escaped.
func (s *Statement) Digest() string {
	l := new(lexed)
	if unsafe(s.Text, s.mode) {
		return firstWord(s.Text) + " ..."
	}
	lex(l, s.Text, s.mode)
	var b strings.Builder
	for i, t := range l.tokens {
		if t.kind == tokHint {
			continue
		}
		if b.Len() > maxDigest {
			b.WriteString(" ...")
			return b.String()
		}
		if i > 0 && !t.spaced && t.kind == tokWord && l.tokens[i-1].kind == tokString {
			b.WriteString(" ...")
			return b.String()
		}
		if t.spaced && i > 0 {
			b.WriteByte(' ')
		}
		switch t.kind {
		case tokString, tokNumber, tokDecimal, tokHex, tokBit:
			b.WriteByte('?')
		case tokIntroducer: // it says how the literal is to be read
		default:
			b.WriteString(oneLine(l.bytes(t)))
		}
	}
	switch {
	case l.err != "":
		b.WriteString(" ...")
	case l.multi:
		b.WriteString("; ...")
	}
	return b.String()
}

// firstWord is the word that text begins with.
func firstWord(text []byte) string {
	n := 0
	for n < len(text) && (text[n]|0x20 >= 'a' && text[n]|0x20 <= 'z') {
		n++
	}
	return string(text[:n])
}

// oneLine is a token as it can stand in a line, a long one cut off.
func oneLine(b []byte) string {
	const most = 64
	cut := ""
	if len(b) > most {
		b, cut = b[:most], "..."
		for len(b) > 0 && !utf8.RuneStart(b[len(b)-1]) {
			b = b[:len(b)-1]
		}
	}
	return strings.Map(func(r rune) rune {
		if r < ' ' || r == 0x7f {
			return ' '
		}
		return r
	}, strings.ToValidUTF8(string(b), "?")) + cut
}
