package router_test

import (
	"context"
	"database/sql"
	"fmt"
	"strings"
	"testing"

	"github.com/go-sql-driver/mysql"
)

// beside runs steps at the proxy and at one server, and compares what they
// answer: rows with the names and types of their columns, affected rows, errors.
func beside(t *testing.T, h *harness, params string, steps []string) {
	t.Helper()
	ctx := context.Background()
	proxy := h.conn(params)
	direct := plain(t, h, params)
	for _, q := range steps {
		got, want := answerOf(ctx, proxy, q), strings.ReplaceAll(answerOf(ctx, direct, q), "single.", "app.")
		if got != want {
			t.Errorf("%s\n got  %s\n want %s", q, got, want)
		}
	}
}

// plain returns a connection to a server of its own schema, with tables like
// those behind the proxy.
func plain(t *testing.T, h *harness, params string) *sql.Conn {
	t.Helper()
	for _, q := range []string{"CREATE DATABASE IF NOT EXISTS single", "DROP TABLE IF EXISTS single.sessions", "CREATE TABLE single.sessions LIKE app.sessions"} {
		if _, err := h.direct[0].Exec(q); err != nil {
			t.Fatal(err)
		}
	}
	c, err := mysql.ParseDSN(h.servers[0].DSN("single"))
	if err != nil {
		t.Fatal(err)
	}
	db, err := sql.Open("mysql", c.FormatDSN()+"?"+params)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { db.Close() })
	conn, err := db.Conn(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	return conn
}

func answerOf(ctx context.Context, c *sql.Conn, q string) string {
	word, _, _ := strings.Cut(strings.TrimLeft(q, "( "), " ")
	switch strings.ToUpper(word) {
	case "SELECT", "SHOW", "EXECUTE", "CALL", "HANDLER", "CHECKSUM", "ANALYZE":
	default:
		r, err := c.ExecContext(ctx, q)
		if err != nil {
			return err.Error()
		}
		n, _ := r.RowsAffected()
		return fmt.Sprintf("affected %d", n)
	}
	rows, err := c.QueryContext(ctx, q)
	if err != nil {
		return err.Error()
	}
	defer rows.Close()
	var b strings.Builder
	for {
		types, err := rows.ColumnTypes()
		if err != nil {
			return err.Error()
		}
		for _, ty := range types {
			fmt.Fprintf(&b, "%s:%s ", ty.Name(), ty.DatabaseTypeName())
		}
		for rows.Next() {
			values, refs := make([]sql.RawBytes, len(types)), make([]any, len(types))
			for i := range values {
				refs[i] = &values[i]
			}
			if err := rows.Scan(refs...); err != nil {
				return err.Error()
			}
			for _, v := range values {
				if v == nil {
					b.WriteString("|NULL")
				} else {
					fmt.Fprintf(&b, "|%q", v)
				}
			}
			b.WriteByte(';')
		}
		if !rows.NextResultSet() {
			break
		}
		b.WriteString(" / ")
	}
	if err := rows.Err(); err != nil {
		b.WriteString(err.Error())
	}
	return b.String()
}

