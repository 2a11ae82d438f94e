package ledger

import (
	"context"
	"fmt"

	"github.com/dsmproxy/dsmproxy/router/fence"
	"github.com/dsmproxy/dsmproxy/router/store"
	"github.com/dsmproxy/dsmproxy/router/view"
)

// Open implements fence.Voter. The gate is open where it says the Boot that is
// in the register. So the register gets a new one first, if the gate is that of
// the same start and closed, and then the gate, which is not transactional: what
// fails in between leaves it closed. So that it can be told from one that a
// restart has closed, the gate is marked before with a number that only this Boot
// has (halfOpen). A named lock keeps others away meanwhile.
//
// The tick goes on above the given one, as far as each of its rows has to.
//
// A Blank store is first prepared and its records listed, which may take long
// and goes on in the background; Open fails until that is done.
func (w *Witness) Open(ctx context.Context, seen fence.Status, how fence.Opening, v *view.View, tick uint64) error {
	if seen.Blank && how == fence.Admit {
		return fence.ErrClosed
	}
	if !seen.Blank && w.own != nil {
		w.own.adoption.forget() // perhaps another one has opened what was prepared
	}
	if seen.Blank {
		if ready, err := w.prepared(how); !ready {
			return unsent(err)
		}
	}
	ctx, cancel := context.WithTimeout(ctx, w.cfg.Timeout)
	defer cancel()
	c, err := w.service(ctx, true)
	if err != nil {
		return err
	}
	defer c.Release()
	boot := number()
	j := w.begin()
	defer w.end(j)
	j.add("SELECT 9223372036854775807+(GET_LOCK('", w.cfg.Schema, ".open',1)<>1);")
	if seen.Blank {
		j.add("INSERT IGNORE INTO ", w.texts.gate, "(id,start,boot) VALUES(1,").num(number()).add(",0);")
	} else {
		j.add("DO 0;")
	}
	if seen.Blank {
		j.add("UPDATE ", w.texts.gate, " g SET g.boot=").num(halfOpen(boot)).
			add(" WHERE g.id=1 AND NOT EXISTS(SELECT 1 FROM ", w.texts.view, ");")
	} else {
		j.add("UPDATE ", w.texts.gate, " g JOIN ", w.texts.view, " w ON w.id=0 SET g.boot=").num(halfOpen(boot)).
			add(" WHERE g.id=1 AND g.boot<>w.boot AND g.start=").num(seen.Start).add(";")
	}
	j.add(beginSQL, ";")
	if seen.Blank {
		w.openBlank(j, how, boot, v, tick)
	} else {
		w.openAgain(j, seen, how, boot, v, tick)
	}
	j.add(commitSQL, ";")
	const register, opened = 4, 8 // statements
	j.add("UPDATE ", w.texts.gate, " g JOIN ", w.texts.view, " w ON w.id=0 SET g.boot=").num(boot).
		add(" WHERE g.id=1 AND w.boot=").num(boot)
	if !seen.Blank {
		j.add(" AND g.start=").num(seen.Start)
	}
	j.add(";DO RELEASE_LOCK('", w.cfg.Schema, ".open')")
	err = w.run(ctx, c, j, w.cfg.Timeout)
	c.Taint() // the lock, or a transaction, if a statement has failed
	if err != nil {
		return err
	}
	r := &j.reply
	if r.err != nil {
		if seen.Blank && w.own != nil {
			w.own.adoption.forget() // it may be another server than the one that was prepared
		}
		return fmt.Errorf("%w: %w", fence.ErrClosed, r.err)
	}
	if len(r.sets) != opened+2 {
		return lost(errOdd)
	}
	if r.sets[register].affected != shards || r.sets[opened].affected != 1 {
		return fence.ErrClosed
	}
	if seen.Blank && w.own != nil {
		w.own.adoption.forget()
	}
	return nil
}

// halfOpen is what a gate holds that is about to be opened with a Boot. A start
// of the server empties the gate. Boots are odd.
func halfOpen(boot uint64) uint64 { return boot - 1 }

