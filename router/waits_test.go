package router_test

import (
	"testing"
	"time"

	"github.com/go-mysql-org/go-mysql/client"
)

// TestWaits: a statement waits in the proxy for a key that another client writes
// as long as it would wait for its row, and gets the error of that wait.
func TestWaits(t *testing.T) {
	t.Parallel()
	h := start(t, 3, 2)
	if err := h.router.LearnMode(t.Context()); err != nil {
		t.Fatal(err)
	}
	single := installed.Start(t, 1)[0]
	h.wire(single.Addr(), "", true, "CREATE DATABASE app", schema)
	const long = "SET innodb_lock_wait_timeout=50"
	limited := "SET max_statement_time=0.5"
	if !installed.MariaDB() {
		limited = "SET max_execution_time=500"
	}
	for _, c := range []struct {
		sets    []string
		query   string
		mariaDB bool // only that has it
	}{
		{nil, "SELECT n FROM sessions WHERE id = 'k' FOR UPDATE NOWAIT", false},
		{nil, "?SELECT n FROM sessions WHERE id = ? FOR UPDATE NOWAIT <- k", false},
		{nil, "SELECT n FROM sessions WHERE id = 'k' FOR UPDATE SKIP LOCKED", false},
		{nil, "?SELECT id, n FROM sessions WHERE id IN (?, ?) ORDER BY id FOR UPDATE SKIP LOCKED <- k,k", false},
		{nil, "SELECT n FROM sessions WHERE id = 'free' FOR UPDATE SKIP LOCKED", false},
		{nil, "SELECT n FROM sessions WHERE id = 'free' FOR UPDATE NOWAIT", false},
		{nil, "SELECT n FROM sessions WHERE id = 'k' LOCK IN SHARE MODE NOWAIT", true},
		{nil, "SELECT n FROM sessions WHERE id = 'k' LOCK IN SHARE MODE SKIP LOCKED", true},
		{nil, "SELECT n FROM sessions WHERE id = 'k' FOR UPDATE WAIT 0", true},
		{nil, "SELECT n FROM sessions WHERE id = 'k' FOR UPDATE WAIT 1", true},
		{[]string{limited}, "SELECT n FROM sessions WHERE id = 'k' FOR UPDATE", false},
		{[]string{limited}, "UPDATE sessions SET n = 3 WHERE id = 'k'", true},
		{[]string{limited}, "DELETE FROM sessions", true},
		{[]string{limited}, "INSERT INTO sessions (id) VALUES ('a'), ('b'), ('k')", true},
		{[]string{limited}, "UPDATE sessions SET id = 'other' WHERE id = 'k'", true},
		{[]string{"BEGIN", limited}, "?REPLACE INTO sessions (id) VALUES (?) <- k", true},
		{nil, "SET STATEMENT max_statement_time=0.5 FOR UPDATE sessions SET n = 3 WHERE id = 'k'", true},
		{nil, "SET STATEMENT max_statement_time=1 FOR SELECT n FROM sessions WHERE id = 'k' FOR UPDATE", true},
		{nil, "SET STATEMENT innodb_lock_wait_timeout=1 FOR UPDATE sessions SET n = 3 WHERE id = 'k'", true},
		{[]string{"SET innodb_lock_wait_timeout=1"}, "UPDATE sessions SET n = 3 WHERE id = 'k'", false},
	} {
		if c.mariaDB && !installed.MariaDB() {
			continue
		}
		try := func(addr string) string {
			holder, waiter := h.wire(addr, "app", true), h.wire(addr, "app", true)
			defer holder.Close()
			defer waiter.Close()
			for _, step := range []struct {
				c   *client.Conn
				sql []string
			}{
				{holder, []string{"REPLACE INTO sessions (id, n) VALUES ('k', 1), ('free', 1)", "BEGIN", "UPDATE sessions SET n = 2 WHERE id = 'k'"}},
				{waiter, append([]string{long}, c.sets...)},
			} {
				for _, sql := range step.sql {
					if _, err := step.c.Execute(sql); err != nil {
						t.Fatalf("%s: %v", sql, err)
					}
				}
			}
			began := time.Now()
			got := seen(waiter, c.query)
			if d := time.Since(began); d > 40*time.Second {
				t.Errorf("%v %s took %v", c.sets, c.query, d)
			}
			return got
		}
		if got, want := try(h.addr), try(single.Addr()); got != want {
			t.Errorf("%v %s\n\tgot  %s\n\twant %s", c.sets, c.query, got, want)
		}
	}
}

// TestLimitsOfFreshSessions: they are those of the stores.
func TestLimitsOfFreshSessions(t *testing.T) {
	t.Parallel()
	h := startBefore(t, installed.Start(t, 3, "--innodb-lock-wait-timeout=1"), 2, -1)
	if err := h.router.LearnMode(t.Context()); err != nil {
		t.Fatal(err)
	}
	a, b := h.conn(""), h.conn("")
	h.exec(a, "BEGIN")
	h.exec(a, "INSERT INTO sessions (id) VALUES ('k')")
	began := time.Now()
	h.fails(1205, b, "UPDATE sessions SET n = 3 WHERE id = 'k'")
	if d := time.Since(began); d > 40*time.Second {
		t.Errorf("waited for %v", d)
	}
}
