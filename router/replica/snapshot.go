package replica

import (
	"errors"
	"slices"
	"time"

	"github.com/dsmproxy/dsmproxy/protocol"
	"github.com/dsmproxy/dsmproxy/router/store"
)

// START TRANSACTION WITH CONSISTENT SNAPSHOT is for who reads many records in
// one state, as a dump does. Other transactions reach a store with the first
// statement that names one; this one begins at all stores that are up, and so
// its snapshots are of one moment but for the time that the stores take to hear
// of it. At the levels safe and strict those are the stores of a survey, and
// the transaction lasts as long as the view in which they were taken.

// Snapshot begins the transaction, which Begin has opened, at all stores. It
// returns how many warnings the first one gives, with Notes.
func (c *Client) Snapshot() (warnings uint16, err error) {
	if c.fenced() {
		return c.fencedSnapshot()
	}
	var all []int
	for i := range c.set.stores {
		if c.live(i) {
			all = append(all, i)
		}
	}
	last, err := c.snapshotAt(all)
	if err == nil && !c.Holds() {
		err = unreachable(last)
	}
	if err == nil {
		warnings, err = c.snapshotNotes()
	}
	if err != nil {
		c.Rollback()
	}
	return warnings, err
}

// fencedSnapshot is Snapshot by a survey.
func (c *Client) fencedSnapshot() (warnings uint16, err error) {
	s := c.set.group.Survey(nil, nil)
	defer s.End()
	prefix, begun, status := slices.Clone(c.txn.prefix), c.txn.begun, c.out.Status
	for {
		stores, err := s.Begin(c.wait)
		if err != nil {
			return 0, c.fenceError(err)
		}
		last, err := c.snapshotAt(stores)
		if err != nil {
			c.Rollback()
			return 0, err
		}
		if last == nil {
			var ok bool
			if ok, err = s.Confirm(c.wait); err == nil && ok {
				break
			}
		} else {
			lost := slices.IndexFunc(stores, func(i int) bool { return c.pinned[i] == nil })
			err = s.Failed(c.wait, stores[lost], last)
		}
		c.Rollback()
		if err != nil {
			return 0, c.fenceError(err)
		}
		c.txn.open, c.txn.begun, c.txn.prefix = true, begun, append(c.txn.prefix, prefix...)
		c.out.Status = status
	}
	for _, i := range c.members() {
		c.txn.parts = append(c.txn.parts, fencedPart{txn: s.Txn(i)})
	}
	if warnings, err = c.snapshotNotes(); err != nil {
		c.Rollback()
	}
	return warnings, err
}

// snapshotAt brings stores into the transaction, all at once. last is why one of
// them could not be reached; it is passed over from then on.
func (c *Client) snapshotAt(stores []int) (last, err error) {
	pass := func(i int, why error) error {
		if c.pinned[i] != nil {
			c.drop(i, c.pinned[i])
		}
		if c.ctx.Err() != nil {
			return c.aborted()
		}
		if !storeFailed(why) {
			return why
		}
		last, c.txn.passed = why, append(c.txn.passed, i)
		return nil
	}
	for _, i := range stores {
		conn, err := c.acquire(i, false, false)
		if err == nil {
			c.pin(i, conn)
			err = queueAll(conn, c.txn.prefix)
		}
		if err != nil {
			if err = pass(i, err); err != nil {
				return nil, err
			}
		}
	}
	for _, i := range c.members() {
		if err := c.pinned[i].Send(); err != nil {
			if err = pass(i, err); err != nil {
				return nil, err
			}
		}
	}
	for _, i := range slices.Clone(c.members()) {
		if err := readAll(c.pinned[i], len(c.txn.prefix)); err != nil {
			if err = pass(i, err); err != nil {
				return nil, err
			}
		}
	}
	return last, nil
}

// queueAll queues statements of the proxy's own.
func queueAll(conn *store.Conn, sqls []string) error {
	conn.Begin(time.Time{})
	for _, sql := range sqls {
		if err := conn.Queue(append([]byte{byte(protocol.ComQuery)}, sql...)); err != nil {
			return err
		}
	}
	return nil
}

// readAll reads the answers of n statements and returns the first error in them.
func readAll(conn *store.Conn, n int) (first error) {
	for range n {
		_, err := conn.ReadRows()
		var refused *protocol.Error
		if err != nil && !errors.As(err, &refused) {
			return err
		}
		if first == nil {
			first = err
		}
	}
	return first
}

// snapshotNotes asks a store for the warnings that the last statement of
// snapshotAt has given: none but that the isolation level has no snapshots.
func (c *Client) snapshotNotes() (uint16, error) {
	i := c.members()[0]
	if c.pinned[i].Warnings() == 0 {
		return 0, nil // what else it knows of is older
	}
	rows, err := c.pinned[i].Query(c.ctx, "SHOW WARNINGS")
	if err != nil {
		return 0, c.fail(err)
	}
	c.Notes = rows
	return uint16(len(rows)), nil
}
