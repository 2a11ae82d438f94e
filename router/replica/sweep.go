package replica

import (
	"errors"
	"time"

	"github.com/dsmproxy/dsmproxy/protocol"
)

// A DELETE or UPDATE of records whose stores differ is carried out in batches.
// The keys that it concerns are known, or asked of every live store first. The
// keys of a batch have the same first live store, whose affected rows count:
// each record is counted once, by the copy that decides. All other live stores
// get the batch too, so that no copy stays behind wherever it lies. A store
// that is down gets the batches when it returns; they keep the statement's
// condition, so that a record that has changed since stays.

// Sweep is such a statement.
type Sweep struct {
	Table Table
	// Keys are the keys, if they are known; Select finds them otherwise, in
	// hexadecimal, in its first column.
	Keys   [][]byte
	Select Request
	// Batch makes the statement for a list of keys, given as literals between
	// commas. sql is its text for a store that is down; "" if it needs
	// parameters.
	Batch func(keys []byte) (req Request, sql string, done func())
	// Limit bounds the number of records; negative for no bound.
	Limit int
	// FixTime: give it one time everywhere.
	FixTime bool
	// Fold brings a key as a store has it to the form that is placed; nil if
	// that is the same.
	Fold func(key []byte) []byte
}

// placed is the form of a key that is placed and locked.
func (w *Sweep) placed(key []byte) []byte {
	if w.Fold == nil {
		return key
	}
	return w.Fold(key)
}

// sweepBatch is how many records are locked and written at a time.
const sweepBatch = 250

// maxSwept bounds what one store may answer to Select, in bytes.
const maxSwept = 64 << 20

// Sweep carries w out and answers with the number of records written.
func (c *Client) Sweep(w *Sweep) error {
	affected, warnings, err := c.sweep(w)
	if err != nil {
		return err
	}
	if err := c.settle(); err != nil {
		return err
	}
	c.frame.Answer().AffectedRows = affected
	return c.writeOK(protocol.OK{AffectedRows: affected, Warnings: warnings})
}

func (c *Client) writeOK(ok protocol.OK) error {
	if c.More {
		c.out.Status |= protocol.StatusMoreResults
		defer func() { c.out.Status &^= protocol.StatusMoreResults }()
	}
	return c.out.WriteOK(ok)
}

func (c *Client) sweep(w *Sweep) (affected uint64, warnings uint16, err error) {
	var fix []byte
	if w.FixTime {
		fix = appendTimestamp([]byte{byte(protocol.ComQuery)}, time.Now())
	}
	keys := w.Keys
	if keys == nil {
		if keys, err = c.collect(w, fix); err != nil {
			return 0, 0, err
		}
	}
	if w.Limit >= 0 && len(keys) > w.Limit {
		keys = keys[:w.Limit]
	}
	sc, err := c.schema(w.Table)
	if err != nil {
		return 0, 0, err
	}
	for first, group := range c.byFirst(w, keys) {
		for len(group) > 0 {
			n := min(len(group), sweepBatch)
			a, err := c.sweepBatch(w, sc, first, group[:n], fix)
			if err != nil {
				return affected, warnings, err
			}
			affected += a.AffectedRows
			warnings += a.Warnings
			group = group[n:]
		}
	}
	return affected, warnings, nil
}

// collect asks every live store for the keys and returns each once.
func (c *Client) collect(w *Sweep, fix []byte) ([][]byte, error) {
	if _, err := c.toAll(w.Select, fix); err != nil {
		return nil, err
	}
	seen := make(map[string]bool)
	var keys [][]byte
	var refused *protocol.Error
	answered := 0
	for i := range c.copies {
		cp := &c.copies[i]
		frames, err := c.readFixed(cp, w.Select, fix != nil)
		switch {
		case err != nil:
			if err := c.lostOne(cp, err); err != nil {
				return nil, err
			}
			continue
		case cp.answer.Err != nil:
			if refused == nil {
				refused = cp.answer.Err
			}
		default:
			answered++
			found, err := firstColumn(frames, &cp.answer, c.Login.Capabilities.Has(protocol.ClientDeprecateEOF), w.Select)
			if err != nil {
				c.dropUnread()
				return nil, err
			}
			for _, key := range found {
				if !seen[string(key)] {
					seen[string(key)] = true
					keys = append(keys, key)
				}
			}
		}
		c.finishCopy(cp)
	}
	switch {
	case refused != nil:
		return nil, refused
	case answered == 0:
		return nil, unreachable(nil)
	}
	return keys, nil
}

