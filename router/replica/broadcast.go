package replica

import (
	"errors"
	"fmt"
	"strings"

	"github.com/dsmproxy/dsmproxy/protocol"
)

// DDL is carried out on one store after the other, in the configured order, so
// that what the first refuses is done nowhere. What a later store refuses can't
// be undone at those before it: the client gets that error, with the names of
// the stores that have carried it out, and the log says so as well.
//
// A store that has refused only for now (a metadata lock, a KILL), or was lost
// in between, gets the statement again as one does that returns. One that says
// that it has been done there already is no reason to stop: so a statement that
// went halfway can be repeated.

// broadcast is one statement for all stores in the course of it.
type broadcast struct {
	*Client
	done    []int // stores that have carried it out
	down    []int // that are down, or were lost
	already []int // where it had been done before
	retry   []int // that have refused it for now
	refused []int // that have refused it for good
	never   []int // that were not asked then
	why     *protocol.Error
	last    error // of those in down
	answer  []byte
	rows    uint64 // sum of what the stores in done tell as affected
}

// Broadcast carries DDL out on every store. The first store that does decides
// what the client sees; a store that is down gets sql when it returns, unless
// that is "".
func (c *Client) Broadcast(req Request, sql string) error {
	if c.fenced() {
		return c.fencedBroadcast(req, sql)
	}
	if c.InTxn() {
		if err := c.Commit(); err != nil {
			return err
		}
	}
	defer c.unshield(c.whole())
	c.set.schemas.forget()
	defer c.set.schemas.forget()
	b := &broadcast{Client: c}
	if err := b.connect(); err != nil {
		return err
	}
	for i := range c.copies {
		b.at(&c.copies[i], req)
	}
	return b.end(sql)
}

// connect takes connections to all stores that live before any of them is
// asked: one that can't be had is an error that has changed nothing.
func (b *broadcast) connect() error {
	c := b.Client
	c.copies = c.copies[:0]
	for i := range c.set.stores {
		if c.set.behind(i) { // it has to run that first
			b.down = append(b.down, i)
			continue
		}
		conn, err := c.acquire(i, false, false)
		switch {
		case err == nil:
			c.copies = append(c.copies, copyOf{store: i, conn: conn})
		case c.ctx.Err() != nil:
			c.releaseCopies()
			return c.aborted()
		case !storeFailed(err):
			c.releaseCopies()
			return err
		default:
			b.down, b.last = append(b.down, i), err
		}
	}
	return nil
}

// at carries the statement out at one store, unless another has refused it.
func (b *broadcast) at(cp *copyOf, req Request) {
	if len(b.refused) > 0 {
		b.never = append(b.never, cp.store)
		b.finishCopy(cp)
		return
	}
	decides := len(b.done) == 0
	err := b.send(cp.conn, req)
	if err == nil {
		err = b.readOne(&Write{Req: req}, cp, decides)
	}
	var e *protocol.Error
	switch {
	case err == nil:
		if decides && cp.answer.Err == nil {
			if err := b.readNotes(cp.conn); err != nil {
				b.set.log.Warn("warnings not read", "store", b.set.stores[cp.store].Name(), "err", err)
			}
		}
		b.finishCopy(cp)
		e = cp.answer.Err
	case errors.As(err, &e): // it can't be prepared
		b.finishCopy(cp)
	default:
		b.drop(cp.store, cp.conn)
		cp.conn = nil
		b.down, b.last = append(b.down, cp.store), err
		return
	}
	switch {
	case e == nil:
		b.done = append(b.done, cp.store)
		b.rows += cp.answer.AffectedRows
		if decides {
			b.answer = append(b.answer[:0], b.held...)
		}
		return
	case isDone(e.Code):
		b.already = append(b.already, cp.store)
	case isTransient(e.Code) && len(b.done) > 0:
		b.retry = append(b.retry, cp.store)
	default:
		b.refused = append(b.refused, cp.store)
	}
	if b.why == nil || len(b.refused) > 0 {
		b.why = e
	}
}

// end answers the client.
func (b *broadcast) end(sql string) error {
	c := b.Client
	if b.why == nil && len(b.done) == 0 {
		if c.ctx.Err() != nil {
			return c.aborted()
		}
		return unreachable(b.last)
	}
	if len(b.refused) == 0 && sql != "" && (len(b.done) > 0 || len(b.already) > 0) {
		for _, i := range append(b.down, b.retry...) {
			c.set.remember(i, missed{state: c.state, req: ownText(sql), ddl: sql, done: func() {}})
		}
	}
	if b.why != nil {
		if len(b.done) == 0 {
			return b.why
		}
		return b.parted(sql != "")
	}
	if told, ok := b.counted(); ok {
		at := c.out.Conn().Sequence()
		c.answered()
		c.out.Conn().SetSequence(at)
		c.settle()
		return c.writeOK(told)
	}
	if _, err := c.out.Conn().Write(b.answer); err != nil {
		return err
	}
	c.answered()
	c.settle()
	return nil
}

