package fence

import (
	"bytes"
	"encoding/binary"
	"maps"
	"math"
	"slices"
	"strings"
	"time"

	"github.com/dsmproxy/dsmproxy/router/view"
)

// server is a simulated store: what is on its disk, and what it forgets.
type server struct {
	w     *world
	index int

	// The process.
	alive       bool
	silent      bool // while dead: nobody refuses either
	pausedUntil time.Duration
	queue       []func() // what came while it was paused
	start       int      // counts its starts
	boot        uint64   // the open gate; 0 while it is closed
	locks       map[string]rowLock
	called      string // what it says its name is, if that is not right

	disk
	snaps []snapshot
	log   []snapshot // what the disk was before each change that is not on it yet, and when that will be
}

// disk is what survives.
type disk struct {
	blank            bool
	view, act, cover *view.View
	intact           bool
	tick             uint64
	entries          map[string]Entry // by key, images are 8 bytes
	reports          map[uint64]simReport
	ticks            []uint64 // of the others
}

type snapshot struct {
	at time.Duration
	disk
}

type rowLock struct {
	by    uint64
	until time.Duration
}

type simReport struct {
	reach uint64
	at    time.Duration
}

func (d disk) clone() disk {
	d.entries, d.reports, d.ticks = maps.Clone(d.entries), maps.Clone(d.reports), slices.Clone(d.ticks)
	return d
}

func (s *server) snapshot() {
	if s.snaps = append(s.snaps, snapshot{s.w.now, s.disk.clone()}); len(s.snaps) > 60 {
		s.snaps = s.snaps[1:]
	}
}

// flushes is called before a change, and returns how long it takes to be on the
// disk.
func (s *server) flushes() time.Duration {
	w := s.w
	if !w.cfg.Flush {
		return 0
	}
	d := w.upTo(2 * time.Millisecond)
	if w.one(5) {
		d = w.upTo(80 * time.Millisecond)
	}
	for len(s.log) > 0 && s.log[0].at <= w.now {
		s.log = s.log[1:]
	}
	if n := len(s.log); n > 0 { // one after the other
		d = max(d, s.log[n-1].at-w.now)
	}
	s.log = append(s.log, snapshot{w.now + d, s.disk.clone()})
	return d
}

func (s *server) crash() {
	for _, old := range s.log {
		if old.at > s.w.now {
			s.disk = old.disk
			break
		}
	}
	s.log = nil
	s.alive, s.queue, s.pausedUntil = false, nil, 0
	s.silent = s.w.one(3)
}

func (s *server) restart() {
	if !s.alive {
		s.alive, s.boot, s.locks = true, 0, make(map[string]rowLock)
		s.start++
	}
}

func (s *server) wipe() {
	s.disk = disk{
		blank: true, entries: make(map[string]Entry), reports: make(map[uint64]simReport),
		ticks: make([]uint64, s.w.cfg.Stores+s.w.cfg.Witnesses),
	}
}

// revert brings the disk back to what it was that long ago.
func (s *server) revert(age time.Duration) {
	for _, old := range slices.Backward(s.snaps) {
		if old.at <= s.w.now-age {
			s.disk = old.disk.clone()
			return
		}
	}
}

func (s *server) pause(d time.Duration) {
	s.pausedUntil = s.w.now + d
	start := s.start
	s.w.after(d, func() {
		if s.start == start && s.alive {
			s.wake()
		}
	})
}

func (s *server) wake() {
	s.pausedUntil = 0
	queue := s.queue
	s.queue = nil
	for _, do := range queue {
		s.w.after(0, do)
	}
}

// check is what the guard does.
func (s *server) check(g Guard) error {
	switch {
	case s.boot != g.Boot:
		return ErrClosed
	case !s.view.Equal(g.View) && !s.w.cfg.without.fence:
		return ErrFenced
	}
	return nil
}

