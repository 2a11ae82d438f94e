package replica

import (
	"context"
	"slices"
	"strconv"

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

// Find returns the keys of the records, each once, as they are placed and as the
// stores have them, and the live stores that have no such record, not even a
// leftover.
func (c *Client) Find(w *Find) (keys, spelled [][]byte, without []int, err error) {
	if c.fenced() {
		return c.fencedFind(w)
	}
	req, err := c.findRequest(w)
	if err != nil {
		return nil, nil, nil, err
	}
	found := make([][][]byte, len(c.set.stores))
	var asked []int
	var refused *protocol.Error
	_, err = c.everywhere(&question{req: req, only: w.Key}, func(cp *copyOf, frames []byte) (err error) {
		if cp.answer.Err != nil {
			refused = cp.answer.Err
			return nil
		}
		asked = append(asked, cp.store)
		found[cp.store], err = firstColumn(frames, &cp.answer, c.Login.Capabilities.Has(protocol.ClientDeprecateEOF), req)
		return err
	})
	if err != nil {
		return nil, nil, nil, err
	}
	c.releaseCopies()
	switch {
	case refused != nil:
		return nil, nil, nil, refused
	case len(asked) == 0:
		return nil, nil, nil, unreachable(nil)
	}
	for _, i := range asked {
		if len(found[i]) == 0 {
			without = append(without, i)
		}
		for _, key := range found[i] {
			placed := key
			if w.Table.Fold != nil {
				placed = w.Table.Fold(key)
			}
			if c.firstOf(asked, placed) == i && !slices.ContainsFunc(spelled, func(k []byte) bool { return string(k) == string(key) }) {
				keys, spelled = append(keys, placed), append(spelled, key)
			}
		}
	}
	return keys, spelled, without, nil
}

// findRequest asks for the keys.
func (c *Client) findRequest(w *Find) (Request, error) {
	sc, err := c.schema(w.Table.Table)
	if err != nil {
		return nil, err
	}
	sql := "SELECT " + sc.key.exportHex() + " FROM " + w.Table.quoted() + " WHERE " + quoteName(w.Column) + " IN ("
	for i, v := range w.Values {
		if i > 0 {
			sql += ","
		}
		sql += v
	}
	return command(append([]byte{byte(protocol.ComQuery)}, sql+")"...)), nil
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
	if c.fenced() {
		return c.fencedNone(stores, req)
	}
	list := make([]uint16, len(stores))
	for i, s := range stores {
		list[i] = uint16(s)
	}
	return c.onFirst(list, req, true)
}

// Nothing answers a write that no store has to carry out, for there is no such
// record; updates says whether it is an UPDATE.
func (c *Client) Nothing(updates bool) error {
	info := ""
	if updates {
		info = updated{}.info(0)
	}
	return c.nothing(info)
}

// NothingInserted answers an INSERT ... SELECT that has found no row.
func (c *Client) NothingInserted() error { return c.nothing("Records: 0  Duplicates: 0  Warnings: 0") }

func (c *Client) nothing(info string) error {
	*c.frame.Answer() = protocol.Answer{}
	c.settle()
	return c.writeOK(protocol.OK{Info: info})
}

// PassedOver answers a write that has written nothing because of why, which is
// a warning.
func (c *Client) PassedOver(why *protocol.Error) error {
	*c.frame.Answer() = protocol.Answer{Warnings: 1}
	c.Notes = [][][]byte{{[]byte("Warning"), strconv.AppendUint(nil, uint64(why.Code), 10), []byte(why.Message)}}
	c.settle()
	return c.writeOK(protocol.OK{Warnings: 1})
}

// Has reports whether there is a record, at the store that a read of it asks.
func (c *Client) Has(t Table, key []byte) (bool, error) {
	sc, err := c.schema(t)
	if err != nil {
		return false, err
	}
	req := command(append([]byte{byte(protocol.ComQuery)}, "SELECT 1 FROM "+t.quoted()+" WHERE "+sc.keyIs("", key)...))
	there := false
	if c.fenced() {
		err = c.askPrimaries(t, [][]byte{key}, &question{req: req}, func([]int) { there = false }, func(cp *copyOf, _ []byte) error {
			there = cp.answer.Rows > 0
			return nil
		})
		return there, err
	}
	_, err = c.everywhere(&question{req: req, only: key}, func(cp *copyOf, _ []byte) error {
		there = there || cp.answer.Rows > 0
		return nil
	})
	if err == nil {
		c.releaseCopies()
	}
	return there, err
}

// NumberIndex is the unique index of t's AUTO_INCREMENT column alone; "" if
// there is none.
func (c *Client) NumberIndex(t Table) string {
	sc, err := c.schema(t)
	if err != nil {
		return ""
	}
	return sc.autoIndex
}
