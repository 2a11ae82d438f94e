package replica

import (
	"context"
	"fmt"
	"time"

	"github.com/dsmproxy/dsmproxy/protocol"
	"github.com/dsmproxy/dsmproxy/router/store"
)

// A number that a client gives by itself may be in a range that another proxy
// has leased, and TRUNCATE begins the numbers anew. Both end leases that others
// hold, who are not asked: they look at the stores, once in leaseFresh if they
// give numbers at all, whether a new epoch has begun, and drop what they have
// leased in an older one. So who begins an epoch waits for leaseFresh before he
// relies on it. He need not if nobody else has leased anything in the one
// before, which the column owner tells: with one proxy nothing ever waits.
//
//	owner 0: nobody has leased in this epoch; 1: several, or it is not known
//
// Epochs begin by a majority too. A proxy that sees less than a majority goes on
// with what it has: without it, nobody else can begin an epoch, unless the two
// see different stores.
//
// What is left to chance: a number that was given out just before its lease
// ended, to a statement that then waited for longer than that.

const (
	leaseFresh   = time.Second
	checkTimeout = time.Second
)

// confirm drops what q, whose turn it is, has leased in an epoch that is over.
func (s *Set) confirm(ctx context.Context, q *sequence) {
	at := time.Now()
	if q.left.size()+q.spare.size() == 0 && q.free == 0 || at.Sub(q.checked) < leaseFresh {
		return
	}
	ctx, cancel := context.WithTimeout(ctx, checkTimeout)
	defer cancel()
	rows := make([]idsRow, len(s.stores))
	there := make([]bool, len(s.stores))
	errs := s.each(ctx, func(i int, conn *store.Conn) (err error) {
		rows[i], there[i], err = q.row(ctx, conn)
		return err
	})
	answered, lasts := make([]bool, len(s.stores)), false
	for i, err := range errs {
		answered[i] = err == nil || isRefusal(err, protocol.ErrNoSuchTable)
		lasts = lasts || there[i] && rows[i].epoch == q.epoch && rows[i].next >= max(q.left.to, q.spare.to)
		if there[i] && rows[i].epoch > q.epoch {
			q.drop()
			return
		}
	}
	if majority(answered) && !lasts { // the database has been dropped
		q.drop()
		return
	}
	q.checked = at
}

// GivenNumber is called before a record gets the number n, which a client gives
// to it: from then on no proxy gives it to another one. numbers, unless nil, are
// what the statement has reserved.
func (c *Client) GivenNumber(t Table, n uint64, numbers *Numbers) error {
	q, err := c.sequence(t)
	if err != nil {
		return err
	}
	defer func() { <-q.turn }()
	if numbers != nil && n >= numbers.next {
		numbers.next, numbers.end = 0, 0 // the next ones are above it
	}
	if n > q.max || q.refused != nil && time.Since(q.asked) < schemaTTL {
		return nil // the store refuses it; or numbers its records itself
	}
	err = c.set.given(c.ctx, q, n)
	if c.ctx.Err() != nil {
		return c.aborted()
	}
	return err
}

// given takes n out of what q and the other proxies may give.
func (s *Set) given(ctx context.Context, q *sequence, n uint64) error {
	if n < q.free { // that is no lease, for whose end others would wait
		q.checked = time.Time{}
	}
	s.confirm(ctx, q)
	switch {
	case q.left.has(n):
		q.left.from = n + 1
		return nil
	case q.spare.has(n):
		q.left, q.leased, q.spare = numberRange{n + 1, q.spare.to}, q.spare.size(), numberRange{}
		return nil
	case n < q.free || n < q.left.from && n >= q.left.to-q.leased:
		return nil // it has been this proxy's
	}
	ctx, cancel := context.WithTimeout(ctx, leaseTimeout)
	defer cancel()
	for range maxClaims {
		known, err := s.ask(ctx, q)
		if err != nil {
			return err
		}
		if n >= known.next && !known.doubtful {
			// The claim has to have n in it, so that no other range does.
			if err := s.take(ctx, q, n, 1); err != nil {
				return err
			}
			if q.left.has(n) {
				q.left.from = n + 1
				return nil
			}
			continue // others were faster
		}
		if known.foreign {
			if known, err = s.revoke(ctx, q, known); err != nil {
				return err
			}
		}
		if known.epoch != q.epoch {
			q.drop()
			q.epoch = known.epoch
		}
		if q.free = known.next; n < q.free {
			return nil
		}
	}
	return noLease(q, nil)
}

