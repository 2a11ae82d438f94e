package rewrite

import "testing"

func TestSweep(t *testing.T) {
	const key = "SELECT HEX(CAST(`id` AS BINARY))"
	p := NewPlanner(Options{Tables: []Table{{Name: "sessions", Key: "id"}}})
	for _, c := range []struct{ sql, selects, chosen, head, tail, judged, why string }{
		{
			sql:     "DELETE FROM sessions WHERE expires < 5",
			selects: key + " FROM sessions WHERE ( expires < 5\n) LIMIT ",
			chosen:  key + " FROM sessions WHERE ( expires < 5\n) ",
			head:    "DELETE FROM sessions  WHERE ( expires < 5\n) AND `id` IN (", tail: ")",
			judged: "DELETE FROM sessions  WHERE ( expires < 5\n) AND RAND() < 0",
		}, {
			sql:     "delete quick from `app`.`sessions` where expires < ? -- all\n and n = (select 1 limit 1) limit 1000;",
			selects: key + " FROM `app`.`sessions` WHERE ( expires < ? -- all\n and n = (select 1 limit 1)\n) LIMIT ",
			chosen:  key + " FROM `app`.`sessions` WHERE ( expires < ? -- all\n and n = (select 1 limit 1)\n) limit 1000",
			head:    "delete quick from `app`.`sessions`  WHERE ( expires < ? -- all\n and n = (select 1 limit 1)\n) AND `id` IN (", tail: ")",
			judged: "delete quick from `app`.`sessions`  WHERE ( expires < ? -- all\n and n = (select 1 limit 1)\n) AND RAND() < 0 limit 1000",
		}, {
			sql:     "DELETE FROM sessions",
			selects: key + " FROM sessions WHERE (1\n) LIMIT ",
			chosen:  key + " FROM sessions WHERE (1\n) ",
			head:    "DELETE FROM sessions WHERE (1\n) AND `id` IN (", tail: ")",
			judged: "DELETE FROM sessions WHERE RAND() < 0",
		}, {
			sql:     "UPDATE IGNORE sessions AS s SET s.data = ?, n = 'where' WHERE s.id <> ? ORDER BY n",
			selects: key + ", ? IS NULL FROM sessions AS s WHERE ( s.id <> ?\n) LIMIT ",
			chosen:  key + ", ? IS NULL FROM sessions AS s WHERE ( s.id <> ?\n) ORDER BY n",
			head:    "UPDATE IGNORE sessions AS s SET s.data = ?, n = 'where'  WHERE ( s.id <> ?\n) AND `id` IN (", tail: ")",
			judged: "UPDATE IGNORE sessions AS s SET s.data = ?, n = 'where'  WHERE ( s.id <> ?\n) AND RAND() < 0 ORDER BY n",
		}, {
			sql:     "UPDATE sessions SET n = 1 ORDER BY expires LIMIT ?",
			selects: key + " FROM sessions WHERE (1\n) AND (1 OR ? IS NULL) LIMIT ",
			chosen:  key + " FROM sessions WHERE (1\n) ORDER BY expires LIMIT ?",
			head:    "UPDATE sessions SET n = 1 WHERE (1\n) AND `id` IN (", tail: ") AND (1 OR ? IS NULL)",
			judged: "UPDATE sessions SET n = 1 WHERE RAND() < 0 AND (1 OR ? IS NULL)",
		}, {
			sql:     "DELETE s FROM sessions AS s WHERE s.expires < 5",
			selects: key + " FROM sessions AS s WHERE ( s.expires < 5\n) LIMIT ",
			chosen:  key + " FROM sessions AS s WHERE ( s.expires < 5\n) ",
			head:    "DELETE s FROM sessions AS s  WHERE ( s.expires < 5\n) AND `id` IN (", tail: ")",
			judged: "DELETE s FROM sessions AS s  WHERE ( s.expires < 5\n) AND RAND() < 0",
		}, {
			sql:     "DELETE FROM sessions WHERE id IN (SELECT id FROM (SELECT id FROM sessions WHERE expires < ? ORDER BY n LIMIT ?) AS t)",
			selects: key + " FROM sessions WHERE (expires < ?\n) AND (1 OR ? IS NULL) LIMIT ",
			chosen:  key + " FROM sessions WHERE (expires < ?\n) ORDER BY n LIMIT ?",
			head:    "DELETE FROM sessions WHERE (expires < ?\n) AND `id` IN (", tail: ") AND (1 OR ? IS NULL)",
			judged: "DELETE FROM sessions WHERE id IN (SELECT id FROM (SELECT id FROM sessions WHERE expires < ? ORDER BY n LIMIT ?) AS t) AND RAND() < 0",
		}, {
			sql:     "DELETE FROM `sessions` WHERE (`id` IN (SELECT `s_id` FROM (SELECT `s`.`id` AS `s_id` FROM `sessions` `s` WHERE `s`.`n` <= 5 LIMIT 10) x))",
			selects: "SELECT HEX(CAST(`s`.`id` AS BINARY)) FROM `sessions` `s` WHERE (`s`.`n` <= 5\n) LIMIT ",
			chosen:  "SELECT HEX(CAST(`s`.`id` AS BINARY)) FROM `sessions` `s` WHERE (`s`.`n` <= 5\n) LIMIT 10",
			head:    "DELETE `s` FROM `sessions` `s` WHERE (`s`.`n` <= 5\n) AND `s`.`id` IN (", tail: ")",
			judged: "DELETE FROM `sessions` WHERE (`id` IN (SELECT `s_id` FROM (SELECT `s`.`id` AS `s_id` FROM `sessions` `s` WHERE `s`.`n` <= 5 LIMIT 10) x)) AND RAND() < 0",
		},
		{sql: "DELETE FROM sessions WHERE expires < 1 /*! AND n = 2 */", why: "a write without the key that has an executable comment or a hint"},
	} {
		var s Statement
		p.Plan(&s, []byte(c.sql), "", 0)
		w, why := s.Sweep()
		if why != c.why {
			t.Errorf("Sweep(%q) refuses for %q, want %q", c.sql, why, c.why)
			continue
		}
		for _, part := range []struct{ name, got, want string }{
			{"Select", string(w.Select), c.selects},
			{"Chosen", string(w.Chosen), c.chosen},
			{"Head", string(w.Head), c.head},
			{"Tail", string(w.Tail), c.tail},
			{"Judged", string(w.Judged), c.judged},
		} {
			if part.got != part.want && why == "" {
				t.Errorf("%s of %q =\n%s, want\n%s", part.name, c.sql, part.got, part.want)
			}
		}
	}
}