func TestUserVariables(t *testing.T) {
	h := start(t, 4, 2)
	steps := []string{
		"SELECT @never",
		"SET @a = 5, @b = 'x', @c = NULL, @d = 1.50, @e = 1e3, @f = x'00ff27', @g = CAST(7 AS UNSIGNED)",
		"SELECT @a, @b, @c, @d, @e, @f, @g",
		"SET @a = @a + 1, @h = CONCAT(@b, 'y'), @i = @d * 3, @j = -9223372036854775808, @k = 1/3, @l = CAST(5 AS DECIMAL(10,0))",
		"SELECT @a, @h, @i, @j, @k, @l, @e * 2",
		"SET @n = @a, @n = NULL",
		"SELECT @n, HEX(@f), CHARSET(@h), COLLATION(@h), COERCIBILITY(@h)",
		"SET @s = _latin1'\xe9' COLLATE latin1_german1_ci",
		"SELECT HEX(@s), COLLATION(@s)",
		"SET @s2 = CONCAT(@s, @s)",
		"SELECT HEX(@s2), COLLATION(@s2)",
		"SET @t = 'text'",
		"SET NAMES latin1",
		"SELECT COLLATION(@t), HEX(@t), COLLATION('x')",
		"SET @t2 = CONCAT(@t, '')",
		"SET NAMES utf8mb4",
		"SELECT COLLATION(@t), COLLATION(@t2)",
		"SET @mode = @@sql_mode, sql_mode = 'ANSI_QUOTES'",
		"SELECT @@sql_mode",
		"SET @q = '\"'",
		"SET sql_mode = @mode",
		"SELECT @@sql_mode = @mode, @q",
		"INSERT INTO sessions (id, n, data) VALUES ('k1', 7, 'one'), ('k2', 8, 'two'), ('k3', 9, 'three')",
		"SET @id = 'k2'",
		"SELECT n FROM sessions WHERE id = @id",
		"SELECT n + 1 INTO @m FROM sessions WHERE id = @id",
		"SELECT @m",
		"SELECT n, data INTO @m, @data FROM sessions WHERE id = 'k3'",
		"SELECT @m, @data",
		"SELECT n INTO @m FROM sessions WHERE id = 'none'",
		"SELECT @m",
		"UPDATE sessions SET n = @m + 1, data = CONCAT(data, @data) WHERE id = 'k1'",
		"SELECT n, data FROM sessions WHERE id = 'k1'",
		"UPDATE sessions SET n = (@old := n) + 1 WHERE id = @id",
		"SELECT @old",
		"SELECT n FROM sessions WHERE id = 'k2'",
		"SELECT @a := @a + 1",
		"SELECT @a",
		"SELECT @a := @a + n AS s FROM sessions WHERE id = 'k1'",
		"SELECT @a",
		"SET @r = (SELECT n FROM sessions WHERE id = 'k1')",
		"SELECT @r",
		"SET @r = (SELECT n FROM sessions WHERE id = @id), @r2 = @a + 1",
		"SELECT @r, @r2",
		"SET @r = 1, @r3 = @r + 1",
		"SELECT @r3",
		"SET @new = 'k4'",
		"INSERT INTO sessions (id, n) VALUES (@new, @r)",
		"SELECT id, n FROM sessions WHERE id = @new",
		"REPLACE INTO sessions (id, n) VALUES (@new, 1), ('k5', @r2)",
		"SELECT id, n FROM sessions WHERE id IN (@new, @id) ORDER BY id",
		"SELECT COUNT(*) FROM sessions WHERE n > @r",
		"UPDATE sessions SET id = 'k6' WHERE id = @new",
		"SELECT n FROM sessions WHERE id = 'k6'",
		"DELETE FROM sessions WHERE id = @id",
		"DELETE FROM sessions WHERE id = @never",
		"SELECT COUNT(*) FROM sessions",
		"BEGIN",
		"UPDATE sessions SET n = @r WHERE id = 'k1'",
		"SET @r = @r + 1",
		"UPDATE sessions SET n = @r WHERE id = 'k3'",
		"SELECT n INTO @r FROM sessions WHERE id = 'k3'",
		"SELECT n = @r, @r FROM sessions WHERE id = 'k1'",
		"ROLLBACK",
		"SELECT n, @r FROM sessions WHERE id = 'k1'",
		"DELETE FROM sessions WHERE n < @r AND expires <= @never",
		"DELETE FROM sessions WHERE n < @r2",
		"SELECT COUNT(*) FROM sessions",
		"SET @u = UUID(), @u2 = @u",
		"SELECT @u = @u2, LENGTH(@u)",
		"SET @e1 = (SELECT 1 UNION SELECT 2)",
		"SET @`odd ``name` = 3",
		"SELECT @`odd ``name` + 1",
		"DO @z := 4",
		"SELECT @z",
		"SET @big = REPEAT('x', 300000)",
		"SET @big = CONCAT(@big, 'y')",
		"SELECT LENGTH(@big), RIGHT(@big, 2)",
	}
	beside(t, h, "interpolateParams=true", steps)
}

