package conf

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"unicode"
)

// tables fills the [[table]] tables from their presets and checks them.
func (r *reader) tables(tables []Table) {
	if len(tables) == 0 {
		r.report("table", "there is no [[table]]: give the name and key of the session table, or a preset")
	}
	seen := make(map[string][]tableUse)
	for i := range tables {
		t, path := &tables[i], fmt.Sprintf("table[%d]", i)
		if !r.preset(path, t) {
			continue
		}
		if t.Schema != "" {
			r.identifier(path+".schema", t.Schema)
		}
		r.tableName(path+".name", t)
		if t.Key == "" {
			r.report(path+".key", "must be given: the column that holds the session ID")
		} else {
			r.identifier(path+".key", t.Key)
		}
		if t.Surrogate != "" {
			r.identifier(path+".surrogate", t.Surrogate)
			if strings.EqualFold(t.Surrogate, t.Key) {
				r.report(path+".surrogate", "is the key itself: it names another column, which the server numbers (AUTO_INCREMENT)")
			}
		}
		r.columns(path+".columns", t)
		if t.Collation == "" {
			t.Collation = "exact"
		}
		if strings.HasSuffix(t.Collation, "_ci") {
			r.report(path+".collation", `%q: write "auto", which asks the key's column`, t.Collation)
		} else {
			r.oneOf(path+".collation", t.Collation, []string{"auto", "exact", "ci"})
		}
		if t.Name != "" {
			r.unique(path+".name", tableUse{t.Schema, r.lines[path]}, t.Name, seen)
		}
		r.secondary(path+".secondary", t, seen)
		r.number(path+".number", t)
	}
}

// tableUse is where a table's name is used.
type tableUse struct {
	schema string
	line   int
}

// unique reports a table that another entry covers already. A table without a
// schema is that of every schema.
func (r *reader) unique(path string, use tableUse, name string, seen map[string][]tableUse) {
	name = strings.ToLower(name)
	for _, other := range seen[name] {
		if other.schema == "" || use.schema == "" || strings.EqualFold(other.schema, use.schema) {
			r.report(path, "the table %q is there already, in line %d", name, other.line)
			return
		}
	}
	seen[name] = append(seen[name], use)
}

func (r *reader) tableName(path string, t *Table) {
	schema, name, dotted := strings.Cut(t.Name, ".")
	switch {
	case t.Name == "":
		r.report(path, "must be given")
	case dotted && t.Schema == "":
		r.report(path, "%q has a dot: write schema = %q and name = %q", t.Name, schema, name)
	default:
		r.identifier(path, t.Name)
	}
}

func (r *reader) columns(path string, t *Table) {
	seen := make(map[string]bool)
	for i, c := range t.Columns {
		at := fmt.Sprintf("%s[%d]", path, i)
		r.identifier(at, c)
		if seen[strings.ToLower(c)] {
			r.report(at, "the column %q is there twice", c)
		}
		seen[strings.ToLower(c)] = true
	}
	for what, c := range map[string]string{"key": t.Key, "surrogate": t.Surrogate} {
		if len(t.Columns) > 0 && c != "" && !seen[strings.ToLower(c)] {
			r.report(path, "must hold all columns in their order: the %s %q is missing", what, c)
		}
	}
}

func (r *reader) secondary(path string, t *Table, seen map[string][]tableUse) {
	for i, s := range t.Secondary {
		at := fmt.Sprintf("%s[%d]", path, i)
		name, column, ok := SplitSecondary(s)
		if !ok {
			r.report(at, `%q is not of the form "table(column)"`, s)
			continue
		}
		r.identifier(at, name)
		r.identifier(at, column)
		r.unique(at, tableUse{t.Schema, r.lines[at]}, name, seen)
	}
}

// SplitSecondary splits "table(column)", an element of [Table].Secondary.
func SplitSecondary(s string) (table, column string, ok bool) {
	table, rest, open := strings.Cut(s, "(")
	column, after, closed := strings.Cut(rest, ")")
	table, column = strings.TrimSpace(table), strings.TrimSpace(column)
	return table, column, open && closed && table != "" && column != "" && strings.TrimSpace(after) == ""
}

// identifier reports what can't be the name of a schema, table or column.
func (r *reader) identifier(path, name string) {
	if name == "" {
		r.report(path, "must not be empty")
		return
	}
	if len([]rune(name)) > 64 {
		r.report(path, "%q is longer than the 64 characters of a MySQL name", name)
	}
	for _, c := range name {
		if c == unicode.ReplacementChar || !unicode.IsPrint(c) || strings.ContainsRune("`'\"().,;", c) {
			r.report(path, "%q holds a character that can't be in the name: %q (write it without quotes)", name, c)
			return
		}
	}
}

// preset fills what the table does not say from its preset. It is false if
// there is no such preset.
func (r *reader) preset(path string, t *Table) bool {
	if t.Preset == "" {
		return true
	}
	p, ok := presets[t.Preset]
	if !ok {
		known := slices.Sorted(maps.Keys(presets))
		hint := "one of " + strings.Join(known, ", ")
		if best := nearest(t.Preset, known); best != "" {
			hint = fmt.Sprintf("did you mean %q?", best)
		}
		r.report(path+".preset", "%q is unknown: %s", t.Preset, hint)
		return false
	}
	if !r.given(path + ".name") {
		t.Name = p.Name
	}
	if !r.given(path + ".key") {
		t.Key = p.Key
	}
	if !r.given(path + ".surrogate") {
		t.Surrogate = p.Surrogate
	}
	if !r.given(path + ".secondary") {
		t.Secondary = slices.Clone(p.Secondary)
	}
	if !r.given(path + ".columns") {
		t.Columns = slices.Clone(p.Columns)
	}
	if !r.given(path + ".collation") {
		t.Collation = p.Collation
	}
	return true
}
