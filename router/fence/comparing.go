package fence

import "context"

// Comparing is a Store that knows which tables differ between stores.
type Comparing interface {
	Store
	// Differs says in what a table differs between some stores; nil if it does
	// not. lasts: it is not worth waiting for.
	Differs(table uint16, stores []uint16) (d *Differs, lasts bool)
}

// uniform is an error if copies of the keys, which are placed, could not be made.
// It returns false, without an error, if the keys must be placed again.
func (o *op) uniform(ctx context.Context, keys []Key) (bool, error) {
	c := o.g.comparing
	if c == nil {
		return true, nil
	}
	for i := range keys {
		d, lasts := c.Differs(keys[i].Table, o.sites[i].holders())
		if d == nil {
			continue
		}
		why := &Unavailable{Reason: Unequal, Err: d}
		if lasts {
			o.g.counts.refused.Add(1)
			return false, why
		}
		return false, o.pause(ctx, pauseOwners, why)
	}
	return true, nil
}
