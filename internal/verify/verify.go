// Package verify compares all copies of all records, without a record's data
// leaving its store: the stores make digests, a page at a time, and what differs
// is looked at again until it is certain. It changes nothing; what it finds may
// be given to somebody who mends it (`dsmproxy verify -repair`).
//
// The stores are read in pages of the key column's own order, which only they
// know. So one store says where a page ends, and all others list what they have
// up to there.
package verify

import (
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/dsmproxy/dsmproxy/router/fence"
	"github.com/dsmproxy/dsmproxy/router/ledger"
	"github.com/dsmproxy/dsmproxy/router/placement"
)

// Kind is what is wrong with a copy.
type Kind string

// The kinds.
const (
	// Missing: the store is to have the record, and does not.
	Missing Kind = "missing"
	// Differs: its copy is not like the one that is served.
	Differs Kind = "differs"
	// Extra: it has a copy and is not to have one.
	Extra Kind = "extra copy"
	// Version: the record is the same, and its version is not.
	Version Kind = "version mismatch"
)

// Fault is one copy that is not as it should be.
type Fault struct {
	Store int
	Kind  Kind
}

// Difference is a record whose copies are not as they should be.
type Difference struct {
	Table  ledger.Table
	Key    fence.Key
	Column []byte // the key as it lies in the column
	// Serves is the store whose copy is served; -1 if the one that should has
	// none and the level is seed, at which Keep is the one that counts.
	Serves int
	Keep   int
	Faults []Fault
}

// Progress is how far a comparison is.
type Progress struct {
	Rows, Of uint64 // of all stores together; Of is an estimate
	Records  uint64
}

// Config says what is compared.
type Config struct {
	Ledger    *ledger.Ledger
	Group     *fence.Group // nil at the level seed
	Placement placement.Placement
	Copies    int
	// Live says which stores are compared: the others are down.
	Live []bool
	// Page is how many records are read at a time of a store; 0 means 2000.
	Page int
	// Idle is how long to rest after a page, as a part of the time that it took;
	// 0 means as long as it took.
	Idle float64
	// Settle is for how long a difference must stay as it is; 0 means 300 ms,
	// and ten times that where a write may be under way.
	Settle time.Duration

	Found    func(Difference) error
	Progress func(Progress) // may be nil
}

// Result is what a comparison has come to.
type Result struct {
	Tables  int
	Records uint64
	Differ  uint64
	// Changing are records that differed each time and never in the same way:
	// they are written all the time.
	Changing uint64
}

// Run compares all session tables. An error means that it has not come to an
// end.
func Run(ctx context.Context, c Config) (Result, error) {
	if c.Page == 0 {
		c.Page = 2000
	}
	if c.Idle == 0 {
		c.Idle = 1
	}
	if c.Settle == 0 {
		c.Settle = 300 * time.Millisecond
	}
	r := &run{Config: c}
	tables, err := c.Ledger.Tables(ctx)
	if err != nil {
		return r.result, err
	}
	r.result.Tables = len(tables)
	for i := range tables {
		rows, err := r.estimate(ctx, &tables[i])
		if err != nil {
			return r.result, err
		}
		r.rows = append(r.rows, rows)
	}
	for i := range tables {
		if err := r.table(ctx, &tables[i], r.rows[i]); err != nil {
			return r.result, fmt.Errorf("table %s.%s: %w", tables[i].Schema, tables[i].Name, err)
		}
	}
	return r.result, nil
}

// run is one call of Run.
type run struct {
	Config
	result   Result
	rows     [][]uint64 // by table and store, about
	progress Progress
}

// estimate is about how many rows each store has of a table.
func (r *run) estimate(ctx context.Context, t *ledger.Table) ([]uint64, error) {
	rows := make([]uint64, len(r.Ledger.Stores))
	for i, s := range r.Ledger.Stores {
		if !r.Live[i] {
			continue
		}
		n, err := s.Rows(ctx, t)
		if err != nil {
			return nil, err
		}
		rows[i] = n
		r.progress.Of += n
	}
	return rows, nil
}

