package ledger

import (
	"context"
	"strconv"

	"github.com/dsmproxy/dsmproxy/protocol"
	"github.com/dsmproxy/dsmproxy/router/fence"
	"github.com/dsmproxy/dsmproxy/router/store"
	"github.com/dsmproxy/dsmproxy/router/view"
)

// A brief write by a form:
//
//	START TRANSACTION
//	the client's statement
//	one EXECUTE: the warnings, if there are any; if something has changed, the
//	guard with the new version, which is told, the record, and COMMIT if that is
//	there, or not, as the version says; else ROLLBACK, and the version that is
//	there
//
// @dsmproxy_wid is the write's id from before COMMIT on, and below 0 behind it,
// so that the connection can tell what a KILL has met (killed).

// Noted is a Trailing that may ask for nothing but the warnings of its
// statement, which are given to it then.
type Noted interface {
	Trailing
	// NotesOnly reports whether that is so. Trail and Trailed are not called
	// then, but Note, with the rows of SHOW WARNINGS.
	NotesOnly() bool
	Note(rows [][][]byte)
}

// writeForm is the EXECUTE. always: as Changed is AlwaysChanged.
func (s *Store) writeForm(sh *shape, key string, always, removes bool) []byte {
	changed, if_, fl := "ROW_COUNT()", "FOUND_ROWS()>0", "0"
	if always { // it is -1 behind a result set, and behind an error
		changed = "@@error_count=0 AND ROW_COUNT()<>0"
	}
	if removes {
		if_, fl = "FOUND_ROWS()=0", strconv.Itoa(int(view.Deleted))
	}
	j := &job{}
	j.add("BEGIN NOT ATOMIC DECLARE dsmproxy_changed BIGINT DEFAULT ", changed, "; IF @@warning_count>0 THEN SHOW WARNINGS; END IF; ",
		"IF dsmproxy_changed>0 THEN INSERT INTO ", s.texts.ver, "(t,k,fl,iep,tick,wid,ep,n) SELECT ?,?,", fl,
		",w.seq+9223372036854775807*(w.vec<>? OR w.boot<>?),w.tick,?,?,1 FROM ", s.texts.view,
		" w WHERE w.id=? LOCK IN SHARE MODE ON DUPLICATE KEY UPDATE fl=", fl, ",iep=w.seq,tick=w.tick,wid=VALUES(wid),ep=VALUES(ep),n=",
		s.texts.ver, ".n+1 RETURNING CONCAT_WS(_binary',',ep,n,wid,fl,tick); ",
		"IF FOUND_ROWS()=1 THEN SELECT ", sh.exports[1:], " FROM ", sh.name, " s WHERE s.", quoteName(sh.key.name), "=", key,
		" LIMIT 1000000 LOCK IN SHARE MODE; ",
		"IF ", if_, " THEN SET @dsmproxy_wid=?; ", commitSQL, "; SET @dsmproxy_wid=-@dsmproxy_wid; ELSE ", rollbackSQL, "; END IF; ",
		"ELSE ", rollbackSQL, "; END IF; ",
		"ELSE ", rollbackSQL, "; SELECT SQL_NO_CACHE ", version, ",0 FROM ", s.texts.ver, " v WHERE v.t=? AND v.k=? LIMIT 1; END IF; END")
	return j.buf
}

// form is the id of the form by which a brief write can be made over c; ok is
// false if there is none. Its error is one of the connection.
func (s *Store) form(ctx context.Context, c *store.Conn, f *fencing, st Statement, sh *shape) (id uint32, ok bool, err error) {
	changed := st.Changed()
	if !c.Login().Capabilities.Has(protocol.ClientMultiResults) || c.Trait()&traitFormless != 0 || f.gate ||
		changed != RowsChanged && changed != AlwaysChanged || sh.floats {
		return 0, false, nil
	}
	if t, ok := st.(Trailing); ok {
		if n, ok := t.(Noted); !ok || !n.NotesOnly() {
			return 0, false, nil
		}
	}
	form := sh.forms.write[bit(changed == AlwaysChanged)][bit(removes(st))]
	if form == nil {
		return 0, false, nil
	}
	if c.Trait()&traitWritten == 0 { // it may be the only write before a reset
		c.SetTrait(c.Trait() | traitWritten)
		return 0, false, nil
	}
	return prepared(ctx, c, form)
}

func bit(b bool) int {
	if b {
		return 1
	}
	return 0
}

