package router_test

import "testing"

// What is one statement for a server, and several for the proxy, must look like
// one: these compare with a server directly.

const eightRecords = `INSERT INTO sessions (id, data, n, expires) VALUES ('k1', 'd1', 1, 10), ('k2', 'd2', 2, 20),
	('k3', 'd3', 3, 30), ('k4', 'd4', 4, 40), ('k5', 'd5', 5, 50), ('k6', 'd6', 6, 60), ('k7', 'd7', 7, 70), ('k8', 'd8', 8, 80)`

// TestAssignOverStores assigns user variables by reads of all records.
func TestAssignOverStores(t *testing.T) {
	eachLevel(t, func(t *testing.T, level string) {
		b := startAt(t, level, 3, 2).both()
		b.same(
			eightRecords,
			"SELECT COUNT(*) INTO @n FROM sessions", "SELECT @n",
			"SELECT COUNT(*) FROM sessions WHERE n > 2 INTO @n", "SELECT @n",
			"SELECT @c := COUNT(*) FROM sessions WHERE n > 5", "SELECT @c",
			"SELECT id, n INTO @i, @m FROM sessions ORDER BY n DESC LIMIT 1", "SELECT @i, @m",
			"SELECT id, n FROM sessions WHERE n > @n ORDER BY n LIMIT 1 INTO @i, @m", "SELECT @i, @m",
			"SELECT n INTO @m FROM sessions",            // 1172
			"SELECT n INTO @m FROM sessions WHERE n=99", // a warning
			"SELECT MAX(n), MIN(n) INTO @a, @b FROM sessions WHERE expires > 20", "SELECT @a, @b",
			"SET @c = (SELECT COUNT(*) FROM sessions)", "SELECT @c",
			"DO @c := (SELECT SUM(n) FROM sessions)", "SELECT @c",
			"SET @r = 0", "SELECT @r := @r + 1, id FROM sessions ORDER BY id", "SELECT @r",
			"SELECT MAX(n) INTO @m FROM sessions WHERE id IN ('k1', 'k2', 'k3', 'k4')", "SELECT @m",
			"SELECT @x := n FROM sessions WHERE id IN ('k1', 'k2', 'k3', 'k4') ORDER BY n", "SELECT @x",
			"BEGIN", "INSERT INTO sessions (id, n) VALUES ('k9', 9)",
			"SELECT SUM(n) INTO @s FROM sessions", "SELECT @s", "ROLLBACK", "SELECT @s",
			"?SELECT COUNT(*) INTO @p FROM sessions WHERE n > ? <- 3", "SELECT @p",
			"PREPARE q FROM 'SELECT SUM(n) INTO @p FROM sessions WHERE n < ?'", "EXECUTE q USING @n", "SELECT @p",
		)
	})
}

// TestReturningOverStores answers with the rows of all parts of a write.
func TestReturningOverStores(t *testing.T) {
	if !installed.MariaDB() {
		return // MySQL has no RETURNING
	}
	eachLevel(t, func(t *testing.T, level string) {
		b := startAt(t, level, 3, 2).both()
		b.same(
			eightRecords,
			"INSERT INTO sessions (id, data) VALUES ('r1', 'a'), ('r2', 'b'), ('r3', 'c'), ('r4', 'c') RETURNING id, data",
			"REPLACE INTO sessions (id, data) VALUES ('r4', 'a'), ('r2', 'b'), ('r9', 'c') RETURNING id, data, n + 1 AS m",
			"INSERT INTO sessions (id, data) VALUES ('r1', 'a'), ('r5', 'b'), ('r6', 'c') ON DUPLICATE KEY UPDATE n = n + 1 RETURNING id, n",
			"INSERT IGNORE INTO sessions (id, data) VALUES ('r1', 'a'), ('r7', 'b') RETURNING id, n",
			"INSERT INTO sessions (id, data) VALUES ('r8', 'a'), ('k1', 'b'), ('r0', 'b') RETURNING id", // 1062
			"SELECT id, n FROM sessions ORDER BY id",
			"?INSERT INTO sessions (id, data, n) VALUES (?, 'a', ?), (?, 'b', ?) RETURNING id, n <- p1,1,p2,2",
			"BEGIN",
			"INSERT INTO sessions (id, data) VALUES ('t1', 'a'), ('t2', 'b'), ('t3', 'c') RETURNING id, data",
			"DELETE FROM sessions WHERE id = 't1' OR id = 't2' OR id = 't3' ORDER BY id LIMIT 3 RETURNING id",
			"ROLLBACK",
			"SELECT id, n FROM sessions ORDER BY id",
			"DELETE FROM sessions WHERE id = 'r3' RETURNING id, data",
			"DELETE FROM sessions WHERE id IN ('r1', 'r2', 'nobody') ORDER BY id LIMIT 5 RETURNING id, data",
			"DELETE FROM sessions WHERE id LIKE 'r%' ORDER BY id LIMIT 3 RETURNING id",
			"?DELETE FROM sessions WHERE n > ? ORDER BY n DESC LIMIT 2 RETURNING id, n <- 4",
			"DELETE FROM sessions WHERE n = 3 RETURNING id, n",
			"DELETE FROM sessions WHERE n > 99 RETURNING id, n, data",
			"DELETE FROM sessions WHERE id IN ('x1', 'x2', 'x3', 'x4') RETURNING id",
			"DELETE FROM sessions WHERE n > 99 ORDER BY n LIMIT 1 RETURNING id",
			"SELECT id, n FROM sessions ORDER BY id",
		)
		// In an order of the server's own.
		got, err := b.proxy.Execute("DELETE FROM sessions RETURNING id")
		if err != nil {
			t.Fatal(err)
		}
		want, err := b.direct.Execute("DELETE FROM sessions RETURNING id")
		if err != nil {
			t.Fatal(err)
		}
		if g, w := len(got.Values), len(want.Values); g != w || g == 0 {
			t.Errorf("DELETE without a condition returns %d rows, want %d", g, w)
		}
		b.same("SELECT COUNT(*) FROM sessions")
	})
}

