package replica

import (
	"bytes"
	"errors"
	"math"
	"slices"
	"time"

	"github.com/dsmproxy/dsmproxy/protocol"
)

// A DELETE or UPDATE of records whose stores differ is carried out in batches
// (sweep_batch.go). The keys that it concerns are known, or asked of every live
// store first: of a DELETE, whose records go, a part at a time, so that what is
// held in memory is bounded.

// Sweep is such a statement.
type Sweep struct {
	Table Table
	// Keys are the keys, if they are known.
	Keys [][]byte
	// Select makes the statement that finds keys, limit at most, in hexadecimal
	// in its first column.
	Select func(limit uint64) (req Request, done func())
	// Batch makes the statement for a list of keys, given as literals between
	// commas. It is its own request until done is called.
	Batch func(keys []byte) (req Request, done func())
	// Judged, unless nil, is a statement that changes nothing and that a store
	// refuses if it would refuse the client's.
	Judged Request
	// Limit bounds the number of records; negative for no bound.
	Limit int64
	// Removes: its records are gone after it.
	Removes bool
	// Returns: it answers with rows (RETURNING), and InOrder: in that of Keys.
	Returns, InOrder bool
	// Nothing, of one that Returns, answers with the columns of its rows.
	Nothing Request
	// Truncates: it is a TRUNCATE, which is committed at once and does not tell
	// how many records it has removed.
	Truncates bool
	// FixTime: give it one time everywhere.
	FixTime bool
	// Fold brings a key as a store has it to the form that is placed; nil if
	// that is the same.
	Fold func(key []byte) []byte

	returned returned
}

// placed is the form of a key that is placed and locked.
func (w *Sweep) placed(key []byte) []byte {
	if w.Fold == nil {
		return key
	}
	return w.Fold(key)
}

// maxFound is how many keys a store is asked for at a time.
const maxFound = 20_000

// maxSwept bounds what one store may answer to Select, in bytes.
const maxSwept = 64 << 20

// swept is what has come out of a sweep.
type swept struct {
	affected uint64
	warnings uint16
	// changed is the sum over all copies: 0 means that no store found anything.
	changed uint64
	tells   updated
	notes   [][][]byte   // rows of SHOW WARNINGS, as far as they can be told
	parts   [][][][]byte // those of the batches
	killed  error        // why no further batch may follow; nil if one may
}

func (s *swept) add(o swept) {
	if o.parts == nil {
		o.parts = [][][][]byte{o.notes}
	}
	before := int(s.tells.matched)
	for _, notes := range o.parts {
		renumber(notes, func(row int) int { return before + row })
	}
	s.parts = append(s.parts, o.parts...)
	s.affected += o.affected
	s.warnings += o.warnings
	s.changed += o.changed
	s.tells.matched += o.tells.matched
	s.tells.changed += o.tells.changed
	s.killed = o.killed
}

// Sweep carries w out and answers with the number of records written.
func (c *Client) Sweep(w *Sweep) error {
	var sum swept
	err := c.undoable(func() (err error) {
		if w.Judged != nil {
			if err := c.judge(w.Judged); err != nil {
				return err
			}
		}
		sum, err = c.sweep(w)
		return err
	})
	if err != nil {
		return err
	}
	c.settle()
	if w.Returns {
		return c.returns(w, sum)
	}
	if w.Truncates {
		sum = swept{}
		if c.InTxn() {
			if err := c.Commit(); err != nil {
				return err
			}
		}
	}
	notes, same := mergeNotes(sum.parts, 1, c.set.mariaDB())
	sum.warnings -= uint16(same)
	c.frame.Answer().AffectedRows = sum.affected
	ok := protocol.OK{AffectedRows: sum.affected, Warnings: sum.warnings}
	if len(w.Keys) == 1 { // it was one part: LAST_INSERT_ID(expr)
		ok.InsertID = c.frame.Answer().InsertID
	}
	if !w.Removes {
		ok.Info = sum.tells.info(sum.warnings)
	}
	c.frame.Answer().Warnings = sum.warnings
	c.Notes = notes[:min(len(notes), maxNotes)]
	return c.writeOK(ok)
}

// returns answers with the rows of a sweep. Where there are none, a store says
// of what columns they are not.
func (c *Client) returns(w *Sweep, sum swept) error {
	if len(w.returned.parts) == 0 {
		return c.ReadAny(w.Nothing)
	}
	c.Notes = sum.notes[:min(len(sum.notes), maxNotes)]
	return c.writeReturned(&w.returned, isBinary(w.Nothing), sum.warnings)
}

// writeOK tells the client what a statement has done that the proxy itself
// answers.
func (c *Client) writeOK(ok protocol.OK) error {
	if c.InTxn() { // with autocommit off no BEGIN has said so
		c.out.Status |= c.txnStatus()
	}
	if c.More {
		c.out.Status |= protocol.StatusMoreResults
		defer func() { c.out.Status &^= protocol.StatusMoreResults }()
	}
	return c.out.WriteOK(ok)
}

// judge asks all stores what they say of a statement.
func (c *Client) judge(req Request) error {
	var refused *protocol.Error
	_, err := c.everywhere(&question{req: req, join: true}, func(cp *copyOf, _ []byte) error {
		if refused == nil {
			refused = cp.answer.Err
		}
		return nil
	})
	if err != nil {
		return err
	}
	c.releaseCopies()
	if refused != nil {
		return refused
	}
	return nil
}

