package replica

import (
	"bytes"
	"encoding/hex"
	"slices"
	"strings"
	"sync/atomic"

	"github.com/dsmproxy/dsmproxy/protocol"
)

// The keys of a batch have the same first live store, which decides: its
// affected rows count, so that each record is counted once, however many
// sweeps run at the same time. All other live stores get the batch too, so that
// no copy stays behind wherever it lies. A store that is down gets the batches
// when it returns; they keep the statement's condition, so that a record that
// has changed since stays.
//
// Where a store's answer shows that a copy may differ from the deciding one (it
// was refused, or changed fewer records than it has copies of), the records are
// carried over.

// sweepBatch is how many records are locked and written at a time.
const sweepBatch = 250

// batch is one in the course of a sweep.
type batch struct {
	*Sweep
	schema *schema
	keys   []sweptKey
	fix    []byte
	// decides is the copy whose answer counts.
	decides *copyOf
	// got takes a store's answer.
	got func(cp *copyOf, frames []byte) error
}

// sweepBatch writes the records of keys at all stores; the answer of store
// first counts.
func (c *Client) sweepBatch(w *Sweep, sc *schema, first int, keys []sweptKey, fix []byte) (out swept, err error) {
	for _, k := range keys {
		if err := c.lockKey(w.placed(k.key)); err != nil {
			c.unlockKeys()
			return out, err
		}
	}
	defer c.unlockKeys()
	inTxn := c.InTxn() || !c.state.Autocommit()
	if inTxn {
		c.enroll()
	} else {
		defer c.unshield(c.whole())
	}
	req, done := w.Batch(sc.keyList(keys))
	finished := done
	defer func() { finished() }()
	b := &batch{Sweep: w, schema: sc, keys: keys, fix: fix}
	info := make(sweptInfo)
	b.got = info.note
	var rows map[int][]byte // by store
	if w.Returns {
		rows = make(map[int][]byte)
		b.got = func(cp *copyOf, frames []byte) error {
			cp.answer.AffectedRows = cp.answer.Rows
			rows[cp.store] = bytes.Clone(frames)
			return nil
		}
	}
	down, err := c.everywhere(&question{req: req, fix: fix, join: true}, b.got)
	if err != nil {
		return out, err
	}
	if c.victim.Load() {
		for i := range c.copies {
			if err := c.sacrificed(c.copies[i].answer.Err); err != nil {
				return out, err
			}
		}
	}
	if !inTxn {
		out.killed = c.interrupted()
		defer c.unshield(c.shield())
		if err := c.again(b, req); err != nil {
			return out, err
		}
	}
	for i := range c.copies {
		cp := &c.copies[i]
		if cp.conn == nil {
			continue
		}
		if b.decides == nil || cp.store == first {
			b.decides = cp
		}
		if cp.answer.Err != nil && inTxn {
			refused := cp.answer.Err
			c.releaseCopies()
			return out, refused
		}
		out.changed += cp.answer.AffectedRows
	}
	if b.decides == nil {
		return out, unreachable(nil)
	}
	answer := b.decides.answer
	out.tells = info[b.decides.store]
	if w.Returns && answer.Err == nil {
		if err := w.returned.add(rows[b.decides.store]); err != nil {
			c.releaseCopies()
			return out, err
		}
	}
	if answer.Err == nil && answer.Warnings > 0 {
		if out.notes = b.decides.notes; out.notes == nil {
			out.notes, _ = b.decides.conn.Query(c.ctx, "SHOW WARNINGS") // a lost connection is found next
		}
	}
	err = c.mendBatch(b)
	c.releaseCopies()
	switch {
	case answer.Err != nil:
		return out, answer.Err
	case err != nil:
		return out, err
	}
	if len(down) > 0 {
		left := new(atomic.Int32)
		left.Store(int32(len(down)))
		finished = func() {}
		again := &shared{Request: req}
		for _, i := range down {
			c.misses(i, missed{state: c.state, req: again, done: func() {
				if left.Add(-1) == 0 {
					done()
				}
			}})
		}
	}
	if inTxn {
		for _, k := range keys {
			c.txn.writes = append(c.txn.writes, written{table: w.Table, key: k.key, placed: w.placed(k.key), stores: intsOf(k.at)})
		}
	}
	out.affected, out.warnings = answer.AffectedRows, answer.Warnings
	return out, nil
}

// again repeats the batch where it was the victim of a deadlock with another
// proxy's, and so has changed nothing.
func (c *Client) again(b *batch, req Request) error {
	for i := range c.copies {
		cp := &c.copies[i]
		for range maxRepairs {
			if cp.conn == nil || cp.answer.Err == nil || cp.answer.Err.Code != protocol.ErrLockDeadlock {
				break
			}
			cp.read = false
			err := c.sendFixed(cp.conn, req, b.fix)
			if err == nil {
				var frames []byte
				if frames, err = c.readFixed(cp, req, b.fix != nil); err == nil {
					err = b.got(cp, frames)
				}
			}
			if err != nil {
				if err := c.lostOne(cp, err); err != nil {
					return err
				}
			}
		}
	}
	return nil
}

