package rewrite

import "strings"

// The functions of the GET_LOCK family are routed by the names of the locks,
// wherever in a SELECT or DO they stand. A name that is no literal is asked of
// a store first, if it is the same on each. Where the locks of one statement
// are on different stores, the calls are carried out one by one and their
// values put in their places (lock_parts.go), if the statement calls them all
// whatever their values are.

var lockFunctions = map[string]Kind{
	"get_lock":          KindLock,
	"release_lock":      KindUnlock,
	"release_all_locks": KindUnlockAll,
	"is_free_lock":      KindLockTest,
	"is_used_lock":      KindLockTest,
}

// LockCall is a call of a lock function with a name.
type LockCall struct {
	Func string // in lower case
	// Name is as it is in Plan.Keys; it has no parts if it is an expression that
	// every store gives the same value.
	Name Value
}

// namesLock tells whether the statement calls one of them.
func (a *analyzer) namesLock() bool {
	for i := range a.toks {
		if a.lockAt(i) != KindInvalid {
			return true
		}
	}
	return false
}

// writesWithLock refuses a write that calls a lock function: it would be carried
// out where the record is, and not where the lock is held or looked for.
func (a *analyzer) writesWithLock() {
	for i := range a.toks {
		if a.lockAt(i) != KindInvalid && a.callable(i) {
			a.refuse(strings.ToUpper(a.word(i)) + " in a write")
		}
	}
}

// lockAt is the kind of the lock function that is called at i, KindInvalid for
// none.
func (a *analyzer) lockAt(i int) Kind {
	if !a.op(i+1, "(") {
		return KindInvalid
	}
	return lockFunctions[a.word(i)]
}

// locks makes the plan of a statement that calls a lock function. It returns
// false if it calls none.
func (a *analyzer) locks() bool {
	if !a.namesLock() {
		return false
	}
	for i := range a.toks {
		kind := a.lockAt(i)
		switch {
		case kind == KindInvalid:
			continue
		case a.p.Kind == KindInvalid:
			a.p.Kind = kind
		case (a.p.Kind == KindUnlockAll) != (kind == KindUnlockAll):
			a.refuse("RELEASE_ALL_LOCKS beside another lock function")
			return true
		case kind == KindLock, a.p.Kind != KindLock && kind == KindUnlock:
			a.p.Kind = kind
		}
		if kind != KindUnlockAll && !a.lockCall(i, kind) {
			return true
		}
	}
	a.p.LocksApart = a.lockColumns()
	a.p.LockAlone = a.p.LocksApart && a.is(0, "select") && a.lockAt(1) != KindInvalid && a.withoutAlias(1, len(a.toks)) == a.skipParens(2)
	if a.firstOurs() != nil || len(a.p.Others) > 0 {
		a.refuse("a lock function in a query of a table")
	}
	return true
}

// lockCall reads the call at i. It returns false if it refuses the statement.
func (a *analyzer) lockCall(i int, kind Kind) bool {
	call := LockCall{Func: a.word(i)}
	comma, end := a.argument(i + 2)
	if comma == i+2 {
		return true // without a name: the store has an error for it
	}
	if v, n := a.concatAt(i + 2); n > 0 && i+2+n == comma {
		call.Name = v
	} else if a.is(i+2, "null") && i+3 == comma {
		call.Name = Value{Null: true}
	} else if !a.pure(i+2, comma) {
		a.refuse(string(a.l.bytes(a.toks[i])) + " of a computed name")
		return false
	}
	a.p.Keys = append(a.p.Keys, call.Name)
	a.p.Locks = append(a.p.Locks, call)
	if kind == KindLock && a.op(comma, ",") {
		if v, n := a.valueAt(comma + 1); n > 0 && comma+1+n == end-1 {
			a.p.Timeout = &v
		}
	}
	return true
}

