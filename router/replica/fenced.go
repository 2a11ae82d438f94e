package replica

import (
	"context"
	"errors"
	"sync/atomic"
	"time"

	"github.com/dsmproxy/dsmproxy/protocol"
	"github.com/dsmproxy/dsmproxy/router/fence"
	"github.com/dsmproxy/dsmproxy/router/ledger"
)

// At the levels safe and strict a fence.Group decides which store a statement
// goes to, when its answer may be given to the client, and what becomes of the
// copies. The files fenced*.go give it the client's statements
// (fenced_statement.go), keep the answers back until it says that they count,
// and make of its errors those of a client. Nothing of a record is read or
// written past it.

// fencing is what a client needs for that.
type fencing struct {
	stmt fencedStmt
	keys []fence.Key // scratch
	ctx  *patient
	// begins: START TRANSACTION is on its way. If a KILL ended that instead of
	// the write behind it, the write would run without one.
	begins atomic.Bool
	named  numbered
	kept   *kept // whose memory Client.held is; nil for its own

	holds    []namedHold // of the running statement's locks
	enlisted bool        // among the set's lockHolders
	lost     string      // a lock whose connection has ended
}

// numbered is the table that a client has used last, with its number.
type numbered struct {
	table  Table
	number uint16
	known  bool
}

// fenced reports whether the level is one of those.
func (c *Client) fenced() bool { return c.set.group != nil }

// Fenced reports whether the level is safe or strict, where a record is copied
// as it is, whatever a statement would have done elsewhere.
func (c *Client) Fenced() bool { return c.fenced() }

// onePrimary reports whether the records of keys have one primary as far as is
// known; the Group finds out if they have not.
func (c *Client) onePrimary(keys [][]byte) bool {
	first := c.set.group.Primary(fence.Key{ID: keys[0]})
	for _, k := range keys[1:] {
		if c.set.group.Primary(fence.Key{ID: k}) != first {
			return false
		}
	}
	return true
}

// notFenced refuses what can't be carried out at the levels safe and strict.
func notFenced(construct string) *protocol.Error {
	return protocol.Errorf(protocol.ErrNotSupportedYet, "dsmproxy: %s at the levels safe and strict", construct)
}

// fenceKeys are the keys of records as the Group names them, valid until the
// next call. For what is not ASCII, a key in the form in which it is placed may
// not find its record.
func (c *Client) fenceKeys(t Table, keys [][]byte) ([]fence.Key, error) {
	if t.Parts != nil {
		return nil, notFenced("a table whose records have rows in others (secondary)")
	}
	number, err := c.tableNumber(t)
	if err != nil {
		return nil, err
	}
	list := c.fencing.keys[:0]
	for _, k := range keys {
		list = append(list, fence.Key{Table: number, ID: k})
	}
	c.fencing.keys = list
	return list, nil
}

// tableNumber is the number of a table in the ledger.
func (c *Client) tableNumber(t Table) (uint16, error) {
	n := &c.fencing.named
	if n.known && n.table == t {
		return n.number, nil
	}
	if t.Schema == "" {
		return 0, &protocol.Error{Code: 1046, State: "3D000", Message: "No database selected"}
	}
	number, err := c.set.ledger.Add(ledger.Table{Schema: t.Schema, Name: t.Name, Key: t.Key})
	if err != nil {
		return 0, protocol.Errorf(protocol.ErrUnknown, "dsmproxy: %v", err)
	}
	*n = numbered{t, number, true}
	return number, nil
}

// fenceError is what a client is told of an error of the Group.
func (c *Client) fenceError(err error) error {
	var (
		unavailable *fence.Unavailable
		unknown     *fence.Unknown
		answer      *protocol.Error
	)
	switch {
	case err == nil:
		return nil
	case errors.As(err, &unavailable):
		return protocol.Errorf(protocol.ErrUnknown, "dsmproxy: %v", unavailable)
	case errors.As(err, &unknown):
		c.set.log.Warn("outcome of a write unknown", "store", unknown.Store, "err", unknown.Err, "action", "the client is told so, as by a server that shuts down")
		return protocol.Errorf(protocol.ErrServerShutdown, "dsmproxy: lost connection to store %s during the write: "+
			"whether it was carried out is unknown", unknown.Store)
	case errors.Is(err, fence.ErrAnswerLost):
		return protocol.Errorf(protocol.ErrServerShutdown, "dsmproxy: lost connection to the store during the write: "+
			"it was carried out, and how many rows it has changed is unknown")
	case errors.Is(err, fence.ErrRestart):
		c.Rollback()
		return protocol.Errorf(protocol.ErrLockDeadlock, "dsmproxy: %v", err)
	case errors.Is(err, fence.ErrScattered):
		return ErrApart
	case errors.As(err, &answer):
		return answer
	}
	return err
}

// patient is the context of a write. It ends with what its statement waits by,
// but not while it is firm: from when the statement is sent until it is known
// whether it has changed something. So nobody who only wants the statement to
// end leaves its outcome unknown; that is done by a KILL at the store.
type patient struct {
	context.Context
	firm atomic.Bool
}

// begun waits until a KILL can do no harm to a write that is on its way.
func (c *Client) begun(ctx context.Context) {
	if !c.fenced() || !c.fencing.begins.Load() {
		return
	}
	ticker := time.NewTicker(time.Millisecond)
	defer ticker.Stop()
	for c.fencing.begins.Load() && ctx.Err() == nil {
		select {
		case <-ticker.C:
		case <-ctx.Done():
		}
	}
}

// Done implements context.Context.
func (p *patient) Done() <-chan struct{} {
	if p.firm.Load() {
		return nil
	}
	return p.Context.Done()
}

// Err implements context.Context.
func (p *patient) Err() error {
	if p.firm.Load() {
		return nil
	}
	return p.Context.Err()
}

// patience is the context of the running statement's write.
func (c *Client) patience() *patient {
	// Whoever the Group has asked in the background may still use an older one.
	if p := c.fencing.ctx; p == nil || p.Context != c.wait {
		c.fencing.ctx = &patient{Context: c.wait}
	}
	c.fencing.ctx.firm.Store(false)
	return c.fencing.ctx
}
