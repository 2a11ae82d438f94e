package replica

import (
	"slices"

	"github.com/dsmproxy/dsmproxy/protocol"
	"github.com/dsmproxy/dsmproxy/router/store"
)

// Cursor is a cursor that a store has opened for a prepared statement. Its
// connection serves nothing else but the client's transaction, if that holds
// it too.
type Cursor struct {
	client *Client
	store  int
	conn   *store.Conn
}

// TakeCursor returns the cursor that the last statement has opened; nil if it
// has opened none.
func (c *Client) TakeCursor() *Cursor {
	cursor := c.opened
	c.opened = nil
	return cursor
}

// StmtID is the store's id of the cursor's statement.
func (k *Cursor) StmtID(st *store.Stmt) (uint32, error) { return k.conn.StmtID(k.client.ctx, st) }

// Fetch gives the client the next rows of a cursor. more is false when the
// cursor is gone.
func (c *Client) Fetch(k *Cursor, req Request) (more bool, err error) {
	if !slices.Contains(c.cursors, k) { // its connection was lost
		return false, &protocol.Error{Code: 1421, State: "HY000", Message: "The statement has no open cursor."}
	}
	if err := c.send(k.conn, req); err != nil {
		c.loseCursor(k)
		return false, err
	}
	c.resetFrame(protocol.AnswerRows, c.pinned[k.store] == k.conn)
	if _, err := k.conn.Relay(c.out.Conn(), &c.frame); err != nil {
		c.loseCursor(k)
		return false, cutOff(err)
	}
	c.answered()
	a := c.frame.Answer()
	if a.Err != nil || a.Status.Has(protocol.StatusLastRowSent) {
		c.CloseCursor(k)
		return false, nil
	}
	return true, nil
}

// CloseCursor gives a cursor's connection back.
func (c *Client) CloseCursor(k *Cursor) {
	i := slices.Index(c.cursors, k)
	if i < 0 {
		return
	}
	c.cursors = slices.Delete(c.cursors, i, i+1)
	if c.pinned[k.store] != k.conn {
		c.giveBack(k.conn)
	}
}

func (c *Client) loseCursor(k *Cursor) {
	c.cursors = slices.DeleteFunc(c.cursors, func(o *Cursor) bool { return o.conn == k.conn })
	c.drop(k.store, k.conn)
}

// hasCursor reports whether a cursor is open on conn, which is to be kept then.
func (c *Client) hasCursor(conn *store.Conn) bool {
	return slices.ContainsFunc(c.cursors, func(k *Cursor) bool { return k.conn == conn })
}

// opens notes a cursor that the answer of store i has opened.
func (c *Client) opens(i int, conn *store.Conn) {
	if !c.Cursor || !c.frame.Answer().Status.Has(protocol.StatusCursorExists) {
		return
	}
	conn.Taint() // COM_RESET_CONNECTION closes it, when the connection is given back
	c.opened = &Cursor{client: c, store: i, conn: conn}
	c.cursors = append(c.cursors, c.opened)
}
