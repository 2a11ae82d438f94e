package router_test

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"sync"

	"github.com/go-sql-driver/mysql"

	"github.com/dsmproxy/dsmproxy/internal/corpus"
	"github.com/dsmproxy/dsmproxy/rewrite"
)

// makeTables makes the tables of a corpus at the plain server: those that it
// says how to make, and what else its statements name: the server is asked to
// prepare each of them, and what it misses is added.
func (d *differential) makeTables(entries []*corpus.Entry) {
	ctx := context.Background()
	c, err := d.plain.Conn(ctx)
	if err != nil {
		d.t.Fatal(err)
	}
	defer c.Close()
	defer spoil(c)
	d.maker = c
	d.schemas[database] = true
	d.must("CREATE DATABASE " + database + " COLLATE utf8mb4_bin")
	d.must("USE " + database)
	for _, q := range d.config.Schema {
		d.must(q)
	}
	for _, e := range entries {
		if creates.Match(e.SQL) && !selects.Match(e.SQL) {
			d.must("SET sql_mode = '" + e.Mode + "'")
			d.make(string(e.SQL)) // if it is there already, that is as well
		}
	}
	for _, t := range d.tables {
		schema := t.Schema
		if schema == "" {
			schema = database
		}
		d.schemas[schema] = true
		d.make("CREATE DATABASE IF NOT EXISTS `" + schema + "` COLLATE utf8mb4_bin")
		d.addTable(schema, t.Name)
	}
	for _, e := range entries {
		if e.Proto != "text" && e.Proto != "prepared" {
			continue
		}
		d.must("SET sql_mode = '" + e.Mode + "'")
		for _, text := range d.planner.Split(e.SQL, rewrite.ParseMode(e.Mode)) {
			for range 60 {
				stmt, err := c.PrepareContext(ctx, string(text))
				if err == nil {
					stmt.Close()
					break
				}
				var missing *mysql.MySQLError
				if !errors.As(err, &missing) || !d.add(missing, string(text)) {
					break
				}
			}
		}
	}
	d.dump()
}

// make runs a statement at the plain server and reports whether it succeeded.
func (d *differential) make(query string) bool {
	_, err := d.maker.ExecContext(context.Background(), query)
	return err == nil
}

func (d *differential) must(query string) {
	d.t.Helper()
	if !d.make(query) {
		d.t.Fatalf("%s: failed", query)
	}
}

// dump notes how all tables are made again.
func (d *differential) dump() {
	d.again = []string{"SET sql_mode = '', foreign_key_checks = 0"}
	for schema := range d.schemas {
		d.again = append(d.again, "DROP DATABASE IF EXISTS `"+schema+"`", "CREATE DATABASE `"+schema+"` COLLATE utf8mb4_bin",
			"USE `"+schema+"`")
		for _, name := range d.tableNames(schema) {
			var table, text string
			row := d.plain.QueryRow("SHOW CREATE TABLE `" + schema + "`.`" + name + "`")
			if err := row.Scan(&table, &text); err != nil {
				d.t.Fatal(err)
			}
			d.again = append(d.again, text)
		}
	}
}

// copyTables makes all tables new on all servers.
func (d *differential) copyTables() {
	d.names = nil
	d.everywhere(d.again)
}

func (d *differential) dropTables() {
	var list []string
	for schema := range d.schemas {
		list = append(list, "DROP DATABASE IF EXISTS `"+schema+"`")
	}
	d.everywhere(list)
}

// everywhere runs statements on all servers.
func (d *differential) everywhere(list []string) {
	var running sync.WaitGroup
	for _, db := range append([]*sql.DB{d.plain}, d.h.direct...) {
		running.Go(func() {
			c, err := db.Conn(context.Background())
			if err != nil {
				d.t.Error(err)
				return
			}
			defer c.Close()
			defer spoil(c)
			for _, q := range list {
				if _, err := c.ExecContext(context.Background(), q); err != nil {
					d.t.Errorf("%s: %v", q, err)
				}
			}
		})
	}
	running.Wait()
}

var (
	unknownTable    = regexp.MustCompile(`^Table '(.*)\.(.*)' doesn't exist$`)
	unknownColumn   = regexp.MustCompile(`^Unknown column '(?:.*?\.)??(?:([^.']*)\.)?([^.']*)' in `)
	unknownDatabase = regexp.MustCompile(`^Unknown database '(.*)'$`)
)

