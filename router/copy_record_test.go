package router_test

import (
	"fmt"
	"testing"
)

// TestCopyRecord: INSERT ... SELECT of one record into another, wherever the two
// are, leaves both on their own stores and nowhere else.
func TestCopyRecord(t *testing.T) {
	eachLevel(t, testCopyRecord)
}

func testCopyRecord(t *testing.T, level string) {
	t.Parallel()
	h := startAt(t, level, 5, 2)
	single := installed.Start(t, 1)[0]
	h.wire(single.Addr(), "", true, "CREATE DATABASE app", schema)
	b := &both{h: h, proxy: h.wire(h.addr, "app", true), direct: h.wire(single.Addr(), "app", true)}
	b.same("INSERT INTO sessions (id, data, n) VALUES ('k', 'x', 1)")
	const all = "SELECT id, data, n FROM sessions ORDER BY id"
	for i := range 8 { // on other stores each time
		to := fmt.Sprint("to", i)
		b.same(
			"INSERT INTO sessions (id, data, n) SELECT '"+to+"', data, n FROM sessions WHERE id = 'k'",
			"INSERT INTO sessions (id, data, n) SELECT '"+to+"', data, n FROM sessions WHERE id = 'k'",
			"INSERT IGNORE INTO sessions (id, data, n) SELECT '"+to+"', data, n FROM sessions WHERE id = 'k'", "SHOW WARNINGS",
			"?REPLACE INTO sessions (id, data, n) SELECT ?, data, n + 1 FROM sessions WHERE id = ? <- "+to+",k",
			"INSERT INTO sessions (id, n) SELECT '"+to+"', n + 1 FROM sessions WHERE id = 'k' ON DUPLICATE KEY UPDATE n = VALUES(n) + 10",
			"INSERT INTO sessions (id, n) SELECT '"+to+"-none', n FROM sessions WHERE id = 'none'",
			"INSERT INTO sessions (id, nosuch) SELECT '"+to+"', n FROM sessions WHERE id = 'k'",
			"INSERT INTO sessions (id, n) SELECT '"+to+"-not', 5 FROM DUAL WHERE NOT EXISTS (SELECT 1 FROM sessions WHERE id = 'k')",
			"BEGIN",
			"UPDATE sessions SET n = 50 WHERE id = 'k'",
			"INSERT INTO sessions (id, n) SELECT '"+to+"-tx', n FROM sessions WHERE id = 'k'",
			"INSERT INTO sessions (id, n) SELECT '"+to+"', n FROM sessions WHERE id = 'k'",
			"SELECT n FROM sessions WHERE id = '"+to+"-tx'",
			[]string{"COMMIT", "ROLLBACK"}[i%2],
			all,
			"UPDATE sessions SET n = 1 WHERE id = 'k'",
		)
		for _, key := range []string{"k", to} {
			h.holders(key, h.order(key)[:2]...)
		}
		h.holders(to + "-none")
		if i%2 == 0 {
			h.holders(to+"-tx", h.order(to + "-tx")[:2]...)
		} else {
			h.holders(to + "-tx")
		}
	}
	h.down(int(h.order("to0")[0]))
	h.isDown(int(h.order("to0")[0]))
	h.exec(h.open(""), "REPLACE INTO sessions (id, n) SELECT 'to0', n + 100 FROM sessions WHERE id = 'k'")
	h.shows(h.open(""), "101", "SELECT n FROM sessions WHERE id = 'to0'")
}
