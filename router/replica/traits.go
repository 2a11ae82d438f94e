package replica

import (
	"slices"
	"strings"

	"github.com/dsmproxy/dsmproxy/protocol"
	"github.com/dsmproxy/dsmproxy/router/store"
)

// A transaction keeps the access and the isolation level that it began with,
// whatever the session's own become meanwhile, and hands them on to the one that
// COMMIT AND CHAIN begins. Stores that join later, whose connections have the
// session's new defaults by then, are told by SET TRANSACTION before their BEGIN.
// Where no transaction is open, a new default makes void what SET TRANSACTION has
// said of the next one.

// Traits are what SET TRANSACTION, or the BEGIN itself, has made of a
// transaction.
type Traits struct {
	sets   []string
	access Access
}

// SET TRANSACTION as the proxy itself says it.
const (
	setIsolation = "SET TRANSACTION ISOLATION LEVEL "
	setReadOnly  = "SET TRANSACTION READ ONLY"
	setReadWrite = "SET TRANSACTION READ WRITE"
)

func setsIsolation(sql string) bool { return strings.HasPrefix(sql, setIsolation) }

func setsAccess(sql string) bool { return sql == setReadOnly || sql == setReadWrite }

// NextTxn takes SET TRANSACTION, which concerns the next transaction only.
// isolation is as @@tx_isolation has it; "" for none.
func (c *Client) NextTxn(isolation string, a Access) {
	if isolation != "" {
		c.tell(setsIsolation, setIsolation+strings.ReplaceAll(isolation, "-", " "))
	}
	if a != AccessDefault {
		c.txn.access = a
		c.tell(setsAccess, a.set())
	}
}

func (a Access) set() string {
	if a == AccessReadOnly {
		return setReadOnly
	}
	return setReadWrite
}

// ForgetNext makes void what SET TRANSACTION has said: a statement that a
// transaction is for has been carried out.
func (c *Client) ForgetNext() {
	if !c.InTxn() {
		c.untell(setsIsolation)
		c.untell(setsAccess)
		c.txn.access = AccessDefault
	}
}

// tell has the stores that join from now on run a SET TRANSACTION, in the place
// of one that says the like.
func (c *Client) tell(like func(sql string) bool, sql string) {
	c.untell(like)
	at := c.told()
	c.txn.prefix = slices.Insert(c.txn.prefix, at, sql)
	c.shift(at, 1)
}

func (c *Client) untell(like func(sql string) bool) {
	if i := slices.IndexFunc(c.txn.prefix[:c.told()], like); i >= 0 {
		c.txn.prefix = slices.Delete(c.txn.prefix, i, i+1)
		c.shift(i, -1)
	}
}

// shift moves what stands in prefix from at on.
func (c *Client) shift(at, by int) {
	if c.txn.open && c.txn.begun >= at {
		c.txn.begun += by
	}
	for i := range c.txn.saves {
		c.txn.saves[i].at += by
	}
}

// told is how many statements at the beginning of prefix are SET TRANSACTION.
func (c *Client) told() int {
	switch {
	case c.txn.open:
		return c.txn.begun
	case len(c.txn.saves) > 0:
		return c.txn.saves[0].at
	}
	return len(c.txn.prefix)
}

// Traits returns those of the transaction that is open, or else of the next one.
func (c *Client) Traits() Traits {
	t := Traits{access: c.txn.access}
	for _, sql := range c.txn.prefix[:c.told()] {
		if !setsAccess(sql) {
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

// handsOn reports whether a BEGIN hands the traits of the transaction that it
// commits on to its own, as MySQL has it and MariaDB has not.
func (s *Set) handsOn() bool { return !s.mariaDB() }

// Chain opens a transaction with the traits of the one before it.
func (c *Client) Chain(t Traits) error { return c.chain("START TRANSACTION", t) }

func (c *Client) chain(sql string, t Traits) error {
	c.txn.prefix = append(c.txn.prefix, t.sets...)
	if err := c.begin(sql, t.access); err != nil {
		return err
	}
	if c.ReadOnly() != c.ReadsOnly {
		c.KeepAccess()
	}
	return nil
}

// ReadOnly reports whether what comes next may not write.
func (c *Client) ReadOnly() bool {
	switch {
	case c.InTxn():
		return c.out.Status.Has(protocol.StatusInTransReadonly)
	case c.txn.access != AccessDefault:
		return c.txn.access == AccessReadOnly
	}
	return c.ReadsOnly
}

// KeepAccess has the stores that join later begin with the access that the open
// transaction has, although the session's default becomes another one.
func (c *Client) KeepAccess() {
	if !c.InTxn() {
		c.untell(setsAccess)
		c.txn.access = AccessDefault
		return
	}
	a := AccessReadWrite
	if c.out.Status.Has(protocol.StatusInTransReadonly) {
		a = AccessReadOnly
	}
	c.tell(setsAccess, a.set())
}

// KeepIsolation is KeepAccess of the isolation level, before the session's own is
// changed.
func (c *Client) KeepIsolation() error {
	if !c.InTxn() {
		c.untell(setsIsolation)
		return nil
	}
	if slices.ContainsFunc(c.txn.prefix[:c.told()], setsIsolation) {
		return nil
	}
	name := "@@transaction_isolation"
	if c.set.mariaDB() {
		name = "@@tx_isolation"
	}
	var level string
	err := c.Ask(func(conn *store.Conn) error {
		rows, err := conn.Query(c.ctx, "SELECT "+name)
		if err == nil {
			level = string(rows[0][0])
		}
		return err
	})
	if err == nil {
		c.NextTxn(level, AccessDefault)
	}
	return err
}

// txnStatus are the status flags that tell of the client's transaction while a
// statement on records is answered; with autocommit off, it has begun one.
func (c *Client) txnStatus() protocol.Status {
	if !c.within() {
		return 0
	}
	flags := protocol.StatusInTrans
	for _, conn := range c.pinned {
		if conn != nil {
			return flags | (conn.Status()|c.out.Status)&protocol.StatusInTransReadonly
		}
	}
	if c.ReadOnly() {
		flags |= protocol.StatusInTransReadonly
	}
	return flags
}

// writable has a store prepare writes although the session's own default is
// READ ONLY, because the transaction that they are for is not.
func (c *Client) writable(conn *store.Conn) error {
	if !c.ReadsOnly || conn.Status().Has(protocol.StatusInTrans) {
		return nil
	}
	_, err := conn.Exec(c.ctx, setReadWrite)
	conn.Taint()
	return err
}
