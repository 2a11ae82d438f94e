package replica

// fencedWrite carries out a write of records that have one primary, there, and
// has it copied.
func (c *Client) fencedWrite(w *Write) error {
	if err := c.copyable(w.Table); err != nil {
		return err
	}
	if c.within() {
		return c.fencedWithin(w.Table, w.Keys, w.Req, w)
	}
	list, err := c.fenceKeys(w.Table, w.Keys)
	if err != nil {
		return err
	}
	defer c.unshield(c.whole())
	s := c.fencing.stmt.begin(c, w.Req, w)
	err = s.tell(c.set.group.Write(c.patience(), s, list))
	c.settle()
	return err
}

// copyable refuses writes of a table of which two records, each accepted by its
// own primary, may not be able to lie on one store.
func (c *Client) copyable(t Table) error {
	c.KeyRule(t)
	if second := c.keyRule.second; second != "" {
		return notFenced("a write of table " + t.quoted() + ", whose index " + quoteName(second) +
			" is unique besides the key, so that copies of records could exclude each other,")
	}
	return nil
}
