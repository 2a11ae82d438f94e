package router_test

import (
	"context"
	"database/sql"
	"fmt"
	"os"
	"runtime"
	"strings"
	"testing"
	"time"
)

// TestScatterOfManyRecords: what is held in memory does not grow with the
// answer, nor with what is sorted, counted, updated or deleted.
func TestScatterOfManyRecords(t *testing.T) {
	const records, size = 40_000, 1000
	h := start(t, 3, 2)
	rows := make([][]string, len(h.direct))
	insert := func(i int) {
		h.exec(h.direct[i], "INSERT INTO app.sessions (id, data, n, expires) VALUES "+strings.Join(rows[i], ","))
		rows[i] = rows[i][:0]
	}
	for k := range records {
		id := fmt.Sprintf("%032x", k)
		for _, i := range h.order(id)[:2] {
			rows[i] = append(rows[i], fmt.Sprintf("('%s',REPEAT('x',%d),%d,%d)", id, size, k, k%10))
			if len(rows[i]) == 5000 {
				insert(int(i))
			}
		}
	}
	for i := range rows {
		insert(i)
	}
	db := h.open("")
	for _, c := range []struct {
		query string
		rows  int
	}{
		{"SELECT * FROM sessions", records},
		{"SELECT * FROM sessions ORDER BY n DESC", records},
		{"SELECT COUNT(*) FROM sessions", 1},
		{"SELECT expires, COUNT(*), SUM(n), MAX(LENGTH(data)) FROM sessions GROUP BY expires", 10},
	} {
		grown := h.grows(func() {
			rows, err := db.Query(c.query)
			if err != nil {
				t.Errorf("%s: %v", c.query, err)
				return
			}
			defer rows.Close()
			columns, _ := rows.Columns()
			values := make([]any, len(columns))
			for i := range values {
				values[i] = new(sql.RawBytes)
			}
			n := 0
			for rows.Next() {
				if err := rows.Scan(values...); err != nil {
					t.Errorf("%s: %v", c.query, err)
				}
				n++
			}
			if err := rows.Err(); err != nil || n != c.rows {
				t.Errorf("%s gives %d rows, want %d: %v", c.query, n, c.rows, err)
			}
		})
		if grown > 24<<20 {
			t.Errorf("%s: the heap grows by %d MiB", c.query, grown>>20)
		}
	}
	for _, query := range []string{"UPDATE sessions SET n = n + 1 WHERE expires < 5", "DELETE FROM sessions WHERE expires < 5"} {
		grown := h.grows(func() {
			if n := h.exec(db, query); n != records/2 {
				t.Errorf("%s affects %d, want %d", query, n, records/2)
			}
		})
		if grown > 48<<20 {
			t.Errorf("%s: the heap grows by %d MiB", query, grown>>20)
		}
	}
	h.shows(db, fmt.Sprint(records/2), "SELECT COUNT(*) FROM sessions")
}

// grows runs f and returns by how much the heap in use was larger meanwhile
// than before.
func (h *harness) grows(f func()) (most uint64) {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	before := m.HeapInuse
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() {
		defer close(done)
		for {
			runtime.ReadMemStats(&m)
			most = max(most, m.HeapInuse)
			select {
			case <-ctx.Done():
				return
			case <-time.After(5 * time.Millisecond):
			}
		}
	}()
	begin := time.Now()
	f()
	took := time.Since(begin)
	cancel()
	<-done
	most -= min(before, most)
	status, _ := os.ReadFile("/proc/self/status")
	_, rss, _ := strings.Cut(string(status), "VmRSS:")
	rss, _, _ = strings.Cut(rss, "\n")
	h.t.Logf("heap +%d KiB, RSS of proxy and test %s, %v", most>>10, strings.TrimSpace(rss), took.Round(time.Millisecond))
	return most
}
