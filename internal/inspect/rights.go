package inspect

import (
	"context"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"
)

// idsTable is the table that the proxy keeps leased numbers in.
const idsTable = "dsmproxy_ids"

// askRights tries what the proxy will do at a store. EXPLAIN needs the rights
// of what it explains and does nothing: that is surer than to read grants, with
// their roles and patterns.
func (in *inspection) askRights(ctx context.Context, store int, f *facts) error {
	if _, err := f.conn.ExecContext(ctx, "SET SESSION timestamp = @@SESSION.timestamp"); err != nil && code(err) == 0 {
		return err
	} else if err != nil {
		in.ofStore(Wrong, "rights", store, "start the store with secure_timestamp=NO (MariaDB), or give the account the right that the message names",
			"refuses SET timestamp, which gives NOW() one value on all copies: %v", err)
	} else if _, err := f.conn.ExecContext(ctx, "SET SESSION timestamp = DEFAULT"); err != nil {
		return err
	}
	schemas := make(map[string]bool)
	for _, t := range f.tables {
		if t.view || len(t.columns) == 0 {
			continue
		}
		if err := in.tryTable(ctx, store, f, t); err != nil {
			return err
		}
		if err := in.tryTemporary(ctx, store, f, t); err != nil {
			return err
		}
		if schemas[t.schema] {
			continue
		}
		schemas[t.schema] = true
		if slices.ContainsFunc(in.Tables, func(c Table) bool { return c.Surrogate != "" && (c.Schema == "" || c.Schema == t.schema) }) {
			if err := in.tryNumbers(ctx, store, f, t.schema); err != nil {
				return err
			}
		}
	}
	return nil
}

// tryTable tries to read and to write a table.
func (in *inspection) tryTable(ctx context.Context, store int, f *facts, t *table) error {
	lacking, err := lacks(ctx, f, t.schema, t.name, t.columns[0].name, "SELECT", "INSERT", "UPDATE", "DELETE")
	if err != nil || len(lacking) == 0 {
		return err
	}
	in.find(Finding{
		Level: Wrong, Check: "rights", Store: in.Stores[store].Name, Table: t.full(),
		Message: "the account has no right to " + strings.Join(lacking, ", "),
		Remedy:  fmt.Sprintf("GRANT %s ON %s TO the account", strings.Join(lacking, ", "), quoteName(t.schema, t.name)),
	})
	return nil
}

// lacks tries statements of a table and returns those that need a right that
// is not there.
func lacks(ctx context.Context, f *facts, schema, name, column string, verbs ...string) (lacking []string, err error) {
	table, col := quoteName(schema, name), quoteName(column)
	for _, verb := range verbs {
		sql := map[string]string{
			"SELECT": "EXPLAIN SELECT " + col + " FROM " + table + " WHERE 1 = 0",
			"INSERT": "EXPLAIN INSERT INTO " + table + " (" + col + ") VALUES (NULL)",
			"UPDATE": "EXPLAIN UPDATE " + table + " SET " + col + " = NULL WHERE 1 = 0",
			"DELETE": "EXPLAIN DELETE FROM " + table + " WHERE 1 = 0",
		}[verb]
		rows, err := f.conn.QueryContext(ctx, sql)
		if err == nil {
			for rows.Next() {
			}
			err = errors.Join(rows.Err(), rows.Close())
		}
		switch {
		case lacksRight(err):
			lacking = append(lacking, verb)
		case err != nil && code(err) == 0:
			return nil, err
		}
	}
	return lacking, nil
}

// tryTemporary tries to make a temporary table that hides a table, as a copy of
// all its records does where a statement without the key needs one.
func (in *inspection) tryTemporary(ctx context.Context, store int, f *facts, t *table) error {
	name, full := quoteName(t.schema, in.tag), quoteName(t.schema, t.name)
	lacking, grant := "temporary tables in "+t.schema, "CREATE TEMPORARY TABLES ON "+quoteName(t.schema)+".*"
	_, err := f.conn.ExecContext(ctx, "CREATE TEMPORARY TABLE "+name+" (i int)")
	if err == nil {
		_, err = f.conn.ExecContext(ctx, "ALTER TABLE "+name+" RENAME TO "+full)
		lacking, grant = "a temporary table named "+t.full(), "CREATE ON "+full
		if _, err := f.conn.ExecContext(ctx, "DROP TEMPORARY TABLE IF EXISTS "+name+", "+full); err != nil {
			return err
		}
	}
	switch {
	case lacksRight(err):
		in.find(Finding{
			Level: Note, Check: "rights", Store: in.Stores[store].Name, Table: t.full(),
			Message: "the account may not make " + lacking + ": some statements without the key, which sort, group or limit over several stores, are refused",
			Remedy:  "GRANT " + grant + " TO the account",
		})
	case err != nil && code(err) == 0:
		return err
	}
	return nil // read_only, say, is found elsewhere
}

