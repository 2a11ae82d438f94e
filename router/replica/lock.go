package replica

import (
	"encoding/hex"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/dsmproxy/dsmproxy/router/store"
)

// A named lock (GET_LOCK) lives on the first live store of its name's order, so
// that all proxies with the same view of the stores ask the same one. The
// connection that holds it is kept until the last lock on it is released or the
// client goes; it carries the client's other statements at that store as well.
// If the store dies, the lock is gone, as it is when a MySQL server restarts.

// ErrLocksApart says that the locks of one statement are on different stores.
var ErrLocksApart = errors.New("the locks are on different stores")

// heldLock is a lock that the client holds, and where. One without a name
// stands for whatever else keeps the connection until the client goes.
type heldLock struct {
	name  string
	store int
}

// Keep makes one connection carry all of the client's statements at store i,
// until the client goes.
func (c *Client) Keep(i int) error {
	conn, err := c.acquire(i, false, true)
	if err != nil {
		if c.ctx.Err() != nil {
			return c.aborted()
		}
		if storeFailed(err) {
			return unreachable(err)
		}
		return err
	}
	conn.Taint()
	if !slices.Contains(c.locks, heldLock{"", i}) {
		c.locks = append(c.locks, heldLock{"", i})
	}
	c.kept[i] = conn
	return nil
}

// lockHome is the store that holds the lock of a name, or would. MySQL ignores
// the case of names, MariaDB doesn't.
func (c *Client) lockHome(name string) int {
	for _, l := range c.locks {
		if strings.EqualFold(l.name, name) {
			return l.store
		}
	}
	c.set.place.Order(c.order, []byte(strings.ToLower(name)))
	for _, s := range c.order {
		if c.set.live(int(s)) {
			return int(s)
		}
	}
	return int(c.order[0])
}

// Lock carries out a statement of the GET_LOCK family about the given names. It
// waits as long as the statement asks the store to.
func (c *Client) Lock(names []string, req Request) error {
	for range c.set.stores {
		home := c.lockHome(names[0])
		for _, name := range names[1:] {
			if c.lockHome(name) != home {
				return ErrLocksApart
			}
		}
		again, err := c.lockAt(home, names, req)
		if !again {
			return err
		}
	}
	return unreachable(nil)
}

// lockAt carries the statement out at one store. again says that this store has
// died without an answer, so that the locks have another home now.
func (c *Client) lockAt(i int, names []string, req Request) (again bool, err error) {
	conn, err := c.acquire(i, false, !c.set.live(i))
	if err != nil {
		if c.ctx.Err() != nil {
			return false, c.aborted()
		}
		return storeFailed(err) && !c.set.live(i), err
	}
	// The connection is kept while the lock is waited for: giving it back
	// afterwards is for whoever finds that it holds none.
	enlisted := c.pinned[i] == conn
	if err = c.send(conn, req); err == nil {
		_, err = conn.Await()
	}
	if err != nil {
		next, err := c.readFailed(i, conn, err)
		return next && !c.set.live(i), err
	}
	c.resetFrame(req.Answer(), enlisted)
	if n, err := conn.Relay(c.out.Conn(), &c.frame); err != nil {
		if n == 0 {
			next, err := c.readFailed(i, conn, err)
			return next && !c.set.live(i), err
		}
		c.drop(i, conn)
		return false, cutOff(err)
	}
	answer := *c.frame.Answer()
	c.answered()
	if answer.Err == nil {
		if err := c.noteLocks(i, conn, names); err != nil {
			c.drop(i, conn) // the locks are gone with the store
			return false, c.settle()
		}
	}
	c.finish(i, conn)
	return false, c.settle()
}

// noteLocks asks the store which of the names this connection holds now, for a
// statement can hide that in any expression.
func (c *Client) noteLocks(i int, conn *store.Conn, names []string) error {
	c.locks = slices.DeleteFunc(c.locks, func(l heldLock) bool { return slices.Contains(names, l.name) })
	for _, name := range names {
		rows, err := conn.Query(c.ctx, "SELECT IS_USED_LOCK(CONVERT(x'"+hex.EncodeToString([]byte(name))+
			"' USING utf8mb4)) = CONNECTION_ID()")
		if err != nil {
			return err
		}
		if len(rows) == 1 && string(rows[0][0]) == "1" {
			c.locks = append(c.locks, heldLock{name, i})
		}
	}
	c.keep(i, conn)
	return nil
}

// keep keeps the connection of a store while it holds a lock.
func (c *Client) keep(i int, conn *store.Conn) {
	c.kept[i] = nil
	if slices.ContainsFunc(c.locks, func(l heldLock) bool { return l.store == i }) {
		c.kept[i] = conn
	}
}

// UnlockAll carries RELEASE_ALL_LOCKS() out. The last store's answer goes to
// the client; for it to be the number of all locks, that store is first given
// as many as the others had.
func (c *Client) UnlockAll(req Request) error {
	last := -1
	for i, conn := range c.kept {
		if conn != nil {
			last = i
		}
	}
	if last < 0 {
		return c.ReadAny(req)
	}
	extra := 0
	for i, conn := range c.kept[:last] {
		if conn == nil {
			continue
		}
		rows, err := conn.Query(c.ctx, "SELECT RELEASE_ALL_LOCKS()")
		if err != nil {
			c.drop(i, conn)
			continue // and its locks are released
		}
		n := 0
		if _, err := fmt.Sscan(string(rows[0][0]), &n); err != nil {
			return err
		}
		extra += n
		c.forgetLocks(i, conn)
	}
	conn := c.kept[last]
	for range extra {
		if _, err := conn.Exec(c.ctx, fmt.Sprintf("DO GET_LOCK('dsmproxy-%d', 0)", conn.ThreadID())); err != nil {
			c.drop(last, conn)
			return c.ReadAny(req)
		}
	}
	if err := c.On(last, req); err != nil {
		return err
	}
	if c.kept[last] == conn {
		c.forgetLocks(last, conn)
	}
	return nil
}

// forgetLocks gives the connection of a store back that holds no lock any more.
func (c *Client) forgetLocks(i int, conn *store.Conn) {
	c.locks = slices.DeleteFunc(c.locks, func(l heldLock) bool { return l.store == i && l.name != "" })
	c.keep(i, conn)
	if c.pinned[i] != conn {
		c.giveBack(conn)
	}
}
