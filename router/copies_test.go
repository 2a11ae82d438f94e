package router_test

import (
	"context"
	"database/sql"
	"fmt"
	"strings"
	"sync"
	"testing"

	"github.com/dsmproxy/dsmproxy/router/store"
)

func TestCopiesAreEqual(t *testing.T) { eachLevel(t, testCopiesAreEqual) }

func testCopiesAreEqual(t *testing.T, level string) {
	h := startAt(t, level, 4, 2)
	for _, mode := range []string{"interpolateParams=true", ""} {
		db := h.open(mode)
		for i := range 20 {
			id := strings.ToLower(fmt.Sprintf("%s-%d", mode, i)) // as a column that ignores case has it placed
			if n := h.exec(db, "INSERT INTO sessions (id, data, n) VALUES (?, ?, ?)", id, []byte{0, 255, '\'', '\\'}, i); n != 1 {
				t.Errorf("insert affected %d rows, want 1", n)
			}
			h.holders(id, h.order(id)[:2]...)
			h.exec(db, "UPDATE sessions SET expires = UNIX_TIMESTAMP(), data = NOW() WHERE id = ?", id)
			h.holders(id, h.order(id)[:2]...)
			h.exec(db, "UPDATE sessions SET data = CONCAT(UUID(), RAND(), SYSDATE(6)) WHERE id = ?", id)
			h.holders(id, h.order(id)[:2]...)
			if i%2 == 0 {
				h.exec(db, "DELETE FROM sessions WHERE id = ?", id)
				h.holders(id)
			}
		}
	}
}

func TestFirstCopyDecides(t *testing.T) {
	h := start(t, 4, 2)
	db := h.open("")
	// A leftover on the second copy only: the client sees no duplicate.
	id := "leftover"
	o := h.order(id)
	h.exec(h.direct[o[1]], "INSERT INTO app.sessions (id, data, n) VALUES (?, 'old', 7)", id)
	h.exec(db, "INSERT INTO sessions (id, data) VALUES (?, 'new')", id)
	h.holders(id, o[:2]...)
	// A record that only the first copy has: the client sees the duplicate, and
	// the second copy gets the record that caused it.
	id = "missing"
	o = h.order(id)
	h.exec(h.direct[o[0]], "INSERT INTO app.sessions (id, data, n) VALUES (?, 'old', 7)", id)
	h.fails(1062, db, "INSERT INTO sessions (id, data) VALUES (?, 'new')", id)
	h.holders(id, o[:2]...)
	// An update that finds nothing on the second copy.
	id = "half"
	o = h.order(id)
	h.exec(h.direct[o[0]], "INSERT INTO app.sessions (id, data) VALUES (?, 'x')", id)
	if n := h.exec(db, "UPDATE sessions SET data = 'y' WHERE id = ?", id); n != 1 {
		t.Errorf("update affected %d rows, want 1", n)
	}
	h.holders(id, o[:2]...)
}

func TestStandInGetsTheRecord(t *testing.T) {
	h := start(t, 4, 2)
	db := h.open("")
	id := "stand-in"
	o := h.order(id)
	h.exec(db, "INSERT INTO sessions (id, data) VALUES (?, 'x')", id)
	h.down(int(o[0]))
	h.await("store down", func() bool { return h.stores[o[0]].State() == store.Down })
	h.exec(db, "UPDATE sessions SET n = n + 1 WHERE id = ?", id)
	h.holders(id, o[1], o[2])
	h.down(int(o[1]))
	h.exec(db, "UPDATE sessions SET n = n + 1 WHERE id = ?", id)
	h.holders(id, o[2], o[3])
	var n int
	if err := db.QueryRow("SELECT n FROM sessions WHERE id = ?", id).Scan(&n); err != nil || n != 2 {
		t.Errorf("n = %d, %v, want 2", n, err)
	}
	h.down(int(o[2]))
	h.exec(db, "UPDATE sessions SET n = n + 1 WHERE id = ?", id)
	h.holders(id, o[3])
	if log := h.log.String(); strings.Count(log, "writes have too few copies") != 1 {
		t.Errorf("no warning, or several, of too few copies:\n%s", log)
	}
}

func TestSameOrderOnAllCopies(t *testing.T) { eachLevel(t, testSameOrderOnAllCopies) }

