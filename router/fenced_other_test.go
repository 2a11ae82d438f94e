package router_test

import "testing"

// TestFencedOtherTables: a transaction that writes records and other tables
// commits both or neither; temporary tables and LOCK TABLES are as on a server.
func TestFencedOtherTables(t *testing.T) {
	for other := range 2 { // which is the first store of the key, or is not
		h := startOtherAt(t, "safe", 3, 2, other)
		key := h.keysAt("o")[0]
		h.exec(h.direct[other], "CREATE TABLE app.users (id int PRIMARY KEY, name varchar(20)) ENGINE=InnoDB")
		c := h.conn("interpolateParams=true")
		count := func(table string, want string) {
			t.Helper()
			if got := lockValue(t, c, "SELECT COUNT(*) FROM "+table); got != want {
				t.Errorf("%s has %s rows, want %s", table, got, want)
			}
		}
		for _, end := range []string{"ROLLBACK", "COMMIT"} {
			h.exec(c, "BEGIN")
			h.exec(c, "INSERT INTO users VALUES (1, 'a')")
			h.exec(c, "INSERT INTO sessions (id, n) VALUES (?, 1)", key)
			h.exec(c, "UPDATE users SET name = 'b' WHERE id = 1")
			h.exec(c, end)
			want := map[string]string{"ROLLBACK": "0", "COMMIT": "1"}[end]
			count("users", want)
		}
		h.holders(key, h.order(key)[:2]...)
		h.exec(c, "CREATE TEMPORARY TABLE tt (a int)")
		h.exec(c, "BEGIN")
		h.exec(c, "INSERT INTO tt VALUES (1)")
		h.exec(c, "UPDATE sessions SET n = 2 WHERE id = ?", key)
		h.exec(c, "COMMIT")
		count("tt", "1")
		h.exec(c, "UPDATE sessions SET n = 3 WHERE id = ?", key)
		count("tt", "1")
		// DDL commits.
		h.exec(c, "BEGIN")
		h.exec(c, "UPDATE sessions SET n = 4 WHERE id = ?", key)
		h.exec(c, "CREATE TABLE more (id int)")
		h.exec(c, "ROLLBACK")
		if n := h.value(c, key); n != 4 {
			t.Errorf("n = %d behind DDL and ROLLBACK, want 4", n)
		}
		h.holders(key, h.order(key)[:2]...)
		h.exec(c, "LOCK TABLES users WRITE")
		h.fails(1100, c, "UPDATE sessions SET n = 5 WHERE id = ?", key)
		h.fails(1100, c, "SELECT n FROM sessions WHERE id = ?", key)
		h.exec(c, "INSERT INTO users VALUES (2, 'c')")
		h.exec(c, "UNLOCK TABLES")
		h.exec(c, "UPDATE sessions SET n = 5 WHERE id = ?", key)
		// The store of the other tables is lost: nothing of the transaction stays.
		h.exec(c, "BEGIN")
		h.exec(c, "UPDATE sessions SET n = 6 WHERE id = ?", key)
		h.exec(c, "INSERT INTO users VALUES (3, 'd')")
		h.down(other)
		h.fails(1213, c, "COMMIT")
		if n := h.value(h.conn("interpolateParams=true"), key); n != 5 {
			t.Errorf("n = %d when the store of the other tables was lost, want 5", n)
		}
	}
}
