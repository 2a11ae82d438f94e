package replica

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"
	"time"

	"github.com/dsmproxy/dsmproxy/protocol"
	"github.com/dsmproxy/dsmproxy/router/store"
)

// A proxy takes numbers from a range that it has leased, so that most records
// need no coordination. Leases are kept by the stores, in a table in the
// session table's schema that has for each session table the number from which
// on nothing is leased:
//
//	app.dsmproxy_ids: name 'sessions', next 5001, epoch 0, owner 7
//
// To lease, a proxy asks all live stores for that number and for the greatest
// one in the session table, takes the greatest of the answers, a, and claims
// [a, b) at each store:
//
//	UPDATE app.dsmproxy_ids SET next = b WHERE name = 'sessions' AND next <= a
//
// The lease is granted if the majority of all stores, dead ones included, have
// changed their row (of an even number, half of them and the first one will
// do); else it is tried anew, further up. Two granted ranges
// never overlap: some store has changed its row for both, first for one, say
// [a, b), and then its next was b, so that it took the other claim only if that
// begins at b or above. Stores that were away don't matter: what they have
// missed is known to a majority of the others. Without a majority there are no
// new leases; so that a store's restart goes unnoticed, a range is leased ahead
// when half of the one before is used up. What a proxy did not use up when it
// ended is lost. Epochs, which end leases, are explained in surrogate_epoch.go,
// and the row at one store in surrogate_row.go.

// The size of a lease: as many numbers as the type has for a hundred thousand
// leases, within these bounds.
const (
	minLease = 1
	maxLease = 1 << 16
)

const (
	maxClaims    = 20               // how often a lease is tried
	leaseTimeout = 10 * time.Second // of all of it
	aheadEvery   = leaseTimeout + time.Second
)

// refill gives q, whose turn it is, at least want numbers: the range that was
// leased ahead, or a new one.
func (s *Set) refill(ctx context.Context, q *sequence, want uint64) error {
	if q.spare.size() >= want {
		q.left, q.spare = q.spare, numberRange{}
		return nil
	}
	return s.take(ctx, q, 1, want)
}

// take gives q, whose turn it is, a new range of at least want numbers that
// begins at least or above it.
func (s *Set) take(ctx context.Context, q *sequence, least, want uint64) error {
	ctx, cancel := context.WithTimeout(ctx, leaseTimeout)
	defer cancel()
	got, err := s.lease(ctx, q, least, want)
	if q.refused = nil; errors.Is(err, ErrNoNumbers) {
		q.refused, q.asked = err, time.Now()
	}
	if err != nil {
		return err
	}
	if got.epoch != q.epoch {
		q.drop()
	}
	q.left, q.leased, q.spare = got.numberRange, got.size(), numberRange{}
	q.epoch, q.checked = got.epoch, got.at
	return nil
}

// leaseAhead leases the ranges after those in use, until ctx ends: nobody waits
// for a new one then, and a time in which there are none is bridged.
func (s *Set) leaseAhead(ctx context.Context) {
	for {
		select {
		case <-ctx.Done():
			return
		case q := <-s.numbers.wanted:
			s.leaseSpare(ctx, q)
		}
	}
}

func (s *Set) leaseSpare(ctx context.Context, q *sequence) {
	ctx, cancel := context.WithTimeout(ctx, leaseTimeout)
	defer cancel()
	got, err := s.lease(ctx, q, 1, 1)
	if err != nil {
		s.log.Debug("numbers not leased ahead", "table", q.table, "err", err)
		return
	}
	select {
	case q.turn <- struct{}{}:
	case <-ctx.Done():
		return // they are lost
	}
	if got.epoch == q.epoch && got.from >= q.left.to {
		q.spare = got.numberRange
	}
	<-q.turn
}

// lease is a range that was granted, in which epoch, and when it was asked for.
type lease struct {
	numberRange
	epoch uint64
	at    time.Time
}

// lease leases a range of at least want numbers for q, from least on or above.
func (s *Set) lease(ctx context.Context, q *sequence, least, want uint64) (got lease, err error) {
	size := max(min(max(q.max>>17, minLease), maxLease), want)
	var last error
	for try := range maxClaims {
		at := time.Now()
		known, err := s.ask(ctx, q)
		if err != nil {
			return got, err
		}
		if known.doubtful {
			if try < 2 { // most often another proxy is about to begin it
				last = backOff(ctx, try)
				continue
			}
			if known, err = s.revoke(ctx, q, known); err != nil {
				return got, err
			}
			at = time.Now()
		}
		from := max(known.next, least)
		if from > q.max || q.max-from+1 < want {
			return got, q.exhausted()
		}
		to := from + min(size, q.max-from+1)
		var agreed []bool
		if agreed, last = s.everyRow(ctx, q, claim(s.id, known.epoch, from, to)); majority(agreed) {
			s.log.Info("numbers leased", "table", q.table, "from", from, "to", to)
			return lease{numberRange{from, to}, known.epoch, at}, nil
		}
		if err := backOff(ctx, try); err != nil {
			return got, noLease(q, err)
		}
	}
	return got, noLease(q, last)
}

