package replica

import (
	"errors"
	"slices"
)

// ErrApart says that the records of a statement have no store in common.
var ErrApart = errors.New("the keys have no store in common")

// firstLive appends the first N live stores of key's order to dst; if none is
// alive, the first N.
func (c *Client) firstLive(dst []uint16, key []byte) []uint16 {
	c.set.place.Order(c.order, key)
	at := len(dst)
	for _, i := range c.order {
		if c.live(int(i)) && len(dst)-at < c.set.copies {
			dst = append(dst, i)
		}
	}
	if len(dst) == at {
		dst = append(dst, c.order[:c.set.copies]...)
	}
	return dst
}

// ReadSeveral carries out a read of several records on the store that reads of
// each would ask, or returns ErrApart if these differ. A locking read goes to
// any store that should hold all of them.
func (c *Client) ReadSeveral(t Table, keys [][]byte, req Request, lock bool) error {
	if c.fenced() {
		return c.fencedRead(t, keys, req)
	}
	if !lock {
		first := c.first(keys[0])
		for _, key := range keys[1:] {
			if c.first(key) != first {
				return ErrApart
			}
		}
		if first < 0 {
			return ErrApart
		}
		next, err := c.onStore(first, req, true, false)
		if next {
			return ErrApart // as they are without this store
		}
		return err
	}
	common := c.firstLive(nil, keys[0])
	for _, key := range keys[1:] {
		holds := c.firstLive(nil, key)
		common = slices.DeleteFunc(common, func(i uint16) bool { return !slices.Contains(holds, i) })
	}
	if len(common) == 0 {
		return ErrApart
	}
	for _, key := range keys {
		if err := c.lockKey(key); err != nil {
			return err
		}
	}
	defer c.unlockKeys()
	return c.onFirst(common, req, true)
}

// first is the store that a read of key asks; -1 if all are down.
func (c *Client) first(key []byte) int {
	c.set.place.Order(c.order, key)
	for _, i := range c.order {
		if c.live(int(i)) || c.pinned[i] != nil {
			return int(i)
		}
	}
	return -1
}

// Together reports whether the records of all keys have the same stores, so
// that one statement can write them.
func (c *Client) Together(keys [][]byte) bool {
	if c.fenced() {
		return c.onePrimary(keys)
	}
	first := c.firstLive(nil, keys[0])
	slices.Sort(first)
	for _, key := range keys[1:] {
		other := c.firstLive(nil, key)
		slices.Sort(other)
		if !slices.Equal(first, other) {
			return false
		}
	}
	return true
}
