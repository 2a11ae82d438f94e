package rewrite

import (
	"slices"
	"strings"
)

// User variables: which ones a statement assigns, and a SET whose values are
// found as those of a query are.

// assigns notes that the user variable at i is assigned.
func (a *analyzer) assigns(i int) {
	if a.kind(i) == tokUserVar {
		a.p.assign(a.userVar(i))
	}
}

// userVar returns the name of the user variable at i, as Plan.Assigns has it.
func (a *analyzer) userVar(i int) string {
	return "@" + strings.ToLower(string(a.l.varName(nil, a.toks[i])))
}

func (p *Plan) assign(name string) {
	if !slices.Contains(p.Assigns, name) {
		p.Assigns = append(p.Assigns, name)
	}
}

// byDo notes that a SET can be carried out as a DO, and refuses it where that is
// not the same: where it assigns system variables, or reads a variable behind
// its assignment, which a SET gives the former value and a DO the new one.
func (a *analyzer) byDo(why string) {
	a.p.ByDo = true
	var assigned []string
	for i := 1; i < len(a.toks); {
		if a.kind(i) != tokUserVar {
			a.refuse(why)
			return
		}
		end := a.findOp(i, ",")
		for k := i + 1; k < end; k++ {
			if a.kind(k) == tokUserVar && slices.Contains(assigned, a.userVar(k)) {
				a.refuse(why + " together with a variable that is assigned before")
				return
			}
		}
		assigned = append(assigned, a.userVar(i))
		i = end + 1
	}
}

// Do returns a SET of user variables as the DO that does the same:
//
//	SET @a = (SELECT n FROM t), @b = 1
//	DO @a := (SELECT n FROM t), @b := 1
//
// A parameter stays one.
func (s *Statement) Do() []byte {
	text := []byte("DO ")
	for i, v := range s.Plan.Set {
		if i > 0 {
			text = append(text, ", "...)
		}
		text = append(text, QuoteUserVar(v.Name)...)
		text = append(append(text, " := "...), v.Text...)
	}
	return text
}

// QuoteUserVar returns the name of a user variable, as Plan.Assigns has it, for
// use in SQL.
func QuoteUserVar(name string) string {
	return "@`" + strings.ReplaceAll(strings.TrimPrefix(name, "@"), "`", "``") + "`"
}

// WithUserVars returns the statement with each user variable that it does not
// assign replaced by the literal that value gives for it, which is how its keys
// are found. ok is false where value knows none.
func (s *Statement) WithUserVars(value func(name string) (literal string, ok bool)) (text []byte, ok bool) {
	return s.replace(tokUserVar, func(a *analyzer, i int) (string, bool) {
		if slices.Contains(s.Plan.Assigns, a.userVar(i)) {
			return string(a.l.bytes(a.toks[i])), true
		}
		return value(a.userVar(i))
	})
}

// WithParams returns the statement with each parameter replaced by the literal
// that value gives for it. ok is false where value knows none.
func (s *Statement) WithParams(value func(i int) (literal string, ok bool)) (text []byte, ok bool) {
	return s.replace(tokParam, func(a *analyzer, i int) (string, bool) { return value(int(a.toks[i].lit)) })
}

// Bound is an expression of the statement with its parameters replaced as by
// WithParams.
func (s *Statement) Bound(e Expression, value func(i int) (literal string, ok bool)) (text []byte, ok bool) {
	if e.N == 0 {
		return e.Text, true
	}
	part := Statement{Text: e.Text, mode: s.mode}
	return part.WithParams(func(i int) (string, bool) { return value(e.First + i) })
}

// replace returns the statement with each token of the given kind replaced by
// what with gives for it.
func (s *Statement) replace(kind tokenKind, with func(a *analyzer, i int) (string, bool)) (text []byte, ok bool) {
	l := &lexed{}
	lex(l, s.Text, s.mode)
	a := &analyzer{l: l, toks: l.tokens}
	done := 0
	for i, t := range a.toks {
		if t.kind != kind {
			continue
		}
		literal, ok := with(a, i)
		if !ok {
			return nil, false
		}
		text = append(append(text, s.Text[done:t.start]...), literal...)
		done = int(t.end)
	}
	return append(text, s.Text[done:]...), true
}
