package router_test

import "testing"

// An INSERT with too many or too few values gets the server's own error.
func TestValueCount(t *testing.T) {
	b := start(t, 3, 2).both()
	b.same(
		"INSERT INTO sessions (id, n) VALUES ('a')",
		"INSERT INTO sessions (id, n) VALUES ('a', 1, 2)",
		"INSERT INTO sessions (id, n) VALUES ('a', 1), ('b')",
		"INSERT INTO sessions (id, n) VALUES ('a', 1), ('b', 2), ('c', 3, 4)",
		"REPLACE INTO sessions (id) VALUES ('a', 1)",
		"INSERT INTO sessions VALUES ('a')",
		"INSERT IGNORE INTO sessions VALUES ('a', 1, 2, 3, 4, 5, 6)",
		"INSERT INTO sessions (id, n) VALUES ('a') ON DUPLICATE KEY UPDATE n = 1",
		"?INSERT INTO sessions (id, n) VALUES (?) <- a",
		"?INSERT INTO sessions (id, n) VALUES (?, 1), (?) <- a,b",
		"SELECT COUNT(*) FROM sessions",
	)
}
