package router_test

import (
	"fmt"
	"testing"

	"github.com/dsmproxy/dsmproxy/rewrite"
)

// TestRowsOfOneMoment: the rows of one INSERT have one time, with and without
// numbers that the proxy gives, and the clocks of the connections go on behind
// it. One that the client has stopped stays as it is.
func TestRowsOfOneMoment(t *testing.T) { eachLevel(t, testRowsOfOneMoment) }

func testRowsOfOneMoment(t *testing.T, level string) {
	h := startAt(t, level, 3, 2)
	for _, db := range h.direct {
		h.exec(db, numberedTables[0])
	}
	addr := h.serve(t, []rewrite.Table{{Name: "sessions", Key: "id"}, {Name: "rails", Key: "session_id", Surrogate: "id"}})
	for _, table := range []struct{ name, key, since string }{{"rails", "session_id", "created_at"}, {"sessions", "id", "changed"}} {
		for _, begin := range []string{"SET @none = 1", "BEGIN"} {
			c, err := h.openAt(addr, "interpolateParams=true").Conn(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			const rows = 8
			keys, values := "", ""
			for i := range rows {
				keys += fmt.Sprintf(", '%s%d'", begin[:1], i)
				values += fmt.Sprintf(", ('%s%d', NOW(6))", begin[:1], i)
			}
			insert := "INSERT INTO " + table.name + " (" + table.key + ", data) VALUES " + values[2:]
			count := func(what string) (n int) {
				query := "SELECT COUNT(" + what + ") FROM " + table.name + " WHERE " + table.key + " IN (" + keys[2:] + ")"
				if err := c.QueryRowContext(t.Context(), query).Scan(&n); err != nil {
					t.Fatal(query, err)
				}
				return n
			}
			h.exec(c, begin)
			h.exec(c, insert)
			for _, column := range []string{"data", table.since} {
				if n := count("DISTINCT " + column); n != 1 {
					t.Errorf("%s, %s: %d different times of %s, want 1", table.name, begin, n, column)
				}
			}
			for i := range rows {
				h.exec(c, fmt.Sprintf("UPDATE %s SET data = NOW(6) > data WHERE %s = '%s%d'", table.name, table.key, begin[:1], i))
			}
			if n := count("NULLIF(data, 0)"); n != rows {
				t.Errorf("%s, %s: the clock goes on for %d records, want %d", table.name, begin, n, rows)
			}
			h.exec(c, "COMMIT")

			h.exec(c, "DELETE FROM "+table.name+" WHERE "+table.key+" IN ("+keys[2:]+")")
			h.exec(c, "SET timestamp = 1000000000")
			h.exec(c, insert)
			if n := count("NULLIF(UNIX_TIMESTAMP(data) = 1000000000, 0)"); n != rows {
				t.Errorf("%s, %s: %d records of the client's time, want %d", table.name, begin, n, rows)
			}
			h.exec(c, fmt.Sprintf("UPDATE %s SET data = NOW(6) WHERE %s = '%s0'", table.name, table.key, begin[:1]))
			if n := count("NULLIF(UNIX_TIMESTAMP(data) = 1000000000, 0)"); n != rows {
				t.Errorf("%s, %s: %d records of the client's time behind an UPDATE, want %d", table.name, begin, n, rows)
			}
			h.exec(c, "DELETE FROM "+table.name+" WHERE "+table.key+" IN ("+keys[2:]+")")
			c.Close()
		}
	}
}
