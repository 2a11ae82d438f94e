package replica

import "slices"

// Connections are taken in the stores' own order, not in the key's: of clients
// that wait for a connection while they hold one of another store, none then
// waits for one that waits for it, however small the pools are. (In a
// transaction the statements give the order, and pool.wait_timeout ends it.)

// gather fills c.copies with connections to the first N stores of c.order that
// give one, in that order. Stores that are down are tried if no other is left.
func (c *Client) gather(w *Write) error {
	c.copies = c.copies[:0]
	var last error
	for _, force := range []bool{false, true} {
		for tried := 0; len(c.copies) < c.set.copies; {
			var few [8]uint16
			want := few[:0]
			for tried < len(c.order) && len(c.copies)+len(want) < c.set.copies {
				i := c.order[tried]
				tried++
				if c.live(int(i)) != force || c.pinned[i] != nil {
					want = append(want, i)
				}
			}
			if len(want) == 0 {
				break
			}
			slices.Sort(want)
			for _, i := range want {
				conn, err := c.acquireCopy(int(i), force)
				switch {
				case err == nil:
					c.copies = append(c.copies, copyOf{store: int(i), conn: conn})
				case c.ctx.Err() != nil:
					c.releaseCopies()
					return c.aborted()
				case !storeFailed(err):
					c.releaseCopies()
					return err
				default:
					last = err
				}
			}
		}
		if len(c.copies) > 0 {
			c.rank(w)
			return nil
		}
	}
	return unreachable(last)
}

// rank puts the copies into the key's order and says which of them run the
// statement: the first always, the others unless it would not do the same
// there, or they stand in for stores that are down and may lack the record.
func (c *Client) rank(w *Write) {
	at := func(cp copyOf) int { return slices.Index(c.order, uint16(cp.store)) }
	slices.SortFunc(c.copies, func(a, b copyOf) int { return at(a) - at(b) })
	for i := range c.copies {
		stands := at(c.copies[i]) >= c.set.copies && w.Partial
		c.copies[i].sent = i == 0 || !(w.Image || stands)
	}
	if len(c.copies) < c.set.copies {
		c.set.short(len(c.copies))
	} else {
		c.set.full()
	}
}

func (c *Client) releaseCopies() {
	for i := range c.copies {
		if cp := &c.copies[i]; cp.conn != nil {
			c.finishCopy(cp)
		}
	}
}

// finishCopy gives a copy's connection back; see finish.
func (c *Client) finishCopy(cp *copyOf) {
	c.finish(cp.store, cp.conn)
	cp.conn = nil
}

// dropLoose ends what the running statement has begun on connections that the
// transaction does not hold yet. With autocommit off a transaction is open
// there all the same, and would keep its row locks.
func (c *Client) dropLoose() {
	for i := range c.copies {
		cp := &c.copies[i]
		switch {
		case cp.conn == nil || c.pinned[cp.store] == cp.conn:
		case c.kept[cp.store] == cp.conn: // it must live on, for its locks
			c.pin(cp.store, cp.conn)
		default:
			c.drop(cp.store, cp.conn)
		}
		cp.conn = nil
	}
}
