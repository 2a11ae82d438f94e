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

// The records of a table with an AUTO_INCREMENT column get their numbers from
// the proxy, for each store would number its copy by itself, and two stores
// would give one number to the records of two sessions. The statement goes out
// behind SET insert_id, so that all copies get the same number and the store
// returns it as insert id.
//
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
// changed their row; else it is tried anew, further up. Two granted ranges
// never overlap: some store has changed its row for both, first for one, say
// [a, b), and then its next was b, so that it took the other claim only if that
// begins at b or above. Stores that were away don't matter: what they have
// missed is known to a majority of the others. Without a majority there are no
// new leases. A range that a proxy did not use up when it ended is lost.

// idsTable is the name of the table with the leases.
const idsTable = "dsmproxy_ids"

// The size of a lease: as many numbers as are left of the type's after two
// million leases, within these bounds.
const (
	minLease = 1
	maxLease = 1 << 16
)

const (
	maxClaims    = 20               // how often a lease is tried
	leaseTimeout = 10 * time.Second // of all of it
)

// numbers are the leases of all tables. Its zero value is ready; it is safe
// for concurrent use.
type numbers struct {
	mu      sync.Mutex // guards byTable
	byTable map[string]*sequence
}

// sequence is the lease of one table.
type sequence struct {
	schema, table, column string
	max                   uint64

	// turn is held by who changes what follows; it is no mutex because a lease
	// is made meanwhile, for which all others have to wait.
	turn      chan struct{}
	next, end uint64 // the numbers that are left
	refused   error  // ErrNoNumbers, as last told
	asked     time.Time
}

func (n *numbers) of(t Table, sc *schema) *sequence {
	name := t.Schema + "\x00" + strings.ToLower(t.Name)
	n.mu.Lock()
	defer n.mu.Unlock()
	q := n.byTable[name]
	if q == nil || q.column != sc.auto || q.max != sc.autoMax {
		q = &sequence{schema: t.Schema, table: t.Name, column: sc.auto, max: sc.autoMax, turn: make(chan struct{}, 1)}
		if n.byTable == nil {
			n.byTable = make(map[string]*sequence)
		}
		n.byTable[name] = q
	}
	return q
}

// forget drops all leases, after DDL, which may have dropped their table.
func (n *numbers) forget() {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.byTable = nil
}

// Numbered returns the AUTO_INCREMENT column of t; "" if it has none, or if
// there is no such table, which the stores will tell.
func (c *Client) Numbered(t Table) (column string, err error) {
	sc, err := c.schema(t)
	if err != nil {
		var refused *protocol.Error
		if errors.As(err, &refused) && refused.Code != protocol.ErrUnknown {
			return "", nil
		}
		return "", err
	}
	return sc.auto, nil
}

// ErrNoNumbers says that a store can't be told the number of a record.
var ErrNoNumbers = errors.New("SET insert_id is refused")

// NextNumber returns a number for the AUTO_INCREMENT column of t that no record
// of t has, on whichever store. An error that wraps ErrNoNumbers is no answer
// for the client.
func (c *Client) NextNumber(t Table) (uint64, error) {
	sc, err := c.schema(t)
	if err != nil {
		return 0, err
	}
	q := c.set.numbers.of(t, sc)
	select {
	case q.turn <- struct{}{}:
	case <-c.ctx.Done():
		return 0, c.aborted()
	}
	defer func() { <-q.turn }()
	if q.refused != nil && time.Since(q.asked) < schemaTTL {
		return 0, q.refused
	}
	if q.next == q.end {
		ctx, cancel := context.WithTimeout(c.ctx, leaseTimeout)
		defer cancel()
		err := c.set.lease(ctx, q)
		if q.refused = nil; errors.Is(err, ErrNoNumbers) {
			q.refused, q.asked = err, time.Now()
		}
		if err != nil {
			if c.ctx.Err() != nil {
				return 0, c.aborted()
			}
			return 0, err
		}
	}
	q.next++
	return q.next - 1, nil
}

// lease gives q a new range.
func (s *Set) lease(ctx context.Context, q *sequence) error {
	size := min(max(q.max>>21, minLease), maxLease)
	var last error
	for try := range maxClaims {
		from, err := s.ask(ctx, q)
		if err != nil {
			return err
		}
		if from > q.max {
			return &protocol.Error{Code: 1467, State: "HY000", Message: fmt.Sprintf(
				"dsmproxy: no number is left for column %s of table %s: %d is the greatest that it can hold", q.column, q.table, q.max)}
		}
		to := from + min(size, q.max-from+1)
		var claimed int
		if claimed, last = s.claim(ctx, q, from, to); claimed > len(s.stores)/2 {
			q.next, q.end = from, to
			s.log.Info("numbers leased", "table", q.table, "from", from, "to", to)
			return nil
		}
		pause := time.NewTimer(time.Duration(rand.IntN(1+try)) * 5 * time.Millisecond)
		select {
		case <-ctx.Done():
			pause.Stop()
			return noLease(q, ctx.Err())
		case <-pause.C:
		}
	}
	return noLease(q, last)
}

func noLease(q *sequence, cause error) error {
	if cause == nil {
		cause = errors.New("other proxies claim them at the same time")
	}
	return protocol.Errorf(protocol.ErrUnknown,
		"dsmproxy: no numbers for column %s of table %s can be leased: %v", q.column, q.table, cause)
}

// ask returns the first number that no answering store knows to be used or
// leased. The majority must answer.
func (s *Set) ask(ctx context.Context, q *sequence) (from uint64, err error) {
	firsts := make([]uint64, len(s.stores))
	errs := s.each(ctx, func(i int, conn *store.Conn) (err error) {
		firsts[i], err = q.first(ctx, conn)
		return err
	})
	answered := 0
	for i, e := range errs {
		if e == nil {
			answered++
			from = max(from, firsts[i])
		} else {
			err = e
		}
		if errors.Is(e, ErrNoNumbers) {
			return 0, s.refusesNumbers(i, e)
		}
	}
	if answered <= len(s.stores)/2 {
		return 0, noLease(q, fmt.Errorf("%d of %d stores answer, more than half are needed (last: %w)",
			answered, len(s.stores), err))
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

// claim claims [from, to) at all live stores and returns how many agreed.
func (s *Set) claim(ctx context.Context, q *sequence, from, to uint64) (claimed int, last error) {
	sql := fmt.Sprintf("UPDATE %s SET `next` = %d WHERE `name` = %s AND `next` <= %d", q.ids(), to, q.name(), from)
	agreed := make([]bool, len(s.stores))
	errs := s.each(ctx, func(i int, conn *store.Conn) error {
		a, err := conn.Exec(ctx, sql)
		agreed[i] = err == nil && a.AffectedRows == 1
		return err
	})
	for i := range errs {
		if agreed[i] {
			claimed++
		}
		if errs[i] != nil {
			last = errs[i]
		}
	}
	return claimed, last
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

// maxNumber is the greatest number of an integer column; full is its
// COLUMN_TYPE.
func maxNumber(typ, full string) uint64 {
	bits := 63
	switch typ {
	case "tinyint":
		bits = 7
	case "smallint":
		bits = 15
	case "mediumint":
		bits = 23
	case "int":
		bits = 31
	case "float":
		return 1 << 24
	case "double":
		return 1 << 53
	}
	if strings.Contains(full, "unsigned") {
		bits++
	}
	if bits == 64 {
		return math.MaxUint64 - 1 // MySQL does not give the last one
	}
	return 1<<bits - 1
}
