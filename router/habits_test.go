package router_test

import (
	"context"
	"testing"
)

// A reset of a store connection, behind any client, leaves the database's own
// collation what SET CHARACTER SET takes.
func TestCharacterSetOfTheDatabase(t *testing.T) {
	eachLevel(t, func(t *testing.T, level string) {
		h := startAt(t, level, 3, 2)
		for _, db := range h.direct {
			h.exec(db, "ALTER DATABASE app CHARACTER SET utf8mb4")
			h.exec(db, "SET GLOBAL character_set_server = latin1")
		}
		for range 3 { // clients that leave their connections to be reset
			c := h.conn("")
			h.exec(c, "SET time_zone = '+03:00'")
			h.exec(c, "INSERT INTO sessions (id, data) VALUES ('k', 'x') ON DUPLICATE KEY UPDATE data = 'x'")
			c.Close()
		}
		c := h.conn("")
		h.exec(c, "SET CHARACTER SET utf8mb4")
		h.exec(c, "REPLACE INTO sessions (id, data) VALUES ('k', '€漢字é')")
		if got := lockValue(t, c, "SELECT HEX(data) FROM sessions WHERE id = 'k'"); got != "E282ACE6BCA2E5AD97C3A9" {
			t.Errorf("data = %s", got)
		}
		if got := lockValue(t, c, "SELECT @@collation_database LIKE 'utf8mb4%'"); got != "1" {
			t.Error("collation_database is the server's")
		}
	})
}

// With autocommit off, an answer that the proxy makes itself says that a
// transaction is open, as a store's does.
func TestStatusOfWritesWithoutAutocommit(t *testing.T) {
	eachLevel(t, func(t *testing.T, level string) {
		b := startAt(t, level, 3, 2).both()
		b.same("INSERT INTO sessions (id, n) VALUES ('a', 1), ('b', 1), ('c', 1), ('d', 1)", "SET autocommit=0")
		for _, write := range []string{
			"DELETE FROM sessions WHERE n = 7", "UPDATE sessions SET n = n + 1 WHERE n < 5",
			"UPDATE sessions SET n = 3 WHERE id IN ('a', 'b', 'c', 'd')", "DELETE FROM sessions ORDER BY id LIMIT 1",
		} {
			b.same(write, "ROLLBACK")
		}
	})
}

// DROP DATABASE of another database leaves the client its own.
func TestDropOfAnotherDatabase(t *testing.T) {
	h := start(t, 3, 2)
	c := h.conn("")
	h.exec(c, "CREATE DATABASE IF NOT EXISTS gone")
	h.exec(c, "DROP DATABASE IF EXISTS gone")
	var db string
	if err := c.QueryRowContext(context.Background(), "SELECT DATABASE()").Scan(&db); err != nil || db != "app" {
		t.Errorf("DATABASE() = %q, %v", db, err)
	}
}

// A prepared statement outlives SETs that a connection which holds something
// can't be rid of.
func TestPreparedBeforeSet(t *testing.T) {
	eachLevel(t, func(t *testing.T, level string) {
		h := startAt(t, level, 3, 2)
		c := h.conn("")
		h.exec(c, "INSERT INTO sessions (id, n) VALUES ('a', 1), ('b', 2), ('c', 3)")
		ctx := context.Background()
		all, err := c.PrepareContext(ctx, "SELECT id FROM sessions ORDER BY id")
		if err != nil {
			t.Fatal(err)
		}
		one, err := c.PrepareContext(ctx, "SELECT n FROM sessions WHERE id = ?")
		if err != nil {
			t.Fatal(err)
		}
		for _, set := range []string{"SET sql_mode=''", "SET NAMES latin1"} {
			h.exec(c, set)
			for range 3 {
				var id string
				if err := all.QueryRowContext(ctx).Scan(&id); err != nil || id != "a" {
					t.Errorf("%s: all = %s, %v", set, id, err)
				}
			}
			h.exec(c, "BEGIN")
			h.exec(c, "UPDATE sessions SET n = n + 1")
			h.exec(c, "SET sql_mode='NO_ZERO_DATE'")
			for i, key := range []string{"a", "b", "c"} {
				var n int
				if err := one.QueryRowContext(ctx, key).Scan(&n); err != nil || n != i+2 {
					t.Errorf("%s: n of %s = %d, %v", set, key, n, err)
				}
			}
			h.exec(c, "ROLLBACK")
		}
	})
}
