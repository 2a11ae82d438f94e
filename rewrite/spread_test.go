package rewrite

import (
	"fmt"
	"testing"
)

func TestSpread(t *testing.T) {
	p := NewPlanner(Options{Tables: []Table{{Name: "sessions", Key: "id"}, {Name: "users", Key: "uid"}}})
	for _, c := range []struct{ sql, want string }{
		{"SELECT * FROM sessions", ""},
		{"SELECT * FROM sessions JOIN users ON n = uid", ""},
		{"SELECT a.n FROM sessions a JOIN sessions AS b USING (n), `sessions` c -- end",
			"SELECT a.n FROM sessions a JOIN `dsmproxy_copy2` AS b USING (n), `dsmproxy_copy3` c -- end [{ sessions dsmproxy_copy2} { sessions dsmproxy_copy3}]"},
		{"SELECT sessions.n FROM (sessions a) LEFT JOIN app.sessions ON a.n = sessions.n WHERE a.n > ?",
			"SELECT sessions.n FROM (sessions a) LEFT JOIN app.`dsmproxy_copy2` AS `sessions` ON a.n = sessions.n WHERE a.n > ? [{app sessions dsmproxy_copy2}]"},
		{"SELECT n FROM sessions WHERE n IN (SELECT n FROM sessions) UNION SELECT uid FROM users UNION TABLE users",
			"SELECT n FROM sessions WHERE n IN (SELECT n FROM `dsmproxy_copy2` AS `sessions`) UNION SELECT uid FROM users UNION TABLE `dsmproxy_copy3` [{ sessions dsmproxy_copy2} { users dsmproxy_copy3}]"},
		{"WITH a AS (SELECT n FROM sessions), b AS (SELECT n FROM sessions) SELECT * FROM a, b",
			"WITH a AS (SELECT n FROM sessions), b AS (SELECT n FROM `dsmproxy_copy2` AS `sessions`) SELECT * FROM a, b [{ sessions dsmproxy_copy2}]"},
		// One place is a column, or another table.
		{"SELECT n, sessions FROM sessions a, sessions b", ""},
		{"WITH sessions AS (SELECT * FROM app.sessions) SELECT * FROM sessions a, sessions b", ""},
		{"SELECT /*! 1, */ a.n FROM sessions a, sessions b", ""},
	} {
		var s Statement
		p.Plan(&s, []byte(c.sql), "app", 0)
		if s.Plan.Kind != KindScatterRead || s.Plan.Refuse != "" {
			t.Errorf("%q is %v", c.sql, s.Plan)
			continue
		}
		got := ""
		if text, twins := s.Spread("app"); text != nil {
			got = fmt.Sprintf("%s %v", text, twins)
		}
		if got != c.want {
			t.Errorf("Spread(%q)\n got %s\nwant %s", c.sql, got, c.want)
		}
	}
}
