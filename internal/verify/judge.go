package verify

import (
	"bytes"
	"context"
	"slices"

	"github.com/dsmproxy/dsmproxy/router/fence"
	"github.com/dsmproxy/dsmproxy/router/ledger"
)

// How often a span is looked at again while what differs in it changes. Each
// time it is waited twice as long.
const looks = 6

// examined is how many keys are looked at in one go as of one view.
const examined = 50

// judge reports what differs in a span. What it has seen first may have been
// between two stores' pages, or a write under way; so only what stays as it is
// counts, and at the levels safe and strict only what is also seen as of one
// view.
func (r *run) judge(ctx context.Context, t *ledger.Table, s span, l *look) error {
	suspects := make(map[string]*Difference)
	for _, id := range l.ids {
		if d := r.compare(t, id, l.rows[id]); d != nil {
			suspects[id] = d
		}
	}
	wait := r.Settle
	var certain []*Difference
	for range looks {
		if len(suspects) == 0 {
			break
		}
		if err := sleep(ctx, wait); err != nil {
			return err
		}
		wait *= 2
		again, err := r.lookAgain(ctx, t, s)
		if err != nil {
			return err
		}
		for id := range suspects {
			c := again.rows[id]
			if c == nil { // removed meanwhile
				delete(suspects, id)
				continue
			}
			d := r.compare(t, id, c)
			switch {
			case d == nil:
				delete(suspects, id)
			case c.same(l.rows[id]):
				certain = append(certain, d)
				delete(suspects, id)
			default:
				suspects[id] = d
			}
		}
		l = again
	}
	r.result.Changing += uint64(len(suspects))
	slices.SortFunc(certain, func(a, b *Difference) int { return bytes.Compare(a.Key.ID, b.Key.ID) })
	confirm := r.confirmUnfenced
	if r.Group != nil {
		confirm = r.confirmFenced
	}
	for chunk := range slices.Chunk(certain, examined) {
		if err := confirm(ctx, chunk); err != nil {
			return err
		}
	}
	return nil
}

// lookAgain reads a span that was read before. It may have grown.
func (r *run) lookAgain(ctx context.Context, t *ledger.Table, s span) (*look, error) {
	all := &look{rows: make(map[string]*copies)}
	rows := r.progress.Rows
	defer func() { r.progress.Rows = rows }() // counted before
	for {
		part := s
		for {
			l, end, err := r.read(ctx, t, part)
			if err != nil {
				return nil, err
			}
			if end != nil {
				part.upTo = end
				continue
			}
			for id, c := range l.rows {
				all.rows[id] = c
			}
			break
		}
		if bytes.Equal(part.upTo, s.upTo) {
			return all, nil
		}
		s.after = part.upTo
	}
}

// same reports whether the stores have the same of a record as they had.
func (c *copies) same(o *copies) bool {
	return o != nil && slices.EqualFunc(c.at, o.at, func(a, b copyAt) bool {
		return a.there == b.there && a.row.Digest == b.row.Digest && a.row.Listed == b.row.Listed && a.row.Version == b.row.Version
	})
}

// compare says what is wrong with a record's copies; nil if nothing is.
func (r *run) compare(t *ledger.Table, id string, c *copies) *Difference {
	d := &Difference{Table: *t, Key: fence.Key{Table: t.Number, ID: []byte(id)}, Column: c.column, Serves: -1, Keep: -1}
	holders, order := r.holders(d.Key)
	if len(holders) == 0 {
		return nil // nobody can serve it now, and so nobody can say what it should be
	}
	if r.Group != nil {
		d.Serves, d.Keep = holders[0], holders[0]
	} else {
		for _, s := range order {
			if c.at[s].there {
				d.Keep = s
				break
			}
		}
		if c.at[holders[0]].there {
			d.Serves = holders[0]
		}
	}
	kept := &c.at[d.Keep]
	for i := range c.at {
		at := &c.at[i]
		holds := slices.Contains(holders, i)
		switch {
		case !r.Live[i] || !holds && !at.there:
		case !holds:
			d.Faults = append(d.Faults, Fault{i, Extra})
		case at.there != kept.there && !kept.there:
			d.Faults = append(d.Faults, Fault{i, Extra}) // the store that serves says that there is no such record
		case at.there != kept.there:
			d.Faults = append(d.Faults, Fault{i, Missing})
		case at.row.Digest != kept.row.Digest:
			d.Faults = append(d.Faults, Fault{i, Differs})
		case at.row.Listed != kept.row.Listed || at.row.Version != kept.row.Version:
			d.Faults = append(d.Faults, Fault{i, Version})
		}
	}
	if len(d.Faults) == 0 {
		return nil
	}
	return d
}

