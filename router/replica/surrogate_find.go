package replica

import (
	"context"
	"slices"

	"github.com/dsmproxy/dsmproxy/protocol"
	"github.com/dsmproxy/dsmproxy/router/store"
)

// A record that a statement names by another column than the key is found by
// asking all live stores. As for any read, what counts is what the first live
// store of a key's order has.

// Find is a question for the keys of records.
type Find struct {
	Table  Shared
	Column string
	Values []string // as SQL
	// Key, unless nil, is the key that the only record is thought to have: only
	// the first live store of its order is asked.
	Key []byte
}

// Find returns the keys of the records, each once, and the live stores that
// have no such record, not even a leftover.
func (c *Client) Find(w *Find) (keys [][]byte, without []int, err error) {
	sc, err := c.schema(w.Table.Table)
	if err != nil {
		return nil, nil, err
	}
	sql := "SELECT " + sc.key.exportHex() + " FROM " + w.Table.quoted() + " WHERE " + quoteName(w.Column) + " IN ("
	for i, v := range w.Values {
		if i > 0 {
			sql += ","
		}
		sql += v
	}
	req := command(append([]byte{byte(protocol.ComQuery)}, sql+")"...))
	found := make([][][]byte, len(c.set.stores))
	var asked []int
	if err := c.askAll(req, w.Key); err != nil {
		return nil, nil, err
	}
	for j := range c.copies {
		cp := &c.copies[j]
		frames, err := c.readFixed(cp, req, false)
		if err != nil {
			if err := c.lostOne(cp, err); err != nil {
				return nil, nil, err
			}
			continue
		}
		if refused := cp.answer.Err; refused != nil {
			c.dropUnread()
			c.releaseCopies()
			return nil, nil, refused
		}
		found[cp.store], err = firstColumn(frames, &cp.answer, c.Login.Capabilities.Has(protocol.ClientDeprecateEOF), req)
		if err != nil {
			c.dropUnread()
			c.releaseCopies()
			return nil, nil, err
		}
		asked = append(asked, cp.store)
		c.finishCopy(cp)
	}
	if len(asked) == 0 {
		return nil, nil, unreachable(nil)
	}
	for _, i := range asked {
		if len(found[i]) == 0 {
			without = append(without, i)
		}
		for _, key := range found[i] {
			if w.Table.Fold != nil {
				key = w.Table.Fold(key)
			}
			if c.firstOf(asked, key) == i && !slices.ContainsFunc(keys, func(k []byte) bool { return string(k) == string(key) }) {
				keys = append(keys, key)
			}
		}
	}
	return keys, without, nil
}

// askAll sends a question to all live stores, or the first one of a key. It
// brings none into the client's transaction.
func (c *Client) askAll(req Request, key []byte) error {
	c.copies = c.copies[:0]
	only := -1
	if key != nil {
		only = int(c.firstLive(nil, key)[0])
	}
	for i := range c.set.stores {
		if !c.set.live(i) && c.pinned[i] == nil || only >= 0 && i != only {
			continue
		}
		conn, err := c.acquire(i, false, false)
		switch {
		case err == nil:
			c.copies = append(c.copies, copyOf{store: i, conn: conn, sent: true})
		case c.ctx.Err() != nil:
			c.releaseCopies()
			return c.aborted()
		case !storeFailed(err):
			c.releaseCopies()
			return err
		}
	}
	for j := range c.copies {
		cp := &c.copies[j]
		if err := c.sendOne(cp.conn, req, nil); err != nil {
			if err := c.lostOne(cp, err); err != nil {
				return err
			}
		}
	}
	return nil
}

// firstOf is the first store of key's order that is among stores.
func (c *Client) firstOf(stores []int, key []byte) int {
	c.set.place.Order(c.order, key)
	for _, i := range c.order {
		if slices.Contains(stores, int(i)) {
			return int(i)
		}
	}
	return -1
}

// command is a request of the proxy's own.
type command []byte

// Queue implements Request.
func (r command) Queue(_ context.Context, conn *store.Conn) error { return conn.Queue(r) }

// Answer implements Request.
func (r command) Answer() protocol.AnswerKind { return protocol.AnswerResult }

// exportHex is an expression for a key's text in hexadecimal.
func (c column) exportHex() string {
	if c.numeric() || c.temporal() || c.typ == "enum" || c.typ == "set" {
		return "HEX(CAST(" + quoteName(c.name) + " AS CHAR))"
	}
	return "HEX(" + quoteName(c.name) + ")"
}

// OnOneOf carries a statement out on the first of some stores that can, for an
// answer that says that there is nothing.
func (c *Client) OnOneOf(stores []int, req Request) error {
	list := make([]uint16, len(stores))
	for i, s := range stores {
		list[i] = uint16(s)
	}
	return c.onFirst(list, req, true)
}

// Nothing answers a write that no store has to carry out, for there is no such
// record.
func (c *Client) Nothing() error {
	if err := c.settle(); err != nil {
		return err
	}
	return c.writeOK(protocol.OK{})
}
