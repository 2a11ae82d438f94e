package rewrite

import "strings"

// The charsets of a value, for those that are not a charset's name.
const (
	CharsetOfClient = ""       // that of the client's literals
	CharsetBinary   = "binary" // none: bytes
	CharsetMixed    = "mixed"  // of different ones
	CharsetASCII    = "ascii"  // whatever it was: it is the same in all
)

// AppendIn is Append for a value whose bytes are brought to a column's charset
// afterwards, which tells the charset that they are in.
func (s *Statement) AppendIn(dst []byte, v Value, args Args) (key []byte, charset string, null, ok bool) {
	charset = s.charset(v)
	begin := len(dst)
	if len(v.Parts) == 1 && charset != CharsetOfClient && asciiBased(charset) {
		lit := s.literals[v.Parts[0].Index]
		lit.introEnd = lit.introStart
		key, ok = appendLiteral(dst, s.Text, lit, s.mode)
	} else {
		key, null, ok = s.Append(dst, v, args)
	}
	if isASCII(key[begin:]) {
		charset = CharsetASCII
	}
	return key, charset, null, ok
}

// charset is the charset of v's bytes; of numbers and what is made of digits
// that of the client.
func (s *Statement) charset(v Value) string {
	charset := CharsetOfClient
	for i := range v.Parts {
		p, one := &v.Parts[i], CharsetOfClient
		if p.Source != SourceLiteral || p.Index < 0 || p.Index >= len(s.literals) {
			continue
		}
		l := &s.literals[p.Index]
		if intro := s.Text[l.introStart:l.introEnd]; len(intro) > 1 {
			one = lowerCharset(intro[1:])
		} else if l.kind == tokHex || l.kind == tokBit {
			one = CharsetBinary
		}
		switch {
		case i == 0:
			charset = one
		case one != charset:
			return CharsetMixed
		}
	}
	return charset
}

// lowerCharset is a charset's name in lower case.
func lowerCharset(name []byte) string {
	switch string(name) {
	case "binary":
		return CharsetBinary
	case "utf8mb4":
		return "utf8mb4"
	}
	return strings.ToLower(string(name))
}

// asciiBased: an ASCII character is that byte in the charset.
func asciiBased(charset string) bool {
	switch charset {
	case "utf16", "utf16le", "utf32", "ucs2", "swe7":
		return false
	}
	return true
}
