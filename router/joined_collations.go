package router

import (
	"bytes"
	"slices"
	"strings"

	"github.com/dsmproxy/dsmproxy/rewrite"
	"github.com/dsmproxy/dsmproxy/router/replica"
)

// How a text is compared depends on the columns that it comes from. A literal in
// the place of a column is compared as the other side is, which is right where
// neither tells letters' cases apart: all such collations do the same with what
// they can be expected to meet. Where the column's does, the literal is given its
// collation, which then counts for both sides, as it did before if the columns of
// the record have the same one. What is not so sure is refused: it might write
// other records.

// otherwise is the refusal.
func otherwise() error {
	return refuse("a write by texts of another table, or record, that are compared by another collation there")
}

// collate gives the texts among the rows of a joint the collations of their
// columns, where that matters.
func (s *session) collate(part *rewrite.JoinedPart, j *rewrite.Joint, columns []replica.LiteralColumn, rows [][]string) error {
	texts := mentioned(part, columns)
	if len(texts) == 0 || len(rows) == 0 {
		return nil
	}
	from, alias := j.Table, j.Alias
	if j.Query {
		from, alias = "("+string(j.Select)+"\n) AS `dsmproxy_q`", "`dsmproxy_q`"
	}
	collations, own, err := s.collations(from, alias, texts)
	if err != nil && j.Query {
		return nil // records of the table that is written, as a rule
	}
	if err != nil {
		return err
	}
	exact := slices.ContainsFunc(collations, func(c string) bool { return !lenient(c) })
	if !exact {
		if !lenient(own) && slices.ContainsFunc(collations, func(c string) bool { return c != own }) {
			return otherwise()
		}
		return nil
	}
	for _, c := range collations {
		if c != collations[0] {
			return otherwise()
		}
	}
	if err := s.comparesBy(part, collations[0]); err != nil {
		return err
	}
	charset, _, _ := strings.Cut(collations[0], "_")
	for _, row := range rows {
		for i, c := range columns {
			if row[i] != "NULL" && slices.Contains(texts, c.Name) {
				row[i] = "CONVERT(" + row[i] + " USING " + charset + ") COLLATE " + collations[0]
			}
		}
	}
	return nil
}

// mentioned are the texts among columns that the statement may name.
func mentioned(part *rewrite.JoinedPart, columns []replica.LiteralColumn) (texts []string) {
	text := bytes.ToLower(part.Text())
	all := bytes.Contains(text, []byte("natural")) || bytes.ContainsRune(text, '*')
	for _, c := range columns {
		if c.Text && (all || bytes.Contains(text, []byte(strings.ToLower(c.Name)))) {
			texts = append(texts, c.Name)
		}
	}
	return texts
}

// lenient reports whether a collation takes letters that differ in their case, and
// in their accents, for the same.
func lenient(collation string) bool {
	return strings.HasSuffix(collation, "_ci") && !strings.HasSuffix(collation, "_as_ci")
}

// collations are those of columns of what from names; and the client's own.
func (s *session) collations(from, alias string, columns []string) (list []string, own string, err error) {
	var b strings.Builder
	b.WriteString("SELECT @@collation_connection")
	for _, c := range columns {
		b.WriteString(", COLLATION(" + alias + ".`" + strings.ReplaceAll(c, "`", "``") + "`)")
	}
	b.WriteString(" FROM " + from + " LIMIT 1")
	_, rows, err := s.literals([]byte(b.String()))
	if err != nil || len(rows) == 0 {
		return nil, "", err
	}
	for i, v := range rows[0] {
		rows[0][i] = strings.Trim(v, "'")
	}
	return rows[0][1:], rows[0][0], nil
}

// comparesBy returns the refusal unless all texts of the record that the statement
// may name are compared by a collation.
func (s *session) comparesBy(part *rewrite.JoinedPart, collation string) error {
	if part.Target == "" {
		return nil
	}
	columns, _, err := s.exactly([]byte("SELECT * FROM " + part.Target + " WHERE 1=0"))
	if err != nil {
		return err
	}
	texts := mentioned(part, columns)
	if len(texts) == 0 {
		return nil
	}
	list, _, err := s.collations(part.Target, part.TargetAlias, texts)
	if err != nil {
		return err
	}
	for _, c := range list {
		if c != collation {
			return otherwise()
		}
	}
	return nil
}
