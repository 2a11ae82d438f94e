package replica

import (
	"errors"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/dsmproxy/dsmproxy/protocol"
	"github.com/dsmproxy/dsmproxy/router/fence"
	"github.com/dsmproxy/dsmproxy/router/store"
)

// At the levels safe and strict a named lock is at the primary of its name, by a
// fence.Hold: nobody has it at another store while that is valid, through
// whichever proxy. It is asked before the statement, so that the lock is not at
// an earlier primary any more, and after it, before the client is told.
//
// A lock is lost when its name has another primary, its store was started anew,
// or the connection that holds it has ended. Its client can't go on as if it had
// it: the client's next statement is not carried out, and its connection ends,
// as that to a server ends that dies with its locks. What keeps the lock at its
// old store ends at once (endLost), so that the lock is free when that store
// returns.

// namedHold is the right to a name.
type namedHold struct {
	name string
	hold *fence.Hold
}

// lockHolders are the clients that hold named locks. Its zero value is ready.
type lockHolders struct {
	mu   sync.Mutex
	list map[*Client][]*fence.Hold // guarded by mu
}

// errLockLost ends a client whose lock is lost.
var errLockLost = errors.New("a named lock was lost with its store")

// lockLost is what such a client is told first.
func lockLost(name string) *protocol.Error {
	return protocol.Errorf(protocol.ErrConnectionKilled, "dsmproxy: the lock '%s' was lost, "+
		"as its store has failed or was excluded; the connection is closed", name)
}

// CheckLocks is to be called before each command. It fails if the client has
// lost a named lock, and then has told it so.
func (c *Client) CheckLocks() error {
	if !c.fenced() || len(c.locks) == 0 && c.fencing.lost == "" {
		return nil
	}
	name := c.fencing.lost
	for i := range c.locks {
		l := &c.locks[i]
		if l.hold == nil || name != "" {
			continue
		}
		held, err := l.hold.Held(c.wait)
		switch {
		case c.ctx.Err() != nil:
			return c.aborted()
		case err != nil:
			return c.fenceError(err)
		case !held || c.kept[l.store] == nil || !c.kept[l.store].Alive():
			name = l.name
		}
	}
	if name == "" {
		return nil
	}
	c.set.log.Info("named lock lost", "client", c.out, "action", "its connection is closed")
	err := c.out.WriteError(lockLost(name))
	return errors.Join(err, c.out.Conn().Flush(), errLockLost)
}

// fencedAtHome is atHome.
func (c *Client) fencedAtHome(uses []LockUse, at func(home int) (again bool, err error)) error {
	defer func() { c.fencing.holds = c.fencing.holds[:0] }()
	var failed time.Time
	for ; ; c.pauseStart() {
		home, err := c.grant(uses)
		if err != nil {
			if c.ctx.Err() != nil {
				return c.aborted()
			}
			return c.fenceError(err)
		}
		again, err := at(home)
		if !again {
			return err
		}
		switch {
		case errors.Is(err, errLockLost) || failed.IsZero():
			failed = time.Now()
		case time.Since(failed) > c.set.group.Patience():
			return unreachable(err)
		}
	}
}

// grant finds the store where the locks of a statement are, or may be taken.
func (c *Client) grant(uses []LockUse) (home int, err error) {
	c.fencing.holds = c.fencing.holds[:0]
	home = -1
	for _, use := range uses {
		i := -1
		if at := c.holds(use.Name); use.Name != "" && at >= 0 {
			i = c.locks[at].store
		} else {
			h, err := c.set.group.Grant(c.wait, fence.Key{ID: []byte(strings.ToLower(use.Name))})
			if err != nil {
				return 0, err
			}
			i = h.Store()
			c.fencing.holds = append(c.fencing.holds, namedHold{use.Name, h})
		}
		if home >= 0 && i != home {
			return 0, ErrLocksApart
		}
		home = i
	}
	return home, nil
}

// confirm sees to it that what a statement at store i has told of locks, which
// it has noted, is true of all proxies' clients. before says that the client
// held locks there before it. again says that the statement must be carried out
// once more.
func (c *Client) confirm(i int, conn *store.Conn, before bool) (again bool, err error) {
	held := true
	for _, h := range c.fencing.holds {
		if held, err = h.hold.Held(c.ctx); !held {
			break
		}
	}
	if held {
		for at := range c.locks {
			l := &c.locks[at]
			j := slices.IndexFunc(c.fencing.holds, func(h namedHold) bool { return h.name == l.name })
			if l.hold == nil && j >= 0 {
				l.hold = c.fencing.holds[j].hold
			}
		}
		c.enlistHolds()
		return false, nil
	}
	c.drop(i, conn) // frees what it has got
	switch {
	case before:
		return false, errLockLost
	case c.ctx.Err() != nil:
		return false, c.aborted()
	}
	if err != nil {
		return false, c.fenceError(err)
	}
	return true, errLockLost
}

// losesLocks notes that the connection to store i ends, with the locks there.
func (c *Client) losesLocks(i int) {
	for _, l := range c.locks {
		if l.store == i && l.hold != nil {
			c.fencing.lost = l.name
		}
	}
}

// enlistHolds notes which locks the client holds now.
func (c *Client) enlistHolds() {
	if !c.fenced() {
		return
	}
	var list []*fence.Hold
	for _, l := range c.locks {
		if l.hold != nil {
			list = append(list, l.hold)
		}
	}
	if len(list) == 0 && !c.fencing.enlisted {
		return
	}
	c.fencing.enlisted = len(list) > 0
	h := &c.set.lockHolders
	h.mu.Lock()
	defer h.mu.Unlock()
	if len(list) == 0 {
		delete(h.list, c)
		return
	}
	if h.list == nil {
		h.list = make(map[*Client][]*fence.Hold)
	}
	h.list[c] = list
}

// endLost ends the clients whose locks are lost.
func (h *lockHolders) endLost() {
	h.mu.Lock()
	var list []*Client
	for c, holds := range h.list {
		if slices.ContainsFunc(holds, (*fence.Hold).Lost) {
			list = append(list, c)
			delete(h.list, c)
		}
	}
	h.mu.Unlock()
	for _, c := range list {
		c.set.log.Info("named lock lost", "client", c.out, "action", "its connection is closed with its next statement")
		c.Abort(errLockLost, true)
	}
}