// TestSpelledNumbers gives integer keys in all ways that a number can be
// written.
func TestSpelledNumbers(t *testing.T) {
	h := startAt(t, "seed", 3, 2)
	b := h.both()
	b.same(
		"CREATE TABLE numbered (num int NOT NULL PRIMARY KEY, data varchar(100), n int NOT NULL DEFAULT 0)",
		"INSERT INTO numbered (num, data) VALUES (1e1, 'x')",
		"INSERT INTO numbered (num, data) VALUES (0x10, 'x'), (b'11000', 'y'), (TRUE, 'z')",
		"INSERT INTO numbered (num, data) VALUES (22.0, 'x'), (-5.0, 'x'), (-0.0, 'x'), (2.5e2, 'x')",
		"INSERT INTO numbered (num, data) VALUES (10, 'again')", // 1062
		"REPLACE INTO numbered (num, data) VALUES (FALSE, 'r')",
		"INSERT INTO numbered (num, data) VALUES (1e1, 'x') ON DUPLICATE KEY UPDATE n = n + 1",
		"SELECT * FROM numbered WHERE num = 1e1",
		"SELECT * FROM numbered WHERE num = TRUE",
		"SELECT * FROM numbered WHERE num = 0x10",
		"SELECT * FROM numbered WHERE num = 16",
		"SELECT * FROM numbered WHERE num = 24",
		"SELECT * FROM numbered WHERE num = -5",
		"UPDATE numbered SET n = 7 WHERE num = 16.0",
		"DELETE FROM numbered WHERE num = 1e1",
		"SELECT * FROM numbered ORDER BY num",
		"INSERT INTO sessions (id) VALUES (1e1), (TRUE), (1.50), (-2.5), (0x6b)",
		"SELECT id FROM sessions WHERE id = '10'",
		"SELECT id FROM sessions WHERE id = '1'",
		"SELECT id FROM sessions WHERE id = '1.50'",
		"SELECT id FROM sessions WHERE id = '-2.5'",
		"SELECT id FROM sessions WHERE id = 'k'",
		"SELECT id FROM sessions ORDER BY id",
	)
	// What is rounded, and what a server prints in its own form.
	for _, sql := range []string{
		"INSERT INTO numbered (num) VALUES (2.5)",
		"INSERT INTO numbered (num) VALUES (1.5e0)",
		"INSERT INTO sessions (id) VALUES (1.5e0)",
		"INSERT INTO sessions (id) VALUES (01.5)",
	} {
		h.fails(1235, h.conn(""), sql)
	}
}

