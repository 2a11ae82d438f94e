package view

// Who holds a key. The stores that do follow from the view, from the key's
// preference list (order) and from the number of copies N (n):
//
//   - the owners are the first N stores of the order that are Up;
//   - the primary is the first of them;
//   - the joiners are the stores in Join that would be an owner if they alone
//     were Up;
//   - the targets are both: each write goes to all of them.
//
// With N = 2 and the order s2 s0 s3 s1, where s2 is in Join and the others are
// Up, the owners are s0 and s3, s2 is a joiner, and s1 is nothing.

// Owners appends the owners to dst.
func (v *View) Owners(dst, order []uint16, n int) []uint16 {
	for _, s := range order {
		if n == 0 {
			break
		}
		if v.gens[s].State() == Up {
			dst = append(dst, s)
			n--
		}
	}
	return dst
}

// Primary is the first store of order that is Up, or -1.
func (v *View) Primary(order []uint16) int {
	for _, s := range order {
		if v.gens[s].State() == Up {
			return int(s)
		}
	}
	return -1
}

// Targets appends the owners, the primary first, and then the joiners to dst,
// and says how many of them are owners.
func (v *View) Targets(dst, order []uint16, n int) (targets []uint16, owners int) {
	from := len(dst)
	dst = v.Owners(dst, order, n)
	owners = len(dst) - from
	before := 0
	for _, s := range order {
		if before == n {
			break
		}
		switch v.gens[s].State() {
		case Up:
			before++
		case Join:
			dst = append(dst, s)
		}
	}
	return dst, owners
}

// IsTarget reports whether a store is among the targets.
func (v *View) IsTarget(store int, order []uint16, n int) bool {
	if v.gens[store].State() == Down {
		return false
	}
	for _, s := range order {
		if int(s) == store {
			return true
		}
		if v.gens[s].State() == Up {
			if n--; n == 0 {
				return false
			}
		}
	}
	return false
}

// SettledBy reports whether a store that held the newest version of a key when
// the view was c provably holds it in v, which is above c: it was among the
// targets in every view that may have been between them, so that every write
// that was acknowledged since has reached it. c may be nil: the store's memory
// was lost.
//
// Between c and v lies every vector whose registers are between theirs. Most
// stores are before the one in question in the order if each is Up at some
// time, so one count decides.
func (v *View) SettledBy(c *View, store int, order []uint16, n int) bool {
	if c == nil || c.placement != v.placement || c.gens[store] < v.Void(store) {
		return false
	}
	if c == v {
		return v.IsTarget(store, order, n)
	}
	if !c.AtMost(v) || c.State(store) == Down || passes(c.gens[store], v.gens[store], Down) {
		return false
	}
	for _, s := range order {
		if int(s) == store {
			return true
		}
		if c.State(int(s)) == Up || passes(c.gens[s], v.gens[s], Up) {
			if n--; n == 0 {
				return false
			}
		}
	}
	return false
}

// CoversAll reports whether SettledBy holds for every key whose primary the
// store is in v, whatever its order.
func (v *View) CoversAll(c *View, store, n int) bool {
	if c == nil || c.placement != v.placement || c.gens[store] < v.Void(store) {
		return false
	}
	if !c.AtMost(v) || c.State(store) == Down || passes(c.gens[store], v.gens[store], Down) {
		return false
	}
	for s := range v.gens {
		// What is Up in v does not come before a primary.
		if v.State(s) == Up {
			continue
		}
		if c.State(s) == Up || passes(c.gens[s], v.gens[s], Up) {
			if n--; n == 0 {
				return false
			}
		}
	}
	return true
}
