package ledger

import (
	"context"
	"strconv"

	"github.com/dsmproxy/dsmproxy/protocol"
	"github.com/dsmproxy/dsmproxy/router/fence"
	"github.com/dsmproxy/dsmproxy/router/store"
	"github.com/dsmproxy/dsmproxy/router/view"
)

// A write of one record, as nearly all are, is briefer than Write says where the
// server is MariaDB, which carries out a statement that is the value of an
// expression. No packet has several statements then:
//
//	START TRANSACTION
//	the client's statement
//	GET DIAGNOSTICS @dsmproxy_rows=ROW_COUNT
//	what the statement trails (Trailing)
//	INSERT INTO ver: the guard with the new version, if something has changed
//	SELECT the version and the record; @dsmproxy_wid is the version's, if the
//	record is there, or not, as the version says
//	EXECUTE IMMEDIATE IF(@dsmproxy_wid=…, COMMIT, ROLLBACK)
//
// So nothing is committed but with the version that this very write has made,
// whatever has failed before. The version is made without a look at whether the
// record is there: it is, behind a statement that changes something and does
// not remove. Where that is not so, all is rolled back, and the write made as
// Write says. The record is only looked for under the new version: it is
// neither read nor waited for where nothing has changed.

// Removing is a Statement that may remove records.
type Removing interface{ Removes() bool }

// briefly reports whether a write can be made so.
func (s *Store) briefly(st Statement, keys []fence.Key, shapes []*shape) bool {
	if !s.st.MariaDB() || len(keys) != 1 || st.Kind() != Alone {
		return false
	}
	return shapes[0].key.charset != "" || shapes[0].key.binary
}

func removes(st Statement) bool {
	r, ok := st.(Removing)
	return ok && r.Removes()
}

// brief is what a write by itself has told.
type brief struct {
	refused  bool            // the client's statement
	counting *protocol.Error // why its rows could not be counted
	bump     *protocol.Error
	reading  *protocol.Error
	final    *protocol.Error
	mine     bool // the version is of this write
	kept     bool // it has been committed, if final is nil
	entry    fence.Entry
}

// writeBriefly is writeOnce. With amiss nothing has happened, and the write is
// to be made in the other way.
func (s *Store) writeBriefly(ctx context.Context, g fence.Guard, st Statement, c *store.Conn, f *fencing, j *job, key *fence.Key, sh *shape, id uint64, entry *fence.Entry) (changed, again, amiss bool, err error) {
	removes := removes(st)
	trailing, _ := st.(Trailing)
	f.counted = trailing != nil && counts(st)
	err = s.sendBrief(ctx, c, f, j, st, trailing, key, sh, id, removes)
	var b brief
	if err == nil {
		err = s.readBrief(c, f, j, &b, st, trailing, sh, id)
	}
	if err != nil {
		st.Settle(c, err)
		return false, false, false, err
	}
	switch e := first(b.bump, b.counting); {
	case b.final != nil && b.kept: // of COMMIT
		changed, err = s.unfinished(c, f, st, key, id, b.final)
		if changed {
			*entry = b.entry
		}
	case b.final != nil && b.reading == nil: // of ROLLBACK: a KILL, and the transaction is open still
		c.Taint()
		again, err = s.undo(c, j, f, b.final, false)
		st.Settle(c, broken(c, err))
	case b.reading != nil:
		changed, again, err = s.unread(ctx, g, c, f, st, key, id, entry, &b)
	case b.kept:
		f.passed(c)
		changed, *entry = true, b.entry
		st.Settle(c, nil)
	case b.refused:
		err = s.told(ctx, g, c, j, f, st, key, entry, &b)
	case e != nil:
		c.Taint() // for the variables
		if e.Code == errBadColumn || e.Code == protocol.ErrNoSuchTable {
			s.Forget()
		}
		again, err = s.undo(c, j, f, e, false)
		st.Settle(c, broken(c, err))
	case b.mine:
		amiss = true
		st.Settle(c, nil)
	default:
		err = s.told(ctx, g, c, j, f, st, key, entry, &b)
	}
	return changed, again, amiss, err
}

func first(errs ...*protocol.Error) *protocol.Error {
	for _, e := range errs {
		if e != nil {
			return e
		}
	}
	return nil
}

// told ends a write that has changed nothing: the client is told of what is
// there, as by a read.
func (s *Store) told(ctx context.Context, g fence.Guard, c *store.Conn, j *job, f *fencing, st Statement, key *fence.Key, entry *fence.Entry, b *brief) error {
	leased := f.Leased && !f.gate
	st.Settle(c, nil)
	if leased {
		b.entry.Image = nil
		*entry = b.entry
		return nil
	}
	j.buf = append(j.buf[:0], byte(protocol.ComQuery))
	entries := make([]fence.Entry, 1)
	if err := s.marks(ctx, g, j, []fence.Key{*key}, entries); err != nil {
		return unsent(err)
	}
	*entry = entries[0]
	return nil
}

