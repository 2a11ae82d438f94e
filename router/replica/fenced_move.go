package replica

import (
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/dsmproxy/dsmproxy/protocol"
	"github.com/dsmproxy/dsmproxy/router/fence"
	"github.com/dsmproxy/dsmproxy/router/ledger"
	"github.com/dsmproxy/dsmproxy/router/store"
)

// An UPDATE that changes the key of a record, at the levels safe and strict. If
// both keys have one primary, it is one write of both records there. Else it is
// a transaction with a part at each:
//
//	the old key's primary                    the new key's primary
//	the record, locked            ->         is put there, beside what is there
//	                                         the client's UPDATE
//	                                         what was there of the old key, again
//	DELETE of the record
//	                                         COMMIT
//	COMMIT
//
// So the new key's primary decides, and refuses a duplicate; and a crash between
// the COMMITs leaves two records, never none. The first COMMIT notes what the
// second is to delete, and whoever finds the note later does so
// (fenced_moving.go). They are copied afterwards, each as what its own primary
// has: nothing brings the old key back later.

// fencedMove carries w, whose Keys are the old key and the new one, out.
func (c *Client) fencedMove(w *Write) error { return c.fencedAcross(w, c.moveApart) }

// fencedAcross carries w, which concerns the records of two keys, out: as one
// write, if they have one primary, else by apart, which does all but the COMMITs.
// own says that w is a transaction of its own.
func (c *Client) fencedAcross(w *Write, apart func(w *Write, own bool) error) error {
	if err := c.copyable(w.Table); err != nil {
		return err
	}
	if c.onePrimary(w.Keys) {
		if err := c.fencedWrite(w); !errors.Is(err, ErrApart) {
			return err
		}
	}
	if c.within() {
		err := apart(w, false)
		if err == nil {
			return c.giveHeld()
		}
		return c.moveRefused(err)
	}
	defer c.unshield(c.whole())
	begin := c.ownBegin()
	for began := time.Now(); ; {
		begin()
		err := apart(w, true)
		if err == nil {
			if err = c.Commit(); err == nil {
				return c.giveHeld()
			}
			return err
		}
		c.Rollback()
		if !errors.Is(err, fence.ErrRestart) || time.Since(began) > c.set.group.Patience() || c.wait.Err() != nil {
			return c.moveRefused(err)
		}
		c.pauseStart()
	}
}

// errAnswered: the statement has its answer, and has changed nothing.
var errAnswered = errors.New("the statement has changed nothing")

// moveRefused is what a client is told of a move that has not been made.
func (c *Client) moveRefused(err error) error {
	var refused *protocol.Error
	switch {
	case errors.Is(err, errAnswered):
		return c.giveHeld()
	case c.ctx.Err() != nil:
		return c.aborted()
	case errors.As(err, &refused) && !errors.Is(err, fence.ErrRestart):
		c.settle()
		return refused
	}
	return c.fenceError(err)
}

// moveApart does all but the COMMITs. The answer is in c.held then.
func (c *Client) moveApart(w *Write, own bool) error {
	list, err := c.fenceKeys(w.Table, w.Keys)
	if err != nil {
		return err
	}
	list = slices.Clone(list)
	from, to, err := c.movesBetween(list)
	if err != nil {
		return err
	}
	sc, err := c.schema(w.Table)
	if err != nil {
		return err
	}
	old := w.spelled()[0]
	src, err := c.moveConn(from)
	if err != nil {
		return err
	}
	rows, err := moveRows(c, src, sc, old)
	if err != nil {
		return err
	}
	if len(rows) == 0 {
		return c.moveNothing(w, from, list[:1], own)
	}
	if err := c.tellable(w, from, list[:1]); err != nil {
		return err
	}
	dst, err := c.moveConn(to)
	if err != nil {
		return err
	}
	beside, err := moveRows(c, dst, sc, old)
	if err == nil {
		err = c.install(dst, sc.installImage(old, rows), false)
	}
	if err != nil {
		return lostPart(err)
	}
	done, err := c.moveRun(w, to, own)
	if err != nil {
		return err
	}
	if done { // IGNORE passes a duplicate over, which some clients' affected rows count
		left, err := moveRows(c, dst, sc, old)
		if err != nil {
			return err
		}
		done = len(left) == 0
	}
	if err := c.install(dst, sc.installImage(old, beside), false); err != nil {
		return lostPart(err)
	}
	if !done { // it has told of both records
		if err := c.txn.partAt(to).txn.Read(c.ctx, repeated{&c.fencing.stmt}, list[1:]); err != nil {
			return err
		}
		return errAnswered
	}
	if err := c.install(src, sc.installImage(old, nil), false); err != nil {
		return lostPart(err)
	}
	if err := c.noteMove(src, dst, list); err != nil {
		return err
	}
	c.txn.partAt(from).wrote(list[:1])
	c.txn.partAt(to).wrote(list[1:])
	return nil
}

