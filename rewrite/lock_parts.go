package rewrite

// Piece is a part of a statement's text with its parameters: the first one's
// index, and their number.
type Piece struct {
	Text          []byte
	First, Params int
}

// LockPiece is one call of a lock function: all of it, and its first argument.
type LockPiece struct{ Call, Name Piece }

// LockPieces are the calls of Plan.Locks, in the same order. ok is false if the
// text can't be taken apart. It reads the text anew.
func (s *Statement) LockPieces() (list []LockPiece, ok bool) {
	w, ok := s.lockWords()
	if !ok {
		return nil, false
	}
	for i := range w.toks {
		if w.lockAt(i) == KindInvalid {
			continue
		}
		comma, end := w.argument(i + 2)
		list = append(list, LockPiece{Call: w.piece(i, end), Name: w.piece(i+2, comma)})
	}
	return list, len(list) == len(s.Plan.Locks)
}

// WithLocks returns the statement with each call of a lock function replaced
// by the given value, and the parameters that are left. A column that is
// nothing else keeps its name by an alias.
func (s *Statement) WithLocks(values []string) (text []byte, params []int) {
	w, _ := s.lockWords()
	done, n := 0, 0
	for _, c := range w.columns() {
		changed := false
		for i := c.first; i < c.end; i++ {
			if w.lockAt(i) == KindInvalid {
				if w.kind(i) == tokParam {
					params = append(params, int(w.toks[i].lit))
				}
				continue
			}
			_, end := w.argument(i + 2)
			text = append(text, s.Text[done:w.toks[i].start]...)
			text = append(text, values[n]...)
			done, i, changed = w.upTo(end), end-1, true
			n++
		}
		if changed && c.unnamed {
			end := w.upTo(c.end)
			text = append(append(text, s.Text[done:end]...), " AS `"...)
			text = append(append(text, s.Text[w.toks[c.first].start:end]...), '`')
			done = end
		}
	}
	return append(text, s.Text[done:w.upTo(len(w.toks))]...), params
}

// lockWords are the statement's tokens, if nothing stands among them that a
// store may read in another way.
func (s *Statement) lockWords() (w *sweeper, ok bool) {
	l := &lexed{}
	lex(l, s.Text, s.mode)
	w = &sweeper{analyzer: &analyzer{l: l, toks: l.tokens}}
	return w, !l.execComments && !l.hints && l.err == "" && !l.multi && s.mode&ModeUnsafeCharset == 0
}

// piece is what the tokens from i up to end are.
func (w *sweeper) piece(i, end int) Piece {
	return Piece{
		Text:  w.l.text[w.toks[i].start:w.upTo(end)],
		First: w.params(0, i), Params: w.params(i, end),
	}
}