// add adds what the plain server has missed. It returns false if there is
// nothing to add.
func (d *differential) add(missing *mysql.MySQLError, text string) bool {
	if m := unknownDatabase.FindStringSubmatch(missing.Message); m != nil {
		d.schemas[m[1]] = true
		return d.make("CREATE DATABASE `" + m[1] + "` COLLATE utf8mb4_bin")
	}
	if m := unknownTable.FindStringSubmatch(missing.Message); m != nil {
		if !d.schemas[m[1]] {
			return m[1] != "mysql" && m[1] != "sys" && d.make("CREATE DATABASE `"+m[1]+"` COLLATE utf8mb4_bin") && d.mark(m[1])
		}
		return d.addTable(m[1], m[2])
	}
	if m := unknownColumn.FindStringSubmatch(missing.Message); m != nil {
		return d.addColumn(m[1], m[2], text)
	}
	return false
}

func (d *differential) mark(schema string) bool {
	d.schemas[schema] = true
	return true
}

// addTable makes a table. Keys are compared byte by byte, as nearly all session
// handlers take for granted.
func (d *differential) addTable(schema, name string) bool {
	var columns []string
	for _, t := range d.config.Tables {
		if strings.EqualFold(t.Name, name) && (t.Schema == "" || strings.EqualFold(t.Schema, schema)) {
			collate := "utf8mb4_bin"
			if t.Fold {
				collate = "utf8mb4_general_ci"
			}
			key := "`" + t.Key + "` VARCHAR(255) COLLATE " + collate + " NOT NULL PRIMARY KEY"
			for _, c := range t.Columns {
				if strings.EqualFold(c, t.Key) {
					columns = append(columns, key)
				} else {
					columns = append(columns, columnFor(c))
				}
			}
			if t.Columns == nil {
				columns = append(columns, key)
			}
			if t.Surrogate != "" && !slices.Contains(t.Columns, t.Surrogate) {
				columns = append(columns, "`"+t.Surrogate+"` BIGINT AUTO_INCREMENT UNIQUE")
			}
			break
		}
		for _, s := range t.Secondary {
			if strings.EqualFold(s.Name, name) {
				columns = append(columns, "`"+s.Column+"` VARCHAR(255) COLLATE utf8mb4_bin NOT NULL", "KEY (`"+s.Column+"`)")
			}
		}
	}
	if columns == nil {
		columns = []string{"nothing INT"}
	}
	return d.make(fmt.Sprintf("CREATE TABLE IF NOT EXISTS `%s`.`%s` (%s)", schema, name, strings.Join(columns, ", ")))
}

var holdsData = regexp.MustCompile(`(?i)data|value|content|payload|json|blob|attribute|variable|map$|^session$`)

// columnFor is a column of which no more than its name is known.
func columnFor(name string) string {
	if holdsData.MatchString(name) {
		return "`" + name + "` LONGBLOB"
	}
	return "`" + name + "` VARCHAR(255) NULL"
}

// addColumn adds a column to the table that its qualifier stands for in a
// statement, else to the first that the statement names.
func (d *differential) addColumn(qualifier, name, text string) bool {
	var candidates []string
	for schema := range d.schemas {
		for _, t := range d.tableNames(schema) {
			word := regexp.MustCompile("(?i)(^|[^\\w$])" + regexp.QuoteMeta(t) + "([^\\w$]|$)")
			alias := regexp.MustCompile("(?i)[^\\w$]" + regexp.QuoteMeta(t) + "[`\"]?\\s+(as\\s+)?[`\"]?" + regexp.QuoteMeta(qualifier) + "[`\"]?([^\\w$]|$)")
			switch {
			case qualifier != "" && (strings.EqualFold(qualifier, t) || alias.MatchString(text)):
				candidates = append([]string{"`" + schema + "`.`" + t + "`"}, candidates...)
			case qualifier == "" && word.MatchString(text):
				candidates = append(candidates, "`"+schema+"`.`"+t+"`")
			}
		}
	}
	for _, c := range candidates {
		if d.make("ALTER TABLE " + c + " ADD COLUMN " + columnFor(name)) {
			return true
		}
	}
	return false
}

// tableNames are the tables of a schema, session tables first.
func (d *differential) tableNames(schema string) []string {
	rows, err := d.plain.Query("SELECT table_name FROM information_schema.tables WHERE table_schema = ? AND table_type = 'BASE TABLE'", schema)
	if err != nil {
		d.t.Fatal(err)
	}
	defer rows.Close()
	var names, others []string
	for rows.Next() {
		var n string
		if err := rows.Scan(&n); err != nil {
			d.t.Fatal(err)
		}
		if slices.ContainsFunc(d.config.Tables, func(t corpus.Table) bool { return strings.EqualFold(t.Name, n) }) {
			names = append(names, n)
		} else {
			others = append(others, n)
		}
	}
	return append(names, others...)
}