// span is a part of a table: what is above after, and not above upTo; nil for no
// bound.
type span struct{ after, upTo []byte }

// look is what the stores have of a span.
type look struct {
	rows map[string]*copies // by ID
	ids  []string           // in the order in which they were met
}

// copies is what the stores have of one record.
type copies struct {
	column []byte
	at     []copyAt // by store
}

type copyAt struct {
	there bool
	row   ledger.Row // its Key and ID are not kept
}

// table compares one table. rows is about how many each store has.
func (r *run) table(ctx context.Context, t *ledger.Table, rows []uint64) error {
	leader := -1
	for i, n := range rows {
		if r.Live[i] && (leader < 0 || n > rows[leader]) {
			leader = i
		}
	}
	if leader < 0 {
		return fmt.Errorf("no store is up")
	}
	var after []byte
	for {
		begin := time.Now()
		l, upTo, err := r.next(ctx, t, leader, after)
		if err != nil {
			return err
		}
		took := time.Since(begin)
		if err := r.judge(ctx, t, span{after, upTo}, l); err != nil {
			return err
		}
		r.result.Records += uint64(len(l.ids))
		r.progress.Records = r.result.Records
		if r.Progress != nil {
			r.Progress(r.progress)
		}
		if upTo == nil {
			return nil
		}
		after = upTo
		if err := sleep(ctx, time.Duration(float64(took)*r.Idle)); err != nil {
			return err
		}
	}
}

// next reads the span that begins behind after, as far as the leader's page
// goes, or less far where another store has more in it than twice a page.
func (r *run) next(ctx context.Context, t *ledger.Table, leader int, after []byte) (*look, []byte, error) {
	_, upTo, err := r.page(ctx, t, leader, span{after, nil}, r.Page)
	if err != nil {
		return nil, nil, err
	}
	for {
		l, end, err := r.read(ctx, t, span{after, upTo})
		if err != nil || end == nil {
			return l, upTo, err
		}
		upTo = end
	}
}

// page reads a page of one store; end is its last key, nil if there is no more.
func (r *run) page(ctx context.Context, t *ledger.Table, store int, s span, limit int) (rows []ledger.Row, end []byte, err error) {
	rows, more, err := r.Ledger.Stores[store].Page(ctx, ledger.PageOf{
		Table: t.Number, After: s.after, UpTo: s.upTo, Limit: limit, Versions: r.Group != nil,
	})
	if err != nil {
		return nil, nil, fmt.Errorf("store %s: %w", r.Ledger.Stores[store].Name(), err)
	}
	if more {
		end = rows[len(rows)-1].Key
	}
	return rows, end, nil
}

// read reads a span of all stores. If it is too long for one of them, that one
// says where to end.
func (r *run) read(ctx context.Context, t *ledger.Table, s span) (*look, []byte, error) {
	n := len(r.Ledger.Stores)
	pages, ends, errs := make([][]ledger.Row, n), make([][]byte, n), make([]error, n)
	var wg sync.WaitGroup
	for i := range n {
		if r.Live[i] {
			wg.Go(func() { pages[i], ends[i], errs[i] = r.page(ctx, t, i, s, 2*r.Page) })
		}
	}
	wg.Wait()
	for i := range n {
		if errs[i] != nil {
			return nil, nil, errs[i]
		}
		if ends[i] != nil {
			return nil, ends[i], nil
		}
	}
	l := &look{rows: make(map[string]*copies)}
	for i, rows := range pages {
		r.progress.Rows += uint64(len(rows))
		for _, row := range rows {
			c := l.rows[string(row.ID)]
			if c == nil {
				c = &copies{column: row.Key, at: make([]copyAt, n)}
				l.rows[string(row.ID)] = c
				l.ids = append(l.ids, string(row.ID))
			}
			row.Key, row.ID = nil, nil
			c.at[i] = copyAt{true, row}
		}
	}
	return l, nil, nil
}

func sleep(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}
