package ledger

import (
	"context"
	"errors"

	"github.com/dsmproxy/dsmproxy/protocol"
	"github.com/dsmproxy/dsmproxy/router/fence"
	"github.com/dsmproxy/dsmproxy/router/store"
	"github.com/dsmproxy/dsmproxy/router/view"
)

// tries bounds how often the proxy's own part of a write is tried again after a
// deadlock.
const tries = 4

// repeats bounds how often a write by itself is run again that the store has
// rolled back to end a deadlock. At one server a write of one record hardly meets
// one; here it locks its version as well, as those do who copy records, settle
// them or look at them, and not all in the same order. Nothing of it is left
// then, and the client has been told nothing.
const repeats = 3

// askings bounds how often it is asked what has become of a write, where KILLs
// meet the question as well.
const askings = 20

var (
	beginPacket = append([]byte{byte(protocol.ComQuery)}, beginSQL...)
	multiOn     = []byte{byte(protocol.ComSetOption), 0, 0}
	multiOff    = []byte{byte(protocol.ComSetOption), 1, 0}
	pingPacket  = []byte{byte(protocol.ComPing)}
	countPacket = append([]byte{byte(protocol.ComQuery)}, "GET DIAGNOSTICS @dsmproxy_rows=ROW_COUNT"...)
)

// Write implements fence.Store; brief.go has a briefer form for one record. All
// goes out at once:
//
//	START TRANSACTION
//	the client's statement
//	GET DIAGNOSTICS @dsmproxy_rows=ROW_COUNT
//	what the statement trails (Trailing)
//	COM_SET_OPTION
//	one packet: for each key the guard with its new version, if something has
//	changed; the records as they are then; COMMIT
//	COM_SET_OPTION
//
// The last of the statements before COMMIT forgets the number, so that a former
// one is never taken for it. The options are there so that no client can send a packet of several
// statements. They forget ROW_COUNT(), which GET DIAGNOSTICS keeps and no other
// statement could without making the warnings void. Where the login allows such
// packets anyway, they and it are left out, but for a COM_PING at the end: the
// server leaves the rest of the packet out, and does not say so, where a KILL
// QUERY comes between two of its statements, and the answer that follows tells.
// A Commit has the last part alone.
func (s *Store) Write(ctx context.Context, g fence.Guard, stmt fence.Statement, keys []fence.Key, id uint64, entries []fence.Entry) (changed bool, err error) {
	st, err := statement(stmt)
	if err != nil {
		return false, err
	}
	shapes := make([]*shape, 0, 4)
	for i := range keys {
		sh, err := s.shape(ctx, keys[i].Table)
		if away := (*missing)(nil); errors.As(err, &away) && canRefuse(st) && s.nowhere(ctx, g.View, away.table) {
			return false, s.refusesAbsent(ctx, g, st, keys, entries)
		}
		if err != nil {
			return false, unsent(err) // whatever has become of the proxy's own questions
		}
		shapes = append(shapes, sh)
	}
	briefly := s.briefly(st, keys, shapes)
	deadlocks := 0
	for try := 1; ; try++ {
		changed, again, amiss, err := s.writeOnce(ctx, g, st, keys, shapes, id, entries, briefly)
		if amiss {
			briefly = false
			continue
		}
		if err == nil && !changed && deadlocked(st) && deadlocks < repeats && ctx.Err() == nil {
			deadlocks++
			continue
		}
		if !again || try >= tries || st.Kind() == Commit || ctx.Err() != nil {
			return changed, err
		}
	}
}

