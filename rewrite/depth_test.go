package rewrite

import (
	"strings"
	"testing"
)

// TestDeepStatements holds the planner to refusing what would overflow the
// stack, which nothing could recover from.
func TestDeepStatements(t *testing.T) {
	const n = 60_000
	for name, sql := range map[string]string{
		"parentheses":  "SELECT * FROM sessions WHERE " + strings.Repeat("(", n) + "id = 'a'" + strings.Repeat(")", n),
		"unclosed":     "SELECT " + strings.Repeat("(", n),
		"NOT":          "SELECT * FROM sessions WHERE " + strings.Repeat("NOT ", n) + "id = 'a'",
		"minus":        "SELECT * FROM sessions WHERE id = " + strings.Repeat("- ", n) + "1",
		"AND":          "SELECT * FROM sessions WHERE id = 'a'" + strings.Repeat(" AND 1", n),
		"plus":         "SELECT 1" + strings.Repeat("+1", n),
		"joins":        "SELECT * FROM sessions" + strings.Repeat(", sessions", n),
		"JOIN":         "SELECT * FROM sessions" + strings.Repeat(" JOIN sessions", n),
		"inner joins":  "SELECT * FROM (SELECT 1 FROM sessions" + strings.Repeat(", sessions", n) + ") x",
		"CASE":         "SELECT " + strings.Repeat("CASE WHEN ", n) + "1",
		"functions":    "SELECT " + strings.Repeat("ABS(", n) + "1" + strings.Repeat(")", n),
		"subqueries":   "SELECT " + strings.Repeat("(SELECT ", n) + "1" + strings.Repeat(")", n),
		"UNION":        "SELECT 1" + strings.Repeat(" UNION SELECT 1", n),
		"INTERVAL":     "SELECT NOW()" + strings.Repeat(" + INTERVAL 1 DAY", n),
		"COLLATE":      "SELECT 'a'" + strings.Repeat(" COLLATE utf8mb4_bin", n),
		"IS":           "SELECT 1" + strings.Repeat(" IS NULL", n),
		"BINARY":       "SELECT " + strings.Repeat("BINARY ", n) + "1",
		"SET":          "SET @a = " + strings.Repeat("(", n) + "1" + strings.Repeat(")", n),
		"DDL":          "CREATE TABLE sessions " + strings.Repeat("(", n),
		"SET NAMES":    "SET " + strings.Repeat("@a=(", n),
		"row alias":    "INSERT INTO sessions (id) VALUES ('a') AS n ON DUPLICATE KEY UPDATE x = " + strings.Repeat("(", n),
		"arrow":        "SELECT a" + strings.Repeat("->'$.a'", n) + " FROM sessions",
		"assignment":   "SELECT " + strings.Repeat("@a := ", n) + "1",
		"from in list": "SELECT * FROM sessions WHERE id IN (SELECT 1 FROM x" + strings.Repeat(", x", n) + ")",
	} {
		p := NewPlanner(Options{Tables: truthTables})
		var s Statement
		p.Plan(&s, []byte(sql), "", 0)
		if s.Plan.Kind.keyed() && s.Plan.Refuse == "" {
			t.Errorf("%s: Plan = %v, want a refusal", name, s.Plan)
		}
	}
}

// TestWideStatements holds the planner to reading what is long, not deep.
func TestWideStatements(t *testing.T) {
	const n = 5000
	for name, sql := range map[string]string{
		"IN":   "SELECT * FROM sessions WHERE id IN ('a'" + strings.Repeat(", 'b'", n-1) + ")",
		"OR":   "SELECT * FROM sessions WHERE id = 'a'" + strings.Repeat(" OR id = 'b'", n-1),
		"rows": "INSERT INTO sessions (id, n) VALUES ('a', 1)" + strings.Repeat(", ('b', 1 + 1)", n-1),
	} {
		if name == "OR" { // three operators each
			sql = strings.Join(strings.SplitN(sql, " OR ", 3001)[:3000], " OR ")
		}
		p := NewPlanner(Options{Tables: truthTables})
		var s Statement
		p.Plan(&s, []byte(sql), "", 0)
		if want := strings.Count(sql, "'") / 2; s.Plan.Refuse != "" || len(s.Plan.Keys) != want {
			t.Errorf("%s: %d keys, refuse %q, want %d keys", name, len(s.Plan.Keys), s.Plan.Refuse, want)
		}
	}
}
