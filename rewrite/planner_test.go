package rewrite

import (
	"bytes"
	"fmt"
	"strings"
	"sync"
	"testing"
)

func TestPlanIsAlwaysFound(t *testing.T) {
	p := NewPlanner(Options{Tables: []Table{{Name: "t", Key: "id"}}})
	var s Statement
	for _, c := range []struct {
		sql    string
		kind   Kind
		refuse bool
	}{
		{"", KindEmpty, false},
		{" /* x */ ; ", KindEmpty, false},
		{"SELECT 'x", KindInvalid, true},
		{"SELECT /*! /*! */ */", KindInvalid, true},
		{"SELECT \x00", KindInvalid, true},
		{"SELECT 1; SELECT 2", KindMulti, false},
	} {
		p.Plan(&s, []byte(c.sql), "", 0)
		if s.Plan.Kind != c.kind || (s.Plan.Refuse != "") != c.refuse {
			t.Errorf("Plan(%q) = %d, refuse %q", c.sql, s.Plan.Kind, s.Plan.Refuse)
		}
		if want := c.refuse && !strings.Contains(c.sql, "/*!"); s.Plan.Malformed != want {
			t.Errorf("Plan(%q): malformed = %t, want %t", c.sql, s.Plan.Malformed, want)
		}
		if string(s.Text) != c.sql {
			t.Errorf("Text = %q, want %q", s.Text, c.sql)
		}
	}
}

func TestPlansAreSharedByShape(t *testing.T) {
	p := NewPlanner(Options{Tables: []Table{{Name: "t", Key: "id"}}})
	plan := func(sql, db string, mode Mode) *Plan {
		var s Statement
		p.Plan(&s, []byte(sql), db, mode)
		return s.Plan
	}
	first := plan("SELECT data FROM t WHERE id = 'a'", "d", 0)
	for _, c := range []struct {
		name, sql, db string
		mode          Mode
		same          bool
	}{
		{"other key", "SELECT data FROM t WHERE id = 'b\\'c'", "d", 0, true},
		{"comments", "/* x */ SELECT data /* y */ FROM t WHERE id = 'b' -- z", "d", 0, true},
		{"semicolon", "SELECT data FROM t WHERE id = 'b';", "d", 0, true},
		{"other database", "SELECT data FROM t WHERE id = 'a'", "e", 0, true},
		{"other mode", "SELECT data FROM t WHERE id = 'a'", "d", ModeANSIQuotes, false},
		{"unsafe charset, ASCII", "SELECT data FROM t WHERE id = 'a'", "d", ModeUnsafeCharset, true},
		{"unsafe charset", "SELECT data FROM t WHERE id = '\x81'", "d", ModeUnsafeCharset, false},
		{"number", "SELECT data FROM t WHERE id = 1", "d", 0, false},
		{"hint", "SELECT /*+ x */ data FROM t WHERE id = 'a'", "d", 0, false},
	} {
		if same := plan(c.sql, c.db, c.mode) == first; same != c.same {
			t.Errorf("%s: same plan = %t, want %t", c.name, same, c.same)
		}
	}
	p.Forget()
	if plan("SELECT data FROM t WHERE id = 'a'", "d", 0) == first {
		t.Error("Forget left a plan")
	}
}

func TestDatabaseIsPartOfTheKey(t *testing.T) {
	columns := func(*Table, string) ([]string, bool) { return nil, false }
	for _, c := range []struct {
		name string
		o    Options
		want bool
	}{
		{"no schema", Options{Tables: []Table{{Name: "t", Key: "id"}}}, false},
		{"schema", Options{Tables: []Table{{Name: "t", Key: "id"}, {Schema: "s", Name: "u", Key: "id"}}}, true},
		{"asked columns", Options{Tables: []Table{{Name: "t", Key: "id"}}, Columns: columns}, true},
		{"known columns", Options{Tables: []Table{{Name: "t", Key: "id", Columns: []string{"id"}}}, Columns: columns}, false},
	} {
		p := NewPlanner(c.o)
		var a, b Statement
		p.Plan(&a, []byte("SELECT id FROM t WHERE id = 'a'"), "d", 0)
		p.Plan(&b, []byte("SELECT id FROM t WHERE id = 'a'"), "e", 0)
		if differ := a.Plan != b.Plan; differ != c.want {
			t.Errorf("%s: databases have plans of their own = %t, want %t", c.name, differ, c.want)
		}
	}
}

// In gbk, 0xbf5c is one character: the string ends behind it, and the second
// statement is within the next string.
func TestNothingIsCutInUnsafeCharsets(t *testing.T) {
	p := NewPlanner(Options{Tables: []Table{{Name: "t", Key: "id"}}})
	text := []byte("UPDATE t SET a = '\xbf\\', b = '; DELETE FROM t -- ' WHERE id = 'a'")
	var s Statement
	if p.Plan(&s, text, "", ModeUnsafeCharset); s.Plan.Kind == KindMulti || s.Plan.Refuse == "" {
		t.Errorf("plan = %v, want a refusal", s.Plan)
	}
	sweep := []byte("DELETE FROM t WHERE a < '\xbf\\'")
	if p.Plan(&s, append(sweep, "'"...), "", ModeUnsafeCharset); s.Plan.Refuse == "" {
		t.Errorf("plan = %v, want a refusal", s.Plan)
	}
	if pieces := p.Split(text, ModeUnsafeCharset); len(pieces) != 1 {
		t.Errorf("Split = %q, want one piece", pieces)
	}
	if p.Plan(&s, text, "", 0); s.Plan.Kind != KindMulti {
		t.Errorf("in a safe charset the kind is %v, want %v", s.Plan.Kind, KindMulti)
	}
}

