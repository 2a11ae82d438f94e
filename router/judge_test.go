package router_test

import (
	"errors"
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/go-mysql-org/go-mysql/client"
	"github.com/go-mysql-org/go-mysql/mysql"
)

// TestErrorsOfInvalidStatements: what no server carries out gets the number and
// the SQLSTATE that a server gives it.
func TestErrorsOfInvalidStatements(t *testing.T) {
	t.Parallel()
	h := start(t, 3, 2)
	single := installed.Start(t, 1)[0]
	h.wire(single.Addr(), "", true, "CREATE DATABASE app", schema)
	list, err := os.ReadFile("testdata/invalid.sql")
	if err != nil {
		t.Fatal(err)
	}
	outcome := func(c *client.Conn, sql string, prepared bool) string {
		var err error
		if prepared {
			var st *client.Stmt
			if st, err = c.Prepare(sql); err == nil {
				_, err = st.Execute()
				st.Close()
			}
		} else {
			_, err = c.Execute(sql)
		}
		var refused *mysql.MyError
		switch {
		case errors.As(err, &refused):
			return fmt.Sprintf("%d (%s)", refused.Code, refused.State)
		case err != nil:
			return err.Error()
		}
		return "ok"
	}
	for _, prepared := range []bool{false, true} {
		proxy, direct := h.wire(h.addr, "app", true), h.wire(single.Addr(), "app", true)
		for sql := range strings.Lines(string(list)) {
			sql = strings.TrimSpace(sql)
			if got, want := outcome(proxy, sql, prepared), outcome(direct, sql, prepared); got != want {
				t.Errorf("prepared %v: %s\n\tgot  %s\n\twant %s", prepared, sql, got, want)
			}
		}
		for _, c := range []*client.Conn{proxy, direct} {
			if _, err := c.Execute("DELETE FROM sessions"); err != nil {
				t.Error(err)
			}
		}
	}
	// It happens in a transaction too, and changes nothing about that.
	c := h.conn("")
	h.exec(c, "BEGIN")
	h.exec(c, "INSERT INTO sessions (id, n) VALUES ('k', 1)")
	h.fails(1064, c, "SELECT n FROM sessions LIMIT '1'")
	h.fails(1235, c, "UPDATE sessions SET id = UUID()")
	h.shows(c, "1", "SELECT n FROM sessions WHERE id = 'k'")
	h.exec(c, "ROLLBACK")
	h.holders("k")
	h.fails(1235, c, "ALTER TABLE sessions RENAME TO other")
	h.fails(1235, c, "ALTER TABLE sessions ADD COLUMN x int, RENAME AS other")
	h.fails(1235, c, "RENAME TABLE sessions TO other")
	h.exec(c, "ALTER TABLE sessions RENAME COLUMN n TO m")
	h.exec(c, "ALTER TABLE sessions RENAME COLUMN m TO n")
}