// TestSmallStatements carries out what needs no table.
func TestSmallStatements(t *testing.T) {
	eachLevel(t, func(t *testing.T, level string) {
		b := startAt(t, level, 3, 2).both()
		b.same(
			eightRecords,
			"SIGNAL SQLSTATE '45000' SET MESSAGE_TEXT = 'boo', MYSQL_ERRNO = 5000",
			"SIGNAL SQLSTATE '01000' SET MESSAGE_TEXT = 'careful'", "SHOW WARNINGS",
			"RESIGNAL",
			"SELECT n FROM sessions WHERE id = 'k1'",
			"DELETE FROM sessions USING sessions WHERE n > 100",
			"DELETE FROM s USING sessions AS s WHERE s.n = 8",
			"DELETE FROM app.sessions USING app.sessions WHERE id = 'k7'",
			"SELECT COUNT(*) FROM sessions",
		)
		if !installed.MariaDB() {
			return
		}
		b.same(
			"VALUES (1, 2), (3, 'x')", "VALUES (1)",
			"EXECUTE IMMEDIATE CONCAT('SELECT ', '1')",
			"EXECUTE IMMEDIATE CONCAT('SELECT n FROM sessions WHERE id = ', QUOTE('k2'))",
			"EXECUTE IMMEDIATE CONCAT('UPDATE sessions SET n = ? WHERE id =', QUOTE('k2')) USING 22",
			"EXECUTE IMMEDIATE CONCAT('SELECT n FROM sessions WHERE id = ', 5 DIV 0)",
			"EXECUTE IMMEDIATE CONCAT('SEL', 'ECK')",
			"SET @q = 'SELECT COUNT(*) FROM sessions'",
			"EXECUTE IMMEDIATE CONCAT(@q, ' WHERE n > ?') USING 3",
			"PREPARE p FROM CONCAT(@q, ' WHERE n < ?')", "EXECUTE p USING 4", "DEALLOCATE PREPARE p",
		)
		if level == "seed" { // else what a store says of it is not to be trusted
			b.same("EXECUTE IMMEDIATE (SELECT 'x')")
		}
	})
}

// TestJoinsOtherTables joins session tables with those that one store has.
func TestJoinsOtherTables(t *testing.T) {
	eachLevel(t, func(t *testing.T, level string) {
		b := startOtherAt(t, level, 3, 2, 1).both()
		b.same(
			eightRecords,
			"CREATE TABLE users (id int PRIMARY KEY, name varchar(20), seen int NOT NULL DEFAULT 0)",
			"INSERT INTO users (id, name) VALUES (1, 'ann'), (2, 'bob'), (3, 'cid'), (9, 'zoe')",
			"CREATE TABLE archive (id varchar(128) PRIMARY KEY, n int)",
			"SELECT u.name, s.data FROM users u, sessions s WHERE s.id = 'k2' AND u.id = s.n",
			"SELECT u.*, s.id FROM users u INNER JOIN sessions s ON u.id = s.n WHERE s.id = 'k3'",
			"SELECT s.id, u.name FROM sessions s LEFT JOIN users u ON u.id = s.n ORDER BY s.id",
			"SELECT u.name, COUNT(s.id) FROM users u LEFT JOIN sessions s ON s.n = u.id GROUP BY u.name ORDER BY u.name",
			"SELECT name FROM users WHERE id NOT IN (SELECT n FROM sessions) ORDER BY name",
			"SELECT id FROM sessions WHERE n IN (SELECT id FROM users) ORDER BY id",
			"SELECT u.name FROM users u JOIN sessions s ON u.id = s.n WHERE s.id = 'nobody'",
			"?SELECT u.name, s.n FROM users u JOIN sessions s ON u.id = s.n WHERE s.id = ? <- k1",
			"SELECT COUNT(*) INTO @n FROM users u JOIN sessions s ON u.id = s.n", "SELECT @n",
			"INSERT INTO archive SELECT id, n FROM sessions WHERE n > 6",
			"INSERT INTO archive SELECT id, n FROM sessions WHERE n > 6", // 1062
			"INSERT IGNORE INTO archive SELECT id, n FROM sessions WHERE n > 5",
			"SELECT * FROM archive ORDER BY id",
			"UPDATE users u JOIN sessions s ON u.id = s.n SET u.seen = s.expires",
			"UPDATE users SET seen = (SELECT MAX(expires) FROM sessions WHERE sessions.n < users.id) WHERE id = 9",
			"SELECT * FROM users ORDER BY id",
			"DELETE FROM archive WHERE id NOT IN (SELECT id FROM sessions WHERE n > 7)",
			"DELETE a FROM archive a JOIN sessions s ON s.id = a.id WHERE s.n = 8",
			"SELECT * FROM archive ORDER BY id",
			"SELECT * FROM users JOIN nowhere JOIN sessions", // 1146
			"BEGIN", "UPDATE sessions SET n = 9 WHERE id = 'k5'",
			"SELECT u.name FROM users u JOIN sessions s ON u.id = s.n WHERE s.id = 'k5'",
			"ROLLBACK",
			"SELECT u.name FROM users u JOIN sessions s ON u.id = s.n WHERE s.id = 'k5'",
		)
		c := b.h.conn("")
		b.h.exec(c, "BEGIN")
		b.h.exec(c, "UPDATE users SET seen = 1 WHERE id = 1")
		b.h.fails(1235, c, "SELECT u.seen FROM users u JOIN sessions s ON u.id = s.n WHERE s.id = 'k1'")
		b.h.fails(1235, c, "INSERT INTO archive SELECT id, n FROM sessions")
		b.h.exec(c, "ROLLBACK")
		b.h.exec(c, "INSERT INTO archive SELECT id, n FROM sessions")
		b.h.exec(c, "CREATE TEMPORARY TABLE users (id int, seen int)")
		b.h.fails(1235, c, "SELECT u.seen FROM users u JOIN sessions s ON u.id = s.n WHERE s.id = 'k1'")
	})
}

