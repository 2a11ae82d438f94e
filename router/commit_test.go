package router_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"strings"
	"sync"
	"testing"
	"time"
)

// A store that is lost between the last statement and COMMIT leaves no half of
// the transaction behind: what one store has committed, another gets as well,
// and the client learns of success; where none has, it learns of that.
func TestStoreLostBeforeCommit(t *testing.T) {
	for _, lost := range [][]int{{0}, {1}, {0, 1}} {
		t.Run(fmt.Sprint(lost), func(t *testing.T) {
			t.Parallel()
			h := start(t, 3, 2)
			db := h.open("")
			o := h.order("k")
			h.exec(db, "INSERT INTO sessions (id, n) VALUES ('k', 1)")
			c := h.conn("")
			h.exec(c, "BEGIN")
			h.exec(c, "UPDATE sessions SET n = 2 WHERE id = 'k'")
			for _, i := range lost {
				h.down(int(o[i]))
			}
			_, err := c.ExecContext(context.Background(), "COMMIT")
			if len(lost) == 2 {
				if err == nil {
					t.Error("a COMMIT that no store has carried out succeeds")
				}
				return
			}
			if err != nil {
				t.Fatalf("COMMIT = %v", err)
			}
			h.holders("k", o[1-lost[0]], o[2])
			for i := range h.servers {
				if h.servers[i].Running() && !strings.HasPrefix(h.record(i, "k"), "2|") {
					t.Errorf("store %d has %s", i, h.record(i, "k"))
				}
			}
			if got := lockValue(t, c, "SELECT n FROM sessions WHERE id = 'k'"); got != "2" {
				t.Errorf("n = %s after COMMIT, want 2", got)
			}
		})
	}
}

// Clients that are killed in the middle of whatever they do leave equal copies
// and no lock behind.
func TestKilledClientsLeaveEqualCopies(t *testing.T) {
	h := start(t, 3, 2)
	killer := h.conn("interpolateParams=true")
	ctx, cancel := context.WithTimeout(context.Background(), 4*time.Second)
	defer cancel()
	var wg sync.WaitGroup
	ids := make(chan string, 8)
	for i := range 4 {
		wg.Go(func() {
			db := h.open("interpolateParams=true")
			db.SetMaxIdleConns(0)
			for ctx.Err() == nil {
				c, err := db.Conn(ctx)
				if err != nil {
					continue
				}
				var id string
				if c.QueryRowContext(ctx, "SELECT CONNECTION_ID()").Scan(&id) == nil {
					select {
					case ids <- id:
					default:
					}
				}
				for n := 0; err == nil && ctx.Err() == nil; n++ {
					key := fmt.Sprint("k", rand.IntN(5))
					switch n % 4 {
					case 0:
						_, err = c.ExecContext(context.Background(), "REPLACE INTO sessions (id, n) VALUES (?, ?)", key, i*1000+n)
					case 1:
						_, err = c.ExecContext(context.Background(), "UPDATE sessions SET n = n + 1 WHERE id = ?", key)
					case 2:
						_, err = c.ExecContext(context.Background(), "BEGIN")
						if err == nil {
							_, err = c.ExecContext(context.Background(), "UPDATE sessions SET n = n + 7 WHERE id = ?", key)
						}
						if err == nil {
							_, err = c.ExecContext(context.Background(), "COMMIT")
						}
					case 3:
						_, err = c.ExecContext(context.Background(), "DELETE FROM sessions WHERE id = ?", key)
					}
				}
				c.Close()
			}
		})
	}
	kills := 0
	for ctx.Err() == nil {
		select {
		case id := <-ids:
			time.Sleep(time.Duration(rand.IntN(20)) * time.Millisecond)
			if _, err := killer.ExecContext(context.Background(), "KILL "+id); err == nil {
				kills++
			}
		case <-ctx.Done():
		}
	}
	wg.Wait()
	t.Logf("%d clients were killed", kills)
	if kills == 0 {
		t.Error("no client was killed")
	}
	db := h.open("")
	for i := range 5 {
		key := fmt.Sprint("k", i)
		// Its lock is free, and what was under way there has ended.
		h.exec(db, "SELECT 1 FROM sessions WHERE id = ? FOR UPDATE", key)
		o := h.order(key)
		if h.record(int(o[0]), key) == "" {
			h.holders(key)
		} else {
			h.holders(key, o[0], o[1])
		}
	}
}
