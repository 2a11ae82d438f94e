package replica

import (
	"context"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"strconv"
	"strings"
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
//	app.dsmproxy_ids: name 'sessions', next 5001
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
// ended is lost.

// idsTable is the name of the table with the leases.
const idsTable = "dsmproxy_ids"

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
	ctx, cancel := context.WithTimeout(ctx, leaseTimeout)
	defer cancel()
	leased, err := s.lease(ctx, q, want)
	if q.refused = nil; errors.Is(err, ErrNoNumbers) {
		q.refused, q.asked = err, time.Now()
	}
	if err == nil {
		q.left, q.leased = leased, leased.size()
	}
	return err
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
	leased, err := s.lease(ctx, q, 1)
	if err != nil {
		s.log.Debug("numbers not leased ahead", "table", q.table, "err", err)
		return
	}
	select {
	case q.turn <- struct{}{}:
	case <-ctx.Done():
		return // they are lost
	}
	q.spare = leased
	<-q.turn
}

// lease leases a range of at least want numbers for q.
func (s *Set) lease(ctx context.Context, q *sequence, want uint64) (leased numberRange, err error) {
	size := max(min(max(q.max>>17, minLease), maxLease), want)
	var last error
	for try := range maxClaims {
		from, err := s.ask(ctx, q)
		if err != nil {
			return leased, err
		}
		if from > q.max || q.max-from+1 < want {
			return leased, &protocol.Error{Code: 1467, State: "HY000", Message: fmt.Sprintf(
				"dsmproxy: no number is left for column %s of table %s: %d is the greatest that it can hold", q.column, q.table, q.max)}
		}
		to := from + min(size, q.max-from+1)
		var agreed []bool
		if agreed, last = s.claim(ctx, q, from, to); majority(agreed) {
			s.log.Info("numbers leased", "table", q.table, "from", from, "to", to)
			return numberRange{from, to}, nil
		}
		pause := time.NewTimer(time.Duration(rand.IntN(1+try)) * 5 * time.Millisecond)
		select {
		case <-ctx.Done():
			pause.Stop()
			return leased, noLease(q, ctx.Err())
		case <-pause.C:
		}
	}
	return leased, noLease(q, last)
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

// ask returns the first number that no answering store knows to be used or
// leased. A majority must answer.
func (s *Set) ask(ctx context.Context, q *sequence) (from uint64, err error) {
	firsts := make([]uint64, len(s.stores))
	errs := s.each(ctx, func(i int, conn *store.Conn) (err error) {
		firsts[i], err = q.first(ctx, conn)
		return err
	})
	answered, n := make([]bool, len(s.stores)), 0
	for i, e := range errs {
		if answered[i] = e == nil; answered[i] {
			n++
			from = max(from, firsts[i])
		} else {
			err = e
		}
		if errors.Is(e, ErrNoNumbers) {
			return 0, s.refusesNumbers(i, e)
		}
	}
	if !majority(answered) {
		return 0, noLease(q, fmt.Errorf("%d of %d stores answer, more than half are needed, or half with store %s (last: %w)",
			n, len(s.stores), s.stores[0].Name(), err))
	}
	return from, nil
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

// first is the first number that one store does not know to be used or leased.
// The store has a row for the table then.
func (q *sequence) first(ctx context.Context, conn *store.Conn) (uint64, error) {
	for _, sql := range []string{"SET insert_id=1", "SET insert_id=0"} {
		if _, err := conn.Exec(ctx, sql); err != nil {
			var refused *protocol.Error
			if errors.As(err, &refused) {
				return 0, fmt.Errorf("%w: %s", ErrNoNumbers, refused.Message)
			}
			return 0, err
		}
	}
	leased, err := oneNumber(ctx, conn, "SELECT `next` FROM "+q.ids()+" WHERE `name` = "+q.name())
	if isNoSuchTable(err) {
		if _, err = conn.Exec(ctx, "CREATE TABLE IF NOT EXISTS "+q.ids()+" (`name` varchar(64) CHARACTER SET utf8mb4 "+
			"COLLATE utf8mb4_bin NOT NULL PRIMARY KEY, `next` bigint unsigned NOT NULL) ENGINE=InnoDB"); err != nil {
			return 0, err
		}
	} else if err != nil {
		return 0, err
	}
	if leased == 0 {
		if _, err := conn.Exec(ctx, "INSERT IGNORE INTO "+q.ids()+" (`name`, `next`) VALUES ("+q.name()+", 1)"); err != nil {
			return 0, err
		}
	}
	used, err := oneNumber(ctx, conn, "SELECT MAX("+quoteName(q.column)+") FROM "+Table{Schema: q.schema, Name: q.table}.quoted())
	if err != nil && !isNoSuchTable(err) {
		return 0, err
	}
	if used < math.MaxUint64 {
		used++
	}
	return max(leased, used, 1), nil
}

func (q *sequence) ids() string { return Table{Schema: q.schema, Name: idsTable}.quoted() }

func (q *sequence) name() string { return "'" + escape(strings.ToLower(q.table)) + "'" }

// oneNumber is the number that a query answers with; 0 for no row, for NULL and
// for a negative one.
func oneNumber(ctx context.Context, conn *store.Conn, sql string) (uint64, error) {
	rows, err := conn.Query(ctx, sql)
	if err != nil || len(rows) == 0 {
		return 0, err
	}
	n, err := strconv.ParseUint(string(rows[0][0]), 10, 64)
	if err != nil {
		n = 0
	}
	return n, nil
}

func isNoSuchTable(err error) bool {
	var refused *protocol.Error
	return errors.As(err, &refused) && refused.Code == protocol.ErrNoSuchTable
}

// claim claims [from, to) at all live stores and returns which of them agreed.
func (s *Set) claim(ctx context.Context, q *sequence, from, to uint64) (agreed []bool, last error) {
	sql := fmt.Sprintf("UPDATE %s SET `next` = %d WHERE `name` = %s AND `next` <= %d", q.ids(), to, q.name(), from)
	agreed = make([]bool, len(s.stores))
	errs := s.each(ctx, func(i int, conn *store.Conn) error {
		a, err := conn.Exec(ctx, sql)
		agreed[i] = err == nil && a.AffectedRows == 1
		return err
	})
	for _, err := range errs {
		if err != nil {
			last = err
		}
	}
	return agreed, last
}

// each calls f at the same time for all live stores, with a connection of the
// proxy's own. The result has an error for each store, those that are down
// included.
func (s *Set) each(ctx context.Context, f func(i int, conn *store.Conn) error) []error {
	errs := make([]error, len(s.stores))
	var group sync.WaitGroup
	for i, st := range s.stores {
		if !s.live(i) {
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