// TestTablesThatAreNot names tables that no store has, and the proxy's own.
func TestTablesThatAreNot(t *testing.T) {
	eachLevel(t, func(t *testing.T, level string) {
		h := startAt(t, level, 3, 2)
		b := h.both()
		b.same(
			"SELECT * FROM nowhere", "SELECT n FROM nowhere WHERE id = 1", "INSERT INTO nowhere VALUES (1)",
			"SELECT * FROM nope.nowhere", "UPDATE nowhere SET n = 1", "DELETE FROM nowhere WHERE n = 1",
			"SELECT * FROM sessions JOIN nowhere", "?SELECT n FROM nowhere WHERE id = ? <- 1",
		)
		h.exec(h.direct[2], "CREATE TABLE app.users (id int PRIMARY KEY)")
		h.fails(1235, h.conn(""), "SELECT * FROM users")
		h.fails(1235, h.conn(""), "SELECT * FROM sessions JOIN users")
		// As an account without the right gets it: connect-mysql goes on then,
		// which would like an event to collect its garbage.
		h.fails(1227, h.conn(""), "SET GLOBAL event_scheduler = 1")
		h.fails(1227, h.conn(""), "SET @@global.max_connections = 5")
	})
	t.Run("its own", func(t *testing.T) {
		h := startOther(t, 3, 2, 0)
		b := h.both()
		b.same(
			"CREATE TABLE numbered (num int NOT NULL AUTO_INCREMENT PRIMARY KEY, data varchar(100), n int NOT NULL DEFAULT 0)",
			"INSERT INTO numbered (data) VALUES ('x')",
		)
		there := 0
		if err := h.direct[0].QueryRow("SELECT COUNT(*) FROM information_schema.TABLES WHERE TABLE_NAME = 'dsmproxy_ids'").Scan(&there); err != nil || there != 1 {
			t.Fatalf("the table of the leases is there %d times, %v", there, err)
		}
		b.same(
			"SHOW TABLES", "SELECT TABLE_NAME FROM information_schema.TABLES WHERE TABLE_SCHEMA = 'app' ORDER BY 1",
			"SELECT COUNT(*) FROM information_schema.COLUMNS c WHERE c.TABLE_SCHEMA = 'app' AND TABLE_NAME LIKE 'd%'",
			"SELECT TABLE_NAME, COUNT(*) FROM information_schema.STATISTICS WHERE TABLE_SCHEMA = DATABASE() GROUP BY 1 ORDER BY 1",
			"?SELECT TABLE_NAME FROM information_schema.TABLES WHERE TABLE_SCHEMA = ? ORDER BY TABLE_NAME LIMIT 9 <- app",
			"SELECT * FROM dsmproxy_ids", "DELETE FROM dsmproxy_ids",
		)
	})
}

// TestPartitions reads partitions by name.
func TestPartitions(t *testing.T) {
	eachLevel(t, func(t *testing.T, level string) {
		b := startAt(t, level, 3, 2).both()
		b.same(
			"DROP TABLE sessions",
			"CREATE TABLE sessions (id varchar(128) NOT NULL PRIMARY KEY, data longblob, n int NOT NULL DEFAULT 0, expires int NOT NULL DEFAULT 0) PARTITION BY KEY (id) PARTITIONS 4",
			eightRecords,
			"SELECT COUNT(*) FROM sessions PARTITION (p0)",
			"SELECT COUNT(*) FROM sessions PARTITION (p0, p1, p2, p3) WHERE n > 3",
			"SELECT n FROM sessions PARTITION (p9) WHERE id = 'k1'",
			"SELECT MAX(n) FROM sessions",
		)
		b.h.fails(1235, b.h.conn(""), "SELECT id FROM sessions PARTITION (p0) ORDER BY n")
	})
}
