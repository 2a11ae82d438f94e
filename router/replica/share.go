package replica

import "github.com/dsmproxy/dsmproxy/router/store"

// Shareable is a request that may be able to go by a connection that other
// clients use at the same time.
type Shareable interface {
	Request
	// Share returns the command, and the statement whose id belongs into it if it
	// executes one; nil if the request needs a connection of its own.
	Share() (payload []byte, st *store.Stmt)
}

// lanes are the shared connections for the client's session state, as they have
// been asked for, by store.
type lanes struct {
	state *store.Session
	of    []*store.Lanes
}

// ReadShared is Read for a statement that reads one record, leaves nothing
// behind in the connection and may be carried out twice: where it can, it goes
// by a connection that others share (see store.Lanes). Whatever comes between,
// it is carried out by Read then.
func (c *Client) ReadShared(t Table, key []byte, req Shareable) error {
	payload, st := req.Share()
	if payload == nil || !c.alone() {
		return c.Read(t, key, req, false)
	}
	if c.fenced() {
		return c.fencedShared(t, key, req, payload, st)
	}
	c.set.place.Order(c.order, key)
	if ls := c.firstLanes(); ls != nil {
		byLane := ls.Enter()
		defer ls.Leave()
		if byLane {
			if done, err := c.byLane(ls, payload, st, req); done {
				return err
			}
		}
	}
	return c.onFirst(c.order, req, true)
}

// firstLanes are the lanes of the first live store of the order; nil for none.
func (c *Client) firstLanes() *store.Lanes {
	for _, i := range c.order {
		if c.set.live(int(i)) {
			return c.lanesOf(int(i))
		}
	}
	return nil
}

// alone reports whether the running statement has nothing to do with others of
// its client: with a transaction, a connection that is kept, what is asked
// behind it.
func (c *Client) alone() bool {
	return len(c.txn.prefix) == 0 && !c.InTxn() && c.state.Autocommit() && !c.More && !c.Cursor &&
		!c.CountFound && !c.AskInsertID && c.Learn == nil && len(c.cursors) == 0 && !c.Holds()
}

// byLane has a store answer by a lane. done is false if the statement is to be
// carried out in another way, of which the client has noticed nothing then.
func (c *Client) byLane(ls *store.Lanes, payload []byte, st *store.Stmt, req Request) (done bool, err error) {
	a, err := ls.Read(c.wait, payload, st, req.Answer(), c.out.Conn().Sequence(), nil)
	if err != nil {
		return err != store.ErrLane, err
	}
	defer a.Done()
	if answer := a.Framer.Answer(); answer.Err == nil && answer.Warnings != 0 {
		return false, nil // they can be asked for behind the statement alone
	}
	c.frame = a.Framer
	if _, err := c.out.Conn().Write(a.Frames); err != nil {
		return true, err
	}
	c.answered()
	c.settle()
	return true, nil
}

func (c *Client) lanesOf(i int) *store.Lanes {
	if c.lanes.of == nil || c.lanes.state != c.state {
		c.lanes = lanes{c.state, make([]*store.Lanes, len(c.order))}
	}
	if ls := c.lanes.of[i]; ls == nil || ls.Forgotten() {
		c.lanes.of[i] = c.set.stores[i].Lanes(c.Login, c.state)
	}
	return c.lanes.of[i]
}
