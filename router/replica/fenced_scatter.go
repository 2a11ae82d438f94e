package replica

import (
	"errors"
	"slices"

	"github.com/dsmproxy/dsmproxy/router/fence"
)

// A read of records of several primaries is carried out as at the level seed
// (scatter.go), but by a survey: the stores are those that are up in the view,
// each with the newest version of what it is the primary of, and the client
// gets nothing before it is known that the view has lasted. If it has not, all
// begins anew. Only rows beyond maxKept bytes go to the client before; if they
// turn out not to count, its connection is cut off.

// maxKept is how long an answer is kept back at most.
const maxKept = 4 << 20

// errMoved says that the answer does not count.
var errMoved = errors.New("the stores' states have changed in the middle of an answer that is too long to be kept back")

// carryOutFenced is carryOut.
func (s *scatter) carryOutFenced() error {
	var tables []Table
	for i := range s.Tables {
		if s.Tables[i].Via != nil {
			return notFenced("a table whose records have rows in others (secondary)")
		}
		if s.Tables[i].Schema != "" { // else no database is selected, and there is none
			tables = append(tables, s.Tables[i].Table)
		}
	}
	var err error
	if s.survey, err = s.Client.survey(tables, s.Keys); err != nil {
		return err
	}
	defer s.survey.End()
	for {
		stores, err := s.survey.Begin(s.wait)
		if err != nil {
			return s.fenceError(err)
		}
		s.Client.Notes, s.sure = nil, false
		clear(s.failed)
		if err = s.runAt(stores); !errors.Is(err, errAgain) {
			return err
		}
		if i := slices.Index(s.failed, true); i >= 0 {
			if err := s.survey.Failed(s.wait, i, s.last); err != nil {
				return s.fenceError(err)
			}
		}
	}
}

// confirm is called when all stores have been asked, and before the client gets
// the answer.
func (s *scatter) confirm() error {
	if s.survey == nil || s.sure {
		return nil
	}
	ok, err := s.survey.Confirm(s.wait)
	switch {
	case err == nil && ok && !s.txnLasts():
		return s.fenceError(fence.ErrRestart)
	case err == nil && ok:
		s.sure = true
		return nil
	case s.begun:
		return cutOff(errMoved)
	case err == nil && s.InTxn():
		return s.fenceError(fence.ErrRestart) // its snapshots stay as they are
	case err == nil:
		return errAgain
	}
	return s.fenceError(err)
}

// keeps reports whether an answer of the given length is kept back.
func (s *scatter) keeps(length int) bool { return s.survey != nil && !s.sure && length < maxKept }

// txnLasts reports whether the transaction that is open, if one is, can still be
// committed.
func (c *Client) txnLasts() bool {
	for i := range c.txn.parts {
		if !c.txn.parts[i].txn.Alive() {
			return false
		}
	}
	return true
}
