package router_test

import "testing"

// TestJoinedRefused: writes by other tables that could write other records than
// one server does are refused, and nothing is changed.
func TestJoinedRefused(t *testing.T) {
	for _, level := range []string{"seed", "safe"} {
		h := startOtherAt(t, level, 3, 2, 1)
		c := h.conn("")
		h.exec(c, "CREATE TABLE other (id varchar(64), sid varchar(64) COLLATE utf8mb4_bin, e enum('x','y'), f float, n int)")
		h.exec(c, "INSERT INTO other VALUES ('a', 'a', 'x', 0.1, 1)")
		h.exec(c, "INSERT INTO sessions (id, n) VALUES ('a', 1), ('b', 2), ('c', 3)")
		h.exec(c, "ALTER TABLE sessions ADD COLUMN w varchar(64) COLLATE utf8mb4_general_ci")
		for _, query := range []string{
			"DELETE FROM sessions WHERE EXISTS (SELECT 1 FROM other o WHERE o.sid = sessions.w)", // compared by utf8mb4_bin there
			"DELETE s FROM sessions s JOIN other o ON o.sid = s.w",
			"UPDATE sessions s JOIN other o ON o.n = s.n SET s.n = o.e + 7",
			"UPDATE sessions s JOIN other o ON o.n = s.n SET s.n = o.f * 100",
			"UPDATE sessions a JOIN sessions b ON b.n = a.n + 1 SET a.n = a.n + 100, b.data = 'r'",
			"UPDATE sessions s JOIN other o ON o.n = s.n SET s.n = 9, o.n = 9",
			"DELETE s, o FROM sessions s JOIN other o ON o.n = s.n",
		} {
			if _, err := c.ExecContext(t.Context(), "UPDATE sessions SET w = 'a'"); err != nil {
				t.Fatal(err)
			}
			h.fails(1235, c, query)
		}
		if got := lockValue(t, c, "SELECT GROUP_CONCAT(id, n ORDER BY id) FROM sessions"); got != "a1,b2,c3" {
			t.Errorf("%s: %s", level, got)
		}
		if got := lockValue(t, c, "SELECT n FROM other"); got != "1" {
			t.Errorf("%s: the other table has %s", level, got)
		}
	}
}
