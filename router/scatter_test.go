package router_test

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/go-mysql-org/go-mysql/client"
	"github.com/go-mysql-org/go-mysql/mysql"

	"github.com/dsmproxy/dsmproxy/internal/mariadbtest"
)

// scattered is a table with a column of each kind of value that is carried from
// store to store.
const scattered = `(
	id varchar(64) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NOT NULL PRIMARY KEY,
	name varchar(40) CHARACTER SET utf8mb4 COLLATE utf8mb4_general_ci,
	latin char(10) CHARACTER SET latin1, data longblob, n int, small tinyint unsigned NOT NULL DEFAULT 7,
	big bigint unsigned, price decimal(12,4), f float, g double, day date, at timestamp(3) NULL, moment datetime(6),
	length time(2), born year, kind enum('a','b','c d'), tags set('x','y','z'), bits bit(7), doc json,
	twice int AS (n * 2), KEY (n))`

// columns that a record is made of; twice is the store's.
const scatteredColumns = "id,name,latin,data,n,small,big,price,f,g,day,at,moment,length,born,kind,tags,bits,doc"

func randomRecord(r *rand.Rand, id string) string {
	pick := func(of ...string) string { return of[r.IntN(len(of))] }
	orNull := func(v string) string { return pick(v, v, v, v, "NULL") }
	blob := make([]byte, r.IntN(40))
	for i := range blob {
		blob[i] = byte(r.Uint32())
	}
	return "(" + strings.Join([]string{
		"'" + id + "'",
		orNull(pick("'Anna'", "'anna'", "'ANNA '", "'Österreich'", "'osterreich'", "'Zoë'", "''", "'it''s'", "'𝄞'")),
		orNull("_latin1 x'e4" + fmt.Sprintf("%02x", 65+r.IntN(26)) + "'"),
		orNull(fmt.Sprintf("x'%x'", blob)),
		orNull(fmt.Sprint(r.IntN(20) - 10)), fmt.Sprint(r.IntN(256)),
		orNull(pick("18446744073709551615", "0", fmt.Sprint(r.Uint64()))),
		orNull(fmt.Sprintf("%d.%04d", r.IntN(2000)-1000, r.IntN(10000))),
		orNull(fmt.Sprint(r.Float32())), orNull(fmt.Sprintf("%g", (r.Float64()-0.5)*pow10(r.IntN(60)-30))),
		orNull(pick("'2026-02-28'", "'1999-12-31'", fmt.Sprintf("'20%02d-0%d-11'", r.IntN(50), 1+r.IntN(9)))),
		orNull(fmt.Sprintf("'2026-10-25 0%d:%02d:00.%03d'", r.IntN(9), r.IntN(60), r.IntN(1000))),
		orNull(fmt.Sprintf("'1000-01-01 00:00:00.%06d'", r.IntN(1000000))),
		orNull(fmt.Sprintf("'%s%d:00:01.5'", pick("", "-"), r.IntN(800))),
		orNull(fmt.Sprint(1901 + r.IntN(200))), orNull(pick("'a'", "'b'", "'c d'")), orNull(pick("'x'", "'x,z'", "''")),
		orNull(fmt.Sprint(r.IntN(128))), orNull(pick(`'{"a": [1, "ö"]}'`, `'"x"'`)),
	}, ",") + ")"
}

func pow10(n int) float64 {
	p := 1.0
	for ; n > 0; n-- {
		p *= 10
	}
	for ; n < 0; n++ {
		p /= 10
	}
	return p
}

// scatter fills the stores: each record on its stores, and things left over on
// others. The database ref of the first store has each record once.
func (h *harness) scatter(records int, seed uint64) {
	h.t.Helper()
	r := rand.New(rand.NewPCG(seed, 7))
	for i, db := range h.direct {
		h.exec(db, "SET GLOBAL sql_mode=''")
		h.exec(db, "DROP TABLE app.sessions")
		h.exec(db, "CREATE TABLE app.sessions "+scattered)
		if i == 0 {
			h.exec(db, "CREATE DATABASE ref")
			h.exec(db, "CREATE TABLE ref.sessions "+scattered)
		}
	}
	rows := make([][]string, len(h.direct))
	var ref []string
	for k := range records {
		id := fmt.Sprintf("%x-%d", r.Uint64(), k)
		row := randomRecord(r, id)
		order := h.order(id)
		if r.IntN(10) > 0 {
			ref = append(ref, row)
			for _, i := range order[:h.copies] {
				rows[i] = append(rows[i], row)
			}
			if r.IntN(3) == 0 && h.copies < len(order) { // an old copy
				i := order[h.copies+r.IntN(len(order)-h.copies)]
				rows[i] = append(rows[i], randomRecord(r, id))
			}
		} else { // one that is deleted
			i := order[1+r.IntN(len(order)-1)]
			rows[i] = append(rows[i], row)
		}
	}
	insert := "sessions (" + scatteredColumns + ") VALUES "
	for i, db := range h.direct {
		h.exec(db, "INSERT INTO app."+insert+strings.Join(rows[i], ","))
	}
	h.exec(h.direct[0], "INSERT INTO ref."+insert+strings.Join(ref, ","))
}