func (s *Store) sendBrief(ctx context.Context, c *store.Conn, f *fencing, j *job, st Statement, trailing Trailing, key *fence.Key, sh *shape, id uint64, removes bool) error {
	queue := func(packet []byte) error {
		if err := c.Queue(packet); err != nil {
			return failure(err)
		}
		return nil
	}
	if err := queue(beginPacket); err != nil {
		return err
	}
	if err := st.Queue(ctx, c); err != nil {
		return failure(err)
	}
	if f.counted {
		if err := queue(countPacket); err != nil {
			return err
		}
	}
	if trailing != nil {
		if err := trailing.Trail(c); err != nil {
			return failure(err)
		}
	}
	s.bumpOne(j, f, st, key, id, removes)
	if err := queue(j.buf); err != nil {
		return err
	}
	s.readBack(j, key, sh, id, removes)
	if err := queue(j.buf); err != nil {
		return err
	}
	j.begin().add("EXECUTE IMMEDIATE IF(@dsmproxy_wid=").num(id).add(",'", commitSQL, "','", rollbackSQL, "')")
	if err := queue(j.buf); err != nil {
		return err
	}
	if err := c.Send(); err != nil {
		return failure(err)
	}
	return nil
}

// begin makes j an empty statement.
func (j *job) begin() *job {
	j.buf = append(j.buf[:0], byte(protocol.ComQuery))
	return j
}

// bumpOne makes j the statement that makes the version.
func (s *Store) bumpOne(j *job, f *fencing, st Statement, k *fence.Key, id uint64, removes bool) {
	flags := "0"
	if removes {
		flags = strconv.Itoa(int(view.Deleted))
	}
	epoch := f.View.Epoch()
	j.begin().add("INSERT INTO ", s.texts.ver, "(t,k,fl,iep,tick,wid,ep,n) SELECT ").num(uint64(k.Table)).add(",").hex(k.ID).add(",", flags, ",")
	s.guard(j, f, 0)
	j.add(",w.tick,").num(id).add(",").num(epoch).add(",1 FROM ", s.texts.view, " w WHERE w.id=").num(f.shard).
		add(" AND ", condition(st, f.counted), " LOCK IN SHARE MODE ON DUPLICATE KEY UPDATE fl=", flags, ",iep=w.seq,tick=w.tick,wid=").
		num(id).add(",ep=").num(epoch).add(",n=", s.texts.ver, ".n+1")
}

// readBack makes j the statement that reads the version, and under it the
// record.
func (s *Store) readBack(j *job, k *fence.Key, sh *shape, id uint64, removes bool) {
	there := " IS NOT NULL"
	if removes {
		there = " IS NULL"
	}
	j.begin().add("SELECT CONCAT_WS(_binary',',ISNULL(@dsmproxy_rows:=NULL),(@dsmproxy_wid:=IF(s.", quoteName(sh.key.name), there, ",v.wid,0))+0),", version)
	sh.export(j)
	j.add(" FROM ", s.texts.ver, " v LEFT JOIN ", sh.name, " s ON s.", quoteName(sh.key.name), "=IF(v.wid=").num(id).add(",")
	sh.literalKey(j, k.ID)
	j.add(",NULL) WHERE ").oneKey(k).add(" LIMIT 1000000 LOCK IN SHARE MODE")
}

// readBrief reads the answers. Its errors are of the connection.
func (s *Store) readBrief(c *store.Conn, f *fencing, j *job, b *brief, st Statement, trailing Trailing, sh *shape, id uint64) error {
	if err := readBegun(c, j, st); err != nil {
		return err
	}
	b.refused = refuses(st)
	if f.counted {
		if err := j.read(c); err != nil {
			return err
		}
		b.counting = j.reply.err
	}
	if trailing != nil {
		if err := trailing.Trailed(c); err != nil {
			return lost(err)
		}
	}
	if err := j.read(c); err != nil {
		return err
	}
	b.bump = j.reply.err
	if err := j.read(c); err != nil {
		return err
	}
	r := &j.reply
	if b.reading = r.err; r.err == nil {
		if len(r.sets) != 1 {
			return lost(errOdd)
		}
		if r.sets[0].rows > 0 {
			if err := s.readOwn(r, b, sh, id); err != nil {
				return err
			}
		}
	}
	if err := j.read(c); err != nil {
		return err
	}
	b.final = j.reply.err
	return nil
}

// readOwn reads the answer to readBack.
func (s *Store) readOwn(r *reply, b *brief, sh *shape, id uint64) (err error) {
	row := r.row(0, 0)
	e, ok := entry(row[1])
	var n [2]uint64
	if !ok || !e.Known || numbers(row[0], n[:]) != 2 {
		return lost(errOdd)
	}
	b.entry, b.mine = e, e.Version.ID == id
	b.kept = b.mine && n[1] == id
	if b.kept && !e.Flags.Has(view.Deleted) {
		b.entry.Image, err = sh.image(r, 0, 2)
	}
	return err
}
