package rewrite

import (
	"strings"
	"testing"
)

// TestColumnsAreAskedFor holds INSERT without a column list to the order that
// Options.Columns tells, and to asking again while it tells none.
func TestColumnsAreAskedFor(t *testing.T) {
	var asked []string
	known := false
	p := NewPlanner(Options{Tables: truthTables, Columns: func(t *Table, schema string) ([]string, bool) {
		asked = append(asked, schema+"."+t.Name)
		return []string{"data", "ID"}, known
	}})
	sql := []byte("INSERT INTO sessions VALUES ('x', 'abc')")
	var s Statement
	for range 2 {
		p.Plan(&s, sql, "app", 0)
		if !strings.Contains(s.Plan.Refuse, "without a column list") {
			t.Errorf("Plan(%q) = %v, want a refusal", sql, s.Plan)
		}
	}
	known = true
	for range 2 {
		p.Plan(&s, sql, "app", 0)
		if key, _, ok := s.Append(nil, s.Plan.Keys[0], nil); !ok || string(key) != "abc" {
			t.Errorf("Plan(%q) = %v, key %q", sql, s.Plan, key)
		}
	}
	p.Plan(&s, []byte("REPLACE other.sessions VALUES ('x', 'abc')"), "app", 0)
	if got, want := strings.Join(asked, " "), "app.sessions app.sessions app.sessions other.sessions"; got != want {
		t.Errorf("asked for %q, want %q", got, want)
	}
}
