package rewrite

import "strings"

// simple makes the plan of a statement that the parser doesn't understand, if
// its tokens are those of SELECT | UPDATE | DELETE ... WHERE key = value AND
// ..., and refuses it otherwise.
func (a *analyzer) simple(err error) {
	t, keys := a.simpleKey()
	if t == nil {
		a.refuse("statement not understood near '" + a.nearError(err) + "'")
		a.guess()
		return
	}
	a.about(t)
	a.p.Keys = keys
	a.p.Kind = KindWrite
	if a.p.Verb == VerbSelect {
		a.p.Kind = KindRead
		if i := a.find(1, "for", "lock"); i < len(a.toks) {
			a.p.Kind = KindReadForUpdate
			a.p.Shares = a.sharesLock()
		}
	}
}

// guess sets the kind of a statement that is refused anyway.
func (a *analyzer) guess() {
	switch a.p.Verb {
	case VerbSelect:
		a.p.Kind = KindScatterRead
	case VerbInsert, VerbReplace:
		a.p.Kind = KindWrite
	case VerbUpdate, VerbDelete:
		a.p.Kind = KindBroadcast
	}
}

// simpleKey finds the table and the key of a simple statement.
func (a *analyzer) simpleKey() (*source, []Value) {
	at := 1
	switch a.word(0) {
	case "select", "delete":
		at = a.find(1, "from") + 1
	case "update":
		for a.is(at, "low_priority") || a.is(at, "ignore") {
			at++
		}
	default:
		return nil, nil
	}
	schema, name, next := a.tableName(at)
	if next == at {
		return nil, nil
	}
	alias := ""
	if a.is(next, "as") {
		next++
	}
	if w := a.word(next); a.kind(next) == tokQuotedIdent || w != "" && w != "where" && w != "set" {
		alias, _ = a.ident(next)
		next++
	}
	where := a.find(next, "where")
	if a.is(0, "update") != a.is(next, "set") || !a.is(0, "update") && where != next {
		return nil, nil
	}
	t := a.table(schema, name, alias, &scope{})
	if t.kind != sourceSession || !a.onlySimple(t, next, where) {
		return nil, nil
	}
	end := a.find(where, "group", "having", "order", "limit", "for", "lock", "returning", "procedure", "window", "into")
	for i := where + 1; i < end; {
		and := min(a.find(i, "and"), end)
		if v, ok := a.simpleEquality(t, i, and); ok {
			return t, []Value{v}
		}
		i = and + 1
	}
	return nil, nil
}

// onlySimple tells whether no token says that there is more to the statement.
func (a *analyzer) onlySimple(t *source, set, where int) bool {
	for i := range a.toks {
		switch w := a.word(i); w {
		case "union", "except", "intersect", "join", "straight_join", "using":
			return false
		case "select":
			if i > 0 {
				return false
			}
		case "or", "xor", "not", "between", "case", "when":
			if i > where {
				return false
			}
		}
		if i > where && (a.op(i, "||") || a.op(i, "&&") || a.op(i, "!") || a.op(i, ":=")) {
			return false
		}
		// An assignment of the key.
		if i > set && i < where && (a.op(i, "=") || a.op(i, ":=")) {
			if name, ok := a.ident(i - 1); ok && strings.EqualFold(name, t.table.Key) {
				return false
			}
		}
	}
	return where < len(a.toks)
}

// simpleEquality reads key = value or value = key.
func (a *analyzer) simpleEquality(t *source, i, end int) (v Value, ok bool) {
	if next := a.keyAt(t, i); next > i && a.op(next, "=") {
		v, n := a.valueAt(next + 1)
		return v, n > 0 && next+1+n == end
	}
	if v, n := a.valueAt(i); n > 0 && a.op(i+n, "=") {
		next := a.keyAt(t, i+n+1)
		return v, next > i+n+1 && next == end
	}
	return Value{}, false
}

// keyAt returns the index behind the key column at i, i if there is another.
func (a *analyzer) keyAt(t *source, i int) int {
	qualifier, name, next := a.tableName(i)
	if next > i && strings.EqualFold(name, t.table.Key) &&
		(qualifier == "" || strings.EqualFold(qualifier, t.alias)) {
		return next
	}
	return i
}
