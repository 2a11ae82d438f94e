package replica

import (
	"context"
	"errors"
	"slices"
	"strings"

	"github.com/dsmproxy/dsmproxy/protocol"
	"github.com/dsmproxy/dsmproxy/router/store"
)

// A transaction reaches no store until a statement names one: BEGIN always
// precedes the key. A store joins with its first statement, when the
// statements that the client has sent since (SET TRANSACTION, BEGIN,
// SAVEPOINTs) are run there in order. For COMMIT see commit.go.
//
// With autocommit off there is no BEGIN: a transaction is open where a store's
// status says so.

// The proxy's own COMMIT and ROLLBACK, which mean the same whatever the client
// has set completion_type to.
const (
	commitSQL   = "COMMIT AND NO CHAIN NO RELEASE"
	rollbackSQL = "ROLLBACK AND NO CHAIN NO RELEASE"
)

// txn is the state of a client's transaction.
type txn struct {
	open   bool     // BEGIN was said and no COMMIT or ROLLBACK since
	prefix []string // what a store runs when it joins
	begun  int      // where in prefix the BEGIN is, if it is open
	saves  []save   // savepoints, oldest first
	joined []int    // stores, in the order in which they joined
	writes []written
	alone  []int // stores that have done what no other store has a copy of
	missed []missedAt
	passed []int  // stores that were down when a statement passed them over
	once   bool   // a statement alone has run prefix at a store
	access Access // of the next transaction, as SET TRANSACTION has said
	parts  []fencedPart
	firsts [][2]int // stores of parts: the first commits before the second
}

// Access is whether a transaction may write.
type Access uint8

// The accesses.
const (
	AccessDefault Access = iota // as the session's transaction_read_only says
	AccessReadOnly
	AccessReadWrite
)

// save is a savepoint, with the length that prefix had before it.
type save struct {
	name string
	at   int
}

// written is a record that the transaction has written, and where.
type written struct {
	table  Table
	key    []byte // as it is looked up
	placed []byte // as it is placed
	stores []int
}

// InTxn reports whether a transaction is open, be it not at any store yet.
func (c *Client) InTxn() bool {
	if c.txn.open {
		return true
	}
	for _, conn := range c.pinned {
		if conn != nil {
			return true
		}
	}
	return false
}

// Begin opens a transaction, committing one that is open. sql is the statement
// that does so at a store, a the access that it names.
func (c *Client) Begin(sql string, a Access) error {
	if c.InTxn() {
		t := c.Traits()
		if err := c.Commit(); err != nil {
			return err
		}
		if c.set.handsOn() {
			if a != AccessDefault {
				t.access = a
			}
			return c.chain(sql, t)
		}
	}
	return c.begin(sql, a)
}

func (c *Client) begin(sql string, a Access) error {
	if a == AccessDefault {
		a = c.txn.access
	}
	readOnly := c.ReadsOnly
	if a != AccessDefault {
		readOnly = a == AccessReadOnly
	}
	c.txn.access = AccessDefault
	c.txn.open, c.txn.begun = true, len(c.txn.prefix)
	c.txn.prefix = append(c.txn.prefix, sql)
	c.out.Status |= protocol.StatusInTrans
	if readOnly {
		c.out.Status |= protocol.StatusInTransReadonly
	}
	return nil
}

// ownBegin returns what begins a transaction that a statement has for itself, of
// which the client is told nothing, as often as it is tried: what SET TRANSACTION
// has said of the statement holds each time, though the end of a try forgets it.
func (c *Client) ownBegin() func() {
	prefix, access := slices.Clone(c.txn.prefix), c.txn.access
	return func() {
		c.txn.open, c.txn.access = true, access
		c.txn.prefix = append(append(c.txn.prefix[:0], prefix...), "START TRANSACTION")
	}
}

// join brings conn into the transaction.
func (c *Client) join(conn *store.Conn) error {
	for _, sql := range c.txn.prefix {
		if _, err := conn.Exec(c.ctx, sql); err != nil {
			return err
		}
	}
	if !c.txn.open {
		// What is for one transaction waits in the connection until there is one.
		c.txn.once = true
		conn.Taint()
	}
	return nil
}

// Rollback rolls back at all stores that have joined. It answers nothing.
func (c *Client) Rollback() {
	c.dropLoose()
	for _, i := range c.members() {
		conn := c.pinned[i]
		if _, err := conn.Exec(c.ctx, rollbackSQL); err != nil {
			c.drop(i, conn)
			continue
		}
		c.unpin(i)
	}
	c.ended()
}

// fail rolls back because a store of the transaction was lost, and is the
// error for the client: that of a deadlock, upon which programs begin the
// transaction again.
func (c *Client) fail(cause error) *protocol.Error {
	c.Rollback()
	return protocol.Errorf(protocol.ErrLockDeadlock,
		"dsmproxy: %v; the transaction was rolled back, try restarting it", cause)
}

// members are the stores whose connections the transaction holds, in the order
// in which they joined: a fixed one, so that the first decides.
func (c *Client) members() []int {
	list := c.txn.joined[:0]
	for _, i := range c.txn.joined {
		if c.pinned[i] != nil && !slices.Contains(list, i) {
			list = append(list, i)
		}
	}
	for i, conn := range c.pinned {
		if conn != nil && !slices.Contains(list, i) {
			list = append(list, i)
		}
	}
	c.txn.joined = list
	return list
}

