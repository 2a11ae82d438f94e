package integration

import (
	"context"
	"testing"
	"time"
)

// TestDDL makes, fills, empties and drops a session table through the proxy:
// all stores follow, one that was down when it returns.
func TestDDL(t *testing.T) {
	c := startCluster(t, options{stores: 3, copies: 2})
	db := c.client(t)
	on := func(n *node) bool {
		var name string
		return n.db.QueryRow("SHOW TABLES FROM app LIKE 'made'").Scan(&name) == nil
	}
	mustExec(t, db, "CREATE TABLE IF NOT EXISTS made (id VARCHAR(64) NOT NULL PRIMARY KEY, data BLOB) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4")
	for _, n := range c.nodes {
		if !on(n) {
			t.Errorf("CREATE TABLE did not reach %s", n.name)
		}
	}
	mustExec(t, db, "ALTER TABLE made ADD COLUMN at TIMESTAMP(6) NOT NULL DEFAULT CURRENT_TIMESTAMP(6) ON UPDATE CURRENT_TIMESTAMP(6)")
	mustExec(t, db, "CREATE INDEX made_at ON made (at)")
	var keys []string
	for _, k := range []string{"one", "two", "three", "four", "five"} {
		keys = append(keys, k)
		mustExec(t, db, "INSERT INTO made (id, data) VALUES (?, 'x')", k)
		mustExec(t, db, "UPDATE made SET data = 'y' WHERE id = ?", k)
	}
	// The columns' own defaults give one time on all copies.
	c.wantPlacedIn(t, "made", "id", keys, nil)
	mustExec(t, db, "TRUNCATE TABLE made")
	c.wantPlacedIn(t, "made", "id", nil, keys)

	if err := c.nodes[1].Kill(); err != nil {
		t.Fatal(err)
	}
	mustExec(t, db, "DROP TABLE made")
	for _, n := range []*node{c.nodes[0], c.nodes[2]} {
		if on(n) {
			t.Errorf("DROP TABLE did not reach %s", n.name)
		}
	}
	if err := c.nodes[1].Restart(context.Background()); err != nil {
		t.Fatal(err)
	}
	eventually(t, 10*time.Second, "DROP TABLE reaches the store that was down", func() bool { return !on(c.nodes[1]) })
}
