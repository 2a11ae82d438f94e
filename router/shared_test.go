package router_test

import (
	"context"
	"database/sql"
	"strconv"
	"testing"
)

// Clients that prepare the same text share what is prepared at the stores: it
// is not prepared for each client on each connection that serves one.
func TestEqualStatementsAreSharedAtTheStores(t *testing.T) {
	h := start(t, 1, 1)
	before := h.status("Com_stmt_prepare") // the server may have served other tests
	db := h.open("")
	h.exec(db, "INSERT INTO sessions (id, data) VALUES ('a', 'x')")
	ctx := context.Background()
	const clients, turns = 20, 40
	stmts := make([]*sql.Stmt, clients)
	conns := make([]*sql.Conn, clients)
	for i := range clients {
		var err error
		if conns[i], err = db.Conn(ctx); err != nil {
			t.Fatal(err)
		}
		if stmts[i], err = conns[i].PrepareContext(ctx, "SELECT data FROM sessions WHERE id = ?"); err != nil {
			t.Fatal(err)
		}
	}
	// So many connections are open, as many of the clients at once have a
	// transaction.
	for _, c := range conns[:clients/2] {
		if _, err := c.ExecContext(ctx, "BEGIN"); err != nil {
			t.Fatal(err)
		}
		if _, err := c.ExecContext(ctx, "SELECT n FROM sessions WHERE id = 'a'"); err != nil {
			t.Fatal(err)
		}
	}
	for _, c := range conns[:clients/2] {
		if _, err := c.ExecContext(ctx, "COMMIT"); err != nil {
			t.Fatal(err)
		}
	}
	for range turns {
		for _, st := range stmts {
			var data string
			if err := st.QueryRow("a").Scan(&data); err != nil || data != "x" {
				t.Fatal(data, err)
			}
		}
	}
	prepares := func() int { return h.status("Com_stmt_prepare") - before }
	if n := prepares(); n > clients+clients/2+1 {
		t.Errorf("%d PREPARE at the store for %d clients", n, clients)
	}
	for _, st := range stmts {
		if err := st.Close(); err != nil {
			t.Fatal(err)
		}
	}
	for _, c := range conns {
		if err := c.Close(); err != nil {
			t.Fatal(err)
		}
	}
	h.await("the store has none left", func() bool { return h.status("Prepared_stmt_count") == 0 })
}

// status is a status variable of the first store.
func (h *harness) status(name string) int {
	h.t.Helper()
	var label, value string
	if err := h.direct[0].QueryRow("SHOW GLOBAL STATUS LIKE '"+name+"'").Scan(&label, &value); err != nil {
		h.t.Fatal(err)
	}
	n, err := strconv.Atoi(value)
	if err != nil {
		h.t.Fatal(err)
	}
	return n
}

// A cursor outlives what its client does with another statement of the same
// text.
func TestCursorOfASharedStatement(t *testing.T) {
	h := start(t, 1, 1)
	db := h.open("")
	h.exec(db, "INSERT INTO sessions (id, data) VALUES ('a', 'x')")
	const text = "SELECT data FROM sessions WHERE id = ?"
	c := h.wire(h.addr, "app", true)
	one, err := c.Prepare(text)
	if err != nil {
		t.Fatal(err)
	}
	other, err := c.Prepare(text)
	if err != nil {
		t.Fatal(err)
	}
	// The proxy numbers a client's statements from 1. The statement is executed
	// with a cursor, the other one without, then a row is fetched.
	send := func(payload ...byte) {
		t.Helper()
		c.ResetSequence()
		if err := c.WritePacket(append(make([]byte, 4), payload...)); err != nil {
			t.Fatal(err)
		}
	}
	receive := func(packets int) (last []byte) {
		t.Helper()
		for range packets {
			var err error
			if last, err = c.ReadPacket(); err != nil || last[0] == 0xff {
				t.Fatalf("%q, %v", last, err)
			}
		}
		return last
	}
	for range 3 {
		send(0x17, 1, 0, 0, 0, 1, 1, 0, 0, 0, 0, 1, 253, 0, 1, 'a')
		if end := receive(3); end[0] != 0xfe { // count, column, the end
			t.Fatalf("no cursor: %q", end)
		}
		if r, err := other.Execute("a"); err != nil || r.RowNumber() != 1 {
			t.Fatal(r, err)
		}
		send(0x1c, 1, 0, 0, 0, 5, 0, 0, 0)
		if row := receive(1); string(row[len(row)-1:]) != "x" {
			t.Fatalf("row %q", row)
		}
		receive(1)
	}
	if err := other.Close(); err != nil {
		t.Fatal(err)
	}
	if r, err := one.Execute("a"); err != nil || r.RowNumber() != 1 {
		t.Fatal(r, err)
	}
}
