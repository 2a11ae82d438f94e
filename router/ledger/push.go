package ledger

import (
	"context"

	"github.com/dsmproxy/dsmproxy/protocol"
	"github.com/dsmproxy/dsmproxy/router/fence"
	"github.com/dsmproxy/dsmproxy/router/store"
	"github.com/dsmproxy/dsmproxy/router/view"
)

// pushes bounds how often a Push is tried again because somebody else has
// raised the register meanwhile.
const pushes = 8

// Push implements fence.Voter. SQL can't join views, so the register is
// replaced by the join with what it was last seen to hold, if it still holds
// that; if not, the answer says what it holds. The 16 rows are locked one after
// the other, each when those who are fenced by it have committed.
func (w *Witness) Push(ctx context.Context, boot uint64, v *view.View, solo bool) error {
	ctx, cancel := context.WithTimeout(ctx, w.cfg.Timeout)
	defer cancel()
	seen := v
	if text := w.vec.Load(); text != nil {
		if old, err := view.Parse(*text); err == nil {
			seen = old
		}
	}
	for range pushes {
		now, err := w.push(ctx, boot, seen, v, solo)
		if err != nil {
			return err
		}
		text := now.String()
		w.vec.Store(&text)
		if solo && now.Term() > v.Term() {
			return fence.ErrFenced
		}
		if v.AtMost(now) {
			return w.written(ctx, onDisk{boot, text})
		}
		seen = now
	}
	return unsent(errBusy)
}

// onDisk is a register that outlasts a crash.
type onDisk struct {
	boot uint64
	vec  string
}

// written sees to it that a register that was seen to hold this still does so
// after a crash: somebody else may have only just written it.
func (w *Witness) written(ctx context.Context, register onDisk) error {
	if disk := w.disk.Load(); disk != nil && *disk == register {
		return nil
	}
	c, err := w.service(ctx, false)
	if err != nil {
		return err
	}
	defer c.Release()
	j := w.begin()
	defer w.end(j)
	w.flushed(j, uint64(c.ThreadID()%shards))
	if err := w.run(ctx, c, j, w.cfg.Timeout); err != nil {
		return err
	}
	if j.reply.err != nil {
		return w.refused(j.reply.err)
	}
	w.disk.Store(&register)
	return nil
}

// flushRow is the first of the rows that flushed writes; it is even, as those
// that are kept for good are (tickRow), and above them.
const flushRow = 4096

// flushed appends a transaction of its own that changes something. When it has
// been answered, the log is on the disk up to it, and with it all that was there
// to be seen before.
func (w *Witness) flushed(j *job, shard uint64) {
	j.add("INSERT INTO ", w.texts.proxy, "(id,reach,seen) VALUES(").num(flushRow + 2*shard).
		add(",0,UTC_TIMESTAMP(6)) ON DUPLICATE KEY UPDATE reach=reach+1")
}

// push replaces seen by its join with v, and returns what the register holds
// then.
func (w *Witness) push(ctx context.Context, boot uint64, seen, v *view.View, solo bool) (*view.View, error) {
	c, err := w.service(ctx, false)
	if err != nil {
		return nil, err
	}
	defer c.Release()
	j := w.begin()
	defer w.end(j)
	to := seen.Join(v)
	raises := to != seen && !(solo && seen.Term() > v.Term())
	if raises {
		j.add(beginSQL, ";UPDATE ", w.texts.view, " SET vec=").hex([]byte(to.String())).add(",seq=seq+1 WHERE vec=").
			hex([]byte(seen.String())).add(" AND boot=").num(boot).
			add(" AND EXISTS(SELECT 1 FROM ", w.texts.gate, " WHERE boot=").num(boot).add(");")
		w.remember(j)
		j.add(commitSQL, ";")
	}
	j.add("SELECT w.vec,w.boot,COALESCE((SELECT MAX(boot) FROM ", w.texts.gate, "),0),"+
		"@@GLOBAL.innodb_flush_log_at_trx_commit,@@GLOBAL.log_bin,@@GLOBAL.sync_binlog FROM ", w.texts.view, " w WHERE w.id=0")
	if err := w.run(ctx, c, j, w.cfg.Timeout); err != nil {
		return nil, err
	}
	r := &j.reply
	if r.err != nil {
		c.Taint()
		return nil, w.refused(r.err)
	}
	last := len(r.sets) - 1
	if r.sets[last].rows != 1 {
		return nil, fence.ErrClosed
	}
	row := r.row(last, 0)
	var is, gate [1]uint64
	if numbers(row[1], is[:]) != 1 || numbers(row[2], gate[:]) != 1 || is[0] != boot || gate[0] != boot {
		return nil, fence.ErrClosed
	}
	now, err := view.Parse(string(row[0]))
	if err != nil {
		return nil, lost(err)
	}
	if !raises || !now.Equal(to) || r.sets[1].affected == 0 {
		return now, nil
	}
	if !durable(row[3:]) {
		if err := w.flush(ctx, c, j); err != nil {
			return nil, err
		}
	}
	w.disk.Store(&onDisk{boot, now.String()})
	return now, nil
}

// remember appends the statement that notes which seq the register has.
func (w *Witness) remember(j *job) {
	if w.own != nil {
		j.add("INSERT IGNORE INTO ", w.texts.epoch, "(seq,vec) SELECT w.seq,w.vec FROM ", w.texts.view, " w WHERE w.id=0;")
	}
}

var errBusy = protocol.Errorf(protocol.ErrLockWaitTimeout, "the register changes all the time")

// flush brings what was committed to the disk, if the account may have that
// done. A store that is not durable is not believed after a restart anyway: it
// becomes the join of the others' registers then.
func (w *Witness) flush(ctx context.Context, c *store.Conn, j *job) error {
	j.buf = append(j.buf[:0], byte(protocol.ComQuery))
	j.add("FLUSH LOCAL ENGINE LOGS")
	if err := w.run(ctx, c, j, w.cfg.Timeout); err != nil {
		return err
	}
	if e := j.reply.err; e != nil && e.Code != errNoRights {
		return unsent(e)
	}
	return nil
}
