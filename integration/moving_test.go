package integration

import (
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"
)

// TestMoves: records get other keys, statement by statement, through a proxy
// that is killed over and over. What it leaves half done another proxy finishes,
// at once after an upgrade too, of stores that were founded when there was no
// table for it: in the end each record is there once, and the same on its copies.
func TestMoves(t *testing.T) {
	f := startFleet(t, fleetOptions{level: "safe", stores: 3, proxies: 2, copies: 2})
	mover, other := f.proxies[0], f.proxies[1]
	mover.Kill()
	other.Kill()
	for _, n := range f.nodes {
		mustExec(t, n.db, "DROP TABLE dsm.moving")
	}
	f.serve(mover)
	f.serve(other)
	for _, n := range f.nodes {
		eventually(t, time.Minute, "the table of moves", func() bool {
			_, err := n.db.Exec("SELECT 1 FROM dsm.moving")
			return err == nil
		})
	}
	db := f.client(other)
	const records = 8
	name := func(r, n int) string { return fmt.Sprintf("r%d-%d", r, n) }
	eventually(t, time.Minute, "service", func() bool {
		_, err := db.Exec("REPLACE INTO sessions (id, data) VALUES ('first', 'x')")
		return err == nil
	})
	for r := range records {
		mustExec(t, db, fmt.Sprintf("INSERT INTO sessions (id, data) VALUES ('%s', '%d')", name(r, 0), r))
	}
	at := make([]int, records) // the last move that is known of
	for round := range 6 {
		var wg sync.WaitGroup
		begun := make(chan bool, records)
		for r := range records {
			wg.Go(func() {
				c := f.client(mover)
				defer c.Close()
				for first := true; ; first = false {
					res, err := c.Exec(fmt.Sprintf("UPDATE sessions SET id = '%s' WHERE id = '%s'", name(r, at[r]+1), name(r, at[r])))
					if first {
						begun <- true
					}
					if err != nil {
						return // killed
					}
					if n, _ := res.RowsAffected(); n != 1 {
						t.Errorf("%d rows of %s got another key", n, name(r, at[r]))
						return
					}
					at[r]++
				}
			})
		}
		<-begun
		time.Sleep(time.Duration(round*7) * time.Millisecond) // where they are then is up to chance
		mover.Kill()
		wg.Wait()
		for r := range records {
			eventually(t, time.Minute, "record "+name(r, at[r])+" to be there once", func() bool {
				var ids string
				err := db.QueryRow(fmt.Sprintf("SELECT id FROM sessions WHERE id = '%s'", name(r, at[r]))).Scan(&ids)
				old := err == nil
				err2 := db.QueryRow(fmt.Sprintf("SELECT id FROM sessions WHERE id = '%s'", name(r, at[r]+1))).Scan(&ids)
				if moved := err2 == nil; moved != old {
					if moved {
						at[r]++
					}
					return true
				}
				return false
			})
		}
		f.serve(mover)
		eventually(t, time.Minute, "the proxy to serve again", func() bool {
			c := f.client(mover)
			defer c.Close()
			return c.Ping() == nil
		})
	}
	f.awaitHeal(healLimit)
	var keys []string
	for r := range records {
		for n := range at[r] + 2 {
			keys = append(keys, name(r, n))
		}
	}
	there := f.wantCopies(keys, 30*time.Second)
	if len(there) != records {
		t.Errorf("%d records are there, want %d", len(there), records)
	}
	t.Logf("%v moves; finished by the other proxy: %d", at, strings.Count(other.Log.String(), "move finished"))
}
