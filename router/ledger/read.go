package ledger

import (
	"context"
	"fmt"

	"github.com/dsmproxy/dsmproxy/router/fence"
	"github.com/dsmproxy/dsmproxy/router/store"
)

// Read implements fence.Store. The marks are read behind the data, over the
// same connection and in the same round trip. Within a transaction, whose
// snapshot may be old, they are read over another one when the data are there,
// for shared locks on the register would hold up a change of view as long as
// the transaction lasts. A record that has no version is not Known.
//
// An answer that the client has without a connection, as there is no such
// database or table, counts only if the register is as it must be, like any
// other: a store that has lost its memory has none either.
func (s *Store) Read(ctx context.Context, g fence.Guard, stmt fence.Statement, keys []fence.Key, marks []fence.Entry) error {
	st, err := statement(stmt)
	if err != nil {
		return err
	}
	clear(marks)
	if sh, r := s.lanesFor(g, st, keys); r.Lanes != nil {
		byLane := r.Lanes.Enter()
		defer r.Lanes.Leave()
		if byLane {
			if done, err := s.readShared(ctx, g, sh, &r, &keys[0], &marks[0]); done {
				return err
			}
		}
	}
	c, err := st.Acquire(ctx, s.st)
	if err != nil {
		return unsent(err)
	}
	j := s.begin()
	defer s.end(j)
	if c == nil {
		return s.marks(ctx, g, j, keys, marks)
	}
	if st.Kind() == Within {
		err := s.data(ctx, c, st)
		st.Settle(c, err)
		if err != nil {
			return err
		}
		return s.marks(ctx, g, j, keys, marks)
	}
	f := fenced(g, c)
	if s.glances(&f, keys) {
		return s.readGlancing(ctx, c, &f, j, st, keys, marks)
	}
	s.askMarks(j, &f, keys)
	err = s.data(ctx, c, st, j.buf)
	if err == nil {
		err = j.read(c)
	}
	if err != nil {
		st.Settle(c, err)
		return err
	}
	// Before the connection, in whose buffer the answer lies, is given back.
	if err = s.readMarks(j, &f, keys, marks); err == nil {
		f.passed(c)
	}
	st.Settle(c, nil)
	return err
}

func statement(stmt fence.Statement) (Statement, error) {
	st, ok := stmt.(Statement)
	if !ok {
		return nil, fmt.Errorf("%w: a %T is no ledger.Statement", fence.ErrUnsent, stmt)
	}
	return st, nil
}

// data runs the client's statement, with packets behind it, up to its answer.
func (s *Store) data(ctx context.Context, c *store.Conn, st Statement, behind ...[]byte) error {
	if err := st.Queue(ctx, c); err != nil {
		return failure(err)
	}
	for _, p := range behind {
		if err := c.Queue(p); err != nil {
			return failure(err)
		}
	}
	if err := c.Send(); err != nil {
		return failure(err)
	}
	if err := st.Answer(c); err != nil {
		return lost(err)
	}
	return nil
}

// marks reads the marks over a connection of the proxy's own.
func (s *Store) marks(ctx context.Context, g fence.Guard, j *job, keys []fence.Key, marks []fence.Entry) error {
	c, err := s.service(ctx, false)
	if err != nil {
		return err
	}
	defer c.Release()
	f := fenced(g, c)
	s.askMarks(j, &f, keys)
	if err := s.run(ctx, c, j, s.cfg.OwnTimeout); err != nil {
		return err
	}
	if err := s.readMarks(j, &f, keys, marks); err != nil {
		return err
	}
	f.passed(c)
	return nil
}

// askMarks makes j the question for the register and the versions of keys. A
// result from the server's cache would be as old as the cache.
func (s *Store) askMarks(j *job, f *fencing, keys []fence.Key) {
	j.sorted(len(keys), func(i int) *fence.Key { return &keys[i] })
	j.add("SELECT ")
	if s.st.MariaDB() {
		j.add("SQL_NO_CACHE ")
	}
	s.stand(j, f.gate)
	j.add(",")
	if len(keys) > 1 {
		j.add("CAST(v.t AS BINARY),v.k,")
	}
	j.add(version, " FROM ", s.texts.view, " w LEFT JOIN ", s.texts.ver, " v ON ")
	j.anyKey(keys)
	j.add(" WHERE w.id=").num(f.shard).add(" LIMIT 1000000")
}

func (s *Store) readMarks(j *job, f *fencing, keys []fence.Key, marks []fence.Entry) error {
	r := &j.reply
	if r.err != nil {
		if s.absent(r.err) {
			return fence.ErrClosed
		}
		return unsent(r.err)
	}
	if len(r.sets) != 1 || r.sets[0].rows == 0 {
		return fence.ErrClosed
	}
	for i := range r.sets[0].rows {
		row := r.row(0, i)
		if i == 0 {
			if _, err := f.holds(row); err != nil {
				return err
			}
		}
		e, ok := entry(row[len(row)-1])
		at := 0
		if len(keys) > 1 && e.Known {
			var t [1]uint64
			ok = ok && numbers(row[2], t[:]) == 1
			at = j.find(keys, &fence.Key{Table: uint16(t[0]), ID: row[3]})
		}
		if !ok || at < 0 {
			return lost(errOdd)
		}
		marks[at] = e
	}
	return nil
}
