package replica

// fencedWrite carries out a write of records that have one primary, there, and
// has it copied.
func (c *Client) fencedWrite(w *Write) error {
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