// A user variable has the same value at every store.
func TestUserVariableEverywhere(t *testing.T) {
	h := start(t, 4, 1)
	c := h.conn("")
	for i := range 40 {
		h.exec(c, "INSERT INTO sessions (id, n) VALUES (?, ?)", fmt.Sprint("k", i), i)
	}
	h.exec(c, "SET @sum = 0")
	sum := 0
	for i := range 40 {
		sum += i
		if i%2 == 0 {
			h.exec(c, "SELECT @sum + n INTO @sum FROM sessions WHERE id = ?", fmt.Sprint("k", i))
		} else {
			rowsOf(t, c, "SELECT @sum := @sum + n FROM sessions WHERE id = ?", fmt.Sprint("k", i))
		}
		if got, want := rowsOf(t, c, "SELECT @sum AS s FROM sessions WHERE id = ?", fmt.Sprint("k", 39-i)), fmt.Sprint("s=", sum); got != want {
			t.Fatalf("after %d: %s, want %s", i, got, want)
		}
	}
	h.exec(c, "SET @got = GET_LOCK('one', 1)")
	if got := rowsOf(t, c, "SELECT @got AS g"); got != "g=1" {
		t.Errorf("lock: %s", got)
	}
	h.fails(1235, c, "SET @y = (SELECT n FROM sessions WHERE id = 'k1'), @z = @y")
	h.fails(1235, c, "UPDATE sessions SET n = (@x := n)")
	// Another client has none of it.
	if got := rowsOf(t, h.conn(""), "SELECT @sum AS s"); got != "s=" {
		t.Errorf("another client: %s", got)
	}
}

func TestSetWithParameters(t *testing.T) {
	h := start(t, 3, 2)
	params := "" // of a client whose text compares with the key
	if !installed.MariaDB() {
		params = "collation=utf8mb4_0900_ai_ci"
	}
	c := h.conn(params)
	h.exec(c, "INSERT INTO sessions (id, n, data) VALUES ('k', 3, 'd')")
	for _, v := range []any{5, "text", nil, 1.25, []byte{0, 255, 39}, "k"} {
		h.exec(c, "SET @v = ?", v)
		direct := plain(t, h, params)
		h.exec(direct, "SET @v = ?", v)
		const q = "SELECT @v, CHARSET(@v), @v + 0 FROM (SELECT 1) x"
		if got, want := answerOf(t.Context(), c, q), answerOf(t.Context(), direct, q); got != want {
			t.Errorf("SET @v = %v: %s, want %s", v, got, want)
		}
	}
	if got := rowsOf(t, c, "SELECT n FROM sessions WHERE id = @v AND n = ?", 3); got != "n=3" {
		t.Errorf("key by a bound variable: %s", got)
	}
	h.exec(c, "SET SESSION wait_timeout = ?", 1234)
	h.exec(c, "SET time_zone = ?", "+03:00")
	h.exec(c, "SET sql_mode = ?", "ANSI_QUOTES")
	for i := range 6 {
		if got := rowsOf(t, c, `SELECT @@wait_timeout AS w, @@time_zone AS z, "n" FROM sessions WHERE "id" = ?`, fmt.Sprint(i)); got != "" {
			t.Errorf("rows: %s", got)
		}
	}
	if got := rowsOf(t, c, `SELECT @@wait_timeout AS w, @@time_zone AS z, "n" FROM sessions WHERE "id" = 'k'`); got != "w=1234 z=+03:00 n=3" {
		t.Errorf("variables: %s", got)
	}
}
