package replica

import (
	"encoding/hex"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/dsmproxy/dsmproxy/protocol"
	"github.com/dsmproxy/dsmproxy/router/fence"
	"github.com/dsmproxy/dsmproxy/router/store"
)

// A named lock (GET_LOCK) lives on the first live store of its name's order, so
// that all proxies with the same view of the stores ask the same one. The
// connection that holds it is kept until the last lock on it is released or the
// client goes; it carries the client's other statements at that store as well.
// If the store dies, the lock is gone, as it is when a MySQL server restarts:
// RELEASE_LOCK says so (NULL, or 0 if another client has it by now).

// ErrLocksApart says that the locks of one statement are on different stores.
var ErrLocksApart = errors.New("the locks are on different stores")

// LockUse is one call of a lock function.
type LockUse struct {
	Func string // in lower case: get_lock, release_lock, is_free_lock, is_used_lock
	Name string // "" for NULL, which is nobody's lock either
}

// heldLock is a lock that the client holds, and where. One without a name
// stands for whatever else keeps the connection until the client goes.
type heldLock struct {
	name  string
	store int
	// times is how often it was got, for so often it must be released. It is
	// not known if the statement hid that in an expression: unsure.
	times  int
	unsure bool
	hold   *fence.Hold // at the levels safe and strict
}

// Keep makes one connection carry all of the client's statements at store i,
// until the client goes.
func (c *Client) Keep(i int) error {
	conn, err := c.acquireAt(i)
	if err != nil {
		return err
	}
	conn.Taint()
	if !slices.ContainsFunc(c.locks, func(l heldLock) bool { return l.name == "" && l.store == i }) {
		c.locks = append(c.locks, heldLock{store: i})
	}
	c.keep(i, conn)
	return nil
}

// holds returns the index of a lock that the client holds, -1 for none. MySQL
// ignores the case of names, MariaDB doesn't.
func (c *Client) holds(name string) int {
	at := slices.IndexFunc(c.locks, func(l heldLock) bool { return l.name == name })
	if at < 0 {
		at = slices.IndexFunc(c.locks, func(l heldLock) bool { return strings.EqualFold(l.name, name) })
	}
	return at
}

// lockHome is the store that holds the lock of a name, or would.
func (c *Client) lockHome(name string) int {
	if at := c.holds(name); name != "" && at >= 0 {
		return c.locks[at].store
	}
	if home := c.set.homeOf(name); home >= 0 {
		return home
	}
	c.set.place.Order(c.order, []byte(strings.ToLower(name)))
	for _, s := range c.order {
		if c.set.live(int(s)) {
			return int(s)
		}
	}
	return int(c.order[0])
}

// Lock carries a statement of the GET_LOCK family out, or returns ErrLocksApart.
// It waits as long as the statement asks the store to. alone says that the
// statement is a SELECT of nothing but one call.
func (c *Client) Lock(uses []LockUse, alone bool, req Request) error {
	return c.atHome(uses, func(i int) (bool, error) { return c.lockAt(i, uses, alone, req, true) })
}

// LockValue carries one call out by a statement that selects the value in
// hexadecimal; home is the store that did, and null says that it is NULL.
func (c *Client) LockValue(use LockUse, req Request) (value string, home int, null bool, err error) {
	err = c.atHome([]LockUse{use}, func(i int) (again bool, err error) {
		home = i
		again, err = c.lockAt(i, []LockUse{use}, false, req, false)
		return again, err
	})
	switch {
	case err != nil:
		return "", home, false, err
	case c.frame.Answer().Err != nil:
		return "", home, false, c.frame.Answer().Err
	}
	value, null, err = c.heldValue(req)
	return value, home, null, err
}

// heldValue is the value that the answer in c.held has, in hexadecimal there.
func (c *Client) heldValue(req Request) (value string, null bool, err error) {
	list, err := firstColumn(c.held, c.frame.Answer(), c.Login.Capabilities.Has(protocol.ClientDeprecateEOF), req)
	if err != nil || len(list) == 0 {
		return "", err == nil, err
	}
	return string(list[0]), false, nil
}