// wire is a client of the proxy, or of a store, that shows all of an answer.
func (h *harness) wire(addr, db string, deprecateEOF bool, sets ...string) *client.Conn {
	h.t.Helper()
	c, err := client.Connect(addr, mariadbtest.User, mariadbtest.Password, db, func(c *client.Conn) error {
		if !deprecateEOF {
			c.UnsetCapability(mysql.CLIENT_DEPRECATE_EOF)
		}
		return nil
	})
	if err != nil {
		h.t.Fatal(err)
	}
	h.t.Cleanup(func() { c.Close() })
	for _, sql := range append([]string{"SET NAMES utf8mb4"}, sets...) {
		if _, err := c.Execute(sql); err != nil {
			h.t.Fatal(err)
		}
	}
	return c
}

// ask returns what a client sees: the definitions of the columns and the rows.
func ask(c *client.Conn, sql string, prepared bool, args []any) (columns, rows []string, err error) {
	var res *mysql.Result
	if prepared {
		st, err := c.Prepare(sql)
		if err != nil {
			return nil, nil, err
		}
		defer st.Close()
		res, err = st.Execute(args...)
		if err != nil {
			return nil, nil, err
		}
	} else {
		for _, a := range args {
			lit := fmt.Sprint(a)
			if s, ok := a.(string); ok {
				lit = "'" + s + "'"
			}
			sql = strings.Replace(sql, "?", lit, 1)
		}
		if res, err = c.Execute(sql); err != nil {
			return nil, nil, err
		}
	}
	for _, f := range res.Fields {
		if !installed.MariaDB() {
			// MySQL forgets the indexes of a column where its optimizer, which goes
			// by what it has counted in a table, sorts in another table.
			f.Flag &^= mysql.PRI_KEY_FLAG | mysql.UNIQUE_KEY_FLAG | mysql.PART_KEY_FLAG
		}
		columns = append(columns, fmt.Sprintf("%s/%s/%s charset=%d length=%d type=%d flags=%x decimals=%d",
			f.Name, f.OrgName, f.Table, f.Charset, f.ColumnLength, f.Type, f.Flag, f.Decimal))
	}
	for _, row := range res.Values {
		var text []string
		for i := range row {
			if v, ok := row[i].Value().([]byte); ok {
				text = append(text, fmt.Sprintf("%q", v))
			} else {
				text = append(text, fmt.Sprint(row[i].Value()))
			}
		}
		rows = append(rows, strings.Join(text, "|"))
	}
	return columns, rows, nil
}

type scatterCase struct {
	sql  string
	args []any
}

