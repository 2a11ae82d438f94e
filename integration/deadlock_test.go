package integration

import (
	"context"
	"database/sql"
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"
)

// TestDeadlockOverStores has two transactions wait for each other on different
// stores, which no store can see: the gaps that FOR UPDATE locks for records
// that do not exist yet are in the way of each other's INSERT. Both end within
// the stores' innodb_lock_wait_timeout, and copies stay equal.
func TestDeadlockOverStores(t *testing.T) {
	c := startCluster(t, options{stores: 2, copies: 2, storeArgs: []string{"--innodb-lock-wait-timeout=2"}})
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	db := c.client(t)
	a, b := c.oppositeKeys(t)
	var txs []*sql.Tx
	for _, key := range []string{a, b} {
		tx, err := db.BeginTx(ctx, nil)
		if err != nil {
			t.Fatal(err)
		}
		defer tx.Rollback()
		if err := tx.QueryRow("SELECT data FROM sessions WHERE id = ? FOR UPDATE", key).Scan(new(string)); err != sql.ErrNoRows {
			t.Fatalf("FOR UPDATE of a record that does not exist: %v", err)
		}
		txs = append(txs, tx)
	}
	begin := time.Now()
	errs := make([]error, 2)
	var wg sync.WaitGroup
	for i, key := range []string{a, b} {
		wg.Go(func() {
			if _, errs[i] = txs[i].Exec("INSERT INTO sessions (id, data) VALUES (?, 'x')", key); errs[i] != nil {
				txs[i].Rollback()
				return
			}
			errs[i] = txs[i].Commit()
		})
	}
	wg.Wait()
	t.Logf("after %v: %v and %v", time.Since(begin).Round(time.Millisecond), errs[0], errs[1])
	if took := time.Since(begin); took > 20*time.Second {
		t.Errorf("the deadlock lasted %v", took)
	}
	var there, gone []string
	for i, key := range []string{a, b} {
		if errs[i] == nil {
			there = append(there, key)
		} else {
			gone = append(gone, key)
		}
	}
	c.wantPlaced(t, there, gone)
	// Both clients can go on.
	for _, key := range []string{a, b} {
		mustExec(t, db, "REPLACE INTO sessions (id, data) VALUES (?, 'again')", key)
	}
	c.wantPlaced(t, []string{a, b}, nil)
}

// oppositeKeys are two keys whose first two stores are the same in the other
// order.
func (c *cluster) oppositeKeys(t *testing.T) (a, b string) {
	t.Helper()
	var keys []string
	for i := range 100 {
		keys = append(keys, fmt.Sprint("opposite", i))
	}
	orders := c.orders(t, keys...)
	a = keys[0]
	for _, b = range keys[1:] {
		if slices.Equal([]string{orders[a][1], orders[a][0]}, orders[b][:2]) {
			return a, b
		}
	}
	t.Fatal("no two keys have opposite orders")
	return
}
