package ledger

import (
	"context"
	"math"
	"time"

	"github.com/dsmproxy/dsmproxy/protocol"
	"github.com/dsmproxy/dsmproxy/router/fence"
	"github.com/dsmproxy/dsmproxy/router/view"
)

// putForm is putNewer's packet with parameters. Behind a register that is not
// there, it rolls back and says so by a result set.
func (s *Store) putForm(sh *shape, key string, deleted bool) []byte {
	ver := s.texts.ver
	j := &job{}
	j.add("BEGIN NOT ATOMIC ", beginSQL, "; INSERT INTO ", ver, "(t,k,fl,iep,tick,wid,ep,n) SELECT ?,?,?,",
		"w.seq+9223372036854775807*(w.vec<>? OR w.boot<>? OR w.tick>?),w.tick,?,?,? FROM ", s.texts.view,
		" w WHERE w.id=? LOCK IN SHARE MODE ON DUPLICATE KEY UPDATE fl=VALUES(fl),iep=w.seq+9223372036854775807*(",
		ver, ".ep>VALUES(ep) OR ", ver, ".ep=VALUES(ep) AND ", ver, ".n>=VALUES(n)),tick=w.tick,wid=VALUES(wid),ep=VALUES(ep),n=VALUES(n); ",
		"IF ROW_COUNT()>0 THEN ")
	if deleted {
		j.add("DELETE FROM ", sh.name, " WHERE ", quoteName(sh.key.name), "=", key)
	} else {
		j.add("INSERT INTO ", sh.name, " (", sh.list, ") VALUES (?")
		for range len(sh.columns) - 1 {
			j.add(",?")
		}
		j.add(") ON DUPLICATE KEY UPDATE ", sh.updates)
	}
	j.add("; ", commitSQL, "; ELSE ", rollbackSQL, "; SELECT 1; END IF; END")
	return j.buf
}

// putFormed is putNewer by a form. ok is false if that can't be used.
func (s *Store) putFormed(ctx context.Context, g fence.Guard, p *fence.Put, sh *shape, limit uint64) (ok bool, err error) {
	if sh.forms.put == nil {
		return false, nil
	}
	for try := 1; ; try++ {
		ok, again, err := s.putFormedOnce(ctx, g, p, sh, limit)
		if !again || try == tries || ctx.Err() != nil {
			return ok, err
		}
	}
}

func (s *Store) putFormedOnce(ctx context.Context, g fence.Guard, p *fence.Put, sh *shape, limit uint64) (ok, again bool, err error) {
	c, err := s.service(ctx, false)
	if err != nil {
		return true, false, err
	}
	defer c.Release()
	f := fenced(g, c)
	if f.gate || c.Trait()&traitFormless != 0 {
		return false, false, nil
	}
	deleted := p.Entry.Flags.Has(view.Deleted) || p.Entry.Image == nil
	form := sh.forms.put
	if deleted {
		form = sh.forms.putDeleted
	}
	c.Begin(time.Now().Add(s.cfg.OwnTimeout))
	id, ok, err := prepared(ctx, c, form)
	if !ok || err != nil {
		if err != nil {
			err = unsent(err)
		}
		return err != nil, false, err
	}
	j := s.begin()
	defer s.end(j)
	if limit == 0 {
		limit = math.MaxUint64
	}
	v := p.Entry.Version
	j.numParam(uint64(p.Key.Table)).bytesParam(p.Key.ID).numParam(flags(&p.Entry, p.Last)).bytesParam([]byte(g.View.String())).
		numParam(g.Boot).numParam(limit).numParam(v.ID).numParam(v.Epoch).numParam(v.N).numParam(f.shard)
	if deleted {
		j.bytesParam(p.Key.ID)
	} else {
		fit := true
		rows, err := sh.eachRow(p.Entry.Image, func(cells [][]byte) {
			for i := range cells {
				fit = j.columnParam(&sh.columns[i], cells[i]) && fit
			}
		})
		if err != nil {
			return true, false, s.forgetting(err)
		}
		if rows != 1 || !fit {
			return false, false, nil
		}
	}
	j.execute(id)
	j.binary = true
	if err := s.run(ctx, c, j, s.cfg.OwnTimeout); err != nil {
		return true, false, err
	}
	e := j.reply.err
	switch {
	case e == nil && len(j.reply.sets) > 1:
		return true, false, fence.ErrClosed // the register is gone
	case e == nil:
		return true, false, nil
	case e.Code == errBadColumn, e.Code == protocol.ErrNoSuchTable:
		s.Forget()
	}
	// Whether it was COMMIT that has failed makes no difference to a put.
	again, err = s.undone(c, j, &f, e, true)
	if e.Code == errOutOfRange {
		err = errNotNewer
	}
	return true, again, err
}