// tryNumbers tries what AUTO_INCREMENT columns need.
func (in *inspection) tryNumbers(ctx context.Context, store int, f *facts, schema string) error {
	for _, sql := range []string{"SET SESSION insert_id = 1", "SET SESSION insert_id = 0"} {
		if _, err := f.conn.ExecContext(ctx, sql); code(err) != 0 {
			in.ofStore(Wrong, "rights", store, "GRANT SESSION_VARIABLES_ADMIN ON *.* TO the account (MySQL), BINLOG REPLAY (MariaDB)",
				"refuses SET insert_id, by which the numbers of a surrogate column are given: %v", err)
			break
		} else if err != nil {
			return err
		}
	}
	ids, err := describeTables(ctx, f.conn, schema, idsTable)
	if err != nil {
		return err
	}
	var lacking []string
	if len(ids) > 0 {
		lacking, err = lacks(ctx, f, schema, idsTable, "next", "SELECT", "INSERT", "UPDATE")
	} else {
		// Only a list of rights can tell without making the table.
		lacking, err = grantsLack(ctx, f, schema, idsTable, "CREATE", "SELECT", "INSERT", "UPDATE")
	}
	if err == nil && len(lacking) > 0 {
		in.ofStore(Wrong, "rights", store, "GRANT "+strings.Join(lacking, ", ")+" ON "+quoteName(schema, idsTable)+" TO the account",
			"the account has no right to %s the table %s, which holds the leased numbers of surrogate columns", strings.Join(lacking, ", "), idsTable)
	}
	return err
}

// grant is a line of SHOW GRANTS; rights, then the object.
var grant = regexp.MustCompile("(?i)^GRANT (.+?) ON (?:TABLE )?(\\*|`(?:[^`]|``)+`)\\.(\\*|`(?:[^`]|``)+`) TO ")

// grantsLack reads SHOW GRANTS for a table.
func grantsLack(ctx context.Context, f *facts, schema, name string, rights ...string) (lacking []string, err error) {
	lacking = slices.Clone(rights)
	err = each(ctx, f.conn, "SHOW GRANTS", nil, func(scan func(...any) error) error {
		var line string
		if err := scan(&line); err != nil {
			return err
		}
		m := grant.FindStringSubmatch(line)
		if m == nil || !covers(m[2], schema) || m[3] != "*" && m[3] != quoteName(name) {
			return nil
		}
		given := strings.Split(strings.ToUpper(m[1]), ", ")
		lacking = slices.DeleteFunc(lacking, func(r string) bool {
			return slices.Contains(given, r) || slices.Contains(given, "ALL PRIVILEGES")
		})
		return nil
	})
	return lacking, err
}

// covers reports whether the schema of a grant, which is a pattern as LIKE has
// it, stands for a schema.
func covers(pattern, schema string) bool {
	if pattern == "*" {
		return true
	}
	pattern = strings.ReplaceAll(strings.Trim(pattern, "`"), "``", "`")
	var b strings.Builder
	for i := 0; i < len(pattern); i++ {
		switch c := pattern[i]; {
		case c == '\\' && i+1 < len(pattern):
			i++
			b.WriteString(regexp.QuoteMeta(pattern[i : i+1]))
		case c == '%':
			b.WriteString(".*")
		case c == '_':
			b.WriteString(".")
		default:
			b.WriteString(regexp.QuoteMeta(string(c)))
		}
	}
	ok, err := regexp.MatchString("^(?:"+b.String()+")$", schema)
	return err == nil && ok
}

// quoteName quotes a name, or a schema's and a table's.
func quoteName(names ...string) string {
	quoted := make([]string, len(names))
	for i, n := range names {
		quoted[i] = "`" + strings.ReplaceAll(n, "`", "``") + "`"
	}
	return strings.Join(quoted, ".")
}
