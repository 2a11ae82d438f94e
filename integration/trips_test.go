package integration

import (
	"context"
	"database/sql"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/dsmproxy/dsmproxy/internal/faultlink"
)

// TestRoundTrips looks at the sockets: how many round trips to how many stores
// a statement costs at each level, and how many of them one after the other.
// The proxy's own looks at the stores are among them, so the lowest of several
// counts is what counts.
func TestRoundTrips(t *testing.T) {
	for _, w := range []struct {
		level              string
		read, write        int64 // round trips in all
		readSeq, writeSeq  int   // one after the other
		readFrom, writesTo int   // stores
	}{
		{"seed", 1, 2, 1, 1, 1, 2},
		{"safe", 1, 2, 1, 2, 1, 2},
		{"strict", 4, 2, 1, 2, 3, 2}, // a read, and beside it a question to each store
	} {
		t.Run(w.level, func(t *testing.T) {
			f := startFleet(t, fleetOptions{level: w.level, stores: 3, proxies: 1, copies: 2, detect: 5 * time.Second, lease: 5 * time.Second})
			conn, err := f.client(f.proxies[0]).Conn(context.Background())
			if err != nil {
				t.Fatal(err)
			}
			defer conn.Close()
			read := func() { scanOne(t, conn, "SELECT data FROM sessions WHERE id = 'k'") }
			write := func() {
				if _, err := conn.ExecContext(context.Background(), "REPLACE INTO sessions (id, data) VALUES ('k', 'x')"); err != nil {
					t.Fatal(err)
				}
			}
			links := f.proxies[0].links
			for range 5 { // connections are opened, shapes read
				write()
				read()
			}
			// What has been written last is marked as being on both stores a
			// while later.
			time.Sleep(200 * time.Millisecond)
			if n, stores := usual(links, read); n != w.read || stores != w.readFrom {
				t.Errorf("a read takes %d round trips to %d stores, want %d to %d", n, stores, w.read, w.readFrom)
			}
			if n, stores := usual(links, write); n != w.write || stores != w.writesTo {
				t.Errorf("a write takes %d round trips to %d stores, want %d to %d", n, stores, w.write, w.writesTo)
			}
			time.Sleep(200 * time.Millisecond)

			const delay = 100 * time.Millisecond // of each round trip
			for _, l := range links {
				l.Delay(faultlink.Down, delay)
			}
			time.Sleep(2 * delay)
			if n := quickest(delay, read); n != w.readSeq {
				t.Errorf("a read waits for %d round trips one after the other, want %d", n, w.readSeq)
			}
			if n := quickest(delay, write); n != w.writeSeq {
				t.Errorf("a write waits for %d round trips one after the other, want %d", n, w.writeSeq)
			}
			if w.level == "strict" {
				f.sharedChecks(t, links)
			}
		})
	}
}

func scanOne(t *testing.T, conn *sql.Conn, query string) {
	t.Helper()
	var s string
	if err := conn.QueryRowContext(context.Background(), query).Scan(&s); err != nil {
		t.Error(err)
	}
}

// usual is how many round trips do takes most often, and to how many stores they
// go. The proxy has its own now and then, and where a majority is enough an
// answer may come after it.
func usual(links []*faultlink.Link, do func()) (trips int64, stores int) {
	type cost struct {
		trips  int64
		stores int
	}
	times := make(map[cost]int)
	for range 60 {
		before := make([]int64, len(links))
		for i, l := range links {
			before[i] = l.Trips()
		}
		do()
		var c cost
		for i, l := range links {
			if d := l.Trips() - before[i]; d > 0 {
				c.trips += d
				c.stores++
			}
		}
		times[c]++
	}
	var most cost
	for c, n := range times {
		if n > times[most] {
			most = c
		}
	}
	return most.trips, most.stores
}

// quickest is how many round trips of a known length do has waited for when it
// was quickest.
func quickest(length time.Duration, do func()) int {
	best := time.Hour
	for range 8 {
		begin := time.Now()
		do()
		best = min(best, time.Since(begin))
	}
	return int(best / length)
}

// sharedChecks wants reads that wait at the same time to share their checks.
func (f *fleet) sharedChecks(t *testing.T, links []*faultlink.Link) {
	t.Helper()
	const clients, reads = 16, 6
	db := f.client(f.proxies[0])
	db.SetMaxIdleConns(clients)
	var conns []*sql.Conn
	for range clients {
		c, err := db.Conn(context.Background())
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		scanOne(t, c, "SELECT data FROM sessions WHERE id = 'k'")
		conns = append(conns, c)
	}
	var before int64
	for _, l := range links {
		before += l.Trips()
	}
	var all sync.WaitGroup
	for _, c := range conns {
		all.Go(func() {
			for range reads {
				scanOne(t, c, "SELECT data FROM sessions WHERE id = 'k'")
			}
		})
	}
	all.Wait()
	var after int64
	for _, l := range links {
		after += l.Trips()
	}
	each := float64(after-before) / (clients * reads)
	t.Log(fmt.Sprintf("%.2f round trips for each of %d reads of %d clients", each, clients*reads, clients))
	if each > 2.5 {
		t.Errorf("%.2f round trips for each of %d reads of %d clients, want at most 2.5: the checks are not shared", each, clients*reads, clients)
	}
}
