package router_test

import (
	"context"
	"testing"
)

// An INSERT without a list of columns gives invisible ones no value, wherever
// they stand.
func TestInvisibleColumns(t *testing.T) {
	h := start(t, 4, 2)
	for _, db := range h.direct {
		h.exec(db, "ALTER TABLE app.sessions ADD COLUMN hidden varchar(9) NOT NULL DEFAULT 'hidden' INVISIBLE FIRST")
	}
	c := h.conn("interpolateParams=true")
	for _, key := range []string{"k1", "k2", "k3", "k4"} {
		h.exec(c, "INSERT INTO sessions VALUES (?, 'data', 1, 2, NOW(6))", key)
		h.holders(key, h.order(key)[:2]...)
		h.exec(c, "UPDATE sessions SET hidden = ?, data = UUID() WHERE id = ?", key, key)
		h.shows(c, key, "SELECT hidden FROM sessions WHERE id = ?", key)
		h.exec(c, "REPLACE INTO sessions VALUES (?, 'data', 1, 2, NOW(6))", key)
		h.holders(key, h.order(key)[:2]...)
	}
	h.shows(c, "hidden,4", "SELECT CONCAT_WS(',', hidden, COUNT(*)) FROM sessions GROUP BY hidden")
	h.shows(c, "4", "SELECT COUNT(*) FROM (SELECT * FROM sessions WHERE data = 'data') AS t")
}

// A key that MySQL makes for a table that has none is an invisible column, with
// numbers of its own.
func TestGeneratedPrimaryKey(t *testing.T) {
	if installed.MariaDB() {
		return // it makes none
	}
	h := start(t, 4, 2)
	for _, pool := range h.direct {
		db, err := pool.Conn(context.Background())
		if err != nil {
			t.Fatal(err)
		}
		defer db.Close()
		for _, sql := range []string{
			"SET sql_generate_invisible_primary_key = ON", "SET sql_require_primary_key = ON",
			"DROP TABLE app.sessions", `CREATE TABLE app.sessions (
				id varchar(128) NOT NULL UNIQUE, data longblob, n int NOT NULL DEFAULT 0, expires int NOT NULL DEFAULT 0,
				changed timestamp(6) NOT NULL DEFAULT current_timestamp(6))`,
		} {
			h.exec(db, sql)
		}
	}
	c := h.conn("interpolateParams=true")
	for _, key := range []string{"k1", "k2", "k3", "k4"} {
		h.exec(c, "INSERT INTO sessions (id, data, n) VALUES (?, 'data', 1)", key)
		h.holders(key, h.order(key)[:2]...)
		h.exec(c, "UPDATE sessions SET data = UUID() WHERE id = ?", key)
		h.exec(c, "INSERT INTO sessions (id, data) VALUES (?, 'new') ON DUPLICATE KEY UPDATE data = VALUES(data)", key)
		h.exec(c, "UPDATE sessions SET id = ? WHERE id = ?", key+"-moved", key)
		h.holders(key)
		h.holders(key+"-moved", h.order(key + "-moved")[:2]...)
	}
	h.shows(c, "new,4", "SELECT CONCAT_WS(',', data, COUNT(*)) FROM sessions GROUP BY data")
	h.shows(c, "k1-moved", "SELECT a.id FROM sessions a JOIN sessions b USING (n) ORDER BY a.id, b.id LIMIT 1")
}
