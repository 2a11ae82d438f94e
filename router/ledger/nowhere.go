package ledger

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"

	"github.com/dsmproxy/dsmproxy/router/fence"
	"github.com/dsmproxy/dsmproxy/router/store"
	"github.com/dsmproxy/dsmproxy/router/view"
)

// A write of a table that is not there is answered as one server answers it, at
// once: there are handlers that make their table when they are told so. That a
// single store lacks it says little, for it may be about to get it, by DDL that is
// under way or because it joins: such a write waits. So the others are asked. If
// none has it, no DDL that makes it has ended, whichever of them was asked first.

// missing is the error for a session table that the store has not, though its
// ledger is there.
type missing struct {
	table *Table
	store string
}

// Error names the table and the store.
func (e *missing) Error() string {
	return fmt.Sprintf("%v: table %s.%s is not on store %s", fence.ErrUnsent, e.table.Schema, e.table.Name, e.store)
}

// Is reports whether it is fence.ErrUnsent.
func (e *missing) Is(target error) bool { return target == fence.ErrUnsent }

// nowhere reports whether all stores say that they have not the table, but for
// those that are Down in the view: what they have is put aside before they serve.
func (s *Store) nowhere(ctx context.Context, v *view.View, t *Table) bool {
	ctx, cancel := context.WithTimeout(ctx, s.cfg.Timeout)
	defer cancel()
	var (
		elsewhere atomic.Bool
		asked     sync.WaitGroup
	)
	for i, o := range s.siblings() {
		if v.State(i) == view.Down {
			continue
		}
		asked.Go(func() {
			if !o.lacksTable(ctx, t) {
				elsewhere.Store(true)
			}
		})
	}
	asked.Wait()
	return !elsewhere.Load()
}

// lacksTable reports whether the store says that it has not the table.
func (s *Store) lacksTable(ctx context.Context, t *Table) bool {
	c, err := s.service(ctx, false)
	if err != nil {
		return false
	}
	defer c.Release()
	j := s.begin()
	defer s.end(j)
	j.add("SELECT 1 FROM information_schema.TABLES WHERE TABLE_SCHEMA=").quoted([]byte(t.Schema)).
		add(" AND TABLE_NAME=").quoted([]byte(t.Name))
	return s.run(ctx, c, j, s.cfg.OwnTimeout) == nil && j.reply.err == nil &&
		len(j.reply.sets) == 1 && j.reply.sets[0].rows == 0
}

// refusesAbsent has the store itself refuse a write of a table that is nowhere,
// in its own words, and looks at the register behind that, as behind a read:
// what is told of a store counts only while the view does. Should the table have
// been made meanwhile, so that the statement is carried out, that is undone and
// the write made again, now with the table's shape.
func (s *Store) refusesAbsent(ctx context.Context, g fence.Guard, st Statement, keys []fence.Key, entries []fence.Entry) error {
	clear(entries)
	c, err := st.Acquire(ctx, s.st)
	if err != nil {
		return unsent(err)
	}
	j := s.begin()
	defer s.end(j)
	if c == nil { // its PREPARE has been refused
		if err := s.marks(ctx, g, j, keys, entries); err != nil {
			return unsent(err)
		}
		clear(entries)
		return nil
	}
	f := fenced(g, c)
	if err := s.runOpen(ctx, c, j, st); err != nil {
		st.Settle(c, err)
		return err
	}
	err = s.undoRefused(c, &f, keys, entries)
	if err == nil && !refuses(st) {
		st.Settle(c, nil)
		return fmt.Errorf("%w: the table has been made just now, or the proxy's account has no right to see it", fence.ErrUnsent)
	}
	st.Settle(c, broken(c, err))
	clear(entries) // the answer tells of no record
	return err
}

// runOpen runs a write in a transaction that it leaves open.
func (s *Store) runOpen(ctx context.Context, c *store.Conn, j *job, st Statement) error {
	trailing, _ := st.(Trailing)
	err := c.Queue(beginPacket)
	if err == nil {
		err = st.Queue(ctx, c)
	}
	if err == nil && trailing != nil {
		err = trailing.Trail(c)
	}
	if err == nil {
		err = c.Send()
	}
	if err != nil {
		return failure(err)
	}
	if err := readBegun(c, j, st); err != nil {
		return err
	}
	if trailing != nil {
		if err := trailing.Trailed(c); err != nil {
			return lost(err)
		}
	}
	return nil
}
