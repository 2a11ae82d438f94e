package ledger

import (
	"context"

	"github.com/dsmproxy/dsmproxy/router/fence"
)

// marksAtOnce is how many versions are marked by one statement.
const marksAtOnce = 500

// MarkClean implements fence.Store.
func (s *Store) MarkClean(ctx context.Context, boot uint64, marks []fence.Mark) error {
	for len(marks) > 0 {
		n := min(len(marks), 20*marksAtOnce)
		var err error
		for try := 1; ; try++ {
			var again bool
			if again, err = s.markClean(ctx, boot, marks[:n]); !again || try == tries {
				break
			}
		}
		if err != nil {
			return err
		}
		marks = marks[n:]
	}
	return nil
}

func (s *Store) markClean(ctx context.Context, boot uint64, marks []fence.Mark) (again bool, err error) {
	c, err := s.service(ctx, false)
	if err != nil {
		return false, err
	}
	defer c.Release()
	j := s.begin()
	defer s.end(j)
	order := j.sorted(len(marks), func(i int) *fence.Key { return &marks[i].Key })
	for len(order) > 0 {
		n := 1
		for n < len(order) && n < marksAtOnce && marks[order[n]].Key.Table == marks[order[0]].Key.Table {
			n++
		}
		s.mark(j, boot, marks, order[:n])
		order = order[n:]
	}
	j.add("SELECT COALESCE((SELECT MAX(boot) FROM ", s.texts.gate, "),0)")
	if err := s.run(ctx, c, j, s.cfg.OwnTimeout); err != nil {
		return false, err
	}
	r := &j.reply
	if r.err != nil {
		return transient(r.err), s.refusal(c, r.err)
	}
	var now [1]uint64
	if last := len(r.sets) - 1; r.sets[last].rows != 1 || numbers(r.row(last, 0)[0], now[:]) != 1 {
		return false, lost(errOdd)
	}
	if now[0] != boot {
		return false, fence.ErrClosed
	}
	return false, nil
}

// mark appends the statement that marks versions of one table: those that are
// still there, to the letter, for of several keys that one write has changed
// some may not be everywhere yet.
func (s *Store) mark(j *job, boot uint64, marks []fence.Mark, order []int) {
	j.add("UPDATE ", s.texts.ver, " SET fl=fl|2 WHERE t=").num(uint64(marks[order[0]].Key.Table)).add(" AND k IN (")
	for n, i := range order {
		if n > 0 {
			j.add(",")
		}
		j.hex(marks[i].Key.ID)
	}
	j.add(") AND (k,ep,n,wid) IN (")
	for n, i := range order {
		if n > 0 {
			j.add(",")
		}
		v := marks[i].Version
		j.add("(").hex(marks[i].Key.ID).add(",").num(v.Epoch).add(",").num(v.N).add(",").num(v.ID).add(")")
	}
	j.add(") AND EXISTS(SELECT 1 FROM ", s.texts.gate, " WHERE boot=").num(boot).add(");")
}
