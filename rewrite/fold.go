package rewrite

// FoldKey brings a key of a table with FoldCase to the form that is hashed:
// trailing blanks cut, ASCII and Latin letters in lower case without accents,
// so that what MySQL's *_ci collations call equal is one key. It appends to
// dst.
func FoldKey(dst, key []byte) []byte { panic("contract only") }
