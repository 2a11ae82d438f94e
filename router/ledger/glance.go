package ledger

import (
	"context"

	"github.com/dsmproxy/dsmproxy/protocol"
	"github.com/dsmproxy/dsmproxy/router/fence"
	"github.com/dsmproxy/dsmproxy/router/store"
	"github.com/dsmproxy/dsmproxy/router/view"
)

// A read under a lease (Guard.Leased) needs no more of a store than the version
// of the record: one row of one table. To a server a SELECT of that is as much
// work as the client's own; HANDLER, which knows no joins and no expressions,
// and keeps the table open on the connection, is a third of it. It reads what
// is committed when it runs, whatever the isolation level: each is a statement
// with a snapshot of its own, for the connection is in no transaction.
//
// The table is opened by the second of the reads on a connection since that was
// reset, which closes it: where every read has a connection reset, to open it
// would cost more than it saves. As long as it is open, nobody can change the
// table's definition or drop it, and MySQL's FLUSH TABLES waits. The next
// statement of the connection makes way for them, whatever it is, and one that is
// idle is reset within a second (store.Conn.KeepsOpen).

// The traits of a connection (store.Conn.Trait).
const (
	traitFresh    uint8 = iota
	traitUsed           // it has been read from
	traitOpen           // the table of versions is open for HANDLER
	traitHandless       // HANDLER is refused

	traitOfHandler uint8 = 3 // the bits of those

	traitWritten  uint8 = 4 // a write has gone over it
	traitFormless uint8 = 8 // a form could not be prepared
)

// handler notes how the connection stands to HANDLER.
func handler(c *store.Conn, trait uint8) { c.SetTrait(c.Trait()&^traitOfHandler | trait) }

// handle is the name by which the table of versions is open.
const handle = "dsmproxy_ver"

// glances reports whether the versions are all that must be asked for.
func (s *Store) glances(f *fencing, keys []fence.Key) bool {
	return f.Leased && !f.gate && len(keys) == 1
}

// readGlancing runs st and reads the version of the only one of keys behind it.
func (s *Store) readGlancing(ctx context.Context, c *store.Conn, f *fencing, j *job, st Statement, keys []fence.Key, marks []fence.Entry) error {
	trait := c.Trait() & traitOfHandler
	handled, opens := trait == traitOpen, trait == traitUsed
	if handled {
		j.readHandle(&keys[0])
	} else {
		s.askVersion(j, &keys[0])
	}
	packets := [...][]byte{j.buf, s.texts.open}
	n := 1
	if opens {
		n = 2
	}
	err := s.data(ctx, c, st, packets[:n]...)
	if err == nil {
		err = j.read(c)
	}
	if err != nil {
		st.Settle(c, err)
		return err
	}
	if handled && !j.handled() {
		// Somebody has closed it, or changed the table. The data came before.
		handler(c, traitHandless)
		err = s.askAgain(c, f, j, keys, marks)
		st.Settle(c, err)
		return err
	}
	var told error
	marks[0], told = s.readVersion(j, handled)
	switch {
	case opens:
		if err := j.read(c); err != nil {
			st.Settle(c, err)
			return err
		}
		if j.reply.err != nil {
			handler(c, traitHandless)
		} else {
			handler(c, traitOpen)
			c.KeepsOpen()
		}
	case trait == traitFresh:
		handler(c, traitUsed)
	}
	st.Settle(c, nil)
	return told
}

// readHandle makes j the question of HANDLER for a key's version.
func (j *job) readHandle(k *fence.Key) {
	j.add("HANDLER ", handle, " READ `PRIMARY`=(").num(uint64(k.Table)).add(",").hex(k.ID).add(")")
}

// verColumns is how many columns the table of versions has: t, k, ep, n, wid,
// iep, fl and tick.
const verColumns = 8

// handled reports whether the answer is one that HANDLER gives.
func (j *job) handled() bool {
	r := &j.reply
	return r.err == nil && len(r.sets) == 1 && r.sets[0].columns == verColumns
}

// askVersion makes j the question for the version of a key alone.
func (s *Store) askVersion(j *job, k *fence.Key) {
	j.add("SELECT ")
	if s.st.MariaDB() {
		j.add("SQL_NO_CACHE ")
	}
	j.add(version, " FROM ", s.texts.ver, " v WHERE ").oneKey(k).add(" LIMIT 1")
}

// readVersion reads the answer to it, or to HANDLER.
func (s *Store) readVersion(j *job, handled bool) (fence.Entry, error) {
	r := &j.reply
	switch {
	case r.err != nil && s.absent(r.err):
		return fence.Entry{}, fence.ErrClosed
	case r.err != nil:
		return fence.Entry{}, unsent(r.err)
	case len(r.sets) != 1:
		return fence.Entry{}, lost(errOdd)
	case r.sets[0].rows == 0:
		return fence.Entry{}, nil
	}
	row := r.row(0, 0)
	if !handled {
		e, ok := entry(row[0])
		if !ok {
			return fence.Entry{}, lost(errOdd)
		}
		return e, nil
	}
	var n [5]uint64
	for i, at := range [...]int{2, 3, 4, 6, 7} {
		if numbers(row[at], n[i:i+1]) != 1 {
			return fence.Entry{}, lost(errOdd)
		}
	}
	return fence.Entry{
		Known: true, Version: view.Version{Epoch: n[0], N: n[1], ID: n[2]}, Flags: view.Flags(n[3]), Tick: n[4],
	}, nil
}

// askAgain asks for the marks by themselves, over the connection that the data
// came by.
func (s *Store) askAgain(c *store.Conn, f *fencing, j *job, keys []fence.Key, marks []fence.Entry) error {
	j.buf = append(j.buf[:0], byte(protocol.ComQuery))
	s.askMarks(j, f, keys)
	if err := c.Queue(j.buf); err != nil {
		return unsent(err)
	}
	if err := c.Send(); err != nil {
		return unsent(err)
	}
	if err := j.read(c); err != nil {
		return unsent(err)
	}
	return s.readMarks(j, f, keys, marks)
}