func testSameOrderOnAllCopies(t *testing.T, level string) {
	h := startAt(t, level, 3, 3)
	db := h.open("")
	h.exec(db, "INSERT INTO sessions (id, data) VALUES ('k', '')")
	var wg sync.WaitGroup
	for w := range 8 {
		wg.Go(func() {
			for range 40 {
				if _, err := db.Exec("UPDATE sessions SET n = (n * 3 + ?) % 1000003 WHERE id = 'k'", w); err != nil {
					t.Error(err)
					return
				}
			}
		})
	}
	wg.Wait()
	h.holders("k", 0, 1, 2)
}

func TestTransaction(t *testing.T) { eachLevel(t, testTransaction) }

func testTransaction(t *testing.T, level string) {
	h := startAt(t, level, 4, 2)
	ctx := context.Background()
	a, b := h.conn(""), h.conn("")
	h.exec(a, "INSERT INTO sessions (id, data) VALUES ('k', 'x')")

	tx, err := a.BeginTx(ctx, nil)
	if err != nil {
		t.Fatal(err)
	}
	h.exec(tx, "UPDATE sessions SET n = 5 WHERE id = 'k'")
	h.exec(tx, "INSERT INTO sessions (id, data) VALUES ('other', 'y')")
	read := func(q interface {
		QueryRowContext(context.Context, string, ...any) *sql.Row
	}) (n int) {
		t.Helper()
		if err := q.QueryRowContext(ctx, "SELECT n FROM sessions WHERE id = 'k'").Scan(&n); err != nil {
			t.Fatal(err)
		}
		return n
	}
	if n := read(tx); n != 5 {
		t.Errorf("own write reads as %d, want 5", n)
	}
	if n := read(b); n != 0 {
		t.Errorf("uncommitted write seen: %d, want 0", n)
	}
	if err := tx.Rollback(); err != nil {
		t.Fatal(err)
	}
	h.holders("other")
	if n := read(b); n != 0 {
		t.Errorf("after rollback n = %d, want 0", n)
	}

	h.exec(a, "SET autocommit=0")
	h.exec(a, "UPDATE sessions SET n = 6 WHERE id = 'k'")
	h.exec(a, "SAVEPOINT sp")
	h.exec(a, "INSERT INTO sessions (id) VALUES ('late')")
	h.exec(a, "ROLLBACK TO sp")
	if n := read(b); n != 0 {
		t.Errorf("autocommit=0: uncommitted write seen: %d, want 0", n)
	}
	h.exec(a, "COMMIT")
	h.exec(a, "SET autocommit=1")
	if n := read(b); n != 6 {
		t.Errorf("after commit n = %d, want 6", n)
	}
	h.holders("k", h.order("k")[:2]...)
	h.holders("late")
}

func TestTransactionsWaitForEachOther(t *testing.T) { eachLevel(t, testTransactionsWaitForEachOther) }

func testTransactionsWaitForEachOther(t *testing.T, level string) {
	h := startAt(t, level, 4, 2)
	ctx := context.Background()
	db := h.open("")
	h.exec(db, "INSERT INTO sessions (id) VALUES ('k')")
	var wg sync.WaitGroup
	for range 6 {
		wg.Go(func() {
			for range 20 {
				tx, err := db.BeginTx(ctx, nil)
				if err != nil {
					t.Error(err)
					return
				}
				var n int
				if err := tx.QueryRow("SELECT n FROM sessions WHERE id = 'k' FOR UPDATE").Scan(&n); err != nil {
					t.Error(err)
				}
				if _, err := tx.Exec("UPDATE sessions SET n = ? WHERE id = 'k'", n+1); err != nil {
					t.Error(err)
				}
				if err := tx.Commit(); err != nil {
					t.Error(err)
				}
			}
		})
	}
	wg.Wait()
	var n int
	if err := db.QueryRow("SELECT n FROM sessions WHERE id = 'k'").Scan(&n); err != nil || n != 120 {
		t.Errorf("n = %d, %v, want 120", n, err)
	}
	h.holders("k", h.order("k")[:2]...)
}

func TestStoreLostInTransaction(t *testing.T) { eachLevel(t, testStoreLostInTransaction) }

func testStoreLostInTransaction(t *testing.T, level string) {
	h := startAt(t, level, 4, 2)
	ctx := context.Background()
	db := h.open("")
	h.exec(db, "INSERT INTO sessions (id) VALUES ('k')")
	o := h.order("k")
	tx, err := db.BeginTx(ctx, nil)
	if err != nil {
		t.Fatal(err)
	}
	h.exec(tx, "UPDATE sessions SET n = 1 WHERE id = 'k'")
	h.down(int(o[0]))
	h.fails(1213, tx, "UPDATE sessions SET n = 2 WHERE id = 'k'")
	tx.Rollback()
	h.exec(db, "UPDATE sessions SET n = n + 10 WHERE id = 'k'")
	var n int
	if err := db.QueryRow("SELECT n FROM sessions WHERE id = 'k'").Scan(&n); err != nil || n != 10 {
		t.Errorf("n = %d, %v, want 10", n, err)
	}
	h.holders("k", o[1], o[2])
}