// revoke begins an epoch without a lease. When it returns, no proxy gives a
// number below the next one that it knows.
func (s *Set) revoke(ctx context.Context, q *sequence, k known) (known, error) {
	for try := range maxClaims {
		k.epoch++
		agreed, last := s.everyRow(ctx, q, begin(k.epoch, k.next, many).and(fmt.Sprintf("`next` <= %d", k.next)))
		if majority(agreed) {
			break
		}
		if try == maxClaims-1 {
			return k, noLease(q, last)
		}
		err := backOff(ctx, try)
		if err == nil {
			k, err = s.ask(ctx, q)
		}
		if err != nil {
			return k, noLease(q, err)
		}
	}
	s.log.Info("leases of numbers ended", "table", q.table, "below", k.next)
	pause := time.NewTimer(leaseFresh + leaseFresh/10)
	defer pause.Stop()
	select {
	case <-ctx.Done():
		return k, noLease(q, ctx.Err())
	case <-pause.C:
		k.foreign, k.doubtful = false, false
		return k, nil
	}
}

// RestartNumbers has the numbers of a table begin at next, or above the greatest
// one that is there. column is that which gets them; the table may be gone.
func (c *Client) RestartNumbers(t Table, n *Numbering, next uint64) {
	q := c.set.numbers.of(t, &schema{auto: n.column, autoMax: n.max})
	select {
	case q.turn <- struct{}{}:
	case <-c.ctx.Done():
		return
	}
	defer func() { <-q.turn }()
	ctx, cancel := context.WithTimeout(c.ctx, leaseTimeout)
	defer cancel()
	q.drop()
	if err := c.set.restart(ctx, q, next); err != nil {
		c.set.log.Warn("numbers go on where they were", "table", q.table, "err", err)
	}
}

// restart is RestartNumbers with the turn of q.
func (s *Set) restart(ctx context.Context, q *sequence, next uint64) error {
	for try := range maxClaims {
		known, err := s.ask(ctx, q)
		if err != nil {
			return err
		}
		quiet := fmt.Sprintf("`epoch` < %d OR `owner` IN (%d, %d)", known.epoch, nobody, s.id)
		if known.foreign {
			if known, err = s.revoke(ctx, q, known); err != nil {
				return err
			}
			// Nobody has leased anything since.
			quiet = fmt.Sprintf("`epoch` < %d OR `next` = %d", known.epoch, known.next)
		}
		agreed, last := s.everyRow(ctx, q, begin(known.epoch+1, next, nobody).and(quiet))
		if majority(agreed) {
			q.epoch = known.epoch + 1
			s.log.Info("numbers begin anew", "table", q.table, "next", next)
			return nil
		}
		if err := backOff(ctx, try); err != nil {
			return noLease(q, err)
		}
		if try == maxClaims-1 {
			return noLease(q, last)
		}
	}
	return nil
}

// Numbering is what is known of a table's AUTO_INCREMENT column.
type Numbering struct {
	column string
	max    uint64
}

// Numbering returns that of t; nil if it has none.
func (c *Client) Numbering(t Table) *Numbering {
	sc, err := c.schema(t)
	if err != nil || sc.auto == "" {
		return nil
	}
	return &Numbering{sc.auto, sc.autoMax}
}

// ForgetNumbers drops what is leased, for a database may have been dropped.
func (c *Client) ForgetNumbers() { c.set.numbers.forget() }
