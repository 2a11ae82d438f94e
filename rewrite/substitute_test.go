package rewrite

import "testing"

func TestSubstitute(t *testing.T) {
	p := NewPlanner(Options{Tables: []Table{{Name: "sessions", Key: "id"}}})
	for sql, want := range map[string]string{
		"SELECT LAST_INSERT_ID()":                                      "SELECT last_insert_id AS `LAST_INSERT_ID()`",
		"select last_insert_id( ) as id, ROW_COUNT ()":                 "select last_insert_id as id, row_count AS `ROW_COUNT ()`",
		"SELECT 'ROW_COUNT()', FOUND_ROWS()+1 LIMIT 1":                 "SELECT 'ROW_COUNT()', found_rows+1 AS `FOUND_ROWS()+1` LIMIT 1",
		"SELECT @@warning_count, @@session.error_count":                "SELECT @@warning_count AS `@@warning_count`, @@error_count AS `@@session.error_count`",
		"SELECT @@identity = 5, DATABASE(), version()":                 "SELECT @@identity = 5 AS `@@identity = 5`, DATABASE(), version()",
		"SELECT DISTINCT ROW_COUNT()":                                  "SELECT DISTINCT row_count AS `ROW_COUNT()`",
		"SELECT FOUND_ROWS() IS NOT NULL, ROW_COUNT() n":               "SELECT found_rows IS NOT NULL AS `FOUND_ROWS() IS NOT NULL`, row_count n",
		"SELECT ROW_COUNT() = 'x', ROW_COUNT() 'x'":                    "SELECT row_count = 'x' AS `ROW_COUNT() = 'x'`, row_count 'x'",
		"SELECT CASE ROW_COUNT() WHEN 1 THEN 2 END, ROW_COUNT() end":   "SELECT CASE row_count WHEN 1 THEN 2 END AS `CASE ROW_COUNT() WHEN 1 THEN 2 END`, row_count end",
		"SELECT IF(CONNECTION_ID() > 1, 'a', 'b') AS x":                "SELECT IF(connection_id > 1, 'a', 'b') AS x",
		"UPDATE sessions SET n=ROW_COUNT() WHERE id='CONNECTION_ID()'": "UPDATE sessions SET n=row_count WHERE id='CONNECTION_ID()'",
	} {
		var s Statement
		p.Plan(&s, []byte(sql), "", 0)
		got := string(s.Substitute(func(_ Uses, name string) string { return name }))
		if got != want {
			t.Errorf("Substitute(%q) = %q, want %q", sql, got, want)
		}
	}
}
