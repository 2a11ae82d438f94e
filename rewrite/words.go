package rewrite

// isWord tells whether b is the given word, which is in upper case.
func isWord(b []byte, word string) bool {
	if len(b) != len(word) {
		return false
	}
	for i, c := range b {
		if c >= 'a' && c <= 'z' {
			c -= 'a' - 'A'
		}
		if c != word[i] {
			return false
		}
	}
	return true
}

// isASCII tells whether b holds no byte above 0x7f.
func isASCII(b []byte) bool {
	for len(b) >= 8 {
		if (b[0]|b[1]|b[2]|b[3]|b[4]|b[5]|b[6]|b[7])&0x80 != 0 {
			return false
		}
		b = b[8:]
	}
	for _, c := range b {
		if c >= 0x80 {
			return false
		}
	}
	return true
}

// is tells whether t is the given word, in upper case, or the given operator.
// A quoted identifier is no word.
func (l *lexed) is(t token, word string) bool {
	switch t.kind {
	case tokWord:
		return isWord(l.text[t.start:t.end], word)
	case tokOp:
		return string(l.text[t.start:t.end]) == word
	}
	return false
}

// bytes returns the text of t as it is written.
func (l *lexed) bytes(t token) []byte { return l.text[t.start:t.end] }

// name appends what the identifier t names, without its quotes.
func (l *lexed) name(dst []byte, t token) []byte {
	text := l.text[t.start:t.end]
	if t.kind != tokQuotedIdent {
		return append(dst, text...)
	}
	return appendUnquoted(dst, text)
}

// varName appends the name of the user variable t, without the @.
func (l *lexed) varName(dst []byte, t token) []byte {
	text := l.text[t.start+1 : t.end]
	switch {
	case len(text) == 0:
		return dst
	case text[0] == '`', text[0] == '"' && l.mode&ModeANSIQuotes != 0:
		return appendUnquoted(dst, text)
	case text[0] == '\'', text[0] == '"':
		return appendUnescaped(dst, text, l.mode)
	}
	return append(dst, text...)
}

// appendUnquoted appends the name within a quoted identifier.
func appendUnquoted(dst, quoted []byte) []byte {
	return appendUnescaped(dst, quoted, ModeNoBackslashEscapes)
}

// isCompound tells whether the tokens so far begin a statement that may hold
// statements with their semicolons: CREATE PROCEDURE, BEGIN NOT ATOMIC, and
// the control structures that MariaDB takes outside of routines, too.
func isCompound(l *lexed) bool {
	c := cursor{l: l}
	switch {
	case c.take("CREATE"), c.take("ALTER"):
	case c.take("BEGIN"):
		return c.take("NOT")
	case c.take("IF"), c.take("WHILE"), c.take("LOOP"), c.take("REPEAT"), c.take("FOR"),
		c.take("CASE"), c.take("DECLARE"):
		return true
	default:
		return false
	}
	if c.take("OR") && !c.take("REPLACE") {
		return false
	}
	if c.take("DEFINER") {
		c.take("=")
		c.next++ // a user, a role, CURRENT_USER
		if c.take("(") {
			c.take(")")
		}
		if c.kind() == tokUserVar { // @host, or @ 'host'
			if t := l.tokens[c.next]; t.end-t.start == 1 {
				c.next++
			}
			c.next++
		}
	}
	c.take("AGGREGATE")
	return c.take("PROCEDURE") || c.take("FUNCTION") || c.take("TRIGGER") || c.take("EVENT") ||
		c.take("PACKAGE")
}

// A cursor walks over tokens; executable comments' signs and hints are none.
type cursor struct {
	l    *lexed
	next int
}

func (c *cursor) kind() tokenKind {
	for c.next < len(c.l.tokens) {
		switch k := c.l.tokens[c.next].kind; k {
		case tokExecComment, tokExecCommentEnd, tokHint:
			c.next++
		default:
			return k
		}
	}
	return tokNone
}

// take steps over the given word or operator, if it comes next.
func (c *cursor) take(word string) bool {
	if c.kind() == tokNone || !c.l.is(c.l.tokens[c.next], word) {
		return false
	}
	c.next++
	return true
}

// isCharset tells whether _name is an introducer. A store that doesn't know
// the name takes it for an identifier.
func isCharset(name []byte) bool {
	var lower [16]byte
	if len(name) > len(lower) {
		return false
	}
	for i, c := range name {
		if c >= 'A' && c <= 'Z' {
			c += 'a' - 'A'
		}
		lower[i] = c
	}
	return charsets[string(lower[:len(name)])]
}

// charsets are those of MySQL 5.5 to 9 and MariaDB.
var charsets = map[string]bool{
	"armscii8": true, "ascii": true, "big5": true, "binary": true, "cp1250": true,
	"cp1251": true, "cp1256": true, "cp1257": true, "cp850": true, "cp852": true,
	"cp866": true, "cp932": true, "dec8": true, "eucjpms": true, "euckr": true,
	"gb18030": true, "gb2312": true, "gbk": true, "geostd8": true, "greek": true,
	"hebrew": true, "hp8": true, "keybcs2": true, "koi8r": true, "koi8u": true,
	"latin1": true, "latin2": true, "latin5": true, "latin7": true, "macce": true,
	"macroman": true, "sjis": true, "swe7": true, "tis620": true, "ucs2": true,
	"ujis": true, "utf16": true, "utf16le": true, "utf32": true, "utf8": true,
	"utf8mb3": true, "utf8mb4": true,
}
