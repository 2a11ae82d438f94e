package ledger

import (
	"github.com/dsmproxy/dsmproxy/protocol"
	"github.com/dsmproxy/dsmproxy/router/fence"
	"github.com/dsmproxy/dsmproxy/router/store"
)

// The proxy's own COMMIT and ROLLBACK, which mean the same whatever
// completion_type a client has set.
const (
	beginSQL    = "START TRANSACTION"
	commitSQL   = "COMMIT AND NO CHAIN NO RELEASE"
	rollbackSQL = "ROLLBACK AND NO CHAIN NO RELEASE"
)

var rollbackPacket = append([]byte{byte(protocol.ComQuery)}, rollbackSQL...)

// undo rolls back, on a connection where a statement before COMMIT has failed
// with e, and makes of e an error of fence. again: it may succeed if it is
// tried again. j is used for that.
func (w *Witness) undo(c *store.Conn, j *job, f *fencing, e *protocol.Error, late bool) (again bool, err error) {
	guarded := e.Code == errOutOfRange
	if guarded {
		// Before ROLLBACK, behind which it would begin another transaction if
		// the client has autocommit off.
		w.because(j, f)
		if err := c.Queue(j.buf); err != nil {
			return false, unsent(err) // without COMMIT nothing has happened
		}
	}
	if err := c.Queue(rollbackPacket); err != nil {
		return false, unsent(err)
	}
	if err := c.Send(); err != nil {
		return false, unsent(err)
	}
	if guarded {
		if err := j.read(c); err != nil {
			return false, unsent(err)
		}
		err = w.verdict(j, f, late)
	}
	if err := j.read(c); err != nil {
		return false, unsent(err)
	}
	switch {
	case guarded:
		return false, err
	case w.absent(e):
		return false, fence.ErrClosed
	}
	return transient(e), unsent(e)
}
