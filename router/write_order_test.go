package router_test

import (
	"context"
	"database/sql"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/dsmproxy/dsmproxy/rewrite"
)

// twoProxies is start with a second proxy before the same stores, and a function
// that returns a client of either.
func twoProxies(t *testing.T, level string, m, n int) (h *harness, client func(proxy int) *sql.Conn) {
	h = startAt(t, level, m, n)
	addrs := []string{h.addr, h.serve(t, []rewrite.Table{{Name: "sessions", Key: "id"}})}
	return h, func(proxy int) *sql.Conn {
		was := h.addr
		h.addr = addrs[proxy]
		defer func() { h.addr = was }()
		return h.conn("")
	}
}

// Clients of two proxies that write one record in transactions wait for each
// other at the first store of its order, and not crosswise at two.
func TestTwoProxiesTransactionsOfOneKey(t *testing.T) {
	eachLevel(t, testTwoProxiesTransactionsOfOneKey)
}

func testTwoProxiesTransactionsOfOneKey(t *testing.T, level string) {
	for name, begin := range map[string][2]string{
		"begin":      {"BEGIN", "COMMIT"},
		"autocommit": {"SET autocommit=0", "COMMIT"},
	} {
		t.Run(name, func(t *testing.T) {
			h, client := twoProxies(t, level, 4, 2)
			writes := hotWrites(t, h, client, func(ctx context.Context, c *sql.Conn, i int) error {
				for _, q := range []string{begin[0], fmt.Sprintf("UPDATE sessions SET n=n+1, data='%d' WHERE id='hot'", i), begin[1]} {
					if _, err := c.ExecContext(ctx, q); err != nil {
						return fmt.Errorf("%s: %w", q, err)
					}
				}
				return nil
			})
			h.holders("hot", h.order("hot")[:2]...)
			hotCount(h, writes)
		})
	}
}

// Writes on their own wait for nothing once a store has run them, so that two
// proxies can't wait for each other.
func TestTwoProxiesWritesOfOneKey(t *testing.T) { eachLevel(t, testTwoProxiesWritesOfOneKey) }

func testTwoProxiesWritesOfOneKey(t *testing.T, level string) {
	h, client := twoProxies(t, level, 4, 2)
	writes := hotWrites(t, h, client, func(ctx context.Context, c *sql.Conn, i int) error {
		_, err := c.ExecContext(ctx, "UPDATE sessions SET n=n+1 WHERE id='hot'")
		return err
	})
	hotCount(h, writes)
}

// hotWrites has four clients, two of each proxy, write the record 'hot' 25 times
// each.
func hotWrites(t *testing.T, h *harness, client func(int) *sql.Conn, write func(ctx context.Context, c *sql.Conn, i int) error) int {
	t.Helper()
	const clients, each = 4, 25
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	h.exec(client(0), "INSERT INTO sessions (id, data) VALUES ('hot', 'x')")
	var writers sync.WaitGroup
	for i := range clients {
		c := client(i % 2)
		writers.Go(func() {
			for n := range each {
				if err := write(ctx, c, n*clients+i); err != nil {
					t.Error(err)
					return
				}
			}
		})
	}
	writers.Wait()
	return clients * each
}

// hotCount checks that both copies of 'hot' count the writes.
func hotCount(h *harness, writes int) {
	h.t.Helper()
	for _, s := range h.order("hot")[:2] {
		var n int
		if err := h.direct[s].QueryRow("SELECT n FROM app.sessions WHERE id='hot'").Scan(&n); err != nil {
			h.t.Fatal(err)
		}
		if n != writes {
			h.t.Errorf("store %d counts %d writes, want %d", s, n, writes)
		}
	}
}
