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

// copyable refuses writes of a table whose records can't be copied as they are
// (ledger.Unfit), or of which two, each accepted by its own primary, may not be
// able to lie on one store.
func (c *Client) copyable(t Table) error {
	c.KeyRule(t)
	if why := c.keyRule.unfit; why != "" {
		return notFenced("a write of table " + t.quoted() + ", " + why + ",")
	}
	return nil
}
