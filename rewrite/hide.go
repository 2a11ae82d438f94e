package rewrite

import "strings"

// lists tells whether a SHOW lists tables, by the column with their names: ""
// if it does not, "Tables_in_" of SHOW TABLES, to which the database belongs.
// next is behind what it lists.
func (a *analyzer) lists() (column string, next int) {
	i := 1
	for a.is(i, "full") || a.is(i, "extended") {
		i++
	}
	switch {
	case a.is(i, "tables"):
		return "Tables_in_", i + 1
	case a.are(i, "table", "status"):
		return "Name", i + 2
	case a.are(i, "open", "tables"):
		return "Table", i + 2
	}
	return "", 0
}

// schemaTables are the tables of information_schema that have rows for a table.
var schemaTables = words(`columns key_column_usage partitions statistics table_constraints tables
	table_privileges column_privileges table_statistics index_statistics`)

// listsSchema tells whether the statement is one SELECT whose first table has
// rows for tables, and how its columns are qualified.
func (a *analyzer) listsSchema() (qualifier string, ok bool) {
	if !a.is(0, "select") || a.l.execComments {
		return "", false
	}
	for i := 1; i < len(a.toks); i++ {
		switch a.word(i) {
		case "select", "union", "except", "intersect":
			return "", false
		}
	}
	from := a.find(1, "from")
	schema, name, next := a.tableName(from + 1)
	if next == from+1 || !schemaTables[strings.ToLower(name)] ||
		!strings.EqualFold(schema, "information_schema") && (schema != "" || !strings.EqualFold(a.db, "information_schema")) {
		return "", false
	}
	if a.is(next, "as") {
		next++
	}
	if alias, named := a.ident(next); named && (a.kind(next) != tokWord || !clauseWords[a.word(next)] && !joinWords[a.word(next)]) {
		name = alias
	}
	return name, true
}

// joinWords can stand behind a table that is joined with another.
var joinWords = words("join inner cross left right natural straight_join on using procedure for lock")

// withoutRows returns a SELECT so that it leaves out what information_schema has
// of a table.
func (a *analyzer) withoutRows(table string) []byte {
	qualifier, ok := a.listsSchema()
	if !ok {
		return nil
	}
	left := " `" + strings.ReplaceAll(qualifier, "`", "``") + "`.`TABLE_NAME` <> '" + table + "'"
	where := a.find(1, "where")
	end := a.find(1, "group", "having", "order", "limit", "window", "into", "procedure", "for", "lock")
	text := string(a.l.text)
	if end < a.find(1, "from") {
		return nil
	}
	if where < end && where+1 < end {
		from, to := a.toks[where].end, a.toks[end-1].end
		return []byte(text[:from] + left + " AND (" + text[from:to] + "\n)" + text[to:])
	}
	at := a.toks[end-1].end
	return []byte(text[:at] + " WHERE" + left + text[at:])
}

// WithoutTable returns a statement whose plan Lists tables so that it leaves one
// of them out, which db is the default database of; nil where it need not or
// can't be told so.
func (s *Statement) WithoutTable(table, db string) []byte {
	l := &lexed{}
	lex(l, s.Text, s.mode)
	a := &analyzer{l: l, toks: l.tokens, db: db}
	if a.is(0, "select") {
		return a.withoutRows(table)
	}
	column, i := a.lists()
	if a.is(i, "from") || a.is(i, "in") {
		name, ok := a.ident(i + 1)
		if !ok {
			return nil
		}
		db, i = name, i+2
	}
	tables := column == "Tables_in_"
	if tables && a.is(i, "like") {
		return a.likeTables(table, db, i+1)
	}
	if tables {
		column += db
	}
	if column == "" || db == "" || l.execComments || len(a.toks) == 0 {
		return nil
	}
	name := "`" + strings.ReplaceAll(column, "`", "``") + "`"
	left := name + " <> '" + table + "'"
	end := int(a.toks[len(a.toks)-1].end)
	text := string(s.Text)
	switch {
	case i == len(a.toks):
		return []byte(text[:end] + " WHERE " + left)
	case a.is(i, "where"):
		return []byte(text[:a.toks[i].end] + " (" + text[a.toks[i].end:end] + ") AND " + left)
	case a.is(i, "like"):
		return []byte(text[:a.toks[i].start] + "WHERE " + name + " " + text[a.toks[i].start:end] + " AND " + left)
	}
	return nil
}