// Value asks any store for a value that it selects in hexadecimal.
func (c *Client) Value(req Request) (value string, null bool, err error) {
	for range 2 * len(c.set.stores) {
		i := c.first(nil)
		if i < 0 {
			break
		}
		again, err := c.lockAt(i, nil, false, req, false)
		switch {
		case again:
			continue
		case err != nil:
			return "", false, err
		case c.frame.Answer().Err != nil:
			return "", false, c.frame.Answer().Err
		}
		return c.heldValue(req)
	}
	return "", false, unreachable(nil)
}

// atHome calls at with the store where the locks are, and again while that one
// dies without an answer, so that they have another home.
func (c *Client) atHome(uses []LockUse, at func(home int) (again bool, err error)) error {
	if c.fenced() {
		return c.fencedAtHome(uses, at)
	}
	defer c.disclaim()
	var last error
	for range 2 * len(c.set.stores) { // a store that dies may fail twice
		for _, use := range uses {
			if use.Func == "get_lock" && use.Name != "" {
				c.claim(use.Name)
			}
		}
		home := c.lockHome(uses[0].Name)
		for _, use := range uses[1:] {
			if c.lockHome(use.Name) != home {
				return ErrLocksApart
			}
		}
		again, err := at(home)
		if !again {
			return err
		}
		last = err
	}
	return unreachable(last)
}

// lockAt carries the statement out at one store. The answer is in c.held then,
// and has been given to the client if told so. again says that this store has
// died without an answer, or that a connection has that held no lock.
func (c *Client) lockAt(i int, uses []LockUse, alone bool, req Request, give bool) (again bool, err error) {
	held := c.kept[i] != nil
	conn, err := c.acquire(i, false, !c.set.live(i))
	if err != nil {
		if c.ctx.Err() != nil {
			return false, c.aborted()
		}
		return storeFailed(err), err
	}
	enlisted := c.pinned[i] == conn
	if err = c.send(conn, req); err == nil {
		done := c.waitsForLocks(i, uses)
		_, err = conn.Await()
		done()
	}
	if err == nil {
		var frames []byte
		c.resetFrame(req.Answer(), enlisted)
		if frames, err = conn.Read(&c.frame, maxHeld); err == nil {
			c.held = append(c.held[:0], frames...)
		}
	}
	if err != nil {
		next, err := c.readFailed(i, conn, err)
		return next && !(held && (c.set.live(i) || c.fenced())), err
	}
	struck := c.lockStruck()
	if err = c.readNotes(conn); err == nil {
		err = c.noteLocks(i, conn, uses, alone && c.frame.Answer().Err == nil, c.took(req))
	}
	if err != nil {
		c.drop(i, conn) // the locks are gone with the store
	} else if struck && c.lacks(uses) {
		c.finish(i, conn)
		return false, c.lockDeadlock(i)
	} else if c.fenced() {
		if again, err := c.confirm(i, conn, held); again || err != nil {
			return again, err
		}
	}
	if give {
		if _, err := c.out.Conn().Write(c.held); err != nil {
			return false, err
		}
		c.answered()
	}
	if err == nil {
		if err := c.learn(i, conn); err != nil {
			return false, err
		}
		c.finish(i, conn)
	}
	c.settle()
	return false, nil
}

// took reports whether the answer in c.held is one row with the number 1.
func (c *Client) took(req Request) bool {
	a := c.frame.Answer()
	if a.Err != nil || a.Rows != 1 || a.Columns != 1 {
		return false
	}
	// The row is the last frame but one, which is EOF or OK.
	frames, row := c.held, []byte(nil)
	for len(frames) >= 4 {
		size := int(frames[0]) | int(frames[1])<<8 | int(frames[2])<<16
		if len(frames) == 4+size {
			break
		}
		row, frames = frames[4:4+size], frames[4+size:]
	}
	if isBinary(req) {
		return len(row) >= 3 && row[1]&4 == 0 && row[2] == 1
	}
	return string(row) == "\x011"
}

