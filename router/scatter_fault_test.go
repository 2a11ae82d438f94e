package router_test

import (
	"context"
	"errors"
	"fmt"
	"testing"

	"github.com/go-sql-driver/mysql"
)

// blocked runs a query while store i can't answer, does what is given once it
// waits there, and returns the query's outcome.
func (h *harness) blocked(i int, query func() error, then func(unlock func())) error {
	h.t.Helper()
	ctx := context.Background()
	lock, err := h.direct[i].Conn(ctx)
	if err != nil {
		h.t.Fatal(err)
	}
	defer lock.Close()
	h.exec(lock, "LOCK TABLES app.sessions WRITE")
	done := make(chan error, 1)
	go func() { done <- query() }()
	h.await("a statement that waits for the table", func() bool { return h.waiting(i) })
	then(func() { h.exec(lock, "UNLOCK TABLES") })
	return <-done
}

// waiting reports whether a statement waits for a table at store i.
func (h *harness) waiting(i int) bool {
	var n int
	err := h.direct[i].QueryRow("SELECT COUNT(*) FROM information_schema.PROCESSLIST WHERE STATE LIKE 'Waiting for table%'").Scan(&n)
	return err == nil && n > 0
}

func TestScatterBeginsAnewWithoutAStoreThatDies(t *testing.T) {
	for name, c := range map[string]struct{ query, want string }{
		"rows":  {"SELECT n FROM sessions WHERE n = 7", "7"},
		"count": {"SELECT COUNT(*) FROM sessions", "30"},
		"copy":  {"SELECT SUM(n) FROM sessions", "435"},
		"keys":  {"SELECT MAX(n) FROM sessions WHERE id IN ('k1', 'k2', 'k3', 'k4', 'k5', 'k6', 'k7', 'k8')", "8"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			h := start(t, 4, 2)
			db := h.open("")
			for i := range 30 {
				h.exec(db, "INSERT INTO sessions (id, n) VALUES (?, ?)", fmt.Sprint("k", i), i)
			}
			i := int(h.order("k1")[0])
			err := h.blocked(i, func() error {
				var got string
				if err := db.QueryRow(c.query).Scan(&got); err != nil {
					return err
				}
				if got != c.want {
					return fmt.Errorf("%s = %s, want %s", c.query, got, c.want)
				}
				return nil
			}, func(func()) { h.down(i) })
			if err != nil {
				t.Error(err)
			}
			h.shows(db, c.want, c.query)
		})
	}
}

func TestScatterThatIsKilled(t *testing.T) {
	h := start(t, 3, 2)
	ctx := context.Background()
	db := h.open("")
	for i := range 30 {
		h.exec(db, "INSERT INTO sessions (id, n) VALUES (?, ?)", fmt.Sprint("k", i), i)
	}
	c := h.conn("")
	var id int
	if err := c.QueryRowContext(ctx, "SELECT CONNECTION_ID()").Scan(&id); err != nil {
		t.Fatal(err)
	}
	for _, begin := range []bool{false, true} {
		if begin {
			h.exec(c, "BEGIN")
			h.exec(c, "UPDATE sessions SET n = 100 WHERE id = 'k1'")
		}
		for _, query := range []string{"SELECT n FROM sessions WHERE n = 7", "SELECT COUNT(*) FROM sessions", "SELECT SUM(n) FROM sessions"} {
			if begin {
				// The stores that have joined wait for no table lock.
				h.shows(c, "100", "SELECT MAX(n) FROM sessions")
				continue
			}
			err := h.blocked(1, func() error {
				var n int
				return c.QueryRowContext(ctx, query).Scan(&n)
			}, func(unlock func()) {
				h.exec(db, fmt.Sprint("KILL QUERY ", id))
				h.await("the statement's end", func() bool { return !h.waiting(1) })
				unlock()
			})
			var e *mysql.MySQLError
			if !errors.As(err, &e) || e.Number != 1317 {
				t.Errorf("%s = %v, want error 1317", query, err)
			}
		}
		h.shows(c, "30", "SELECT COUNT(*) FROM sessions")
	}
	h.exec(c, "ROLLBACK")
	h.shows(c, "29", "SELECT MAX(n) FROM sessions")
}
