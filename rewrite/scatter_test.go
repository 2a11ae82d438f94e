package rewrite

import (
	"strings"
	"testing"
)

func TestScatter(t *testing.T) {
	p := NewPlanner(Options{Tables: []Table{{Name: "sessions", Key: "id"}}})
	for _, c := range []struct{ sql, want string }{
		{"SELECT * FROM sessions", "rows SELECT KEY, sessions.* FROM sessions WHERE (1) | SELECT COLS FROM sessions WHERE (1) MAX"},
		{"SELECT data, n+? FROM app.`sessions` s WHERE n > ? -- all\n LIMIT ?, 5;",
			"rows limit SELECT KEY, data, n+? FROM app.`sessions` s WHERE ( n > ?) AND (1 OR ? IS NULL) | " +
				"SELECT COLS, ? IS NULL FROM app.`sessions` s WHERE ( n > ?) AND (1 OR ? IS NULL) MAX"},
		{"SELECT SQL_NO_CACHE * FROM sessions AS s USE INDEX (n) WHERE NOW() > n",
			"rows SELECT SQL_NO_CACHE KEY, s.* FROM sessions AS s USE INDEX (n) WHERE ( NOW() > n) | SELECT COLS FROM sessions AS s USE INDEX (n) WHERE ( NOW() > n) MAX"},
		{"SELECT COUNT(*) AS c FROM sessions WHERE n = 1 LIMIT 1", "count | SELECT COLS FROM sessions WHERE ( n = 1) MAX"},
		{"SELECT COUNT(id) FROM sessions", "count | SELECT COLS FROM sessions WHERE (1) MAX"},
		{"SELECT COUNT(data) FROM sessions", "| SELECT COLS FROM sessions WHERE (1) MAX columns select,count,data,from,sessions"},
		{"SELECT COUNT(*) + 1 FROM sessions", "| SELECT COLS FROM sessions WHERE (1) MAX columns select,count,from,sessions"},
		{"SELECT id FROM sessions WHERE n > 1 ORDER BY ?", "| SELECT COLS FROM sessions WHERE ( n > 1) AND (1 OR ? IS NULL) MAX columns select,id,from,sessions,where,n,order,by"},
		{"SELECT s.*, LENGTH(data) AS l FROM sessions s WHERE n > ? ORDER BY s.expires DESC, `n` -- last\n LIMIT 5 OFFSET ?;",
			"limit | SELECT COLS FROM sessions s WHERE ( n > ?) AND (1 OR ? IS NULL) MAX " +
				"first SELECT COLS FROM sessions s WHERE ( n > ?) AND (1 OR ? IS NULL) ORDER BY s.expires DESC, `n`LIMIT 9"},
		{"SELECT id k, n AS m FROM app.sessions ORDER BY n ASC LIMIT 5", "limit | SELECT COLS FROM app.sessions WHERE (1) MAX " +
			"first SELECT COLS FROM app.sessions WHERE (1) ORDER BY n ASCLIMIT 9"},
		{"SELECT id AS n FROM sessions ORDER BY n LIMIT 5", "| SELECT COLS FROM sessions WHERE (1) MAX columns select,id,as,n,from,sessions,order,by,n,limit"},
		{"SELECT id N FROM sessions ORDER BY n LIMIT 5", "| SELECT COLS FROM sessions WHERE (1) MAX columns select,id,n,from,sessions,order,by,n,limit"},
		{"SELECT 'n' FROM sessions ORDER BY n LIMIT 5", "| SELECT COLS FROM sessions WHERE (1) MAX columns select,from,sessions,order,by,n,limit"},
		{"SELECT ('n') FROM sessions ORDER BY n LIMIT 5", "| SELECT COLS FROM sessions WHERE (1) MAX columns select,from,sessions,order,by,n,limit"},
		{"SELECT n+1 FROM sessions ORDER BY `n+1` LIMIT 5", "| SELECT COLS FROM sessions WHERE (1) MAX columns select,n,from,sessions,order,by,n+1,limit"},
		{"SELECT id FROM sessions ORDER BY 1 LIMIT 5", "| SELECT COLS FROM sessions WHERE (1) MAX columns select,id,from,sessions,order,by,limit"},
		{"SELECT id FROM sessions ORDER BY n+1 LIMIT 5", "| SELECT COLS FROM sessions WHERE (1) MAX columns select,id,from,sessions,order,by,n,limit"},
		{"SELECT id FROM sessions ORDER BY n", "| SELECT COLS FROM sessions WHERE (1) MAX columns select,id,from,sessions,order,by,n"},
		{"SELECT n, COUNT(*) FROM sessions GROUP BY n ORDER BY n LIMIT 5", "| SELECT COLS FROM sessions WHERE (1) MAX columns select,n,count,from,sessions,group,by,n,order,by,n,limit"},
		{"SELECT MAX(n) FROM sessions ORDER BY n LIMIT 5", "| SELECT COLS FROM sessions WHERE (1) MAX columns select,max,n,from,sessions,order,by,n,limit"},
		{"SELECT DISTINCT n FROM sessions ORDER BY n LIMIT 5", "| SELECT COLS FROM sessions WHERE (1) MAX columns select,distinct,n,from,sessions,order,by,n,limit"},
		{"SELECT n FROM sessions HAVING n > 1 ORDER BY n LIMIT 5", "| SELECT COLS FROM sessions WHERE (1) MAX columns select,n,from,sessions,having,n,order,by,n,limit"},
		{"SELECT SQL_CALC_FOUND_ROWS n FROM sessions ORDER BY n LIMIT 5", "| SELECT COLS FROM sessions WHERE (1) MAX columns select,sql_calc_found_rows,n,from,sessions,order,by,n,limit"},
		{"SELECT n FROM sessions PARTITION (p0) ORDER BY n", "refuse PARTITION (...) over the records of several stores"},
		{"SELECT COUNT(*) INTO @n FROM sessions WHERE n > 1", "| SELECT COLS FROM sessions WHERE ( n > 1) MAX columns select,count,into,from,sessions,where,n"},
		{"SELECT n FROM sessions WHERE n > 1 ORDER BY n LIMIT 1 INTO @n", "| SELECT COLS FROM sessions WHERE ( n > 1) MAX columns select,n,from,sessions,where,n,order,by,n,limit,into"},
		{"SELECT IF(@a := n, n, 1) FROM sessions ORDER BY n LIMIT 5", "columns select,if,n,n,from,sessions,order,by,n,limit"},
		{"SELECT DISTINCT n FROM sessions LIMIT 3", "| SELECT COLS FROM sessions WHERE (1) MAX columns select,distinct,n,from,sessions,limit"},
		{"SELECT id FROM sessions WHERE RAND() < n", "columns select,id,from,sessions,where,rand,n"},
		{"SELECT id FROM sessions WHERE n = @@max_connections", "columns select,id,from,sessions,where,n"},
		{"SELECT n FROM sessions WHERE n IN (SELECT n FROM sessions)", "columns select,n,from,sessions,where,n,in,select,n,from,sessions"},
		{"SELECT n, SUM(n) OVER () FROM sessions", "| SELECT COLS FROM sessions WHERE (1) MAX columns select,n,sum,n,over,from,sessions"},
		{"SELECT id FROM sessions UNION SELECT data FROM sessions", "columns select,id,from,sessions,union,select,data,from,sessions"},
		{"SELECT id FROM sessions a NATURAL JOIN sessions b", ""},
		{"SELECT id FROM sessions LIMIT 5 ROWS EXAMINED 9", "columns select,id,from,sessions,limit,rows,examined"},
		{"SELECT id FROM sessions WHERE MATCH(data) AGAINST ('x')", "rows SELECT KEY, id FROM sessions WHERE ( MATCH(data) AGAINST ('x')) | SELECT COLS FROM sessions WHERE ( MATCH(data) AGAINST ('x')) MAX"},
		{"SELECT id FROM sessions WHERE MATCH(data) AGAINST ('x') ORDER BY id", "refuse MATCH ... AGAINST over the records of several stores"},
	} {
		var s Statement
		p.Plan(&s, []byte(c.sql), "", 0)
		if s.Plan.Kind != KindScatterRead || s.Plan.Refuse != "" {
			t.Errorf("%q is %v", c.sql, s.Plan)
			continue
		}
		w, why := s.Scatter()
		if got := describe(&w, why); got != c.want {
			t.Errorf("Scatter(%q) =\n%s\nwant\n%s", c.sql, got, c.want)
		}
	}
}

func describe(w *Scatter, why string) string {
	var b []string
	add := func(s ...string) { b = append(b, s...) }
	if why != "" {
		return "refuse " + why
	}
	if w.Rows {
		add("rows")
	}
	if w.Limited {
		add("limit")
	}
	if w.Rows {
		add(string(w.Head) + "KEY," + string(w.Tail))
	}
	if w.Count {
		add("count")
	}
	if w.Narrow {
		add("|", string(w.Gather("COLS")))
	}
	if w.Order != nil {
		add("first", string(w.First("COLS", 9)))
	} else if w.Columns != nil && !w.Rows && !w.Count {
		add("columns", strings.Join(w.Columns, ","))
	}
	s := strings.ReplaceAll(strings.Join(b, " "), " LIMIT 18446744073709551615", " MAX")
	s = strings.ReplaceAll(s, " -- all\n", "")
	return strings.ReplaceAll(s, "\n", "")
}
