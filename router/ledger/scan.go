package ledger

import (
	"context"
	"slices"

	"github.com/dsmproxy/dsmproxy/protocol"
	"github.com/dsmproxy/dsmproxy/router/fence"
	"github.com/dsmproxy/dsmproxy/router/store"
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
// itself, in the order of an index, and no farther than the limit. With the
// first page the store tells which tables have records there: those that were
// not known are listed as well.
func (s *Store) Scan(ctx context.Context, g fence.Guard, filter fence.Filter, after fence.Key, limit int) (items []fence.Item, tick uint64, err error) {
	c, err := s.service(ctx, false)
	if err != nil {
		return nil, 0, err
	}
	defer c.Release()
	j := s.begin()
	defer s.end(j)
	f := fenced(g, c)
	for {
		items, tick, again, err := s.scan(ctx, c, j, &f, filter, after, limit)
		if !again {
			return items, tick, err
		}
		j.buf = append(j.buf[:0], byte(protocol.ComQuery))
	}
}

// scan is Scan once. again: there are tables that were not known.
func (s *Store) scan(ctx context.Context, c *store.Conn, j *job, f *fencing, filter fence.Filter, after fence.Key, limit int) (items []fence.Item, tick uint64, again bool, err error) {
	known, first := s.cfg.known.all(), 0
	if after.ID == nil {
		j.add(s.askTables(), ";")
		first = 1
	}
	j.add("SELECT ")
	s.stand(j, f.gate)
	j.add(",", version, ",e.vec,v.t,v.k FROM ", s.texts.view, " w LEFT JOIN (")
	s.pages(j, known, filter, after, uint64(limit))
	j.add(") v ON 1=1")
	s.confirmed(j)
	j.add(" WHERE w.id=").num(f.shard).add(" ORDER BY v.t,v.k LIMIT ").num(uint64(max(limit, 1)))
	if err := s.run(ctx, c, j, s.cfg.OwnTimeout); err != nil {
		return nil, 0, false, err
	}
	r := &j.reply
	if r.err != nil {
		return nil, 0, false, s.refusal(c, r.err)
	}
	if len(r.sets) != first+1 || r.sets[first].rows == 0 {
		return nil, 0, false, fence.ErrClosed
	}
	for i := range r.sets[0].rows {
		if first == 0 {
			break
		}
		fresh, err := s.learnRow(r.row(0, i))
		if err != nil {
			return nil, 0, false, unsent(err)
		}
		again = again || fresh
	}
	if again {
		return nil, 0, true, nil
	}
	if tick, err = f.holds(r.row(first, 0)); err != nil {
		return nil, 0, false, err
	}
	f.passed(c)
	items, err = readItems(r, first, limit)
	return items, lowest(tick), false, err
}

// pages appends the lists, one behind the other.
func (s *Store) pages(j *job, known []*Table, filter fence.Filter, after fence.Key, limit uint64) {
	first := true
	for _, t := range known {
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

func readItems(r *reply, set, limit int) ([]fence.Item, error) {
	items := make([]fence.Item, 0, min(r.sets[set].rows, limit))
	var views parsed
	for i := range r.sets[set].rows {
		row := r.row(set, i)
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
