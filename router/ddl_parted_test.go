package router_test

import (
	"context"
	"database/sql"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/go-sql-driver/mysql"
)

// hasColumn reports whether a store's table of sessions has a column.
func (h *harness) hasColumn(i int, name string) bool {
	h.t.Helper()
	var n int
	if err := h.direct[i].QueryRow("SELECT COUNT(*) FROM information_schema.COLUMNS"+
		" WHERE TABLE_SCHEMA='app' AND TABLE_NAME='sessions' AND COLUMN_NAME=?", name).Scan(&n); err != nil {
		h.t.Fatal(err)
	}
	return n > 0
}

// holdTable keeps a table's metadata lock at a store until the function that it
// returns is called.
func (h *harness) holdTable(i int) (free func()) {
	h.t.Helper()
	tx, err := h.direct[i].Begin()
	if err != nil {
		h.t.Fatal(err)
	}
	var n int
	if err := tx.QueryRow("SELECT COUNT(*) FROM app.sessions").Scan(&n); err != nil {
		h.t.Fatal(err)
	}
	h.t.Cleanup(func() { _ = tx.Rollback() })
	return func() {
		if err := tx.Rollback(); err != nil {
			h.t.Error(err)
		}
	}
}

// failsWith checks an error's number, and that its text has each of the parts.
func (h *harness) failsWith(code uint16, err error, parts ...string) {
	h.t.Helper()
	e, ok := err.(*mysql.MySQLError)
	if !ok || e.Number != code {
		h.t.Errorf("error is %v, want %d", err, code)
		return
	}
	for _, part := range parts {
		if !strings.Contains(e.Message, part) {
			h.t.Errorf("error %q lacks %q", e.Message, part)
		}
	}
}

// What the first store refuses is done nowhere.
func TestDDLRefusedByTheFirstStore(t *testing.T) {
	h := start(t, 3, 2)
	c := h.conn("")
	free := h.holdTable(0)
	h.exec(c, "SET lock_wait_timeout=1")
	h.fails(1205, c, "ALTER TABLE sessions ADD zz INT")
	free()
	for i := range h.servers {
		if h.hasColumn(i, "zz") {
			t.Errorf("store %d has the column", i)
		}
	}
	h.exec(c, "ALTER TABLE sessions ADD zz INT")
}

// What a later store refuses for now is an error, and is done there later.
func TestDDLRefusedForNowByALaterStore(t *testing.T) {
	h := start(t, 3, 2)
	c := h.conn("")
	free := h.holdTable(1)
	h.exec(c, "SET lock_wait_timeout=1")
	_, err := c.ExecContext(context.Background(), "ALTER TABLE sessions ADD zz INT")
	h.failsWith(1205, err, "carried out on s0, s2 but not on s1", "tried there again")
	if !strings.Contains(h.log.String(), "level=ERROR msg=\"stores differ") {
		t.Error("the log says nothing")
	}
	free()
	h.await("the column on all stores", func() bool { return h.hasColumn(0, "zz") && h.hasColumn(1, "zz") && h.hasColumn(2, "zz") })
	h.exec(c, "INSERT INTO sessions (id, zz) VALUES ('a', 1)")
}

// What a later store refuses for good is an error, and goes no further; once
// the reason is gone the statement can be repeated. No value gets into the log.
func TestDDLRefusedForGoodByALaterStore(t *testing.T) {
	h := start(t, 4, 2)
	c := h.conn("")
	h.exec(h.direct[2], "INSERT INTO app.sessions (id, n) VALUES ('p', 774411), ('q', 774411)")
	_, err := c.ExecContext(context.Background(), "ALTER TABLE sessions ADD UNIQUE zz (n)")
	h.failsWith(1062, err, "carried out on s0, s1 but not on s2, s3", "repeat it")
	indexed := func(i int) bool {
		var n int
		if err := h.direct[i].QueryRow("SELECT COUNT(*) FROM information_schema.STATISTICS" +
			" WHERE TABLE_SCHEMA='app' AND INDEX_NAME='zz'").Scan(&n); err != nil {
			t.Fatal(err)
		}
		return n > 0
	}
	if indexed(2) || indexed(3) {
		t.Error("index made where it was refused, or behind that")
	}
	if log := h.log.String(); !strings.Contains(log, "level=ERROR msg=\"stores differ") || strings.Contains(log, "774411") {
		t.Error("the log says nothing, or a value")
	}
	h.exec(h.direct[2], "DELETE FROM app.sessions")
	_, err = c.ExecContext(context.Background(), "ALTER TABLE sessions ADD UNIQUE zz (n)")
	h.failsWith(1061, err, "carried out on s2, s3", "s0, s1 had it already")
	for i := range h.servers {
		if !indexed(i) {
			t.Errorf("store %d has no index", i)
		}
	}
}

// KILL QUERY, and the end of a client, while a later store waits: that store is
// given the statement again.
func TestDDLKilledBetweenStores(t *testing.T) {
	for _, how := range []string{"KILL QUERY", "KILL"} {
		t.Run(how, func(t *testing.T) {
			h := start(t, 3, 2)
			c := h.conn("")
			free := h.holdTable(1)
			var id int
			if err := c.QueryRowContext(context.Background(), "SELECT CONNECTION_ID()").Scan(&id); err != nil {
				t.Fatal(err)
			}
			result := make(chan error, 1)
			go func() {
				_, err := c.ExecContext(context.Background(), "ALTER TABLE sessions ADD zz INT")
				result <- err
			}()
			h.await("a wait for the table", func() bool { return h.waitsForTable(h.direct[1]) })
			h.exec(h.conn(""), fmt.Sprintf("%s %d", how, id))
			select {
			case err := <-result:
				if err == nil {
					t.Error("the killed statement is OK")
				}
				if how == "KILL QUERY" {
					h.failsWith(1317, err, "but not on s1")
				}
			case <-time.After(time.Minute):
				t.Fatal("the killed statement goes on")
			}
			free()
			h.await("the column on all stores", func() bool {
				return h.hasColumn(0, "zz") && h.hasColumn(1, "zz") && h.hasColumn(2, "zz")
			})
		})
	}
}

// waitsForTable reports whether somebody waits for a metadata lock.
func (h *harness) waitsForTable(db *sql.DB) bool {
	h.t.Helper()
	var n int
	if err := db.QueryRow("SELECT COUNT(*) FROM information_schema.PROCESSLIST WHERE STATE LIKE 'Waiting for table%'").Scan(&n); err != nil {
		h.t.Fatal(err)
	}
	return n > 0
}
