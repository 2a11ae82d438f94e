package router_test

import (
	"context"
	"database/sql"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/dsmproxy/dsmproxy/router/store"
)

// strs returns the rows of a query, the values of each joined.
func (h *harness) strs(q interface {
	QueryContext(context.Context, string, ...any) (*sql.Rows, error)
}, query string, args ...any,
) (list []string) {
	h.t.Helper()
	rows, err := q.QueryContext(context.Background(), query, args...)
	if err != nil {
		h.t.Errorf("%s: %v", query, err)
		return nil
	}
	defer rows.Close()
	names, err := rows.Columns()
	if err != nil {
		h.t.Fatal(err)
	}
	values := make([]sql.NullString, len(names))
	into := make([]any, len(names))
	for i := range values {
		into[i] = &values[i]
	}
	for rows.Next() {
		if err := rows.Scan(into...); err != nil {
			h.t.Fatal(err)
		}
		var row []string
		for _, v := range values {
			if !v.Valid {
				v.String = "NULL"
			}
			row = append(row, v.String)
		}
		list = append(list, strings.Join(row, "|"))
	}
	if err := rows.Err(); err != nil {
		h.t.Errorf("%s: %v", query, err)
	}
	return list
}

func (h *harness) shows(q interface {
	QueryContext(context.Context, string, ...any) (*sql.Rows, error)
}, want, query string, args ...any,
) {
	h.t.Helper()
	if got := strings.Join(h.strs(q, query, args...), ","); got != want {
		h.t.Errorf("%s %v = %q, want %q", query, args, got, want)
	}
}

func TestScatterInTransaction(t *testing.T) {
	h := start(t, 4, 2)
	ctx := context.Background()
	db := h.open("")
	for i := range 8 {
		h.exec(db, "INSERT INTO sessions (id, n) VALUES (?, ?)", fmt.Sprint("k", i), i)
	}
	h.exec(h.direct[h.order("k3")[3]], "INSERT INTO app.sessions (id, n) VALUES ('k3', 99)")
	for _, begin := range []string{"BEGIN", "SET autocommit=0", "START TRANSACTION WITH CONSISTENT SNAPSHOT"} {
		c := h.conn("")
		h.exec(c, begin)
		h.exec(c, "UPDATE sessions SET n = n + 100 WHERE id = 'k1'")
		h.exec(c, "INSERT INTO sessions (id, n) VALUES ('new', 50)")
		h.exec(c, "DELETE FROM sessions WHERE id = 'k7'")
		for range 2 {
			h.shows(c, "8", "SELECT COUNT(*) FROM sessions")
			h.shows(c, "k6,k5,k4,k3,k2", "SELECT id FROM sessions WHERE n > ? AND n < ? ORDER BY n DESC", 1, 50)
			h.shows(c, "171|8", "SELECT SUM(n), COUNT(DISTINCT n) FROM sessions WHERE 1 = 1")
			if got := h.strs(c, "SELECT id FROM sessions WHERE n > 40"); len(got) != 2 {
				t.Errorf("%s: own writes read as %v", begin, got)
			}
			if got := h.strs(c, "SELECT id FROM sessions LIMIT 3"); len(got) != 3 {
				t.Errorf("%s: LIMIT 3 gives %v", begin, got)
			}
			h.fails(1054, c, "SELECT nosuch FROM sessions")
			h.fails(1054, c, "SELECT COUNT(*) FROM sessions WHERE nosuch = ?", 1)
			h.fails(1054, c, "SELECT id FROM sessions ORDER BY nosuch")
			h.exec(c, "SAVEPOINT s")
			h.exec(c, "UPDATE sessions SET n = 1000 WHERE id = 'k2'")
			h.shows(c, "1000", "SELECT MAX(n) FROM sessions")
			h.exec(c, "ROLLBACK TO s")
		}
		h.shows(db, "8|28", "SELECT COUNT(*), SUM(n) FROM sessions")
		h.exec(c, "ROLLBACK")
		h.shows(c, "8|28", "SELECT COUNT(*), SUM(n) FROM sessions")
	}
	tx, err := db.BeginTx(ctx, &sql.TxOptions{ReadOnly: true})
	if err != nil {
		t.Fatal(err)
	}
	h.shows(tx, "7,6", "SELECT n FROM sessions ORDER BY n DESC LIMIT 2")
	h.fails(1792, tx, "UPDATE sessions SET n = 1 WHERE id = 'k1'")
	tx.Rollback()
	c := h.conn("")
	h.exec(c, "SET SESSION TRANSACTION READ ONLY")
	h.shows(c, "7", "SELECT MAX(n) FROM sessions")
}

