package router_test

import (
	"testing"

	"github.com/go-mysql-org/go-mysql/client"

	"github.com/dsmproxy/dsmproxy/internal/mariadbtest"
)

// TestPreparedStatementsGoWithTheirClient: none is left at the stores of a
// client that was cut off, whatever it was doing with it.
func TestPreparedStatementsGoWithTheirClient(t *testing.T) {
	h := start(t, 3, 2)
	// left is how many are prepared at the stores.
	left := func() (n int) {
		for _, d := range h.direct {
			var name string
			var k int
			if err := d.QueryRow("SHOW GLOBAL STATUS LIKE 'Prepared_stmt_count'").Scan(&name, &k); err != nil {
				t.Fatal(err)
			}
			n += k
		}
		return n
	}
	for name, do := range map[string]func(c *client.Conn, st *client.Stmt) error{
		"prepared": func(*client.Conn, *client.Stmt) error { return nil },
		"executed": func(_ *client.Conn, st *client.Stmt) error { _, err := st.Execute("k1"); return err },
		"in a transaction": func(c *client.Conn, st *client.Stmt) error {
			if _, err := c.Execute("BEGIN"); err != nil {
				return err
			}
			_, err := st.Execute("k1")
			return err
		},
		"scattered": func(c *client.Conn, _ *client.Stmt) error {
			st, err := c.Prepare("SELECT id FROM sessions WHERE n > ? ORDER BY n LIMIT 3")
			if err == nil {
				_, err = st.Execute(0)
			}
			return err
		},
		"by SQL": func(c *client.Conn, _ *client.Stmt) error {
			for _, sql := range []string{"PREPARE s FROM 'SELECT n FROM sessions WHERE id = ?'", "SET @id = 'k1'", "EXECUTE s USING @id"} {
				if _, err := c.Execute(sql); err != nil {
					return err
				}
			}
			return nil
		},
		"running": func(c *client.Conn, st *client.Stmt) error {
			slow, err := c.Prepare("SELECT SLEEP(?) FROM sessions WHERE id = 'k1'")
			if err == nil {
				go slow.Execute(300)
				h.await("a statement that runs", func() bool { return h.runs("SELECT SLEEP(") })
			}
			return err
		},
	} {
		t.Run(name, func(t *testing.T) {
			c, err := client.Connect(h.addr, mariadbtest.User, mariadbtest.Password, "app")
			if err != nil {
				t.Fatal(err)
			}
			defer c.Close()
			if _, err := c.Execute("REPLACE INTO sessions (id) VALUES ('k1')"); err != nil {
				t.Fatal(err)
			}
			st, err := c.Prepare("SELECT n FROM sessions WHERE id = ?")
			if err != nil {
				t.Fatal(err)
			}
			if err := do(c, st); err != nil {
				t.Fatal(err)
			}
			if left() == 0 {
				t.Error("nothing is prepared")
			}
			c.Conn.Conn.Close() // without a word
			h.await("the end of its statements", func() bool { return left() == 0 })
		})
	}
}

// runs reports whether a store carries a statement out.
func (h *harness) runs(sql string) bool {
	for _, d := range h.direct {
		var n int
		if d.QueryRow("SELECT COUNT(*) FROM information_schema.PROCESSLIST WHERE INFO LIKE ? AND ID <> CONNECTION_ID()", sql+"%").Scan(&n) == nil && n > 0 {
			return true
		}
	}
	return false
}
