package replica

import (
	"errors"
	"slices"
	"strconv"
	"strings"

	"github.com/dsmproxy/dsmproxy/protocol"
	"github.com/dsmproxy/dsmproxy/router/merge"
	"github.com/dsmproxy/dsmproxy/router/store"
)

// A statement whose rows are made of several records (ORDER BY, GROUP BY, DISTINCT,
// UNION, a join, a subquery) is carried out by one store, on copies of the
// tables: temporary tables of the same names, which hide the tables from this
// one connection. They have what all stores answer for, in the columns that the
// statement names. For example
//
//	SELECT n FROM sessions WHERE n > 5 ORDER BY expires
//
// makes
//
//	CREATE TEMPORARY TABLE app.dsmproxy_copy LIKE app.sessions
//	ALTER TABLE app.dsmproxy_copy RENAME TO app.sessions
//	INSERT INTO app.sessions (id, n, expires) VALUES ...
//	SELECT n FROM sessions WHERE n > 5 ORDER BY expires
//
// with the rows of SELECT CAST(id AS BINARY), n, expires FROM sessions WHERE n > 5 from
// every store, and COM_RESET_CONNECTION behind it. The connection is no part of
// the client's transaction, whose own connections are asked for the rows, so
// that its writes are seen and its locks and savepoints stay.

// copies is what a statement needs that runs on copies.
type copies struct {
	broken []int // stores that could not hold them
	detail detail
	packet int     // the longest INSERT that they take
	req    Request // what is sent to the store that holds them
	twins  []Twin
}

// detail says how true to their tables the copies are. Where a copy can't be
// filled, the next kind is tried.
type detail uint8

const (
	detailNamed detail = iota // all indexes, but only the named columns filled
	detailAll                 // all columns filled: an index or a check concerns those too
	detailBare                // columns without indexes
)

// errReopen: MySQL can't read a temporary table twice in a statement; there may
// be no twin of it.
const errReopen = 1137

// copy makes the copies and carries the statement out on them.
func (s *scatter) copy(stores []int) error {
	i, conn, err := s.host()
	if err != nil {
		return err
	}
	s.watch(conn)
	conn.Taint()
	s.spread(conn)
	err = s.fillAll(conn, stores)
	if err == nil {
		err = s.confirm()
	}
	if err == nil {
		err = s.answer(conn)
	}
	s.unwatch(conn)
	conn.Release() // which resets it
	var full *hostError
	if !errors.As(err, &full) {
		return err
	}
	s.abandon()
	var refused *protocol.Error
	switch {
	case s.ctx.Err() != nil:
		return s.aborted()
	case !errors.As(err, &refused):
		s.copies.broken, s.last = append(s.copies.broken, i), full.cause
		return errAgain
	case full.filling && s.copies.detail < detailBare:
		s.copies.detail++
		return errAgain
	case full.making:
		return &protocol.Error{Code: refused.Code, State: refused.State, Message: "dsmproxy: store " + s.set.stores[i].Name() +
			" can't make the temporary table that this statement needs (grant CREATE TEMPORARY TABLES): " + refused.Message}
	}
	return refused
}

// hostError is an error of the connection that has the copies.
type hostError struct {
	cause           error
	making, filling bool // a copy
}

// Error is the cause's.
func (e *hostError) Error() string { return "copies of tables: " + e.cause.Error() }

// Unwrap returns the cause.
func (e *hostError) Unwrap() error { return e.cause }

// host returns a connection that is to have the copies.
func (s *scatter) host() (int, *store.Conn, error) {
	order := slices.Clone(s.rotation())
	if s.AtHome {
		order = order[:1]
	}
	for _, force := range []bool{false, true} {
		for _, n := range order {
			i := int(n)
			if slices.Contains(s.copies.broken, i) || s.set.live(i) == force {
				continue
			}
			conn, err := s.set.stores[i].Get(s.ctx, s.Login, s.state, force)
			if err == nil {
				return i, conn, nil
			}
			if s.ctx.Err() != nil {
				return 0, nil, s.aborted()
			}
			if !storeFailed(err) {
				return 0, nil, err
			}
			s.last = err
		}
	}
	return 0, nil, unreachable(s.last)
}

