package rewrite

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"path/filepath"
	"reflect"
	"testing"
)

// other returns the text of l with other contents in its literals, of the same
// kinds.
func other(l *lexed, rnd *rand.Rand) []byte {
	strs := []string{"''", "'x'", "'a''b'", `'a\\b'`, "'0'", "'abc'", "'%'", "'id'", "'\xff\xa0'", "'2026-01-01'"}
	kinds := map[tokenKind][]string{
		tokString: strs, tokNumber: {"0", "1", "2", "007", "18446744073709551615"},
		tokDecimal: {"0.0", "1.5", ".5", "1e3"}, tokHex: {"x''", "0x61", "x'6162'"},
		tokBit: {"b'1'", "0b0"},
	}
	var text []byte
	end := int32(0)
	for _, lit := range l.literals {
		text = append(text, l.text[end:lit.start]...)
		list := kinds[lit.kind]
		text = append(text, list[rnd.IntN(len(list))]...)
		end = lit.end
	}
	return append(text, l.text[end:]...)
}

// rawPlan is a Plan that prints all it has.
type rawPlan Plan

// TestPlansDependOnShapesOnly holds analyze to what the cache relies on: a
// plan that may be kept is right for each statement of its shape. Bytes of the
// statement that a plan keeps would change under it.
func TestPlansDependOnShapesOnly(t *testing.T) {
	files, err := filepath.Glob("testdata/corpus/*.sql")
	if err != nil || len(files) == 0 {
		t.Fatal("no corpus", err)
	}
	rnd := rand.New(rand.NewPCG(5, 6))
	compared := 0
	for _, file := range files {
		for _, e := range readCorpus(t, file) {
			o := Options{Tables: e.tables}
			var l lexed
			text := bytes.Clone(e.sql)
			lex(&l, text, e.mode)
			if l.err != "" || l.multi || len(l.tokens) == 0 {
				continue
			}
			plan, cacheable := analyze(&l, "", e.mode, &o)
			printed := fmt.Sprintf("%+v", rawPlan(*plan))
			for range 20 {
				var m lexed
				lex(&m, other(&l, rnd), e.mode)
				if !bytes.Equal(m.shape, l.shape) {
					if !l.verbatim && !l.execComments {
						t.Errorf("%s: shape of %q = %q, want %q", e.name(), m.text, m.shape, l.shape)
					}
					continue
				}
				again, cacheableToo := analyze(&m, "", e.mode, &o)
				compared++
				if cacheable != cacheableToo {
					t.Errorf("%s: cacheable = %t, but for %q it is %t", e.name(), cacheable, m.text, cacheableToo)
				}
				if cacheable && !reflect.DeepEqual(plan, again) {
					t.Errorf("%s: plans of one shape differ:\n%q\n%+v\n%q\n%+v", e.name(), e.sql, rawPlan(*plan), m.text, rawPlan(*again))
				}
			}
			clear(text)
			if now := fmt.Sprintf("%+v", rawPlan(*plan)); now != printed {
				t.Errorf("%s: the plan holds bytes of the statement:\n%s\n%s", e.name(), printed, now)
			}
		}
	}
	if compared < 5_000 {
		t.Errorf("compared %d plans only", compared)
	}
}
