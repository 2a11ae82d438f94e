package main

import (
	"database/sql"
	"errors"
	"strings"
	"testing"

	"github.com/go-sql-driver/mysql"

	"github.com/dsmproxy/dsmproxy/internal/proxytest"
)

// TestUnequalTables: session tables that differ between stores are named at the
// start, and their records not written until they are alike; nothing is changed
// and no connection closed.
func TestUnequalTables(t *testing.T) {
	t.Parallel()
	const write = "REPLACE INTO app.sessions (id,data) VALUES ('k1','v1')"
	for _, c := range []struct {
		name, ddl, undo string
		is              string // in the log and the error
		check           string
	}{
		{"charset", "ALTER TABLE app.sessions MODIFY id VARCHAR(64) CHARACTER SET latin1 COLLATE latin1_bin NOT NULL",
			"ALTER TABLE app.sessions MODIFY id VARCHAR(64) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NOT NULL",
			"at s2 from s1 in [column id varchar(64) latin1_bin not null] instead of [column id varchar(64) utf8mb4_bin not null]", "column id is"},
		{"collation", "ALTER TABLE app.sessions MODIFY id VARCHAR(64) CHARACTER SET utf8mb4 COLLATE utf8mb4_unicode_ci NOT NULL",
			"ALTER TABLE app.sessions MODIFY id VARCHAR(64) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NOT NULL", "utf8mb4_unicode_ci", "column id is"},
		{"type", "ALTER TABLE app.sessions MODIFY data VARBINARY(20)", "ALTER TABLE app.sessions MODIFY data MEDIUMBLOB",
			"[column data varbinary(20)] instead of [column data mediumblob]", "column data is"},
		{"order", "ALTER TABLE app.sessions MODIFY data MEDIUMBLOB FIRST", "ALTER TABLE app.sessions MODIFY data MEDIUMBLOB AFTER id",
			"the order of the columns", "the order of its columns"},
		{"more", "ALTER TABLE app.sessions ADD more INT", "ALTER TABLE app.sessions DROP more", "[column more int] instead of []", "more"},
	} {
		t.Run(c.name, func(t *testing.T) {
			w := newGroupWorld(t, 2, `"safe"`)
			w.exec(1, c.ddl)
			w.must(1, []string{"check", "-online"}, "s2: ", c.check)
			p, log := w.first()
			w.says(log, "level=ERROR", "table differs between stores", "table=app.sessions", c.is)
			db := proxytest.Open(t, p.Addr().String())
			defer db.Close()
			db.SetMaxOpenConns(1)
			connection := func() (id int) {
				if err := db.QueryRow("SELECT CONNECTION_ID()").Scan(&id); err != nil {
					t.Fatal(err)
				}
				return id
			}
			before := connection()
			refused := func() (e *mysql.MySQLError) {
				_, err := db.Exec(write)
				if !errors.As(err, &e) || e.Number != 1105 {
					t.Fatalf("a write: %v", err)
				}
				return e
			}
			for e := refused(); !strings.Contains(e.Message, c.is) || !strings.Contains(e.Message, "nothing was changed"); e = refused() {
				if !strings.Contains(e.Message, "initialised") {
					t.Fatalf("a write: %v", e)
				}
			}
			if now := connection(); now != before {
				t.Errorf("the connection is %d, was %d", now, before)
			}
			for i, at := range w.dbs {
				var n int
				if err := at.QueryRow("SELECT COUNT(*) FROM app.sessions").Scan(&n); err != nil || n != 0 {
					t.Errorf("s%d has %d records, %v", i+1, n, err)
				}
			}
			w.exec(1, c.undo)
			w.says(log, "table is the same at all stores again", "table=app.sessions")
			if _, err := db.Exec(write); err != nil {
				t.Errorf("a write, once they are alike: %v", err)
			}
			var data sql.NullString
			if err := db.QueryRow("SELECT data FROM app.sessions WHERE id='k1'").Scan(&data); err != nil || data.String != "v1" {
				t.Errorf("it reads %q, %v", data.String, err)
			}
			if now := connection(); now != before {
				t.Errorf("the connection is %d, was %d", now, before)
			}
		})
	}
}

// TestMissingTable: a session table that one store has not is made when the stores
// are initialised. One that is lost there later is named, and its records not
// written until it is back.
func TestMissingTable(t *testing.T) {
	t.Parallel()
	const write = "REPLACE INTO app.sessions (id,data) VALUES ('k1','v1')"
	w := newGroupWorld(t, 2, `"safe"`)
	w.exec(1, "DROP TABLE app.sessions")
	w.must(1, []string{"check", "-online"}, "s2: has no table app.sessions")
	p, log := w.first()
	w.writes(p)
	if strings.Contains(log.String(), "table differs") {
		t.Error("a table that is made at the start is said to differ")
	}
	w.exec(1, "RENAME TABLE app.sessions TO app.aside")
	w.says(log, "table differs between stores", "store s1 has it and store s2 has not", "SHOW CREATE TABLE says at s1, or DROP it at s1; the proxy")
	db := proxytest.Open(t, p.Addr().String())
	defer db.Close()
	var e *mysql.MySQLError
	if _, err := db.Exec(write); !errors.As(err, &e) || e.Number != 1105 || !strings.Contains(e.Message, "store s2 has not") {
		t.Errorf("a write: %v", err)
	}
	w.exec(1, "RENAME TABLE app.aside TO app.sessions")
	w.says(log, "table is the same at all stores again", "table=app.sessions")
	if _, err := db.Exec(write); err != nil {
		t.Errorf("a write, once they are alike: %v", err)
	}
}
