package rewrite

import "slices"

// explains makes the plan of EXPLAIN, DESCRIBE or ANALYZE of a statement that
// names records, whose options begin at i: it goes where they are, for elsewhere
// there is nothing to be seen of them. It is false for all others. runs: it
// carries the statement out as well, and so must be a read.
func (a *analyzer) explains(i int, runs bool) bool {
	for a.is(i, "extended") || a.is(i, "partitions") || a.is(i, "format") {
		if a.is(i, "format") {
			if !a.op(i+1, "=") {
				return false
			}
			i += 2
		}
		i++
	}
	switch a.word(i) {
	case "select", "insert", "replace", "update", "delete", "with":
	default:
		if !a.op(i, "(") {
			return false
		}
	}
	outer, all := a.p, slices.Clone(a.toks)
	p := a.planOf(all[i:])
	why := a.uncertain(p)
	a.p, a.toks = outer, all
	switch {
	case p.Refuse != "" || why != "" || p.Table == nil || len(p.Keys) == 0:
		return false
	case p.Kind == KindRead:
	case !runs && (p.Kind == KindReadForUpdate || p.Kind == KindWrite || p.Kind == KindMove):
	default:
		return false
	}
	*outer = Plan{Kind: KindAny, Verb: VerbShow, Detail: "schema metadata", ResultSet: true, Explains: true,
		Table: p.Table, Schema: p.Schema, Keys: p.Keys, Params: outer.Params, Uses: outer.Uses}
	return true
}
