package replica

import (
	"slices"
	"strings"

	"github.com/dsmproxy/dsmproxy/router/store"
)

// The rows that other tables have for a record are a part of it: they are on
// its stores, and travel with its image. They name the record by its key, or by
// another column of it, say
//
//	SPRING_SESSION (PRIMARY_ID, SESSION_ID, ...), whose key is SESSION_ID
//	SPRING_SESSION_ATTRIBUTES (SESSION_PRIMARY_ID, ATTRIBUTE_NAME, ...)

// Part is such a table, in the schema of the records' own.
type Part struct {
	Name   string
	Column string // which names the record
	Of     string // the column of the record that Column has the value of
}

// table is the part of t as a table.
func (p *Part) table(t Table) Table {
	return Table{Schema: t.Schema, Name: p.Name, Key: p.Column, Folds: t.Folds, Collated: t.Collated}
}

// image is the statements that make the record of key at another store what it
// is at src, where it may not be there.
func (c *Client) image(src *store.Conn, t Table, key []byte) (sqls []string, there bool, err error) {
	sc, err := c.schema(t)
	if err != nil {
		return nil, false, err
	}
	rows, err := src.QueryUpTo(c.ctx, sc.selectImage(key), maxImage)
	if err != nil {
		return nil, false, err
	}
	there = len(rows) > 0
	if sqls, err = c.removeParts(t, sc, key, rows); err != nil {
		return nil, there, err
	}
	sqls = append(sqls, sc.installImage(key, rows)...)
	if t.Parts == nil {
		return sqls, there, nil
	}
	for i := range *t.Parts {
		part, err := c.partImage(src, t, sc, &(*t.Parts)[i], key)
		if err != nil {
			return nil, there, err
		}
		sqls = append(sqls, part...)
	}
	return sqls, there, nil
}

// removal is the statements that leave nothing of the record of key.
func (c *Client) removal(t Table, key []byte) ([]string, error) {
	sc, err := c.schema(t)
	if err != nil {
		return nil, err
	}
	sqls, err := c.removeParts(t, sc, key, nil)
	return append(sqls, sc.installImage(key, nil)...), err
}

// removeParts is the statements that remove what other tables have for the
// record of key, as it is there and as rows will make it.
func (c *Client) removeParts(t Table, sc *schema, key []byte, rows [][][]byte) (sqls []string, err error) {
	if t.Parts == nil {
		return nil, nil
	}
	for _, p := range *t.Parts {
		psc, err := c.schema(p.table(t))
		if err != nil {
			return nil, err
		}
		if strings.EqualFold(p.Of, t.Key) {
			sqls = append(sqls, "DELETE FROM "+psc.table.quoted()+" WHERE "+psc.keyIs("", key))
			continue
		}
		sqls = append(sqls, "DELETE p FROM "+psc.table.quoted()+" p JOIN "+t.quoted()+" t ON p."+quoteName(p.Column)+
			" = t."+quoteName(p.Of)+" WHERE "+sc.keyIs("t.", key))
		columns := sc.stored()
		of := slices.IndexFunc(columns, func(c column) bool { return strings.EqualFold(c.name, p.Of) })
		for _, row := range rows {
			if of >= 0 && row[of] != nil {
				sqls = append(sqls, "DELETE FROM "+psc.table.quoted()+" WHERE "+quoteName(p.Column)+" = "+columns[of].literal(row[of]))
			}
		}
	}
	return sqls, nil
}

// partImage is the statement that inserts what a part has for the record of key
// at src; none if that is nothing. Rows of a part that are numbered get numbers
// of each store's own.
func (c *Client) partImage(src *store.Conn, t Table, sc *schema, p *Part, key []byte) ([]string, error) {
	psc, err := c.schema(p.table(t))
	if err != nil {
		return nil, err
	}
	columns := slices.DeleteFunc(psc.stored(), func(c column) bool { return c.name == psc.auto })
	where := psc.keyIs("", key)
	if !strings.EqualFold(p.Of, t.Key) {
		where = quoteName(p.Column) + " IN (SELECT " + quoteName(p.Of) + " FROM " + t.quoted() + " WHERE " + sc.keyIs("", key) + ")"
	}
	rows, err := src.Query(c.ctx, psc.selectRows(columns, where))
	if err != nil || len(rows) == 0 {
		return nil, err
	}
	return []string{"INSERT" + psc.rows(columns, rows)}, nil
}
