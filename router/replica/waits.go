package replica

import (
	"time"

	"github.com/dsmproxy/dsmproxy/protocol"
)

// Waits bounds how long a statement waits for the keys that other clients write.
// The zero value is as LockWait says.
type Waits struct {
	No   bool          // not at all: Locked, or 1205 if that is nil
	Skip bool          // not at all, and the store is asked all the same
	Lock time.Duration // in the place of LockWait, if Own is set
	Own  bool
	// Until is when the statement's time is over, and Late what it is told then;
	// the zero time means never.
	Until  time.Time
	Late   *protocol.Error
	Locked *protocol.Error
}

// tryKey takes the key's lock if nobody has it.
func (c *Client) tryKey(key []byte) error {
	switch {
	case c.set.locks.try(c.owner, key), c.Waits.Skip:
		return nil
	case c.Waits.Locked != nil:
		return c.Waits.Locked
	}
	return c.lockTimeout()
}

// keyWait is how long the client waits for a key, and late what is said then
// if it is the statement's time that is over.
func (c *Client) keyWait() (wait time.Duration, late *protocol.Error) {
	wait = c.LockWait
	if wait == 0 {
		wait = c.set.lockWait
	}
	if c.Waits.Own {
		wait = c.Waits.Lock
	}
	if !c.Waits.Until.IsZero() {
		if left := time.Until(c.Waits.Until); left < wait {
			return left, c.Waits.Late
		}
	}
	return wait, nil
}

// lockTimeout is the error of a wait that has lasted too long.
func (c *Client) lockTimeout() error {
	if c.InTxn() && c.endsTxn(protocol.ErrLockWaitTimeout) {
		c.Rollback()
	}
	return &protocol.Error{Code: protocol.ErrLockWaitTimeout, State: "HY000",
		Message: "Lock wait timeout exceeded; try restarting transaction"}
}
