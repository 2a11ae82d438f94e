package replica

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/dsmproxy/dsmproxy/protocol"
	"github.com/dsmproxy/dsmproxy/router/fence"
	"github.com/dsmproxy/dsmproxy/router/ledger"
	"github.com/dsmproxy/dsmproxy/router/store"
)

// COMMIT of a transaction that has named records, at the levels safe and strict:
//
//  1. The parts that have written records, one after the other, in the stores'
//     order, but where a record has moved, that of its new key first. Each is
//     atomic, and fenced.
//  2. The rest: parts that have only read, and the store of the other tables.
//     These can hardly be refused, so they come last.
//  3. The records are copied, once all have let go of their row locks.
//
// While nothing is committed, a failure rolls all of it back, with the error of
// a deadlock. After that the parts that are left are rolled back, and an error
// names what is committed and what is not.

// fencedOutcome is how such a COMMIT went.
type fencedOutcome struct {
	decided   []*fence.Decided
	committed []int // stores
	undone    []int // stores whose part is rolled back though another is not
	unknown   []int // stores of which it is not known
	last      error
}

// fencedCommit is Commit.
func (c *Client) fencedCommit() error {
	defer c.unshield(c.shield())
	if c.gone() {
		c.Rollback()
		return c.aborted()
	}
	if err := c.commitable(); err != nil {
		return c.fail(err)
	}
	var o fencedOutcome
	err := c.commitParts(&o)
	if err == nil {
		err = c.commitRest(&o)
	}
	if err != nil {
		c.Rollback()
		return c.fenceError(err)
	}
	for _, i := range c.members() { // after a failure
		o.undone = append(o.undone, i)
	}
	written := len(o.decided)
	for _, i := range o.committed[len(o.decided):] {
		if slices.Contains(c.txn.alone, i) {
			written++
		}
	}
	c.Rollback()
	if err := o.copy(c); err != nil && written == 1 {
		return c.fenceError(err) // of all that there is
	}
	if len(o.undone) == 0 && len(o.unknown) == 0 {
		return nil
	}
	return c.half(&o)
}

// copy has what is committed copied, and notes what was lost with its store
// before that.
func (o *fencedOutcome) copy(c *Client) (last error) {
	stores := o.committed
	o.committed = slices.Clone(stores[len(o.decided):])
	for at, d := range o.decided {
		switch err := d.Copy(c.ctx); {
		case err == nil:
			o.committed = append(o.committed, stores[at])
			continue
		case errors.Is(err, fence.ErrRestart):
			o.undone, last = append(o.undone, stores[at]), err
		default:
			o.unknown, last = append(o.unknown, stores[at]), err
		}
	}
	if o.last == nil {
		o.last = last
	}
	return last
}

// commitable says what is known to keep the transaction from being committed as
// a whole.
func (c *Client) commitable() error {
	for _, i := range c.members() {
		if !c.pinned[i].Alive() { // else the outcome would be unknown
			return fmt.Errorf("store %s was lost before COMMIT", c.set.stores[i].Name())
		}
	}
	for i := range c.txn.parts {
		if p := &c.txn.parts[i]; len(p.keys) > 0 && !p.txn.Alive() {
			return errors.New("the stores' states have changed")
		}
	}
	return nil
}

// commitParts commits what has written records. An error means that nothing is
// committed.
func (c *Client) commitParts(o *fencedOutcome) error {
	c.txn.order()
	for at := range c.txn.parts {
		p := &c.txn.parts[at]
		if len(p.keys) == 0 {
			continue
		}
		i := p.txn.Store()
		s := c.fencing.stmt.begin(c, nil, nil)
		s.kind = ledger.Commit
		d, err := p.txn.Decide(c.ctx, s, p.keys)
		if err == nil {
			o.decided, o.committed = append(o.decided, d), append(o.committed, i)
			if c.pinned[i] != nil {
				c.unpin(i)
			}
			continue
		}
		if len(o.committed) == 0 {
			return err
		}
		o.failed(c, i, err, errors.Is(err, fence.ErrUnknown))
		return nil
	}
	return nil
}

// failed notes that the part at store i is not committed, or may not be.
func (o *fencedOutcome) failed(c *Client, i int, err error, unknown bool) {
	o.last = err
	if unknown {
		o.unknown = append(o.unknown, i)
	} else {
		o.undone = append(o.undone, i)
	}
	if conn := c.pinned[i]; conn != nil {
		c.drop(i, conn)
	}
}

// commitRest commits what no copies are made of. An error means that nothing is
// committed.
func (c *Client) commitRest(o *fencedOutcome) error {
	if o.last != nil {
		return nil
	}
	for _, i := range c.members() {
		conn := c.pinned[i]
		_, err := conn.Exec(c.ctx, commitSQL)
		if err == nil {
			o.committed = append(o.committed, i)
			c.unpin(i)
			continue
		}
		alone := slices.Contains(c.txn.alone, i)
		if !alone && len(o.decided) > 0 {
			c.drop(i, conn) // it has written nothing
			continue
		}
		if len(o.committed) > 0 {
			o.failed(c, i, err, store.MayHaveRun(err))
			return nil
		}
		var refused *protocol.Error
		switch {
		case errors.As(err, &refused):
			return refused
		case alone && store.MayHaveRun(err):
			o.failed(c, i, err, true)
			return nil
		}
		c.drop(i, conn)
		return fmt.Errorf("%w: %w", fence.ErrRestart, err)
	}
	return nil
}

// half is the error of a COMMIT that is not done everywhere.
func (c *Client) half(o *fencedOutcome) error {
	names := func(list []int) string {
		var s []string
		for _, i := range list {
			s = append(s, c.set.stores[i].Name())
		}
		return strings.Join(s, ", ")
	}
	var what []string
	if len(o.committed) > 0 {
		what = append(what, "what it has written on "+names(o.committed)+" is committed")
	}
	if len(o.undone) > 0 {
		what = append(what, "on "+names(o.undone)+" it is rolled back")
	}
	if len(o.unknown) > 0 {
		what = append(what, "on "+names(o.unknown)+" that is unknown")
	}
	c.set.log.Warn("COMMIT on several stores is not whole", "committed", names(o.committed),
		"rolled_back", names(o.undone), "unknown", names(o.unknown), "err", o.last)
	return protocol.Errorf(errDuringCommit, "dsmproxy: COMMIT of a transaction on several stores has failed (%v): %s",
		o.last, strings.Join(what, ", "))
}
