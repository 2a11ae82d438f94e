package router_test

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/go-sql-driver/mysql"
)

// keysAt are keys of which each has another first store.
func (h *harness) keysAt(prefix string) []string {
	keys := make([]string, len(h.servers))
	for n, found := 0, 0; found < len(keys); n++ {
		k := fmt.Sprint(prefix, n)
		if at := h.order(k)[0]; keys[at] == "" {
			keys[at] = k
			found++
		}
	}
	return keys
}

// value is the n of a record, as a client sees it.
func (h *harness) value(c *sql.Conn, key string) (n int) {
	h.t.Helper()
	if err := c.QueryRowContext(context.Background(), "SELECT n FROM sessions WHERE id = ?", key).Scan(&n); err != nil {
		h.t.Errorf("%s: %v", key, err)
	}
	return n
}

// TestFencedTxnOverPrimaries: a transaction with a part at each store commits,
// or is rolled back, as a whole, and its records are on all their copies.
func TestFencedTxnOverPrimaries(t *testing.T) {
	for _, level := range []string{"safe", "strict"} {
		t.Run(level, func(t *testing.T) {
			h := startAt(t, level, 3, 2)
			c, other := h.conn("interpolateParams=true"), h.conn("")
			keys := h.keysAt("p")
			for _, end := range []string{"ROLLBACK", "COMMIT"} {
				h.exec(c, "BEGIN")
				for i, k := range keys {
					// Of a record that is not there, the gap is locked, for which the
					// copies of others must not wait.
					h.exec(c, "SELECT n FROM sessions WHERE id = ? FOR UPDATE", k)
					h.exec(c, "INSERT INTO sessions (id, n) VALUES (?, ?)", k, i+1)
					if n := h.value(c, k); n != i+1 {
						t.Errorf("own write reads as %d", n)
					}
				}
				h.fails(1062, c, "INSERT INTO sessions (id) VALUES (?)", keys[0])
				h.exec(c, end)
			}
			for i, k := range keys {
				if n := h.value(other, k); n != i+1 {
					t.Errorf("%s: n = %d, want %d", k, n, i+1)
				}
				h.holders(k, h.order(k)[:2]...)
			}
			h.exec(c, "SET autocommit = 0")
			for _, k := range keys {
				h.exec(c, "DELETE FROM sessions WHERE id = ?", k)
				if n := h.exec(c, "DELETE FROM sessions WHERE id = ?", k); n != 0 {
					t.Errorf("a second DELETE takes %d", n)
				}
			}
			h.exec(c, "COMMIT")
			for _, k := range keys {
				h.holders(k)
			}
		})
	}
}

// TestFencedTxnFailover: a transaction that has not begun at a store that is
// down waits for another one to serve its record; one that has is rolled back
// by the error of a deadlock, and nothing of it is left, wherever it was.
func TestFencedTxnFailover(t *testing.T) {
	h := startAt(t, "safe", 3, 2)
	c := h.conn("interpolateParams=true")
	keys := h.keysAt("f")
	for _, k := range keys {
		h.exec(c, "INSERT INTO sessions (id, n) VALUES (?, 1)", k)
	}
	late := h.conn("interpolateParams=true")
	h.exec(late, "BEGIN")
	h.exec(late, "UPDATE sessions SET n = 5 WHERE id = ?", keys[1])
	committing := h.conn("interpolateParams=true")
	h.exec(committing, "BEGIN")
	h.exec(committing, "UPDATE sessions SET n = 7 WHERE id = ?", keys[2])
	h.exec(c, "BEGIN")
	h.exec(c, "UPDATE sessions SET n = 5 WHERE id = ?", keys[0])
	h.down(0)
	h.fails(1213, c, "UPDATE sessions SET n = 6 WHERE id = ?", keys[0])
	if n := h.value(c, keys[0]); n != 1 {
		t.Errorf("n = %d after the rollback, want 1", n)
	}
	// In the view without the store, nothing that was begun before counts.
	h.fails(1213, late, "UPDATE sessions SET n = 6 WHERE id = ?", keys[0])
	h.fails(1213, committing, "COMMIT")
	for i := 1; i < 3; i++ {
		if n := h.value(c, keys[i]); n != 1 {
			t.Errorf("%s: n = %d, want 1", keys[i], n)
		}
	}
	h.down2back(0)
	h.exec(c, "BEGIN")
	h.exec(c, "UPDATE sessions SET n = 8 WHERE id = ?", keys[0])
	h.exec(c, "COMMIT")
	if n := h.value(late, keys[0]); n != 8 {
		t.Errorf("n = %d, want 8", n)
	}
}

