package rewrite

// An action says how the lexer goes on at a byte outside quotes.
type action uint8

// The actions. Up to actLastPlain they are those of bytes that begin neither a
// blank nor a comment.
const (
	actWord action = iota
	actDigit
	actQuote
	actBacktick
	actOp        // an operator of one character
	actSpecial   // see lexed.special
	actLastPlain = actSpecial
)

const (
	actBlank action = iota + actLastPlain + 1
	actGap          // perhaps a comment, or a semicolon
	actBad          // has no meaning outside quotes
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
	for _, c := range "bBnNxX\".@?*<>!:|&\\" {
		t[c] = actSpecial
	}
	for _, c := range "#-/;" {
		t[c] = actGap
	}
	t['\''] = actQuote
	t['`'] = actBacktick
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
