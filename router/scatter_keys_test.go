package router_test

import (
	"fmt"
	"testing"

	"github.com/dsmproxy/dsmproxy/rewrite"
)

// TestScatterOfAllKindsOfKeys asks tables with other keys, and without a
// primary key on them, and several tables at once.
func TestScatterOfAllKindsOfKeys(t *testing.T) {
	h := start(t, 4, 2)
	tables := []struct{ name, columns string }{
		{"bin", "(k binary(16) NOT NULL PRIMARY KEY, v int, t varchar(10))"},
		{"vbin", "(v int, k varbinary(20) NOT NULL, t varchar(10), UNIQUE (k)) "},
		{"nums", "(k bigint unsigned NOT NULL, v int, t varchar(10), KEY (k))"},
		{"bare", "(k varchar(20) CHARACTER SET latin1 COLLATE latin1_bin, v int, t varchar(10))"},
		{"chars", "(v int, t varchar(10), k char(20) CHARACTER SET ascii COLLATE ascii_bin NOT NULL, PRIMARY KEY (k, v))"},
		{"blobs", "(k tinyblob NOT NULL, v int, t varchar(10), PRIMARY KEY (k(20)))"},
		{"empty", "(k varchar(20) PRIMARY KEY, v int, t varchar(10))"},
	}
	var configured []rewrite.Table
	h.exec(h.direct[0], "CREATE DATABASE ref")
	for _, table := range tables {
		configured = append(configured, rewrite.Table{Name: table.name, Key: "k"})
		for _, d := range h.direct {
			h.exec(d, "CREATE TABLE app."+table.name+table.columns)
		}
		h.exec(h.direct[0], "CREATE TABLE ref."+table.name+table.columns)
	}
	addr := h.serve(t, configured)
	db := h.openAt(addr, "")
	for _, table := range tables[:6] {
		for i := range 40 {
			key := fmt.Sprintf("%016d", i*7919) // as long as binary(16), which would be padded
			if table.name == "nums" {
				key = fmt.Sprint(uint64(1)<<63 + uint64(i*7919))
			}
			insert := table.name + " (k, v, t) VALUES (?, ?, ?)"
			args := []any{key, i % 9, fmt.Sprint("t", i%4)}
			h.exec(db, "INSERT INTO "+insert, args...)
			h.exec(h.direct[0], "INSERT INTO ref."+insert, args...)
			left := h.order(key)[2+i%2]
			h.exec(h.direct[left], "INSERT INTO app."+insert, key, 100, "left")
		}
		gone := h.order("000000000000gone")[1]
		if table.name != "nums" {
			h.exec(h.direct[gone], "INSERT INTO app."+table.name+" (k, v, t) VALUES ('000000000000gone', 100, 'left')")
		}
	}
	var cases []scatterCase
	for _, table := range tables {
		for _, sql := range []string{
			"SELECT COUNT(*) FROM %s", "SELECT * FROM %s", "SELECT k, v FROM %s ORDER BY k DESC LIMIT 7", "SELECT t, SUM(v), COUNT(DISTINCT k) FROM %s GROUP BY t ORDER BY t",
			"SELECT v FROM %s WHERE v > 5", "SELECT MAX(v), MIN(k), AVG(v) FROM %s", "SELECT a.k FROM %[1]s a JOIN %[1]s b ON a.v = b.v + 1 WHERE b.t = 't1' ORDER BY a.k, b.k",
		} {
			cases = append(cases, scatterCase{sql: fmt.Sprintf(sql, table.name)})
		}
	}
	cases = append(cases,
		scatterCase{sql: "SELECT v, t FROM bin UNION SELECT v, t FROM vbin ORDER BY 1, 2"},
		scatterCase{sql: "SELECT k, v FROM bin UNION ALL SELECT k, v FROM chars ORDER BY 1, 2"},
		scatterCase{sql: "SELECT COUNT(*) FROM bin, nums WHERE bin.v = nums.v"},
		scatterCase{sql: "SELECT b.k FROM bare b LEFT JOIN empty e ON b.v = e.v WHERE e.v IS NULL ORDER BY b.k LIMIT ?", args: []any{4}},
		scatterCase{sql: "SELECT (SELECT COUNT(*) FROM blobs), (SELECT MAX(v) FROM nums WHERE t = ?), EXISTS(SELECT 1 FROM empty)", args: []any{"t2"}},
		scatterCase{sql: "SELECT k FROM vbin WHERE k IN (SELECT k FROM chars WHERE v > ?) ORDER BY k", args: []any{3}},
		scatterCase{sql: "SELECT k FROM vbin WHERE NOT EXISTS (SELECT 1 FROM empty) AND v = 2 ORDER BY k"},
	)
	proxy := h.wire(addr, "app", true)
	ref := h.wire(h.servers[0].Addr(), "ref", true)
	for _, c := range cases {
		for _, prepared := range []bool{false, true} {
			if why := differs(proxy, ref, c, prepared); why != "" {
				t.Errorf("%s (prepared %v): %s", c.sql, prepared, why)
			}
		}
	}
	for _, table := range tables[:6] {
		for _, sql := range []string{
			"UPDATE %s SET v = v + 10 WHERE t = 't1'", "DELETE FROM %s WHERE v < 3 ORDER BY v, k LIMIT 6", "DELETE FROM %s WHERE t = 't2'", "DELETE FROM %s",
		} {
			sql = fmt.Sprintf(sql, table.name)
			want, err := ref.Execute(sql)
			if err != nil {
				t.Fatal(err)
			}
			got, err := proxy.Execute(sql)
			if err != nil || got.AffectedRows != want.AffectedRows {
				t.Errorf("%s affects %v, %v, want %d", sql, got, err, want.AffectedRows)
			}
			if why := differs(proxy, ref, scatterCase{sql: "SELECT * FROM " + table.name + " ORDER BY k"}, false); why != "" {
				t.Errorf("%s leaves %s", sql, why)
			}
		}
	}
}
