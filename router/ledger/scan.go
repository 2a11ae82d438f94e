package ledger

import (
	"context"
	"slices"

	"github.com/dsmproxy/dsmproxy/router/fence"
)

// filtered are the values of fl that each filter lists, as a list of
// conditions that an index answers in the order of the keys; nil: all.
func filtered(f fence.Filter) []string {
	switch f {
	case fence.Dirty:
		return []string{"v.fl=0", "v.fl=1"}
	case fence.Tombs:
		return []string{"v.fl=1", "v.fl=3"}
	}
	return []string{""}
}

// Scan implements fence.Store. Each table and each value of fl is read by
// itself, in the order of an index, and no farther than the limit.
func (s *Store) Scan(ctx context.Context, g fence.Guard, filter fence.Filter, after fence.Key, limit int) (items []fence.Item, tick uint64, err error) {
	c, err := s.service(ctx, false)
	if err != nil {
		return nil, 0, err
	}
	defer c.Release()
	j := s.begin()
	defer s.end(j)
	f := fenced(g, c)
	j.add("SELECT ")
	s.stand(j, f.gate)
	j.add(",", version, ",e.vec,v.t,v.k FROM ", s.texts.view, " w LEFT JOIN (")
	s.pages(j, filter, after, uint64(limit))
	j.add(") v ON 1=1")
	s.confirmed(j)
	j.add(" WHERE w.id=").num(f.shard).add(" ORDER BY v.t,v.k LIMIT ").num(uint64(max(limit, 1)))
	if err := s.run(ctx, c, j, s.cfg.OwnTimeout); err != nil {
		return nil, 0, err
	}
	r := &j.reply
	if r.err != nil {
		return nil, 0, s.refusal(c, r.err)
	}
	if len(r.sets) != 1 || r.sets[0].rows == 0 {
		return nil, 0, fence.ErrClosed
	}
	if tick, err = f.holds(r.row(0, 0)); err != nil {
		return nil, 0, err
	}
	f.passed(c)
	items, err = readItems(r, limit)
	return items, lowest(tick), err
}

// pages appends the lists, one behind the other.
func (s *Store) pages(j *job, filter fence.Filter, after fence.Key, limit uint64) {
	first := true
	for i := range s.cfg.Tables {
		t := &s.cfg.Tables[i]
		if after.ID != nil && t.Number < after.Table {
			continue
		}
		for _, cond := range filtered(filter) {
			if !first {
				j.add(" UNION ALL ")
			}
			first = false
			j.add("(SELECT * FROM ", s.texts.ver, " v WHERE v.t=").num(uint64(t.Number))
			if cond != "" {
				j.add(" AND ", cond)
			}
			if after.ID != nil && t.Number == after.Table {
				j.add(" AND v.k>").hex(after.ID)
			}
			j.add(" ORDER BY v.k LIMIT ").num(limit).add(")")
		}
	}
	if first {
		j.add("SELECT * FROM ", s.texts.ver, " v WHERE 1=0")
	}
}

func readItems(r *reply, limit int) ([]fence.Item, error) {
	items := make([]fence.Item, 0, min(r.sets[0].rows, limit))
	var views parsed
	for i := range r.sets[0].rows {
		row := r.row(0, i)
		if row[4] == nil || len(items) == limit {
			break
		}
		e, ok := entry(row[2])
		var t [1]uint64
		if !ok || !e.Known || numbers(row[4], t[:]) != 1 {
			return nil, lost(errOdd)
		}
		var err error
		if e.Confirmed, err = views.view(row[3]); err != nil {
			return nil, err
		}
		items = append(items, fence.Item{Key: fence.Key{Table: uint16(t[0]), ID: slices.Clone(row[5])}, Entry: e})
	}
	return items, nil
}
