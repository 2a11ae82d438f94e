package replica

import (
	"errors"
	"slices"
	"time"

	"github.com/dsmproxy/dsmproxy/protocol"
	"github.com/dsmproxy/dsmproxy/router/fence"
)

// A read of records whose stores differ sees each record once: as the first
// live store of its order has it, which is the store that a read of its key
// would ask. What other stores have of it, copies and leftovers, does not
// count. Package rewrite says in which of three ways a statement can be carried
// out: scatter_rows.go, scatter_count.go, scatter_copy.go.
//
// As long as the client has seen no byte of the answer, a store that fails is
// left out and all begins anew.

// Scatter is such a statement.
type Scatter struct {
	// Req is the statement as the client sent it; it opens no cursor.
	Req Request
	// Tables are those with session records that it reads.
	Tables []Shared
	// Keys are the keys of the records that it can see; nil: it can see all.
	Keys [][]byte
	// Rows, unless nil, makes the statement that has key as its first column and
	// is otherwise the client's, with LIMIT first for its own; 0 is for none. Each
	// of its rows is made of one record.
	Rows          func(key string, first int64) Request
	Offset, Limit int64 // of the client's; Limit is negative for no bound
	// Count: its answer is the number of records.
	Count bool
	// Narrow, unless nil, makes the statement that reads the given columns of
	// the records that the statement can see.
	Narrow func(columns string) Request
	// First, unless nil, is Narrow for the first records in the statement's own
	// order, of which it takes Limit behind Offset.
	First func(columns string, first int64) Request
	// Columns are, in lower case, all names in the statement; nil: it may name
	// all columns.
	Columns []string
	// Spread, unless nil, makes the statement that names a twin where Req names
	// a table again; nil if it can't.
	Spread func() (Request, []Twin)
	// Locks, unless nil, is how the records of Keys are locked; Req has no locking
	// clause then.
	Locks *Locks
	// FixTime: give it one time everywhere.
	FixTime bool
	// AtHome: it names tables that only the store Client.Home has, which carries
	// it out on copies. Writes: it writes one of them.
	AtHome, Writes bool
	// AsLiterals: the answer's texts are to come in utf8mb4; see Client.Literals.
	AsLiterals bool
}

// Shared is a table with session records; its Key is the column that says whose
// they are.
type Shared struct {
	Table
	// Via, unless nil, is the table of the records: Key has the value of its
	// column Of, and the record's own key says whose a row is.
	Via *Via
	// Fold makes equal what the column's collation takes for equal; nil where
	// that is equal already.
	Fold func(key []byte) []byte
}

// Via is how a row of a Shared table names its record.
type Via struct {
	Table Table
	Of    string
}

// Scatter carries w out.
func (c *Client) Scatter(w *Scatter) error {
	if w.Locks != nil {
		defer c.unlockKeys()
	}
	return c.newScatter(w).carryOut()
}

// Choose carries w out, which selects keys in hexadecimal, and returns them.
func (c *Client) Choose(w *Scatter) (keys [][]byte, err error) {
	s := c.newScatter(w)
	s.chosen = func(frames []byte, a *protocol.Answer, deprecateEOF bool) (err error) {
		keys, err = firstColumn(frames, a, deprecateEOF, w.Req)
		return err
	}
	err = s.carryOut()
	return keys, err
}

func (c *Client) newScatter(w *Scatter) *scatter {
	s := &scatter{Client: c, Scatter: w, failed: make([]bool, len(c.set.stores))}
	if w.FixTime {
		s.fix = appendTimestamp([]byte{byte(protocol.ComQuery)}, time.Now())
	}
	return s
}

func (s *scatter) carryOut() error {
	if s.fenced() {
		return s.carryOutFenced()
	}
	for {
		s.Client.Notes = nil
		err := s.run()
		if !errors.Is(err, errAgain) {
			return err
		}
	}
}

// errAgain says that a store was lost before the client has seen anything.
var errAgain = errors.New("store lost, begin anew")

