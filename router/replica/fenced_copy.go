package replica

import (
	"slices"
)

// An INSERT ... SELECT of one record into another, at the levels safe and
// strict. If both keys have one primary, it is one write there. Else it is
// carried out at the new key's primary, which is given the record that is read
// for as long as the statement runs:
//
//	the primary of what is read              the primary of what is written
//	the record, locked            ->         is put there, beside what is there
//	                                         the client's INSERT ... SELECT
//	                                         what was there of the other key, again
//	COMMIT                                   COMMIT
//
// Only the record that is written has changed, so only that is copied.

// fencedCopyRecord is CopyRecord.
func (c *Client) fencedCopyRecord(w *Write) error {
	return c.fencedAcross(w, c.copyApart)
}

// copyApart does all but the COMMITs. The answer is in c.held then.
func (c *Client) copyApart(w *Write, own bool) error {
	list, err := c.fenceKeys(w.Table, w.Keys)
	if err != nil {
		return err
	}
	list = slices.Clone(list)
	from, to, err := c.partsOf(list)
	if err != nil {
		return err
	}
	sc, err := c.schema(w.Table)
	if err != nil {
		return err
	}
	read := w.spelled()[0]
	src, err := c.moveConn(from)
	if err != nil {
		return err
	}
	rows, err := moveRows(c, src, sc, read)
	if err == nil {
		err = c.tellable(w, from, list[:1])
	}
	if err != nil {
		return err
	}
	dst, err := c.moveConn(to)
	if err != nil {
		return err
	}
	beside, err := moveRows(c, dst, sc, read)
	if err == nil {
		err = c.install(dst, sc.installImage(read, rows), false)
	}
	if err != nil {
		return lostPart(err)
	}
	done, err := c.moveRun(w, to, own)
	if err != nil {
		return err
	}
	if err := c.install(dst, sc.installImage(read, beside), false); err != nil {
		return lostPart(err)
	}
	if !done { // it has told of both records
		if err := c.txn.partAt(to).txn.Read(c.ctx, repeated{&c.fencing.stmt}, list[1:]); err != nil {
			return err
		}
		return errAnswered
	}
	c.txn.partAt(to).wrote(list[1:])
	return nil
}
