package router_test

import "testing"

// scatterShapes are statements of unusual shapes.
var scatterShapes = []scatterCase{
	// Window functions.
	{sql: "SELECT id, RANK() OVER (ORDER BY n), NTILE(4) OVER (ORDER BY price, id) FROM sessions ORDER BY id"},
	{sql: "SELECT id, LAG(n) OVER w, LEAD(name, 2) OVER w FROM sessions WINDOW w AS (ORDER BY n, id) ORDER BY n, id"},
	{sql: "SELECT DISTINCT COUNT(*) OVER () FROM sessions"},
	{sql: "SELECT COUNT(*) OVER (PARTITION BY n) c FROM sessions ORDER BY c, id LIMIT ?", args: []any{9}},
	// Subqueries, derived tables, CTEs.
	{sql: "SELECT COUNT(*) FROM (SELECT DISTINCT name FROM sessions) AS x"},
	{sql: "SELECT x.id FROM (SELECT id, n FROM sessions ORDER BY n DESC, id LIMIT 5) x ORDER BY x.n, x.id"},
	{sql: "SELECT (SELECT COUNT(*) FROM sessions WHERE n = 1) + (SELECT COUNT(*) FROM sessions WHERE n = 2) AS both_"},
	{sql: "SELECT id FROM sessions WHERE n IN (SELECT MAX(n) FROM sessions) ORDER BY id"},
	{sql: "SELECT id FROM sessions WHERE id NOT IN (SELECT id FROM sessions WHERE n > ?) ORDER BY id", args: []any{0}},
	{sql: "SELECT id FROM sessions o WHERE NOT EXISTS (SELECT 1 FROM sessions i WHERE i.n > o.n) ORDER BY id"},
	{sql: "SELECT n, (SELECT COUNT(*) FROM sessions i WHERE i.n <= o.n) AS below FROM sessions o WHERE n IS NOT NULL GROUP BY n ORDER BY n"},
	{sql: "SELECT id FROM sessions WHERE n > ALL (SELECT n FROM sessions WHERE n < 0) ORDER BY id LIMIT 20"},
	{sql: "SELECT id FROM sessions WHERE (n, small) = (SELECT n, small FROM sessions ORDER BY id LIMIT 1) ORDER BY id"},
	{sql: "WITH RECURSIVE c AS (SELECT 1 AS i UNION ALL SELECT i + 1 FROM c WHERE i < 5) SELECT c.i, COUNT(s.id) FROM c LEFT JOIN sessions s ON s.n = c.i GROUP BY c.i ORDER BY c.i"},
	{sql: "WITH a AS (SELECT n FROM sessions WHERE n > 0), b AS (SELECT n FROM sessions WHERE n < 0) SELECT (SELECT COUNT(*) FROM a), (SELECT COUNT(*) FROM b)"},
	// Joins of the table with itself.
	{sql: "SELECT a.id FROM sessions a, sessions b WHERE a.n = b.small AND a.id <> b.id ORDER BY a.id, b.id"},
	{sql: "SELECT a.id, b.id FROM sessions a RIGHT JOIN sessions b USING (n) ORDER BY b.id, a.id LIMIT 30"},
	{sql: "SELECT COUNT(*) FROM sessions NATURAL JOIN (SELECT id FROM sessions WHERE n > 0) t"},
	{sql: "SELECT a.n, COUNT(*) FROM sessions a INNER JOIN sessions b ON b.n = a.n + 1 GROUP BY a.n ORDER BY 1"},
	// Aggregates.
	{sql: "SELECT GROUP_CONCAT(name ORDER BY name, id SEPARATOR '|') FROM sessions"},
	{sql: "SELECT GROUP_CONCAT(DISTINCT n ORDER BY n DESC) FROM sessions"},
	{sql: "SELECT JSON_LENGTH(JSON_ARRAYAGG(n)), JSON_OBJECTAGG(id, n) IS NULL FROM sessions"},
	{sql: "SELECT STDDEV(n), STDDEV_POP(n), STDDEV_SAMP(n), VAR_POP(n), VAR_SAMP(n), VARIANCE(n) FROM sessions"},
	{sql: "SELECT BIT_AND(small), BIT_OR(small), BIT_XOR(small) FROM sessions"},
	{sql: "SELECT n, kind, SUM(small) FROM sessions GROUP BY n, kind WITH ROLLUP"},
	{sql: "SELECT SUM(big), SUM(DISTINCT n), AVG(DISTINCT small), COUNT(DISTINCT name, n) FROM sessions"},
	{sql: "SELECT SUM(n), MAX(name), AVG(price), MIN(day), COUNT(price) FROM sessions WHERE n IS NULL AND price IS NULL AND 1 = 0"},
	{sql: "SELECT SUM(n), MIN(n) FROM sessions WHERE n IS NULL"},
	{sql: "SELECT SUM(price * 3), AVG(price / 7), SUM(price) / COUNT(price) FROM sessions"},
	{sql: "SELECT MAX(LENGTH(data)), SUM(LENGTH(data)), MIN(HEX(data)) FROM sessions"},
	{sql: "SELECT IFNULL(MAX(n), ?) FROM sessions WHERE n > 1000", args: []any{-1}},
	{sql: "SELECT COUNT(*) > 0 FROM sessions WHERE n = 1"},
	{sql: "SELECT COUNT(*), COUNT(*) FROM sessions"},
	{sql: "SELECT COUNT(*) FROM sessions GROUP BY kind"},
	{sql: "SELECT COUNT(*) FROM sessions ORDER BY 1"},
	{sql: "SELECT COUNT(*) FROM sessions LIMIT 0"},
	{sql: "SELECT COUNT(*) FROM sessions LIMIT 1, 1"},
	{sql: "SELECT COUNT(ALL n) FROM sessions"},
	{sql: "SELECT COUNT('x') FROM sessions"},
	{sql: "SELECT COUNT(?) FROM sessions", args: []any{1}},
	{sql: "SELECT COUNT(NULL) FROM sessions"},
	{sql: "SELECT COUNT(*) AS `total` FROM `sessions` `s` WHERE (`s`.`n` >= ? AND `s`.`n` <= ?)", args: []any{1, 4}},
	{sql: "SELECT COUNT( DISTINCT id ) FROM sessions"},
	{sql: "SELECT EXISTS(SELECT 1 FROM sessions WHERE n > ?) AS any_, COUNT(*) FROM sessions", args: []any{100}},
	// Names in HAVING and ORDER BY.
	{sql: "SELECT n AS x, COUNT(*) AS c FROM sessions GROUP BY x HAVING c > 2 AND x IS NOT NULL ORDER BY c, x"},
	{sql: "SELECT n, SUM(small) FROM sessions GROUP BY 1 ORDER BY 2 DESC, 1"},
	{sql: "SELECT id, n FROM sessions HAVING n > 3 ORDER BY id"},
	{sql: "SELECT id, n FROM sessions HAVING n > 3"},
	{sql: "SELECT id, n * -1 AS neg FROM sessions ORDER BY neg, id"},
	{sql: "SELECT id FROM sessions ORDER BY n IS NULL, n * CAST(small AS SIGNED) DESC, LENGTH(name), id"},
	{sql: "SELECT id FROM sessions ORDER BY FIELD(kind, 'b', 'a'), id"},
	{sql: "SELECT id FROM sessions ORDER BY name COLLATE utf8mb4_bin, id"},
	{sql: "SELECT id, name FROM sessions WHERE name COLLATE utf8mb4_unicode_ci = 'zoe' ORDER BY id"},
	{sql: "SELECT id FROM sessions ORDER BY BINARY name DESC, id DESC LIMIT 11"},
	{sql: "SELECT name FROM sessions GROUP BY name COLLATE utf8mb4_bin ORDER BY name COLLATE utf8mb4_bin"},
	{sql: "SELECT DISTINCT kind, tags FROM sessions ORDER BY tags, kind"},
	{sql: "SELECT DISTINCT n FROM sessions LIMIT 100"},
	{sql: "SELECT id FROM sessions ORDER BY id LIMIT 3 OFFSET ?", args: []any{240}},
	{sql: "SELECT id FROM sessions ORDER BY id LIMIT 18446744073709551615 OFFSET 200"},
	{sql: "SELECT id FROM sessions LIMIT 18446744073709551615"},
	{sql: "SELECT big, -CAST(small AS SIGNED) FROM sessions ORDER BY big, 2, id"},
	{sql: "SELECT CAST(price AS CHAR), price + 0.0001 FROM sessions WHERE price > 12.5 ORDER BY price, id"},
	// Sets.
	{sql: "SELECT n FROM sessions WHERE n > 0 UNION DISTINCT SELECT small FROM sessions WHERE small < 5 ORDER BY 1"},
	{sql: "SELECT n FROM sessions EXCEPT SELECT n FROM sessions WHERE n > 0 ORDER BY 1"},
	{sql: "SELECT n FROM sessions WHERE n > -5 INTERSECT SELECT n FROM sessions WHERE n < 5 ORDER BY 1"},
	{sql: "SELECT 'all' AS what, COUNT(*) FROM sessions UNION ALL SELECT 'some', COUNT(*) FROM sessions WHERE n > ? ORDER BY 1", args: []any{2}},
	// Others.
	{sql: "SELECT s.id FROM sessions AS s WHERE s.id LIKE ? ORDER BY s.id", args: []any{"a%"}},
	{sql: "SELECT id FROM sessions WHERE id > ? ORDER BY id LIMIT 10", args: []any{"8"}},
	{sql: "SELECT id FROM sessions WHERE id <> ? AND n = ?", args: []any{"x", 4}},
	{sql: "SELECT id, day + INTERVAL 1 DAY, DATE_FORMAT(moment, '%Y'), at FROM sessions WHERE at BETWEEN '2026-10-25 02:00:00' AND '2026-10-25 03:00:00' ORDER BY at, id"},
	{sql: "SELECT * FROM sessions WHERE day = '1999-12-31' ORDER BY id"},
	{sql: "SELECT UNIX_TIMESTAMP() - UNIX_TIMESTAMP(NOW()) AS zero_, id FROM sessions ORDER BY id LIMIT 2"},
	{sql: "SELECT COUNT(*) FROM sessions WHERE day < NOW() - INTERVAL 1 DAY"},
	{sql: "SELECT 1 FROM sessions"},
	{sql: "SELECT 1 FROM sessions LIMIT 1"},
	{sql: "SELECT NULL, id FROM sessions"},
	{sql: "select `sessions`.* from `sessions` where `n` is not null order by `n` asc, `id` asc limit 15 offset 0"},
	{sql: "SELECT ALL id FROM sessions"},
	{sql: "SELECT HIGH_PRIORITY SQL_NO_CACHE id FROM sessions"},
	{sql: "SELECT id FROM sessions USE INDEX () WHERE n = 3"},
	{sql: "SELECT IF(n > 0, 'p', 'm') AS sign_, COUNT(*) FROM sessions GROUP BY IF(n > 0, 'p', 'm') ORDER BY sign_"},
	{sql: "SELECT id FROM sessions WHERE `data` IS NULL OR data = '' ORDER BY id"},
	{sql: "SELECT id, CONVERT(latin USING utf8mb4) FROM sessions ORDER BY 2, 1"},
	{sql: "SELECT kind FROM sessions WHERE FIND_IN_SET('x', tags) ORDER BY kind, id"},
	{sql: "SELECT YEAR(day) y, MONTH(day) m, COUNT(*) FROM sessions GROUP BY y, m ORDER BY y, m"},
	{sql: "(SELECT COUNT(*) FROM sessions)"},
	{sql: "SELECT COUNT(*) FROM sessions WHERE id IN (SELECT id FROM (SELECT id FROM sessions WHERE n > 3 ORDER BY id LIMIT 7) AS t)"},
	{sql: "SELECT MIN(id), MAX(id) FROM sessions"},
}

func TestScatterShapes(t *testing.T) {
	h := start(t, 4, 2)
	h.scatter(250, 11)
	for _, deprecateEOF := range []bool{true, false} {
		proxy := h.wire(h.addr, "app", deprecateEOF)
		ref := h.wire(h.servers[0].Addr(), "ref", deprecateEOF)
		for _, c := range scatterShapes {
			for _, prepared := range []bool{false, true} {
				if why := differs(proxy, ref, c, prepared); why != "" {
					t.Errorf("%s (prepared %v, DEPRECATE_EOF %v): %s", c.sql, prepared, deprecateEOF, why)
				}
			}
		}
	}
}
