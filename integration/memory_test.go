package integration

import (
	"context"
	"database/sql"
	"fmt"
	"os"
	"runtime"
	"strings"
	"testing"
)

// TestMemoryOfLargeAnswers: what the program holds of an answer does not grow
// with the table where the order of the rows allows that: it passes on what the
// stores send. Only what no store can put in order or find by itself is held
// there, on copies at a store, and not in the proxy.
func TestMemoryOfLargeAnswers(t *testing.T) {
	const (
		records, size = 200, 200_000 // 40 MB
		room          = 24 << 20     // 4 MiB are kept back until it is known that they are not stale
	)
	if runtime.GOOS != "linux" {
		return // only there a process has a greatest size that can be reset
	}
	c := startCluster(t, options{stores: 3, copies: 2})
	db := c.client(t)
	for i := 0; i < records; i += 10 {
		var rows []string
		for k := range 10 {
			rows = append(rows, fmt.Sprintf("('k%d',REPEAT('x',%d),%d)", i+k, size, k))
		}
		mustExec(t, db, "INSERT INTO sessions (id, data, expires) VALUES "+strings.Join(rows, ","))
	}
	for _, q := range []struct {
		sql  string
		rows int
	}{
		{"SELECT * FROM sessions", records},
		{"SELECT * FROM sessions ORDER BY id", records},
		{"SELECT * FROM sessions ORDER BY expires DESC, id LIMIT 10", 10},
		{"SELECT * FROM sessions LIMIT 20", 20},
		{"SELECT COUNT(*) FROM sessions", 1},
		{"SELECT expires, COUNT(*), SUM(LENGTH(data)) FROM sessions GROUP BY expires", 10},
	} {
		before := c.resetPeak(t)
		if n := countRows(t, db, q.sql); n != q.rows {
			t.Errorf("%s: %d rows, want %d", q.sql, n, q.rows)
		}
		if grown := c.sizeOf(t, "VmHWM:") - before; grown > room {
			t.Errorf("%s: the proxy has grown by %d KiB", q.sql, grown>>10)
		} else {
			t.Logf("%s: %d KiB", q.sql, grown>>10)
		}
	}
}

func countRows(t *testing.T, db *sql.DB, query string) (n int) {
	t.Helper()
	rows, err := db.QueryContext(context.Background(), query)
	if err != nil {
		t.Fatalf("%s: %v", query, err)
	}
	defer rows.Close()
	for rows.Next() {
		n++
	}
	if err := rows.Err(); err != nil {
		t.Fatalf("%s: %v", query, err)
	}
	return n
}

// resetPeak makes the program's size of now its greatest, and returns it.
func (c *cluster) resetPeak(t *testing.T) int {
	t.Helper()
	if err := os.WriteFile(fmt.Sprintf("/proc/%d/clear_refs", c.Pid()), []byte("5"), 0); err != nil {
		t.Fatal(err)
	}
	return c.sizeOf(t, "VmRSS:")
}

// sizeOf is a size in bytes that the system tells of the program.
func (c *cluster) sizeOf(t *testing.T, name string) int {
	t.Helper()
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", c.Pid()))
	if err != nil {
		t.Fatal(err)
	}
	_, rest, _ := strings.Cut(string(text), name)
	var kib int
	if _, err := fmt.Sscan(rest, &kib); err != nil {
		t.Fatal(err)
	}
	return kib << 10
}