// backOff waits a little before the next try.
func backOff(ctx context.Context, try int) error {
	pause := time.NewTimer(time.Duration(rand.IntN(1+try)) * 5 * time.Millisecond)
	defer pause.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-pause.C:
		return nil
	}
}

// exhausted is the error of a column that is full.
func (q *sequence) exhausted() error {
	return &protocol.Error{Code: 1467, State: "HY000", Message: fmt.Sprintf(
		"dsmproxy: no number is left for column %s of table %s: %d is the greatest that it can hold", q.column, q.table, q.max)}
}

// majority reports whether more than half of all stores agree, or half of them
// with the first one: two majorities always have a store in common.
func majority(agreed []bool) bool {
	n := 0
	for _, ok := range agreed {
		if ok {
			n++
		}
	}
	return 2*n > len(agreed) || 2*n == len(agreed) && agreed[0]
}

func noLease(q *sequence, cause error) error {
	if cause == nil {
		cause = errors.New("other proxies claim them at the same time")
	}
	return protocol.Errorf(protocol.ErrUnknown,
		"dsmproxy: no numbers for column %s of table %s can be leased: %v", q.column, q.table, cause)
}

// known is what a majority of the stores knows of a table's numbers.
type known struct {
	epoch uint64
	next  uint64 // the first number that is neither used nor leased
	// foreign: another proxy may have leased numbers that are not over.
	foreign bool
	// doubtful: less than a majority is in this epoch, which may have begun or not.
	doubtful bool
}

// ask asks all live stores, of which a majority must answer. At the levels safe
// and strict it waits as other statements do for stores that are not asked before
// they are up to date, which after the first start are all.
func (s *Set) ask(ctx context.Context, q *sequence) (k known, err error) {
	if s.group == nil {
		return s.askOnce(ctx, q)
	}
	for end := time.Now().Add(s.group.Patience()); ; {
		k, err = s.askOnce(ctx, q)
		if err == nil || errors.Is(err, ErrNoNumbers) || time.Now().After(end) || backOff(ctx, 8) != nil {
			return k, err
		}
	}
}

// askOnce is ask without a wait.
func (s *Set) askOnce(ctx context.Context, q *sequence) (k known, err error) {
	rows := make([]idsRow, len(s.stores))
	errs := s.each(ctx, func(i int, conn *store.Conn) (err error) {
		rows[i], err = q.look(ctx, conn)
		return err
	})
	answered, n := make([]bool, len(s.stores)), 0
	for i, e := range errs {
		if answered[i] = e == nil; answered[i] {
			n++
			k.epoch = max(k.epoch, rows[i].epoch)
		} else {
			err = e
		}
		if errors.Is(e, ErrNoNumbers) {
			return k, s.refusesNumbers(i, e)
		}
	}
	if !majority(answered) {
		return k, noLease(q, fmt.Errorf("%d of %d stores answer, more than half are needed, or half with store %s (last: %w)",
			n, len(s.stores), s.stores[0].Name(), err))
	}
	within := make([]bool, len(rows))
	for i, r := range rows {
		within[i] = answered[i] && r.epoch == k.epoch
	}
	k.next, k.doubtful = 1, !majority(within)
	for i, r := range rows {
		if !answered[i] {
			continue
		}
		k.next = max(k.next, r.used)
		if within[i] || k.doubtful {
			k.next = max(k.next, r.next)
			k.foreign = k.foreign || k.doubtful || r.owner != nobody && r.owner != s.id
		}
	}
	return k, nil
}

// refusesNumbers is the error for a store that does not take SET insert_id.
func (s *Set) refusesNumbers(i int, cause error) error {
	return &refusesNumbers{protocol.Errorf(protocol.ErrNotSupportedYet,
		"dsmproxy: this statement can't be routed: store %s can't be told the number of a record: %v", s.stores[i].Name(), cause)}
}

// refusesNumbers is ErrNoNumbers as the client is told it.
type refusesNumbers struct{ told *protocol.Error }

func (e *refusesNumbers) Error() string        { return e.told.Error() }
func (e *refusesNumbers) Unwrap() error        { return e.told }
func (e *refusesNumbers) Is(target error) bool { return target == ErrNoNumbers }

// each calls f at the same time for all live stores, with a connection of the
// proxy's own. The result has an error for each store, those that are down
// included.
func (s *Set) each(ctx context.Context, f func(i int, conn *store.Conn) error) []error {
	errs := make([]error, len(s.stores))
	var group sync.WaitGroup
	for i, st := range s.stores {
		if !s.live(i) || s.group != nil && !s.group.IsUp(i) { // it may have lost its memory
			errs[i] = &store.NetError{Store: st.Name(), Err: store.ErrDown}
			continue
		}
		group.Go(func() {
			conn, err := st.Get(ctx, s.service, nil, false)
			if err != nil {
				errs[i] = err
				return
			}
			errs[i] = f(i, conn)
			var refused *protocol.Error
			if errs[i] == nil || errors.As(errs[i], &refused) || errors.Is(errs[i], ErrNoNumbers) {
				conn.Release()
			} else {
				conn.Discard()
			}
		})
	}
	group.Wait()
	return errs
}
