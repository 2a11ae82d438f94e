package router_test

import (
	"context"
	"fmt"
	"testing"
	"time"
)

// TestSeveralKeysBeforeFounding: statements of several keys that come before the
// group has a view wait for it, as those of one key do, though nobody knows yet
// which stores their records have.
func TestSeveralKeysBeforeFounding(t *testing.T) {
	servers := installed.Start(t, 3, manyConnections)
	founding := make(chan struct{})
	h := startReached(t, "safe", servers, addrsOf(servers), 2, -1, func(h *harness) { h.founding = founding })
	type answer struct {
		query string
		err   error
	}
	queries := []string{
		"REPLACE INTO sessions (id, n) VALUES %s",
		"INSERT INTO sessions (id, n) VALUES %s ON DUPLICATE KEY UPDATE n = VALUES(n)",
		"UPDATE sessions SET n = 2 WHERE id IN ('a', 'b', 'c', 'd', 'e', 'f')",
		"DELETE FROM sessions WHERE id IN ('u', 'v', 'w', 'x', 'y', 'z')",
		"SELECT n FROM sessions WHERE id IN ('a', 'b', 'c', 'd', 'e', 'f') FOR UPDATE",
	}
	answers := make(chan answer, 2*len(queries))
	for i, query := range queries {
		for try, params := range []string{"", "interpolateParams=true"} {
			c := h.conn(params)
			var args []any
			if i < 2 {
				rows, values := rowsInsert("", "", fmt.Sprint(i, try, "-"), 6)
				query, args = fmt.Sprintf(queries[i], rows), values
			}
			go func() {
				_, err := c.ExecContext(context.Background(), query, args...)
				answers <- answer{query, err}
			}()
		}
	}
	h.await("all statements are on their way", func() bool {
		running := 0
		for _, c := range h.clients() {
			if c.Running {
				running++
			}
		}
		return running == cap(answers)
	})
	close(founding)
	for range cap(answers) {
		select {
		case a := <-answers:
			if a.err != nil {
				t.Errorf("%s: %v", a.query, a.err)
			}
		case <-time.After(time.Minute):
			t.Fatal("no answer")
		}
	}
	for i := range 2 {
		for try := range 2 {
			for row := range 6 {
				id := fmt.Sprint(i, try, "-", row)
				h.holders(id, h.order(id)[:2]...)
			}
		}
	}
}
