package rewrite

import "testing"

func TestSweep(t *testing.T) {
	p := NewPlanner(Options{Tables: []Table{{Name: "sessions", Key: "id"}}})
	for _, c := range []struct{ sql, selects, head, why string }{
		{
			sql:     "DELETE FROM sessions WHERE expires < 5",
			selects: "SELECT HEX(CAST(`id` AS BINARY)) FROM sessions WHERE ( expires < 5\n)",
			head:    "DELETE FROM sessions  WHERE ( expires < 5\n) AND `id` IN (",
		}, {
			sql:     "delete quick from `app`.`sessions` where expires < ? -- all\n and n = (select 1 limit 1) limit 1000;",
			selects: "SELECT HEX(CAST(`id` AS BINARY)) FROM `app`.`sessions` WHERE ( expires < ? -- all\n and n = (select 1 limit 1)\n) LIMIT 1000",
			head:    "delete quick from `app`.`sessions`  WHERE ( expires < ? -- all\n and n = (select 1 limit 1)\n) AND `id` IN (",
		}, {
			sql:     "DELETE FROM sessions",
			selects: "SELECT HEX(CAST(`id` AS BINARY)) FROM sessions WHERE (1\n)",
			head:    "DELETE FROM sessions WHERE (1\n) AND `id` IN (",
		}, {
			sql:     "UPDATE IGNORE sessions AS s SET s.data = ?, n = 'where' WHERE s.id <> ? ORDER BY n",
			selects: "SELECT HEX(CAST(`id` AS BINARY)), ? IS NULL FROM sessions AS s WHERE ( s.id <> ?\n)",
			head:    "UPDATE IGNORE sessions AS s SET s.data = ?, n = 'where'  WHERE ( s.id <> ?\n) AND `id` IN (",
		}, {
			sql:     "UPDATE sessions SET n = 1",
			selects: "SELECT HEX(CAST(`id` AS BINARY)) FROM sessions WHERE (1\n)",
			head:    "UPDATE sessions SET n = 1 WHERE (1\n) AND `id` IN (",
		}, {
			sql:     "DELETE s FROM sessions AS s WHERE s.expires < 5",
			selects: "SELECT HEX(CAST(`id` AS BINARY)) FROM sessions AS s WHERE ( s.expires < 5\n)",
			head:    "DELETE s FROM sessions AS s  WHERE ( s.expires < 5\n) AND `id` IN (",
		},
		{sql: "DELETE FROM sessions ORDER BY expires LIMIT 1", why: "ORDER BY with LIMIT in a write without the key"},
		{sql: "DELETE FROM sessions WHERE expires < 1 /*! AND n = 2 */", why: "a write without the key that has an executable comment or a hint"},
	} {
		var s Statement
		p.Plan(&s, []byte(c.sql), "", 0)
		w, why := s.Sweep()
		if why != c.why {
			t.Errorf("Sweep(%q) refuses for %q, want %q", c.sql, why, c.why)
			continue
		}
		if why == "" && (string(w.Select) != c.selects || string(w.Head) != c.head) {
			t.Errorf("Sweep(%q) =\n%s\n%s\nwant\n%s\n%s", c.sql, w.Select, w.Head, c.selects, c.head)
		}
	}
}
