package ledger

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/dsmproxy/dsmproxy/router/fence"
)

// kind is a type of column, with a literal for a value of it.
type kind struct {
	ddl   string
	value func(r *rand.Rand) string
}

func fixed(values ...string) func(*rand.Rand) string {
	return func(r *rand.Rand) string { return values[r.IntN(len(values))] }
}

func randomBytes(most int) func(*rand.Rand) string {
	return func(r *rand.Rand) string {
		b := make([]byte, r.IntN(most+1))
		for i := range b {
			b[i] = byte(r.IntN(256))
		}
		return fmt.Sprintf("x'%x'", b)
	}
}

func texts1(charset string, values ...string) func(*rand.Rand) string {
	return func(r *rand.Rand) string {
		return fmt.Sprintf("CONVERT(x'%x' USING %s)", strings.Repeat(values[r.IntN(len(values))], r.IntN(3)), charset)
	}
}

// kinds are all types; n is replaced by the column's number.
func kinds() []kind {
	list := []kind{
		{"TINYINT", fixed("-128", "127", "0")},
		{"TINYINT UNSIGNED ZEROFILL", fixed("7", "255")},
		{"SMALLINT", fixed("-32768", "32767")},
		{"MEDIUMINT", fixed("-8388608", "8388607")},
		{"INT", fixed("-2147483648", "2147483647")},
		{"BIGINT", fixed("-9223372036854775808", "9223372036854775807")},
		{"BIGINT UNSIGNED", fixed("18446744073709551615", "0")},
		{"DECIMAL(65,30)", fixed("12345678901234567890123456789012345.123456789012345678901234567890", "-0.000000000000000000000000000001", "0")},
		{"DECIMAL(5,0)", fixed("-99999", "3")},
		{"FLOAT", fixed("0.1", "-3.4028234e38", "1.17549435e-38", "16777217", "0")},
		{"DOUBLE", fixed("0.1", "1.7976931348623157e308", "-2.2250738585072014e-308", "4.9e-324", "123456789012345678", "-0e0")},
		{"DOUBLE(10,3)", fixed("1.234", "-7")},
		{"FLOAT(7,3)", fixed("1.234", "-7")},
		{"BIT(1)", fixed("b'0'", "b'1'")},
		{"BIT(64)", fixed("x'ffffffffffffffff'", "x'00'", "x'8000000000000001'")},
		{"DATE", fixed("'2024-02-29'", "'0000-00-00'", "'2024-00-00'", "'2023-02-31'", "'9999-12-31'")},
		{"TIME(6)", fixed("'-838:59:59'", "'838:59:59'", "'00:00:00.000001'", "'-00:00:01.5'")},
		{"DATETIME", fixed("'2024-02-29 23:59:59'", "'0000-00-00 00:00:00'", "'1000-01-01 00:00:00'")},
		{"DATETIME(6)", fixed("'2024-02-29 23:59:59.999999'", "'0000-00-00 00:00:00.000000'", "'2023-02-31 01:02:03.000001'")},
		{"TIMESTAMP NULL", fixed("FROM_UNIXTIME(1698544800)", "FROM_UNIXTIME(1698541200)", "'0000-00-00 00:00:00'", "FROM_UNIXTIME(1)", "FROM_UNIXTIME(2147483647)")},
		{"TIMESTAMP(6) NULL", fixed("FROM_UNIXTIME(1698544800.123456)", "'0000-00-00 00:00:00'", "FROM_UNIXTIME(1.000001)")},
		{"YEAR", fixed("1901", "2155", "'0000'", "1970")},
		{"CHAR(20) CHARACTER SET latin1", texts1("latin1", "é ", "a", "\\'\"", " x ")},
		{"VARCHAR(60) CHARACTER SET latin1", texts1("latin1", "é ", "a", "\\'\"", "  ")},
		{"VARCHAR(60) CHARACTER SET utf8mb3", texts1("utf8mb3", "héllo ", "\\0\x00", "中")},
		{"VARCHAR(60) CHARACTER SET utf8mb4 COLLATE utf8mb4_unicode_ci", texts1("utf8mb4", "🎉é", "'\\", "A", "a ")},
		{"CHAR(40) CHARACTER SET utf8mb4", texts1("utf8mb4", "🎉é", " x", "A")},
		{"VARCHAR(60) CHARACTER SET utf16", func(r *rand.Rand) string { return fixed("_utf16 x'0041'", "_utf16 x'd83cdf89005c0027'", "''")(r) }},
		{"VARCHAR(60) CHARACTER SET utf32", fixed("_utf32 x'00000041'", "_utf32 x'0001f389'")},
		{"VARCHAR(60) CHARACTER SET ucs2", fixed("_ucs2 x'0041005c'", "_ucs2 x'4e2d'")},
		{"VARCHAR(60) CHARACTER SET gbk", fixed("_gbk x'bf5c27'", "_gbk x'd6d0'", "_gbk x'815c'")},
		{"VARCHAR(60) CHARACTER SET sjis", fixed("_sjis x'835c'", "_sjis x'8c5c27'")},
		{"TEXT CHARACTER SET big5", fixed("_big5 x'a55c'", "_big5 x'b35c5c'")},
		{"BINARY(7)", fixed("x'00'", "x'61620020'", "x'20202020202020'", "''")},
		{"VARBINARY(60)", randomBytes(60)},
		{"BLOB", randomBytes(300)},
		{"TINYTEXT", fixed("''", "'a '", "'''x'")},
		{"LONGTEXT", fixed("REPEAT('x\\n', 100)", "''")},
		{"MEDIUMBLOB", fixed("REPEAT(x'00ff275c', 20000)", "x''")},
		{"ENUM('é','b','') CHARACTER SET utf8mb4", fixed("1", "2", "3")},
		{"SET('a','é','c')", fixed("0", "7", "5")},
		{"JSON", fixed(`'{"a": [1, 2.5, "x\\\\u00e9", null, true]}'`, `'"e"'`, `'[]'`)},
		{"GEOMETRY", fixed("ST_GeomFromText('POINT(1 2)')", "ST_GeomFromText('LINESTRING(0 0,1 1.5,-2 3)')", "ST_GeomFromText('POLYGON((0 0,1 0,1 1,0 0))', 4326)")},
		{"POINT", fixed("ST_GeomFromText('POINT(-1.25 2)')")},
		{"INT AS (1+1) VIRTUAL", nil},
		{"INT AS (2+2) STORED", nil},
	}
	if installation.MariaDB() {
		list = append(list,
			kind{"INET6", fixed("'::ffff:1.2.3.4'", "'2001:db8::27'")},
			kind{"INET4", fixed("'1.2.3.4'", "'255.255.255.255'", "'39.92.0.1'")},
			kind{"UUID", fixed("'123e4567-e89b-12d3-a456-426655440000'", "'ffffffff-5c27-0000-0000-00000000005c'")},
			kind{"INT INVISIBLE DEFAULT 3", fixed("4", "5")},
			kind{"BLOB COMPRESSED", randomBytes(300)},
		)
	} else {
		list = append(list, kind{"VECTOR(3)", fixed("TO_VECTOR('[1,2.5,-3e-7]')")}, kind{"INT INVISIBLE DEFAULT 3", fixed("4", "5")})
	}
	return list
}

