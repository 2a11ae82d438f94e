package router_test

import (
	"context"
	"database/sql"
	"testing"
)

// TestUserVarTooLarge: a SET of a user variable to a value that no store can be
// told again is refused, and no more than that: the client stays, with its
// transaction and its other variables. What one server takes for too large itself
// is as it is there.
func TestUserVarTooLarge(t *testing.T) {
	eachLevel(t, func(t *testing.T, level string) {
		h := startOtherAt(t, level, 3, 2, 1)
		c := h.conn("")
		for _, q := range []string{"SET @n = 1 + 1, @much = 'old'", "BEGIN", "INSERT INTO sessions (id, data) VALUES ('k', 'x')"} {
			h.exec(c, q)
		}
		const notSupported = 1235
		h.fails(notSupported, c, "SET @m = 1 + 2, @much = REPEAT('x', 13000000), @o = 2 + 2")
		var much sql.NullString
		var n, m, o int
		for _, id := range []string{"k", "other"} { // on whichever store
			err := c.QueryRowContext(context.Background(), "SELECT @much, @n, @m, @o, COUNT(*) FROM sessions WHERE id = ?", id).Scan(&much, &n, &m, &o, new(int))
			if err != nil || much.Valid || n != 2 || m != 3 || o != 4 {
				t.Errorf("behind it: %v, %d, %d, %d, %v", much.Valid, n, m, o, err)
			}
		}
		h.exec(c, "COMMIT")
		if got := h.record(int(h.order("k")[1]), "k"); got == "" {
			t.Error("the transaction was lost")
		}
		h.fails(notSupported, c, "SET @much = REPEAT('x', 6291457)")
		h.exec(c, "SET @much = REPEAT('x', 6291456)")
		if err := c.QueryRowContext(context.Background(), "SELECT LENGTH(@much) FROM sessions WHERE id = 'k'").Scan(&n); err != nil || n != 6291456 {
			t.Errorf("the largest: %d, %v", n, err)
		}
		beside(t, h, "", []string{"SET @n = REPEAT('x', 1073741824)", "SHOW WARNINGS", "SELECT @n"})
	})
}
