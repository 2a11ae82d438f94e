package router_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/go-sql-driver/mysql"

	"github.com/dsmproxy/dsmproxy/protocol"
	"github.com/dsmproxy/dsmproxy/router/store"
)

// durableStore is a server that has lost nothing when its machine comes back: at
// the level safe it is let in again by itself.
const durableStore = "--innodb-flush-log-at-trx-commit=1"

// TestAllStoresDown: a client outlives all stores. What needs none of them is
// answered, what needs one fails with an error that shows no address, and the
// same connection serves when they are back.
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
		if err := c.PingContext(context.Background()); err != nil {
			t.Errorf("ping: %v", err)
		}
		h.await("all stores down", down)
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
	var data, a string
	h.await("the record", func() bool {
		err := c.QueryRowContext(context.Background(), "SELECT data, @a FROM sessions WHERE id = 'a'").Scan(&data, &a)
		return err == nil || level == "seed"
	})
	if data != "x" || a != "1" {
		t.Errorf("after their return: %q, %q", data, a)
	}
}
