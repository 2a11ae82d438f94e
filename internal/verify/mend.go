package verify

import (
	"context"

	"github.com/dsmproxy/dsmproxy/router/replica"
)

// MendUnfenced mends a difference at the level seed, by the rule by which that
// reads: of the stores that are up, the first one of the key's order that has
// the record is right. (A store that should have it first and has not may have
// been empty; so what others have is not taken for deleted.) t is d's table.
func MendUnfenced(ctx context.Context, set *replica.Set, t replica.Table, d Difference) error {
	var to, remove []int
	for _, f := range d.Faults {
		switch {
		case f.Kind == Extra: // that of d.Keep too, if it is no holder
			remove = append(remove, f.Store)
		default:
			to = append(to, f.Store)
		}
	}
	return set.Mend(ctx, t, d.Key.ID, d.Keep, to, remove)
}