// down2back restarts store i, and waits until it serves again.
func (h *harness) down2back(i int) {
	h.t.Helper()
	if err := h.servers[i].Restart(h.t.Context()); err != nil {
		h.t.Fatal(err)
	}
	h.await("the store serves again", func() bool { return h.group.Serves(i) })
}

// TestFencedTxnAtStart: transactions that begin while a store dies wait for it
// to be excluded, whatever the first statement is.
func TestFencedTxnAtStart(t *testing.T) {
	h := startAt(t, "safe", 3, 2)
	keys := h.keysAt("s")
	db := h.open("interpolateParams=true")
	h.exec(db, "INSERT INTO sessions (id, n) VALUES (?, 1)", keys[0])
	conns := make([]*sql.Conn, 5)
	for i := range conns {
		conns[i] = h.conn("interpolateParams=true")
	}
	for i := range 4 {
		h.exec(conns[i], "BEGIN")
	}
	h.exec(conns[4], "SET autocommit=0")
	h.down(0)
	for i, q := range []string{
		"SELECT n FROM sessions WHERE id = ?", "SELECT n FROM sessions WHERE id = ? FOR UPDATE",
		"UPDATE sessions SET n = n + 1 WHERE id = ?", "UPDATE sessions SET n = n + 1 WHERE id = ?", "UPDATE sessions SET n = n + 1 WHERE id = ?",
	} {
		h.exec(conns[i], q, keys[0])
		h.exec(conns[i], "COMMIT")
	}
	if n := h.value(conns[0], keys[0]); n != 4 {
		t.Errorf("n = %d, want 4", n)
	}
}

// TestFencedTxnFrozen: a store that stops in the middle of a transaction ends it
// once it is excluded; nothing of it is seen when the store goes on.
func TestFencedTxnFrozen(t *testing.T) {
	h := startAt(t, "safe", 3, 2)
	c := h.conn("interpolateParams=true")
	keys := h.keysAt("z")
	h.exec(c, "INSERT INTO sessions (id, n) VALUES (?, 1)", keys[0])
	h.exec(c, "BEGIN")
	h.exec(c, "UPDATE sessions SET n = 2 WHERE id = ?", keys[0])
	if err := h.servers[0].Stop(); err != nil {
		t.Fatal(err)
	}
	began := time.Now()
	_, err := c.ExecContext(context.Background(), "COMMIT")
	t.Logf("COMMIT after %v: %v", time.Since(began), err)
	if err == nil {
		t.Error("COMMIT at a store that has stopped succeeds")
	}
	d := h.conn("interpolateParams=true")
	before := h.value(d, keys[0])
	if before != 1 {
		t.Errorf("n = %d while the store is out, want 1", before)
	}
	h.exec(d, "UPDATE sessions SET n = n + 10 WHERE id = ?", keys[0])
	if err := h.servers[0].Continue(); err != nil {
		t.Fatal(err)
	}
	h.await("the store serves again", func() bool { return h.group.Serves(0) })
	if n := h.value(d, keys[0]); n != 11 {
		t.Errorf("n = %d when it is back, want 11", n)
	}
}

// TestFencedDeadlock: clients that lock each other's records crosswise are told
// so, at one store by the store, at two by the proxy.
func TestFencedDeadlock(t *testing.T) {
	h := startBeforeAt(t, "safe", tellingWaits(t, 3), 2, -1)
	keys := h.keysAt("d")
	same := ""
	for n := 0; same == ""; n++ {
		if k := fmt.Sprint("e", n); h.order(k)[0] == 0 {
			same = k
		}
	}
	db := h.open("interpolateParams=true")
	for _, k := range append([]string{same}, keys...) {
		h.exec(db, "INSERT INTO sessions (id, n) VALUES (?, 0)", k)
	}
	for _, pair := range [][2]string{{keys[0], same}, {keys[0], keys[1]}} {
		for _, lock := range []string{"UPDATE sessions SET n = n + 1 WHERE id = ?", "SELECT n FROM sessions WHERE id = ? FOR UPDATE"} {
			conns := [2]*sql.Conn{h.conn("interpolateParams=true"), h.conn("interpolateParams=true")}
			for i, c := range conns {
				h.exec(c, "BEGIN")
				h.exec(c, lock, pair[i])
			}
			var errs [2]error
			var wg sync.WaitGroup
			for i, c := range conns {
				wg.Go(func() {
					if errs[i] = h.begin(c, lock, pair[1-i])(); errs[i] == nil {
						h.exec(c, "COMMIT")
					}
				})
			}
			wg.Wait()
			if !(errs[0] == nil && number(errs[1]) == 1213 || errs[1] == nil && number(errs[0]) == 1213) {
				t.Errorf("%v: %v and %v, want one error 1213", pair, errs[0], errs[1])
			}
		}
	}
	c := h.conn("interpolateParams=true")
	for _, k := range []string{keys[0], same, keys[1]} {
		want := 1
		if k == keys[0] {
			want = 2
		}
		if n := h.value(c, k); n != want {
			t.Errorf("%s: n = %d, want %d", k, n, want)
		}
	}
}