// TestImages copies random rows of random tables from one server to another,
// from sessions whose settings are in the way, and compares them by the bytes.
func TestImages(t *testing.T) {
	from, to := unfounded(t), unfounded(t, "--character-set-server=latin1", "--default-time-zone=+05:30")
	all := kinds()
	r := rand.New(rand.NewPCG(1, 2))
	var tables []Table
	var used [][]kind
	for n := range 10 {
		name := fmt.Sprintf("t%d", n)
		some := all // the first has all of them
		if n > 0 {
			some = nil
			for range 4 + r.IntN(12) {
				some = append(some, all[r.IntN(len(all))])
			}
		}
		auto := n%3 == 1
		ddl := "CREATE TABLE app." + name + " ("
		keyDDL := "id VARCHAR(50) CHARACTER SET utf8mb4 NOT NULL PRIMARY KEY"
		if auto {
			keyDDL = "no BIGINT UNSIGNED NOT NULL AUTO_INCREMENT PRIMARY KEY, id VARCHAR(50) CHARACTER SET latin1 NOT NULL UNIQUE"
		}
		ddl += keyDDL
		for i, k := range some {
			ddl += fmt.Sprintf(", `c %d` %s", i, k.ddl)
		}
		ddl += ") ENGINE=InnoDB ROW_FORMAT=DYNAMIC DEFAULT CHARSET=utf8mb4"
		from.exec(ddl)
		to.exec(ddl)
		tables = append(tables, Table{Number: uint16(n + 1), Schema: "app", Name: name, Key: "id"})
		used = append(used, some)
	}
	for _, o := range []*one{from, to} {
		o.Store = newStore(t, Config{Login: login, Tables: tables, Log: logTo(t)}, o.st)
		o.view = sampleView
		if err := o.Open(o.ctx(), o.look(), fence.Found, o.view, 0); err != nil {
			t.Fatal(err)
		}
		o.boot = o.look().Boot
	}
	for n, some := range used {
		for row := range 12 {
			id := fmt.Sprintf("row-%d", row)
			columns, values := []string{"id"}, []string{"'" + id + "'"}
			if n%3 == 1 && row == 3 {
				columns, values = append(columns, "no"), append(values, "0+18446744073709551000")
			}
			for i, k := range some {
				if k.value == nil {
					continue
				}
				columns = append(columns, fmt.Sprintf("`c %d`", i))
				v := k.value(r)
				if r.IntN(8) == 0 {
					v = "NULL"
				}
				values = append(values, v)
			}
			sql := fmt.Sprintf("INSERT INTO app.t%d (%s) VALUES (%s)", n, strings.Join(columns, ","), strings.Join(values, ","))
			copyRow(t, from, to, n, id, sql, odd[row%len(odd)])
		}
		compare(t, from, to, n, some)
	}
	from.wantForms(50)
	to.wantForms(50)
}

