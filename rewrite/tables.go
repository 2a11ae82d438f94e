package rewrite

import (
	"strings"

	"github.com/pingcap/tidb/pkg/parser/ast"
)

// A source is one table of a FROM clause, or of a statement that writes it.
type source struct {
	scope  *scope
	alias  string // what columns are qualified with
	schema string // as the statement names it
	name   string
	kind   sourceKind

	table     *Table     // sourceSession, sourceSecondary
	secondary *Secondary // sourceSecondary

	// derived is what the columns of a derived table are columns of, by their
	// names, where that matters; all of them are those of wild, if given.
	derived map[string]colRef
	wild    *source

	// known are what the statement's conditions say of the columns.
	known []restriction
	keys  []Value // the keys of all rows that the statement sees; nil for unknown
	arm   int     // of a UNION, counted from 0 (see analyzer.arm)
	depth int     // of nested queries: 0 for a table of the statement itself
}

type sourceKind uint8

const (
	sourceOther sourceKind = iota
	sourceSession
	sourceSecondary
	sourceMeta // information_schema and the like
	sourceDerived
)

// ours tells whether s holds session records or what belongs to them.
func (s *source) ours() bool { return s.kind == sourceSession || s.kind == sourceSecondary }

// A scope holds the tables that a query can name columns of.
type scope struct {
	parent  *scope
	sources []*source
	ctes    map[string]*source
	arm     int
	depth   int
}

// classify finds out what a table name means.
func (a *analyzer) classify(schema, name string) (kind sourceKind, t *Table, sec *Secondary) {
	in := schema
	if in == "" {
		in = a.db
	}
	switch strings.ToLower(in) {
	case "information_schema", "performance_schema", "mysql", "sys":
		return sourceMeta, nil, nil
	}
	var found *Table
	var foundSec *Secondary
	for i := range a.o.Tables {
		t := &a.o.Tables[i]
		if t.Schema != "" && in != "" && !strings.EqualFold(t.Schema, in) {
			continue
		}
		match := strings.EqualFold(t.Name, name)
		var sec *Secondary
		for k := range t.Secondary {
			if strings.EqualFold(t.Secondary[k].Name, name) {
				sec = &t.Secondary[k]
				match = true
			}
		}
		if match && (found == nil || found.Schema == "" && t.Schema != "") {
			found, foundSec = t, sec
			if strings.EqualFold(t.Name, name) {
				foundSec = nil
			}
		}
	}
	switch {
	case found == nil:
		return sourceOther, nil, nil
	case foundSec != nil:
		return sourceSecondary, found, foundSec
	}
	return sourceSession, found, nil
}

// other notes a table that is not configured.
func (a *analyzer) other(schema, name string) {
	if schema != "" {
		name = schema + "." + name
	}
	for _, o := range a.p.Others {
		if o == name {
			return
		}
	}
	a.p.Others = append(a.p.Others, name)
}

// table makes a source of a table name, and notes it.
func (a *analyzer) table(schema, name, alias string, sc *scope) *source {
	s := &source{scope: sc, schema: schema, name: name, alias: alias}
	if s.alias == "" {
		s.alias = name
	}
	if sc != nil {
		s.arm, s.depth = sc.arm, sc.depth
	}
	s.kind, s.table, s.secondary = a.classify(schema, name)
	if s.kind == sourceOther {
		a.other(schema, name)
	}
	a.tables = append(a.tables, s)
	return s
}

// has tells whether the statement names a table of the given kind.
func (a *analyzer) has(kind sourceKind) bool {
	for _, s := range a.tables {
		if s.kind == kind {
			return true
		}
	}
	return false
}

// firstOurs returns the first table that holds session records, else the first
// that belongs to one, else nil.
func (a *analyzer) firstOurs() (first *source) {
	for _, s := range a.tables {
		if s.ours() && (first == nil || first.kind == sourceSecondary && s.kind == sourceSession) {
			first = s
		}
	}
	return first
}

// about sets the plan's table.
func (a *analyzer) about(s *source) {
	a.p.Table, a.p.Schema = s.table, s.schema
}

// A colRef is a column of a source. own tells that the source belongs to the
// query that names it, and not to one around that.
type colRef struct {
	src *source
	col string // in lower case
	own bool
}

// column finds out what table a column belongs to.
func (sc *scope) column(n *ast.ColumnName) (ref colRef, ok bool) {
	for s, own := sc, true; s != nil; s, own = s.parent, false {
		if ref, ok = s.lookup(n); ok {
			ref.own = ref.own && own
			return ref, true
		}
	}
	return colRef{}, false
}

// lookup finds a column in one scope. A name without a qualifier belongs to
// the only table that can have it; to a session table if it names the key or
// the surrogate of one: MySQL refuses it as ambiguous if another table has it
// as well.
func (sc *scope) lookup(n *ast.ColumnName) (ref colRef, ok bool) {
	if n.Table.L != "" {
		for _, s := range sc.sources {
			if strings.EqualFold(s.alias, n.Table.O) &&
				(n.Schema.L == "" || s.schema == "" || strings.EqualFold(s.schema, n.Schema.O)) {
				return s.resolve(n.Name.L)
			}
		}
		return colRef{}, false
	}
	for _, s := range sc.sources {
		if ref, ok := s.resolve(n.Name.L); ok && ref.identity() != identityNone {
			return ref, true
		}
	}
	if len(sc.sources) == 1 {
		return sc.sources[0].resolve(n.Name.L)
	}
	return colRef{}, false
}

// resolve returns what a column of s is, through derived tables.
func (s *source) resolve(col string) (ref colRef, ok bool) {
	if s.kind != sourceDerived {
		return colRef{src: s, col: col, own: true}, true
	}
	if ref, ok = s.derived[col]; ok {
		return ref, true
	}
	if s.wild != nil {
		return s.wild.resolve(col)
	}
	return colRef{}, false
}

// An identity is what of a record a column holds.
type identity uint8

const (
	identityNone identity = iota
	identityKey
	identitySurrogate
)

func (r colRef) identity() identity {
	switch r.src.kind {
	case sourceSession:
		switch {
		case strings.EqualFold(r.col, r.src.table.Key):
			return identityKey
		case r.src.table.Surrogate != "" && strings.EqualFold(r.col, r.src.table.Surrogate):
			return identitySurrogate
		}
	case sourceSecondary:
		if strings.EqualFold(r.col, r.src.secondary.Column) {
			return r.src.secondary.identity(r.src.table)
		}
	}
	return identityNone
}

// identity tells what the column of a secondary table refers to: the surrogate
// if the table has one, unless the column has the key's name.
func (sec *Secondary) identity(t *Table) identity {
	if t.Surrogate == "" || strings.EqualFold(sec.Column, t.Key) {
		return identityKey
	}
	return identitySurrogate
}
