package router_test

import (
	"context"
	"database/sql"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/go-sql-driver/mysql"

	"github.com/dsmproxy/dsmproxy/internal/mariadbtest"
	"github.com/dsmproxy/dsmproxy/protocol"
	"github.com/dsmproxy/dsmproxy/router/store"
)

// durableStore is a server that has lost nothing when its machine comes back: at
// the level safe it is let in again by itself.
const durableStore = "--innodb-flush-log-at-trx-commit=1"

// TestAllStoresDown: a client outlives all stores. What needs none of them is
// answered, what needs one fails with an error that shows no address, and the
// same connection serves when they are back. A ping and a login fail as well: who
// asks whether the server is up is told that it is not.
func TestAllStoresDown(t *testing.T) { eachLevel(t, testAllStoresDown) }

func testAllStoresDown(t *testing.T, level string) {
	servers := installed.Start(t, 3, manyConnections, durableStore)
	h := startReached(t, level, servers, addrsOf(servers), 2, -1, func(h *harness) { h.patience = time.Second })
	c := h.conn("interpolateParams=true")
	h.exec(c, "INSERT INTO sessions (id, data) VALUES ('a', 'x')")
	h.exec(c, "SET @a = 1")
	for i := range h.servers {
		h.down(i)
	}
	down := func() bool {
		for _, s := range h.stores {
			if s.State() != store.Down {
				return false
			}
		}
		return true
	}
	for round := range 2 { // as they die, and when that is known
		for _, q := range []string{
			"SELECT data FROM sessions WHERE id = 'a'", "INSERT INTO sessions (id) VALUES ('b')", "SELECT COUNT(*) FROM sessions",
			"DELETE FROM sessions WHERE expires < 5", "SELECT 1", "SET NAMES latin1", "SHOW TABLES", "SELECT GET_LOCK('l', 1)",
			"USE nosuch", "SELECT data FROM sessions WHERE id IN ('a', 'b', 'c')",
		} {
			_, err := c.ExecContext(context.Background(), q)
			var e *mysql.MySQLError
			if !errors.As(err, &e) || e.Number != protocol.ErrUnknown {
				t.Errorf("round %d: %s: %v, want error %d", round, q, err, protocol.ErrUnknown)
				continue
			}
			for _, s := range h.servers {
				if strings.Contains(e.Message, s.Addr()) || strings.Contains(e.Message, "127.0.0.1") {
					t.Errorf("%s shows an address: %s", q, e.Message)
				}
			}
		}
		for _, q := range []string{"USE app", "SET autocommit = 0", "BEGIN", "ROLLBACK", "SET autocommit = 1", "COMMIT", "UNLOCK TABLES", "/* nothing */"} {
			h.exec(c, q)
		}
		h.await("all stores down", down)
		if err := c.PingContext(context.Background()); !isUnreachable(err) {
			t.Errorf("ping: %v, want error %d", err, protocol.ErrUnknown)
		}
		for _, db := range []string{"app", ""} {
			if err := open(t, h.addr, db).PingContext(context.Background()); !isUnreachable(err) {
				t.Errorf("login to database %q: %v, want error %d", db, err, protocol.ErrUnknown)
			}
		}
	}
	for _, s := range h.servers {
		if err := s.Restart(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	h.await("a store up", func() bool {
		for _, s := range h.stores {
			if s.State() != store.Up {
				return false
			}
		}
		return true
	})
	if err := c.PingContext(context.Background()); err != nil {
		t.Errorf("ping after their return: %v", err)
	}
	var data, a string
	h.await("the record", func() bool {
		err := c.QueryRowContext(context.Background(), "SELECT data, @a FROM sessions WHERE id = 'a'").Scan(&data, &a)
		return err == nil || level == "seed"
	})
	if data != "x" || a != "1" {
		t.Errorf("after their return: %q, %q", data, a)
	}
}

// TestUndurableStoresRestarted: what all stores have lost that are not durable
// can't be told when they come back at once. The client learns what to do, and
// is served when an operator has said that nothing is lost.
func TestUndurableStoresRestarted(t *testing.T) {
	servers := installed.Start(t, 3, manyConnections)
	h := startReached(t, "safe", servers, addrsOf(servers), 2, -1, func(h *harness) { h.patience = 200 * time.Millisecond })
	c := h.conn("interpolateParams=true")
	h.await("a write", func() bool { // it may have to wait for longer than h.patience, as long as all is new
		_, err := c.ExecContext(context.Background(), "INSERT INTO sessions (id, data) VALUES ('a', 'x')")
		return err == nil
	})
	for i := range h.servers {
		h.down(i)
	}
	for _, s := range h.servers {
		if err := s.Restart(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	ask := func() (data string, err error) {
		err = c.QueryRowContext(context.Background(), "SELECT data FROM sessions WHERE id = 'a'").Scan(&data)
		return data, err
	}
	h.await("what to do", func() bool {
		_, err := ask()
		return err != nil && strings.Contains(err.Error(), "s0, s1, s2 (dsmproxy trust")
	})
	for i := range h.servers {
		err := h.group.Trust(t.Context(), i)
		// Two are enough for the group: it may have let the third in before it is trusted.
		if err != nil && (i < 2 || !strings.Contains(err.Error(), "admitted already")) {
			t.Fatal(err)
		}
	}
	h.await("the record", func() bool {
		data, err := ask()
		return err == nil && data == "x"
	})
}

// isUnreachable reports whether an error is what a client is told where no store
// can be reached.
func isUnreachable(err error) bool {
	var e *mysql.MySQLError
	return errors.As(err, &e) && e.Number == protocol.ErrUnknown && strings.Contains(e.Message, "no store can serve")
}

// open returns a pool of clients of the given address.
func open(t *testing.T, addr, db string) *sql.DB {
	t.Helper()
	pool, err := sql.Open("mysql", mariadbtest.User+":"+mariadbtest.Password+"@tcp("+addr+")/"+db)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { pool.Close() })
	return pool
}
