package replica

import (
	"errors"
	"slices"
	"strings"
	"time"

	"github.com/dsmproxy/dsmproxy/protocol"
	"github.com/dsmproxy/dsmproxy/router/ledger"
)

// DDL on a session table is carried out, at the levels safe and strict, on every
// store that is up or joins, one after the other; it is done when all of them
// have done it and the view has not changed meanwhile. A store that does not
// answer is waited for until it does or is excluded. One that is excluded gets
// the statement when it is back, from this proxy's memory (backlog.go), and its
// tables are compared with the others' before it joins (ledger.Match).
//
// As long as stores differ, records are not copied between them: the writes of
// all clients wait for the DDL. Other proxies may go by what the table was like
// for a little longer, so the client gets its answer that much later.

const (
	ddlPatience = 20 * time.Second // for stores that don't answer, or refuse for now
	ddlPause    = 100 * time.Millisecond
)

// fencedBroadcast is Broadcast.
func (c *Client) fencedBroadcast(req Request, sql string) error {
	if c.InTxn() {
		if err := c.Commit(); err != nil {
			return err
		}
	}
	defer c.unshield(c.whole())
	c.set.schemas.forget()
	defer c.set.schemas.forget()
	defer c.set.ledger.Forget()
	b := &broadcast{Client: c}
	members, err := b.throughout(req)
	if err != nil {
		return err
	}
	if len(b.refused) == 0 && len(b.done)+len(b.already) > 0 {
		for i := range c.set.stores {
			if sql != "" && !slices.Contains(members, i) {
				c.set.remember(i, missed{state: c.state, req: ownText(sql), ddl: sql, done: func() {}})
			}
		}
		c.set.ledger.Forget()
		if isDrop(sql) {
			if err := c.set.ledger.Clear(c.ctx, members); err != nil {
				c.set.log.Warn("versions of a table that was dropped are left", "err", err,
					"action", "none: they are removed when a store joins")
			}
		} else if c.set.group.OthersLive() {
			c.sleep(ledger.ShapeLife + ledger.ShapeLife/10)
		}
	}
	return b.end(sql)
}

// throughout carries it out at all members. What is left undone in the end is in
// b.down and b.retry.
func (b *broadcast) throughout(req Request) (members []int, err error) {
	c := b.Client
	c.copies = c.copies[:0]
	begun := time.Now()
	var up []int // from the beginning
	for i := range c.set.stores {
		if c.set.group.IsUp(i) {
			up = append(up, i)
		}
	}
	for {
		m, err := c.set.group.Members(c.wait)
		if err != nil && len(b.done) == 0 {
			return nil, c.fenceError(err)
		}
		b.down, b.retry = b.down[:0], b.retry[:0]
		if len(b.refused) == 0 {
			b.why = nil
		}
		for _, i := range m.Stores {
			if slices.Contains(b.done, i) || slices.Contains(b.already, i) {
				continue
			}
			b.one(i, req)
			if !slices.Contains(up, i) {
				b.matched(i)
			}
			if len(b.done) == 0 && len(b.already) == 0 && len(b.down) > 0 {
				break // what the first would refuse is done nowhere
			}
		}
		switch {
		case len(b.refused) > 0:
			return m.Stores, nil
		case err == nil && len(b.down)+len(b.retry) == 0 && c.set.group.Last(c.ctx, m):
			return m.Stores, nil
		case time.Since(begun) > ddlPatience || c.wait.Err() != nil:
			return m.Stores, nil
		}
		c.sleep(ddlPause)
	}
}

// matched takes a store that joins, and has it already, for one that has carried
// it out, if others have: its tables were made as theirs are (ledger.Match).
func (b *broadcast) matched(i int) {
	if n := len(b.already) - 1; n >= 0 && b.already[n] == i && len(b.done) > 0 {
		b.already, b.done = b.already[:n], append(b.done, i)
		if n == 0 && len(b.refused)+len(b.retry) == 0 {
			b.why = nil
		}
	}
}

// one carries it out at one store.
func (b *broadcast) one(i int, req Request) {
	conn, err := b.acquire(i, false, true)
	switch {
	case err == nil:
		b.at(&copyOf{store: i, conn: conn}, req)
	case storeFailed(err) || len(b.done) > 0:
		b.down, b.last = append(b.down, i), err
	default:
		var e *protocol.Error
		errors.As(err, &e)
		b.refused, b.why = append(b.refused, i), e
	}
}

// sleep waits unless the statement is to end.
func (c *Client) sleep(d time.Duration) {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
	case <-c.wait.Done():
	}
}

func isDrop(sql string) bool {
	words := strings.Fields(sql)
	return len(words) > 0 && strings.EqualFold(words[0], "drop")
}

// fencedExists is Exists.
func (c *Client) fencedExists(q *question) (bool, error) {
	m, err := c.set.group.Members(c.wait)
	if err != nil {
		return false, c.fenceError(err)
	}
	q.at = m.Stores
	exists, down, err := c.existsAt(q)
	return err == nil && exists && len(down) == 0, err
}