func copyRow(t *testing.T, from, to *one, n int, id, sql string, o oddity) {
	t.Helper()
	k := fence.Key{Table: uint16(n + 1), ID: []byte(id)}
	session := o.and("SET sql_mode='" + strings.Join(append([]string{"ALLOW_INVALID_DATES"}, o.modes...), ",") + "'")
	entries := make([]fence.Entry, 1)
	// The second write of a connection is one by a form.
	for _, sql := range []string{sql, fmt.Sprintf("DELETE FROM app.t%d WHERE id='%s'", n, id), sql} {
		st := &removing{text: text{sql: sql, session: session, login: multiResults}, removes: strings.HasPrefix(sql, "DELETE")}
		changed, err := from.Write(t.Context(), from.guard(), st, []fence.Key{k}, 7, entries)
		if err != nil || !changed {
			t.Fatalf("%s: %s: Write = %v, %v, %+v", o.name, sql, changed, err, st.answer.Err)
		}
	}
	if err := to.Put(t.Context(), to.guard(), []fence.Put{{Key: k, Entry: entries[0], MaxTick: farTick}}); err != nil {
		t.Fatalf("%s: Put: %v", sql, err)
	}
	// Read back at either, the image is the same.
	for _, s := range []*one{from, to} {
		e := make([]fence.Entry, 1)
		if _, err := s.Load(t.Context(), s.guard(), []fence.Key{k}, true, e); err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(e[0].Image, entries[0].Image) {
			t.Errorf("%s, table %d: %s: image\n%q, want\n%q", o.name, n, sql, e[0].Image, entries[0].Image)
		}
	}
}

// compare looks at all rows from outside.
func compare(t *testing.T, from, to *one, n int, some []kind) {
	t.Helper()
	parts := []string{"id"}
	if n%3 == 1 {
		parts = append(parts, "no")
	}
	for i, k := range some {
		c := fmt.Sprintf("`c %d`", i)
		if strings.HasPrefix(k.ddl, "TIMESTAMP") {
			c = "UNIX_TIMESTAMP(" + c + ")"
		}
		expr := "HEX(CAST(" + c + " AS BINARY))"
		if strings.HasPrefix(k.ddl, "DOUBLE") { // whose CAST loses digits
			expr = "HEX(CONCAT(FORMAT(" + c + ", 30), '/', " + c + "))"
		}
		parts = append(parts, "COALESCE("+expr+",'NULL')")
	}
	query := fmt.Sprintf("SELECT CONCAT_WS('|',%s) FROM app.t%d WHERE id='%%s'", strings.Join(parts, ","), n)
	for row := range 12 {
		q := fmt.Sprintf(query, fmt.Sprintf("row-%d", row))
		if a, b := from.ask(q), to.ask(q); a != b || a == "-" {
			t.Errorf("table %d, row %d:\n%s\n%s", n, row, a, b)
		}
	}
}

// TestLargeImage: a record as long as the protocol's largest frame, and longer.
func TestLargeImage(t *testing.T) {
	from, to := unfounded(t), unfounded(t)
	for _, o := range []*one{from, to} {
		o.exec("CREATE TABLE app.sessions (id VARCHAR(64) PRIMARY KEY, data LONGBLOB)")
		o.view = sampleView
		if err := o.Open(o.ctx(), o.look(), fence.Found, o.view, 0); err != nil {
			t.Fatal(err)
		}
		o.boot = o.look().Boot
	}
	for _, size := range []int{1<<24 - 30, 1<<24 - 1, 1 << 24, 20 << 20} {
		e := from.mustWrite(1, fmt.Sprintf("REPLACE INTO app.sessions VALUES ('k', REPEAT(x'ff00275c', %d))", size/4), key("k"))
		e[0].Version.N = uint64(size)
		if err := to.Put(t.Context(), to.guard(), []fence.Put{{Key: key("k"), Entry: e[0], MaxTick: farTick}}); err != nil {
			t.Fatalf("%d bytes: %v", size, err)
		}
		const q = "SELECT CONCAT(LENGTH(data), SHA2(data, 256)) FROM app.sessions"
		if a, b := from.ask(q), to.ask(q); a != b {
			t.Errorf("%d bytes: %s and %s", size, a, b)
		}
	}
}