// TestFencedLockingReads: NOWAIT, SKIP LOCKED and the time that a client waits
// are the store's affair, also for clients of two proxies.
func TestFencedLockingReads(t *testing.T) {
	h, client := twoProxies(t, "safe", 3, 2)
	a, b := client(0), client(1)
	h.exec(a, "INSERT INTO sessions (id, n) VALUES ('k', 1)")
	h.exec(a, "BEGIN")
	h.exec(a, "SELECT n FROM sessions WHERE id = 'k' FOR UPDATE")
	nowait := uint16(1205)
	if !installed.MariaDB() {
		nowait = 3572
	}
	h.fails(nowait, b, "SELECT n FROM sessions WHERE id = 'k' FOR UPDATE NOWAIT")
	var n int
	err := b.QueryRowContext(context.Background(), "SELECT n FROM sessions WHERE id = 'k' FOR UPDATE SKIP LOCKED").Scan(&n)
	if !errors.Is(err, sql.ErrNoRows) {
		t.Errorf("SKIP LOCKED gives %d, %v", n, err)
	}
	h.exec(b, "SET innodb_lock_wait_timeout = 1")
	h.fails(1205, b, "UPDATE sessions SET n = 2 WHERE id = 'k'")
	h.exec(b, "BEGIN")
	h.fails(1205, b, "UPDATE sessions SET n = 2 WHERE id = 'k'")
	h.exec(b, "INSERT INTO sessions (id) VALUES ('l')") // the transaction goes on
	h.exec(b, "COMMIT")
	h.holders("l", h.order("l")[:2]...)
	wait := h.begin(b, "SELECT n FROM sessions WHERE id = 'k' LOCK IN SHARE MODE")
	h.exec(a, "UPDATE sessions SET n = 3 WHERE id = 'k'")
	h.exec(a, "COMMIT")
	if err := wait(); err != nil {
		t.Error(err)
	}
	if n := h.value(b, "k"); n != 3 {
		t.Errorf("n = %d, want 3", n)
	}
}

// TestFencedTransactionalHandler is Symfony's PdoSessionHandler with
// LOCK_TRANSACTIONAL, by several clients of two proxies: each request counts.
func TestFencedTransactionalHandler(t *testing.T) {
	h, client := twoProxies(t, "safe", 3, 2)
	ctx := context.Background()
	const clients, requests = 6, 8
	var wg sync.WaitGroup
	for i := range clients {
		c := client(i % 2)
		wg.Go(func() {
			for range requests {
				for try := 0; ; try++ {
					err := request(ctx, c)
					if err == nil {
						break
					}
					_, _ = c.ExecContext(ctx, "ROLLBACK")
					if number(err) != 1213 || try > 20 {
						t.Error(err)
						return
					}
				}
			}
		})
	}
	wg.Wait()
	if n := h.value(client(0), "php"); n != clients*requests {
		t.Errorf("n = %d, want %d", n, clients*requests)
	}
	h.holders("php", h.order("php")[:2]...)
}

// request reads and writes the session 'php' as that handler does.
func request(ctx context.Context, c *sql.Conn) error {
	exec := func(q string, args ...any) error {
		_, err := c.ExecContext(ctx, q, args...)
		return err
	}
	if err := exec("SET TRANSACTION ISOLATION LEVEL READ COMMITTED"); err != nil {
		return err
	}
	if err := exec("BEGIN"); err != nil {
		return err
	}
	n := 0
	read := func() error {
		return c.QueryRowContext(ctx, "SELECT n FROM sessions WHERE id = ? FOR UPDATE", "php").Scan(&n)
	}
	err := read()
	if errors.Is(err, sql.ErrNoRows) {
		err = exec("INSERT INTO sessions (id, data, n) VALUES (?, ?, ?)", "php", "", 0)
		var dup *mysql.MySQLError
		if errors.As(err, &dup) && dup.Number == 1062 {
			err = read()
		}
	}
	if err == nil {
		err = exec("UPDATE sessions SET data = ?, n = ? WHERE id = ?", strings.Repeat("x", n), n+1, "php")
	}
	if err != nil {
		return err
	}
	return exec("COMMIT")
}
