package router_test

import (
	"database/sql"
	"fmt"
	"runtime"
	"slices"
	"strings"
	"testing"

	"github.com/go-mysql-org/go-mysql/mysql"
)

func TestScatterOfManyRows(t *testing.T) {
	h := start(t, 3, 2)
	db := h.open("")
	const records = 20000
	rows := make([][]string, 3)
	for i := range records {
		id := fmt.Sprint("k", i)
		row := fmt.Sprintf("('%s', REPEAT('x', 1000), %d)", id, i)
		for _, s := range h.order(id)[:2] {
			rows[s] = append(rows[s], row)
		}
	}
	for i, d := range h.direct {
		for chunk := range slices.Chunk(rows[i], 5000) {
			h.exec(d, "INSERT INTO app.sessions (id, data, n) VALUES "+strings.Join(chunk, ","))
		}
	}
	rows = nil
	for _, args := range [][]any{nil, {-1}} {
		query := "SELECT id, data FROM sessions"
		if args != nil {
			query += " WHERE n > ?"
		}
		r, err := db.Query(query, args...)
		if err != nil {
			t.Fatal(err)
		}
		seen := make(map[string]bool, records)
		var before, during runtime.MemStats
		runtime.GC()
		runtime.ReadMemStats(&before)
		var id, data sql.RawBytes
		for r.Next() {
			if err := r.Scan(&id, &data); err != nil || len(data) != 1000 || seen[string(id)] {
				t.Fatalf("row %q: %v", id, err)
			}
			seen[string(id)] = true
			if len(seen) == records/2 {
				runtime.GC()
				runtime.ReadMemStats(&during)
			}
		}
		if err := r.Err(); err != nil || len(seen) != records {
			t.Errorf("%d rows, %v, want %d", len(seen), err, records)
		}
		if grown := int64(during.HeapInuse) - int64(before.HeapInuse); grown > 8<<20 {
			t.Errorf("the heap has grown by %d MiB while 20 MiB were read", grown>>20)
		}
	}
	h.shows(db, "20000", "SELECT COUNT(*) FROM sessions")
	h.shows(db, "20000000", "SELECT SUM(LENGTH(data)) FROM sessions")
	if got := h.strs(db, "SELECT id FROM sessions LIMIT 7 OFFSET 9000"); len(got) != 7 {
		t.Errorf("LIMIT 7 gives %v", got)
	}
	h.shows(db, "k19999", "SELECT id FROM sessions ORDER BY n DESC LIMIT 1")

	r, err := db.Query("SELECT id, data FROM sessions")
	if err != nil {
		t.Fatal(err)
	}
	h.down(2) // which is read last
	got := 0
	for r.Next() {
		got++
	}
	if r.Err() == nil {
		t.Errorf("%d rows and no error although a store was lost", got)
	}
}

func TestScatterStatus(t *testing.T) {
	h := start(t, 3, 2)
	db := h.open("")
	for i := range 9 {
		h.exec(db, "INSERT INTO sessions (id, n) VALUES (?, ?)", fmt.Sprint("k", i), i)
	}
	for _, deprecateEOF := range []bool{false, true} {
		for _, sql := range []string{"SELECT n FROM sessions", "SELECT COUNT(*) FROM sessions", "SELECT MAX(n) FROM sessions"} {
			c := h.wire(h.addr, "app", deprecateEOF)
			status := func(when, statement string, want uint16) {
				t.Helper()
				res, err := c.Execute(statement)
				if err != nil {
					t.Fatal(err)
				}
				const looked = mysql.SERVER_STATUS_IN_TRANS | mysql.SERVER_STATUS_AUTOCOMMIT | mysql.SERVER_STATUS_IN_TRANS_READONLY
				if got := res.Status & looked; got != want {
					t.Errorf("%s: status of %s = %#x, want %#x", when, statement, got, want)
				}
			}
			status("at first", sql, mysql.SERVER_STATUS_AUTOCOMMIT)
			status("in a transaction", "BEGIN", mysql.SERVER_STATUS_AUTOCOMMIT|mysql.SERVER_STATUS_IN_TRANS)
			status("in a transaction", sql, mysql.SERVER_STATUS_AUTOCOMMIT|mysql.SERVER_STATUS_IN_TRANS)
			status("after it", "COMMIT", mysql.SERVER_STATUS_AUTOCOMMIT)
			status("after it", sql, mysql.SERVER_STATUS_AUTOCOMMIT)
			status("reading only", "START TRANSACTION READ ONLY",
				mysql.SERVER_STATUS_AUTOCOMMIT|mysql.SERVER_STATUS_IN_TRANS|mysql.SERVER_STATUS_IN_TRANS_READONLY)
			status("reading only", sql, mysql.SERVER_STATUS_AUTOCOMMIT|mysql.SERVER_STATUS_IN_TRANS|mysql.SERVER_STATUS_IN_TRANS_READONLY)
			status("after it", "ROLLBACK", mysql.SERVER_STATUS_AUTOCOMMIT)
			status("without autocommit", "SET autocommit=0", 0)
			status("without autocommit", sql, mysql.SERVER_STATUS_IN_TRANS)
			status("without autocommit", "COMMIT", 0)
		}
	}
	c := h.conn("")
	h.shows(c, "1", "SELECT GET_LOCK('mine', 5)")
	if got := h.strs(c, "SELECT n FROM sessions LIMIT 1"); len(got) != 1 {
		t.Errorf("LIMIT 1 gives %v", got)
	}
	h.shows(c, "8", "SELECT MAX(n) FROM sessions")
	h.shows(c, "1", "SELECT RELEASE_LOCK('mine')")
	for _, sql := range []string{"SELECT n FROM sessions WHERE n = '1x'", "SELECT SUM(n) FROM sessions WHERE n = '1x'"} {
		h.shows(c, "1", sql)
		if got := h.strs(c, "SHOW WARNINGS"); len(got) == 0 || !strings.Contains(got[0], "Truncated") {
			t.Errorf("SHOW WARNINGS after %s gives %v", sql, got)
		}
	}
	h.shows(c, "8,7", "SELECT SQL_CALC_FOUND_ROWS n FROM sessions ORDER BY n DESC LIMIT 2")
	h.shows(c, "9", "SELECT FOUND_ROWS()")
	if got := h.strs(c, "SELECT SQL_CALC_FOUND_ROWS n FROM sessions LIMIT 2"); len(got) != 2 {
		t.Errorf("LIMIT 2 gives %v", got)
	}
	h.shows(c, "9", "SELECT FOUND_ROWS()")
	h.strs(c, "SELECT n FROM sessions WHERE n > 5")
	h.shows(c, "3", "SELECT FOUND_ROWS()")
}

func TestScatterWithACursor(t *testing.T) {
	h := start(t, 3, 2)
	db := h.open("")
	for i := range 20 {
		h.exec(db, "INSERT INTO sessions (id, n) VALUES (?, ?)", fmt.Sprint("k", i), i)
	}
	c := h.wire(h.addr, "app", false)
	for _, sql := range []string{"SELECT n FROM sessions WHERE n >= ?", "SELECT n FROM sessions WHERE n >= ? ORDER BY n"} {
		st, err := c.Prepare(sql)
		if err != nil {
			t.Fatal(err)
		}
		for range 2 {
			rows := 0
			var res mysql.Result
			err = st.ExecuteSelectStreaming(&res, func([]mysql.FieldValue) error { rows++; return nil }, nil, 5)
			if err != nil || rows != 15 {
				t.Errorf("%s: %d rows, %v, want 15", sql, rows, err)
			}
		}
	}
}
