package main

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/dsmproxy/dsmproxy/internal/admin"
	"github.com/dsmproxy/dsmproxy/protocol"
	"github.com/dsmproxy/dsmproxy/router/fence"
)

// status is how the group is; nil at the level seed.
func (f *fenced) status() *admin.Group {
	if f == nil {
		return nil
	}
	o, now := f.group.Overview(), f.env.Now()
	g := &admin.Group{
		Founded: o.View != "" || o.Why == nil || o.Why.Reason != fence.NotFounded,
		View:    o.View, Epoch: o.Epoch, Lease: o.Leased.Seconds(), Owner: o.Owner, Solo: o.Solo,
		Serving: o.Why == nil, MinCopies: o.MinCopies, Tidy: o.Tidy, Unclean: f.unclean.read(f.env.Go, f.countUnclean),
		Counts: admin.GroupCounts{
			Helped: o.Counts.Helped, Settled: o.Counts.Settled, Completed: o.Counts.Completed,
			Refused: o.Counts.Refused, Unsettled: o.Counts.Unsettled, Unknown: o.Counts.Unknown, Waited: o.Counts.Waited,
			Excluded: o.Counts.Excluded, Reset: o.Counts.Reset, Dropped: o.Counts.Dropped,
		},
		Heal: healStatus(o.Heal, now),
	}
	if o.Why != nil {
		g.Why = o.Why.What()
	}
	up, ailing, most := 0, false, uint64(0)
	for i, s := range o.Stores {
		m := admin.Member{
			Name: s.Name, Witness: s.Witness, State: s.State, Answers: answers(&s), For: (now - standsSince(&s)).Seconds(), Why: s.Why,
			Blank: s.Blank, Gate: s.Gate, Forgotten: s.Forgotten, Drained: s.Drained != 0, Other: s.Other != 0, Covered: s.Covered, Durable: s.Durable, Tick: s.Tick, Keys: s.Keys,
		}
		if s.Err != nil {
			m.Error = s.Err.Error()
			m.Refuses = !m.Answers && errors.As(s.Err, new(*protocol.Error))
		}
		if !s.Witness {
			m.Listed, m.Listing = f.ledger.Stores[i].Adopting()
			if s.State == "up" {
				up++
			}
			ailing = ailing || s.State == "join" || s.State == "up" && !s.Covered
			most = max(most, s.Keys)
		}
		g.Members = append(g.Members, m)
	}
	g.Behind = ailing
	g.Short = short(o, up, ailing, most)
	return g
}

// answers reports whether a store answers, if only that it can't be written.
func answers(s *fence.Standing) bool { return s.Err == nil || errors.Is(s.Err, fence.ErrUnwritable) }

// standsSince is since when a store stands as it does: drained, or failing, or
// answering in its state of the view.
func standsSince(s *fence.Standing) time.Duration {
	switch {
	case s.Drained != 0:
		return s.Drained
	case s.Err != nil:
		return s.Since
	}
	return max(s.Since, s.Turned)
}

// turned is since when a store that answers is in its state of the view, if that
// has changed under this process.
func (f *fenced) turned(at int) time.Time {
	if f == nil {
		return time.Time{}
	}
	s := &f.group.Overview().Stores[at]
	if s.Turned == 0 {
		return time.Time{}
	}
	return time.Now().Add(s.Turned - f.env.Now())
}

// short is of about how many records there are fewer copies than there should
// be; -1 if there are some, and how many is not known: a store that can't tell
// how many keys it has says 0.
func short(o fence.Overview, up int, ailing bool, keys uint64) int64 {
	switch {
	case o.View == "":
		return -1
	case up >= o.Copies && !ailing:
		return 0
	case up >= o.Copies && o.Heal.Running:
		return int64(o.Heal.Of - min(o.Heal.Keys, o.Heal.Of))
	case keys == 0:
		return -1
	}
	return int64(keys)
}