func (s *Store) writeOnce(ctx context.Context, g fence.Guard, st Statement, keys []fence.Key, shapes []*shape, id uint64, entries []fence.Entry, briefly bool) (changed, again, amiss bool, err error) {
	clear(entries)
	c, err := st.Acquire(ctx, s.st)
	if err != nil {
		return false, false, false, unsent(err)
	}
	j := s.begin()
	defer s.end(j)
	if c == nil { // as for a read
		if err := s.marks(ctx, g, j, keys, entries); err != nil {
			return false, false, false, unsent(err)
		}
		return false, false, false, nil
	}
	f := fenced(g, c)
	if briefly {
		form, ok, err := s.form(ctx, c, &f, st, shapes[0])
		if err != nil {
			err = unsent(err)
			st.Settle(c, err)
			return false, false, false, err
		}
		if ok {
			return s.writeFormed(ctx, g, st, c, &f, j, &keys[0], shapes[0], form, id, &entries[0])
		}
	}
	if briefly && shapes[0].key.charset != "" {
		return s.writeBriefly(ctx, g, st, c, &f, j, &keys[0], shapes[0], id, &entries[0])
	}
	f.multi = multi(c)
	commits := st.Kind() == Commit
	trailing, _ := st.(Trailing)
	if commits {
		trailing = nil
	}
	f.counted = (!f.multi || trailing != nil) && !commits && counts(st)
	_, f.refusable = st.(Refusable)
	f.refusable = f.refusable && f.counted && st.Changed() == RowsChanged
	s.bumps(j, &f, st, keys, shapes, id)
	if err := s.sendWrite(ctx, c, &f, st, trailing, j.buf, commits); err != nil {
		st.Settle(c, err)
		return false, false, false, err
	}
	if err := s.readWrite(c, &f, j, st, trailing, commits); err != nil {
		st.Settle(c, err)
		return false, false, false, err
	}
	// The answer lies in the connection's buffer.
	refused, at := j.reply.err, len(j.reply.sets)
	if refused == nil {
		changed, err = s.readEntries(j, &f, commits, keys, shapes, entries)
	}
	off := s.readOff(c, j)
	switch {
	case refused == nil:
		if err == nil {
			f.passed(c)
		}
		st.Settle(c, off) // what was committed is
	case at == f.statements(keys)-1: // of COMMIT
		if off == nil && len(keys) > 0 && !s.committed(c, &f, keys, id) {
			err = unsent(refused) // a KILL
			st.Settle(c, broken(c, err))
			break
		}
		err = lost(refused)
		st.Settle(c, err)
	case off != nil:
		err = unsent(off)
		st.Settle(c, err)
	case refuses(st):
		c.Taint()
		if refused.Code == errBadColumn || refused.Code == protocol.ErrNoSuchTable {
			s.Forget()
		}
		err = s.undoRefused(c, &f, keys, entries)
		st.Settle(c, broken(c, err))
	default:
		if !commits {
			c.Taint() // for @dsmproxy_rows
		}
		if refused.Code == errBadColumn || refused.Code == protocol.ErrNoSuchTable {
			s.Forget()
		}
		again, err = s.undo(c, j, &f, refused, false)
		st.Settle(c, broken(c, err))
	}
	return changed, again, false, err
}

// broken is err if the connection can't be used any more.
func broken(c *store.Conn, err error) error {
	if err != nil && c.Status().Has(protocol.StatusInTrans) {
		return errLeftOpen // an answer of the server's would leave the connection to the client
	}
	return nil
}

var errLeftOpen = errors.New("a transaction is left open")

// canRefuse reports whether a statement can say that the store has refused it.
func canRefuse(st Statement) bool {
	_, ok := st.(Refusable)
	return ok && st.Kind() == Alone
}

// refuses reports whether the store has refused the statement itself.
func refuses(st Statement) bool {
	r, ok := st.(Refusable)
	return ok && st.Kind() == Alone && r.Refused()
}

// deadlocked reports whether the store has rolled the statement back to end a
// deadlock, and it may be run again.
func deadlocked(st Statement) bool {
	r, ok := st.(Refusable)
	return ok && st.Kind() == Alone && r.Deadlocked()
}

// committed reports whether a write may have been committed though its COMMIT
// was answered with an error: unless the transaction can be rolled back and has
// left no version.
func (s *Store) committed(c *store.Conn, f *fencing, keys []fence.Key, id uint64) bool {
	there, err := s.there(c, f, keys, id)
	return there || err != nil
}

// there rolls back, and reports whether a key has a version of the write.
func (s *Store) there(c *store.Conn, f *fencing, keys []fence.Key, id uint64) (bool, error) {
	marks := make([]fence.Entry, len(keys))
	err := s.undoRefused(c, f, keys, marks)
	for try := 1; err != nil && try < askings; try++ {
		var e *protocol.Error
		if !errors.As(err, &e) || e.Code != protocol.ErrQueryInterrupted { // by another KILL
			break
		}
		err = s.undoRefused(c, f, keys, marks)
	}
	if err != nil {
		return false, err
	}
	for i := range marks {
		if marks[i].Version.ID == id {
			return true, nil
		}
	}
	return false, nil
}