func TestStatusAndRefusals(t *testing.T) { eachLevel(t, testStatusAndRefusals) }

func testStatusAndRefusals(t *testing.T, level string) {
	h := startAt(t, level, 3, 2)
	c := h.conn("")
	h.fails(1146, c, "SELECT * FROM users")
	h.fails(1048, c, "INSERT INTO sessions (id) VALUES (NULL)")
	h.fails(1048, c, "INSERT INTO sessions (id) VALUES (?)", nil)
	h.fails(1064, c, "SELECT 1; SELECT 2")
	h.fails(1049, c, "USE nosuchdb")
	h.fails(1065, c, ";")
	h.fails(noSchema(), c, "SELECT 1 FROM nosuch.sessions WHERE id = 'a'")
	h.exec(c, "UPDATE sessions SET id = 'a' WHERE id = 'a'")
	if n := h.exec(h.conn("clientFoundRows=true"), "INSERT INTO sessions (id) VALUES ('a') ON DUPLICATE KEY UPDATE n = n"); n != 1 {
		t.Errorf("affected = %d, want 1", n)
	}
	if n := h.exec(h.conn("clientFoundRows=true"), "UPDATE sessions SET n = n WHERE id = 'a'"); n != 1 {
		t.Errorf("found rows = %d, want 1", n)
	}
	if n := h.exec(h.conn(""), "UPDATE sessions SET n = n WHERE id = 'a'"); n != 0 {
		t.Errorf("changed rows = %d, want 0", n)
	}
}

func TestSessionState(t *testing.T) { eachLevel(t, testSessionState) }

func testSessionState(t *testing.T, level string) {
	h := startAt(t, level, 3, 2)
	c := h.conn("")
	ctx := context.Background()
	h.exec(c, "SET SESSION sql_mode = CONCAT(@@sql_mode, ',ANSI_QUOTES'), @me = 'it''s'")
	for i := range 8 { // of several stores
		id := fmt.Sprint("k", i)
		h.exec(c, `INSERT INTO "sessions" ("id", "data") VALUES (?, @me)`, id)
		var data string
		if err := c.QueryRowContext(ctx, `SELECT "data" FROM "sessions" WHERE "id" = '`+id+`'`).Scan(&data); err != nil || data != "it's" {
			t.Errorf("data = %q, %v", data, err)
		}
	}
	other := h.conn("")
	var me sql.NullString
	if err := other.QueryRowContext(ctx, "SELECT @me").Scan(&me); err != nil || me.Valid {
		t.Errorf("another client sees @me = %v, %v", me, err)
	}
	h.exec(other, `UPDATE sessions SET data = "text" WHERE id = 'k1'`)
}

func TestDDLReachesAllStores(t *testing.T) {
	h := start(t, 3, 2)
	db := h.open("")
	h.down(2)
	h.await("store down", func() bool { return h.stores[2].State() == store.Down })
	h.exec(db, "ALTER TABLE sessions ADD COLUMN more int")
	if err := h.servers[2].Restart(context.Background()); err != nil {
		t.Fatal(err)
	}
	h.await("column everywhere", func() bool {
		for _, d := range h.direct {
			var n int
			if err := d.QueryRow("SELECT COUNT(*) FROM information_schema.COLUMNS WHERE TABLE_SCHEMA='app' AND COLUMN_NAME='more'").Scan(&n); err != nil || n != 1 {
				return false
			}
		}
		return true
	})
}

