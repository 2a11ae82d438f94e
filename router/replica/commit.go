package replica

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/dsmproxy/dsmproxy/protocol"
	"github.com/dsmproxy/dsmproxy/router/store"
)

// COMMIT goes to the stores one after the other, in the order in which they
// joined. If the first refuses, the others roll back. Once one may have
// committed there is no way back: the others are made equal to those that have,
// record by record, before anybody else may write these. What has no copy at a
// store that has committed is lost with its store, or is not: the client gets
// an error that says so. So that this is rare, no store commits if one is known
// to be lost by then that has something alone.

// errDuringCommit is the number of the error for a COMMIT whose outcome is not
// what the client wants, or unknown.
const errDuringCommit = 1180

// outcome is how a COMMIT went.
type outcome struct {
	committed []int
	behind    []int // stores that were lost, or refused after another's commit
	sent      bool  // one of those may have committed
	last      error
}

// Commit commits at all stores that have joined. It answers nothing.
func (c *Client) Commit() error {
	if len(c.txn.parts) > 0 {
		return c.fencedCommit()
	}
	defer c.unshield(c.shield())
	if c.gone() {
		c.Rollback()
		return c.aborted()
	}
	members := c.members()
	if lost := c.lostAlone(members); lost >= 0 {
		return c.fail(fmt.Errorf("store %s was lost before COMMIT", c.set.stores[lost].Name()))
	}
	var o outcome
	for _, i := range members {
		conn := c.pinned[i]
		_, err := conn.Exec(c.ctx, commitSQL)
		if err == nil {
			o.committed = append(o.committed, i)
			c.unpin(i)
			continue
		}
		var refused *protocol.Error
		if errors.As(err, &refused) && len(o.committed) == 0 && !o.sent {
			c.unpin(i)
			c.Rollback()
			return refused
		}
		o.sent = o.sent || store.MayHaveRun(err)
		o.behind, o.last = append(o.behind, i), err
		c.drop(i, conn)
		if c.set.live(i) {
			c.kill(conn, true) // it may be there still, with its row locks
		}
	}
	if len(o.committed) == 0 && len(o.behind) > 0 && !o.sent {
		return c.fail(o.last)
	}
	if len(o.committed) > 0 {
		for _, m := range c.txn.missed {
			c.set.remember(m.store, m.missed)
		}
		c.txn.missed = nil
	}
	defer c.ended()
	if len(o.behind) == 0 {
		return nil
	}
	return c.recommit(&o)
}

// lostAlone is a store that is lost before anything is committed, though
// something that the transaction has written is there alone; -1 for none.
func (c *Client) lostAlone(members []int) int {
	if len(members) < 2 {
		return -1 // which its COMMIT finds
	}
	everywhere := len(c.txn.alone) == 0 && !slices.ContainsFunc(c.txn.writes, func(w written) bool {
		return slices.ContainsFunc(members, func(i int) bool { return !slices.Contains(w.stores, i) })
	})
	if everywhere {
		return -1
	}
	var lost []int
	for _, i := range members {
		if !c.pinned[i].Alive() {
			lost = append(lost, i)
		}
	}
	if len(lost) == 0 {
		return -1
	}
	gone := func(i int) bool { return slices.Contains(lost, i) || !slices.Contains(members, i) }
	for _, w := range c.txn.writes {
		if !slices.ContainsFunc(w.stores, func(i int) bool { return !gone(i) }) {
			return lost[0]
		}
	}
	if slices.ContainsFunc(c.txn.alone, gone) {
		return lost[0]
	}
	return -1
}

// recommit gives the records of a transaction that did not reach some of their
// stores to those, or to others in their place, from a store that committed
// them. It holds the keys' locks.
func (c *Client) recommit(o *outcome) error {
	isBehind := func(i int) bool { return slices.Contains(o.behind, i) }
	unknown := slices.ContainsFunc(c.txn.alone, isBehind)
	m := mender{Client: c, conns: make(map[int]*store.Conn)}
	defer m.release()
	for _, w := range c.txn.writes {
		if !slices.ContainsFunc(w.stores, isBehind) {
			continue
		}
		from := slices.IndexFunc(w.stores, func(i int) bool { return slices.Contains(o.committed, i) })
		if from < 0 {
			unknown = true
			continue
		}
		m.mend(w, w.stores[from], o.behind)
	}
	if !unknown {
		return nil
	}
	var names []string
	for _, i := range o.behind {
		names = append(names, c.set.stores[i].Name())
	}
	what := "whether anything of the transaction is committed is unknown"
	if len(o.committed) > 0 {
		what = "what other stores have of the transaction is committed, the rest is unknown"
	}
	return protocol.Errorf(errDuringCommit, "dsmproxy: COMMIT has lost %s (%v): %s",
		strings.Join(names, ", "), o.last, what)
}

// mender makes copies equal on connections that have no part in the client's
// state.
type mender struct {
	*Client
	conns map[int]*store.Conn // by store; nil once lost
}

// conn is a connection to store i, nil if there is none.
func (m *mender) conn(i int) *store.Conn {
	conn, ok := m.conns[i]
	if !ok {
		var err error
		if conn, err = m.set.stores[i].Get(m.ctx, m.Login, nil, false); err != nil {
			m.set.log.Warn("copies left behind", "store", m.set.stores[i].Name(), "err", err)
			conn = nil
		}
		m.conns[i] = conn
	}
	return conn
}

// release gives the connections back.
func (m *mender) release() {
	for _, conn := range m.conns {
		if conn != nil {
			conn.Release()
		}
	}
}

// mend carries a record from store from to those of its stores that are behind,
// or to others in the place of those that are down. It is the best that can be
// done by then; what it can't do is logged.
func (m *mender) mend(w written, from int, behind []int) {
	missing := 0
	for _, i := range w.stores {
		if slices.Contains(behind, i) && !m.carryTo(from, i, w) {
			missing++
		}
	}
	m.set.place.Order(m.order, w.placed)
	for _, s := range m.order {
		if missing > 0 && !slices.Contains(w.stores, int(s)) && m.carryTo(from, int(s), w) {
			missing--
		}
	}
}

func (m *mender) carryTo(from, to int, w written) bool {
	src, dst := m.conn(from), m.conn(to)
	if src == nil || dst == nil {
		return false
	}
	err := m.carryAs(src, dst, w.table, w.key, true, false)
	if err == nil {
		return true
	}
	m.set.log.Warn("copy not made", "store", m.set.stores[to].Name(), "err", err)
	for _, i := range []int{from, to} { // which of them it was is not known
		m.conns[i].Discard()
		delete(m.conns, i)
	}
	return false
}
