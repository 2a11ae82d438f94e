package ledger

import (
	"context"

	"github.com/dsmproxy/dsmproxy/protocol"
	"github.com/dsmproxy/dsmproxy/router/fence"
	"github.com/dsmproxy/dsmproxy/router/store"
)

// A KILL may meet any statement of a brief write, also when the statement has
// done its work and is about to say so. The connection tells what has become of
// the write: whether its transaction is open still, and @dsmproxy_wid, by which
// COMMIT or ROLLBACK was chosen. The record does not: somebody else may have
// written it since.

// kept reports whether a brief write has been committed, and whether that can be
// told; if it has not, it is rolled back. failed: the last of its statements was
// answered with an error, or one before by which the server rolls back (a
// deadlock). A COMMIT that is killed may be a rollback as well, so that it counts
// only if the version is seen then.
func (s *Store) kept(c *store.Conn, f *fencing, key *fence.Key, id uint64, failed bool) (yes, known bool) {
	open, mine, err := s.askKept(c, id)
	return s.ended(c, f, key, id, open, mine, !failed, err)
}

// ended is what a connection's answer says of a write: whether its transaction
// is open, whether the write has chosen to COMMIT (mine), and whether that was
// carried out for certain. It rolls back what is open.
func (s *Store) ended(c *store.Conn, f *fencing, key *fence.Key, id uint64, open, mine, certain bool, err error) (yes, known bool) {
	switch {
	case err != nil:
		return false, false
	case open:
		there, err := s.there(c, f, []fence.Key{*key}, id)
		return false, err == nil && !there
	case !mine:
		return false, true
	case certain:
		return true, true
	}
	// It may have been rolled back as well, so that it counts only if it is seen.
	there, err := s.there(c, f, []fence.Key{*key}, id)
	return there, err == nil && there
}

// askKept asks whether the transaction is open, and whether @dsmproxy_wid is id.
func (s *Store) askKept(c *store.Conn, id uint64) (open, mine bool, err error) {
	var n [2]uint64
	err = s.askConn(c, n[:], func(j *job) {
		j.add("SELECT CONCAT_WS(_binary',',@@in_transaction,COALESCE(@dsmproxy_wid=").num(id).add(",0))")
	})
	return n[0] != 0, n[1] != 0, err
}

// askConn asks a connection for numbers, also where KILLs meet the question.
func (s *Store) askConn(c *store.Conn, n []uint64, question func(j *job)) error {
	j := s.begin()
	defer s.end(j)
	question(j)
	for range askings {
		if err := c.Queue(j.buf); err != nil {
			return err
		}
		if err := c.Send(); err != nil {
			return err
		}
		if err := j.read(c); err != nil {
			return err
		}
		if e := j.reply.err; e == nil || e.Code != protocol.ErrQueryInterrupted { // by another KILL
			break
		}
	}
	r := &j.reply
	if r.err != nil {
		return r.err
	}
	if len(r.sets) != 1 || r.sets[0].rows != 1 || numbers(r.row(0, 0)[0], n) != len(n) {
		return errOdd
	}
	return nil
}

// unfinished ends a write whose version and record were read, and whose COMMIT
// was answered with e.
func (s *Store) unfinished(c *store.Conn, f *fencing, st Statement, key *fence.Key, id uint64, e *protocol.Error) (changed bool, err error) {
	c.Taint() // for the variables
	yes, known := s.kept(c, f, key, id, true)
	switch {
	case !known:
		err = lost(e)
		st.Settle(c, err)
	case yes:
		f.passed(c)
		st.Settle(c, broken(c, lost(e)))
	default:
		err = unsent(e)
		st.Settle(c, broken(c, err))
	}
	return yes && known, err
}

// unread ends a write whose version and record could not be read. A KILL may
// come when they have been read, but not told, and then it is committed. What
// is there of the record then under the same guard was made of it.
func (s *Store) unread(ctx context.Context, g fence.Guard, c *store.Conn, f *fencing, st Statement, key *fence.Key, id uint64, entry *fence.Entry, b *brief) (changed, again bool, err error) {
	e := b.reading
	c.Taint() // for the variables
	if e.Code == errBadColumn || e.Code == protocol.ErrNoSuchTable {
		s.Forget()
	}
	yes, known := s.kept(c, f, key, id, b.final != nil || e.Code != protocol.ErrQueryInterrupted)
	return s.resolve(ctx, g, c, st, key, entry, e, yes, known)
}

// resolve ends a write in which e has come between, once it is known whether it
// has been committed, or that it is not.
func (s *Store) resolve(ctx context.Context, g fence.Guard, c *store.Conn, st Statement, key *fence.Key, entry *fence.Entry, e *protocol.Error, yes, known bool) (changed, again bool, err error) {
	if known && !yes {
		st.Settle(c, broken(c, e))
		if s.absent(e) {
			return false, false, fence.ErrClosed
		}
		return false, transient(e), unsent(e)
	}
	if !known {
		st.Settle(c, lost(e))
		return false, false, lost(e)
	}
	st.Settle(c, broken(c, lost(e)))
	entries := make([]fence.Entry, 1)
	if _, err := s.Load(ctx, g, []fence.Key{*key}, true, entries); err != nil || !entries[0].Known {
		return false, false, lost(e)
	}
	*entry = entries[0]
	return true, false, nil
}
