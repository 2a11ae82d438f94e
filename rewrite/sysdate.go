package rewrite

// WithNow returns the statement with NOW() in the place of SYSDATE(), which SET
// timestamp does not stop.
func (s *Statement) WithNow() []byte {
	l := &lexed{}
	lex(l, s.Text, s.mode)
	a := &analyzer{l: l, toks: l.tokens}
	var text []byte
	done := 0
	for i, t := range a.toks {
		if a.is(i, "sysdate") && a.op(i+1, "(") && !a.op(i-1, ".") {
			text = append(append(text, s.Text[done:t.start]...), "NOW"...)
			done = int(t.end)
		}
	}
	return append(text, s.Text[done:]...)
}