// fillAll makes and fills the copies.
func (s *scatter) fillAll(conn *store.Conn, stores []int) error {
	restore, err := s.neutral(conn)
	if err != nil {
		return &hostError{cause: err}
	}
	for j := range s.Tables {
		if err := s.fill(conn, stores, &s.Tables[j]); err != nil {
			return err
		}
	}
	if _, err := conn.Exec(s.ctx, restore); err != nil {
		return &hostError{cause: err}
	}
	return nil
}

// neutral brings the connection to a state in which any record can be
// inserted, and returns the statement that undoes it.
func (s *scatter) neutral(conn *store.Conn) (restore string, err error) {
	rows, err := conn.Query(s.ctx, "SELECT @@sql_mode, @@time_zone, @@max_allowed_packet")
	if err != nil {
		return "", err
	}
	if len(rows) != 1 || len(rows[0]) != 3 {
		return "", merge.ErrRow
	}
	if s.copies.packet, err = strconv.Atoi(string(rows[0][2])); err != nil {
		return "", err
	}
	restore = "SET sql_mode='" + string(rows[0][0]) + "', time_zone='" + string(rows[0][1]) + "'"
	if s.fix != nil {
		restore += ", " + strings.TrimPrefix(string(s.fix[1:]), "SET ")
	}
	if s.state.Assigns("transaction_read_only") {
		if _, err := conn.Exec(s.ctx, "SET SESSION TRANSACTION READ WRITE"); err != nil {
			return "", err
		}
	}
	_, err = conn.Exec(s.ctx, "SET sql_mode='NO_AUTO_VALUE_ON_ZERO', time_zone='+00:00'")
	return restore, err
}

// fill makes the copy of one table and fills it.
func (s *scatter) fill(conn *store.Conn, stores []int, t *Shared) error {
	sc, err := s.tableSchema(t.Table)
	if err != nil {
		return err
	}
	detail, err := s.makeCopy(conn, t)
	if refusedBy(err, errTableExists) && s.namedBefore(t) {
		_, err = conn.Exec(s.ctx, "DROP TEMPORARY TABLE "+copyAt(t).quoted())
		return err
	}
	if err != nil {
		return &hostError{cause: err, making: true}
	}
	columns := sc.copied(s.Columns, detail)
	f := newFiller(s, conn, sc, columns)
	if s.Locks != nil {
		if err := s.fillLocked(f, t, stores); err != nil {
			s.abandon()
			return err
		}
		return s.makeTwins(conn, t, columns, detail)
	}
	if err := s.open(stores, f.request(s, t)); err != nil {
		return err
	}
	if err := s.await(); err != nil {
		return err
	}
	for j := range s.legs {
		l := &s.legs[j]
		f.counts = func(key []byte) bool { return s.owner(stores, key, t.Fold) == l.store }
		f.counted = 0
		f.answer.Begin()
		err := s.read(l, &f.answer)
		if err == nil && s.holdsBack(s.scratch.Answer()) && f.counted < s.Offset+s.Limit {
			err = s.anew()
		}
		if err != nil {
			s.abandon()
			return err
		}
	}
	if err := f.flush(); err != nil {
		return err
	}
	return s.makeTwins(conn, t, columns, detail)
}

// errTableExists is the error of a table that there is already.
const errTableExists = 1050

// namedBefore reports whether the statement has named a table before by a name
// that differs in case only: a store that knows no case has its copy then.
func (s *scatter) namedBefore(t *Shared) bool {
	for i := range s.Tables {
		o := &s.Tables[i]
		if o == t {
			break
		}
		if strings.EqualFold(o.Schema, t.Schema) && strings.EqualFold(o.Name, t.Name) {
			return true
		}
	}
	return false
}

