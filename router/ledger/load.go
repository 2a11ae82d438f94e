package ledger

import (
	"context"

	"github.com/dsmproxy/dsmproxy/protocol"
	"github.com/dsmproxy/dsmproxy/router/fence"
	"github.com/dsmproxy/dsmproxy/router/store"
	"github.com/dsmproxy/dsmproxy/router/view"
)

// confirmed joins the text of the view in which a version was confirmed, unless
// a Reset has made that void.
func (s *Store) confirmed(j *job) {
	j.add(" LEFT JOIN ", s.texts.epoch, " e ON e.seq=v.iep AND e.seq>(SELECT floor FROM ", s.texts.state, " WHERE id=1)")
}

// Load implements fence.Store. Several keys are read in one snapshot. With images
// it waits until what it has read is on the disk: InnoDB shows what is committed
// before it is.
func (s *Store) Load(ctx context.Context, g fence.Guard, keys []fence.Key, images bool, entries []fence.Entry) (tick uint64, err error) {
	clear(entries)
	shapes := make([]*shape, len(keys))
	for i := range keys {
		if shapes[i], err = s.shape(ctx, keys[i].Table); err != nil {
			return 0, err
		}
	}
	c, err := s.service(ctx, false)
	if err != nil {
		return 0, err
	}
	defer c.Release()
	j := s.begin()
	defer s.end(j)
	f := fenced(g, c)
	first := 0
	if len(keys) > 1 {
		j.add("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ;START TRANSACTION WITH CONSISTENT SNAPSHOT;")
		first = 2
	}
	for i := range keys {
		s.ask(j, &f, &keys[i], shapes[i], images)
	}
	last := 0
	if len(keys) > 1 {
		j.add(commitSQL, ";")
		last++
	}
	if images {
		s.flushed(j, f.shard)
		last++
	}
	if err := s.run(ctx, c, j, s.cfg.OwnTimeout); err != nil {
		return 0, err
	}
	r := &j.reply
	if r.err != nil {
		return 0, s.refusal(c, r.err)
	}
	if len(r.sets) != first+len(keys)+last {
		return 0, lost(errOdd)
	}
	var views parsed
	for i := range keys {
		set := &r.sets[first+i]
		if set.rows == 0 {
			return 0, fence.ErrClosed
		}
		row := r.row(first+i, 0)
		if tick, err = f.holds(row); err != nil {
			return 0, err
		}
		if entries[i], err = readEntry(row, &views); err != nil {
			return 0, err
		}
		e := &entries[i]
		if images && e.Known {
			if e.Image, err = shapes[i].image(r, first+i, 5); err != nil {
				return 0, err
			}
			if e.Image == nil {
				e.Flags |= view.Deleted
			}
		}
	}
	f.passed(c)
	return lowest(tick), nil
}

// lowest is a tick that the store has reached for sure, if one of the 16 rows
// has that one: they differ by less than 16.
func lowest(tick uint64) uint64 { return tick - min(tick, shards-1) }

// ask appends the question for one key.
func (s *Store) ask(j *job, f *fencing, k *fence.Key, sh *shape, images bool) {
	j.add("SELECT ")
	s.stand(j, f.gate)
	j.add(",", version, ",e.vec,s.", quoteName(sh.key.name), " IS NOT NULL")
	if images {
		sh.export(j)
	}
	j.add(" FROM ", s.texts.view, " w LEFT JOIN ", s.texts.ver, " v ON ").oneKey(k)
	s.confirmed(j)
	sh.join(j, k.ID)
	j.add(" WHERE w.id=").num(f.shard).add(";")
}

// readEntry reads the columns behind those of stand.
func readEntry(row [][]byte, views *parsed) (e fence.Entry, err error) {
	e, ok := entry(row[2])
	if !ok {
		return e, lost(errOdd)
	}
	if !e.Known {
		e.Known = string(row[4]) == "1" // a record without a version
		return e, nil
	}
	e.Confirmed, err = views.view(row[3])
	return e, err
}

// parsed keeps the last view, which most entries have.
type parsed struct {
	text string
	last *view.View
}

func (p *parsed) view(text []byte) (*view.View, error) {
	if text == nil {
		return nil, nil
	}
	if p.last == nil || p.text != string(text) {
		v, err := view.Parse(string(text))
		if err != nil {
			return nil, lost(err)
		}
		p.text, p.last = string(text), v
	}
	return p.last, nil
}

// refusal is what an error of the proxy's own statement means that changes
// nothing.
func (s *Store) refusal(c *store.Conn, e *protocol.Error) error {
	c.Taint() // a transaction may be open
	if s.absent(e) {
		return fence.ErrClosed
	}
	if e.Code == errBadColumn || e.Code == protocol.ErrNoSuchTable {
		s.Forget()
	}
	return unsent(e)
}
