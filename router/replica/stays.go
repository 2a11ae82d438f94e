package replica

import "slices"

// StaysKept is what Stays says of a client that has a store's connection of its
// own, by Keep, which who has called that can say more of.
const StaysKept = "has a store's connection of its own"

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
	case slices.ContainsFunc(c.locks, func(l heldLock) bool { return l.name != "" }) || len(c.homes) > 0:
		return "holds a named lock"
	case c.fencing != nil && c.fencing.lost != "":
		return "has lost a named lock" // which its next statement is to be told
	case c.came.Load():
		return "being killed"
	case c.Holds() || len(c.locks) > 0:
		return StaysKept
	}
	return ""
}