// openAgain appends the three statements that open a store which has a register.
func (w *Witness) openAgain(j *job, seen fence.Status, how fence.Opening, boot uint64, v *view.View, tick uint64) {
	to := seen.View
	switch how {
	case fence.Reset:
		to = to.Join(v)
	case fence.Found:
		to = v
	}
	j.add("UPDATE ", w.texts.view, " w JOIN ", w.texts.gate, " g ON g.id=1 SET w.boot=").num(boot).
		add(",w.vec=").hex([]byte(to.String())).add(",w.seq=w.seq+1,w.tick=w.tick+").num(ticksAbove(seen.Tick, tick)).
		add(" WHERE g.start=").num(seen.Start).
		add(" AND g.boot<>w.boot AND w.vec=").hex([]byte(seen.View.String())).add(";")
	// Nothing of what follows happens if that has found nothing.
	j.add("UPDATE ", w.texts.state, " s JOIN ", w.texts.view, " w ON w.id=0 SET s.format=").num(format)
	if how != fence.Admit {
		intact := uint64(0)
		if how == fence.Found {
			intact = 1
			j.add(",s.act=NULL")
		}
		j.add(",s.cov=NULL,s.floor=w.seq-1,s.intact=").num(intact).add(",s.name=").quoted([]byte(w.Name()))
	}
	j.add(" WHERE s.id=1 AND w.boot=").num(boot).add(";")
	w.noteEpoch(j, boot)
}

// ticksAbove is by how much the rows of a register, whose tick is from, are
// brought up to be above tick. All are by the same, which keeps their order.
func ticksAbove(from, tick uint64) uint64 {
	if tick < from+shards {
		return shards
	}
	return (tick - from + shards) / shards * shards
}

// openBlank appends the three statements that open a store which has none. They
// fail if it has one by now.
func (w *Witness) openBlank(j *job, how fence.Opening, boot uint64, v *view.View, tick uint64) {
	j.add("INSERT INTO ", w.texts.view, "(id,vec,seq,boot,tick) SELECT d.id,").hex([]byte(v.String())).add(",b.seq,").num(boot).
		add(",d.id+").num(ticksAbove(0, tick)).add(" FROM (")
	for i := range uint64(shards) {
		if i > 0 {
			j.add(" UNION ALL ")
		}
		j.add("SELECT ").num(i).add(" AS id")
	}
	j.add(") d JOIN (SELECT 1")
	if w.own != nil { // above all that a former life has left behind
		j.add("+GREATEST(COALESCE((SELECT MAX(seq) FROM ", w.texts.epoch, "),0),COALESCE((SELECT MAX(iep) FROM ", w.texts.ver, "),0))")
	}
	j.add(" AS seq) b;")
	intact := uint64(0)
	if how == fence.Found {
		intact = 1
	}
	j.add("REPLACE INTO ", w.texts.state, "(id,format,name,intact,floor) SELECT 1,").num(format).add(",").
		quoted([]byte(w.Name())).add(",").num(intact).add(",w.seq-1 FROM ", w.texts.view, " w WHERE w.id=0;")
	w.noteEpoch(j, boot)
}

// noteEpoch is remember, but a statement also for a witness.
func (w *Witness) noteEpoch(j *job, boot uint64) {
	if w.own == nil {
		j.add("DO 0;")
		return
	}
	j.add("INSERT IGNORE INTO ", w.texts.epoch, "(seq,vec) SELECT w.seq,w.vec FROM ", w.texts.view, " w WHERE w.id=0 AND w.boot=").
		num(boot).add(";")
}

// Note implements fence.Voter.
func (w *Witness) Note(ctx context.Context, g fence.Guard, n fence.Note) error {
	ctx, cancel := context.WithTimeout(ctx, w.cfg.Timeout)
	defer cancel()
	c, err := w.service(ctx, false)
	if err != nil {
		return err
	}
	defer c.Release()
	j := w.begin()
	defer w.end(j)
	f := fenced(g, c)
	j.add("UPDATE ", w.texts.state, " s SET ")
	text := []byte(g.View.String())
	switch n {
	case fence.NoteAct:
		j.add("s.act=").hex(text)
	case fence.NoteCover:
		j.add("s.intact=1,s.cov=").hex(text)
	}
	j.add(" WHERE s.id=1 AND (SELECT ")
	w.guard(j, &f, 0)
	j.add(" FROM ", w.texts.view, " w WHERE w.id=").num(f.shard).add(" LOCK IN SHARE MODE)>0")
	if err := w.run(ctx, c, j, w.cfg.Timeout); err != nil {
		return err
	}
	return w.noted(ctx, c, j, &f)
}

func (w *Witness) noted(ctx context.Context, c *store.Conn, j *job, f *fencing) error {
	r := &j.reply
	switch {
	case r.err != nil && r.err.Code == errOutOfRange:
		w.because(j, f)
		if err := w.run(ctx, c, j, w.cfg.Timeout); err != nil {
			return err
		}
		return w.verdict(j, f, false)
	case r.err != nil:
		return w.refused(r.err)
	case r.sets[0].affected != 1:
		return fence.ErrClosed
	}
	f.passed(c)
	return nil
}
