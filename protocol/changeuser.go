package protocol

import (
	"errors"
	"time"
)

// A client whose COM_CHANGE_USER is refused stays who it was, in the state after
// a login, and in its database. It waits for a second each time, and from the
// fourth time on is told that there is no such command. All that is as MariaDB
// does it. MySQL closes the connection behind its refusal, and so does a server
// with a version of MySQL's.

const (
	maxFailedChanges = 3
	changePause      = time.Second
)

// stayed says that a client stays who it was.
type stayed struct{ refused *Error }

// Error is the refusal's.
func (e *stayed) Error() string { return e.refused.Error() }

// stays ends a COM_CHANGE_USER that err refuses; the client is who it was, if
// the server is like MariaDB.
func (c *Client) stays(err error) error {
	var refused *Error
	if !errors.As(err, &refused) || !isMariaDB(c.server.version()) {
		return err
	}
	c.failedChanges++
	c.server.noteRejected(c, refused)
	if err := c.session.Reset(); err != nil {
		return err
	}
	c.pause()
	return &stayed{refused}
}

// pause lets a client wait that may be guessing passwords.
func (c *Client) pause() {
	t := time.NewTimer(changePause)
	defer t.Stop()
	select {
	case <-t.C:
	case <-c.server.stop:
	}
}