// unpin gives back the connection of a store whose transaction has ended.
func (c *Client) unpin(i int) {
	conn := c.pinned[i]
	c.pinned[i] = nil
	c.giveBack(conn)
}

// ended forgets the transaction.
func (c *Client) ended() {
	c.forgetMissed()
	c.txn = txn{prefix: c.txn.prefix[:0], saves: c.txn.saves[:0], joined: c.txn.joined[:0], alone: c.txn.alone[:0],
		passed: c.txn.passed[:0]}
	c.out.Status &^= protocol.StatusInTrans | protocol.StatusInTransReadonly
	c.set.locks.release(c.owner)
	c.strike()
}

// settle ends a statement: it notes a transaction that a store has ended by
// itself (a deadlock) and, outside a transaction, gives key locks back and
// forgets what concerned this statement alone.
func (c *Client) settle() {
	if a := c.frame.Answer(); a.Err != nil && c.InTxn() && c.endsTxn(a.Err.Code) {
		c.Rollback()
		return
	}
	if !c.InTxn() {
		c.txn.passed, c.txn.parts = c.txn.passed[:0], nil
		c.endOnce(c.frame.Answer().Err)
		c.unlockKeys()
	}
}

// endOnce forgets what concerned one statement alone, which e has ended unless
// it is nil.
func (c *Client) endOnce(e *protocol.Error) {
	if c.txn.once && (e == nil || !c.set.refusedBefore(e)) {
		c.txn.prefix, c.txn.access = c.txn.prefix[:0], AccessDefault
	}
	c.txn.once = false
}

// refusedBefore says by which errors a store refuses a statement before a
// transaction begins for it: what SET TRANSACTION has said still waits then. At
// MySQL it begins behind the look at the columns.
func (s *Set) refusedBefore(e *protocol.Error) bool {
	const cantExecuteInReadOnly = 1792
	if e.Code == cantExecuteInReadOnly || e.Code == protocol.ErrNoSuchTable {
		return true
	}
	return !s.mariaDB() && strings.HasPrefix(e.State, "42")
}

// Savepoint sets a savepoint of the given name by sql, at stores that join
// later as well.
func (c *Client) Savepoint(name, sql string) error {
	if !c.InTxn() && c.state.Autocommit() {
		return nil // as MySQL: it ends with its own statement
	}
	if err := c.atMembers(sql); err != nil {
		return err
	}
	c.forget(c.findSave(name), 1)
	c.txn.saves = append(c.txn.saves, save{name, len(c.txn.prefix)})
	c.txn.prefix = append(c.txn.prefix, sql)
	return nil
}

// ReleaseSavepoint forgets a savepoint and those set after it.
func (c *Client) ReleaseSavepoint(name, sql string) error {
	at := c.findSave(name)
	if at < 0 {
		return noSavepoint(name)
	}
	if err := c.atMembers(sql); err != nil {
		return err
	}
	c.forget(at, len(c.txn.saves)-at)
	return nil
}

// RollbackTo undoes what was done since a savepoint.
func (c *Client) RollbackTo(name, sql string) error {
	at := c.findSave(name)
	if at < 0 {
		return noSavepoint(name)
	}
	if err := c.atMembers(sql); err != nil {
		return err
	}
	c.forget(at+1, len(c.txn.saves)-at-1)
	return nil
}

func noSavepoint(name string) *protocol.Error {
	return &protocol.Error{Code: 1305, State: "42000", Message: "SAVEPOINT " + name + " does not exist"}
}

func (c *Client) findSave(name string) int {
	return slices.IndexFunc(c.txn.saves, func(s save) bool { return strings.EqualFold(s.name, name) })
}

// forget takes n savepoints from at on out of what a joining store runs.
func (c *Client) forget(at, n int) {
	if at < 0 || n == 0 {
		return
	}
	for range n {
		i := c.txn.saves[at].at
		c.txn.prefix = slices.Delete(c.txn.prefix, i, i+1)
		c.txn.saves = slices.Delete(c.txn.saves, at, at+1)
		for j := at; j < len(c.txn.saves); j++ {
			c.txn.saves[j].at--
		}
	}
}

// atMembers runs a statement at all stores that have joined.
func (c *Client) atMembers(sql string) error {
	for _, i := range c.members() {
		if _, err := c.pinned[i].Exec(c.ctx, sql); err != nil {
			var e *protocol.Error
			if errors.As(err, &e) {
				return e
			}
			c.drop(i, c.pinned[i])
			return c.fail(err)
		}
	}
	return nil
}

// lockKey takes the key's lock, with MySQL's errors.
func (c *Client) lockKey(key []byte) error {
	if c.Waits.No || c.Waits.Skip {
		return c.tryKey(key)
	}
	wait, late := c.keyWait()
	switch err := c.set.locks.acquire(c.wait, c.owner, key, wait); {
	case err == nil:
		return nil
	case errors.Is(err, errDeadlock):
		c.Rollback()
		return deadlockFound()
	case errors.Is(err, errLockTimeout) && late != nil:
		return late
	case errors.Is(err, errLockTimeout):
		return c.lockTimeout()
	}
	return context.Cause(c.wait)
}

// unlockKeys gives the key locks back unless a transaction keeps them.
func (c *Client) unlockKeys() {
	if !c.InTxn() {
		c.set.locks.release(c.owner)
	}
}