// scatterCases are what session tables are asked. Rows are compared in order
// where the statement orders them.
var scatterCases = []scatterCase{
	{sql: "SELECT * FROM sessions"},
	{sql: "SELECT * FROM sessions ORDER BY id"},
	{sql: "SELECT id FROM sessions WHERE n > ?", args: []any{3}},
	{sql: "SELECT s.*, n + ? AS more FROM sessions s WHERE n > ? OR price < ?", args: []any{1, 3, 7}},
	{sql: "SELECT app.sessions.id, UPPER(name) FROM app.sessions WHERE app.sessions.n IS NULL"},
	{sql: "SELECT `id`, data, NOW() IS NULL FROM `sessions` AS `t` WHERE `t`.small < 128 AND NOW() > day"},
	{sql: "SELECT COUNT(*) FROM sessions"},
	{sql: "SELECT COUNT(*) AS c FROM sessions WHERE name = ?", args: []any{"anna"}},
	{sql: "SELECT SQL_NO_CACHE COUNT(id) FROM sessions s WHERE s.n = 2 LIMIT 1"},
	{sql: "SELECT COUNT(1) FROM sessions WHERE n > 1000"},
	{sql: "SELECT COUNT(*) + 0 FROM sessions"},
	{sql: "SELECT COUNT(n), COUNT(*), COUNT(DISTINCT n), COUNT(DISTINCT name) FROM sessions"},
	{sql: "SELECT SUM(n), MIN(n), MAX(n), AVG(n) FROM sessions"},
	{sql: "SELECT SUM(price), MIN(price), MAX(price), AVG(price) FROM sessions"},
	{sql: "SELECT MIN(f), MAX(f), MIN(g), MAX(g) FROM sessions"},
	{sql: "SELECT MIN(day), MAX(day), MIN(at), MAX(at), MIN(moment), MAX(length), MIN(born) FROM sessions"},
	{sql: "SELECT MIN(name), MAX(name), MAX(latin), MIN(data) FROM sessions"},
	{sql: "SELECT SUM(big), MAX(big), BIT_OR(bits), BIT_XOR(small) FROM sessions"},
	{sql: "SELECT SUM(n) FROM sessions WHERE n > 1000"},
	{sql: "SELECT MAX(kind), MIN(tags), MAX(kind + 0) FROM sessions"},
	{sql: "SELECT DISTINCT n FROM sessions ORDER BY n"},
	{sql: "SELECT DISTINCT name FROM sessions ORDER BY LOWER(name), HEX(name)"},
	{sql: "SELECT COUNT(DISTINCT n, small) FROM sessions WHERE born > ?", args: []any{1950}},
	{sql: "SELECT n, COUNT(*) FROM sessions GROUP BY n"},
	{sql: "SELECT n, COUNT(*) c, SUM(price) FROM sessions GROUP BY n HAVING c > ? ORDER BY c DESC, n", args: []any{5}},
	{sql: "SELECT LOWER(name) l, COUNT(*) FROM sessions GROUP BY l ORDER BY l"},
	{sql: "SELECT kind, tags, COUNT(*) FROM sessions GROUP BY kind, tags ORDER BY kind, tags"},
	{sql: "SELECT n, COUNT(*) FROM sessions GROUP BY n WITH ROLLUP"},
	{sql: "SELECT day, AVG(price), GROUP_CONCAT(id ORDER BY id SEPARATOR '+') FROM sessions GROUP BY day ORDER BY day LIMIT 5"},
	{sql: "SELECT id, name FROM sessions ORDER BY name, id"},
	{sql: "SELECT id, name FROM sessions ORDER BY name DESC, id DESC"},
	{sql: "SELECT id, n FROM sessions ORDER BY n, price DESC, id LIMIT 10"},
	{sql: "SELECT id, n FROM sessions ORDER BY n DESC, id LIMIT ? OFFSET ?", args: []any{7, 5}},
	{sql: "SELECT id FROM sessions WHERE n BETWEEN ? AND ? ORDER BY at, id LIMIT ?, ?", args: []any{-5, 5, 3, 9}},
	{sql: "SELECT id, latin FROM sessions ORDER BY latin, id"},
	{sql: "SELECT id, data FROM sessions ORDER BY data, id LIMIT 20"},
	{sql: "SELECT id, f, g FROM sessions ORDER BY g, f, id"},
	{sql: "SELECT id, at, UNIX_TIMESTAMP(at) FROM sessions ORDER BY at, id"},
	{sql: "SELECT id, day, moment, length, born FROM sessions ORDER BY length, born, id"},
	{sql: "SELECT id, bits + 0, HEX(bits), kind, tags, doc FROM sessions ORDER BY bits, id"},
	{sql: "SELECT id, JSON_EXTRACT(doc, '$.a') FROM sessions ORDER BY id"},
	{sql: "SELECT id, twice FROM sessions ORDER BY twice, id"},
	{sql: "SELECT MAX(twice), SUM(twice) FROM sessions"},
	{sql: "SELECT id FROM sessions ORDER BY 1 LIMIT 0"},
	{sql: "SELECT id FROM sessions LIMIT 0"},
	{sql: "SELECT id, name FROM sessions WHERE 1 = 0"},
	{sql: "SELECT id FROM sessions WHERE n > 2 UNION SELECT id FROM sessions WHERE price > 0 ORDER BY id"},
	{sql: "SELECT n FROM sessions UNION ALL SELECT small FROM sessions"},
	{sql: "(SELECT id FROM sessions ORDER BY price DESC, id LIMIT 3) UNION (SELECT id FROM sessions ORDER BY price, id LIMIT 3) ORDER BY id"},
	{sql: "SELECT id FROM sessions WHERE price > (SELECT AVG(price) FROM sessions) ORDER BY id"},
	{sql: "SELECT id FROM sessions a WHERE EXISTS (SELECT 1 FROM sessions b WHERE b.n = a.n AND b.id > a.id) ORDER BY id"},
	{sql: "SELECT COUNT(*) FROM sessions a JOIN sessions b ON a.n = b.n"},
	{sql: "SELECT a.id, b.id FROM sessions a LEFT JOIN sessions b ON a.n = b.small ORDER BY a.id, b.id"},
	{sql: "SELECT EXISTS(SELECT * FROM sessions WHERE n = ?)", args: []any{4}},
	{sql: "SELECT t.n, t.c FROM (SELECT n, COUNT(*) AS c FROM sessions GROUP BY n) t WHERE t.c > 3 ORDER BY t.n"},
	{sql: "WITH t AS (SELECT id, n FROM sessions WHERE n > 0) SELECT COUNT(*), MAX(n) FROM t"},
	{sql: "SELECT id, ROW_NUMBER() OVER (ORDER BY price, id) AS r FROM sessions ORDER BY r"},
	{sql: "SELECT id, SUM(n) OVER (PARTITION BY kind) FROM sessions ORDER BY id"},
	{sql: "SELECT id, CASE WHEN n > ? THEN 'high' ELSE name END AS v FROM sessions ORDER BY v, id", args: []any{2}},
	{sql: "SELECT id, n, price FROM sessions WHERE name LIKE ? ORDER BY price IS NULL, price, id", args: []any{"%nna%"}},
	{sql: "SELECT STD(n), VARIANCE(small) FROM sessions"},
	{sql: "SELECT id FROM sessions WHERE n IN (1, 2, 3) AND NOT (small > 100) ORDER BY id DESC LIMIT 4"},
	{sql: "SELECT COUNT(*), MAX(n) FROM sessions HAVING COUNT(*) > 1"},
	{sql: "SELECT id, DATEDIFF(day, '2020-01-01') FROM sessions WHERE day > DATE_SUB(NOW(), INTERVAL 99 YEAR) ORDER BY 2, 1"},
	{sql: "SELECT id x FROM sessions ORDER BY x LIMIT 3;"},
	{sql: "SELECT /* all */ id -- of them\n FROM sessions -- here\n WHERE n = 1 -- and there"},
	{sql: "SELECT id FROM sessions FORCE INDEX (n) WHERE n > 5 ORDER BY n, id"},
}

