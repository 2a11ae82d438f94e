package ledger

import (
	"errors"
	"fmt"
	"io/fs"
	"strings"
	"syscall"

	"github.com/dsmproxy/dsmproxy/protocol"
	"github.com/dsmproxy/dsmproxy/router/fence"
	"github.com/dsmproxy/dsmproxy/router/store"
)

// Errors of a server that mean something here.
const (
	errOutOfRange = 1690 // the guard
	errBadColumn  = 1054
	errNoRights   = 1227
)

// failure makes an error of fence of what a connection has failed with before
// all was sent.
func failure(err error) error {
	if store.MayHaveRun(err) {
		return lost(err)
	}
	return unsent(err)
}

// lost makes an error of fence of what a connection has failed with after all
// was sent.
func lost(err error) error { return fmt.Errorf("%w: %w", fence.ErrLost, err) }

// unsent makes an error of fence of one that came before anything was sent.
func unsent(err error) error {
	var answer *protocol.Error
	if errors.As(err, &answer) {
		return &shut{answer}
	}
	if errors.Is(err, syscall.ECONNREFUSED) || errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("%w: %w", fence.ErrRefused, err)
	}
	return fmt.Errorf("%w: %w", fence.ErrUnsent, err)
}

// shut is the error of a store that is there and does not let the proxy in.
type shut struct{ answer *protocol.Error }

// Error says what the store has said.
func (e *shut) Error() string { return "login refused: " + e.answer.Error() }

// Is reports whether it is fence.ErrUnsent.
func (e *shut) Is(target error) bool { return target == fence.ErrUnsent }

// Unwrap returns the store's answer.
func (e *shut) Unwrap() error { return e.answer }

// transient reports whether the statement that e ended may be run again.
func transient(e *protocol.Error) bool {
	return e.Code == protocol.ErrLockDeadlock || e.Code == protocol.ErrLockWaitTimeout
}

// absent reports whether e says that a table of the ledger is not there.
func (w *Witness) absent(e *protocol.Error) bool {
	return e.Code == protocol.ErrBadDB && strings.Contains(e.Message, w.cfg.Schema) ||
		e.Code == protocol.ErrNoSuchTable && strings.Contains(e.Message, w.cfg.Schema+".")
}
