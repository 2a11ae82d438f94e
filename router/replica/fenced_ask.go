package replica

import (
	"errors"
	"slices"

	"github.com/dsmproxy/dsmproxy/protocol"
	"github.com/dsmproxy/dsmproxy/router/fence"
)

// What concerns records of several primaries asks all stores that are up, as of
// one view, and takes from each what it is the primary of (fence.Survey).

// survey begins a survey of the records of tables; keys are nil for all.
func (c *Client) survey(tables []Table, keys [][]byte) (*fence.Survey, error) {
	var numbers []uint16
	var list []fence.Key
	for _, t := range tables {
		if t.Parts != nil {
			return nil, notFenced("a table whose records have rows in others (secondary)")
		}
		n, err := c.tableNumber(t)
		if err != nil {
			return nil, err
		}
		numbers = append(numbers, n)
		for _, k := range keys {
			list = append(list, fence.Key{Table: n, ID: k})
		}
	}
	return c.set.group.Survey(numbers, list), nil
}

// askPrimaries sends q to all primaries of t's records, or of those of keys,
// and calls got with each answer, which is valid until got returns. If it has
// to begin anew it calls begin again, with the stores that are asked: the first
// of them in a key's order answers for that.
func (c *Client) askPrimaries(t Table, keys [][]byte, q *question, begin func(stores []int), got func(cp *copyOf, frames []byte) error) error {
	s, err := c.survey([]Table{t}, keys)
	if err != nil {
		return err
	}
	defer s.End()
	for {
		stores, err := s.Begin(c.wait)
		if err != nil {
			return c.fenceError(err)
		}
		begin(stores)
		if q.at = stores; keys != nil {
			q.at = nil
			for _, k := range keys {
				if i := c.firstOf(stores, k); !slices.Contains(q.at, i) {
					q.at = append(q.at, i)
				}
			}
		}
		refused := false
		down, err := c.everywhere(q, func(cp *copyOf, frames []byte) error {
			refused = refused || cp.answer.Err != nil
			return got(cp, frames)
		})
		if err != nil {
			return err
		}
		c.releaseCopies()
		switch {
		case len(down) > 0:
			if err := s.Failed(c.wait, down[0], errNoAnswer); err != nil {
				return c.fenceError(err)
			}
			continue
		case refused:
			return nil // which tells of no record
		}
		ok, err := s.Confirm(c.wait)
		if err != nil {
			return c.fenceError(err)
		}
		switch {
		case ok && c.txnLasts():
			return nil
		case c.InTxn():
			return c.fenceError(fence.ErrRestart)
		}
	}
}

var errNoAnswer = errors.New("it does not answer")

// fencedFind is Find.
func (c *Client) fencedFind(w *Find) (keys, spelled [][]byte, without []int, err error) {
	req, err := c.findRequest(w)
	if err != nil {
		return nil, nil, nil, err
	}
	var only [][]byte
	if w.Key != nil {
		only = [][]byte{w.Key}
	}
	var asked []int
	var refused *protocol.Error
	err = c.askPrimaries(w.Table.Table, only, &question{req: req, join: true}, func(stores []int) {
		keys, spelled, without, asked = nil, nil, nil, stores
	}, func(cp *copyOf, frames []byte) error {
		if refused = cp.answer.Err; refused != nil {
			return nil
		}
		found, err := firstColumn(frames, &cp.answer, c.Login.Capabilities.Has(protocol.ClientDeprecateEOF), req)
		if len(found) == 0 {
			without = append(without, cp.store)
		}
		for _, key := range found {
			placed := key
			if w.Table.Fold != nil {
				placed = w.Table.Fold(key)
			}
			if c.firstOf(asked, placed) == cp.store {
				keys, spelled = append(keys, placed), append(spelled, key)
			}
		}
		return err
	})
	if err == nil && refused != nil {
		err = refused
	}
	return keys, spelled, without, err
}

// fencedNone carries a read out, on one of stores, that finds nothing there.
func (c *Client) fencedNone(stores []int, req Request) error {
	if len(stores) == 0 {
		return unreachable(nil)
	}
	conn, err := c.acquireAt(stores[0])
	if err != nil {
		return err
	}
	s := c.fencing.stmt.begin(c, req, nil)
	s.store = stores[0]
	if err = s.Queue(c.ctx, conn); err == nil {
		err = conn.Send()
	}
	if err == nil {
		err = s.Answer(conn)
	}
	s.Settle(conn, err)
	if err != nil {
		return unreachable(err)
	}
	if a := c.frame.Answer(); a.Err == nil && a.Rows > 0 {
		return protocol.Errorf(protocol.ErrLockDeadlock, "dsmproxy: the record was written meanwhile, try restarting the transaction")
	}
	err = s.tell(nil)
	c.settle()
	return err
}
