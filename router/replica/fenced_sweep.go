package replica

import (
	"bytes"
	"errors"
	"slices"

	"github.com/dsmproxy/dsmproxy/protocol"
	"github.com/dsmproxy/dsmproxy/router/fence"
)

// A sweep at the levels safe and strict finds its keys by a survey, at their
// primaries alone, and then writes them in batches, each of one primary, as one
// fenced write: it is carried out there and nowhere else, and the records as
// they are then are copied. The batch keeps the statement's condition, so what
// does not fulfil it any more stays as it is and is not counted. Two sweeps
// write their keys in one order, so that neither waits for the other in a
// circle, and hold the locks of one batch at most.

const (
	// fencedRemoved and fencedUpdated are how many records are written at a time:
	// those that are updated are carried over.
	fencedRemoved = 250
	fencedUpdated = 50
	// maxFencedFound is how many keys a store is asked for at a time, copies of
	// what others are the primaries of among them.
	maxFencedFound = 200_000
)

// fencedCollect is collect: the keys that the primaries find. more says that a
// store may have further ones.
func (c *Client) fencedCollect(w *Sweep, limit uint64, fix []byte) (keys [][]byte, more bool, err error) {
	req, done := w.Select(limit)
	defer done()
	var stores []int
	var refused *protocol.Error
	err = c.askPrimaries(w.Table, nil, &question{req: req, fix: fix, join: true}, func(asked []int) {
		keys, more, stores = nil, false, asked
	}, func(cp *copyOf, frames []byte) error {
		if cp.answer.Err != nil {
			if refused == nil {
				refused = cp.answer.Err
			}
			return nil
		}
		found, err := firstColumn(frames, &cp.answer, c.Login.Capabilities.Has(protocol.ClientDeprecateEOF), req)
		more = more || uint64(len(found)) >= limit
		for _, key := range found {
			if c.firstOf(stores, w.placed(key)) == cp.store {
				keys = append(keys, key)
			}
		}
		return err
	})
	if err == nil && refused != nil {
		err = refused
	}
	return keys, more, err
}

// fencedRounds finds the records and writes them, a part at a time if they go.
func (c *Client) fencedRounds(w *Sweep, sc *schema, fix []byte) (sum swept, err error) {
	for every := false; ; {
		limit := uint64(maxFencedFound)
		if every || !w.Removes {
			limit = maxRows
		}
		left := uint64(maxRows)
		if w.Limit >= 0 {
			if left = uint64(w.Limit) - sum.affected; left == 0 {
				return sum, nil
			}
		}
		keys, more, err := c.fencedCollect(w, limit, fix)
		if err != nil {
			return sum, err
		}
		if uint64(len(keys)) > left {
			keys, more = keys[:left], true
		}
		round, err := c.fencedSweepKeys(w, sc, keys, fix)
		sum.add(round)
		switch {
		case err != nil || !w.Removes || !more:
			return sum, err
		case round.affected > 0:
		case every:
			return sum, nil // others have been faster
		default: // what the stores have named are copies
			every = true
		}
	}
}

const maxRows = 1<<63 - 1

// fencedSweepKeys writes the records of the given keys, as the stores have them.
func (c *Client) fencedSweepKeys(w *Sweep, sc *schema, keys [][]byte, fix []byte) (sum swept, err error) {
	size := fencedUpdated
	if w.Removes {
		size = fencedRemoved
	}
	groups := make([][]sweptKey, len(c.set.stores)+1) // by primary; the first if there is none
	for _, key := range keys {
		g := &groups[1+c.primary(w.placed(key))]
		*g = append(*g, sweptKey{key: key})
	}
	for i, group := range groups {
		slices.SortFunc(group, func(a, b sweptKey) int { return bytes.Compare(a.key, b.key) })
		for len(group) > 0 {
			n := min(len(group), size)
			if i == 0 {
				n = 1
			}
			out, err := c.fencedBatch(w, sc, group[:n], fix)
			if errors.Is(err, ErrApart) && n > 1 { // the view has changed
				for _, k := range group[:n] {
					if out, err = c.fencedBatch(w, sc, []sweptKey{k}, fix); err != nil {
						return sum, err
					}
					sum.add(out)
				}
				group = group[n:]
				continue
			}
			sum.add(out)
			if err != nil {
				return sum, err
			}
			group = group[n:]
		}
	}
	return sum, nil
}

// primary is the primary of a key as far as is known.
func (c *Client) primary(key []byte) int { return c.set.group.Primary(fence.Key{ID: key}) }

// fencedBatch writes records of one primary.
func (c *Client) fencedBatch(w *Sweep, sc *schema, keys []sweptKey, fix []byte) (out swept, err error) {
	req, done := w.Batch(sc.keyList(keys))
	defer done()
	placed := make([][]byte, 0, len(keys))
	for _, k := range keys {
		p := w.placed(k.key)
		if !slices.ContainsFunc(placed, func(o []byte) bool { return bytes.Equal(o, p) }) {
			placed = append(placed, p)
		}
	}
	write := &Write{Req: req, Table: w.Table, Keys: placed, Updates: !w.Removes, Returns: w.Returns, fix: fix}
	for try := 1; ; try++ {
		if err := c.interrupted(); err != nil {
			return out, err
		}
		if err := c.fencedPart(write); err != nil {
			return out, err
		}
		a := c.frame.Answer()
		// Nothing has been changed then. The next try may succeed where one client
		// sweeps what another writes.
		if a.Err == nil || a.Err.Code != protocol.ErrLockDeadlock || c.InTxn() || try == maxRepairs {
			break
		}
	}
	a := c.frame.Answer()
	if a.Err != nil {
		return out, a.Err
	}
	if w.Returns {
		a.AffectedRows = a.Rows
		if err := w.returned.add(c.held); err != nil {
			return out, err
		}
	}
	out.affected, out.warnings, out.notes = a.AffectedRows, a.Warnings, c.Notes
	out.tells = tellsOf(c.held)
	return out, nil
}
