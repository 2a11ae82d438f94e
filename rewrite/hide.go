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

// WithoutTable returns a statement whose plan Lists tables so that it leaves one
// of them out, which db is the default database of; nil where it can't be told
// so: in a pattern of SHOW TABLES LIKE, which is in the name of its column.
func (s *Statement) WithoutTable(table, db string) []byte {
	l := &lexed{}
	lex(l, s.Text, s.mode)
	a := &analyzer{l: l, toks: l.tokens}
	column, i := a.lists()
	if a.is(i, "from") || a.is(i, "in") {
		name, ok := a.ident(i + 1)
		if !ok {
			return nil
		}
		db, i = name, i+2
	}
	if column == "Tables_in_" {
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
	case a.is(i, "like") && !strings.HasPrefix(column, "Tables_in_"):
		return []byte(text[:a.toks[i].start] + "WHERE " + name + " " + text[a.toks[i].start:end] + " AND " + left)
	}
	return nil
}
