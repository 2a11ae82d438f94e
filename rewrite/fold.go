package rewrite

import (
	"unicode"
	"unicode/utf8"
)

// FoldKey brings a key of a table with FoldCase to the form that is hashed:
// trailing blanks cut, ASCII and Latin letters in lower case without accents,
// so that what MySQL's *_ci collations call equal is one key. It appends to
// dst.
//
// It follows the collations of Unicode (utf8mb4_0900_ai_ci, _unicode_ci,
// _uca1400_ai_ci) and utf8mb4_general_ci, and where these differ it calls equal
// what one of them does, which costs nothing but an even spread. They can't be
// reconciled on one letter: the sharp s is "ss" here as in most of them, and
// "s" in general_ci. Collations of single languages (latin1_swedish_ci: u with
// diaeresis equals y) are not followed beyond ASCII.
func FoldKey(dst, key []byte) []byte {
	for len(key) > 0 && key[len(key)-1] == ' ' {
		key = key[:len(key)-1]
	}
	for len(key) > 0 {
		c := key[0]
		if c < utf8.RuneSelf {
			if c >= 'A' && c <= 'Z' {
				c += 'a' - 'A'
			}
			dst = append(dst, c)
			key = key[1:]
			continue
		}
		r, n := utf8.DecodeRune(key)
		if r == utf8.RuneError && n == 1 {
			dst = append(dst, c)
		} else {
			dst = appendFolded(dst, r)
		}
		key = key[n:]
	}
	return dst
}

// FoldsToItself reports whether FoldKey leaves key as it is, for ASCII; of other
// keys it says that it does not.
func FoldsToItself(key []byte) bool {
	for _, c := range key {
		if c >= utf8.RuneSelf || c >= 'A' && c <= 'Z' {
			return false
		}
	}
	return len(key) == 0 || key[len(key)-1] != ' '
}

// appendFolded appends a letter above ASCII.
func appendFolded(dst []byte, r rune) []byte {
	r = unicode.ToLower(unicode.ToUpper(r))
	base := byte('.')
	switch {
	case r < utf8.RuneSelf:
		base = byte(r)
	case r >= latinFirst && r <= latinLast:
		base = latinBases[r-latinFirst]
	case r >= vietFirst && r <= vietLast:
		base = vietBases[r-vietFirst]
	case r >= 0x300 && r <= 0x36f: // combining accents
		return dst
	case r >= 0xff01 && r <= 0xff5e: // full-width forms of ASCII
		return append(dst, byte(unicode.ToLower(r-0xff00+' ')))
	}
	if base != '.' {
		return append(dst, base)
	}
	switch r {
	case '\u00df': // sharp s
		return append(dst, "ss"...)
	case '\u00e6', '\u01e3', '\u01fd':
		return append(dst, "ae"...)
	case '\u0153':
		return append(dst, "oe"...)
	case '\u0133':
		return append(dst, "ij"...)
	}
	return utf8.AppendRune(dst, r)
}

// The base letters of two blocks of accented letters; a dot stands for none.
const (
	latinFirst = 0xc0
	latinLast  = 0x24f
	vietFirst  = 0x1e00
	vietLast   = 0x1eff

	latinBases = "" +
		"aaaaaa.ceeeeiiiidnooooo.ouuuuy..aaaaaa.ceeeeiiiidnooooo.ouuuuy.y" +
		"aaaaaaccccccccddddeeeeeeeeeegggggggghhhhiiiiiiiii...jjkk.llllll." +
		".llnnnnnn...oooooo..rrrrrrssssssssttttttuuuuuuuuuuuuwwyyyzzzzzz." +
		"b......................i..l.....oo.............uu....zz........." +
		".............aaiioouuuuuuuuuu.aaaa..ggggkkoooo..j...gg..nnaa..oo" +
		"aaaaeeeeiiiioooorrrruuuusstt..hh......aaeeooooooooyy.........l.." +
		"...b............"

	vietBases = "" +
		"aabbbbbbccddddddddddeeeeeeeeeeffgghhhhhhhhhhiiiikkkkkkllllllllmm" +
		"mmmmnnnnnnnnoooooooopppprrrrrrrrssssssssssttttttttuuuuuuuuuuvvvv" +
		"wwwwwwwwwwxxxxyyzzzzzzhtwy......aaaaaaaaaaaaaaaaaaaaaaaaeeeeeeee" +
		"eeeeeeeeiiiioooooooooooooooooooooooouuuuuuuuuuuuuuyyyyyyyy......"
)
