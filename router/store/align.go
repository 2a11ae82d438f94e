package store

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"strconv"
	"time"

	"github.com/dsmproxy/dsmproxy/protocol"
)

// Align brings the connection's session state to want by the fewest round
// trips: none if it is equal, the statements that are missing if its own is a
// prefix of want (or all that differs are constants that want assigns anew),
// COM_RESET_CONNECTION and all of want otherwise. They are written at once, and
// their answers read together. An *protocol.Error is what the store said of one
// of the statements; the connection stays usable.
//
// A connection that holds what a reset would destroy (a transaction, or what
// Taint notes) is never reset; an *protocol.Error says so.
func (c *Conn) Align(ctx context.Context, want *Session) error {
	if !c.stale && c.session.Equal(want) {
		return nil
	}
	rest, ok := want.since(c.session)
	reset := c.stale || !ok
	if !c.canHaveDB(want) {
		return c.unfit(errDBStays)
	}
	if reset {
		if c.holds() {
			return protocol.Errorf(protocol.ErrNotSupportedYet,
				"dsmproxy: the session variables can't be restored on store %s while the connection holds a transaction, a lock or a temporary table", c.store.cfg.Name)
		}
		if c.store.noReset.Load() {
			return c.unfit(errNoReset)
		}
		rest = nil
		if want != nil {
			rest = want.sets
		}
	}
	done := c.bind(ctx)
	return done(c.align(want, rest, reset))
}

// holds reports whether the connection holds what a reset would destroy.
func (c *Conn) holds() bool {
	return c.tainted || c.unread > 0 || c.unsent || c.status.Has(protocol.StatusInTrans)
}

// canHaveDB reports whether want's database can be selected: a connection that
// has one can't get rid of it, not even by a reset.
func (c *Conn) canHaveDB(want *Session) bool {
	return want.DB() != "" || c.session.DB() == ""
}

var (
	errDBStays = errors.New("connection has a database that it can't leave")
	errNoReset = errors.New("the store refuses COM_RESET_CONNECTION")
)

// unfit says that another connection is needed, which is no fault of the store.
func (c *Conn) unfit(err error) error {
	c.doomed = true
	return c.store.netError(err, false)
}

// align sends a reset if asked for, and then what leads to want.
func (c *Conn) align(want *Session, rest []assignment, reset bool) error {
	if err := c.readAhead(); err != nil {
		return err
	}
	answers := 0
	queue := func(cmd protocol.Command, arg []byte) error {
		c.buf = append(append(c.buf[:0], byte(cmd)), arg...)
		answers++
		return c.queue(c.buf)
	}
	resets := 0
	if reset {
		if err := c.queueReset(); err != nil {
			return err
		}
		resets = c.resetting
		c.resetting, c.unread = 0, c.unread+resets
	}
	dbFirst := 0
	if db := want.DB(); db != c.session.DB() {
		if err := queue(protocol.ComInitDB, []byte(db)); err != nil {
			return err
		}
		dbFirst, answers = 1, 0
	}
	if want.Autocommit() != c.session.Autocommit() {
		if err := queue(protocol.ComQuery, autocommitSQL(want)); err != nil {
			return err
		}
	}
	for i := range rest {
		if err := queue(protocol.ComQuery, rest[i].sql); err != nil {
			return err
		}
	}
	if err := c.flush(); err != nil {
		return err
	}
	if err := c.readReset(resets); err != nil {
		return err
	}
	dbErr := c.readAnswers(dbFirst)
	if dbErr == nil {
		c.session = c.session.WithDB(want.DB())
	} else if _, ok := dbErr.(*protocol.Error); !ok {
		return dbErr
	}
	if err := c.readAnswers(answers); err != nil {
		if _, ok := err.(*protocol.Error); ok && dbFirst+answers > 1 {
			c.stale = true // some were carried out
		}
		return err
	}
	if dbErr != nil {
		c.stale = answers > 0
		return dbErr
	}
	c.session = want
	if reset && c.status.Has(protocol.StatusAutocommit) != want.Autocommit() {
		// The store's own default was changed since the login.
		if err := queue(protocol.ComQuery, autocommitSQL(want)); err != nil {
			return err
		}
		if err := c.flush(); err != nil {
			return err
		}
		return c.readAnswers(1)
	}
	return nil
}

func autocommitSQL(want *Session) []byte {
	if want.Autocommit() {
		return []byte("SET autocommit=1")
	}
	return []byte("SET autocommit=0")
}

// readAnswers reads the next n answers and returns the first error in them.
func (c *Conn) readAnswers(n int) error {
	var first error
	for range n {
		c.frame.Reset(protocol.AnswerResult, c.deprecateEOF, 1)
		if _, err := c.relay(io.Discard, &c.frame); err != nil {
			return err
		}
		e := c.frame.Answer().Err
		switch {
		case e == nil || first != nil:
		case endsConnection(e):
			return c.fail(e)
		default:
			first = e
		}
	}
	return first
}