func TestSystemSchemasHavePlansOfTheirOwn(t *testing.T) {
	p := NewPlanner(Options{Tables: []Table{{Name: "t", Key: "id"}}})
	var system, own Statement
	for _, db := range []string{"mysql", "Information_Schema", "performance_schema", "SYS"} {
		p.Plan(&system, []byte("SELECT id FROM t WHERE id = 'a'"), db, 0)
		p.Plan(&own, []byte("SELECT id FROM t WHERE id = 'a'"), "d", 0)
		if system.Plan == own.Plan || own.Plan.Kind != KindRead {
			t.Errorf("%s: plans are shared: %t; kind %d, want %d", db, system.Plan == own.Plan, own.Plan.Kind, KindRead)
		}
	}
}

func TestWideListsAreNotCached(t *testing.T) {
	p := NewPlanner(Options{Tables: []Table{{Name: "t", Key: "id"}}})
	var s Statement
	list := func(n int) *Plan {
		p.Plan(&s, []byte("SELECT data FROM t WHERE id IN ('a'"+strings.Repeat(",'b'", n-1)+")"), "", 0)
		return s.Plan
	}
	if list(maxCachedValues) != list(maxCachedValues) {
		t.Error("a list within the bound is not cached")
	}
	if list(maxCachedValues+1) == list(maxCachedValues+1) {
		t.Error("a list beyond the bound is cached")
	}
	list(10_000)
	if list(1); cap(s.literals) > maxKeptLiterals {
		t.Errorf("the statement keeps space for %d literals", cap(s.literals))
	}
}

func TestConcurrentPlans(t *testing.T) {
	p := NewPlanner(Options{Tables: []Table{{Name: "t", Key: "id"}}, CacheSize: 16})
	var wg sync.WaitGroup
	for g := range 8 {
		wg.Go(func() {
			var s Statement
			var key []byte
			for i := range 500 {
				id := fmt.Sprintf("g%di%d", g, i)
				sql := fmt.Sprintf("SELECT c%d FROM t WHERE id = '%s'", i%40, id)
				p.Plan(&s, []byte(sql), "", 0)
				key, _, _ = s.Append(key[:0], of(lit(0)), nil)
				if string(key) != id {
					t.Errorf("key = %q, want %q", key, id)
				}
				if i%100 == 0 {
					p.Forget()
				}
			}
		})
	}
	wg.Wait()
}

func TestCacheKeepsWhatIsHit(t *testing.T) {
	c := newCache(64)
	hot := []byte("hot")
	_, h := c.get(hot)
	c.put(hot, h, &Plan{Detail: "hot"})
	for i := range 10_000 {
		cold := fmt.Appendf(nil, "cold %d", i)
		_, h := c.get(cold)
		c.put(cold, h, &Plan{Detail: string(cold)})
		if p, _ := c.get(hot); p == nil || p.Detail != "hot" {
			t.Fatalf("after %d others, the plan that was always hit is gone", i)
		}
	}
	n := 0
	for i := range c.sets {
		for j := range c.sets[i].entries {
			if c.sets[i].entries[j].Load() != nil {
				n++
			}
		}
	}
	if n > 64 {
		t.Errorf("%d entries, want 64 at most", n)
	}
}

func TestCacheComparesShapes(t *testing.T) {
	c := newCache(8)
	a, b := &Plan{}, &Plan{}
	c.put([]byte("a"), 1, a)
	c.put([]byte("b"), 1, b)
	_, h := c.get([]byte("c"))
	c.put([]byte("c"), h, a)
	c.put([]byte("c"), h, b)
	if p, _ := c.get([]byte("c")); p != b {
		t.Error("a second put under a shape did not replace the first")
	}
	if p, _ := c.get([]byte("a")); p == b {
		t.Error("shapes with one hash share a plan")
	}
}

func FuzzPlan(f *testing.F) {
	f.Add([]byte("SELECT data FROM t WHERE id = 'a'; INSERT INTO t VALUES (1)"), uint8(0))
	f.Add([]byte("SET NAMES utf8 /*!40101 x */"), uint8(3))
	p := NewPlanner(Options{Tables: []Table{{Name: "t", Key: "id"}}, CacheSize: 64})
	f.Fuzz(func(t *testing.T, text []byte, m uint8) {
		var s Statement
		mode := Mode(m)
		p.Plan(&s, text, "d", mode)
		if s.Plan == nil {
			t.Fatalf("Plan(%q) is nil", text)
		}
		for _, v := range append(s.Plan.Keys, s.Plan.OtherValues...) {
			if _, null, ok := s.Append(nil, v, nil); null && !ok {
				t.Errorf("%q: null and not ok", text)
			}
		}
		if s.Plan.Kind != KindMulti {
			return
		}
		for _, piece := range p.Split(text, mode) {
			if p.Plan(&s, piece, "d", mode); s.Plan.Kind == KindMulti {
				t.Errorf("Split(%q) leaves %q in one piece", text, piece)
			}
		}
		if !bytes.Contains(text, []byte(";")) {
			t.Errorf("%q is several statements without a semicolon", text)
		}
	})
}