// writeFormed is writeBriefly by a form.
func (s *Store) writeFormed(ctx context.Context, g fence.Guard, st Statement, c *store.Conn, f *fencing, j *job, key *fence.Key, sh *shape, form uint32, id uint64, entry *fence.Entry) (changed, again, amiss bool, err error) {
	k := uint64(key.Table)
	j.numParam(k).bytesParam(key.ID).bytesParam([]byte(f.View.String())).numParam(f.Boot).numParam(id).numParam(f.View.Epoch()).numParam(f.shard).
		bytesParam(key.ID).numParam(id).numParam(k).bytesParam(key.ID)
	j.execute(form)
	err = s.sendFormed(ctx, c, j, st)
	if err == nil {
		err = readBegun(c, j, st)
	}
	if err == nil {
		j.binary = true
		err = j.read(c)
		j.binary = false
	}
	var b brief
	if err == nil && j.reply.err == nil {
		err = readFormed(&j.reply, &b, st, sh, removes(st))
	}
	if err != nil {
		st.Settle(c, err)
		return false, false, false, err
	}
	switch e := j.reply.err; {
	case e == nil && b.kept:
		st.Settle(c, nil)
		*entry = b.entry
		return true, false, false, nil
	case e == nil && b.mine:
		st.Settle(c, nil)
		return false, false, true, nil
	case e == nil:
		return false, false, false, s.told(ctx, g, c, j, f, st, key, entry, &b)
	case e.Code == errOutOfRange, transient(e), e.Code == errBadColumn, e.Code == protocol.ErrNoSuchTable: // not of COMMIT
		c.Taint()
		if !transient(e) && e.Code != errOutOfRange {
			s.Forget()
		}
		again, err = s.undo(c, j, f, e, false)
		st.Settle(c, broken(c, err))
		return false, again, false, err
	default:
		c.Taint()
		yes, known := s.killed(c, f, key, id)
		changed, again, err = s.resolve(ctx, g, c, st, key, entry, e, yes, known)
		return changed, again, false, err
	}
}

func (s *Store) sendFormed(ctx context.Context, c *store.Conn, j *job, st Statement) error {
	if err := c.Queue(beginPacket); err != nil {
		return failure(err)
	}
	if err := st.Queue(ctx, c); err != nil {
		return failure(err)
	}
	if err := c.Queue(j.buf); err != nil {
		return failure(err)
	}
	if err := c.Send(); err != nil {
		return failure(err)
	}
	return nil
}

// readFormed takes the answer to the EXECUTE apart.
func readFormed(r *reply, b *brief, st Statement, sh *shape, removes bool) error {
	const ofWarnings = 3 // columns
	at := 0
	var notes [][][]byte
	if len(r.sets) > 0 && r.sets[0].columns == ofWarnings {
		at = 1
		for i := range r.sets[0].rows {
			row := make([][]byte, ofWarnings)
			for c, cell := range r.row(0, i) {
				row[c] = append([]byte(nil), cell...)
			}
			notes = append(notes, row)
		}
	}
	if n, ok := st.(Noted); ok {
		n.Note(notes)
	}
	b.refused = refuses(st)
	// The last one is of the EXECUTE itself.
	sets := len(r.sets) - at
	if sets != 2 && sets != 3 {
		return lost(errOdd)
	}
	unchanged := sets == 2 && r.sets[at].columns == 2
	if sets == 2 && !unchanged {
		return fence.ErrClosed // there is no register
	}
	if r.sets[at].rows > 0 {
		e, ok := entry(r.row(at, 0)[0])
		if !ok {
			return lost(errOdd)
		}
		b.entry = e
	}
	if unchanged {
		return nil
	}
	rows := r.sets[at+1].rows
	b.mine, b.kept = true, (rows == 0) == removes
	if !b.kept || removes {
		return nil
	}
	var err error
	b.entry.Image, err = sh.image(r, at+1, 0)
	return err
}

// killed reports whether a write by a form whose EXECUTE was answered with an
// error has been committed, and whether that can be told; if it has not, it is
// rolled back.
func (s *Store) killed(c *store.Conn, f *fencing, key *fence.Key, id uint64) (yes, known bool) {
	var n [3]uint64
	err := s.askConn(c, n[:], func(j *job) {
		j.add("SELECT CONCAT_WS(_binary',',@@in_transaction,COALESCE(ABS(@dsmproxy_wid)=").num(id).add(",0),COALESCE(@dsmproxy_wid<0,0))")
	})
	return s.ended(c, f, key, id, n[0] != 0, n[1] != 0, n[2] != 0, err)
}