// queueReset queues COM_RESET_CONNECTION and what it leaves to be done. Its
// answers are counted in resetting; what the connection has after it, and the
// prepared statements it has not, are noted at once.
func (c *Conn) queueReset() error {
	c.forgetStatements()
	before := c.unread
	if err := c.queue([]byte{byte(protocol.ComResetConnection)}); err != nil {
		return err
	}
	if sql := c.pool.restore.Load(); sql != nil {
		c.buf = append(append(c.buf[:0], byte(protocol.ComQuery)), *sql...)
		if err := c.queue(c.buf); err != nil {
			return err
		}
	}
	if db := c.session.DB(); db != "" {
		// It stays, but @@collation_database becomes the server's own on MariaDB,
		// from which SET CHARACTER SET takes collation_connection.
		c.buf = append(append(c.buf[:0], byte(protocol.ComInitDB)), db...)
		if err := c.queue(c.buf); err != nil {
			return err
		}
	}
	c.resetting = c.unread - before
	c.unread = before
	// Of the session state only the database outlives it.
	c.session = (*Session)(nil).WithDB(c.session.DB())
	c.tainted, c.unsure, c.stale, c.keepsOpen, c.trait = false, false, false, false, 0
	c.status &^= protocol.StatusInTrans
	return nil
}

// startReset sends COM_RESET_CONNECTION without waiting for the answer.
func (c *Conn) startReset() bool {
	return !c.store.noReset.Load() && c.queueReset() == nil && c.flush() == nil
}

// readReset reads the n answers that a reset has.
func (c *Conn) readReset(n int) error {
	for i := range n {
		err := c.readAnswers(1)
		if e, ok := err.(*protocol.Error); ok {
			if i == 0 {
				c.store.noReset.Store(true)
			}
			return c.unfit(fmt.Errorf("%w: %w", errNoReset, e))
		}
		if err != nil {
			return err
		}
		if i == 0 {
			c.session = c.session.WithAutocommit(c.status.Has(protocol.StatusAutocommit))
		}
	}
	return nil
}

const (
	resetPatience = 50 * time.Millisecond
	restRounds    = 4 // after so many of the janitor's, TLS is no proof of life
)

// ready looks if an idle connection still works, without a round trip but for
// TLS, and without a look at the socket if it has worked within the janitor's
// round: a store that dies so soon after its last answer is no other than one
// that dies while it is asked. One whose reset takes long, because it rolls
// much back, is not waited for.
func (c *Conn) ready() bool {
	if c.resetting > 0 {
		n := c.resetting
		c.resetting, c.unread = 0, n
		c.pc.SetDeadline(time.Now().Add(resetPatience))
		err := c.readReset(n)
		c.pc.SetDeadline(time.Time{})
		return err == nil
	}
	if c.rested == c.store.tick.Load() {
		return true
	}
	if !c.pc.Alive() {
		c.broken = true
		c.store.suspectNow()
		return false
	}
	if c.access.TLS != nil && c.store.tick.Load()-c.rested > restRounds {
		err := c.ping(c.store.tuning.Load().ConnectTimeout)
		c.pc.SetDeadline(time.Time{})
		return err == nil
	}
	return true
}

// Alive reports whether the connection, of which no answer is awaited, is open
// as far as this machine knows.
func (c *Conn) Alive() bool { return !c.broken && c.cause.Load() == nil && c.pc.Alive() }

// learnRestore asks, on the first connection of a login, which charset the
// store has made of its collation, if COM_RESET_CONNECTION forgets it.
func (c *Conn) learnRestore(ctx context.Context) error {
	if c.restores || c.pool.restore.Load() != nil {
		return nil
	}
	rows, err := c.Query(ctx, "SELECT @@character_set_client, @@character_set_results, @@collation_connection, "+
		"(SELECT ID FROM information_schema.COLLATIONS WHERE COLLATION_NAME=@@collation_connection)")
	if err != nil {
		return err
	}
	if len(rows) != 1 || len(rows[0]) != 4 {
		return c.fail(errMalformed)
	}
	for i, v := range rows[0] {
		if v == nil {
			rows[0][i] = []byte("NULL")
		}
	}
	charset, results := rows[0][0], rows[0][1]
	if id := rows[0][3]; string(id) == strconv.Itoa(int(mapCollation(c.login.Collation, c.store.MariaDB()))) && bytes.Equal(charset, results) {
		// The login was heeded, and so columns are of its very collation, which
		// the name of a charset does not say.
		charset, results = id, id
	}
	sql := bytes.Join([][]byte{
		[]byte("SET character_set_client="), charset, []byte(", character_set_results="), results,
		[]byte(", collation_connection="), rows[0][2],
	}, nil)
	c.pool.restore.Store(&sql)
	return nil
}