func TestScatterOfSeveralKeys(t *testing.T) {
	for copies := 1; copies <= 2; copies++ {
		h := start(t, 4, copies)
		for _, params := range []string{"", "interpolateParams=true"} {
			db := h.open(params)
			for i := range 12 {
				id := fmt.Sprint("k", i)
				h.exec(db, "REPLACE INTO sessions (id, n) VALUES (?, ?)", id, i)
				h.exec(h.direct[h.order(id)[3]], "REPLACE INTO app.sessions (id, n) VALUES (?, -1)", id)
				h.exec(h.direct[h.order("gone")[3]], "REPLACE INTO app.sessions (id, n) VALUES ('gone', -1)")
			}
			got := h.strs(db, "SELECT id, n FROM sessions WHERE id IN ('k1', ?, 'k3', 'k4', 'k5', 'gone', NULL)", "k2")
			slices.Sort(got)
			if want := "k1|1 k2|2 k3|3 k4|4 k5|5"; strings.Join(got, " ") != want {
				t.Errorf("IN gives %v, want %s", got, want)
			}
			h.shows(db, "k9,k8,k7", "SELECT id FROM sessions WHERE id = 'k7' OR id = ? OR id IN ('k9') ORDER BY n DESC", "k8")
			h.shows(db, "4|22", "SELECT COUNT(*), SUM(n) FROM sessions WHERE id IN ('k4', 'k5', 'k6', 'k7', 'gone')")
			h.shows(db, "5", "SELECT COUNT(*) FROM sessions WHERE id IN ('k4', 'k5', 'k6', 'k7', 'k8', 'gone')")
			h.shows(db, "1,2,3", "SELECT n FROM sessions WHERE id = 'k1' UNION SELECT n FROM sessions WHERE id = 'k2' "+
				"UNION SELECT n FROM sessions WHERE id = ? ORDER BY n", "k3")
			h.shows(db, "1|2,1|3,1|4", "SELECT a.n, b.n FROM sessions a JOIN sessions b WHERE a.id = ? AND b.id IN ('k2', 'k3', 'k4') ORDER BY b.n", "k1")
			if got := h.strs(db, "SELECT id FROM sessions WHERE id IN ('k1', 'k2', 'k3', 'k4', 'k5', 'k6') LIMIT 2, 3"); len(got) != 3 {
				t.Errorf("LIMIT 2, 3 gives %v", got)
			}
			h.shows(db, "k1,k2,k3,k4,k5,k6", "SELECT id FROM sessions WHERE id IN ('k1', 'k2', 'k3', 'k4', 'k5', 'k6') ORDER BY id FOR UPDATE")
		}
	}
}

