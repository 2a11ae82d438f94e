package ledger

import (
	"context"

	"github.com/dsmproxy/dsmproxy/router/fence"
	"github.com/dsmproxy/dsmproxy/router/view"
)

// Swap implements fence.Store. The guard is a statement of its own, for the
// others may find nothing to do. Of each swap one statement's affected rows
// tell whether it was done: an UPDATE, INSERT or DELETE of the version, whose
// condition is what was seen.
func (s *Store) Swap(ctx context.Context, g fence.Guard, swaps []fence.Swap, done []bool) error {
	clear(done)
	if len(swaps) == 0 {
		return nil
	}
	limit := swaps[0].MaxTick
	shapes := make([]*shape, len(swaps))
	for i := range swaps {
		var err error
		if shapes[i], err = s.shape(ctx, swaps[i].Key.Table); err != nil {
			return err
		}
		limit = lastTick(limit, swaps[i].MaxTick)
	}
	telling := make([]int, len(swaps)) // which statement does
	text := func(j *job, f *fencing) (int, error) {
		j.add("SELECT ")
		s.guard(j, f, limit)
		j.add(" FROM ", s.texts.view, " w WHERE w.id=").num(f.shard).add(" LOCK IN SHARE MODE;")
		n := 1
		for _, i := range j.sorted(len(swaps), func(i int) *fence.Key { return &swaps[i].Key }) {
			before, behind, err := s.swap(j, f, shapes[i], &swaps[i])
			if err != nil {
				return 0, s.forgetting(err)
			}
			telling[i] = 1 + n + before
			n += before + 1 + behind
		}
		return n, nil
	}
	return s.change(ctx, g, true, text, func(r *reply) error {
		if r.sets[1].rows == 0 {
			return fence.ErrClosed // the register is gone
		}
		for i := range swaps {
			done[i] = r.sets[telling[i]].affected > 0
		}
		return nil
	})
}

// swap appends the statements of one swap, and says how many there are before
// and behind the one that tells.
func (s *Store) swap(j *job, f *fencing, sh *shape, p *fence.Swap) (before, behind int, err error) {
	k, seen, e := &p.Key, &p.Seen, &p.Entry
	if seen.Known && seen.Version == (view.Version{}) && !p.Listed {
		// A record that has no version gets the one that it counts as.
		j.add("INSERT IGNORE INTO ", s.texts.ver, "(t,k,fl,iep,tick,wid,ep,n) SELECT ").num(uint64(k.Table)).add(",").hex(k.ID).
			add(",0,0,w.tick,0,0,0 FROM ", s.texts.view, " w WHERE w.id=").num(f.shard).add(" AND ")
		sh.exists(j, k.ID)
		j.add(";")
		before++
	}
	switch {
	case !e.Known:
		// The record before its version, by which it is found.
		j.add("DELETE FROM ", sh.name, " WHERE ")
		sh.keyIs(j, "", k.ID)
		j.add(" AND EXISTS(SELECT 1 FROM ", s.texts.ver, " v WHERE ").oneKey(k).versionIs(seen.Version).add(");")
		v := seen.Version
		j.add("DELETE FROM ", s.texts.ver, " WHERE t=").num(uint64(k.Table)).add(" AND k=").hex(k.ID).
			add(" AND ep=").num(v.Epoch).add(" AND n=").num(v.N).add(" AND wid=").num(v.ID).add(";")
		return before + 1, 0, nil
	case seen.Known:
		j.add("UPDATE ", s.texts.ver, " v JOIN ", s.texts.view, " w ON w.id=").num(f.shard).add(" SET v.iep=w.seq")
		if seen.Version != e.Version {
			j.add(",v.fl=")
			if p.Keep {
				j.add("IF(")
				sh.exists(j, k.ID)
				j.add(",0,1)")
			} else {
				j.num(flags(e, false))
			}
			j.add(",v.tick=w.tick,v.wid=").num(e.Version.ID).
				add(",v.ep=").num(e.Version.Epoch).add(",v.n=").num(e.Version.N)
		}
		j.add(" WHERE ").oneKey(k).versionIs(seen.Version).add(";")
		if p.Keep {
			return before, 0, nil
		}
	default:
		j.add("INSERT IGNORE INTO ", s.texts.ver, "(t,k,fl,iep,tick,wid,ep,n) SELECT ").num(uint64(k.Table)).add(",").hex(k.ID).
			add(",").num(flags(e, false)).add(",w.seq,w.tick,").num(e.Version.ID).add(",").num(e.Version.Epoch).add(",").num(e.Version.N).
			add(" FROM ", s.texts.view, " w WHERE w.id=").num(f.shard).add(" AND ")
		sh.absent(j, k.ID)
		j.add(";")
	}
	behind, err = s.install(j, sh, k, e)
	return before, behind, err
}