// scatter is a Scatter that is being carried out.
type scatter struct {
	*Client
	*Scatter
	fix    []byte
	failed []bool // stores that failed in the course of it
	last   error  // why the last one did
	begun  bool   // the client has got some of the answer
	legs   []leg
	bound  int64 // how many rows each store was asked for; 0: all
	whole  bool  // a bound has not done
	// chosen, unless nil, gets the frames of the answer in the client's place.
	chosen func(frames []byte, a *protocol.Answer, deprecateEOF bool) error
	survey *fence.Survey // nil at the level seed
	sure   bool          // what has been read counts

	parts [][][][]byte // the stores' warnings

	copies copies
}

// run tries to carry it out with the stores that have not failed.
func (s *scatter) run() error {
	stores := s.usable()
	if len(stores) == 0 {
		return unreachable(s.last)
	}
	if len(stores) > 1 && s.Keys != nil {
		stores = s.ownersOf(stores, s.Keys)
	}
	if len(stores) == 1 && s.chosen == nil && !s.AtHome && s.Locks == nil {
		next, err := s.onStore(stores[0], s.Req, true, !s.set.live(stores[0]))
		if next {
			return s.lose(stores[0], err)
		}
		return err
	}
	return s.runOn(stores)
}

// runAt is run with the given stores.
func (s *scatter) runAt(stores []int) error {
	if s.Keys != nil {
		stores = s.ownersOf(stores, s.Keys)
	}
	return s.runOn(stores)
}

func (s *scatter) runOn(stores []int) error {
	s.bound = 0
	switch {
	case s.chosen != nil, s.Learn != nil, s.AtHome, s.Locks != nil: // one store runs the whole
		return s.copy(stores)
	case s.Rows != nil:
		return s.rows(stores)
	case s.Count:
		return s.count(stores)
	}
	return s.copy(stores)
}

// tableSchema is what is known of a table; where nothing is, the error is what
// the stores say of the table.
func (s *scatter) tableSchema(t Table) (*schema, error) {
	sc, err := s.schema(t)
	if err == nil {
		return sc, nil
	}
	var refused *protocol.Error
	_, why := s.set.Query(s.ctx, "", "SELECT "+quoteName(t.Key)+" FROM "+t.quoted()+" LIMIT 0")
	if errors.As(why, &refused) && refused.Code != protocol.ErrUnknown {
		return nil, refused
	}
	return nil, err
}

// usable are the stores that can be asked: the live ones, and if there is none,
// all.
func (s *scatter) usable() (list []int) {
	for _, force := range []bool{false, true} {
		for i := range s.set.stores {
			if !s.failed[i] && (force || s.live(i) || s.pinned[i] != nil) {
				list = append(list, i)
			}
		}
		if len(list) > 0 {
			break
		}
	}
	return list
}

// owner is the first store of key's order that is among stores.
func (s *scatter) owner(stores []int, key []byte, fold func([]byte) []byte) int {
	if fold != nil {
		key = fold(key)
	}
	s.set.place.Order(s.order, key)
	for _, i := range s.order {
		if slices.Contains(stores, int(i)) {
			return int(i)
		}
	}
	return -1
}

// ownersOf are the owners of the given keys, which are folded already.
func (s *scatter) ownersOf(stores []int, keys [][]byte) []int {
	var list []int
	for _, key := range keys {
		if i := s.owner(stores, key, nil); !slices.Contains(list, i) {
			list = append(list, i)
		}
	}
	slices.Sort(list)
	return list
}

// lose notes that a store has failed.
func (s *scatter) lose(i int, err error) error {
	s.failed[i], s.last = true, err
	return errAgain
}

// isBinary reports whether the rows of req come in the binary protocol.
func isBinary(req Request) bool {
	b, ok := req.(BinaryRows)
	return ok && b.BinaryRows()
}

// conclude ends the statement, of which the client has got the status.
func (s *scatter) conclude(status protocol.Status) error {
	s.out.Status = status & persistent
	s.settle()
	return nil
}

// status is that of a store's answer as the client is to see it.
func (s *scatter) status(of protocol.Status) protocol.Status {
	flags := s.txnStatus()
	if flags != 0 {
		flags |= of & protocol.StatusInTransReadonly
	}
	const txn = protocol.StatusInTrans | protocol.StatusInTransReadonly
	of = of&^(txn|protocol.StatusMoreResults|protocol.StatusCursorExists) | flags
	if s.More {
		of |= protocol.StatusMoreResults
	}
	return of
}