func (s *server) status() Status {
	st := Status{
		Name: s.w.names[s.index], Boot: s.boot, Blank: s.blank, Durable: !s.w.cfg.Lossy || s.w.cfg.without.gate,
		View: s.view, Act: s.act, Tick: s.tick, Intact: s.intact, Cover: s.cover, Keys: uint64(len(s.entries)),
	}
	if s.w.cfg.without.gate && s.boot == 0 {
		st.Tick = math.MaxUint64
	}
	if s.called != "" {
		st.Name = s.called
	}
	if s.blank {
		st.Name = ""
	}
	for _, id := range slices.Sorted(maps.Keys(s.reports)) {
		r := s.reports[id]
		st.Reports = append(st.Reports, Report{Proxy: id, Reach: r.reach, Age: s.w.now - r.at})
	}
	return st
}

// look is Voter.Look.
func (s *server) look(b Beat) Status {
	if !s.blank {
		if b.Tick && s.boot != 0 {
			s.tick++
		}
		if b.Proxy != 0 {
			s.reports[b.Proxy] = simReport{b.Reach, s.w.now}
		}
		for i, t := range b.Ticks {
			s.ticks[i] = max(s.ticks[i], t)
		}
	}
	st := s.status()
	if b.Ticks != nil {
		st.Ticks = slices.Clone(s.ticks)
	}
	return st
}

func (s *server) open(how Opening, v *view.View, tick uint64) {
	switch how {
	case Reset:
		if s.blank {
			s.wipe()
			s.blank, s.view = false, view.New(v.Stores())
		}
		s.view = s.view.Join(v)
		s.intact, s.cover = false, nil
		for k, e := range s.entries {
			e.Confirmed = nil
			s.entries[k] = e
		}
	case Found:
		records := s.entries
		s.wipe()
		s.blank, s.view, s.intact, s.entries = false, v, true, records
	}
	s.w.boots++
	s.boot = s.w.boots
	s.tick = max(s.tick, tick) + 1
}

func (s *server) push(v *view.View, solo bool) error {
	if solo && s.view.Term() > v.Term() {
		return ErrFenced
	}
	s.view = s.view.Join(v)
	return nil
}

func (s *server) put(g Guard, puts []Put) error {
	for _, p := range puts {
		if s.tick > p.MaxTick && !s.w.cfg.without.tickLimit {
			return ErrLate
		}
	}
	for _, p := range puts {
		k := string(p.Key.ID)
		old := s.entries[k]
		e := s.entry(g, p.Entry)
		if p.Last {
			e.Flags |= view.Clean
			old.Flags |= view.Clean
		}
		switch {
		case !old.Known || old.Version.Less(p.Entry.Version):
			s.entries[k] = e
		case old.Version == p.Entry.Version:
			s.entries[k] = old
		}
	}
	return nil
}

// entry is e as it is stored.
func (s *server) entry(g Guard, e Entry) Entry {
	e.Tick, e.Confirmed = s.tick, g.View
	e.Flags &^= view.Clean
	return e
}

func (s *server) swap(g Guard, swaps []Swap) (done []bool, err error) {
	for _, p := range swaps {
		if s.tick > p.MaxTick && !s.w.cfg.without.tickLimit {
			return nil, ErrLate
		}
	}
	done = make([]bool, len(swaps))
	for i, p := range swaps {
		k := string(p.Key.ID)
		old := s.entries[k]
		if done[i] = old.same(&p.Seen); !done[i] {
			continue
		}
		if !p.Entry.Known {
			delete(s.entries, k)
			continue
		}
		e := s.entry(g, p.Entry)
		if p.Keep {
			e.Image = old.Image
			if e.Flags &^= view.Deleted; old.Image == nil {
				e.Flags |= view.Deleted
			}
		}
		if old.Known && old.Version == e.Version {
			e.Tick = old.Tick
			e.Flags |= old.Flags & view.Clean
		}
		s.entries[k] = e
	}
	return done, nil
}

