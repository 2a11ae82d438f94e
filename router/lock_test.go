package router_test

import (
	"context"
	"database/sql"
	"fmt"
	"sync"
	"testing"
)

func lockValue(t *testing.T, c *sql.Conn, query string, args ...any) string {
	t.Helper()
	var v sql.NullString
	if err := c.QueryRowContext(context.Background(), query, args...).Scan(&v); err != nil {
		t.Errorf("%s: %v", query, err)
	}
	if !v.Valid {
		return "NULL"
	}
	return v.String
}

func TestNamedLocks(t *testing.T) { eachLevel(t, testNamedLocks) }

func testNamedLocks(t *testing.T, level string) {
	h := startAt(t, level, 4, 2)
	for _, params := range []string{"", "interpolateParams=true"} {
		a, b := h.conn(params), h.conn(params)
		for i := range 6 { // on several stores
			name := fmt.Sprint("Lock", i)
			for _, step := range []struct {
				c           *sql.Conn
				query, want string
			}{
				{a, "SELECT GET_LOCK(?, 5)", "1"},
				{b, "SELECT COALESCE(GET_LOCK(?, 0), 7) AS got", "0"},
				{b, "SELECT IS_FREE_LOCK(?)", "0"},
				{b, "SELECT RELEASE_LOCK(?)", "0"},
			} {
				if got := lockValue(t, step.c, step.query, name); got != step.want {
					t.Errorf("%s of %s = %s, want %s", step.query, name, got, step.want)
				}
			}
		}
		// Statements in between use the same connections and keep the locks.
		h.exec(a, "SET @x = 5, SESSION sql_mode = CONCAT(@@sql_mode, ',ANSI_QUOTES')")
		for i := range 12 {
			h.exec(a, `INSERT INTO "sessions" (id, n) VALUES (?, @x) ON DUPLICATE KEY UPDATE n = 1`, fmt.Sprint("k", i))
		}
		if got := lockValue(t, a, "SELECT IS_USED_LOCK('Lock0') = CONNECTION_ID()"); got != "1" {
			t.Errorf("held by this connection = %s, want 1", got)
		}
		if got := lockValue(t, b, "SELECT IS_USED_LOCK('Lock0') = CONNECTION_ID()"); got != "0" {
			t.Errorf("held by the other connection = %s, want 0", got)
		}
		if got := lockValue(t, a, "SELECT RELEASE_LOCK('Lock0')"); got != "1" {
			t.Errorf("release = %s, want 1", got)
		}
		if got := lockValue(t, b, "SELECT GET_LOCK('Lock0', 1)"); got != "1" {
			t.Errorf("get after release = %s, want 1", got)
		}
		if got := lockValue(t, a, "SELECT RELEASE_ALL_LOCKS()"); got != "5" {
			t.Errorf("release all = %s, want 5", got)
		}
		if got := lockValue(t, b, "SELECT GET_LOCK('Lock3', 1)"); got != "1" {
			t.Errorf("get after release of all = %s, want 1", got)
		}
		h.exec(b, "DO RELEASE_LOCK('Lock3')")
		if got := lockValue(t, a, "SELECT IS_FREE_LOCK('Lock3')"); got != "1" {
			t.Errorf("free after DO RELEASE_LOCK = %s, want 1", got)
		}
		h.exec(b, "DO RELEASE_ALL_LOCKS()")
	}
}

func TestLocksAreFreedWithTheirClient(t *testing.T) { eachLevel(t, testLocksAreFreedWithTheirClient) }

func testLocksAreFreedWithTheirClient(t *testing.T, level string) {
	h := startAt(t, level, 3, 2)
	db := h.open("")
	c, err := db.Conn(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	if got := lockValue(t, c, "SELECT GET_LOCK('l', 1)"); got != "1" {
		t.Fatal(got)
	}
	c.Close()
	db.Close()
	if got := lockValue(t, h.conn(""), "SELECT GET_LOCK('l', 30)"); got != "1" {
		t.Errorf("lock of a client that has gone = %s, want 1", got)
	}
}

func TestLocksExclude(t *testing.T) { eachLevel(t, testLocksExclude) }

func testLocksExclude(t *testing.T, level string) {
	h := startAt(t, level, 4, 2)
	var wg sync.WaitGroup
	inside := 0
	for range 8 {
		wg.Go(func() {
			c := h.conn("")
			for range 15 {
				if got := lockValue(t, c, "SELECT GET_LOCK('counter', 60)"); got != "1" {
					t.Errorf("lock = %s", got)
					return
				}
				inside++ // guarded by the lock, and the race detector sees no other
				if got := lockValue(t, c, "SELECT RELEASE_LOCK('counter')"); got != "1" {
					t.Errorf("release = %s", got)
				}
			}
		})
	}
	wg.Wait()
	if inside != 120 {
		t.Errorf("counted %d, want 120", inside)
	}
}

func TestLockOfADeadStoreIsLost(t *testing.T) {
	h := start(t, 4, 2)
	a, b := h.conn(""), h.conn("")
	if got := lockValue(t, a, "SELECT GET_LOCK('l', 1)"); got != "1" {
		t.Fatal(got)
	}
	h.down(int(h.order("l")[0]))
	if got := lockValue(t, b, "SELECT GET_LOCK('l', 5)"); got != "1" {
		t.Errorf("lock of a dead store = %s, want 1", got)
	}
	if got := lockValue(t, a, "SELECT RELEASE_LOCK('l')"); got != "0" {
		t.Errorf("release of a lost lock = %s, want 0", got)
	}
}
