package router_test

import (
	"database/sql"
	"strings"
	"testing"
)

// TestExplainWhereTheRecordIs: EXPLAIN and its kin of a statement with a key go
// to a store that holds the record; elsewhere it would be an impossible WHERE.
func TestExplainWhereTheRecordIs(t *testing.T) {
	eachLevel(t, func(t *testing.T, level string) {
		h := startAt(t, level, 4, 1)
		db, c := h.open(""), h.conn("")
		for _, key := range h.keysOn("key", 4) {
			h.exec(db, "INSERT INTO sessions (id, data) VALUES (?, 'x')", key)
			queries := []string{"EXPLAIN ", "DESC ", "DESCRIBE FORMAT=JSON "}
			if installed.MariaDB() {
				queries = append(queries, "EXPLAIN EXTENDED ", "ANALYZE ", "ANALYZE FORMAT=JSON ")
			}
			for _, q := range queries {
				q += "SELECT data FROM sessions WHERE id = "
				h.explained(c, q+"'"+key+"'")
				h.explained(c, q+"?", key)
			}
		}
		h.exec(db, "EXPLAIN UPDATE sessions SET n = 77 WHERE id = 'none'")
		h.exec(db, "EXPLAIN SELECT * FROM sessions")
		beyond := uint16(1235)
		if !installed.MariaDB() {
			beyond = 1064 // it is no statement of MySQL's
		}
		h.fails(beyond, db, "ANALYZE UPDATE sessions SET n = 1 WHERE id = 'a'")
	})
}

// explained has an EXPLAIN say that the record is there.
func (h *harness) explained(c *sql.Conn, q string, args ...any) {
	h.t.Helper()
	there := "const"
	if !installed.MariaDB() {
		there = "ows fetched before execution"
	}
	if got := rowsOf(h.t, c, q, args...); !strings.Contains(got, there) || strings.Contains(got, "mpossible") {
		h.t.Errorf("%s %q: %s, want the plan of a record that is there", q, args, got)
	}
}
