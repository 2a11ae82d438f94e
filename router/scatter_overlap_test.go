package router_test

import (
	"database/sql"
	"fmt"
	"testing"
)

// TestScatterOverlap: a read of all records has all stores work at once. None of
// them can answer before all have been asked.
func TestScatterOverlap(t *testing.T) { eachLevel(t, testScatterOverlap) }

func testScatterOverlap(t *testing.T, level string) {
	h := startPatient(t, level, 3, 2)
	db := h.open("")
	for i := range 12 {
		h.exec(db, "INSERT INTO sessions (id, n) VALUES (?, ?)", fmt.Sprint("k", i), i)
	}
	var gates []*sql.Conn
	for _, d := range h.direct {
		gate, err := d.Conn(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		defer gate.Close()
		gates = append(gates, gate)
	}
	for _, sql := range []string{
		"SELECT n FROM sessions WHERE n >= 0",
		"SELECT COUNT(*) FROM sessions",
	} {
		for _, gate := range gates {
			h.exec(gate, "LOCK TABLES app.sessions WRITE")
		}
		done := make(chan []string, 1)
		go func() { done <- h.strs(db, sql) }()
		h.await("all stores to work at "+sql, func() bool { return h.held() == len(gates) })
		for _, gate := range gates {
			h.exec(gate, "UNLOCK TABLES")
		}
		if got := <-done; len(got) != 12 && (len(got) != 1 || got[0] != "12") {
			t.Errorf("%s = %v", sql, got)
		}
	}
}

// held counts the stores at which a SELECT waits for a table that is locked.
func (h *harness) held() (n int) {
	h.t.Helper()
	for _, d := range h.direct {
		var waits int
		if err := d.QueryRow("SELECT COUNT(*) > 0 FROM information_schema.PROCESSLIST WHERE INFO LIKE 'SELECT%sessions%' " +
			"AND STATE LIKE 'Waiting for table%'").Scan(&waits); err != nil {
			h.t.Fatal(err)
		}
		n += waits
	}
	return n
}
