package router_test

import (
	"fmt"
	"path/filepath"
	"strings"
	"testing"

	"github.com/dsmproxy/dsmproxy/rewrite"
)

// TestFencedDDLWhileAStoreIsDown: a store that is back has what it has missed
// before it serves: a column, a table, a table less.
func TestFencedDDLWhileAStoreIsDown(t *testing.T) {
	h := startAt(t, "safe", 3, 2)
	db := h.open("")
	const keys = 12
	for i := range keys {
		h.exec(db, "INSERT INTO sessions (id) VALUES (?)", fmt.Sprint("d", i))
	}
	h.exec(db, "CREATE TABLE IF NOT EXISTS folded (id varchar(64) NOT NULL PRIMARY KEY, n int) COLLATE utf8mb4_general_ci")
	h.exec(db, "INSERT INTO folded VALUES ('a', 1), ('b', 2), ('c', 3), ('d', 4)")
	h.down(2)
	h.exec(db, "ALTER TABLE sessions ADD COLUMN extra int NOT NULL DEFAULT 7")
	h.exec(db, "UPDATE sessions SET extra = 8")
	h.exec(db, "DROP TABLE folded")
	h.exec(db, "CREATE TABLE folded (id varchar(64) NOT NULL PRIMARY KEY, n int, m int) COLLATE utf8mb4_general_ci")
	h.exec(db, "INSERT INTO folded VALUES ('b', 5, 5)")
	if err := h.servers[2].Restart(t.Context()); err != nil {
		t.Fatal(err)
	}
	h.whole()
	for i := range keys {
		var n int
		if err := db.QueryRow("SELECT extra FROM sessions WHERE id = ?", fmt.Sprint("d", i)).Scan(&n); err != nil || n != 8 {
			t.Errorf("extra = %d, %v", n, err)
		}
	}
	h.down(0)
	var n int
	if err := db.QueryRow("SELECT COUNT(*) FROM sessions WHERE extra = 8").Scan(&n); err != nil || n != keys {
		t.Errorf("%d records with the column, %v", n, err)
	}
	if err := db.QueryRow("SELECT COUNT(*) FROM folded").Scan(&n); err != nil || n != 1 {
		t.Errorf("%d records of the table that was made anew, %v", n, err)
	}
}

// TestFencedDDLThatNobodyRemembers: a store that is set back to before DDL, or
// is empty, gets the tables of the others, or does not join and says why.
func TestFencedDDLThatNobodyRemembers(t *testing.T) {
	h := startAt(t, "safe", 3, 2)
	db := h.open("")
	const keys = 12
	for i := range keys {
		h.exec(db, "INSERT INTO sessions (id) VALUES (?)", fmt.Sprint("d", i))
	}
	h.exec(db, "CREATE TABLE folded (id varchar(64) NOT NULL PRIMARY KEY, n int)")
	h.exec(db, "INSERT INTO folded VALUES ('a', 1)")
	old := filepath.Join(t.TempDir(), "old")
	h.down(1)
	if err := h.servers[1].Snapshot(old); err != nil {
		t.Fatal(err)
	}
	if err := h.servers[1].Restart(t.Context()); err != nil {
		t.Fatal(err)
	}
	h.whole()
	h.exec(db, "CREATE TABLE numbered (num bigint NOT NULL AUTO_INCREMENT PRIMARY KEY, v int)")
	h.exec(db, "DROP TABLE folded")
	h.exec(db, "ALTER TABLE sessions ADD COLUMN extra int NOT NULL DEFAULT 7")
	h.exec(db, "UPDATE sessions SET extra = 8")
	if err := h.servers[1].Rewind(t.Context(), old); err != nil {
		t.Fatal(err)
	}
	h.await("a line that says what differs", func() bool {
		log := h.log.String()
		return strings.Contains(log, "store can't join: a table differs") && strings.Contains(log, "column extra int not null")
	})
	if n := h.exec(db, "UPDATE sessions SET extra = 9"); n != keys {
		t.Errorf("UPDATE while a store can't join: %d", n)
	}
	if _, err := h.direct[1].Exec("ALTER TABLE app.sessions ADD COLUMN extra int NOT NULL DEFAULT 7"); err != nil {
		t.Fatal(err)
	}
	h.whole()
	for _, table := range []string{"numbered", "dsmproxy_dropped_folded"} {
		var n int
		if err := h.direct[1].QueryRow("SELECT COUNT(*) FROM app." + table).Scan(&n); err != nil {
			t.Errorf("%s at the store: %v", table, err)
		}
	}
	// While the wiped store has no register, the two others must be there: one
	// of them alone can't tell what the wiped one has agreed to with the other.
	reset := h.group.Overview().Counts.Reset
	if err := h.servers[2].Wipe(t.Context()); err != nil {
		t.Fatal(err)
	}
	h.await("the wiped store is up again", func() bool {
		s := h.group.Overview().Stores[2]
		return h.group.Overview().Counts.Reset > reset && s.State == "up" && s.Covered
	})
	h.down(0)
	var n int
	if err := db.QueryRow("SELECT COUNT(*) FROM sessions WHERE extra = 9").Scan(&n); err != nil || n != keys {
		t.Errorf("%d records, %v", n, err)
	}
}

// TestFencedDDLBesideAnotherProxy: what a column gets by one proxy right after
// the other has added it is on all copies.
func TestFencedDDLBesideAnotherProxy(t *testing.T) {
	h := startAt(t, "safe", 3, 2)
	db := h.open("")
	addr := h.addr
	h.addr = h.serve(t, []rewrite.Table{{Name: "sessions", Key: "id"}})
	other := h.open("")
	h.addr = addr
	const keys = 10
	for i := range keys {
		h.exec(other, "INSERT INTO sessions (id) VALUES (?)", fmt.Sprint("d", i))
	}
	for round := range 3 {
		h.exec(db, fmt.Sprintf("ALTER TABLE sessions ADD COLUMN c%d int NOT NULL DEFAULT 0", round))
		for i := range keys {
			h.exec(other, fmt.Sprintf("UPDATE sessions SET c%d = 5 WHERE id = ?", round), fmt.Sprint("d", i))
		}
		for i := range keys {
			key := fmt.Sprint("d", i)
			for _, s := range h.order(key)[:2] {
				var n int
				if err := h.direct[s].QueryRow(fmt.Sprintf("SELECT c%d FROM app.sessions WHERE id = ?", round), key).Scan(&n); err != nil || n != 5 {
					t.Errorf("store %d has %d in the new column of %s, %v", s, n, key, err)
				}
			}
		}
	}
}
