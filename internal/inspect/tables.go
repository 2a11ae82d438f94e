package inspect

import (
	"cmp"
	"context"
	"database/sql"
	"fmt"
	"slices"
	"strings"
)

// table is a table as a store describes it.
type table struct {
	schema, name string
	engine       string
	view         bool
	columns      []column
	indexes      []index
	triggers     []string
	foreign      []foreignKey // from and to it
}

// column is one column of a table.
type column struct {
	name, data    string // data: the type's name alone
	kind          string // the whole type: varchar(128)
	nullable      bool
	standard      string // the default
	extra         string
	collation     string // "" for what is no text
	autoIncrement bool
}

// foreignKey is a foreign key of one table to another.
type foreignKey struct {
	name              string
	schema, table     string // where it is
	column            string
	toSchema, toTable string
}

func (k foreignKey) String() string {
	return fmt.Sprintf("%s.%s(%s) to %s.%s", k.schema, k.table, k.column, k.toSchema, k.toTable)
}

// index is one index of a table.
type index struct {
	name    string
	unique  bool
	columns []string // with "(n)" for a prefix
}

func (t *table) full() string { return t.schema + "." + t.name }

func (t *table) column(name string) *column {
	for i, c := range t.columns {
		if strings.EqualFold(c.name, name) {
			return &t.columns[i]
		}
	}
	return nil
}

// uniqueBy reports whether an index lets each value of a column be there once.
func (t *table) uniqueBy(name string) bool {
	return slices.ContainsFunc(t.indexes, func(x index) bool {
		return x.unique && len(x.columns) == 1 && strings.EqualFold(x.columns[0], name)
	})
}

// system are the schemas that hold no session tables.
const system = "('information_schema', 'performance_schema', 'mysql', 'sys')"

// askTables looks for the configured tables and what belongs to them.
func (in *inspection) askTables(ctx context.Context, f *facts) error {
	for _, t := range in.Tables {
		names := []string{t.Name}
		for _, s := range t.Secondary {
			names = append(names, s.Name)
		}
		for _, name := range names {
			found, err := describeTables(ctx, f.conn, t.Schema, name)
			if err != nil {
				return err
			}
			for _, one := range found {
				if !slices.ContainsFunc(f.tables, func(have *table) bool { return have.full() == one.full() }) {
					f.tables = append(f.tables, one)
				}
			}
		}
	}
	return nil
}