// copyAt is the name that the copy of a table has at first.
func copyAt(t *Shared) Table { return Table{Schema: t.Schema, Name: "dsmproxy_copy"} }

// makeCopy makes the empty copy of a table.
func (s *scatter) makeCopy(conn *store.Conn, t *Shared) (detail, error) {
	at := copyAt(t)
	var err error
	detail := s.copies.detail
	if detail < detailBare {
		_, err = conn.Exec(s.ctx, "CREATE TEMPORARY TABLE "+at.quoted()+" LIKE "+t.quoted())
		var refused *protocol.Error
		if errors.As(err, &refused) && refused.Code != protocol.ErrDBAccessDenied {
			detail = detailBare // it has a full-text index, or is partitioned, or a view
		}
	}
	if detail == detailBare {
		_, err = conn.Exec(s.ctx, "CREATE TEMPORARY TABLE "+at.quoted()+" AS SELECT * FROM "+t.quoted()+" LIMIT 0")
	}
	if err != nil {
		return detail, err
	}
	rename := "ALTER TABLE " + at.quoted() + " RENAME TO " + t.quoted()
	if _, err = conn.Exec(s.ctx, rename); refusedBy(err, errSameCheck) {
		if err = s.dropChecks(conn, at); err == nil {
			_, err = conn.Exec(s.ctx, rename)
		}
	}
	return detail, err
}

// answer carries the statement out on the copies.
func (s *scatter) answer(conn *store.Conn) error {
	var err error
	if s.AsLiterals {
		_, err = conn.Exec(s.ctx, "SET character_set_results=utf8mb4")
	}
	if err == nil {
		err = s.send(conn, s.copies.req)
	}
	var e *protocol.Error
	if err == nil {
		e, err = conn.Await()
	}
	switch {
	case err != nil && s.Writes && store.MayHaveRun(err):
		return cutOff(err)
	case err != nil:
		return &hostError{cause: err}
	case e != nil && e.Code == errReopen:
		return protocol.Errorf(protocol.ErrNotSupportedYet,
			"dsmproxy: this statement can't be routed: a session table that is named twice without the key, on a store that is no MariaDB")
	}
	if s.chosen != nil {
		return s.choose(conn)
	}
	s.resetFrame(s.Req.Answer(), true)
	s.frame.Set |= s.status(0)
	s.frame.Clear |= protocol.StatusInTrans | protocol.StatusInTransReadonly
	n, err := conn.Relay(s.out.Conn(), &s.frame)
	switch {
	case err != nil && n == 0 && s.ctx.Err() == nil && store.MayHaveRun(err) && !s.Writes:
		return &hostError{cause: err}
	case err != nil:
		return cutOff(err)
	}
	s.out.Conn().SetSequence(s.frame.Seq())
	if err := s.readNotes(conn); err != nil {
		return cutOff(err)
	}
	if s.Learn != nil {
		if err := s.Learn(conn); err != nil {
			return cutOff(err)
		}
	}
	if a := s.frame.Answer(); a.Err == nil {
		return s.conclude(s.status(a.Status))
	}
	s.settle()
	return nil
}

// choose reads what the copies answer with.
func (s *scatter) choose(conn *store.Conn) error {
	deprecateEOF := s.Login.Capabilities.Has(protocol.ClientDeprecateEOF)
	s.scratch.Reset(s.Req.Answer(), deprecateEOF, 1)
	frames, err := conn.Read(&s.scratch, maxSwept)
	var refused *protocol.Error
	switch {
	case errors.As(err, &refused):
		return refused
	case err != nil:
		return &hostError{cause: err}
	case s.scratch.Answer().Err != nil:
		return s.scratch.Answer().Err
	}
	return s.chosen(frames, s.scratch.Answer(), deprecateEOF)
}
