package rewrite

import (
	"slices"
	"strings"
)

// PreparedSQL is what PREPARE, EXECUTE and DEALLOCATE PREPARE name.
type PreparedSQL struct {
	Verb PrepareVerb
	Name string // in lower case; "" for EXECUTE IMMEDIATE
	// From is the text of PREPARE and EXECUTE IMMEDIATE: a literal, or FromVar,
	// the user variable that holds it, or FromExpr, which a store computes.
	From     Value
	FromVar  string
	FromExpr string
	// Using are the arguments of EXECUTE.
	Using []Argument
}

// Argument is an argument of EXECUTE ... USING.
type Argument struct {
	Var        string // a user variable; "" for a literal
	Value      Value
	first, end int // tokens
}

// String returns the verb, the name, and where text and arguments come from.
func (p *PreparedSQL) String() string {
	text := [...]string{"prepare", "execute", "immediate", "deallocate"}[p.Verb] + ":" + p.Name
	switch {
	case p.FromVar != "":
		text += ":" + p.FromVar
	case p.FromExpr != "":
		text += ":computed"
	case len(p.From.Parts) > 0:
		text += ":" + p.From.String()
	}
	for i, arg := range p.Using {
		if text += ","; i == 0 {
			text = text[:len(text)-1] + ":"
		}
		switch {
		case arg.Var != "":
			text += arg.Var
		case len(arg.Value.Parts) > 0 || arg.Value.Null:
			text += arg.Value.String()
		default:
			text += "value"
		}
	}
	return text
}

// IsNumber reports whether a literal argument is a number.
func (arg *Argument) IsNumber() bool {
	return len(arg.Value.Parts) > 0 && arg.Value.Parts[len(arg.Value.Parts)-1].Numeric
}

// PrepareVerb is which of the statements it is.
type PrepareVerb uint8

// The verbs.
const (
	PrepareText PrepareVerb = iota
	ExecutePrepared
	ExecuteImmediate
	DeallocatePrepared
)

// prepareSQL reads
//
//	PREPARE name FROM text
//	EXECUTE name [USING arg, ...]
//	EXECUTE IMMEDIATE text [USING arg, ...]
//	DEALLOCATE | DROP PREPARE name
//
// where text is a literal, a user variable or, at MariaDB, an expression, and an
// argument is a user variable or, at MariaDB, a literal.
func (a *analyzer) prepareSQL() {
	a.p.Kind = KindPrepareSQL
	a.p.Nondet, a.p.Pins, a.p.Uses = 0, "", 0
	p := &PreparedSQL{}
	a.p.Prepared = p
	i := 1
	switch {
	case a.is(0, "execute") && a.is(1, "immediate") && !a.is(2, "using") && len(a.toks) > 2:
		p.Verb = ExecuteImmediate
		i = a.preparedText(2)
		i = a.using(i)
	case a.is(0, "execute"):
		p.Verb = ExecutePrepared
		i = a.preparedName(1)
		i = a.using(i)
	case a.is(0, "prepare"):
		i = a.preparedName(1)
		if !a.is(i, "from") {
			a.malformed(i)
			return
		}
		i = a.preparedText(i + 1)
	default:
		p.Verb = DeallocatePrepared
		if !a.is(1, "prepare") {
			a.malformed(1)
			return
		}
		i = a.preparedName(2)
	}
	if a.p.Refuse == "" && i < len(a.toks) {
		a.malformed(i)
	}
}

// malformed refuses what every store takes for a syntax error.
func (a *analyzer) malformed(i int) {
	if a.p.Refuse == "" {
		a.refuse("statement not understood near '" + a.near(i) + "'")
		a.p.Malformed = true
	}
}

func (a *analyzer) preparedName(i int) (next int) {
	name, ok := a.ident(i)
	if !ok {
		a.malformed(i)
		return i
	}
	a.p.Prepared.Name = strings.ToLower(name)
	return i + 1
}

// preparedText reads the text to prepare.
func (a *analyzer) preparedText(i int) (next int) {
	p := a.p.Prepared
	if a.kind(i) == tokUserVar {
		p.FromVar = a.userVar(i)
		next = i + 1
	} else if v, n := a.valueAt(i); n > 0 && a.kind(i) != tokParam {
		p.From = v
		next = i + n
	} else if a.kind(i) == tokNone {
		a.malformed(i)
		return i
	}
	if next > 0 && (next == len(a.toks) || a.is(next, "using")) {
		return next
	}
	end := a.find(i, "using")
	p.From, p.FromVar = Value{}, ""
	if why := a.computes(i, end); why != "" {
		a.refuse(why + " in " + strings.ToUpper(a.word(0)))
		return end
	}
	p.FromExpr = string(a.l.text[a.toks[i].start:a.toks[end-1].end])
	a.uncacheable = true // it has literals
	return end
}

// computes tells what keeps any store from computing the expression from i up to
// end; "" for nothing.
func (a *analyzer) computes(i, end int) (why string) {
	own := *a
	own.toks, own.p = a.toks[i:end], &Plan{}
	own.effects(0)
	switch {
	case own.subselects():
		return "a text from a table"
	case own.namesLock(), own.p.Uses&^UsesUserVariable != 0, len(own.p.Assigns) > 0:
		return "a text that tells of the session"
	}
	for _, t := range own.toks {
		if t.kind == tokParam {
			return "a text from a parameter"
		}
	}
	if f := own.storedFunctions(); f != nil {
		return "a text from the function " + f[0]
	}
	return ""
}

// using reads the arguments of EXECUTE.
func (a *analyzer) using(i int) (next int) {
	if !a.is(i, "using") {
		return i
	}
	for i++; ; i++ {
		end := a.findOp(i, ",")
		if end == i {
			a.malformed(i)
			return i
		}
		arg := Argument{first: i, end: end}
		switch {
		case a.kind(i) == tokUserVar && end == i+1:
			arg.Var = a.userVar(i)
		case a.is(i, "null") && end == i+1:
			arg.Value = Value{Null: true}
		case a.kind(i) == tokDecimal && end == i+1: // no key
		default:
			v, n := a.valueAt(i)
			if n == 0 || i+n != end {
				a.refuse("an expression in EXECUTE ... USING")
				return end
			}
			arg.Value = v
		}
		a.p.Prepared.Using = append(a.p.Prepared.Using, arg)
		if i = end; !a.op(i, ",") {
			return i
		}
	}
}

// Arguments returns the arguments of EXECUTE as they are written.
func (s *Statement) Arguments() [][]byte {
	l := &lexed{}
	lex(l, s.Text, s.mode)
	toks := slices.DeleteFunc(l.tokens, func(t token) bool { return t.kind == tokHint })
	var list [][]byte
	for _, arg := range s.Plan.Prepared.Using {
		list = append(list, s.Text[toks[arg.first].start:toks[arg.end-1].end])
	}
	return list
}

// call reads CALL [schema.]name [(args)]: any user variable among the arguments
// may be one that the procedure assigns.
func (a *analyzer) call() {
	a.p.Kind = KindCall
	a.p.ResultSet = true
	a.p.Nondet |= NondetOther
	schema, name, next := a.tableName(1)
	if next == 1 {
		a.malformed(1)
		return
	}
	if schema != "" {
		name = schema + "." + name
	}
	a.p.Routines = []string{name}
	for i := next; i < len(a.toks); i++ {
		a.assigns(i)
	}
	if a.namesOurs(next) {
		a.refuse("CALL with a session table among its arguments")
	}
}