// counted is the answer of an ALTER TABLE that tells how many records it has
// copied: each counts once, and has as many copies as there are to be.
func (b *broadcast) counted() (ok protocol.OK, is bool) {
	if b.rows == 0 || len(b.answer) < 4 {
		return ok, false
	}
	ok, _, is = protocol.ParseOK(b.answer[4:])
	_, rest, records := strings.Cut(ok.Info, "  ")
	if !is || !records || !strings.HasPrefix(ok.Info, "Records: ") {
		return ok, false
	}
	copies := uint64(min(b.set.copies, len(b.done)))
	ok.AffectedRows = (b.rows + copies - 1) / copies
	ok.Info = fmt.Sprintf("Records: %d  %s", ok.AffectedRows, rest)
	b.frame.Answer().AffectedRows = ok.AffectedRows
	return ok, true
}

// parted is the error of a statement that some stores have carried out and
// others not.
func (b *broadcast) parted(again bool) *protocol.Error {
	not := append(append([]int(nil), b.refused...), b.retry...)
	not = append(not, b.never...)
	if len(not) == 0 { // where it had been done before: they are equal now
		b.set.log.Warn("statement for all stores had been carried out on some",
			"done", b.names(b.done), "before", b.names(b.already), "code", b.why.Code)
		return b.because(fmt.Sprintf("dsmproxy: the statement was carried out on %s; %s had it already: %s",
			b.names(b.done), b.names(b.already), b.why.Message))
	}
	text := fmt.Sprintf("dsmproxy: the statement was carried out on %s but not on %s: %s",
		b.names(b.done), b.names(not), b.why.Message)
	action := "remove what the store refuses, then repeat the statement: the stores that have it already are passed over"
	if len(b.refused) == 0 && again {
		text += "; it will be tried there again"
		action = "none if it succeeds when it is tried again: see the next lines about this store"
	} else {
		text += "; remove the reason and repeat it, with IF [NOT] EXISTS where there is that"
	}
	b.set.log.Error("stores differ: statement for all was carried out on some only",
		"done", b.names(b.done), "not", b.names(not), "code", b.why.Code, "action", action)
	return b.because(text)
}

// because is the error that a store gave, with another text.
func (b *broadcast) because(text string) *protocol.Error {
	return &protocol.Error{Code: b.why.Code, State: b.why.State, Message: text}
}

func (b *broadcast) names(stores []int) string {
	var list []string
	for _, i := range stores {
		list = append(list, b.set.stores[i].Name())
	}
	return strings.Join(list, ", ")
}

// isDone says by which errors a store answers DDL that has been carried out
// there before.
func isDone(code uint16) bool {
	switch code {
	case 1007, 1008, // a database exists, or does not
		1050, 1051, // a table
		1060, 1061, 1091, // a column, an index; what is to be dropped
		1826, 1359, 1360: // a constraint, a trigger
		return true
	}
	return false
}

// isTransient says by which errors a store refuses DDL that it may carry out
// later.
func isTransient(code uint16) bool {
	return code == protocol.ErrLockDeadlock || code == protocol.ErrLockWaitTimeout || code == protocol.ErrQueryInterrupted
}

// Exists reports whether all live stores have a table, so that CREATE TABLE IF
// NOT EXISTS, which sql is, changes nothing there: web servers send it whenever
// they start. It ends a transaction as that does. Stores that are down get sql
// when they return.
func (c *Client) Exists(t Table, sql string) (bool, error) {
	q := &question{req: ownText("SELECT 1 FROM information_schema.TABLES WHERE TABLE_SCHEMA = " +
		schemaLiteral(t.Schema) + " AND TABLE_NAME = '" + escape(t.Name) + "'")}
	if c.fenced() {
		return c.fencedExists(q)
	}
	exists, down, err := c.existsAt(q)
	if err != nil || !exists || len(down) == len(c.set.stores) {
		return false, err
	}
	for _, i := range down {
		c.set.remember(i, missed{state: c.state, req: ownText(sql), ddl: sql, done: func() {}})
	}
	return true, nil
}

// existsAt ends a transaction and reports whether all stores of q that answer
// have a row for it, and which are down.
func (c *Client) existsAt(q *question) (exists bool, down []int, err error) {
	if c.InTxn() {
		if err := c.Commit(); err != nil {
			return false, nil, err
		}
	}
	exists = true
	down, err = c.everywhere(q, func(cp *copyOf, _ []byte) error {
		exists = exists && cp.answer.Err == nil && cp.answer.Rows > 0
		return nil
	})
	if err == nil {
		c.releaseCopies()
	}
	return exists, down, err
}
