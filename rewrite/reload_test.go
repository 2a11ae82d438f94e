package rewrite

import (
	"sync"
	"testing"
)

// TestSetTables: a table that comes is routed, one that goes is not any more,
// whatever plans were cached.
func TestSetTables(t *testing.T) {
	p := NewPlanner(Options{Tables: []Table{{Name: "old", Key: "id"}}})
	kind := func(table string) Kind {
		var s Statement
		p.Plan(&s, []byte("SELECT data FROM "+table+" WHERE id = 'k'"), "app", 0)
		return s.Plan.Kind
	}
	for range 2 { // made, and cached
		if kind("old") != KindRead || kind("young") != KindOtherTable {
			t.Fatalf("old is %v, young is %v", kind("old"), kind("young"))
		}
	}
	if n := p.Made(); n != 2 {
		t.Errorf("Made() = %d, want 2", n)
	}
	p.SetTables([]Table{{Schema: "app", Name: "young", Key: "id"}})
	if kind("old") != KindOtherTable || kind("young") != KindRead {
		t.Errorf("after SetTables old is %v, young is %v", kind("old"), kind("young"))
	}
}

func TestSetTablesWhilePlanning(t *testing.T) {
	p := NewPlanner(Options{})
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			var s Statement
			for range 2000 {
				if p.Plan(&s, []byte("SELECT data FROM a WHERE id = 'k'"), "", 0); s.Plan.Kind == KindRead != (s.Plan.Table != nil) {
					t.Errorf("a plan of two minds: %v", s.Plan)
				}
			}
		})
	}
	for i := range 200 {
		p.SetTables([]Table{{Name: string(rune('a' + i%2)), Key: "id"}})
	}
	wg.Wait()
}