func TestMove(t *testing.T) {
	h := start(t, 5, 2)
	ctx := context.Background()
	for _, params := range []string{"", "interpolateParams=true"} {
		db := h.open(params)
		c := h.conn(params)
		for i := range 12 {
			from, to, taken := fmt.Sprint("from", i), fmt.Sprint("to", i), fmt.Sprint("taken", i)
			h.exec(db, "INSERT INTO sessions (id, data) VALUES (?, 'x')", from)
			h.exec(db, "INSERT INTO sessions (id, data) VALUES (?, 'y')", taken)
			// A leftover of the new key where it does not belong.
			if at := h.order(from)[0]; at != h.order(to)[0] {
				h.exec(h.direct[at], "REPLACE INTO app.sessions (id, data) VALUES (?, 'old')", to)
			}
			h.fails(1062, db, "UPDATE sessions SET id = ?, n = 3 WHERE id = ?", taken, from)
			if n := h.exec(db, "UPDATE IGNORE sessions SET id = ? WHERE id = ?", taken, from); n != 0 {
				t.Errorf("ignored duplicate affected %d", n)
			}
			h.holders(from, h.order(from)[:2]...)
			if n := h.exec(db, "UPDATE sessions SET n = n + 5, id = ? WHERE id = ?", to, from); n != 1 {
				t.Errorf("move affected %d, want 1", n)
			}
			h.holders(from)
			h.holders(to, h.order(to)[:2]...)
			h.holders(taken, h.order(taken)[:2]...)
			if installed.MariaDB() { // MySQL has no such variable
				if got := rowsOf(t, c, "SELECT @@in_transaction"); got != "@@in_transaction=0" {
					t.Errorf("after a move: %s", got)
				}
			}
			if n := h.exec(db, "UPDATE sessions SET id = ? WHERE id = ?", "nowhere", from); n != 0 {
				t.Errorf("move of nothing affected %d", n)
			}
			tx, err := c.BeginTx(ctx, nil)
			if err != nil {
				t.Fatal(err)
			}
			h.exec(tx, "UPDATE sessions SET id = ? WHERE id = ?", from, to)
			h.exec(tx, "UPDATE sessions SET n = 9 WHERE id = ?", from)
			if i%2 == 0 {
				err = tx.Commit()
				from, to = to, from
			} else {
				err = tx.Rollback()
			}
			if err != nil {
				t.Fatal(err)
			}
			h.holders(from)
			h.holders(to, h.order(to)[:2]...)
			h.exec(db, "DELETE FROM sessions WHERE id IN (?, ?)", to, taken)
		}
	}
}

func TestNumberForATextKey(t *testing.T) {
	h := start(t, 4, 2)
	db := h.open("")
	for _, id := range []string{"abc", "def", "0", "7", "7x", "07"} {
		h.exec(db, "INSERT INTO sessions (id) VALUES (?)", id)
	}
	c := h.conn("interpolateParams=true")
	h.exec(c, "SET sql_mode = ''")
	if got := rowsOf(t, c, "SELECT id FROM sessions WHERE id = 7"); !strings.Contains(got, "id=7") {
		t.Errorf("read = %q", got)
	}
	if n := h.exec(c, "DELETE FROM sessions WHERE id = ?", 0); n != 3 {
		t.Errorf("deleted %d, want 3", n)
	}
	h.holders("abc")
	h.holders("7", h.order("7")[:2]...)
	if n := h.exec(c, "UPDATE sessions SET n = 1 WHERE id = ?", 7); n != 3 {
		t.Errorf("updated %d, want 3", n)
	}
	h.holders("7x", h.order("7x")[:2]...)
}

// A copy that is lost in a transaction that autocommit=0 has begun must leave
// no row lock behind on the others.
func TestLostCopyFreesTheRecord(t *testing.T) { eachLevel(t, testLostCopyFreesTheRecord) }

func testLostCopyFreesTheRecord(t *testing.T, level string) {
	h := startAt(t, level, 4, 2)
	id := "lost-copy"
	o := h.order(id)
	a, b := h.conn(""), h.conn("")
	h.exec(a, "INSERT INTO sessions (id) VALUES (?)", id)
	h.exec(a, "SET autocommit=0")
	h.exec(a, "UPDATE sessions SET n = 1 WHERE id = ?", id)
	h.exec(a, "COMMIT")
	if err := h.servers[o[1]].Stop(); err != nil {
		t.Fatal(err)
	}
	// The proxy has to notice that the second copy is silent while the first
	// has answered.
	if _, err := a.ExecContext(context.Background(), "UPDATE sessions SET n = 2 WHERE id = ?", id); err != nil {
		h.fails(1213, fixed{err}, "UPDATE")
	}
	a.ExecContext(context.Background(), "ROLLBACK")
	h.down(int(o[1]))
	h.exec(b, "SET innodb_lock_wait_timeout=5")
	h.exec(b, "UPDATE sessions SET n = 7 WHERE id = ?", id)
	var open int
	if err := h.direct[o[0]].QueryRow("SELECT COUNT(*) FROM information_schema.INNODB_TRX").Scan(&open); err != nil || open != 0 {
		t.Errorf("%d transactions left open, %v", open, err)
	}
}

// fixed answers every statement with one error.
type fixed struct{ err error }

func (f fixed) ExecContext(context.Context, string, ...any) (sql.Result, error) { return nil, f.err }
