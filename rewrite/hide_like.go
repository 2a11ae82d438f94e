package rewrite

import "strings"

// likeTables returns SHOW [FULL] TABLES LIKE of a schema, whose pattern stands at
// i, without one table: as the SELECT that has the same rows and columns. The
// pattern is in the name of the column, which a WHERE would not keep. A pattern
// that the table's name is not like needs nothing: nil, as where it can't be
// told.
func (a *analyzer) likeTables(table, db string, i int) []byte {
	if i != len(a.toks)-1 || a.kind(i) != tokString || a.l.execComments || a.is(1, "extended") || strings.ContainsAny(db, "'\\`") {
		return nil
	}
	pattern := string(a.l.bytes(a.toks[i]))
	if pattern[0] != '\'' && pattern[0] != '"' {
		return nil
	}
	inner := pattern[1 : len(pattern)-1]
	if strings.ContainsAny(inner, "'\"`") || strings.Contains(inner, `\\`) || !isLike(strings.ToLower(table), strings.ToLower(inner)) {
		return nil
	}
	// Names are compared as SHOW does it: a SELECT of MariaDB takes letters of
	// both cases for equal, whatever they are to the server.
	const exact = "CONVERT(`TABLE_NAME` USING utf8mb4) COLLATE utf8mb4_bin"
	columns := "`TABLE_NAME` AS `Tables_in_" + db + " (" + inner + ")`"
	if a.is(1, "full") {
		columns += ", `TABLE_TYPE` AS `Table_type`"
	}
	return []byte("SELECT " + columns + " FROM information_schema.TABLES AS `TABLE_NAMES`" +
		" WHERE `TABLE_SCHEMA` = '" + db + "' AND `TABLE_NAME` LIKE " + pattern +
		" AND (@@lower_case_table_names <> 0 OR " + exact + " LIKE " + pattern + ")" +
		" AND `TABLE_NAME` <> '" + table + "' ORDER BY " + exact)
}

// isLike tells whether a name is like a pattern of SQL.
func isLike(name, pattern string) bool {
	for i := 0; i < len(pattern); i++ {
		c := pattern[i]
		if c == '%' {
			for from := range len(name) + 1 {
				if isLike(name[from:], pattern[i+1:]) {
					return true
				}
			}
			return false
		}
		wild := c == '_'
		if c == '\\' && i+1 < len(pattern) {
			i++
			c = pattern[i]
		}
		if name == "" || !wild && name[0] != c {
			return false
		}
		name = name[1:]
	}
	return name == ""
}
