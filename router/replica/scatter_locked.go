package replica

import (
	"bytes"
	"slices"
	"strings"
)

// A locking read of records of several stores locks each record at its owner,
// one store after the other, in the stores' order, and at a store in that of
// the keys. Two such reads, of whatever proxies, so wait for each other in no
// circle; what other statements of a transaction have locked before is looked
// after as always (deadlock.go).

// Locks is how a Scatter locks.
type Locks struct {
	Clause string // the locking clause, with a blank before it
	Shared bool   // others may lock so as well
	// UpTo, unless negative, is how many records are to be locked, in the order of
	// the keys; then no lock is waited for.
	UpTo int64
}

// fillLocked locks the records and fills the copy of their table with them.
func (s *scatter) fillLocked(f *filler, t *Shared, stores []int) error {
	f.answer.Binary = false
	f.counts = func([]byte) bool { return true } // no others are asked for
	f.counted = 0
	if s.Locks.UpTo >= 0 {
		for _, key := range s.Keys {
			if f.counted >= s.Locks.UpTo {
				break
			}
			if err := s.lockAt(f, t, s.owner(stores, key, nil), [][]byte{key}); err != nil {
				return err
			}
		}
		return f.flush()
	}
	for _, i := range stores {
		var keys [][]byte
		for _, key := range s.Keys {
			if s.owner(stores, key, nil) == i {
				keys = append(keys, key)
			}
		}
		if len(keys) == 0 {
			continue
		}
		slices.SortFunc(keys, bytes.Compare)
		if err := s.lockAt(f, t, i, keys); err != nil {
			return err
		}
	}
	return f.flush()
}

// lockedAtOnce is how many records one statement locks.
const lockedAtOnce = 100

// lockAt locks records of one store.
func (s *scatter) lockAt(f *filler, t *Shared, i int, keys [][]byte) error {
	for len(keys) > lockedAtOnce {
		if err := s.lockAt(f, t, i, keys[:lockedAtOnce]); err != nil {
			return err
		}
		keys = keys[lockedAtOnce:]
	}
	list := make([]string, len(f.columns))
	for j, c := range f.columns {
		list[j] = c.exportText()
	}
	// For IN (...) a server may read, and lock, all rows of a small table.
	head, sep := "(SELECT "+strings.Join(list, ",")+" FROM "+t.quoted()+" WHERE "+quoteName(t.Key)+" = ", ""
	var sql strings.Builder
	for _, key := range keys {
		sql.WriteString(sep + head + f.schema.keyLiteral(key) + s.Locks.Clause + ")")
		sep = " UNION ALL "
	}
	req := ownText(sql.String() + " LIMIT 18446744073709551615")
	f.answer.Begin()
	if s.survey != nil {
		return s.lockFenced(f, t, keys, req)
	}
	if !s.Locks.Shared {
		for _, key := range keys {
			if err := s.lockKey(key); err != nil {
				return err
			}
		}
	}
	if err := s.open([]int{i}, req); err != nil {
		return err
	}
	if err := s.await(); err != nil {
		return err
	}
	return s.read(&s.legs[0], &f.answer)
}

// lockFenced is lockAt for records of one primary.
func (s *scatter) lockFenced(f *filler, t *Shared, keys [][]byte, req Request) error {
	c := s.Client
	list, err := c.fenceKeys(t.Table, keys)
	if err != nil {
		return err
	}
	if c.within() {
		err = c.partWithin(list, req, nil)
	} else {
		err = c.set.group.Read(c.wait, c.fencing.stmt.begin(c, req, nil), list)
	}
	if err = c.fencing.stmt.ended(err); err != nil {
		return err
	}
	if e := c.frame.Answer().Err; e != nil {
		return s.refused(e)
	}
	_, err = f.answer.Write(c.held)
	return told(err)
}
