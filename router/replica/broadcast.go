package replica

// Broadcast carries DDL out on every store. The first store that answers
// decides what the client sees; a store that is down gets sql when it returns,
// unless that is "".
func (c *Client) Broadcast(req Request, sql string) error {
	if c.InTxn() {
		if err := c.Commit(); err != nil {
			return err
		}
	}
	defer c.unshield(c.whole())
	c.set.schemas.forget()
	defer c.set.schemas.forget()
	c.set.numbers.forget()
	c.copies = c.copies[:0]
	var down []int
	var last error
	for i := range c.set.stores {
		conn, err := c.acquire(i, false, false)
		if err == nil {
			err = c.send(conn, req)
			if err != nil {
				c.drop(i, conn)
			}
		}
		switch {
		case err == nil:
			c.copies = append(c.copies, copyOf{store: i, conn: conn, sent: true})
		case c.ctx.Err() != nil:
			c.dropUnread()
			return c.aborted()
		case !storeFailed(err):
			c.dropUnread()
			return err
		default:
			down, last = append(down, i), err
		}
	}
	answered := false
	for i := range c.copies {
		cp := &c.copies[i]
		if err := c.readOne(&Write{Req: req}, cp, !answered); err != nil {
			c.drop(cp.store, cp.conn)
			down, last = append(down, cp.store), err
			continue
		}
		c.finishCopy(cp)
		if e := cp.answer.Err; e != nil && answered && c.frame.Answer().Err == nil {
			c.set.log.Warn("store differs on a statement for all stores",
				"store", c.set.stores[cp.store].Name(), "err", e)
		}
		answered = true
	}
	switch {
	case c.ctx.Err() != nil:
		return c.aborted()
	case !answered:
		return unreachable(last)
	}
	if c.frame.Answer().Err == nil && sql != "" {
		for _, i := range down {
			c.set.remember(i, missed{state: c.state, req: ownText(sql), ddl: sql, done: func() {}})
		}
	}
	if _, err := c.out.Conn().Write(c.held); err != nil {
		return err
	}
	c.answered()
	c.settle()
	return nil
}

// Exists reports whether all live stores have a table, so that CREATE TABLE IF
// NOT EXISTS, which sql is, changes nothing there: web servers send it whenever
// they start. It ends a transaction as that does. Stores that are down get sql
// when they return.
func (c *Client) Exists(t Table, sql string) (bool, error) {
	if c.InTxn() {
		if err := c.Commit(); err != nil {
			return false, err
		}
	}
	exists := true
	down, err := c.everywhere(&question{req: ownText("SELECT 1 FROM information_schema.TABLES WHERE TABLE_SCHEMA = " +
		schemaLiteral(t.Schema) + " AND TABLE_NAME = '" + escape(t.Name) + "'")}, func(cp *copyOf, _ []byte) error {
		exists = exists && cp.answer.Err == nil && cp.answer.Rows > 0
		return nil
	})
	if err != nil {
		return false, err
	}
	c.releaseCopies()
	if !exists || len(down) == len(c.set.stores) {
		return false, nil
	}
	for _, i := range down {
		c.set.remember(i, missed{state: c.state, req: ownText(sql), ddl: sql, done: func() {}})
	}
	return true, nil
}
