package router

import (
	"bytes"
	"slices"

	"github.com/dsmproxy/dsmproxy/rewrite"
	"github.com/dsmproxy/dsmproxy/router/replica"
)

// A locking read of records whose stores differ locks each of them where reads
// and writes of its key ask first, and is answered by what was read there. One
// that names no keys finds them first, by an ordinary read, and tests its
// condition again on the records that it has locked. So, unlike at one server,
// it keeps nobody from inserting a record that it would have found.

// lockApart carries a locking read of the given keys out.
func (s *session) lockApart(st *rewrite.Statement, req replica.Request, args rewrite.Args, keys [][]byte) error {
	lock, why := st.Locking()
	if why != "" {
		return refuse(why)
	}
	return s.lockRecords(&lock, req, args, keys, false)
}

// lockFound carries one out whose keys are not known.
func (s *session) lockFound(st *rewrite.Statement, req replica.Request, args rewrite.Args) error {
	lock, why := st.Locking()
	if why != "" {
		return refuse(why)
	}
	if lock.Find == nil {
		return refuse("a locking read without the key of this form")
	}
	v := &variants{of: req}
	defer v.close()
	found, err := s.choose(lock.Find, v, args, nil)
	if err != nil {
		return err
	}
	t := s.table(st.Plan)
	fold := s.folding(t)
	keys := make([][]byte, 0, len(found))
	for _, key := range found {
		if fold != nil {
			key = bytes.Clone(fold(key))
		}
		if !slices.ContainsFunc(keys, func(k []byte) bool { return bytes.Equal(k, key) }) {
			keys = append(keys, key)
		}
	}
	return s.lockRecords(&lock, req, args, keys, true)
}

func (s *session) lockRecords(lock *rewrite.Locking, req replica.Request, args rewrite.Args, keys [][]byte, found bool) error {
	if !lock.Shared && s.data.ReadOnly() { // no store would say so where no record is found
		return s.readOnlyTransaction()
	}
	var plain rewrite.Statement
	s.router.Planner.Plan(&plain, lock.Text, s.data.State().DB(), s.mode)
	v := &variants{of: req}
	defer v.close()
	w, close, err := s.scatterOf(&plain, v.with(lock.Text), args, keys)
	if err != nil {
		return err
	}
	defer close()
	if len(w.Tables) != 1 {
		return refuse("a locking read of several tables with records on different stores")
	}
	w.Rows, w.Count, w.First = nil, false, nil
	w.Locks = &replica.Locks{Clause: lock.Clause, Shared: lock.Shared, UpTo: -1}
	if found && lock.Skip && w.Limit >= 0 {
		w.Locks.UpTo = w.Offset + w.Limit
	}
	return s.data.Scatter(w)
}