func (s *server) markClean(marks []Mark) {
	for _, m := range marks {
		if e := s.entries[string(m.Key.ID)]; e.Known && e.Version == m.Version {
			e.Flags |= view.Clean
			s.entries[string(m.Key.ID)] = e
		}
	}
}

func (s *server) scan(f Filter, after Key, limit int) (items []Item) {
	for k, e := range s.entries {
		listed := f == All || f == Dirty && !e.Flags.Has(view.Clean) || f == Tombs && e.Flags.Has(view.Deleted)
		if e.Known && listed && strings.Compare(k, string(after.ID)) > 0 {
			e.Image = nil
			items = append(items, Item{Key{ID: []byte(k)}, e})
		}
	}
	slices.SortFunc(items, func(a, b Item) int { return bytes.Compare(a.Key.ID, b.Key.ID) })
	return items[:min(limit, len(items))]
}

// locked reports whether somebody else has a row.
func (s *server) locked(k string, by uint64) bool {
	l, ok := s.locks[k]
	return ok && l.until > s.w.now && l.by != by
}

// simStmt is a statement of the simulation: one operation for each key.
type simStmt struct {
	ops    []simOp
	txn    uint64 // the transaction that it is part of; 0 for none
	commit bool
	answer simAnswer
}

// simAnswer is the answer to a simStmt.
type simAnswer struct {
	out []simOut
	// refused: a lock is in the way, or was lost.
	refused bool
}

// runRead is the data of Store.Read.
func (s *server) runRead(st *simStmt, keys []Key) (a simAnswer) {
	a.out = make([]simOut, len(keys))
	for i, key := range keys {
		k := string(key.ID)
		if st.txn != 0 {
			if s.locked(k, st.txn) {
				a.refused = true
				return a
			}
			s.locks[k] = rowLock{st.txn, s.w.now + 2*time.Second}
		}
		_, _, a.out[i] = st.ops[i].apply(s.row(k))
	}
	return a
}

func (s *server) row(k string) simRow {
	e, ok := s.entries[k]
	if !ok || !e.Known || e.Flags.Has(view.Deleted) {
		return simRow{}
	}
	return simRow{true, binary.BigEndian.Uint64(e.Image)}
}

// runWrite is Store.Write.
func (s *server) runWrite(g Guard, st *simStmt, keys []Key, id uint64) (a simAnswer, changed bool, err error) {
	a.out = make([]simOut, len(keys))
	for _, key := range keys {
		k := string(key.ID)
		l, held := s.locks[k]
		lost := st.commit && !(held && l.by == st.txn && l.until > s.w.now)
		a.refused = a.refused || lost || s.locked(k, st.txn)
		if st.commit && held && l.by == st.txn {
			delete(s.locks, k)
		}
	}
	unfit := s.check(g)
	if unfit != nil && !(g.Leased && unfit == ErrFenced) {
		return a, false, unfit
	}
	if a.refused {
		return a, false, nil
	}
	rows := make([]simRow, len(keys))
	for i, key := range keys {
		var did bool
		rows[i], did, a.out[i] = st.ops[i].apply(s.row(string(key.ID)))
		changed = changed || did
	}
	if changed && unfit != nil {
		return a, false, unfit
	}
	if changed {
		for i, key := range keys {
			s.store(g, string(key.ID), rows[i], id)
		}
	}
	return a, changed, nil
}

// load is what the server has of keys.
func (s *server) load(keys []Key, images bool) []Entry {
	entries := make([]Entry, len(keys))
	for i, key := range keys {
		if entries[i] = s.entries[string(key.ID)]; !images {
			entries[i].Image = nil
		}
	}
	return entries
}

func (s *server) store(g Guard, k string, r simRow, id uint64) {
	e := s.entry(g, Entry{Known: true, Version: s.entries[k].Version.Next(g.View.Epoch(), id)})
	if r.exists {
		e.Image = binary.BigEndian.AppendUint64(nil, r.val)
	} else {
		e.Flags |= view.Deleted
	}
	s.entries[k] = e
}
