package router_test

import (
	"strings"
	"testing"
)

// An application whose whole database is behind the proxy finds one server.
func TestElsewhereIsAsAtOneServer(t *testing.T) {
	h := startOther(t, 3, 2, 1)
	steps := []string{
		"CREATE TABLE users (id int PRIMARY KEY AUTO_INCREMENT, name varchar(20), n int DEFAULT 0)",
		"CREATE TABLE log (what varchar(50))",
		"INSERT INTO users (name) VALUES ('a'), ('b')",
		"DESC users",
		"SHOW COLUMNS FROM users LIKE 'n%'",
		"SELECT COUNT(*) FROM information_schema.columns WHERE table_name = 'users'",
		"BEGIN",
		"SELECT COUNT(*) FROM sessions WHERE id = 'k'",
		"DESC users",
		"COMMIT",
		"INSERT INTO log SELECT name FROM users",
		"CREATE VIEW v AS SELECT id, name FROM users",
		"SELECT * FROM v ORDER BY id",
		"CREATE PROCEDURE p(IN a int, OUT b int) BEGIN SET b = a + 1; SET @inside = 'set'; SELECT name FROM users ORDER BY id; SELECT COUNT(*) AS c FROM log; END",
		"SET @b = 0",
		"CALL p(41, @b)",
		"SELECT @b, @inside",
		"CREATE FUNCTION f(x int) RETURNS int BEGIN INSERT INTO log VALUES ('f'); SET @f = x; RETURN x * 2; END",
		"SELECT f(4)",
		"SELECT @f",
		"DO f(5)",
		"SET @g = f(6)",
		"SELECT @f, @g",
		"SELECT f(id) AS d FROM users WHERE id = 2",
		"CREATE TRIGGER tr BEFORE INSERT ON users FOR EACH ROW SET NEW.n = 7",
		"INSERT INTO users (name) VALUES ('c')",
		"SELECT n, CONCAT(LAST_INSERT_ID()) FROM users WHERE name = 'c'",
		"SET @last = LAST_INSERT_ID()",
		"SELECT CONCAT(@last)",
		"CHECKSUM TABLE log",
		"ALTER TABLE users ADD COLUMN m int",
		"FLUSH TABLES",
		"HANDLER log OPEN",
		"HANDLER log READ FIRST",
		"HANDLER log CLOSE",
		"LOCK TABLES users WRITE",
		"INSERT INTO users (name) VALUES ('d')",
		"SELECT * FROM log",
		"UNLOCK TABLES",
		"SELECT COUNT(*) FROM log",
		"LOCK TABLES users READ",
		"INSERT INTO users (name) VALUES ('e')",
		"BEGIN",
		"INSERT INTO users (name) VALUES ('f')",
		"SAVEPOINT s",
		"DELETE FROM users",
		"ROLLBACK TO SAVEPOINT s",
		"COMMIT",
		"SELECT COUNT(*) FROM users",
		"PREPARE s FROM 'SELECT name FROM users WHERE id = ?'",
		"SET @one = 1",
		"EXECUTE s USING @one",
		"PREPARE s FROM 'CALL p(?, @b)'",
		"EXECUTE s USING @one",
		"SELECT @b",
		"SELECT name INTO @name FROM users WHERE id = 2",
		"SELECT @name",
		"CALL missing()",
		"DROP TRIGGER tr",
		"DROP FUNCTION f",
		"DROP PROCEDURE p",
		"DROP VIEW v",
		"UNLOCK TABLES",
		"DROP TABLE users, log",
	}
	if !installed.MariaDB() {
		t.Log("against MySQL")
	}
	for _, params := range []string{"interpolateParams=true"} {
		beside(t, h, params, steps)
	}
}