// byFirst groups keys by the first live store of their order.
func (c *Client) byFirst(w *Sweep, keys [][]byte) map[int][][]byte {
	groups := make(map[int][][]byte)
	for _, key := range keys {
		c.set.place.Order(c.order, w.placed(key))
		first := int(c.order[0])
		for _, i := range c.order {
			if c.set.live(int(i)) {
				first = int(i)
				break
			}
		}
		groups[first] = append(groups[first], key)
	}
	return groups
}

// sweepBatch writes the records of keys at all stores; the answer of store
// first counts.
func (c *Client) sweepBatch(w *Sweep, sc *schema, first int, keys [][]byte, fix []byte) (protocol.Answer, error) {
	for _, key := range keys {
		if err := c.lockKey(w.placed(key)); err != nil {
			c.unlockKeys()
			return protocol.Answer{}, err
		}
	}
	defer c.unlockKeys()
	var list []byte
	for i, key := range keys {
		if i > 0 {
			list = append(list, ',')
		}
		list = append(list, sc.keyLiteral(key)...)
	}
	req, sql, done := w.Batch(list)
	defer done()
	down, err := c.toAll(req, fix)
	if err != nil {
		return protocol.Answer{}, err
	}
	var counts *copyOf
	for i := range c.copies {
		cp := &c.copies[i]
		if _, err := c.readFixed(cp, req, fix != nil); err != nil {
			down = append(down, cp.store)
			if err := c.lostOne(cp, err); err != nil {
				return protocol.Answer{}, err
			}
			continue
		}
		if counts == nil || cp.store == first {
			counts = cp
		}
		c.finishCopy(cp)
	}
	switch {
	case counts == nil:
		return protocol.Answer{}, unreachable(nil)
	case counts.answer.Err != nil:
		return protocol.Answer{}, c.refusedAt(counts)
	}
	if sql != "" {
		for _, i := range down {
			c.set.remember(i, missed{c.state, sql})
		}
	}
	return counts.answer, nil
}

// refusedAt is the error that a copy has answered with; it ends the
// transaction if it ended that store's.
func (c *Client) refusedAt(cp *copyOf) error {
	refused := cp.answer.Err
	if refused.Code == protocol.ErrLockDeadlock && c.InTxn() {
		c.Rollback()
	}
	return refused
}

// toAll sends a request to all live stores, whose connections are in c.copies
// then, and returns the others.
func (c *Client) toAll(req Request, fix []byte) (down []int, err error) {
	c.copies = c.copies[:0]
	for i := range c.set.stores {
		if !c.set.live(i) && c.pinned[i] == nil {
			down = append(down, i)
			continue
		}
		conn, err := c.acquire(i, true, false)
		switch {
		case err == nil:
			c.copies = append(c.copies, copyOf{store: i, conn: conn, sent: true})
		case c.ctx.Err() != nil:
			c.releaseCopies()
			return nil, c.aborted()
		case !storeFailed(err):
			c.releaseCopies()
			return nil, err
		default:
			down = append(down, i)
		}
	}
	for i := range c.copies {
		cp := &c.copies[i]
		if err := c.sendOne(cp.conn, req, fix); err != nil {
			var refused *protocol.Error
			if errors.As(err, &refused) { // it can't be prepared
				c.dropUnread()
				return nil, refused
			}
			if err := c.lostOne(cp, err); err != nil {
				return nil, err
			}
			down = append(down, cp.store)
		}
	}
	return down, nil
}

// lostOne drops a copy whose store failed. In a transaction that is its end.
func (c *Client) lostOne(cp *copyOf, err error) error {
	inTxn := c.InTxn()
	if cp.conn != nil {
		c.drop(cp.store, cp.conn)
		cp.conn = nil
	}
	switch {
	case c.ctx.Err() != nil:
		c.dropUnread()
		return c.aborted()
	case inTxn:
		c.dropUnread()
		return c.fail(err)
	}
	return nil
}

// readFixed reads the answer of one copy, which stays in its connection's
// memory, and those of the statements around it.
func (c *Client) readFixed(cp *copyOf, req Request, fixed bool) ([]byte, error) {
	if cp.conn == nil {
		return nil, errors.New("connection lost while sending")
	}
	if fixed {
		if err := c.skip(cp.conn); err != nil {
			return nil, err
		}
	}
	if _, err := cp.conn.Await(); err != nil {
		return nil, err
	}
	c.scratch.Reset(req.Answer(), c.Login.Capabilities.Has(protocol.ClientDeprecateEOF), 1)
	frames, err := cp.conn.Read(&c.scratch, maxSwept)
	if err != nil {
		return nil, err
	}
	cp.answer = *c.scratch.Answer()
	if fixed {
		frames = append([]byte(nil), frames...)
		if err := c.skip(cp.conn); err != nil {
			return nil, err
		}
	}
	cp.read = true
	return frames, nil
}
