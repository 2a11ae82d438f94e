package rewrite

// OnDuplicates tells what a write does where a unique key has its value already:
// passes the row over (IGNORE), or changes the one that is there (ON DUPLICATE
// KEY UPDATE). It reads the text anew.
func (s *Statement) OnDuplicates() (ignores, updates bool) {
	l := &lexed{}
	lex(l, s.Text, s.mode)
	w := sweeper{analyzer: &analyzer{l: l, toks: l.tokens}}
	for i := 1; i < len(w.toks); i++ {
		switch {
		case w.op(i, "("):
			i = w.skipParens(i) - 1
		case i < 4 && w.is(i, "ignore"):
			ignores = true
		case w.are(i, "on", "duplicate", "key", "update"):
			return ignores, true
		}
	}
	return ignores, false
}
