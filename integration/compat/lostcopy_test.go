//go:build compat

package compat

import (
	"context"
	"database/sql"
	"slices"
	"testing"
	"time"
)

// TestLostCopyFreesTheRecord: a client with autocommit off, as SQLAlchemy's
// are, writes a record while one of its stores dies. The client is told that
// its transaction was rolled back, and then the record must be free for others.
func TestLostCopyFreesTheRecord(t *testing.T) {
	t.Run("seed", func(t *testing.T) { loseStore(t, atSeed, 1) })
	t.Run("safe", func(t *testing.T) { loseStore(t, "", 0) }) // its primary: copies are made by COMMIT
}

// loseStore kills the store that is at a place in the record's order.
func loseStore(t *testing.T, sections string, at int) {
	const schema = "CREATE DATABASE app; CREATE TABLE app.sessions (id VARCHAR(64) PRIMARY KEY, n INT NOT NULL) ENGINE=InnoDB"
	c := startCluster(t, 3, 2, schema, "", "\n[[table]]\nname = \"sessions\"\nkey = \"id\"\n"+sections)
	const key = "k1"
	name := c.orders(t, "sessions", []string{key})[key][at]
	victim := c.nodes[slices.IndexFunc(c.nodes, func(n *node) bool { return n.name == name })]
	ctx := within(t, time.Minute)
	db := open(t, c.Addr, in("app"))
	a, b := session(t, ctx, db), session(t, ctx, db)
	exec := func(conn *sql.Conn, query string) {
		t.Helper()
		if _, err := conn.ExecContext(ctx, query); err != nil {
			t.Fatalf("%s: %v", query, err)
		}
	}
	exec(a, "INSERT INTO sessions (id, n) VALUES ('"+key+"', 1)")
	exec(a, "SET autocommit=0")
	// The connections to the stores have autocommit off from here on.
	exec(a, "UPDATE sessions SET n = 2 WHERE id = '"+key+"'")
	exec(a, "COMMIT")
	if err := victim.Stop(); err != nil {
		t.Fatal(err)
	}
	time.AfterFunc(300*time.Millisecond, func() { victim.Kill() })
	_, err := a.ExecContext(ctx, "UPDATE sessions SET n = 3 WHERE id = '"+key+"'")
	t.Logf("the write whose store is lost: %v", err)
	exec(a, "ROLLBACK")
	exec(b, "SET innodb_lock_wait_timeout=3")
	exec(b, "UPDATE sessions SET n = 4 WHERE id = '"+key+"'")
}

func session(t *testing.T, ctx context.Context, db *sql.DB) *sql.Conn {
	t.Helper()
	conn, err := db.Conn(ctx)
	if err != nil {
		t.Fatal(err)
	}
	return conn
}
