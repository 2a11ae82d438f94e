package router_test

import "testing"

// TestValuesThatGoOnFromRowToRow: what depends on the rows before is refused where
// the rows are written in parts, and carried out where they are not.
func TestValuesThatGoOnFromRowToRow(t *testing.T) { eachLevel(t, testValuesThatGoOnFromRowToRow) }

func testValuesThatGoOnFromRowToRow(t *testing.T, level string) {
	h := startAt(t, level, 3, 1)
	db := h.conn("")
	h.exec(db, "INSERT INTO sessions (id, n) VALUES ('a', 1), ('b', 2), ('c', 3), ('d', 4), ('e', 5), ('f', 6)")
	const several = " WHERE id IN ('a', 'b', 'c', 'd', 'e', 'f')"
	for _, query := range []string{
		"UPDATE sessions SET n = RAND(5) * 1e6" + several,
		"UPDATE sessions SET n = RAND(5) * 1e6",
		"UPDATE sessions SET n = 7" + several + " AND RAND(5) < 2",
		"DELETE FROM sessions" + several + " AND RAND(5) < 2",
		"INSERT INTO sessions (id) VALUES ('a'), ('b'), ('c'), ('d') ON DUPLICATE KEY UPDATE n = RAND(5) * 1e6",
		"UPDATE sessions SET n = LAST_INSERT_ID(n + 10)" + several,
		"UPDATE sessions SET n = LAST_INSERT_ID(n + 10)" + several + " ORDER BY n LIMIT 3",
		"UPDATE sessions SET n = LAST_INSERT_ID(n + 10)",
		"UPDATE sessions s, sessions o SET s.n = LAST_INSERT_ID(5)" + " WHERE s.id IN ('a', 'b', 'c', 'd') AND o.id = 'a'",
	} {
		h.fails(1235, db, query)
	}
	var sum int
	if err := db.QueryRowContext(t.Context(), "SELECT SUM(n) FROM sessions").Scan(&sum); err != nil || sum != 21 {
		t.Errorf("the sum is %d, %v, behind what was refused, want 21", sum, err)
	}
	if id := h.insert(db, "UPDATE sessions SET n = LAST_INSERT_ID(n + 10) WHERE id IN ('b')"); id != 12 {
		t.Errorf("an UPDATE of one record tells %d, want 12", id)
	}
	h.exec(db, "UPDATE sessions SET n = RAND(5) * 1e6 WHERE id = 'b'")
}
