package router_test

import (
	"sync"
	"testing"

	"github.com/go-mysql-org/go-mysql/client"
)

// A statement whose wait for a lock ends with 1205 leaves its transaction as it
// was, or ends it at all stores if the servers are configured so.
func TestLockWaitTimeout(t *testing.T) {
	for _, option := range []string{"--innodb-rollback-on-timeout=0", "--innodb-rollback-on-timeout=1"} {
		t.Run(option, func(t *testing.T) {
			t.Parallel()
			h := startBefore(t, installed.Start(t, 3, option), 2, -1)
			single := installed.Start(t, 1, option)[0]
			h.wire(single.Addr(), "", true, "CREATE DATABASE app", schema)
			o := h.order("k2")
			at := func(i uint16) string { return h.servers[i].Addr() }
			for _, holder := range []struct{ name, proxy string }{
				{"the proxy", h.addr}, {"the first copy", at(o[0])},
			} {
				for i, query := range []string{
					"UPDATE sessions SET n = 6 WHERE id = 'k2'",
					"DELETE FROM sessions WHERE id = 'k2'",
					"SELECT n FROM sessions WHERE id = 'k2' FOR UPDATE",
					"?UPDATE sessions SET n = 6 WHERE id = ? <- k2",
					"INSERT INTO sessions (id) VALUES ('k2') ON DUPLICATE KEY UPDATE n = 6",
					"INSERT INTO sessions (id) VALUES ('k1'), ('k2'), ('k3') ON DUPLICATE KEY UPDATE n = 6",
					"UPDATE sessions SET n = 6",
					"DELETE FROM sessions WHERE id IN ('k1', 'k2', 'k3')",
				} {
					begin := []string{"BEGIN", "SET autocommit=0"}[i%2]
					trace := func(c, other *client.Conn) (list []string) {
						run := func(c *client.Conn, sql string) { list = append(list, sql+" -> "+seen(c, sql)) }
						run(c, "DELETE FROM sessions")
						run(c, "INSERT INTO sessions (id, n) VALUES ('k1', 1), ('k2', 1), ('k3', 1)")
						run(c, "SET SESSION innodb_lock_wait_timeout=1")
						run(other, "BEGIN")
						run(other, "SELECT n FROM sessions WHERE id = 'k2' FOR UPDATE")
						run(c, begin)
						run(c, "UPDATE sessions SET n = 5 WHERE id = 'k1'")
						run(c, query)
						run(c, "SELECT n FROM sessions WHERE id = 'k1'")
						run(c, "COMMIT")
						run(other, "ROLLBACK")
						run(c, "SELECT n FROM sessions WHERE id = 'k1'")
						run(c, "SELECT n FROM sessions WHERE id = 'k2'")
						run(c, "COMMIT")
						return list
					}
					app := func(addr string) *client.Conn { return h.wire(addr, "app", true) }
					var got, want []string
					conns := []*client.Conn{app(h.addr), app(holder.proxy), app(single.Addr()), app(single.Addr())}
					var wg sync.WaitGroup
					wg.Go(func() { got = trace(conns[0], conns[1]) })
					wg.Go(func() { want = trace(conns[2], conns[3]) })
					wg.Wait()
					for i := range got {
						if got[i] != want[i] {
							t.Errorf("%s, %s, locked by %s\n\tgot  %s\n\twant %s", begin, query, holder.name, got[i], want[i])
						}
					}
					for _, key := range []string{"k1", "k2", "k3"} {
						h.holders(key, h.order(key)[:2]...)
					}
				}
			}
		})
	}
}

// Where only the second copy's wait ends so, its first one is undone with the
// transaction, of which the client learns.
func TestLockWaitTimeoutOfACopy(t *testing.T) {
	h := start(t, 3, 2)
	o := h.order("k")
	db := h.open("")
	h.exec(db, "INSERT INTO sessions (id, n) VALUES ('k', 1), ('l', 1)")
	tx, err := h.direct[o[1]].Begin()
	if err != nil {
		t.Fatal(err)
	}
	defer tx.Rollback()
	h.exec(tx, "SELECT n FROM app.sessions WHERE id = 'k' FOR UPDATE")
	for _, begin := range []string{"BEGIN", "SET autocommit=0"} {
		c := h.conn("")
		h.exec(c, "SET innodb_lock_wait_timeout=1")
		h.exec(c, begin)
		h.exec(c, "UPDATE sessions SET n = 2 WHERE id = 'l'")
		h.fails(1213, c, "UPDATE sessions SET n = 2 WHERE id = 'k'")
		h.exec(c, "COMMIT")
		h.holders("k", o[0], o[1])
		h.shows(db, "1", "SELECT n FROM sessions WHERE id = 'l'")
	}
}

// A transaction whose snapshot is lost with its store ends with 1213, and one
// that has begun without a store does not go to it when that returns.
func TestSnapshotIsLostWithItsStore(t *testing.T) {
	h := start(t, 3, 2)
	db := h.open("")
	h.exec(db, "INSERT INTO sessions (id, n) VALUES ('k', 1)")
	first := int(h.order("k")[0])
	for i, begin := range []string{"BEGIN", "START TRANSACTION WITH CONSISTENT SNAPSHOT", "SET autocommit=0"} {
		c := h.conn("")
		h.exec(db, "REPLACE INTO sessions (id, n) VALUES ('k', 1)")
		h.exec(c, begin)
		h.shows(c, "1", "SELECT n FROM sessions WHERE id = 'k'")
		h.exec(db, "UPDATE sessions SET n = 10 WHERE id = 'k'")
		h.shows(c, "1", "SELECT n FROM sessions WHERE id = 'k'")
		h.down(first)
		if i%2 == 0 {
			h.isDown(first)
		}
		h.fails(1213, c, "SELECT n FROM sessions WHERE id = 'k'")
		h.shows(c, "10", "SELECT n FROM sessions WHERE id = 'k'") // another transaction
		h.exec(c, "COMMIT")

		h.exec(db, "UPDATE sessions SET n = 20 WHERE id = 'k'")
		h.exec(c, begin)
		h.shows(c, "20", "SELECT n FROM sessions WHERE id = 'k'")
		h.exec(c, "UPDATE sessions SET n = n + 1 WHERE id = 'k'")
		h.back(first) // with what it had
		h.shows(c, "21", "SELECT n FROM sessions WHERE id = 'k'")
		h.exec(c, "UPDATE sessions SET n = n + 1 WHERE id = 'k'")
		h.shows(c, "22", "SELECT n FROM sessions WHERE id = 'k'")
		h.shows(c, "22", "SELECT n FROM sessions WHERE n > 15")
		h.exec(c, "COMMIT")
		for _, i := range h.order("k")[1:] {
			if got := h.n(int(i), "k"); got != "22" {
				t.Errorf("%s: n = %s at store %d", begin, got, i)
			}
		}
		for i := range h.servers {
			h.exec(h.direct[i], "DELETE FROM app.sessions")
		}
	}
}