// noteLocks notes which of the locks this connection holds now: from the answer
// of a statement that is one call, which has given 1 or not. Otherwise the
// store is asked, for a statement can hide calls in any expression.
func (c *Client) noteLocks(i int, conn *store.Conn, uses []LockUse, alone, one bool) error {
	if len(uses) == 0 || len(uses) == 1 && uses[0].Name == "" {
		return nil
	}
	if at := c.holds(uses[0].Name); alone && (at < 0 || !c.locks[at].unsure) {
		c.noteOne(i, uses[0], one)
	} else {
		for _, use := range uses {
			if err := c.askLock(i, conn, use); err != nil {
				return err
			}
		}
	}
	c.keep(i, conn)
	return nil
}

// noteOne is noteLocks for one call.
func (c *Client) noteOne(i int, use LockUse, one bool) {
	at := c.holds(use.Name)
	switch {
	case use.Func == "get_lock" && one:
		if at < 0 || c.locks[at].name != use.Name {
			c.locks = append(c.locks, heldLock{name: use.Name, store: i, times: 1})
		} else {
			c.locks[at].times++
		}
	case use.Func == "release_lock" && at >= 0:
		if c.locks[at].times--; !one || c.locks[at].times <= 0 {
			c.locks = slices.Delete(c.locks, at, at+1)
		}
	}
}

// askLock asks the store whether this connection holds a lock. A name beyond
// ASCII means another lock in another character set: once it may have been got
// it counts as held, which only keeps the connection longer.
func (c *Client) askLock(i int, conn *store.Conn, use LockUse) error {
	if use.Func == "is_free_lock" || use.Func == "is_used_lock" || use.Name == "" {
		return nil
	}
	at := slices.IndexFunc(c.locks, func(l heldLock) bool { return l.name == use.Name })
	held := at >= 0 || use.Func == "get_lock"
	if strings.IndexFunc(use.Name, func(r rune) bool { return r >= 0x80 }) < 0 {
		rows, err := conn.Query(c.ctx, "SELECT IS_USED_LOCK(CONVERT(x'"+hex.EncodeToString([]byte(use.Name))+
			"' USING utf8mb4)) = CONNECTION_ID()")
		var refused *protocol.Error
		if err != nil && !errors.As(err, &refused) { // refused: not a name for a lock
			return err
		}
		held = len(rows) == 1 && string(rows[0][0]) == "1"
	}
	switch {
	case held && at < 0:
		c.locks = append(c.locks, heldLock{name: use.Name, store: i, unsure: true})
	case held:
		c.locks[at].unsure = true
	case at >= 0:
		c.locks = slices.Delete(c.locks, at, at+1)
	}
	return nil
}

// connOf names a connection among those of all stores.
type connOf struct {
	store  int
	thread uint32
}

// keep keeps the connection of a store while it holds a lock.
func (c *Client) keep(i int, conn *store.Conn) {
	if slices.ContainsFunc(c.locks, func(l heldLock) bool { return l.store == i }) {
		if c.kept[i] == nil {
			c.set.holders.Store(connOf{i, conn.ThreadID()}, c.out.ID)
		}
		c.kept[i] = conn
		return
	}
	c.unkeep(i)
}

// unkeep keeps it no longer.
func (c *Client) unkeep(i int) {
	if conn := c.kept[i]; conn != nil {
		c.set.holders.Delete(connOf{i, conn.ThreadID()})
		c.kept[i] = nil
	}
}

// foreignHolder is added to the thread id of a lock's holder that is no client
// of this proxy, so that it is nobody's CONNECTION_ID() here.
const foreignHolder = 1 << 31

// Holder is what IS_USED_LOCK is to tell of a thread of a store: the
// CONNECTION_ID() of the client that it works for.
func (c *Client) Holder(i int, thread uint32) uint32 {
	if id, ok := c.set.holders.Load(connOf{i, thread}); ok {
		return id.(uint32)
	}
	return foreignHolder | thread
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
	if err := c.onFirst([]uint16{uint16(last)}, req, true); err != nil {
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
	c.disclaim()
	c.keep(i, conn)
	if c.pinned[i] != conn {
		c.giveBack(conn)
	}
}
