package router_test

import (
	"database/sql"
	"fmt"
	"strings"
	"testing"

	"github.com/dsmproxy/dsmproxy/rewrite"
)

// spelling is one way in which a client has a key.
type spelling struct {
	names string // of SET NAMES
	key   string // as a literal
	bound any    // as a parameter, unless nil
}

// TestKeysInEveryCharsetAndCase: clients of different charsets, and what the
// column's collation calls equal, mean one record, as at a plain server.
func TestKeysInEveryCharsetAndCase(t *testing.T) { eachLevel(t, testKeysInEveryCharsetAndCase) }

func testKeysInEveryCharsetAndCase(t *testing.T, level string) {
	h := startAt(t, level, 5, 2)
	ref := h.reference()
	spellings := []spelling{
		{"utf8mb4", "'café-ж1'", "café-ж1"},
		{"utf8mb4", "'CAFÉ-Ж1'", "CAFÉ-Ж1"},
		{"utf8mb4", "'Cafe-ж1 '", "Cafe-ж1 "},
		{"latin1", "'caf\xe9-1'", "caf\xe9-1"},
		{"latin1", "'CAF\xc9-1'", "CAF\xc9-1"},
		{"utf8mb4", "'café-1'", "café-1"},
		{"utf8mb4", "_latin1 x'636166e92d31'", nil},
		{"utf8mb4", "_latin1'CAF\xc9-1'", nil},
		{"latin1", "N'caf\xe9-1'", nil},
		{"utf8mb4", "'cafe-1'", "cafe-1"},
		{"utf8mb3", "'CAFE-1'", "CAFE-1"},
		{"latin1", "_utf8mb4'caf\xc3\xa9-1'", nil},
		{"cp1251", "'\xe6\xe8-1'", "\xe6\xe8-1"},
		{"utf8mb4", "'жи-1'", "жи-1"},
		{"utf8mb4", "'ЖЙ-1'", "ЖЙ-1"},
		{"binary", "'caf\xc3\xa9-1'", "caf\xc3\xa9-1"},
		{"utf8mb4", "'straße'", "straße"},
		{"utf8mb4", "'STRASSE'", "STRASSE"},
		{"utf8mb4", "'strase'", "strase"},
		{"utf8mb4", "'tüy'", []byte("tüy")},
		{"latin1", "'TYY'", "TYY"},
		{"utf8mb4", "'０ｋ1'", "０ｋ1"},
		{"utf8mb4", "'0K1'", "0K1"},
		{"utf8mb4", "x'636166c3a92d31'", nil},
	}
	columns := []string{
		"varchar(40) CHARSET utf8mb4 COLLATE utf8mb4_bin", "varchar(40) CHARSET utf8mb4 COLLATE utf8mb4_general_ci",
		"varchar(40) CHARSET utf8mb4 COLLATE utf8mb4_unicode_ci", "char(40) CHARSET utf8mb3 COLLATE utf8mb3_swedish_ci",
		"varchar(40) CHARSET latin1 COLLATE latin1_swedish_ci", "varchar(40) CHARSET latin1 COLLATE latin1_german2_ci",
		"varchar(40) CHARSET cp1251 COLLATE cp1251_general_ci", "varbinary(40)",
	}
	if installed.MariaDB() {
		columns = append(columns, "varchar(40) CHARSET utf8mb4 COLLATE utf8mb4_uca1400_as_ci", "varchar(40) CHARSET utf8mb4 COLLATE utf8mb4_uca1400_ai_ci")
	} else {
		columns = append(columns, "varchar(40) CHARSET utf8mb4 COLLATE utf8mb4_0900_as_ci", "varchar(40) CHARSET utf8mb4 COLLATE utf8mb4_0900_ai_ci")
	}
	var tables []rewrite.Table
	for n, column := range columns {
		name := fmt.Sprintf("spoken%d", n)
		tables = append(tables, rewrite.Table{Name: name, Key: "k", Collated: true})
		for i, d := range append(h.direct, ref) {
			h.exec(d, "CREATE TABLE "+[]string{"app.", "ref."}[i/len(h.direct)]+name+" (k "+column+" PRIMARY KEY, v int NOT NULL DEFAULT 0)")
		}
	}
	h.addr = h.serve(t, tables)
	clients := map[string][2]*sql.DB{}
	for _, s := range spellings {
		if _, ok := clients[s.names]; ok {
			continue
		}
		refDB, err := sql.Open("mysql", h.servers[0].DSN("ref"))
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { refDB.Close() })
		pair := [2]*sql.DB{h.open(""), refDB}
		for _, db := range pair {
			db.SetMaxOpenConns(1)
			h.exec(db, "SET NAMES "+s.names)
		}
		clients[s.names] = pair
	}
	for n, column := range columns {
		if level != "seed" && (strings.Contains(column, "_as_") || strings.Contains(column, "utf8mb3_swedish")) {
			h.fails(1235, clients["utf8mb4"][0], "INSERT INTO "+tables[n].Name+" VALUES ('é', 1)")
			continue
		}
		for round, s := range spellings {
			pair := clients[s.names]
			queries := []string{
				"SELECT v FROM spoken WHERE k = " + s.key,
				"INSERT INTO spoken VALUES (" + s.key + ", 1)",
				"INSERT INTO spoken VALUES (" + s.key + ", 1) ON DUPLICATE KEY UPDATE v = v + 10",
				"SELECT v FROM spoken WHERE k = " + s.key,
				"UPDATE spoken SET v = v + 1 WHERE k IN (" + s.key + ", 'other')",
				"SELECT COUNT(*), SUM(v) FROM spoken",
			}
			if round%3 == 2 {
				queries = append(queries, "DELETE FROM spoken WHERE k = "+s.key)
			}
			for _, q := range queries {
				h.alike(t, column, tables[n].Name, pair, ref, q)
			}
			if s.bound == nil {
				continue
			}
			for _, q := range []string{"SELECT v FROM spoken WHERE k = ?", "UPDATE spoken SET v = v + 100 WHERE k = ?", "REPLACE INTO spoken VALUES (?, 7)"} {
				h.alike(t, column, tables[n].Name, pair, ref, q, s.bound)
			}
		}
	}
}