// differs compares the answers of the proxy and of one database.
func differs(proxy, ref *client.Conn, c scatterCase, prepared bool) string {
	sql := strings.ReplaceAll(c.sql, "app.", "")
	wantColumns, want, err := ask(ref, sql, prepared, c.args)
	var unknown *mysql.MyError
	if errors.As(err, &unknown) && !installed.MariaDB() && (unknown.Code == mysql.ER_PARSE_ERROR || unknown.Code == mysql.ER_DATA_OUT_OF_RANGE) {
		return "" // MariaDB's own syntax, or arithmetic
	}
	if err != nil {
		return fmt.Sprintf("the reference answers %v", err)
	}
	columns, got, err := ask(proxy, c.sql, prepared, c.args)
	if err != nil {
		return fmt.Sprintf("the proxy answers %v", err)
	}
	if !slices.Equal(columns, wantColumns) {
		return fmt.Sprintf("columns\n%s\nwant\n%s", strings.Join(columns, "\n"), strings.Join(wantColumns, "\n"))
	}
	if !strings.Contains(c.sql, "ORDER BY") {
		slices.Sort(got)
		slices.Sort(want)
	}
	if !slices.Equal(got, want) {
		for i := range min(len(got), len(want)) {
			if got[i] != want[i] {
				return fmt.Sprintf("row %d of %d is\n%s\nwant, of %d,\n%s", i, len(got), got[i], len(want), want[i])
			}
		}
		return fmt.Sprintf("%d rows, want %d", len(got), len(want))
	}
	return ""
}

func TestScatterIsLikeOneDatabase(t *testing.T) {
	for copies := 1; copies <= 3; copies++ {
		t.Run(fmt.Sprint(copies, " copies"), func(t *testing.T) {
			h := start(t, 4, copies)
			h.scatter(250, uint64(copies))
			for _, deprecateEOF := range []bool{true, false} {
				sets := []string{"SET time_zone='+02:00'"}
				if deprecateEOF {
					sets = []string{"SET sql_mode='STRICT_ALL_TABLES,NO_ZERO_DATE,ANSI'", "SET time_zone='+02:00'"}
				}
				proxy := h.wire(h.addr, "app", deprecateEOF, sets...)
				ref := h.wire(h.servers[0].Addr(), "ref", deprecateEOF, sets...)
				for _, c := range scatterCases {
					for _, prepared := range []bool{false, true} {
						if why := differs(proxy, ref, c, prepared); why != "" {
							t.Errorf("%s (prepared %v, DEPRECATE_EOF %v): %s", c.sql, prepared, deprecateEOF, why)
						}
					}
				}
			}
		})
	}
}