// tellable sees to it that a record which the transaction has locked at its primary
// may be told. It comes before the other store's copy of it is locked, which
// may have to be brought up to date for that, by another connection.
func (c *Client) tellable(w *Write, from int, list []fence.Key) error {
	s := c.fencing.stmt.begin(c, w.Req, w)
	return c.txn.partAt(from).txn.Read(c.ctx, repeated{s}, list)
}

// partsOf opens the transaction's parts at the stores of both keys, which differ.
func (c *Client) partsOf(list []fence.Key) (from, to int, err error) {
	p, err := c.part(list[:1])
	if err != nil {
		return 0, 0, err
	}
	from = p.txn.Store()
	if p, err = c.part(list[1:]); err != nil {
		return 0, 0, err
	}
	if to = p.txn.Store(); to == from {
		return 0, 0, fence.ErrRestart
	}
	return from, to, nil
}

// movesBetween is partsOf for a move.
func (c *Client) movesBetween(list []fence.Key) (from, to int, err error) {
	if from, to, err = c.partsOf(list); err != nil {
		return 0, 0, err
	}
	if !c.txn.commitsFirst(to, from) {
		return 0, 0, notFenced("a transaction that moves records both ways between two stores, by UPDATEs of their keys,")
	}
	return from, to, nil
}

// moveConn is the transaction's connection to a store.
func (c *Client) moveConn(i int) (*store.Conn, error) {
	conn, err := c.hold(i, true)
	return conn, lostPart(err)
}

// moveRows reads a record and locks it.
func moveRows(c *Client, conn *store.Conn, sc *schema, key []byte) ([][][]byte, error) {
	rows, err := conn.Query(c.ctx, sc.selectImage(key)+" FOR UPDATE")
	return rows, lostPart(err)
}

// lostPart is err, that of a deadlock unless a store has said it.
func lostPart(err error) error {
	var refused *protocol.Error
	if err == nil || errors.As(err, &refused) {
		return err
	}
	return fmt.Errorf("%w: %w", fence.ErrRestart, err)
}

// moveNothing has the old key's primary say that there is no such record.
func (c *Client) moveNothing(w *Write, from int, list []fence.Key, own bool) error {
	done, err := c.moveRun(w, from, own)
	if err != nil {
		return err
	}
	if done {
		return fence.ErrRestart
	}
	s := &c.fencing.stmt
	if err := c.txn.partAt(from).txn.Read(c.ctx, repeated{s}, list); err != nil {
		return err
	}
	return errAnswered
}

// moveRun runs the client's statement at a store. done: it has moved the record.
func (c *Client) moveRun(w *Write, at int, own bool) (done bool, err error) {
	s := c.fencing.stmt.begin(c, w.Req, w)
	s.kind, s.keep = ledger.Within, true
	c.inner = own
	err = s.run(c.ctx, c.set.stores[at])
	c.inner = false
	switch {
	case err != nil:
		return false, lostPart(err)
	case s.refused != nil:
		return false, s.refused
	}
	if err := s.ask(); err != nil {
		return false, err
	}
	a := c.frame.Answer()
	if a.Err != nil && c.endsTxn(a.Err.Code) {
		c.Rollback()
		return false, a.Err
	}
	return a.Err == nil && a.AffectedRows > 0, nil
}

// partAt is the part at a store that has one.
func (t *txn) partAt(store int) *fencedPart {
	at := slices.IndexFunc(t.parts, func(p fencedPart) bool { return p.txn.Store() == store })
	return &t.parts[at]
}

// commitsFirst has the part at one store committed before that at another. It
// is false if that contradicts what was asked for before.
func (t *txn) commitsFirst(first, then int) bool {
	if t.before(then, first) {
		return false
	}
	if pair := [2]int{first, then}; !slices.Contains(t.firsts, pair) {
		t.firsts = append(t.firsts, pair)
	}
	return true
}

// before reports whether the part at a must be committed before that at b.
func (t *txn) before(a, b int) bool {
	for _, pair := range t.firsts { // they make no circle
		if pair[0] == a && (pair[1] == b || t.before(pair[1], b)) {
			return true
		}
	}
	return false
}

// order brings the parts into the order in which they are committed.
func (t *txn) order() {
	slices.SortFunc(t.parts, func(a, b fencedPart) int { return a.txn.Store() - b.txn.Store() })
	for i := range t.parts {
		for j := i + 1; j < len(t.parts); j++ {
			if t.before(t.parts[j].txn.Store(), t.parts[i].txn.Store()) {
				t.parts[i], t.parts[j] = t.parts[j], t.parts[i]
				j = i // from the beginning
			}
		}
	}
}