// What would see one store's records only is refused by name.
func TestSessionTablesBehindOthersAreRefused(t *testing.T) {
	h := startOther(t, 3, 2, 1)
	c := h.conn("")
	h.exec(c, "CREATE TABLE users (id int)")
	refused := func(word, q string, args ...any) {
		t.Helper()
		_, err := c.ExecContext(t.Context(), q, args...)
		if err == nil || !strings.Contains(err.Error(), "1235") || !strings.Contains(err.Error(), word) {
			t.Errorf("%s = %v, want 1235 with %q", q, err, word)
		}
	}
	refused("CREATE VIEW", "CREATE VIEW w AS SELECT * FROM sessions")
	refused("CREATE TRIGGER", "CREATE TRIGGER tr BEFORE INSERT ON users FOR EACH ROW DELETE FROM sessions")
	refused("CREATE PROCEDURE", "CREATE PROCEDURE q() SELECT COUNT(*) FROM app.sessions")
	refused("LOCK TABLES of the session table sessions", "LOCK TABLES sessions WRITE")
	refused("LOCK TABLES of the session table sessions", "LOCK TABLES users READ, sessions READ")
	refused("HANDLER", "HANDLER sessions OPEN")
	refused("GRANT", "GRANT SELECT ON app.sessions TO app")
	noLocal := uint16(3948)
	if installed.MariaDB() {
		noLocal = 4166
	}
	h.fails(noLocal, c, "LOAD DATA LOCAL INFILE 'x' INTO TABLE users")
	// Made behind the proxy's back.
	for _, q := range []string{
		"USE app",
		"CREATE VIEW v1 AS SELECT id, n FROM sessions",
		"CREATE VIEW v2 AS SELECT n FROM v1",
		"CREATE VIEW v3 AS SELECT id FROM users",
		"CREATE PROCEDURE p1() SELECT COUNT(*) FROM sessions",
		"CREATE PROCEDURE p2() CALL p1()",
		"CREATE PROCEDURE p3() SELECT 3",
		"CREATE FUNCTION f1() RETURNS int RETURN (SELECT COUNT(*) FROM v2)",
		"CREATE TABLE fired (x int)",
		"CREATE TRIGGER t1 BEFORE INSERT ON fired FOR EACH ROW DELETE FROM sessions WHERE n = NEW.x",
	} {
		d, err := h.direct[1].Conn(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		h.exec(d, "USE app")
		h.exec(d, q)
		d.Close()
	}
	refused("a session table", "SELECT * FROM v1 WHERE id = 'k'")
	refused("a session table", "SELECT * FROM v2")
	refused("a session table", "UPDATE v1 SET n = 1")
	refused("a session table", "CALL p1()")
	refused("a session table", "CALL p2()")
	refused("a session table", "SELECT f1()")
	refused("a session table", "INSERT INTO fired VALUES (1)")
	refused("a session table", "SELECT * FROM v1 WHERE n = ?", 1)
	h.exec(c, "SELECT * FROM v3")
	h.exec(c, "CALL p3()")
	// A view that is made anew is looked at anew.
	h.exec(c, "CREATE OR REPLACE VIEW v1 AS SELECT id, id AS n FROM users")
	h.exec(c, "SELECT * FROM v2")
}

func TestRefusedWithoutStoreForOthers(t *testing.T) {
	h := start(t, 3, 2)
	c := h.conn("")
	for _, q := range []string{
		"CALL p()", "CREATE VIEW v AS SELECT 1", "LOCK TABLES users READ",
		"LOCK TABLES sessions READ", "CREATE PROCEDURE p() SELECT 1", "GRANT SELECT ON *.* TO x", "PREPARE s FROM 'CALL p()'",
	} {
		refused := uint16(1235)
		if q == "CALL p()" && !installed.MariaDB() {
			refused = 1305 // MySQL looks for a procedure at PREPARE already
		}
		h.fails(refused, c, q)
	}
	for _, q := range []string{"SELECT f(1)", "DO f(1)", "SET @a = f(1)"} {
		h.fails(1305, c, q) // there is no such function
	}
	for _, db := range h.direct {
		h.exec(db, "CREATE FUNCTION app.f(n int) RETURNS int NO SQL RETURN n")
	}
	for _, q := range []string{"SELECT f(1)", "DO f(1)", "SET @a = f(1)"} {
		h.fails(1235, c, q)
	}
	h.exec(c, "UNLOCK TABLES")
}