// seed makes a record for each key that the statements name, and for some that
// they don't.
func (d *differential) seed(entries []*corpus.Entry, proxy, plain *sql.DB) {
	ctx := context.Background()
	for _, t := range d.config.Tables {
		name := "`" + t.Name + "`"
		if t.Schema != "" {
			name = "`" + t.Schema + "`." + name
		}
		keys := []string{"other-1", "other-2", "other-3"}
		var numbers []string
		for _, e := range entries {
			var s rewrite.Statement
			d.planner.Plan(&s, e.SQL, database, rewrite.ParseMode(e.Mode))
			if p := s.Plan; p.Table == nil || p.Table.Name != t.Name || p.Refuse != "" {
				continue
			}
			x := rewrite.Explain(d.planner, e.SQL, database, rewrite.ParseMode(e.Mode), corpusArgs(e.Params))
			if !slices.Contains(keys, x.From) && x.From != "" {
				keys = append(keys, x.From)
			}
			for _, k := range x.Keys {
				if k != nil && *k != "AUTO" && *k != "unknown" && len(*k) < 128 && !slices.Contains(keys, *k) {
					keys = append(keys, *k)
				}
			}
			for _, v := range x.Values {
				if v != nil && strings.EqualFold(x.Column, t.Surrogate) && !slices.Contains(numbers, *v) {
					numbers = append(numbers, *v)
				}
			}
		}
		for i, k := range keys {
			columns, args := []string{"`" + t.Key + "`"}, []any{k}
			if t.Surrogate != "" {
				number := fmt.Sprint(100000 + i)
				if i < len(numbers) {
					number = numbers[i]
				}
				columns, args = append(columns, "`"+t.Surrogate+"`"), append(args, number)
			}
			for c, values := range d.fillers(t) {
				value := values[i%2]
				if value == "" {
					value = fmt.Sprint(1000 + i)
				}
				columns, args = append(columns, "`"+c+"`"), append(args, value)
			}
			query := fmt.Sprintf("INSERT IGNORE INTO %s (%s) VALUES (?%s)", name, strings.Join(columns, ", "),
				strings.Repeat(", ?", len(args)-1))
			for _, db := range []*sql.DB{proxy, plain} {
				if _, err := db.ExecContext(ctx, query, args...); err != nil {
					d.t.Logf("%s: no first records: %s: %v", entries[0].Name(), query, err)
				}
			}
		}
	}
	if why := d.records(nil); why != "" {
		d.t.Errorf("%s: first records: %s", entries[0].Name(), why)
	}
}

// fillers are values for the columns of a session table, by their names: one of a
// time to come and one of the past, whatever the column is for; none for one that
// is to be different in each record. (MySQL calls a default generated that is a
// function, DEFAULT_GENERATED.)
func (d *differential) fillers(t corpus.Table) map[string][2]string {
	schema := t.Schema
	if schema == "" {
		schema = database
	}
	rows, err := d.plain.Query("SELECT column_name, data_type, column_key FROM information_schema.columns "+
		"WHERE table_schema = ? AND table_name = ? AND extra NOT LIKE '% generated%'", schema, t.Name)
	if err != nil {
		d.t.Fatal(err)
	}
	defer rows.Close()
	fill := make(map[string][2]string)
	for rows.Next() {
		var name, typ, index string
		if err := rows.Scan(&name, &typ, &index); err != nil {
			d.t.Fatal(err)
		}
		switch {
		case strings.EqualFold(name, t.Key) || strings.EqualFold(name, t.Surrogate):
		case index == "PRI" || index == "UNI":
			fill[name] = [2]string{}
		case typ == "datetime" || typ == "timestamp" || typ == "date":
			fill[name] = [2]string{"2026-11-23 00:00:00", "2020-01-01 00:00:00"}
		default:
			fill[name] = [2]string{"1795371000", "5"}
		}
	}
	return fill
}

// corpusArgs are the parameters of an entry.
type corpusArgs []any

// Arg implements rewrite.Args.
func (a corpusArgs) Arg(i int) (text []byte, null, ok bool) {
	switch {
	case i >= len(a):
		return nil, false, false
	case a[i] == nil:
		return nil, true, true
	}
	return []byte(fmt.Sprint(a[i])), false, true
}
