package replica

import (
	"github.com/dsmproxy/dsmproxy/router/store"
)

// A statement can change its client's session state in a way that only the
// connection knows that carried it out: @n := @n + 1. It is asked there, and
// the other connections that the client holds are told.

// learn calls Learn. What it fails to learn, the client can't be told any more.
func (c *Client) learn(i int, conn *store.Conn) error {
	if c.Learn == nil {
		return nil
	}
	if err := c.Learn(conn); err != nil {
		c.drop(i, conn)
		return cutOff(err)
	}
	return nil
}

// Moved notes that the client's session state is next from now on, which conn
// has already, and brings all other connections that the client holds to it. A
// conn of nil has them all brought to it.
func (c *Client) Moved(conn *store.Conn, next *store.Session) error {
	c.state = next
	if conn != nil {
		conn.SetSession(next)
	}
	for _, held := range [][]*store.Conn{c.pinned, c.kept} {
		for i, other := range held {
			if other == nil || other == conn {
				continue
			}
			if err := other.Align(c.ctx, next); err != nil {
				c.drop(i, other)
				return cutOff(err)
			}
		}
	}
	return nil
}

// Ask calls f with a connection that has the client's session state, of any
// live store.
func (c *Client) Ask(f func(conn *store.Conn) error) error {
	for i, conn := range c.pinned {
		if conn != nil {
			return c.asked(i, conn, f)
		}
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
				err = c.asked(i, conn, f)
			}
			if c.ctx.Err() != nil {
				return c.aborted()
			}
			if err == nil || !storeFailed(err) {
				return err
			}
			last = err
		}
	}
	return unreachable(last)
}

// asked calls f with the connection of store i, and gives it back.
func (c *Client) asked(i int, conn *store.Conn, f func(conn *store.Conn) error) error {
	inTxn := c.InTxn()
	err := f(conn)
	if err == nil || !storeFailed(err) {
		c.finish(i, conn)
		return err
	}
	c.drop(i, conn)
	if inTxn && c.ctx.Err() == nil {
		return c.fail(err)
	}
	return err
}

// PrepareText has a store, or store at unless that is negative, check a
// statement that is to be prepared by SQL.
func (c *Client) PrepareText(st *store.Stmt, noBackslash bool, at int, writes bool) error {
	check := func(conn *store.Conn) error {
		if writes {
			if err := c.writable(conn); err != nil {
				return err
			}
		}
		return conn.PrepareText(c.ctx, st, noBackslash)
	}
	if at < 0 {
		return c.Ask(check)
	}
	conn, err := c.acquireAt(at)
	if err != nil {
		return err
	}
	return c.asked(at, conn, check)
}

// UserVarNames asks a connection which user variables it has; nothing if the
// store has no way to tell.
func (c *Client) UserVarNames(conn *store.Conn) (names []string) {
	for _, sql := range []string{
		"SELECT VARIABLE_NAME FROM information_schema.USER_VARIABLES", // MariaDB
		"SELECT VARIABLE_NAME FROM performance_schema.user_variables_by_thread WHERE THREAD_ID=PS_CURRENT_THREAD_ID()",
	} {
		rows, err := conn.Query(c.ctx, sql)
		if err != nil {
			continue
		}
		for _, row := range rows {
			names = append(names, string(row[0]))
		}
		break
	}
	return names
}

// UserVars asks a connection for user variables.
func (c *Client) UserVars(conn *store.Conn, names []string) ([]store.UserVar, error) {
	return conn.UserVars(c.ctx, names)
}

// Exec runs a statement of the proxy's own on a connection.
func (c *Client) Exec(conn *store.Conn, sql string) error {
	_, err := conn.Exec(c.ctx, sql)
	return err
}

// Run runs a statement of the proxy's own on the connection that Keep keeps at
// store i.
func (c *Client) Run(i int, sql string) error {
	conn := c.kept[i]
	if conn == nil {
		return nil // lost, and with it what it held
	}
	if _, err := conn.Exec(c.ctx, sql); err != nil {
		c.drop(i, conn)
		return err
	}
	return nil
}
