package replica

import (
	"errors"
	"slices"
	"strconv"

	"github.com/dsmproxy/dsmproxy/protocol"
	"github.com/dsmproxy/dsmproxy/router/store"
)

// Change carries out a statement that changes the client's session state (SET,
// USE): on every connection that it holds, for those are not aligned again, and
// otherwise on any live store, which tells whether the
// statement is right. If it is, next is the client's state from then on; after
// is called with a connection that has it, before the client gets the answer.
func (c *Client) Change(req Request, next *store.Session, after func(conn *store.Conn) error) error {
	c.copies = c.copies[:0]
	for _, i := range c.members() {
		c.copies = append(c.copies, copyOf{store: i, conn: c.pinned[i], sent: true})
	}
	for i, conn := range c.kept {
		if conn != nil && conn != c.pinned[i] {
			c.copies = append(c.copies, copyOf{store: i, conn: conn, sent: true})
		}
	}
	if c.here && len(c.copies) > 1 {
		c.copies = c.copies[:1]
	}
	if len(c.copies) > 0 {
		_, err := c.changeAll(req, next, after)
		return err
	}
	var last error
	var tried uint64 // stores
	for _, force := range []bool{false, true} {
		for _, s := range c.rotation() {
			i := int(s)
			if c.set.live(i) == force && (!force || tried&(1<<i) != 0) {
				continue
			}
			tried |= 1 << i
			conn, err := c.acquire(i, false, force)
			if err == nil {
				c.copies = append(c.copies[:0], copyOf{store: i, conn: conn, sent: true})
				var answered bool
				if answered, err = c.changeAll(req, next, after); answered || c.ctx.Err() != nil {
					return err
				}
			} else if c.ctx.Err() != nil {
				return c.aborted()
			} else if !storeFailed(err) {
				return err
			}
			last = err
		}
	}
	return unreachable(last)
}

// ChangeHere carries out a statement that changes the client's session state in
// a way that only the connection knows which carries it out: after asks that
// one, and has the others Moved.
func (c *Client) ChangeHere(req Request, after func(conn *store.Conn) error) error {
	c.here = true
	defer func() { c.here = false }()
	return c.Change(req, c.state, after)
}

// Instead is what ChangeHere's after returns if its client is to be told Err in
// the place of the answer. The connection, and what the client has there, stay.
type Instead struct{ Err *protocol.Error }

func (e *Instead) Error() string { return e.Err.Error() }

// Hush has what f Changes be answered without warnings.
func (c *Client) Hush(f func() error) error {
	c.hush = true
	defer func() { c.hush = false }()
	return f()
}

// changeAll runs the statement on each of c.copies. answered is false if the
// first one's store was lost and another may be asked.
func (c *Client) changeAll(req Request, next *store.Session, after func(conn *store.Conn) error) (answered bool, err error) {
	inTxn := c.InTxn()
	for j := range c.copies {
		cp := &c.copies[j]
		err := c.send(cp.conn, req)
		if err == nil {
			err = c.readOne(&Write{Req: req}, cp, j == 0)
		}
		if err != nil {
			c.drop(cp.store, cp.conn)
			cp.conn = nil
			if inTxn {
				return true, c.fail(err)
			}
			return j > 0, err
		}
		if j == 0 {
			if cp.answer.Err != nil {
				break // the others keep the state that they have
			}
			if err := c.readNotes(cp.conn); err != nil {
				c.set.log.Warn("warnings not read", "store", c.set.stores[cp.store].Name(), "err", err)
			}
		}
		cp.conn.SetSession(next)
	}
	cp := &c.copies[0]
	if cp.answer.Err == nil || c.here { // some of it may have been done
		c.state = next
		if after != nil {
			err := after(cp.conn)
			var instead *Instead
			if errors.As(err, &instead) {
				err = nil
				if cp.answer.Err == nil {
					c.releaseCopies()
					return true, instead.Err
				}
			}
			if err != nil {
				c.drop(cp.store, cp.conn)
				cp.conn = nil
				return true, cutOff(err)
			}
		}
	}
	c.releaseCopies()
	if c.hush && cp.answer.Err == nil {
		return true, c.writeOK(protocol.OK{})
	}
	if _, err := c.out.Conn().Write(c.held); err != nil {
		return true, err
	}
	c.answered()
	return true, nil
}

