package router_test

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"testing"

	"github.com/go-sql-driver/mysql"

	"github.com/dsmproxy/dsmproxy/rewrite"
)

// reference is a database of its own at the first store, which tells what a
// statement does without the proxy.
func (h *harness) reference() *sql.DB {
	h.t.Helper()
	h.exec(h.direct[0], "CREATE DATABASE IF NOT EXISTS ref")
	db, err := sql.Open("mysql", h.servers[0].DSN("ref"))
	if err != nil {
		h.t.Fatal(err)
	}
	h.t.Cleanup(func() { db.Close() })
	return db
}

// told is what a statement gives: rows, or affected rows, or an error.
func told(db execer, query string, args ...any) string {
	if q, ok := db.(interface {
		QueryContext(context.Context, string, ...any) (*sql.Rows, error)
	}); ok && query[:6] == "SELECT" {
		rows, err := q.QueryContext(context.Background(), query, args...)
		if err != nil {
			return errorNumber(err)
		}
		defer rows.Close()
		s := ""
		for rows.Next() {
			var v string
			if err := rows.Scan(&v); err != nil {
				return err.Error()
			}
			s += v + ";"
		}
		if err := rows.Err(); err != nil {
			return errorNumber(err)
		}
		return s
	}
	r, err := db.ExecContext(context.Background(), query, args...)
	if err != nil {
		return errorNumber(err)
	}
	n, _ := r.RowsAffected()
	return fmt.Sprint(n, " rows")
}

func errorNumber(err error) string {
	var e *mysql.MySQLError
	if errors.As(err, &e) {
		return fmt.Sprint("error ", e.Number)
	}
	return err.Error()
}

// dump is a table's rows at some stores, each row with its number of copies.
func (h *harness) dump(table string, columns string) string {
	h.t.Helper()
	copies := map[string]int{}
	for _, d := range h.direct {
		rows, err := d.Query("SELECT " + columns + " FROM app." + table)
		if err != nil {
			h.t.Fatal(err)
		}
		for rows.Next() {
			var v string
			if err := rows.Scan(&v); err != nil {
				h.t.Fatal(err)
			}
			copies[v]++
		}
		if err := rows.Err(); err != nil {
			h.t.Fatal(err)
		}
	}
	return fmt.Sprint(copies)
}