func (c *Client) sweep(w *Sweep) (sum swept, err error) {
	var fix []byte
	if w.FixTime {
		fix = appendTimestamp([]byte{byte(protocol.ComQuery)}, time.Now())
	}
	sc, err := c.schema(w.Table)
	if err != nil {
		return sum, err
	}
	switch {
	case w.InOrder:
		return c.sweepInOrder(w, sc, fix)
	case w.Keys != nil && c.fenced():
		return c.fencedSweepKeys(w, sc, w.Keys, fix)
	case c.fenced():
		return c.fencedRounds(w, sc, fix)
	case w.Keys != nil:
		return c.sweepKeys(w, sc, w.Keys, fix)
	}
	for {
		limit := uint64(math.MaxUint64)
		if w.Removes {
			limit = maxFound
		}
		if w.Limit >= 0 {
			limit = min(limit, uint64(w.Limit)-sum.affected)
		}
		if limit == 0 {
			return sum, nil
		}
		keys, more, err := c.collect(w, limit, fix)
		if err != nil {
			return sum, err
		}
		if w.Limit >= 0 && uint64(len(keys)) > limit {
			keys, more = keys[:limit], true
		}
		round, err := c.sweepKeys(w, sc, keys, fix)
		sum.add(round)
		// What is left of a record where it does not belong is no record: with a
		// LIMIT, others take its place.
		if err != nil || !w.Removes || !more || round.changed == 0 {
			return sum, err
		}
		if sum.killed != nil {
			return sum, sum.killed
		}
	}
}

// sweepInOrder writes the records of the keys one by one.
func (c *Client) sweepInOrder(w *Sweep, sc *schema, fix []byte) (sum swept, err error) {
	run := c.sweepKeys
	if c.fenced() {
		run = c.fencedSweepKeys
	}
	for _, key := range w.Keys {
		out, err := run(w, sc, [][]byte{key}, fix)
		sum.add(out)
		if err != nil {
			return sum, err
		}
	}
	return sum, nil
}

// collect asks every live store for the keys and returns each once. more says
// that a store may have further ones.
func (c *Client) collect(w *Sweep, limit uint64, fix []byte) (keys [][]byte, more bool, err error) {
	req, done := w.Select(limit)
	defer done()
	seen := make(map[string]struct{})
	var refused *protocol.Error
	answered := 0
	_, err = c.everywhere(&question{req: req, fix: fix, join: true}, func(cp *copyOf, frames []byte) error {
		if cp.answer.Err != nil {
			if refused == nil {
				refused = cp.answer.Err
			}
			return nil
		}
		answered++
		found, err := firstColumn(frames, &cp.answer, c.Login.Capabilities.Has(protocol.ClientDeprecateEOF), req)
		if err != nil {
			return err
		}
		more = more || uint64(len(found)) >= limit
		for _, key := range found {
			if _, ok := seen[string(key)]; !ok {
				seen[string(key)] = struct{}{}
				keys = append(keys, key)
			}
		}
		return nil
	})
	if err != nil {
		return nil, false, err
	}
	c.releaseCopies()
	switch {
	case refused != nil:
		return nil, false, refused
	case answered == 0:
		return nil, false, unreachable(nil)
	}
	return keys, more, nil
}

// sweepKeys writes the records of the given keys. Two sweeps lock their keys in
// one order, so that neither waits for the other in a circle.
func (c *Client) sweepKeys(w *Sweep, sc *schema, keys [][]byte, fix []byte) (sum swept, err error) {
	groups := make([][]sweptKey, len(c.set.stores)) // by the first live store
	for _, key := range keys {
		at := c.firstLive(nil, w.placed(key))
		groups[at[0]] = append(groups[at[0]], sweptKey{key, at})
	}
	for first, group := range groups {
		slices.SortFunc(group, func(a, b sweptKey) int { return bytes.Compare(a.key, b.key) })
		for len(group) > 0 {
			if sum.killed != nil {
				return sum, sum.killed
			}
			n := min(len(group), sweepBatch)
			out, err := c.sweepBatch(w, sc, first, group[:n], fix)
			sum.add(out)
			if err != nil {
				return sum, err
			}
			group = group[n:]
		}
	}
	return sum, nil
}

// sweptKey is a key as the stores have it, and the stores of its record.
type sweptKey struct {
	key []byte
	at  []uint16
}

// undoable carries a statement out that is made of several. In a client's
// transaction, what they have written is undone if one of them fails.
func (c *Client) undoable(f func() error) error { return c.undoableBy(ownSavepoint, f) }

// undoableBy is undoable with a savepoint of another name, for one in the other.
func (c *Client) undoableBy(savepoint string, f func() error) error {
	if !c.InTxn() && c.state.Autocommit() {
		return f()
	}
	if err := c.Savepoint(savepoint, "SAVEPOINT "+savepoint); err != nil {
		return err
	}
	err := f()
	if err != nil {
		var refused *protocol.Error
		switch {
		case !errors.As(err, &refused):
			return err
		case c.endsTxn(refused.Code):
			if c.InTxn() {
				c.Rollback()
			}
			return err
		}
		if undo := c.RollbackTo(savepoint, "ROLLBACK TO "+savepoint); undo != nil {
			return undo
		}
	}
	if release := c.ReleaseSavepoint(savepoint, "RELEASE SAVEPOINT "+savepoint); release != nil {
		return release
	}
	return err
}

// ownSavepoint is set before the first part of such a statement.
const ownSavepoint = "dsmproxy_statement"
