package replica

import "github.com/dsmproxy/dsmproxy/router/fence"

// fencedRead carries out a read of records that have one primary, there. A
// locking read is as good as any other outside a transaction: its locks end
// with it.
func (c *Client) fencedRead(t Table, keys [][]byte, req Request) error {
	if c.within() {
		return c.fencedWithin(t, keys, req, nil)
	}
	list, err := c.fenceKeys(t, keys)
	if err != nil {
		return err
	}
	return c.readAlone(c.fencing.stmt.begin(c, req, nil), list)
}

// readAlone carries s out, a read outside a transaction.
func (c *Client) readAlone(s *fencedStmt, list []fence.Key) error {
	err := c.set.group.Read(c.wait, s, list)
	if err == nil && s.warned() {
		// They are lost with what has been asked behind the statement.
		s.notes = true
		err = c.set.group.Read(c.wait, s, list)
	}
	err = s.tell(err)
	c.settle()
	return err
}

// warned reports whether a read has given warnings that were not asked for.
func (s *fencedStmt) warned() bool {
	a := s.client.frame.Answer()
	return !s.asksNotes() && s.refused == nil && a.Err == nil && a.Warnings != 0 && s.client.opened == nil
}
