package replica

import (
	"slices"

	"github.com/dsmproxy/dsmproxy/protocol"
)

// A transaction keeps the access that it began with, whatever the session's
// transaction_read_only becomes meanwhile, and hands it on, as its isolation
// level, to the one that COMMIT AND CHAIN begins. Stores that join later, whose
// connections have the session's new default by then, are told by SET
// TRANSACTION before their BEGIN.

// Traits are what SET TRANSACTION, or the BEGIN itself, has made of a
// transaction.
type Traits struct {
	sets   []string
	access Access
}

// SET TRANSACTION as the proxy itself says it.
const (
	setReadOnly  = "SET TRANSACTION READ ONLY"
	setReadWrite = "SET TRANSACTION READ WRITE"
)

// Traits returns those of the transaction that is open, or else of the next one.
func (c *Client) Traits() Traits {
	n := c.txn.begun
	if !c.txn.open {
		n = len(c.txn.prefix)
		if len(c.txn.saves) > 0 {
			n = c.txn.saves[0].at
		}
	}
	t := Traits{access: c.txn.access}
	for _, sql := range c.txn.prefix[:n] {
		if sql != setReadOnly && sql != setReadWrite {
			t.sets = append(t.sets, sql)
		}
	}
	if c.InTxn() {
		t.access = AccessReadWrite
		if c.out.Status.Has(protocol.StatusInTransReadonly) {
			t.access = AccessReadOnly
		}
	}
	return t
}

// Chain opens a transaction with the traits of the one before it. readOnly is
// the session's own default.
func (c *Client) Chain(t Traits, readOnly bool) error {
	c.txn.prefix = append(c.txn.prefix, t.sets...)
	if err := c.Begin("START TRANSACTION", t.access, readOnly); err != nil {
		return err
	}
	if c.ReadOnly(readOnly) != readOnly {
		c.KeepAccess()
	}
	return nil
}

// ReadOnly reports whether what comes next may not write. readOnly is the
// session's own default.
func (c *Client) ReadOnly(readOnly bool) bool {
	switch {
	case c.InTxn():
		return c.out.Status.Has(protocol.StatusInTransReadonly)
	case c.txn.access != AccessDefault:
		return c.txn.access == AccessReadOnly
	}
	return readOnly
}

// KeepAccess has the stores that join later begin with the access that the open
// transaction has, although the session's default may become another one.
func (c *Client) KeepAccess() {
	if !c.txn.open {
		return
	}
	sql := setReadWrite
	if c.out.Status.Has(protocol.StatusInTransReadonly) {
		sql = setReadOnly
	}
	if slices.Contains(c.txn.prefix[:c.txn.begun], sql) {
		return
	}
	c.txn.prefix = slices.Insert(c.txn.prefix, c.txn.begun, sql)
	c.txn.begun++
	for i := range c.txn.saves {
		c.txn.saves[i].at++
	}
}
