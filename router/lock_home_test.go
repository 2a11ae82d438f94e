package router_test

import (
	"context"
	"database/sql"
	"testing"
)

// A lock that was taken while its home was down stays the only one of its name
// when that store returns; once it is released the name goes home.
func TestNamedLockWhileItsHomeReturns(t *testing.T) {
	h := start(t, 3, 2)
	home := int(h.order("lx")[0])
	d, g := h.conn(""), h.conn("")
	h.takesLock(g, "SELECT RELEASE_LOCK('other')", -1)
	h.down(home)
	h.takesLock(d, "SELECT GET_LOCK('LX', 0)", 1)
	if err := h.servers[home].Restart(context.Background()); err != nil {
		t.Fatal(err)
	}
	h.await("the store up", func() bool { return h.stores[home].State().String() == "up" })
	h.takesLock(g, "SELECT GET_LOCK('LX', 0)", 0)
	h.takesLock(g, "SELECT IS_FREE_LOCK('LX')", 0)
	h.takesLock(d, "SELECT RELEASE_LOCK('LX')", 1)
	h.takesLock(g, "SELECT GET_LOCK('LX', 0)", 1)
	var free int
	if err := h.direct[home].QueryRow("SELECT IS_FREE_LOCK('LX')").Scan(&free); err != nil || free != 0 {
		t.Errorf("the lock is not at its home again: free %d, %v", free, err)
	}
	h.takesLock(d, "SELECT GET_LOCK('LX', 0)", 0)
	if err := g.Close(); err != nil {
		t.Fatal(err)
	}
}

// takesLock checks the value of a lock function; -1 is NULL.
func (h *harness) takesLock(c *sql.Conn, query string, want int64) {
	h.t.Helper()
	var n sql.NullInt64
	if err := c.QueryRowContext(context.Background(), query).Scan(&n); err != nil {
		h.t.Fatalf("%s: %v", query, err)
	}
	if !n.Valid {
		n.Int64 = -1
	}
	if n.Int64 != want {
		h.t.Errorf("%s = %d, want %d", query, n.Int64, want)
	}
}

// The first GET_LOCK after a store has died finds another one.
func TestNamedLockRightAfterItsHomeDied(t *testing.T) {
	eachLevel(t, testNamedLockRightAfterItsHomeDied)
}

func testNamedLockRightAfterItsHomeDied(t *testing.T, level string) {
	h := startAt(t, level, 3, 2)
	home := int(h.order("lx")[0])
	c := h.conn("")
	h.takesLock(c, "SELECT GET_LOCK('lx', 0)", 1)
	h.takesLock(c, "SELECT RELEASE_LOCK('lx')", 1)
	h.down(home)
	h.takesLock(c, "SELECT GET_LOCK('lx', 0)", 1)
}