// undoRefused rolls back behind a statement that was refused, and reads what it
// has told of, as a read does.
func (s *Store) undoRefused(c *store.Conn, f *fencing, keys []fence.Key, marks []fence.Entry) error {
	clear(marks)
	j := s.begin()
	defer s.end(j)
	s.askMarks(j, f, keys)
	for _, p := range [][]byte{rollbackPacket, j.buf} {
		if err := c.Queue(p); err != nil {
			return unsent(err)
		}
	}
	if err := c.Send(); err != nil {
		return unsent(err)
	}
	if err := j.read(c); err != nil {
		return unsent(err)
	}
	refused := j.reply.err
	if err := j.read(c); err != nil { // in any case, or it were the next packet's
		return unsent(err)
	}
	if refused != nil {
		return unsent(refused)
	}
	return s.readMarks(j, f, keys, marks)
}

// condition is st's, behind what sendWrite puts behind the statement.
func condition(st Statement, counted bool) string {
	changed := st.Changed()
	switch {
	case !counted:
	case changed == RowsChanged:
		return "COALESCE(@dsmproxy_rows,1)>0"
	case changed == AlwaysChanged:
		return "COALESCE(@dsmproxy_rows,1)<>0"
	}
	return changed
}

// counts reports whether st's condition needs the number of rows.
func counts(st Statement) bool {
	changed := st.Changed()
	return changed == RowsChanged || changed == AlwaysChanged
}

// statements is how many bumps makes.
func (f *fencing) statements(keys []fence.Key) int {
	n := max(1, len(keys)) + len(keys) + 1
	if f.counted {
		n++
	}
	return n
}

// bumps makes j the packet behind the client's statement.
func (s *Store) bumps(j *job, f *fencing, st Statement, keys []fence.Key, shapes []*shape, id uint64) {
	j.sorted(len(keys), func(i int) *fence.Key { return &keys[i] })
	commits := st.Kind() == Commit
	epoch := f.View.Epoch()
	for n, i := range j.order {
		k := &keys[i]
		j.add("INSERT INTO ", s.texts.ver, "(t,k,fl,iep,tick,wid,ep,n) SELECT ").num(uint64(k.Table)).add(",").hex(k.ID).add(",")
		shapes[i].absent(j, k.ID)
		j.add(",")
		s.guard(j, f, 0)
		j.add(",w.tick,").num(id).add(",").num(epoch).add(",1 FROM ", s.texts.view, " w WHERE w.id=").num(f.shard)
		switch {
		case commits:
		case n == 0 && f.refusable:
			j.add(" AND (", condition(st, f.counted), " OR @dsmproxy_rows<0)")
		case n == 0:
			j.add(" AND ", condition(st, f.counted))
		default: // the one before has made a version
			j.add(" AND ", RowsChanged)
		}
		j.add(" LOCK IN SHARE MODE ON DUPLICATE KEY UPDATE fl=")
		if s.valuesFunction() {
			j.add("VALUES(fl)")
		} else {
			shapes[i].absent(j, k.ID)
		}
		j.add(",iep=w.seq,tick=w.tick,wid=").num(id).add(",ep=").num(epoch).add(",n=", s.texts.ver, ".n+1;")
	}
	if len(keys) == 0 {
		j.add("SELECT ")
		s.guard(j, f, 0)
		j.add(" FROM ", s.texts.view, " w WHERE w.id=").num(f.shard).add(" LIMIT 1 LOCK IN SHARE MODE;")
	}
	for _, i := range j.order {
		j.add("SELECT ")
		s.stand(j, f.gate)
		j.add(",", version)
		shapes[i].export(j)
		j.add(" FROM ", s.texts.view, " w LEFT JOIN ", s.texts.ver, " v ON ").oneKey(&keys[i])
		shapes[i].join(j, keys[i].ID)
		// What is behind a statement that has changed nothing must not come
		// from an older snapshot than its own.
		j.add(" WHERE w.id=").num(f.shard).add(" LIMIT 1000000 LOCK IN SHARE MODE;")
	}
	if f.counted {
		j.add("SET @dsmproxy_rows=NULL;")
	}
	j.add(commitSQL)
}