// alike holds what a statement gives and leaves behind against a plain server.
func (h *harness) alike(t *testing.T, column, table string, pair [2]*sql.DB, ref *sql.DB, q string, args ...any) {
	t.Helper()
	q = strings.Replace(q, "spoken", table, 1)
	got := told(pair[0], strings.Replace(q, "COUNT(*), SUM(v)", "CONCAT_WS(',', COUNT(*), SUM(v))", 1), args...)
	want := told(pair[1], strings.Replace(q, "COUNT(*), SUM(v)", "CONCAT_WS(',', COUNT(*), SUM(v))", 1), args...)
	if got != want {
		t.Errorf("%s: %q %q = %s, want %s", column, q, args, got, want)
	}
	if strings.HasPrefix(q, "SELECT") {
		return
	}
	records := map[string]bool{}
	rows, err := ref.Query("SELECT CONCAT(HEX(k), '=', v) FROM " + table)
	if err != nil {
		t.Fatal(err)
	}
	for rows.Next() {
		var r string
		if err := rows.Scan(&r); err != nil {
			t.Fatal(err)
		}
		records[r] = true
	}
	if err := rows.Err(); err != nil {
		t.Fatal(err)
	}
	want = ""
	twice := map[string]int{}
	for r := range records {
		twice[r] = 2
	}
	if want = fmt.Sprint(twice); h.dump(table, "CONCAT(HEX(k), '=', v)") != want {
		t.Fatalf("%s: after %q %q: %s, want %s", column, q, args, h.dump(table, "CONCAT(HEX(k), '=', v)"), want)
	}
}

// TestExactKeysAndPlainOnes: what has no capitals lies where PHP's rule says,
// whatever the collation, and so does everything in a table with exact keys.
func TestExactKeysAndPlainOnes(t *testing.T) {
	h := start(t, 5, 2)
	for _, d := range h.direct {
		for _, table := range []string{"folding", "exact"} {
			h.exec(d, "CREATE TABLE app."+table+" (k varchar(64) CHARSET utf8mb4 COLLATE utf8mb4_general_ci PRIMARY KEY)")
		}
	}
	h.addr = h.serve(t, []rewrite.Table{{Name: "folding", Key: "k", Collated: true}, {Name: "exact", Key: "k"}})
	db := h.open("")
	for _, c := range []struct{ table, key, placed string }{
		{"folding", "0123456789abcdefghijklmnopqrstuv", "0123456789abcdefghijklmnopqrstuv"},
		{"folding", "wxyz-_.,:/+~@!#", "wxyz-_.,:/+~@!#"},
		{"folding", "Kx9", "kx9"},
		{"exact", "Kx9", "Kx9"},
	} {
		h.exec(db, "INSERT INTO "+c.table+" VALUES (?)", c.key)
		var at []int
		for i, d := range h.direct {
			var n int
			if err := d.QueryRow("SELECT COUNT(*) FROM app."+c.table+" WHERE k = ?", c.key).Scan(&n); err != nil {
				t.Fatal(err)
			}
			if n > 0 {
				at = append(at, i)
			}
		}
		order := make([]uint16, len(h.direct))
		h.place.Order(order, []byte(c.placed))
		if want := []int{int(min(order[0], order[1])), int(max(order[0], order[1]))}; fmt.Sprint(at) != fmt.Sprint(want) {
			t.Errorf("%s %q is at %v, want %v", c.table, c.key, at, want)
		}
	}
}