// TestKeysThatTheColumnCallsEqual: whatever text a client has for a key, it is
// the one record's, as at a plain server, and no copy goes.
func TestKeysThatTheColumnCallsEqual(t *testing.T) {
	h := start(t, 5, 2)
	ref := h.reference()
	h.addr = h.serve(t, []rewrite.Table{{Name: "ints", Key: "k"}, {Name: "padded", Key: "k"}, {Name: "latin", Key: "k"}, {Name: "exact", Key: "k"}, {Name: "fixed", Key: "k"}})
	for _, c := range []struct {
		table, column string
		key           string
		like          []string // all of them literals
	}{
		{"ints", "bigint", "201", []string{"201", "'201'", "' 201'", "'0201'", "'201.0'", "'201abc'", "'2.01e2'", "'+201'", "0xc9", "'201.5'", "'\\t201 '"}},
		{"ints", "bigint", "-7", []string{"-7", "'-7'", "'-07x'", "'-7.0'"}},
		{"ints", "bigint unsigned", "18446744073709551615", []string{"18446744073709551615", "'018446744073709551615'"}},
		{"padded", "varchar(40) CHARSET utf8mb4 COLLATE utf8mb4_bin", "'w3'", []string{"'w3'", "'w3 '", "'w3   '", "x'773320'"}},
		{"latin", "varchar(40) CHARSET latin1", "'w3 '", []string{"'w3'", "'w3 '", "'w3   '"}},
		{"latin", "char(40) CHARSET latin1", "'w3 '", []string{"'w3'", "'w3 '", "'w3   '"}},
		{"exact", "varbinary(40)", "'w3 '", []string{"'w3'", "'w3 '", "'w3   '"}},
		{"fixed", "binary(4)", "'w3'", []string{"'w3'", "'w3\\0\\0'"}},
	} {
		for _, d := range append(h.direct, ref) {
			db := "app."
			if d == ref {
				db = "ref."
			}
			h.exec(d, "DROP TABLE IF EXISTS "+db+c.table)
			h.exec(d, "CREATE TABLE "+db+c.table+" (k "+c.column+" PRIMARY KEY, v int)")
		}
		h.set.Forget()
		db := h.open("")
		for _, lit := range c.like {
			for _, q := range []string{
				"DELETE FROM " + c.table,
				"INSERT INTO " + c.table + " VALUES (" + c.key + ", 1)",
				"SELECT v FROM " + c.table + " WHERE k = " + lit,
				"UPDATE " + c.table + " SET v = v + 1 WHERE k = " + lit,
				"INSERT INTO " + c.table + " VALUES (" + lit + ", 1)",
				"INSERT INTO " + c.table + " VALUES (" + lit + ", 1) ON DUPLICATE KEY UPDATE v = v + 10",
				"SELECT SUM(v) FROM " + c.table + " WHERE k IN (" + lit + ", " + c.key + ")",
				"REPLACE INTO " + c.table + " VALUES (" + c.key + ", 5)",
				"SELECT COUNT(*) FROM " + c.table,
				"DELETE FROM " + c.table + " WHERE k = " + lit,
				"SELECT COUNT(*) FROM " + c.table,
			} {
				got := told(db, q)
				if got == "error 1235" {
					continue // and nothing was done
				}
				if want := told(ref, q); got != want {
					t.Errorf("%s %s: %s = %s, want %s", c.table, c.column, q, got, want)
				}
				var n int
				if err := ref.QueryRow("SELECT COUNT(*) FROM " + c.table).Scan(&n); err != nil {
					t.Fatal(err)
				}
				copies := 0
				for _, d := range h.direct {
					var at int
					if err := d.QueryRow("SELECT COUNT(*) FROM app." + c.table).Scan(&at); err != nil {
						t.Fatal(err)
					}
					copies += at
				}
				if copies != 2*n {
					t.Errorf("%s %s: after %s: %s, want 2 copies of %d records", c.table, c.column, q, h.dump(c.table, "CONCAT(HEX(k), '=', v)"), n)
				}
			}
		}
	}
}

// TestNumberEqualsSeveralTextKeys: a number equals the keys of several records.
func TestNumberEqualsSeveralTextKeys(t *testing.T) {
	h := start(t, 5, 2)
	ref := h.reference()
	h.exec(ref, "DROP TABLE IF EXISTS sessions")
	h.exec(ref, "CREATE TABLE sessions (id varchar(128) PRIMARY KEY, data longblob, n int NOT NULL DEFAULT 0)")
	db := h.open("")
	for _, id := range []string{"0124", "124abc", "124", "125", "x"} {
		for _, d := range []*sql.DB{ref, db} {
			h.exec(d, "INSERT INTO sessions (id, data) VALUES (?, 'x')", id)
		}
	}
	for _, q := range []string{
		"SELECT id FROM sessions WHERE id = 124 ORDER BY id",
		"SELECT COUNT(*) FROM sessions WHERE id = 124",
		"SELECT id FROM sessions WHERE id IN (124, 125) ORDER BY id",
		"SELECT id FROM sessions WHERE id = 125",
		"SELECT id FROM sessions WHERE id = '124'",
		"UPDATE sessions SET n = 1 WHERE id = 124",
		"DELETE FROM sessions WHERE id = 7",
		"SET sql_mode = ''",
		"UPDATE sessions SET n = 1 WHERE id = 124",
		"SELECT id FROM sessions WHERE n = 1 ORDER BY id",
		"DELETE FROM sessions WHERE id = 124",
		"SELECT id FROM sessions ORDER BY id",
	} {
		ref.SetMaxOpenConns(1)
		db.SetMaxOpenConns(1)
		if got, want := told(db, q), told(ref, q); got != want {
			t.Errorf("%s = %s, want %s", q, got, want)
		}
	}
	for _, q := range []string{"SELECT id FROM sessions WHERE id = ? ORDER BY id", "SELECT COUNT(*) FROM sessions WHERE id = ?"} {
		for _, arg := range []any{124, 125, 0, "125", "124"} {
			if got, want := told(db, q, arg), told(ref, q, arg); got != want {
				t.Errorf("%s with %#v = %s, want %s", q, arg, got, want)
			}
		}
	}
}