// valuesFunction reports whether VALUES() is not deprecated.
func (s *Store) valuesFunction() bool { return s.st.MariaDB() }

func (s *Store) sendWrite(ctx context.Context, c *store.Conn, f *fencing, st Statement, trailing Trailing, packet []byte, commits bool) error {
	if !commits {
		if err := c.Queue(beginPacket); err != nil {
			return failure(err)
		}
		if err := st.Queue(ctx, c); err != nil {
			return failure(err)
		}
	}
	if f.counted {
		if err := c.Queue(countPacket); err != nil {
			return failure(err)
		}
	}
	if trailing != nil {
		if err := trailing.Trail(c); err != nil {
			return failure(err)
		}
	}
	packets := [...][]byte{multiOn, packet, multiOff}
	from := 0
	if f.multi {
		from, packets[2] = 1, pingPacket
	}
	for _, p := range packets[from:] {
		if err := c.Queue(p); err != nil {
			return failure(err)
		}
	}
	if err := c.Send(); err != nil {
		return failure(err)
	}
	return nil
}

// multi reports whether the login allows packets of several statements.
func multi(c *store.Conn) bool {
	return c.Login().Capabilities.Has(protocol.ClientMultiStatements)
}

// readBegun reads the answers to START TRANSACTION and to the client's statement.
func readBegun(c *store.Conn, j *job, st Statement) error {
	if err := j.read(c); err != nil {
		return err
	}
	begun := j.reply.err
	if err := st.Answer(c); err != nil {
		return lost(err)
	}
	if begun != nil {
		return lost(begun) // the statement has run without a transaction
	}
	return nil
}

// readWrite reads the answers up to that of the packet, which stays in j.
func (s *Store) readWrite(c *store.Conn, f *fencing, j *job, st Statement, trailing Trailing, commits bool) error {
	if !commits {
		if err := readBegun(c, j, st); err != nil {
			return err
		}
	}
	if f.counted {
		if err := s.readExtra(c, j); err != nil {
			return err
		}
	}
	if trailing != nil {
		if err := trailing.Trailed(c); err != nil {
			return lost(err)
		}
	}
	if !f.multi {
		if err := s.readExtra(c, j); err != nil {
			return err
		}
	}
	return j.read(c)
}

// readExtra reads the answer to a packet before that of the version.
func (s *Store) readExtra(c *store.Conn, j *job) error {
	if err := j.read(c); err != nil {
		return err
	}
	if j.reply.err != nil { // then the packet will be refused too
		s.cfg.Log.Warn("store refuses a part of a write", "store", s.Name(), "err", j.reply.err)
	}
	return nil
}

// readOff reads the answer behind that of the packet.
func (s *Store) readOff(c *store.Conn, j *job) error {
	if err := j.read(c); err != nil {
		return err
	}
	if j.reply.err != nil {
		return lost(j.reply.err)
	}
	return nil
}

// readEntries reads what the packet has told.
func (s *Store) readEntries(j *job, f *fencing, commits bool, keys []fence.Key, shapes []*shape, entries []fence.Entry) (changed bool, err error) {
	r := &j.reply
	if len(r.sets) != f.statements(keys) {
		return false, lost(errOdd)
	}
	first := max(1, len(keys))
	changed = len(keys) > 0 && r.sets[0].affected > 0
	if len(keys) == 0 && r.sets[0].rows == 0 || commits && len(keys) > 0 && !changed {
		return false, lost(errOdd) // it has no register, and COMMIT was not kept from it
	}
	for n, i := range j.order {
		set := &r.sets[first+n]
		if set.rows == 0 {
			return false, lost(errOdd)
		}
		row := r.row(first+n, 0)
		if !changed {
			if _, err := f.holds(row); err != nil {
				return false, err
			}
		}
		e, ok := entry(row[2])
		if !ok || changed && !e.Known {
			return false, lost(errOdd)
		}
		if changed && !e.Flags.Has(view.Deleted) {
			if e.Image, err = shapes[i].image(r, first+n, 3); err != nil {
				return false, err
			}
		}
		entries[i] = e
	}
	return changed, nil
}
