package rewrite

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
	// remark: a comment stands behind the semicolon.
	remark bool
	semi   int // of the first statement's end; len(text) if it has none
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

// Why a text is refused.
const (
	errString   = "unterminated string"
	errIdent    = "unterminated identifier"
	errComment  = "unterminated comment"
	errControl  = "control character outside quotes"
	errNumber   = "malformed number"
	errHex      = "malformed hexadecimal or bit literal"
	errVariable = "malformed variable name"

	// No one can tell how a store reads these.
	errLong      = "statement too long"
	errExecNest  = "nested executable comment"
	errExecSemi  = "semicolon in an executable comment"
	errExecQuote = "comment sign inside quotes in an executable comment"
	errHintQuote = "comment sign inside quotes in a hint"
)

// malformed tells whether each store answers error 1064 to a text that the
// lexer refuses for the given reason.
func malformed(err string) bool {
	switch err {
	case errLong, errExecNest, errExecSemi, errExecQuote, errHintQuote:
		return false
	}
	return err != ""
}
