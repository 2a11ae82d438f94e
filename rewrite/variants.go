package rewrite

import (
	"slices"
	"strconv"
)

// Executable comments: /*! ... */ and /*M! ... */. Some stores run what is in
// them and some don't, so that a statement that holds one is several
// statements. It is carried out if all of them have the same plan.

// maxExecComments bounds how many of them are tried.
const maxExecComments = 3

// variants returns the plan that a statement has whatever its stores make of
// the executable comments.
func (a *analyzer) variants() *Plan {
	toks := append([]token(nil), a.l.tokens...)
	n := 0
	sure := true // every store runs what is in them
	for i, t := range toks {
		switch t.kind {
		case tokExecComment:
			n++
			sure = sure && runsEverywhere(string(a.l.bytes(t)))
			for _, inner := range toks[i+1:] {
				if inner.kind == tokExecCommentEnd {
					break
				}
				if inner.kind == tokParam {
					return &Plan{Refuse: "a parameter in an executable comment"}
				}
			}
		}
	}
	if n > maxExecComments {
		// LOCK TABLES a READ /*!32311 LOCAL */, b READ /*!32311 LOCAL */, ...
		if all := a.planOf(without(toks, -1)); sure && all.Kind == KindLockTables {
			a.p = all
			return all
		}
		return &Plan{Refuse: "executable comments"}
	}
	all := a.planOf(without(toks, 1<<n-1))
	for set := range 1<<n - 1 {
		p := a.planOf(without(toks, set))
		if sameRoute(all, p) {
			all.Nondet |= p.Nondet
			all.Uses |= p.Uses
			for _, name := range p.Assigns {
				all.assign(name)
			}
			if all.Pins == "" {
				all.Pins = p.Pins
			}
			continue
		}
		// What stands in a comment as a whole, as DDL does in a dump.
		whole := sure && set == 0 && n == 1 && p.Kind == KindEmpty
		if whole && (!all.data() || all.Verb == VerbDDL) {
			continue
		}
		if sure && n == 1 && all.Kind == KindSessionState && p.Kind == KindSessionState && a.endsInAssignments(toks) {
			continue
		}
		if all.Refuse == "" {
			all.Refuse = "executable comment"
		}
	}
	a.p = all
	return all
}

// endsInAssignments tells whether toks are of a SET whose last assignments, as a
// whole, are what stands in its executable comment, as Percona's tools send it:
//
//	SET @@a = 1/*!40101, @@b = 2*/
//
// A comment that cuts an assignment in two is none: of that, the text could not
// be replayed.
func (a *analyzer) endsInAssignments(toks []token) bool {
	if toks[len(toks)-1].kind != tokExecCommentEnd {
		return false
	}
	depth := 0
	for i, t := range toks {
		switch {
		case t.kind == tokExecComment:
			return depth == 0 && string(a.l.bytes(toks[i+1])) == ","
		case string(a.l.bytes(t)) == "(":
			depth++
		case string(a.l.bytes(t)) == ")":
			depth--
		}
	}
	return false
}

// without returns toks without those executable comments that are not in set.
func without(toks []token, set int) (list []token) {
	in, n, cut := true, 0, false
	for _, t := range toks {
		switch t.kind {
		case tokExecComment:
			in = set>>n&1 == 1
			n++
			cut = true
		case tokExecCommentEnd:
			in, cut = true, true
		default:
			if in {
				t.spaced = t.spaced || cut
				list = append(list, t)
				cut = false
			}
		}
	}
	return list
}

// runsEverywhere tells whether MySQL from 5.7 and MariaDB from 10.0 on run
// what the opener begins. MariaDB skips 50700 to 99999.
func runsEverywhere(opener string) bool {
	if len(opener) < 3 || opener[2] != '!' {
		return false // /*M!
	}
	if len(opener) == 3 {
		return true
	}
	version, err := strconv.Atoi(opener[3:])
	return err == nil && version < 50700
}

// data tells whether p is about rows of a session table.
func (p *Plan) data() bool { return p.Table != nil || len(p.Others) > 0 }

// sameRoute tells whether two plans go the same way with the same effect on
// the client's session.
func sameRoute(p, q *Plan) bool {
	if p.Kind != q.Kind || p.Detail != q.Detail || p.Refuse != q.Refuse || p.Table != q.Table ||
		p.Schema != q.Schema || p.Verb != q.Verb || p.OtherColumn != q.OtherColumn ||
		p.ResultSet != q.ResultSet || p.ImplicitCommit != q.ImplicitCommit || p.Rows != q.Rows ||
		len(p.Others) != len(q.Others) || len(p.Set) != len(q.Set) || p.Database != q.Database ||
		p.NextTxn != q.NextTxn || p.Savepoint != q.Savepoint || p.Chain != q.Chain ||
		p.Release != q.Release || p.KillQuery != q.KillQuery || p.Waits != nil || q.Waits != nil {
		return false
	}
	if p.Prepared != nil || q.Prepared != nil || p.Diagnostics != nil || q.Diagnostics != nil || !slices.Equal(p.Routines, q.Routines) || p.ByDo != q.ByDo {
		return false
	}
	for i := range p.Set {
		if p.Set[i] != q.Set[i] {
			return false
		}
	}
	for i := range p.Others {
		if p.Others[i] != q.Others[i] {
			return false
		}
	}
	return sameValues(p.Keys, q.Keys) && sameValues(p.OtherValues, q.OtherValues) &&
		sameValues(p.Surrogates, q.Surrogates) && sameValues(p.CopiesFrom, q.CopiesFrom)
}

func sameValues(v, w []Value) bool {
	if len(v) != len(w) {
		return false
	}
	for i := range v {
		if v[i].Null != w[i].Null || !sameParts(v[i], w[i]) {
			return false
		}
	}
	return true
}
