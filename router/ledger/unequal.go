package ledger

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"time"

	"github.com/dsmproxy/dsmproxy/router/fence"
)

// A record is copied as the columns of its table are (image.go), so tables that
// differ between stores are looked for, before a write finds out when it is too
// late: what one store has carried out and no other can take is an outcome that
// nobody knows. A record whose holders have different tables is not written, and
// what has begun to wait goes on once they are equal again.
//
// DDL through a proxy has stores differ for a moment too. So writes wait for a
// difference that is new, and are refused for one that has lasted.

const (
	lookEvery = 2 * time.Second
	lookAgain = 500 * time.Millisecond // where tables differ
	lasting   = 10 * time.Second
)

// unequal are the stores' descriptions of a table that is not the same at all of
// them. It is not modified.
type unequal struct {
	name  string
	since time.Time // zero: from before the proxy began
	as    []string  // by store; "" where it is missing
	known []bool    // by store: it has been asked
	of    []*Store
}

// between is the difference between two stores.
func (u *unequal) between(a, b int) string {
	at := [2]string{u.of[a].Name(), u.of[b].Name()}
	const then = "the proxy then goes on by itself"
	if u.as[a] == "" || u.as[b] == "" {
		if u.as[a] == "" {
			at[0], at[1] = at[1], at[0]
		}
		return fmt.Sprintf("store %s has it and store %s has not: make it there as SHOW CREATE TABLE says at %[1]s, or DROP it at %[1]s; %[3]s", at[0], at[1], then)
	}
	what := difference(u.as[b], u.as[a])
	return fmt.Sprintf("it differs between the stores: at %s from %s in %s: ALTER it at one of them, or make it anew; %s", at[1], at[0], what, then)
}

// odd are pairs of stores that differ: those whose table is not as that of the
// first one that has it, with that one.
func (u *unequal) odd() (pairs [][2]int) {
	first := -1
	for i, text := range u.as {
		if first < 0 && u.known[i] && text != "" {
			first = i
		}
	}
	for i, text := range u.as {
		if u.known[i] && text != u.as[first] {
			pairs = append(pairs, [2]int{first, i})
		}
	}
	return pairs
}

// Differs implements fence.Comparing.
func (s *Store) Differs(table uint16, stores []uint16) (d *fence.Differs, lasts bool) {
	all := s.cfg.known.unequal.Load()
	if all == nil {
		return nil, false
	}
	u := (*all)[table]
	if u == nil {
		return nil, false
	}
	first := -1
	for _, i := range stores {
		if !u.known[i] {
			continue
		}
		if first < 0 {
			first = int(i)
		}
		if u.as[i] != u.as[first] {
			why := u.between(min(first, int(i)), max(first, int(i)))
			return &fence.Differs{Table: u.name, Why: why}, time.Since(u.since) > lasting
		}
	}
	return nil, false
}

// Members says which stores must have the same tables, and whether the stores
// have been initialised: before that a table that one of them has not is made.
type Members func(store int) (is, founded bool)

// Compare looks once for session tables that differ between the members that
// answer, and logs what it finds.
func (l *Ledger) Compare(ctx context.Context, members Members) {
	l.compare(ctx, members, true)
}

// Watch looks for tables that differ until ctx ends.
func (l *Ledger) Watch(ctx context.Context, members Members) {
	for {
		every := time.NewTimer(lookEvery)
		if l.known.unequal.Load() != nil {
			every.Reset(lookAgain)
		}
		select {
		case <-ctx.Done():
			every.Stop()
			return
		case <-l.known.changed:
			every.Stop()
		case <-every.C:
		}
		l.compare(ctx, members, false)
	}
}

// compare looks once. What is new is logged when it is found again, for DDL may
// be under way, except at the start.
func (l *Ledger) compare(ctx context.Context, members Members, starts bool) {
	log := l.Stores[0].cfg.Log
	var before map[uint16]*unequal
	if all := l.known.unequal.Load(); all != nil {
		before = *all
	}
	tables := l.describeAll(ctx, members, before)
	if ctx.Err() != nil {
		return
	}
	now := make(map[uint16]*unequal)
	for number, u := range tables {
		pairs := u.odd()
		was := before[number]
		if len(pairs) == 0 {
			if was != nil && l.told[number] != "" {
				log.Info("table is the same at all stores again", "table", u.name)
			}
			delete(l.told, number)
			continue
		}
		now[number] = u
		switch {
		case was != nil:
			u.since = was.since
		case !starts:
			u.since = time.Now()
		}
		var text []string
		for _, p := range pairs {
			text = append(text, u.between(p[0], p[1]))
		}
		if why := strings.Join(text, "; "); (was != nil || starts) && l.told[number] != why {
			l.told[number] = why
			log.Error("table differs between stores", "table", u.name, "why", why,
				"action", "its records on these stores are not written until then")
		}
	}
	if len(now) == 0 {
		l.known.unequal.Store(nil)
		return
	}
	l.known.unequal.Store(&now)
}

// describeAll asks the stores for all known session tables.
func (l *Ledger) describeAll(ctx context.Context, members Members, before map[uint16]*unequal) map[uint16]*unequal {
	var (
		asked sync.WaitGroup
		mu    sync.Mutex // guards all
	)
	all := make(map[uint16]*unequal)
	for i, s := range l.Stores {
		is, founded := members(i)
		if !is {
			continue
		}
		asked.Go(func() {
			for number, text := range s.describeKnown(ctx) {
				mu.Lock()
				u := all[number]
				if u == nil {
					t := l.known.of(number)
					u = &unequal{name: t.Schema + "." + t.Name, of: l.Stores, as: make([]string, len(l.Stores)), known: make([]bool, len(l.Stores))}
					all[number] = u
				}
				u.as[i], u.known[i] = text, text != "" || founded
				mu.Unlock()
			}
		})
	}
	asked.Wait()
	l.keep(all, before, members)
	for number, u := range all {
		if strings.Join(u.as, "") == "" {
			delete(all, number) // dropped, or not made yet
		}
	}
	return all
}

// keep takes what is known of members that have not answered now from before.
func (l *Ledger) keep(all, before map[uint16]*unequal, members Members) {
	for number, was := range before {
		u := all[number]
		if u == nil {
			all[number] = was
			continue
		}
		for i := range l.Stores {
			if is, _ := members(i); is && was.known[i] && !u.known[i] {
				u.as[i], u.known[i] = was.as[i], true
			}
		}
	}
}

// describeKnown are the descriptions of the known session tables; none of them
// if the store does not answer.
func (s *Store) describeKnown(ctx context.Context) map[uint16]string {
	ctx, cancel := context.WithTimeout(ctx, s.cfg.Timeout)
	defer cancel()
	c, err := s.service(ctx, false)
	if err != nil {
		return nil
	}
	defer c.Release()
	as := make(map[uint16]string)
	for _, t := range s.cfg.known.all() {
		text, err := describe(ctx, c, t.Schema, t.Name)
		if err != nil {
			return nil
		}
		as[t.Number] = text
	}
	return as
}
