package router_test

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"
	"testing"

	"github.com/go-sql-driver/mysql"

	"github.com/dsmproxy/dsmproxy/rewrite"
)

// TestLocksApart: clients of two proxies lock records of several stores by one
// statement each, in every order in which one can name them, and none of them
// waits for another in a circle.
func TestLocksApart(t *testing.T) { eachLevel(t, testLocksApart) }

func testLocksApart(t *testing.T, level string) {
	h := startAt(t, level, 3, 2)
	first := h.open("")
	h.addr = h.serve(t, []rewrite.Table{{Name: "sessions", Key: "id"}})
	pools := []*sql.DB{first, h.open("")}
	keys := []any{"a", "b", "c", "d", "e"}
	h.exec(first, "INSERT INTO sessions (id) VALUES (?), (?), (?), (?), (?)", keys...)
	const clients, rounds = 4, 6
	errs := make([]error, clients)
	var running sync.WaitGroup
	for i := range clients {
		running.Go(func() {
			rnd := rand.New(rand.NewPCG(uint64(i), 1))
			for done := 0; done < rounds && errs[i] == nil; {
				order := make([]any, 0, len(keys))
				for _, at := range rnd.Perm(len(keys)) {
					order = append(order, keys[at])
				}
				find := "SELECT n FROM sessions WHERE id IN (?, ?, ?, ?, ?) FOR UPDATE"
				if rnd.IntN(3) == 0 {
					find, order = "SELECT n FROM sessions WHERE id < ? FOR UPDATE", []any{"x"}
				}
				err := lockAndCount(pools[i%2], find, order)
				var refused *mysql.MySQLError
				switch {
				case err == nil:
					done++
				case level != "seed" && errors.As(err, &refused) && refused.Number == 1213 && refused.Message != deadlockText:
					// A slow machine: a store was taken for dead.
				default:
					errs[i] = err
				}
			}
		})
	}
	running.Wait()
	if err := errors.Join(errs...); err != nil {
		t.Fatal(err)
	}
	var low, high int
	if err := first.QueryRow("SELECT MIN(n), MAX(n) FROM sessions").Scan(&low, &high); err != nil {
		t.Fatal(err)
	}
	if low != clients*rounds || high != low {
		t.Errorf("n is from %d to %d, want %d: a lock was not held", low, high, clients*rounds)
	}
}

const deadlockText = "Deadlock found when trying to get lock; try restarting transaction"

// lockAndCount raises each record's n by one, from what it has read.
func lockAndCount(db *sql.DB, find string, args []any) error {
	ctx := context.Background()
	tx, err := db.BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	defer func() { _ = tx.Rollback() }()
	rows, err := tx.QueryContext(ctx, find, args...)
	if err != nil {
		return err
	}
	defer rows.Close()
	n, count := 0, 0
	for ; rows.Next(); count++ {
		if err := rows.Scan(&n); err != nil {
			return err
		}
	}
	if err := errors.Join(rows.Err(), rows.Close()); err != nil {
		return err
	}
	if count != 5 {
		return fmt.Errorf("%s %v has found %d records, want 5", find, args, count)
	}
	if _, err := tx.ExecContext(ctx, "UPDATE sessions SET n = ? WHERE id IN ('a', 'b', 'c', 'd', 'e')", n+1); err != nil {
		return err
	}
	return tx.Commit()
}