// concatAt is valueAt that also reads a CONCAT of such values.
func (a *analyzer) concatAt(i int) (v Value, n int) {
	if !a.is(i, "concat") || !a.op(i+1, "(") {
		return a.valueAt(i)
	}
	for n = 2; ; n++ {
		part, k := a.valueAt(i + n)
		if k == 0 {
			return Value{}, 0
		}
		v.Parts = append(v.Parts, part.Parts...)
		n += k
		if a.op(i+n, ")") {
			return v, n + 1
		}
		if !a.op(i+n, ",") {
			return Value{}, 0
		}
	}
}

// argument returns the index behind the first argument, which begins at i, of
// a call, and the one behind the call.
func (a *analyzer) argument(i int) (comma, end int) {
	end = a.skipParens(i - 1)
	return min(a.findOp(i, ","), end-1), end
}

// pure tells whether every store gives the expression from i to end the same
// value in a session like the client's.
func (a *analyzer) pure(i, end int) bool {
	for ; i < end; i++ {
		switch a.kind(i) {
		case tokSysVar, tokUserVar, tokExecComment:
			return false
		case tokQuotedIdent:
			if a.op(i+1, "(") {
				return false
			}
		case tokWord:
			w := a.word(i)
			switch {
			case w == "select" || w == "":
				return false
			case a.op(i+1, "(") && !pureFunctions[w] && !syntaxWords[w] && functionUses[w] != UsesDatabase:
				return false
			case timeFunctions[w], w == "current_user", w == "current_role", lockFunctions[w] != KindInvalid:
				return false
			}
		case tokOp:
			if a.op(i, ":=") {
				return false
			}
		}
	}
	return true
}

// lockColumns tells whether the statement is a SELECT of expressions, or a DO,
// that carries all its calls out whatever their values are.
func (a *analyzer) lockColumns() bool {
	if !a.is(0, "select") && !a.is(0, "do") {
		return false
	}
	for i := 1; i < len(a.toks); {
		end := a.findOp(i, ",")
		if !a.lockColumn(i, end) {
			return false
		}
		i = end + 1
	}
	return true
}

// evaluatesFirst are functions whose first argument is always evaluated.
var evaluatesFirst = words("if ifnull coalesce isnull nvl nvl2 nullif")

// lockColumn is lockColumns for the column from i to end: calls and arithmetic,
// or a function that evaluates its first argument always, which is a call.
func (a *analyzer) lockColumn(i, end int) bool {
	for k := i; k < end; k = max(a.skipParens(k), k+1) {
		if columnEnds[a.word(k)] {
			return false
		}
	}
	if !a.hasLock(i, end) {
		return true
	}
	end = a.withoutAlias(i, end)
	if evaluatesFirst[a.word(i)] && a.op(i+1, "(") && a.lockAt(i+2) != KindInvalid {
		_, behind := a.argument(i + 4)
		return !a.hasLock(behind, end)
	}
	for i < end {
		switch {
		case a.lockAt(i) != KindInvalid:
			_, i = a.argument(i + 2)
			continue
		case a.is(i, "connection_id") && a.op(i+1, "(") && a.op(i+2, ")"):
			i += 2
		case a.kind(i) == tokOp && arithmetic[string(a.l.bytes(a.toks[i]))], a.is(i, "is"), a.is(i, "not"),
			a.is(i, "null"), a.kind(i) == tokNumber, a.kind(i) == tokParam:
		default:
			return false
		}
		i++
	}
	return true
}

// withoutAlias returns the index behind the expression that the column from i to
// end is.
func (a *analyzer) withoutAlias(i, end int) int {
	switch {
	case end-i > 2 && a.is(end-2, "as"):
		return end - 2
	case end-i > 1 && a.op(end-2, ")") && a.kind(end-1) != tokOp:
		return end - 1
	}
	return end
}

// arithmetic are operators that evaluate both their sides.
var arithmetic = words("+ - * = < > <= >= <> != <=> ( )")

func (a *analyzer) hasLock(i, end int) bool {
	for ; i < end; i++ {
		if a.lockAt(i) != KindInvalid {
			return true
		}
	}
	return false
}

// columnEnds begin what is no column of a SELECT.
var columnEnds = words(`from where union except intersect limit order group having into procedure for
	window distinct distinctrow all sql_calc_found_rows sql_no_cache sql_cache straight_join select with`)
