package router_test

import "testing"

// TestLowerCaseTableNames runs before stores that fold the names of databases
// and tables, as those of Windows, macOS and some providers do.
func TestLowerCaseTableNames(t *testing.T) {
	if !installed.MariaDB() {
		return // MySQL takes the option from an empty data directory alone
	}
	for _, level := range []string{"seed", "safe"} {
		t.Run(level, func(t *testing.T) {
			servers := installed.Start(t, 4, manyConnections, "--lower-case-table-names=1")
			h := startReached(t, level, servers[:3], addrsOf(servers[:3]), 2, 1)
			single := servers[3]
			h.wire(single.Addr(), "", true, "CREATE DATABASE app", schema)
			b := &both{h, h.wire(h.addr, "app", true), h.wire(single.Addr(), "app", true)}
			b.same(
				"INSERT INTO Sessions (id, data, n) VALUES ('k1', 'd1', 1), ('k2', 'd2', 2), ('k3', 'd3', 3), ('k4', 'd4', 4)",
				"SELECT n FROM SESSIONS WHERE id = 'k1'",
				"SELECT Sessions.n FROM App.Sessions WHERE sessions.id = 'k2'",
				"UPDATE `APP`.`SESSIONS` SET n = n + 10 WHERE id = 'k2'",
				"SELECT S.n FROM sessions AS s WHERE s.id = 'k2'",
				"SELECT COUNT(*), SUM(N) FROM APP.Sessions",
				"SELECT id, n FROM SESSIONS ORDER BY n DESC LIMIT 3",
				"SELECT id FROM App.sessions WHERE n IN (SELECT MAX(n) FROM SESSIONS)",
				"UPDATE Sessions SET ID = 'k9' WHERE id = 'k3'",
				"SELECT n FROM sessions WHERE id = 'k9'",
				"DELETE FROM SESSIONS WHERE n > 10",
				"DELETE s FROM Sessions AS S WHERE s.id = 'k9'",
				"SELECT id, n FROM sessions ORDER BY id",
				"USE APP",
				"INSERT INTO sessions (id, n) VALUES ('u1', 1) ON DUPLICATE KEY UPDATE n = 2",
				"INSERT INTO APP.SESSIONS (id, n) VALUES ('u1', 1), ('u2', 2), ('u3', 3) ON DUPLICATE KEY UPDATE n = 2",
				"SELECT COUNT(*) FROM Sessions",
				"SELECT DATABASE()",
				"CREATE TABLE Users (id int PRIMARY KEY)", "INSERT INTO USERS VALUES (1), (2)",
				"SELECT U.id, S.id FROM users u JOIN Sessions s ON s.n = u.id ORDER BY s.id",
				"ALTER TABLE SESSIONS ADD COLUMN Extra int", "SELECT Extra FROM sessions WHERE id = 'u1'",
				"TRUNCATE TABLE Sessions", "SELECT COUNT(*) FROM sessions",
				"SHOW TABLES LIKE 'SESSIONS'",
			)
			b.h.holders("u1")
		})
	}
}