func TestScatterRefusals(t *testing.T) {
	h := start(t, 3, 2)
	for _, d := range h.direct {
		h.exec(d, "SET GLOBAL max_allowed_packet = 16777216")
	}
	c := h.conn("")
	for _, sql := range []string{
		"SELECT DISTINCT n FROM sessions WHERE n = 1 FOR UPDATE",
		"SELECT id FROM sessions INTO OUTFILE '/tmp/x'",
		"SELECT id FROM sessions /*!50000 WHERE n = 1 */ ORDER BY id",
	} {
		h.fails(1235, c, sql)
	}
	noIndex := uint16(1235)
	if !installed.MariaDB() {
		noIndex = 1191 // MySQL finds at PREPARE that there is none
	}
	h.fails(noIndex, c, "SELECT id FROM sessions WHERE MATCH (data) AGAINST ('x') ORDER BY id")
	h.fails(noSchema(), c, "SELECT COUNT(*) FROM nosuch.sessions")
	h.fails(noSchema(), c, "SELECT id FROM nosuch.sessions")
	h.fails(1054, c, "SELECT id FROM sessions ORDER BY nosuch")
	h.shows(c, "0", "SELECT COUNT(*) FROM sessions")

	db := h.open("")
	h.exec(db, "INSERT INTO sessions (id, data) VALUES ('k', REPEAT('x', 9000000))")
	h.exec(db, "INSERT INTO sessions (id) VALUES ('l')")
	tx, err := db.Begin()
	if err != nil {
		t.Fatal(err)
	}
	h.exec(tx, "UPDATE sessions SET n = 5 WHERE id = 'l'")
	h.fails(1153, tx, "SELECT id, data FROM sessions ORDER BY id")
	if got := h.strs(tx, "SELECT LENGTH(data) FROM sessions"); len(got) != 2 || !slices.Contains(got, "9000000") {
		t.Errorf("lengths are %v", got)
	}
	h.shows(tx, "k|0,l|5", "SELECT id, n FROM sessions ORDER BY id")
	if err := tx.Commit(); err != nil {
		t.Error(err)
	}
	h.shows(db, "5", "SELECT n FROM sessions WHERE id = 'l'")
}

func TestScatterLeavesNothingBehind(t *testing.T) {
	h := start(t, 3, 1)
	db := h.open("")
	for i := range 30 {
		h.exec(db, "INSERT INTO sessions (id, n) VALUES (?, ?)", fmt.Sprint("k", i), i)
	}
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			for range 25 {
				h.shows(db, "29", "SELECT n FROM sessions ORDER BY n DESC LIMIT ?", 1)
				for i := range 30 {
					h.shows(db, fmt.Sprint(i), "SELECT n FROM sessions WHERE id = ?", fmt.Sprint("k", i))
				}
				h.shows(db, "30", "SELECT COUNT(*) FROM sessions")
			}
		})
	}
	wg.Wait()
	c := h.conn("multiStatements=true")
	h.exec(c, "SET sql_mode='ANSI_QUOTES,NO_BACKSLASH_ESCAPES', time_zone='-05:00'")
	h.shows(c, `29|ANSI_QUOTES,NO_BACKSLASH_ESCAPES|-05:00`, `SELECT MAX("n"), @@sql_mode, @@time_zone FROM "sessions" ORDER BY 1`)
	h.exec(c, "SET sql_select_limit=2")
	h.shows(c, "0,1", "SELECT n FROM sessions ORDER BY n")
	if got := h.strs(c, "SELECT n FROM sessions"); len(got) != 2 {
		t.Errorf("sql_select_limit=2 gives %v", got)
	}
	h.shows(c, "435", "SELECT SUM(n) FROM sessions")
	h.shows(c, "30", "SELECT COUNT(*) FROM sessions")
}

func TestScatterAmongStatements(t *testing.T) {
	h := start(t, 3, 2)
	db := h.open("multiStatements=true&interpolateParams=true")
	for i := range 9 {
		h.exec(db, "INSERT INTO sessions (id, n) VALUES (?, ?)", fmt.Sprint("k", i), i)
	}
	const several = "SELECT n FROM sessions WHERE n > 7; SELECT COUNT(*) FROM sessions; SELECT n FROM sessions ORDER BY n DESC LIMIT 1; " +
		"SELECT n FROM sessions WHERE n > 100; SELECT 5"
	rows, err := db.Query(several)
	if err != nil {
		t.Fatal(err)
	}
	defer rows.Close()
	var got []string
	for {
		for rows.Next() {
			var n string
			if err := rows.Scan(&n); err != nil {
				t.Fatal(err)
			}
			got = append(got, n)
		}
		if !rows.NextResultSet() {
			break
		}
		got = append(got, ";")
	}
	if err := rows.Err(); err != nil || strings.Join(got, " ") != "8 ; 9 ; 8 ; ; 5" {
		t.Errorf("%s = %v, %v", several, got, err)
	}
}