// TestSubqueriesInDeletes tells those that a sweep carries out from others, whose
// subqueries are read before.
func TestSubqueriesInDeletes(t *testing.T) {
	p := NewPlanner(Options{Tables: []Table{{Name: "sessions", Key: "id"}}})
	for sql, joins := range map[string]bool{
		"DELETE FROM sessions WHERE id IN (SELECT id FROM (SELECT id FROM sessions) t)":                                         false,
		"DELETE FROM app.sessions WHERE (sessions.id) IN (SELECT * FROM (SELECT id FROM app.sessions LIMIT 5) t)":               true,
		"DELETE FROM app.sessions WHERE sessions.id IN (SELECT * FROM (SELECT id FROM app.sessions LIMIT 5) t)":                 false,
		"DELETE FROM sessions WHERE id IN (SELECT id FROM (SELECT id FROM sessions WHERE n IN (1, 2) AND (f(n) > 2)) t)":        false,
		"DELETE FROM sessions WHERE n IN (SELECT n FROM (SELECT n FROM sessions LIMIT 5) t)":                                    true,
		"DELETE FROM sessions WHERE id IN (SELECT n FROM (SELECT n FROM sessions LIMIT 5) t)":                                   true,
		"DELETE FROM sessions WHERE id NOT IN (SELECT id FROM (SELECT id FROM sessions LIMIT 5) t)":                             true,
		"DELETE FROM sessions WHERE id IN (SELECT id FROM (SELECT id FROM sessions LIMIT 5) t) OR n = 1":                        true,
		"DELETE FROM sessions WHERE id IN (SELECT id FROM (SELECT id FROM sessions LIMIT 5, 5) t)":                              true,
		"DELETE FROM sessions WHERE id IN (SELECT id FROM (SELECT id FROM sessions GROUP BY id HAVING COUNT(*) > 1) t)":         true,
		"DELETE FROM sessions WHERE id IN (SELECT id FROM (SELECT id FROM sessions WHERE n = (SELECT MAX(n) FROM sessions)) t)": true,
		"DELETE FROM sessions WHERE id IN (SELECT id FROM (SELECT id FROM sessions UNION SELECT 'x') t)":                        true,
		"DELETE FROM sessions WHERE id IN (SELECT id FROM (SELECT MAX(id) AS id FROM sessions) t)":                              true,
		"DELETE FROM sessions WHERE id IN (SELECT id FROM (SELECT a.id FROM sessions a, sessions b) t)":                         true,
		"DELETE FROM sessions WHERE id IN (SELECT id FROM (SELECT DISTINCT id FROM sessions) t)":                                true,
		"DELETE FROM sessions WHERE id IN (SELECT id FROM (SELECT id FROM sessions) t WHERE n = 1)":                             true,
		"DELETE FROM sessions WHERE id IN (SELECT x FROM (SELECT id FROM sessions) t)":                                          true,
		"DELETE FROM app.sessions WHERE id IN (SELECT id FROM (SELECT id FROM other.sessions) t)":                               true,
		"DELETE FROM sessions WHERE id IN (SELECT id FROM (SELECT id FROM sessions) t) LIMIT 3":                                 true,
		"DELETE FROM sessions WHERE id IN (SELECT id FROM (SELECT id FROM sessions /*! WHERE n = 1 */) t)":                      true,
		"UPDATE sessions SET n = 1 WHERE id IN (SELECT id FROM (SELECT id FROM sessions WHERE n = 2 LIMIT 5) t)":                true,
	} {
		var s Statement
		p.Plan(&s, []byte(sql), "", 0)
		if s.Plan.Joins != joins || s.Plan.Refuse != "" {
			t.Errorf("%s\njoins %v, refuses for %q, want %v", sql, s.Plan.Joins, s.Plan.Refuse, joins)
		}
	}
}
