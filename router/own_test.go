package router_test

import (
	"context"
	"database/sql"
	"fmt"
	"strings"
	"testing"
)

// rows returns a result as text.
func rowsOf(t *testing.T, c *sql.Conn, query string, args ...any) string {
	t.Helper()
	r, err := c.QueryContext(context.Background(), query, args...)
	if err != nil {
		t.Errorf("%s: %v", query, err)
		return ""
	}
	defer r.Close()
	columns, err := r.Columns()
	if err != nil {
		t.Fatal(err)
	}
	var b strings.Builder
	for r.Next() {
		values, refs := make([]sql.NullString, len(columns)), make([]any, len(columns))
		for i := range values {
			refs[i] = &values[i]
		}
		if err := r.Scan(refs...); err != nil {
			t.Fatal(err)
		}
		for i, v := range values {
			fmt.Fprintf(&b, "%s=%s ", columns[i], v.String)
		}
		b.WriteByte('|')
	}
	if err := r.Err(); err != nil {
		t.Errorf("%s: %v", query, err)
	}
	return strings.TrimRight(b.String(), "| ")
}

// A session's own state is the same as with one server, whichever store
// carried its statements out.
func TestOwnStateIsAsAtOneServer(t *testing.T) {
	h := start(t, 4, 2)
	ctx := context.Background()
	for _, params := range []string{"interpolateParams=true", ""} {
		proxy := h.conn(params)
		direct, err := h.direct[0].Conn(ctx)
		if err != nil {
			t.Fatal(err)
		}
		h.exec(direct, "CREATE DATABASE IF NOT EXISTS single")
		h.exec(direct, "USE single")
		h.exec(direct, "DROP TABLE IF EXISTS sessions")
		h.exec(direct, "CREATE TABLE sessions LIKE app.sessions")
		steps := []string{
			"SELECT ROW_COUNT()",
			"INSERT INTO sessions (id, n) VALUES ('a', 1)",
			"SELECT ROW_COUNT(), ROW_COUNT() AS again",
			"SELECT ROW_COUNT()",
			"INSERT IGNORE INTO sessions (id, n) VALUES ('a', 2)",
			"SELECT @@warning_count",
			"SHOW WARNINGS",
			"SHOW COUNT(*) WARNINGS",
			"SHOW ERRORS",
			"UPDATE sessions SET n = n + 1 WHERE id = 'a'",
			"SELECT ROW_COUNT() + 10",
			"INSERT INTO sessions (id, n) VALUES ('a', 2)",
			"SHOW WARNINGS",
			"SELECT @@error_count, @@warning_count",
			"SELECT id FROM sessions WHERE id = 'a'",
			"SELECT FOUND_ROWS()",
			"SELECT SQL_CALC_FOUND_ROWS id FROM sessions WHERE id = 'a' LIMIT 0",
			"SELECT FOUND_ROWS()",
			"DELETE FROM sessions WHERE n > 0",
			"SELECT ROW_COUNT()",
			"SELECT CAST('12x' AS SIGNED)",
			"SHOW WARNINGS",
			"SELECT LAST_INSERT_ID()",
			"UPDATE sessions SET n = LAST_INSERT_ID(41) WHERE id = 'a'",
		}
		for _, q := range steps {
			if word, _, _ := strings.Cut(q, " "); word != "SELECT" && word != "SHOW" {
				_, errP := proxy.ExecContext(ctx, q)
				_, errD := direct.ExecContext(ctx, q)
				if fmt.Sprint(errP) != fmt.Sprint(errD) {
					t.Errorf("%s = %v, want %v", q, errP, errD)
				}
				continue
			}
			if got, want := rowsOf(t, proxy, q), rowsOf(t, direct, q); got != want {
				t.Errorf("%q: %s = %q, want %q", params, q, got, want)
			}
		}
		direct.Close()
	}
	a, b := h.conn(""), h.conn("")
	if x, y := rowsOf(t, a, "SELECT CONNECTION_ID()"), rowsOf(t, b, "SELECT CONNECTION_ID()"); x == y || x != rowsOf(t, a, "SELECT CONNECTION_ID()") {
		t.Errorf("connection ids %s and %s", x, y)
	}
}