// Prepare prepares st at a live store, or at store at unless that is negative,
// and gives the client its answer, with id in the place of the store's. With
// writes it is to be carried out in a transaction that may write, although the
// session's own default is READ ONLY.
func (c *Client) Prepare(req Request, st *store.Stmt, id uint32, at int, writes bool) error {
	p := &prepare{Request: req, client: c, id: id, writes: writes}
	order := c.rotation()
	if at >= 0 {
		order = []uint16{uint16(at)}
	}
	var last error
	var tried uint64 // stores
	for _, force := range []bool{false, true} {
		for _, s := range order {
			i := int(s)
			if c.set.live(i) == force && c.pinned[i] == nil && (!force || tried&(1<<i) != 0) {
				continue
			}
			tried |= 1 << i
			next, err := p.on(i, st, force)
			if !next {
				return err
			}
			last = err
		}
	}
	return unreachable(last)
}

// prepare is one COM_STMT_PREPARE.
type prepare struct {
	Request
	client *Client
	id     uint32
	writes bool
}

func (p *prepare) on(i int, st *store.Stmt, force bool) (next bool, err error) {
	c := p.client
	conn, err := c.acquire(i, false, force)
	if err != nil {
		if c.ctx.Err() != nil {
			return false, c.aborted()
		}
		return storeFailed(err), err
	}
	enlisted := c.pinned[i] == conn
	if p.writes {
		if err := c.writable(conn); err != nil {
			return c.readFailed(i, conn, err)
		}
	}
	if err := c.send(conn, p); err != nil {
		return c.readFailed(i, conn, err)
	}
	if _, err := conn.Await(); err != nil {
		return c.readFailed(i, conn, err)
	}
	c.resetFrame(protocol.AnswerPrepare, enlisted)
	c.frame.StmtID = p.id
	if n, err := conn.Relay(c.out.Conn(), &c.frame); err != nil {
		if n == 0 {
			return c.readFailed(i, conn, err)
		}
		c.drop(i, conn)
		return false, cutOff(err)
	}
	if a := c.frame.Answer(); a.Err == nil {
		conn.Adopt(st, a.StmtID)
	}
	c.out.Conn().SetSequence(c.frame.Seq())
	c.finish(i, conn)
	return false, nil
}

// Check brings a connection of some live store to the client's state, to learn
// whether that is possible (its database exists, say).
func (c *Client) Check() error {
	return c.Ask(func(*store.Conn) error { return nil })
}

// Holds reports whether the client holds store connections, which Change must
// tell of each change of state.
func (c *Client) Holds() bool {
	held := func(conn *store.Conn) bool { return conn != nil }
	return slices.ContainsFunc(c.pinned, held) || slices.ContainsFunc(c.kept, held)
}

// Defaults says what t's own defaults depend on.
func (c *Client) Defaults(t Table) Defaults { return c.set.Defaults(c.ctx, t) }

// Fresh forgets the last statement's answer.
func (c *Client) Fresh() {
	c.frame.Reset(protocol.AnswerResult, true, 0)
	c.Notes, c.noted, c.Learn, c.Waits = nil, nil, nil, Waits{}
	c.copies = c.copies[:0]
}

// readNotes asks for what the last statement on conn has to tell beside its
// answer, while it is still known there.
func (c *Client) readNotes(conn *store.Conn) error {
	a := c.frame.Answer()
	if a.Err != nil {
		return nil
	}
	if c.CountFound {
		rows, err := conn.Query(c.ctx, "SELECT FOUND_ROWS()")
		if err != nil {
			return err
		}
		if c.FoundRows, err = strconv.ParseUint(string(rows[0][0]), 10, 64); err != nil {
			return err
		}
	}
	if c.AskInsertID {
		rows, err := conn.Query(c.ctx, "SELECT LAST_INSERT_ID()")
		if err != nil {
			return err
		}
		if c.InsertID, err = strconv.ParseUint(string(rows[0][0]), 10, 64); err != nil {
			return err
		}
	}
	if a.Warnings == 0 || c.hasCursor(conn) {
		return nil
	}
	if c.noted != nil {
		c.Notes = c.noted
		return nil
	}
	var err error
	c.Notes, err = conn.Query(c.ctx, "SHOW WARNINGS")
	return err
}

// Failed reports whether the answer that was relayed last is an error.
func (c *Client) Failed() bool { return c.frame.Answer().Err != nil }

// Idle ends a statement that was answered with an error of the proxy's own.
func (c *Client) Idle(e *protocol.Error) {
	if !c.InTxn() {
		c.endOnce(e)
	}
	c.unlockKeys()
}
