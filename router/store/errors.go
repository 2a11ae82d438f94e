package store

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"syscall"

	"github.com/dsmproxy/dsmproxy/protocol"
)

// ErrDown is what Get returns for a store that is down.
var ErrDown = errors.New("store is down")

// errAborted is why a connection fails that Abort was called on.
var errAborted = errors.New("connection aborted")

// NetError is a failure of a connection to a store: the store is dead, silent,
// or has ended the connection (1053, 1927, 08S01, a broken answer).
type NetError struct {
	Store string
	Err   error
	// Sent: some of the statement was written, so that it may have run.
	Sent bool
}

// Error says which store failed and how.
func (e *NetError) Error() string { return fmt.Sprintf("store %s: %v", e.Store, e.Err) }

// Unwrap returns the cause.
func (e *NetError) Unwrap() error { return e.Err }

// Told is what clients are told of a failure: which store, and how it failed, but
// no address, which is the operator's business and stands in the log.
func Told(err error) string {
	text := err.Error()
	var op *net.OpError
	var name *net.DNSError
	switch {
	case errors.As(err, &name):
		text = "its name is not found"
	case errors.As(err, &op):
		text = op.Op + ": " + op.Err.Error()
	default:
		return text
	}
	var e *NetError
	if errors.As(err, &e) {
		text = "store " + e.Store + ": " + text
	}
	return text
}

// MayHaveRun reports whether err leaves open if the statement has run.
func MayHaveRun(err error) bool {
	var e *NetError
	return errors.As(err, &e) && e.Sent
}

// netError makes a NetError of err. An *protocol.Error in it would be taken for
// the store's answer to the statement, so only its text is kept.
func (s *Store) netError(err error, sent bool) *NetError {
	var e *protocol.Error
	if errors.As(err, &e) {
		err = errors.New(err.Error())
	}
	return &NetError{Store: s.cfg.Name, Err: err, Sent: sent}
}

// Errors by which a store ends a connection, beside those of protocol.
const (
	errAborting       = 1152
	errNetReadError   = 1158
	errNetWriteTimed  = 1161
	errNewAborting    = 1184
	errServerGone     = 3168
	errSessionKilled  = 3169
	errNoConnPerUser  = 1203
	errHostBlocked    = 1129
	errHostRefused    = 1130
	errNoAuthSocket   = 1698
	errAccountLocked  = 3118
	errAuthPluginGone = 1524
)

// endsConnection reports whether a store that answers e ends the connection by
// itself, whatever was asked. 1317, a killed statement, does not.
func endsConnection(e *protocol.Error) bool {
	switch e.Code {
	case protocol.ErrServerShutdown, protocol.ErrConnectionKilled, protocol.ErrIdleTimeout,
		errAborting, errNewAborting, errServerGone, errSessionKilled:
		return true
	case protocol.ErrUnknownCommand, protocol.ErrPacketTooLarge:
		return false // the client's own fault
	}
	return errNetReadError <= e.Code && e.Code <= errNetWriteTimed || e.State == "08S01"
}

// refusesLogin reports whether a store that answers a login with e would answer
// the next one alike, and so can't be used until someone changes it.
func refusesLogin(e *protocol.Error) bool {
	switch e.Code {
	case protocol.ErrAccessDenied, protocol.ErrDBAccessDenied, errHostBlocked, errHostRefused,
		errNoAuthSocket, errAccountLocked, errAuthPluginGone, protocol.ErrSecureTransport:
		return true
	}
	return false
}

// verdict is what a failure to dial tells of a store.
type verdict uint8

const (
	guilty    verdict = iota // nobody listens, or nobody answers
	suspected                // somebody listens but does not let us in, or its name is not found
	unrelated                // this machine or the caller is the cause
)

// judge says what the failure of a dial or login tells of the store.
func judge(err error) verdict {
	var pe *protocol.Error
	switch {
	case errors.As(err, &pe):
		if endsConnection(pe) {
			return suspected
		}
		return unrelated
	case errors.Is(err, context.Canceled), errors.Is(err, ErrDown):
		return unrelated
	case errors.Is(err, syscall.EMFILE), errors.Is(err, syscall.ENFILE),
		errors.Is(err, syscall.ENOBUFS), errors.Is(err, syscall.ENOMEM),
		errors.Is(err, syscall.EADDRNOTAVAIL),
		errors.Is(err, syscall.EAGAIN): // a unix socket whose queue is full
		return unrelated
	case isTimeout(err), errors.Is(err, syscall.ECONNREFUSED), errors.Is(err, fs.ErrNotExist),
		errors.Is(err, syscall.EHOSTUNREACH), errors.Is(err, syscall.ENETUNREACH),
		errors.Is(err, syscall.EHOSTDOWN):
		return guilty
	}
	return suspected
}

func isTimeout(err error) bool {
	var ne net.Error
	return errors.Is(err, os.ErrDeadlineExceeded) || errors.Is(err, context.DeadlineExceeded) ||
		errors.Is(err, syscall.ETIMEDOUT) || errors.As(err, &ne) && ne.Timeout() && !errors.Is(err, syscall.EAGAIN)
}

// parseError reads an ERR packet. Before the handshake it has no SQLSTATE.
func parseError(b []byte) *protocol.Error {
	if len(b) < 3 {
		return protocol.Errorf(protocol.ErrUnknown, "store sent an error without a number")
	}
	e := &protocol.Error{Code: binary.LittleEndian.Uint16(b[1:]), State: "HY000"}
	msg := b[3:]
	if len(msg) >= 6 && msg[0] == '#' {
		e.State = string(msg[1:6])
		msg = msg[6:]
	}
	e.Message = string(msg)
	return e
}
