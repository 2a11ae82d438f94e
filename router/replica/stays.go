package replica

// Stays says what a client has here that can't go on in another process, between
// two of its commands; "" if there is nothing: what it has is in its State then,
// and in the exported fields that outlive a statement.
func (c *Client) Stays() string {
	t := &c.txn
	switch {
	case c.InTxn():
		return "in a transaction"
	case len(t.prefix) > 0 || len(t.saves) > 0 || t.access != AccessDefault || t.once:
		return "SET TRANSACTION"
	case len(c.cursors) > 0 || c.opened != nil:
		return "open cursor"
	case c.Holds() || len(c.locks) > 0 || len(c.homes) > 0 || c.fencing != nil && c.fencing.lost != "":
		return "holds a lock or a temporary table"
	case c.came.Load():
		return "being killed"
	}
	return ""
}