// holders are the stores that are to have a key, in their order, and at the
// level seed all live stores.
func (r *run) holders(k fence.Key) (holders, order []int) {
	if r.Group != nil {
		return r.Group.Holders(k), nil
	}
	all := make([]uint16, r.Placement.Stores())
	r.Placement.Order(all, k.ID)
	for _, s := range all {
		if r.Live[s] {
			order = append(order, int(s))
		}
	}
	return order[:min(r.Copies, len(order))], order
}

func (r *run) report(d *Difference) error {
	r.result.Differ++
	return r.Found(*d)
}

// confirmUnfenced compares the records themselves, for digests of what servers
// of different kinds print (a float) may differ where the values don't.
func (r *run) confirmUnfenced(ctx context.Context, list []*Difference) error {
	for _, d := range list {
		kept, err := r.Ledger.Stores[d.Keep].Image(ctx, d.Key)
		if err != nil {
			return err
		}
		left := d.Faults[:0]
		for _, f := range d.Faults {
			if f.Kind == Differs {
				image, err := r.Ledger.Stores[f.Store].Image(ctx, d.Key)
				if err != nil {
					return err
				}
				if bytes.Equal(image, kept) {
					continue
				}
			}
			left = append(left, f)
		}
		if d.Faults = left; len(left) == 0 {
			continue
		}
		if err := r.report(d); err != nil {
			return err
		}
	}
	return nil
}

// confirmFenced looks at the records as of one view. Where versions differ, a
// write may be under way, and copies that are left over may be about to be
// dropped: they are given time.
func (r *run) confirmFenced(ctx context.Context, list []*Difference) error {
	keys := make([]fence.Key, len(list))
	for i, d := range list {
		keys[i] = d.Key
	}
	exams, err := r.Group.Examine(ctx, keys)
	if err != nil {
		return err
	}
	var late []int
	for i := range exams {
		if list[i].Faults = faults(&exams[i]); unsure(&exams[i], list[i].Faults) {
			late = append(late, i)
		}
	}
	if len(late) > 0 {
		if err := r.giveTime(ctx, list, late, keys, exams); err != nil {
			return err
		}
	}
	for _, d := range list {
		if len(d.Faults) == 0 {
			continue
		}
		if err := r.report(d); err != nil {
			return err
		}
	}
	return nil
}

// giveTime looks again at those that may be well soon.
func (r *run) giveTime(ctx context.Context, list []*Difference, late []int, keys []fence.Key, before []fence.Exam) error {
	wait := 10 * r.Settle
	for range looks {
		if err := sleep(ctx, wait); err != nil {
			return err
		}
		var some []fence.Key
		for _, i := range late {
			some = append(some, keys[i])
		}
		exams, err := r.Group.Examine(ctx, some)
		if err != nil {
			return err
		}
		var left []int
		for n, i := range late {
			list[i].Faults = faults(&exams[n])
			if unsure(&exams[n], list[i].Faults) && !sameVersions(&before[i], &exams[n]) {
				left = append(left, i)
			}
			before[i] = exams[n]
		}
		if late = left; len(late) == 0 {
			return nil
		}
	}
	for _, i := range late {
		list[i].Faults = nil
		r.result.Changing++
	}
	return nil
}

// unsure reports whether time may mend a difference.
func unsure(e *fence.Exam, list []Fault) bool {
	return slices.ContainsFunc(list, func(f Fault) bool {
		return f.Kind != Differs || e.Entries[f.Store].Version != e.Entries[e.Holders[0]].Version
	})
}

func sameVersions(a, b *fence.Exam) bool {
	return slices.EqualFunc(a.Entries, b.Entries, func(x, y fence.Entry) bool { return x.Known == y.Known && x.Version == y.Version })
}

// faults says what is wrong as of a view.
func faults(e *fence.Exam) []Fault {
	if len(e.Holders) == 0 || e.Well() {
		return nil
	}
	var list []Fault
	first := &e.Entries[e.Holders[0]]
	exists := func(e *fence.Entry) bool { return e.Image != nil }
	for i := range e.Entries {
		o := &e.Entries[i]
		switch {
		case !e.Asked[i]:
		case !e.Holds(i):
			if o.Known {
				list = append(list, Fault{i, Extra})
			}
		case exists(o) && !exists(first):
			list = append(list, Fault{i, Extra})
		case !exists(o) && exists(first):
			list = append(list, Fault{i, Missing})
		case !bytes.Equal(o.Image, first.Image):
			list = append(list, Fault{i, Differs})
		case o.Known != first.Known || o.Version != first.Version:
			list = append(list, Fault{i, Version})
		}
	}
	return list
}
