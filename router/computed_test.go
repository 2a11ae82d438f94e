package router_test

import "testing"

// TestComputedKeys: keys that functions of literals give, the time of writes to
// all stores, and joins of the records that a write changes.
func TestComputedKeys(t *testing.T) {
	t.Parallel()
	h := start(t, 4, 2)
	single := installed.Start(t, 1)[0]
	h.wire(single.Addr(), "", true, "CREATE DATABASE app", schema)
	b := &both{h: h, proxy: h.wire(h.addr, "app", true), direct: h.wire(single.Addr(), "app", true)}
	const all = "SELECT id, n, expires FROM sessions ORDER BY id"
	b.same(
		"INSERT INTO sessions (id, n) VALUES (LOWER('ABC'), 1), (CONCAT('d', LOWER('EF')), 2), (UPPER('g-1'), 3)",
		"INSERT INTO sessions (id, n) VALUES (CONCAT('a', 'b', LCASE('C')), 1)",
		"REPLACE INTO sessions (id, n) VALUES (CONCAT(MD5('x'), '-', UCASE('y')), 4)",
		"SELECT n FROM sessions WHERE id = 'abc'", "SELECT n FROM sessions WHERE id = 'G-1'",
		"UPDATE sessions SET expires = 5 WHERE id = 'def'",
		"DELETE FROM sessions WHERE expires < UNIX_TIMESTAMP(SYSDATE()) AND n = 2",
		"?DELETE FROM sessions WHERE expires > UNIX_TIMESTAMP(SYSDATE()) AND n = ? <- 1",
		"UPDATE sessions SET expires = UNIX_TIMESTAMP(SYSDATE(6)) DIV 1000000000",
		"INSERT INTO sessions (id, n) VALUES ('now', YEAR(SYSDATE()) > 2000)", all,
		"UPDATE sessions s JOIN (SELECT 'abc' AS id, 70 AS m) t ON t.id = s.id SET s.n = t.m",
		"UPDATE sessions JOIN (SELECT 'now' AS id, 71 AS m) t USING (id) SET n = m",
		"DELETE s FROM sessions AS s JOIN (SELECT 'G-1' AS id) t ON t.id = s.id WHERE s.n < 10",
		all,
	)
	for _, key := range []string{"abc", "now"} {
		h.holders(key, h.order(key)[:2]...)
	}
	h.holders("G-1")
	h.fails(1235, h.open(""), "INSERT INTO sessions (id) VALUES (LOWER('Ä'))")
	h.exec(h.open(""), "INSERT INTO sessions (id) VALUES (LOWER(x'4142'))") // bytes have no case
	h.holders("AB", h.order("AB")[:2]...)
}