// describeTables describes the tables of a name, or all if it is "", in one
// schema or all.
func describeTables(ctx context.Context, conn *sql.Conn, schema, name string) ([]*table, error) {
	where := func(schemaColumn, nameColumn string) (string, []any) {
		sql, args := " WHERE "+schemaColumn+" NOT IN "+system, []any(nil)
		if schema != "" {
			sql, args = sql+" AND "+schemaColumn+" = ?", append(args, schema)
		}
		if name != "" {
			sql, args = sql+" AND "+nameColumn+" = ?", append(args, name)
		}
		return sql, args
	}
	var list []*table
	byName := make(map[string]*table)
	cond, args := where("TABLE_SCHEMA", "TABLE_NAME")
	err := each(ctx, conn, "SELECT TABLE_SCHEMA, TABLE_NAME, COALESCE(ENGINE, ''), TABLE_TYPE = 'VIEW' FROM information_schema.TABLES"+cond+" ORDER BY 1, 2", args,
		func(scan func(...any) error) error {
			t := new(table)
			if err := scan(&t.schema, &t.name, &t.engine, &t.view); err != nil {
				return err
			}
			list, byName[t.full()] = append(list, t), t
			return nil
		})
	if err != nil || len(list) == 0 {
		return nil, err
	}
	err = each(ctx, conn, "SELECT TABLE_SCHEMA, TABLE_NAME, COLUMN_NAME, DATA_TYPE, COLUMN_TYPE, IS_NULLABLE = 'YES', COALESCE(COLUMN_DEFAULT, 'none'), EXTRA, COALESCE(COLLATION_NAME, '')"+
		" FROM information_schema.COLUMNS"+cond+" ORDER BY 1, 2, ORDINAL_POSITION", args,
		func(scan func(...any) error) error {
			var schema, name string
			var c column
			if err := scan(&schema, &name, &c.name, &c.data, &c.kind, &c.nullable, &c.standard, &c.extra, &c.collation); err != nil {
				return err
			}
			c.data, c.autoIncrement = strings.ToLower(c.data), strings.Contains(strings.ToLower(c.extra), "auto_increment")
			if t := byName[schema+"."+name]; t != nil {
				t.columns = append(t.columns, c)
			}
			return nil
		})
	if err != nil {
		return nil, err
	}
	err = each(ctx, conn, "SELECT TABLE_SCHEMA, TABLE_NAME, INDEX_NAME, NON_UNIQUE = 0, COALESCE(COLUMN_NAME, '(expression)'), COALESCE(SUB_PART, 0)"+
		" FROM information_schema.STATISTICS"+cond+" ORDER BY 1, 2, 3, SEQ_IN_INDEX", args,
		func(scan func(...any) error) error {
			var schema, name string
			var x index
			var part string
			var prefix int
			if err := scan(&schema, &name, &x.name, &x.unique, &part, &prefix); err != nil {
				return err
			}
			t := byName[schema+"."+name]
			if t == nil {
				return nil
			}
			if prefix > 0 {
				part = fmt.Sprintf("%s(%d)", part, prefix)
			}
			if n := len(t.indexes); n > 0 && t.indexes[n-1].name == x.name {
				t.indexes[n-1].columns = append(t.indexes[n-1].columns, part)
				return nil
			}
			x.columns = []string{part}
			t.indexes = append(t.indexes, x)
			return nil
		})
	if err != nil {
		return nil, err
	}
	cond, args = where("EVENT_OBJECT_SCHEMA", "EVENT_OBJECT_TABLE")
	err = each(ctx, conn, "SELECT EVENT_OBJECT_SCHEMA, EVENT_OBJECT_TABLE, TRIGGER_NAME FROM information_schema.TRIGGERS"+cond+" ORDER BY 1, 2, 3", args,
		func(scan func(...any) error) error {
			var schema, name, trigger string
			if err := scan(&schema, &name, &trigger); err != nil {
				return err
			}
			if t := byName[schema+"."+name]; t != nil {
				t.triggers = append(t.triggers, trigger)
			}
			return nil
		})
	if err != nil {
		return nil, err
	}
	for _, c := range [][2]string{{"TABLE_SCHEMA", "TABLE_NAME"}, {"REFERENCED_TABLE_SCHEMA", "REFERENCED_TABLE_NAME"}} {
		cond, args = where(c[0], c[1])
		err = each(ctx, conn, "SELECT "+c[0]+", "+c[1]+", CONSTRAINT_NAME, TABLE_SCHEMA, TABLE_NAME, COLUMN_NAME, REFERENCED_TABLE_SCHEMA, REFERENCED_TABLE_NAME"+
			" FROM information_schema.KEY_COLUMN_USAGE"+cond+" AND REFERENCED_TABLE_NAME IS NOT NULL ORDER BY 1, 2, 4, 5, 6", args,
			func(scan func(...any) error) error {
				var schema, name string
				var k foreignKey
				if err := scan(&schema, &name, &k.name, &k.schema, &k.table, &k.column, &k.toSchema, &k.toTable); err != nil {
					return err
				}
				if t := byName[schema+"."+name]; t != nil {
					t.foreign = append(t.foreign, k)
				}
				return nil
			})
		if err != nil {
			return nil, err
		}
	}
	for _, t := range list {
		slices.SortFunc(t.indexes, func(a, b index) int { return cmp.Compare(a.name, b.name) })
	}
	return list, nil
}

// each calls f for each row of a query.
func each(ctx context.Context, conn *sql.Conn, query string, args []any, f func(scan func(...any) error) error) error {
	rows, err := conn.QueryContext(ctx, query, args...)
	if err != nil {
		return err
	}
	defer rows.Close()
	for rows.Next() {
		if err := f(rows.Scan); err != nil {
			return err
		}
	}
	return rows.Err()
}
