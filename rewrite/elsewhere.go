package rewrite

import "strings"

// What is refused because it can't be right for records on several stores is
// nothing special for tables that are on one. Whether a statement is about a
// session table is told by its names alone: one that has the name of a session
// table in a place where a table may stand is taken to be.

// elsewhere refuses the statement but for the store of other tables.
func (a *analyzer) elsewhere(why string) {
	first := a.p.Refuse == ""
	a.refuse(why)
	if first && !a.mentions(0, nil) {
		a.p.Elsewhere = true
		a.p.Others = a.p.Others[:0]
	}
}

// gathers refuses a write of another table where no store has it.
func (a *analyzer) gathers(why string) {
	if a.p.Refuse == "" && !a.l.execComments {
		a.p.Gathers = true
		a.noteReads()
	}
	a.refuse(why)
}

// mentions tells whether a session table is named at or behind i. It calls
// other, if given, with each name that may be that of another table, or of a
// routine.
func (a *analyzer) mentions(i int, other func(schema, name string)) (ours bool) {
	for ; i < len(a.toks); i++ {
		schema, name, next := a.tableName(i)
		if next == i || a.op(i-1, ".") || !a.mayBeTable(i, next) {
			continue
		}
		switch kind, _, _ := a.classify(schema, name); kind {
		case sourceSession, sourceSecondary:
			ours = true
		case sourceOther:
			if other != nil && !syntaxWords[strings.ToLower(name)] {
				other(schema, name)
			}
		}
	}
	return ours
}

// mayBeTable tells whether a table or a routine may be named from i up to next.
func (a *analyzer) mayBeTable(i, next int) bool {
	switch a.word(i - 1) {
	case "from", "join", "into", "update", "table", "tables", "call", "replace", "insert", "ignore",
		"low_priority", "high_priority", "delayed", "quick", "straight_join", "truncate", "delete",
		"on", "exists", "handler", "like", "references", "view", "procedure", "function", "desc", "describe":
		return true
	}
	return a.op(i-1, ",") || a.op(i-1, "(") || a.op(next, "(") || a.op(next, ".")
}

// Mentions tells whether text, the definition of a view or of a routine in the
// schema db, names a session table, and which other tables and routines it may
// name, as schema.name.
func (p *Planner) Mentions(text []byte, db string) (ours bool, others []string) {
	l := &lexed{}
	lex(l, text, 0)
	if l.err != "" {
		return true, nil
	}
	a := &analyzer{l: l, toks: l.tokens, db: db, o: &p.now.Load().options}
	for {
		if a.mentions(0, func(schema, name string) {
			if schema == "" {
				schema = db
			}
			others = append(others, schema+"."+name)
		}) {
			return true, nil
		}
		if !l.multi {
			return false, others
		}
		text = text[l.semi+1:]
		lex(l, text, 0)
		a.toks = l.tokens
	}
}