func healStatus(h fence.Heal, now time.Duration) admin.Heal {
	s := admin.Heal{Running: h.Running, View: h.View, Keys: h.Keys, Of: max(h.Of, h.Keys), Copied: h.Copied, For: h.Took.Seconds(), Done: h.Done}
	if h.Err != nil {
		s.Error = h.Err.Error()
	}
	if h.Running {
		s.For = (now - h.Began).Seconds()
		if h.Keys > 0 && h.Of > h.Keys {
			s.Left = s.For * float64(h.Of-h.Keys) / float64(h.Keys)
		}
	}
	return s
}

// seldom is a number that is asked for only while somebody looks, and seldom. It
// is safe for concurrent use.
type seldom struct {
	mu     sync.Mutex // guards what follows
	n      int64
	asked  time.Time
	asking bool
}

// read returns what is known, -1 if nothing is, and has it asked anew if that is
// old.
func (s *seldom) read(start func(func()), ask func() (int64, bool)) int64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.asked.IsZero() {
		s.n = -1
	}
	if !s.asking && time.Since(s.asked) > recordsAge {
		s.asking = true
		start(func() {
			n, ok := ask()
			s.mu.Lock()
			defer s.mu.Unlock()
			if s.asking = false; ok {
				s.n = n
			}
			s.asked = time.Now()
		})
	}
	return s.n
}

// countUnclean asks the stores that answer and are not excluded: another one is
// looked after when it is back.
func (f *fenced) countUnclean() (int64, bool) {
	ctx, cancel := context.WithTimeout(context.Background(), recordsTime)
	defer cancel()
	var sum int64
	for i, s := range f.group.Overview().Stores {
		if s.Witness || s.Err != nil || !s.Gate || s.State == "down" {
			continue
		}
		n, err := f.ledger.Stores[i].Unclean(ctx)
		if err != nil {
			return 0, false
		}
		sum += int64(n)
	}
	return sum, true
}

// notServing is why the group serves no record; nil if it does, and at the level
// seed.
func (f *fenced) notServing() error {
	if f == nil {
		return nil
	}
	if why := f.group.Overview().Why; why != nil {
		return errors.New(why.What())
	}
	return nil
}

// elsewhere reports whether this proxy could serve, but that another one does,
// with quorum = "solo".
func (f *fenced) elsewhere() bool {
	if f == nil {
		return false
	}
	why := f.group.Overview().Why
	return why != nil && why.Reason == fence.NotOwner
}

// decide carries out what an operator has decided about a store.
func (f *fenced) decide(ctx context.Context, verb, name string) error {
	if f == nil {
		return errSeed
	}
	at := -1
	for i, s := range f.group.Overview().Stores {
		if s.Name == name {
			at = i
		}
	}
	if at < 0 {
		return fmt.Errorf("store %q: %w", name, admin.ErrNotFound)
	}
	if at >= len(f.ledger.Stores) && verb != "trust" {
		return fmt.Errorf("%s is a witness, which has no records", name)
	}
	var err error
	switch verb {
	case "forget":
		err = f.group.Forget(ctx, at)
	case "accept-loss":
		err = f.group.AcceptLoss(ctx, at)
	case "trust":
		err = f.group.Trust(ctx, at)
	default:
		err = fmt.Errorf("%q: %w", verb, admin.ErrNotFound)
	}
	var why *fence.Unavailable
	if errors.As(err, &why) {
		err = errors.New(why.What())
	}
	if err == nil {
		f.log.Warn("operator has decided about a store", "store", name, "decision", verb)
	}
	return err
}

var errSeed = errors.New(`the level is "seed", which knows no views of the stores: nothing was changed`)

// mend makes the copies of records what they should be.
func (f *fenced) mend(ctx context.Context, keys []admin.RecordKey) (int, error) {
	if f == nil {
		return 0, errSeed
	}
	if len(keys) > admin.MaxMend {
		return 0, fmt.Errorf("%d records at once: %d at most", len(keys), admin.MaxMend)
	}
	list := make([]fence.Key, len(keys))
	for i, k := range keys {
		id, err := hex.DecodeString(k.ID)
		if err != nil {
			return 0, err
		}
		list[i] = fence.Key{Table: k.Table, ID: id}
	}
	n, err := f.group.Mend(ctx, list)
	if n > 0 {
		f.log.Warn("records mended", "records", n, "action", "their copies were not alike: somebody has changed them at a store, beside the proxies")
	}
	return n, err
}
