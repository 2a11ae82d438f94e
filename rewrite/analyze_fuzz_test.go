package rewrite

import (
	"path/filepath"
	"strings"
	"testing"
)

// FuzzExplain holds the planner to finding a plan for any bytes, one that says
// the same of the same statement, and whose keys can be told or not.
func FuzzExplain(f *testing.F) {
	for _, dir := range []string{"corpus", "more"} {
		files, err := filepath.Glob("testdata/" + dir + "/*.sql")
		if err != nil || len(files) == 0 {
			f.Fatal("no corpus", err)
		}
		for _, file := range files {
			for _, e := range readCorpus(f, file) {
				f.Add(e.sql, uint8(e.mode))
			}
		}
	}
	tables := []Table{
		{
			Name: "sessions", Key: "id", Surrogate: "num", Columns: []string{"id", "data", "num"},
			Secondary: []Secondary{{Name: "attributes", Column: "sid"}},
		},
		{Schema: "s", Name: "t", Key: "k", FoldCase: true},
	}
	f.Fuzz(func(t *testing.T, sql []byte, mode uint8) {
		p := NewPlanner(Options{Tables: tables})
		e := Explain(p, sql, "s", Mode(mode), nil)
		again := Explain(p, sql, "s", Mode(mode), nil)
		if string(e.JSON()) != string(again.JSON()) {
			t.Errorf("Explain(%q) = %s, then %s", sql, e.JSON(), again.JSON())
		}
		if e.Plan == nil {
			return
		}
		if strings.Contains(e.Plan.String(), "\n") && !strings.Contains(string(sql), "\n") {
			t.Errorf("Plan(%q) takes several lines: %q", sql, e.Plan.String())
		}
		if e.Plan.Refuse != "" {
			return
		}
		switch p := e.Plan; {
		case p.Kind == KindInvalid:
			t.Errorf("Plan(%q) is of no kind and does not refuse", sql)
		case p.Kind == KindReadForUpdate && len(p.Keys) == 0:
			if len(p.Reads) != 1 {
				t.Errorf("Plan(%q) = %v without a table", sql, p)
			}
		case p.Kind == KindRead || p.Kind == KindReadForUpdate || p.Kind == KindWrite:
			if p.Table == nil || len(p.Keys) == 0 && !p.Selects {
				t.Errorf("Plan(%q) = %v without table or keys", sql, p)
			}
		case p.Kind == KindMove && len(p.Keys) != 2:
			t.Errorf("Plan(%q) = %v, want two keys", sql, p)
		case p.Kind == KindWriteByOther && (p.OtherColumn == "" || len(p.OtherValues) == 0):
			t.Errorf("Plan(%q) = %v without the other column", sql, p)
		}
	})
}
