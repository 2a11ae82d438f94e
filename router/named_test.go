package router_test

import (
	"fmt"
	"strings"
	"testing"
)

func TestPrepareBySQL(t *testing.T) {
	h := start(t, 4, 2)
	steps := []string{
		"PREPARE s FROM 'SELECT ? AS a, ? + 1 AS b'",
		"SET @x = 'one', @y = 41",
		"EXECUTE s USING @x, @y",
		"EXECUTE S USING @y, @x",
		"SELECT CONCAT(@@warning_count)",
		"EXECUTE s USING @x",
		"EXECUTE s",
		"EXECUTE none",
		"DEALLOCATE PREPARE none",
		"DROP PREPARE s",
		"EXECUTE s USING @x, @y",
		"PREPARE i FROM 'INSERT INTO sessions (id, n, data) VALUES (?, ?, ?)'",
		"SET @id = 'k1', @n = 5, @d = x'00ff5c27'",
		"EXECUTE i USING @id, @n, @d",
		"EXECUTE i USING @id, @n, @d",
		"SET @id = 'k2'",
		"EXECUTE i USING @id, @n, @d",
		"SELECT CONCAT(ROW_COUNT())",
		"PREPARE r FROM 'SELECT id, n, data FROM sessions WHERE id = ?'",
		"EXECUTE r USING @id",
		"SET @id = 'k1'",
		"EXECUTE r USING @id",
		"SELECT CONCAT(FOUND_ROWS())",
		"PREPARE u FROM 'UPDATE sessions SET n = n + ? WHERE id = ?'",
		"EXECUTE u USING @n, @id",
		"SELECT CONCAT(ROW_COUNT())",
		"EXECUTE r USING @id",
		"PREPARE c FROM 'SELECT COUNT(*) FROM sessions WHERE n >= ?'",
		"EXECUTE c USING @n",
		"PREPARE l FROM 'SELECT id FROM sessions WHERE n > 0 ORDER BY id LIMIT ?'",
		"SET @one = 1",
		"EXECUTE l USING @one",
		"PREPARE v FROM 'INSERT INTO sessions (id, n) VALUES (?, 1), (?, 2), (?, 3)'",
		"SET @a = 'a', @b = 'b', @c = 'c'",
		"EXECUTE v USING @a, @b, @c",
		"EXECUTE c USING @one",
		"PREPARE w FROM 'DELETE FROM sessions WHERE n < ?'",
		"SET @three = 3",
		"EXECUTE w USING @three",
		"EXECUTE c USING @one",
		"PREPARE k FROM 'SELECT n FROM sessions WHERE id = @id AND n > ?'",
		"EXECUTE k USING @one",
		"SET @q = CONCAT('SELECT n FROM sessions WHERE id = ', QUOTE(@id))",
		"PREPARE f FROM @q",
		"EXECUTE f",
		"SET @q = 'SELECT 2 AS two'",
		"EXECUTE f",
		"PREPARE f FROM @q",
		"EXECUTE f",
		"PREPARE f FROM 'SELECT nonsense FROM sessions'",
		"EXECUTE f",
		"PREPARE f FROM 'SELEC 1'",
		"PREPARE f FROM 'SELECT 1; SELECT 2'",
		"PREPARE f FROM ''",
		"PREPARE f FROM @unknown",
		"PREPARE f FROM 'PREPARE g FROM \"SELECT 1\"'",
		"PREPARE f FROM 'EXECUTE g'",
		"PREPARE m FROM 'SELECT n INTO @out FROM sessions WHERE id = ?'",
		"EXECUTE m USING @id",
		"SELECT @out",
		"PREPARE t FROM 'SET @set = ?'",
		"EXECUTE t USING @n",
		"SELECT @set",
		"PREPARE w FROM 'SELECT CAST(? AS SIGNED)'",
		"SET @bad = '12x'",
		"EXECUTE w USING @bad",
		"SELECT CONCAT(@@warning_count)",
		"PREPARE b FROM 'SELECT \\'quo\\\\\\'ted\\', \"x\"'",
		"EXECUTE b",
		"BEGIN",
		"EXECUTE u USING @n, @id",
		"EXECUTE r USING @id",
		"ROLLBACK",
		"EXECUTE r USING @id",
		"PREPARE tx FROM 'COMMIT'",
		"EXECUTE tx",
		"PREPARE nul FROM 'SELECT ? IS NULL'",
		"SET @null = NULL",
		"EXECUTE nul USING @null",
		"PREPARE `odd name` FROM 'SELECT 3'",
		"EXECUTE `ODD name`",
		// What MySQL does not know.
		"EXECUTE IMMEDIATE 'SELECT n FROM sessions WHERE id = ?' USING @id",
		"EXECUTE IMMEDIATE @q",
		"EXECUTE IMMEDIATE 'SELECT ?' USING 'lit'",
		"EXECUTE r USING 'k1'",
		"EXECUTE nul USING NULL",
		"EXECUTE nul USING 1.5",
		"EXECUTE none USING 1.5",
	}
	beside(t, h, "interpolateParams=true", steps)
	c := h.conn("")
	h.exec(c, "SET @id = 'where', @n = 1, @d = ''")
	h.exec(c, "PREPARE i FROM 'INSERT INTO sessions (id, n, data, expires) VALUES (?, ?, ?, RAND() * 1000000)'")
	h.exec(c, "EXECUTE i USING @id, @n, @d")
	h.holders("where", h.order("where")[:2]...)
	h.fails(1146, c, "PREPARE j FROM 'SELECT * FROM others'")
	h.fails(1295, c, "PREPARE j FROM 'EXECUTE i'")
	// What is prepared belongs to its client, and ends with its session.
	h.fails(1243, h.conn(""), "EXECUTE i USING @id, @n, @d")
	for _, q := range []string{"PREPARE", "PREPARE x", "EXECUTE", "DEALLOCATE x", "DEALLOCATE PREPARE", "EXECUTE i USING"} {
		h.fails(1064, c, q)
	}
}

// A long text and a long value go through as they are.
func TestPrepareLongBySQL(t *testing.T) {
	h := start(t, 3, 2)
	c := h.conn("interpolateParams=true")
	data := strings.Repeat("a'\\\x00\xff", 200000)
	h.exec(c, "SET @id = 'long', @d = ?", []byte(data))
	h.exec(c, "PREPARE i FROM 'INSERT INTO sessions (id, data) VALUES (?, ?)'")
	h.exec(c, "EXECUTE i USING @id, @d")
	h.holders("long", h.order("long")[:2]...)
	if got := rowsOf(t, c, "SELECT data = @d AS same FROM sessions WHERE id = 'long'"); got != "same=1" {
		t.Errorf("long value: %s", got)
	}
	h.exec(c, "PREPARE q FROM ?", fmt.Sprintf("SELECT n, LENGTH('%s') AS l FROM sessions WHERE id = ?", strings.Repeat("z", 100000)))
	if got := rowsOf(t, c, "EXECUTE q USING @id"); got != "n=0 l=100000" {
		t.Errorf("long text: %s", got)
	}
}
