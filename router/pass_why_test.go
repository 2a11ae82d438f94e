package router_test

import (
	"context"
	"database/sql"
	"maps"
	"strconv"
	"testing"

	"github.com/dsmproxy/dsmproxy/protocol"
)

// TestPassedOnWhy: of each client that can't be passed on it is told what it has
// that keeps it; a megabyte of its own does not.
func TestPassedOnWhy(t *testing.T) {
	h := startOtherAt(t, "seed", 2, 2, 1)
	db := h.open("")
	for _, q := range []string{
		"CREATE TABLE users (id int PRIMARY KEY)", "CREATE PROCEDURE p() SELECT 1", "INSERT INTO sessions (id) VALUES ('k')",
	} {
		h.exec(db, q)
	}
	db.SetMaxIdleConns(-1)
	clients := make(map[string]*sql.Conn)
	states := map[string][]string{
		"CALL":                      {"CALL p()"},
		"temporary table":           {"CREATE TEMPORARY TABLE tt (id int)"},
		"table after LOCK TABLES":   {"LOCK TABLES users READ", "UNLOCK TABLES", "CREATE TEMPORARY TABLE tt (id int)"},
		"LOCK TABLES":               {"LOCK TABLES users READ"},
		"LOCK TABLES with a table":  {"CREATE TEMPORARY TABLE tt (id int)", "LOCK TABLES users READ"},
		"GET_LOCK":                  {"DO GET_LOCK('why', 1)"},
		"transaction":               {"BEGIN", "SELECT * FROM sessions WHERE id = 'k'"},
		"other tables' transaction": {"BEGIN", "SELECT * FROM users"},
		"SET TRANSACTION":           {"SET TRANSACTION READ ONLY"},
		"nothing":                   nil,
		"much":                      {"SET @much = REPEAT('x', 1000000)", "SELECT 1 FROM sessions WHERE id = @much"},
	}
	for name, statements := range states {
		clients[name] = h.conn("")
		for _, q := range statements {
			h.exec(clients[name], q)
		}
	}
	was := h.server
	h.passOn()
	want := map[string]int{
		"has called a procedure": 1, "has a temporary table": 2, "LOCK TABLES": 2, "holds a named lock": 1,
		"in a transaction": 2, "SET TRANSACTION": 1,
	}
	h.await("all others to be passed on", func() bool { return maps.Equal(was.Staying(), want) })
	if n, _ := was.Passed(); n != 2 {
		t.Errorf("%d passed on, want 2", n)
	}
	var much string
	if err := clients["much"].QueryRowContext(context.Background(), "SELECT LENGTH(@much)").Scan(&much); err != nil || much != strconv.Itoa(1000000) {
		t.Errorf("the much that was passed on: %s, %v", much, err)
	}
	for _, c := range clients {
		c.Close() // before the cleanup asks whether any had to be closed
	}
}

// TestPassedOnTooMuch: a client with more than a record may have is not passed on,
// but closed as soon as it has rested for a second.
func TestPassedOnTooMuch(t *testing.T) {
	h := startOtherAt(t, "seed", 2, 2, 1)
	h.mayClose = protocol.TooLarge
	c := h.conn("")
	h.exec(c, "SET @a = REPEAT('x', 5000000)")
	h.exec(c, "SET @b = REPEAT('x', 5000000)")
	was := h.server
	h.passOn()
	h.await("the client to be kept, or closed", func() bool {
		_, closed := was.Passed()
		return was.Staying()[protocol.TooLarge]+closed[protocol.TooLarge] == 1
	})
	if n, _ := was.Passed(); n != 0 {
		t.Errorf("%d passed on, want none", n)
	}
}