func TestScatterWithAStoreDown(t *testing.T) {
	h := start(t, 4, 2)
	db := h.open("")
	for i := range 40 {
		h.exec(db, "INSERT INTO sessions (id, n) VALUES (?, ?)", fmt.Sprint("k", i), i)
	}
	check := func() {
		t.Helper()
		h.shows(db, "40", "SELECT COUNT(*) FROM sessions")
		h.shows(db, "780|40", "SELECT SUM(n), COUNT(DISTINCT id) FROM sessions")
		if got := h.strs(db, "SELECT id FROM sessions WHERE n < ?", 35); len(got) != 35 {
			t.Errorf("%d rows, want 35", len(got))
		}
		h.shows(db, "k5,k4,k3,k2,k1,k0", "SELECT id FROM sessions WHERE id IN ('k0', 'k1', 'k2', 'k3', 'k4', 'k5') ORDER BY n DESC")
	}
	check()
	h.down(2)
	check() // whether it is known yet or not
	h.await("store down", func() bool { return h.stores[2].State() == store.Down })
	check()
	c := h.conn("")
	h.exec(c, "BEGIN")
	h.shows(c, "40", "SELECT COUNT(*) FROM sessions")
	h.down(1)
	h.fails(1213, c, "SELECT COUNT(*) FROM sessions")
	h.exec(c, "ROLLBACK")
}

func TestScatterOfOtherKeys(t *testing.T) {
	h := start(t, 4, 2)
	for _, d := range h.direct {
		h.exec(d, "CREATE TABLE app.folded (id varchar(40) COLLATE utf8mb4_general_ci PRIMARY KEY, n int) CHARSET utf8mb4")
		h.exec(d, "CREATE TABLE app.numbered (num int PRIMARY KEY, v int, other int NOT NULL UNIQUE, CHECK (other <= 0))")
		h.exec(d, "CREATE TABLE app.parts (num int, part varchar(10), FULLTEXT (part)) ")
	}
	for _, params := range []string{"", "interpolateParams=true"} {
		db := h.open(params)
		for i := range 20 {
			id := fmt.Sprint("Key", i)
			h.exec(db, "INSERT INTO folded VALUES (?, ?)", id, i)
			h.exec(h.direct[h.order(strings.ToLower(id))[3]], "REPLACE INTO app.folded VALUES (?, -5)", strings.ToUpper(id))
			h.exec(db, "INSERT INTO numbered (num, v, other) VALUES (?, ?, ?)", i*1000, i, -i)
			h.exec(h.direct[h.order(fmt.Sprint(i * 1000))[3]], "REPLACE INTO app.numbered (num, v, other) VALUES (?, -5, ?)", i*1000, -i)
			h.exec(db, "INSERT INTO parts (num, part) VALUES (?, 'a'), (?, 'b')", i*1000, i*1000)
		}
		h.shows(db, "20", "SELECT COUNT(*) FROM folded")
		h.shows(db, "20|190", "SELECT COUNT(*), SUM(n) FROM folded")
		h.shows(db, "5", "SELECT COUNT(*) FROM folded WHERE id IN ('KEY1', 'key2', 'kEY3', 'key4', 'key5', 'none')")
		h.shows(db, "15", "SELECT SUM(n) FROM folded WHERE id IN ('KEY1', 'key2', 'kEY3', 'key4', 'key5', 'none')")
		h.shows(db, "20", "SELECT COUNT(*) FROM numbered")
		h.shows(db, "19|18", "SELECT a.v, b.v FROM numbered a JOIN numbered b ON a.v = b.v + ? ORDER BY a.v DESC LIMIT 1", 1)
		if got := h.strs(db, "SELECT num FROM numbered WHERE v > 9"); len(got) != 10 {
			t.Errorf("%d rows, want 10: %v", len(got), got)
		}
		h.shows(db, "40|2", "SELECT COUNT(*), COUNT(DISTINCT part) FROM parts")
		h.shows(db, "40", "SELECT COUNT(*) FROM parts")
		h.shows(db, "2000|b,2000|a", "SELECT p.num, p.part FROM numbered n JOIN parts p ON p.num = n.num WHERE n.v = ? ORDER BY p.part DESC", 2)
		for _, table := range []string{"folded", "numbered", "parts"} {
			for _, d := range h.direct {
				h.exec(d, "TRUNCATE TABLE app."+table)
			}
		}
	}
}
