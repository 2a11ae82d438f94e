package rewrite

import "strings"

// MySQL lets a DELETE neither read its own table nor limit what IN (SELECT ...)
// finds, except in a derived table. So programs write
//
//	DELETE FROM sessions WHERE id IN (SELECT id FROM (
//		SELECT id FROM sessions WHERE expires < 5 ORDER BY expires LIMIT 10) AS t)
//
// which is what
//
//	DELETE FROM sessions WHERE expires < 5 ORDER BY expires LIMIT 10
//
// says, if the column is the key. A sweep carries it out as that.

// chosen are the parts of the inner SELECT, as tokens; -1 for no such clause.
type chosen struct {
	key                 string // the column, as it is named
	schema, name        string // of the table that the statement deletes from
	table, tableEnd     int
	alias               int
	where, order, limit int
	end                 int // the parenthesis behind it
}

// deletesChosen reads such a statement. Its tokens are all of it.
func (a *analyzer) deletesChosen() (c chosen, ok bool) {
	c = chosen{alias: -1, where: -1, order: -1, limit: -1}
	if !a.is(0, "delete") || !a.is(1, "from") {
		return c, false
	}
	i := 2
	c.schema, c.name, i = a.tableName(i)
	if !a.is(i, "where") {
		return c, false
	}
	i++
	open := 0
	for a.op(i, "(") {
		open++
		i++
	}
	var qualifier string
	if qualifier, c.key, i = a.tableName(i); qualifier != "" && !strings.EqualFold(qualifier, c.name) {
		return c, false
	}
	if !a.is(i, "in") || !a.op(i+1, "(") || !a.is(i+2, "select") {
		return c, false
	}
	i += 3
	outer := "*"
	if a.op(i, "*") {
		i++
	} else if _, outer, i = a.tableName(i); outer == "" {
		return c, false
	}
	if !a.is(i, "from") || !a.op(i+1, "(") || !a.is(i+2, "select") {
		return c, false
	}
	i, ok = a.innerChosen(&c, i+3, outer)
	if !ok || !a.op(i, ")") {
		return c, false
	}
	c.end = i
	i++
	if a.is(i, "as") {
		i++
	}
	if _, named := a.ident(i); !named {
		return c, false
	}
	for i++; open >= 0 && a.op(i, ")"); open-- {
		i++
	}
	return c, open == -1 && i == len(a.toks)
}

// innerChosen reads the inner SELECT, whose only column is called outer around
// it, from behind SELECT up to its parenthesis.
func (a *analyzer) innerChosen(c *chosen, i int, outer string) (next int, ok bool) {
	qualifier, column, i := a.tableName(i)
	if !strings.EqualFold(column, c.key) {
		return i, false
	}
	name := column
	if a.is(i, "as") {
		i++
	}
	if given, is := a.ident(i); is && !a.is(i, "from") {
		name = given
		i++
	}
	if !a.is(i, "from") || outer != "*" && !strings.EqualFold(outer, name) {
		return i, false
	}
	c.table = i + 1
	schema, table, i := a.tableName(c.table)
	if table != c.name || schema != c.schema {
		return i, false
	}
	if a.is(i, "as") {
		i++
	}
	if _, is := a.ident(i); is && (a.kind(i) != tokWord || !clauseWords[a.word(i)]) {
		c.alias = i
		table = string(a.l.name(nil, a.toks[i]))
		i++
	}
	c.tableEnd = i
	if qualifier != "" && !strings.EqualFold(qualifier, table) {
		return i, false
	}
	switch {
	case a.op(i, ")"), a.is(i, "where"), a.is(i, "order"), a.is(i, "limit"):
	default:
		return i, false
	}
	for ; i < len(a.toks) && !a.op(i, ")"); i++ {
		switch word := a.word(i); {
		case word == "where":
			c.where = i
		case word == "order":
			c.order = i
		case word == "limit":
			c.limit = i
		case otherClauses[word]:
			return i, false
		}
		if end := a.skipParens(i); end > i {
			for ; i < end-1; i++ {
				if a.is(i, "select") {
					return i, false
				}
			}
		}
	}
	return i, c.limit < 0 || c.limit+2 == i // LIMIT m, n leaves records out
}

// otherClauses are those with which a SELECT chooses otherwise than a DELETE.
var otherClauses = words(`group having union except intersect window for lock into procedure fetch offset join
	straight_join use force ignore partition select`)
