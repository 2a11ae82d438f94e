package rewrite

// maxDepth bounds how deep the parser's tree may be. What walks it calls
// itself, and a stack that overflows takes the process with it.
const maxDepth = 10_000

// depth returns a bound for the depth of the parser's tree: of the parentheses
// open at any point, with the operators and joins that may nest in each.
// Commas separate what does not nest, but for those behind FROM.
func (a *analyzer) depth() int {
	type level struct {
		ops  int
		from bool
	}
	levels := []level{{}}
	sum, most := 0, 0
	for i, t := range a.toks {
		top := &levels[len(levels)-1]
		switch {
		case a.op(i, "("):
			levels = append(levels, level{})
			sum++
		case a.op(i, ")"):
			if len(levels) > 1 {
				sum -= top.ops + 1
				levels = levels[:len(levels)-1]
			}
		case a.op(i, ",") && !top.from:
			sum -= top.ops
			top.ops = 0
		case t.kind == tokOp && !a.op(i, "."), t.kind == tokWord && nestingWords[a.word(i)]:
			top.ops++
			sum++
			top.from = top.from || a.is(i, "from")
		}
		most = max(most, sum)
	}
	return most
}

// nestingWords are words that operators, joins and the like are made of.
var nestingWords = words(`and or xor not is in like rlike regexp between case when div mod binary
	collate interval escape sounds join straight_join union except intersect from select member
	match any all some exists with where`)