// mendBatch makes copies equal to those of the deciding store where they may
// differ.
func (c *Client) mendBatch(b *batch) error {
	a := b.decides.answer
	kept, exact := b.keys, b.schema.keyUnique && a.Err == nil
	if b.Removes && exact {
		kept = nil
		if a.AffectedRows < uint64(len(b.keys)) {
			var err error
			if kept, err = c.present(b); err != nil {
				return c.mendFailed(b.decides, err)
			}
		}
		if err := c.removeLeft(b, kept); err != nil {
			return err
		}
	}
	for i := range c.copies {
		cp := &c.copies[i]
		if cp == b.decides || cp.conn == nil {
			continue
		}
		own := keysAt(kept, cp.store)
		differs := a.Err != nil || cp.answer.Err != nil || b.Removes && cp.answer.AffectedRows > 0
		if !b.Removes && exact && a.AffectedRows == uint64(len(b.keys)) {
			differs = differs || cp.answer.AffectedRows < uint64(len(own))
		}
		if !differs {
			continue
		}
		for _, k := range own {
			if err := c.carry(b.decides.conn, cp.conn, b.Table, k.key); err != nil {
				if err := c.mendFailed(cp, err); err != nil {
					return err
				}
				break
			}
		}
	}
	return nil
}

// mendFailed is the end of a transaction; outside one, the copy stays behind.
func (c *Client) mendFailed(cp *copyOf, err error) error {
	if c.InTxn() || c.ctx.Err() != nil {
		return c.fail(err)
	}
	c.set.log.Warn("copies left behind", "store", c.set.stores[cp.store].Name(), "err", err)
	if storeFailed(err) {
		c.drop(cp.store, cp.conn)
		cp.conn = nil
	}
	return nil
}

// present are the keys of the batch whose records the deciding store has.
func (c *Client) present(b *batch) (kept []sweptKey, err error) {
	rows, err := b.decides.conn.Query(c.ctx, "SELECT "+b.schema.key.exportHex()+" FROM "+b.schema.table.quoted()+
		" WHERE "+b.schema.keyIn(b.keys)+" LIMIT 18446744073709551615")
	if err != nil {
		return nil, err
	}
	there := make(map[string]bool, len(rows))
	for _, row := range rows {
		key, err := hex.AppendDecode(nil, row[0])
		if err != nil {
			return nil, errOddRow
		}
		there[string(b.placed(key))] = true
	}
	for _, k := range b.keys {
		if there[string(b.placed(k.key))] {
			kept = append(kept, k)
		}
	}
	return kept, nil
}

// removeLeft removes the copies of records that the deciding store does not
// have from stores where some did not fulfil the condition. kept is a part of
// the batch's keys, in their order.
func (c *Client) removeLeft(b *batch, kept []sweptKey) error {
	var gone []sweptKey
	for _, k := range b.keys {
		if len(kept) > 0 && string(kept[0].key) == string(k.key) {
			kept = kept[1:]
			continue
		}
		gone = append(gone, k)
	}
	if len(gone) == 0 {
		return nil
	}
	for i := range c.copies {
		cp := &c.copies[i]
		if cp == b.decides || cp.conn == nil ||
			cp.answer.Err == nil && cp.answer.AffectedRows >= uint64(len(keysAt(gone, cp.store))) {
			continue
		}
		if _, err := cp.conn.Exec(c.ctx, "DELETE FROM "+b.schema.table.quoted()+" WHERE "+b.schema.keyIn(gone)); err != nil {
			if err := c.mendFailed(cp, err); err != nil {
				return err
			}
		}
	}
	return nil
}

// keysAt are those of the keys whose records should have a copy at store i.
func keysAt(keys []sweptKey, i int) (list []sweptKey) {
	for _, k := range keys {
		if slices.Contains(k.at, uint16(i)) {
			list = append(list, k)
		}
	}
	return list
}

// keyList are keys as literals between commas.
func (s *schema) keyList(keys []sweptKey) []byte {
	var list []byte
	for i, k := range keys {
		if i > 0 {
			list = append(list, ',')
		}
		list = append(list, s.keyLiteral(k.key)...)
	}
	return list
}

// keyIn is the condition that the key is one of some.
func (s *schema) keyIn(keys []sweptKey) string {
	var b strings.Builder
	b.WriteString(quoteName(s.key.name) + " IN (")
	b.Write(s.keyList(keys))
	b.WriteByte(')')
	return b.String()
}
