package rewrite

import "github.com/pingcap/tidb/pkg/parser/ast"

// The functions of the GET_LOCK family are routed by the names of the locks,
// wherever in a SELECT or DO they stand.

var lockFunctions = map[string]Kind{
	"get_lock":          KindLock,
	"release_lock":      KindUnlock,
	"release_all_locks": KindUnlockAll,
	"is_free_lock":      KindLockTest,
	"is_used_lock":      KindLockTest,
}

// namesLock tells whether the statement calls one of them.
func (a *analyzer) namesLock() bool {
	for i := range a.toks {
		if lockFunctions[a.word(i)] != KindInvalid && a.op(i+1, "(") {
			return true
		}
	}
	return false
}

// locks makes the plan of a statement that calls a lock function. It returns
// false if n calls none.
func (a *analyzer) locks(n ast.Node) bool {
	if !a.namesLock() {
		return false
	}
	v := &lockCalls{}
	n.Accept(v)
	for _, call := range v.calls {
		kind := lockFunctions[call.FnName.L]
		if a.p.Kind != KindInvalid && a.p.Kind != kind {
			a.refuse("several kinds of lock functions in one statement")
			return true
		}
		a.p.Kind = kind
		if kind == KindUnlockAll {
			continue
		}
		if len(call.Args) == 0 {
			a.refuse(call.FnName.O + " without a name")
			return true
		}
		name, ok := a.value(call.Args[0], false)
		if !ok {
			a.refuse(call.FnName.O + " of a computed name")
			return true
		}
		a.p.Keys = append(a.p.Keys, name)
		if kind == KindLock && len(call.Args) > 1 {
			if timeout, ok := a.value(call.Args[1], false); ok {
				a.p.Timeout = &timeout
			}
		}
	}
	if len(v.calls) == 0 {
		return false
	}
	if a.firstOurs() != nil || len(a.p.Others) > 0 {
		a.refuse("a lock function in a query of a table")
	}
	return true
}

// lockCalls is a visitor that finds calls of lock functions.
type lockCalls struct{ calls []*ast.FuncCallExpr }

// Enter keeps n if it is such a call.
func (v *lockCalls) Enter(n ast.Node) (ast.Node, bool) {
	if f, ok := n.(*ast.FuncCallExpr); ok && lockFunctions[f.FnName.L] != KindInvalid {
		v.calls = append(v.calls, f)
	}
	return n, false
}

// Leave does nothing.
func (v *lockCalls) Leave(n ast.Node) (ast.Node, bool) { return n, true }
