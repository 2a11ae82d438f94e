package router_test

import "testing"

func TestOtherTables(t *testing.T) {
	h := startOther(t, 3, 2, 1)
	a, b := h.conn(""), h.conn("")
	h.exec(a, "CREATE TABLE users (id int PRIMARY KEY AUTO_INCREMENT, name varchar(20))")
	for i := range 3 {
		h.exec(a, "INSERT INTO users (name) VALUES (?)", string(rune('a'+i)))
	}
	if got := rowsOf(t, b, "SELECT COUNT(*) AS n, MAX(name) AS m FROM users"); got != "n=3 m=c" {
		t.Errorf("other table: %q", got)
	}
	if got := rowsOf(t, a, "SELECT LAST_INSERT_ID() AS id"); got != "id=3" {
		t.Errorf("last insert id: %q", got)
	}
	// A temporary table and a user variable belong to their client.
	h.exec(a, "CREATE TEMPORARY TABLE mine (x int)")
	h.exec(a, "INSERT INTO mine VALUES (4)")
	h.exec(a, "SELECT MAX(name) INTO @top FROM users")
	h.exec(a, "INSERT INTO sessions (id) VALUES ('k')")
	if got := rowsOf(t, a, "SELECT x, @top AS top FROM mine"); got != "x=4 top=c" {
		t.Errorf("temporary table: %q", got)
	}
	h.fails(1146, b, "SELECT x FROM mine")
	h.exec(a, "SELECT RELEASE_ALL_LOCKS()")
	if got := rowsOf(t, a, "SELECT x FROM mine"); got != "x=4" {
		t.Errorf("temporary table after RELEASE_ALL_LOCKS(): %q", got)
	}
	a.Close()
	c := h.conn("")
	h.fails(1146, c, "SELECT x FROM mine")
	tx, err := b.BeginTx(t.Context(), nil)
	if err != nil {
		t.Fatal(err)
	}
	h.exec(tx, "UPDATE users SET name = 'z' WHERE id = 1")
	h.exec(tx, "UPDATE sessions SET n = 8 WHERE id = 'k'")
	if err := tx.Rollback(); err != nil {
		t.Fatal(err)
	}
	if got := rowsOf(t, c, "SELECT name FROM users WHERE id = 1"); got != "name=a" {
		t.Errorf("after rollback: %q", got)
	}
	if got := rowsOf(t, b, "SELECT users.name FROM users, sessions WHERE sessions.id = 'k' AND users.id = 1"); got != "name=a" {
		t.Errorf("joined with a session table: %q", got)
	}
	if got := rowsOf(t, b, "SELECT name FROM users WHERE id = ?", 2); got != "name=b" {
		t.Errorf("prepared: %q", got)
	}
}
