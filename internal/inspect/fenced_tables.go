package inspect

import (
	"context"
	"fmt"
	"slices"
	"strings"
)

// judgeCopies judges, at the levels safe and strict, what keeps copies of
// records from being made as they are.
func (in *inspection) judgeCopies(c Table, i int, t *table) {
	if len(c.Secondary) > 0 {
		in.ofTable(Wrong, "secondary", i, t, `set level = "seed", or keep the other table's rows in a column of the record`,
			"has records with rows in other tables (secondary), which level %q can't copy", in.Fenced.Level)
	}
	for _, x := range t.indexes {
		if !x.unique || slices.ContainsFunc(x.columns, func(name string) bool { return strings.EqualFold(name, c.Key) }) {
			continue // what has the key in it excludes no other record
		}
		if one := t.column(x.columns[0]); len(x.columns) == 1 && one != nil && one.autoIncrement {
			continue // its numbers are leased
		}
		in.ofTable(Wrong, "unique", i, t, uniqueRemedy(c, t, &x),
			"has %s beside the key: two records that different stores accept could exclude each other's copies, so level %q does not write it", x.describe(), in.Fenced.Level)
	}
}

// uniqueRemedy makes an index one that is not unique.
func uniqueRemedy(c Table, t *table, x *index) string {
	columns := make([]string, len(x.columns))
	for i, name := range x.columns {
		columns[i] = quoteName(name)
		if part, length, ok := strings.Cut(name, "("); ok {
			columns[i] = quoteName(part) + "(" + length
		}
	}
	list := strings.Join(columns, ", ")
	table := "ALTER TABLE " + quoteName(t.schema, t.name)
	if x.name == "PRIMARY" {
		return fmt.Sprintf("%s DROP PRIMARY KEY, ADD PRIMARY KEY (%s), ADD INDEX (%s); the application must see to it that no two records have one value there", table, quoteName(c.Key), list)
	}
	return fmt.Sprintf("%s DROP INDEX %s, ADD INDEX %s (%s); the application must see to it that no two records have one value there", table, quoteName(x.name), quoteName(x.name), list)
}

// asideTable is the table that one is renamed to that was dropped while its store
// was away.
func asideTable(name string) string { return "dsmproxy_dropped_" + name }

// serviceRights are what the proxy's own account needs for the session tables at
// the levels safe and strict: it copies records, makes the tables of a store that
// is new, puts those aside that were dropped meanwhile, and looks for triggers.
var serviceRights = []string{"SELECT", "INSERT", "UPDATE", "DELETE", "CREATE", "ALTER", "DROP", "TRIGGER"}

// tryService looks for them. Only a list of rights can tell without making and
// dropping tables.
func (in *inspection) tryService(ctx context.Context, name, who string, f *facts) error {
	var done []string
	for _, t := range f.tables {
		if t.view || slices.Contains(done, t.schema) {
			continue
		}
		lacking, err := grantsLack(ctx, f, t.schema, t.name, serviceRights...)
		if err != nil {
			return err
		}
		aside, err := grantsLack(ctx, f, t.schema, asideTable(t.name), "INSERT", "CREATE", "DROP")
		if err != nil {
			return err
		}
		for _, right := range aside {
			if !slices.Contains(lacking, right) {
				lacking = append(lacking, right)
			}
		}
		if len(lacking) == 0 {
			continue
		}
		done = append(done, t.schema)
		in.find(Finding{Level: Wrong, Check: "rights", Store: name, Table: t.full(),
			Message: fmt.Sprintf("%s, as which dsmproxy copies records and makes the tables of a store that is new, has no right to %s",
				account(who), strings.Join(lacking, ", ")),
			Remedy: fmt.Sprintf("GRANT %s ON %s.* TO %s", strings.Join(serviceRights, ", "), quoteName(t.schema), account(who))})
	}
	return nil
}
