package replica

import (
	"errors"
	"math"
	"strings"
	"sync"
	"time"

	"github.com/dsmproxy/dsmproxy/protocol"
)

// The records of a table with an AUTO_INCREMENT column get their numbers from
// the proxy, for each store would number its copy by itself, and two stores
// would give one number to the records of two sessions. The statement goes out
// behind SET insert_id, so that all copies get the same number and the store
// returns it as insert id.

// numbers are the leases of all tables. It is safe for concurrent use.
type numbers struct {
	wanted  chan *sequence // to be leased ahead
	mu      sync.Mutex     // guards byTable
	byTable map[string]*sequence
}

// sequence is the lease of one table.
type sequence struct {
	schema, table, column string
	max                   uint64

	// turn is held by who changes what follows; it is no mutex because a lease
	// is made meanwhile, for which all others have to wait.
	turn    chan struct{}
	left    numberRange
	leased  uint64      // how many left has had
	spare   numberRange // leased ahead
	epoch   uint64      // in which both were leased
	checked time.Time   // when the stores were last asked whether it lasts
	free    uint64      // no other proxy has leased a number below it
	refused error       // ErrNoNumbers, as last told
	asked   time.Time
}

// drop gives up what is leased.
func (q *sequence) drop() { q.left, q.spare, q.free = numberRange{}, numberRange{}, 0 }

// numberRange is the numbers from from on, to not among them.
type numberRange struct{ from, to uint64 }

func (r numberRange) size() uint64 { return r.to - r.from }

func (r numberRange) has(n uint64) bool { return r.from <= n && n < r.to }

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

// forget drops all leases, for their tables may have been dropped.
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

// Numbers are those that a statement has reserved. Want is how many it takes
// from now on at most.
type Numbers struct {
	Want int
	// Step and Offset are the client's auto_increment_increment and
	// auto_increment_offset; 0 means 1.
	Step, Offset uint64
	next, end    uint64 // end is none of them
}

// NextNumber returns a number for the AUTO_INCREMENT column of t that no record
// of t has, on whichever store: the next one of those that the statement has
// reserved. An error that wraps ErrNoNumbers is no answer for the client.
func (c *Client) NextNumber(t Table, n *Numbers) (uint64, error) {
	if n.next >= n.end {
		if err := c.reserve(t, n); err != nil {
			return 0, err
		}
	}
	number := n.next
	n.next += max(n.Step, 1)
	return number, nil
}

// span is how many numbers of r the statement takes, and first the first one;
// ok is false if it has not as many.
func (n *Numbers) span(r numberRange) (first, span uint64, ok bool) {
	step := max(n.Step, 1)
	first = r.from
	if offset := max(n.Offset, 1) % step; first%step != offset && n.Offset <= step {
		first += (offset + step - first%step) % step
	}
	span = uint64(n.Want-1)*step + 1
	return first, span, first >= r.from && first < r.to && r.to-first >= span
}

// reserve takes numbers from the lease of t, or from a new one.
func (c *Client) reserve(t Table, n *Numbers) error {
	q, err := c.sequence(t)
	if err != nil {
		return err
	}
	defer func() { <-q.turn }()
	if q.refused != nil && time.Since(q.asked) < schemaTTL {
		return q.refused
	}
	c.set.confirm(c.ctx, q)
	first, span, ok := n.span(q.left)
	if !ok {
		if err := c.set.refill(c.ctx, q, uint64(n.Want)*max(n.Step, 1)); err != nil {
			if c.ctx.Err() != nil {
				return c.aborted()
			}
			return err
		}
		if first, span, ok = n.span(q.left); !ok {
			return q.exhausted()
		}
	}
	n.next, n.end = first, first+span
	q.left.from = n.end
	if q.left.size() < q.leased/2 && q.spare.size() == 0 {
		select {
		case c.set.numbers.wanted <- q:
		default: // somebody else is being served
		}
	}
	return nil
}

// sequence returns the lease of t, whose turn the caller has and gives back.
func (c *Client) sequence(t Table) (*sequence, error) {
	sc, err := c.schema(t)
	if err != nil {
		return nil, err
	}
	q := c.set.numbers.of(t, sc)
	select {
	case q.turn <- struct{}{}:
		return q, nil
	case <-c.ctx.Done():
		return nil, c.aborted()
	}
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
