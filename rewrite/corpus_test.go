package rewrite

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"sort"
	"strings"
	"testing"

	"github.com/dsmproxy/dsmproxy/internal/corpus"
)

// An entry is one statement of a corpus file, with what is expected of it.
type entry struct {
	file   string
	line   int
	expect string
	proto  string
	sql    []byte
	params []any
	mode   Mode
	tables []Table
}

func (e *entry) name() string { return fmt.Sprintf("%s:%d", e.file, e.line) }

// readCorpus reads a corpus file.
func readCorpus(t testing.TB, path string) (list []*entry) {
	t.Helper()
	entries, err := corpus.Read(path)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		list = append(list, &entry{file: e.File, line: e.Line, expect: e.Expect, proto: e.Proto, sql: e.SQL,
			params: e.Params, mode: ParseMode(e.Mode), tables: corpusTables(e.Config)})
	}
	return list
}

// corpusTables are the session tables of a corpus file.
func corpusTables(c *corpus.Config) (tables []Table) {
	for _, t := range c.Tables {
		table := Table{Schema: t.Schema, Name: t.Name, Key: t.Key, Surrogate: t.Surrogate, Columns: t.Columns,
			FoldCase: t.Fold}
		for _, s := range t.Secondary {
			table.Secondary = append(table.Secondary, Secondary(s))
		}
		tables = append(tables, table)
	}
	return tables
}

// jsonArgs are the parameters of a corpus entry.
type jsonArgs []any

func (a jsonArgs) Arg(i int) (text []byte, null, ok bool) {
	if i >= len(a) {
		return nil, false, false
	}
	switch v := a[i].(type) {
	case nil:
		return nil, true, true
	case string:
		return []byte(v), false, true
	case json.Number:
		return []byte(v), false, !strings.ContainsAny(string(v), ".eE")
	}
	return nil, false, false
}

// got writes an explanation as the corpus writes expectations.
func got(e *Explanation) string {
	if e.Statements != nil {
		var parts []string
		for _, s := range e.Statements {
			parts = append(parts, got(s))
		}
		return "multi [" + strings.Join(parts, "; ") + "]"
	}
	text := e.Kind
	if e.Error != "" {
		text = strings.TrimSpace(text + " refuse: " + e.Error)
	}
	switch p := e.Plan; {
	case p.Kind == KindMove && e.From+e.To != "":
		text += " from=" + quote(&e.From) + " to=" + quote(&e.To)
	case e.Name != "":
		text += " name=" + quote(&e.Name)
	case len(e.Keys) == 1:
		text += " key=" + quote(e.Keys[0])
	case len(e.Keys) > 1:
		var list []string
		for _, k := range e.Keys {
			list = append(list, quote(k))
		}
		text += " keys=[" + strings.Join(list, ",") + "]"
	}
	if e.Plan.Kind == KindWriteByOther {
		text += " " + e.Column + "=" + otherValues(e)
		if e.SetsKey != "" {
			text += " sets-key=" + quote(&e.SetsKey)
		}
	}
	if e.Plan.Kind == KindSessionState {
		for _, d := range strings.Split(e.Detail, ", ") {
			if d != "" {
				text += " " + d
			}
		}
	} else if e.Plan.Kind == KindEmpty {
		text += " (" + e.Detail + ")"
	} else if e.Detail != "" {
		for _, d := range strings.Split(e.Detail, ", ") {
			text += " (" + d + ")"
		}
	}
	if e.Plan.Kind == KindScatterRead && e.Column != "" {
		text += " (by other column " + e.Column + "=" + otherValues(e) + ")"
	}
	return text
}

func otherValues(e *Explanation) string {
	var list []string
	for _, v := range e.Values {
		list = append(list, quote(v))
	}
	if len(list) == 1 {
		return list[0]
	}
	return "[" + strings.Join(list, ",") + "]"
}

func quote(s *string) string {
	if s == nil {
		return "NULL"
	}
	return "'" + strings.NewReplacer(`\`, `\\`, `'`, `\'`).Replace(*s) + "'"
}

var (
	bareNumber = regexp.MustCompile(`(=|\[|,)(-?\d+)`)
	remarks    = regexp.MustCompile(` \((COM_[A-Z_]+)\)$`)
	details    = regexp.MustCompile(` \([^()]*\)`)
)

// normal brings an expectation to the form of got.
func normal(expect string) string {
	if strings.HasPrefix(expect, "session-state") {
		return remarks.ReplaceAllString(expect, "")
	}
	expect = strings.ReplaceAll(expect, "', '", "','")
	if !strings.Contains(expect, "refuse") && !strings.Contains(expect, "error 1065") {
		expect = bareNumber.ReplaceAllString(expect, "$1'$2'")
		expect = strings.Replace(expect, "key=AUTO", "key='AUTO'", 1)
	}
	return expect
}

// matches tells whether what was got is what is expected: the same kind and
// values, and all details that are expected.
func matches(expect, got string) bool {
	if strings.HasPrefix(expect, "multi") || strings.HasPrefix(got, "multi") {
		return expect == got
	}
	if expect == got || strings.Contains(expect, "refuse: ") && strings.HasPrefix(got+" ", expect+" ") {
		return true
	}
	strip := func(s string) string { return strings.TrimSpace(details.ReplaceAllString(s, "")) }
	if strings.HasPrefix(expect, "session-state") {
		for f := range strings.FieldsSeq(expect) {
			if !strings.Contains(" "+got+" ", " "+f+" ") {
				return false
			}
		}
		return strings.HasPrefix(got, "session-state") && !strings.Contains(got, "refuse")
	}
	if strip(expect) != strip(got) {
		return false
	}
	for _, d := range details.FindAllString(expect, -1) {
		if !strings.Contains(got, d) {
			return false
		}
	}
	return true
}

// wrong are expectations of the corpus that are not met, with the reason.
var wrong = map[string]string{
	"write-by-other-column user_id='u1'": "user_id is neither key nor surrogate; the corpus calls the same" +
		" statement of Drupal (uid), phpBB (session_user_id) and Tomcat (app) a broadcast-write," +
		" which is what happens either way: it runs on every store",
}

func TestCorpus(t *testing.T) { testCorpus(t, "testdata/corpus/*.sql") }

func TestMore(t *testing.T) { testCorpus(t, "testdata/more/*.sql") }

func testCorpus(t *testing.T, glob string) {
	files, err := filepath.Glob(glob)
	if err != nil || len(files) == 0 {
		t.Fatalf("no corpus at %s: %v", glob, err)
	}
	total, good := map[string]int{}, map[string]int{}
	for _, f := range files {
		var golden bytes.Buffer
		for _, e := range readCorpus(t, f) {
			if e.proto != "text" && e.proto != "prepared" {
				continue // a command, not SQL
			}
			p := NewPlanner(Options{Tables: e.tables})
			x := Explain(p, e.sql, "sess", e.mode, jsonArgs(e.params))
			kind, _, _ := strings.Cut(normal(e.expect), " ")
			total[kind]++
			have := got(x)
			switch {
			case matches(normal(e.expect), have):
				good[kind]++
			case wrong[e.expect] != "":
				t.Logf("%s: %s\n got  %s\n want %s\n held to be wrong: %s", e.name(), e.sql, have, e.expect, wrong[e.expect])
			default:
				t.Errorf("%s: %s\n got  %s\n want %s", e.name(), clip(e.sql), have, e.expect)
			}
			golden.WriteString(planLines(p, e))
		}
		name := strings.TrimSuffix(filepath.Base(f), ".sql")
		checkGolden(t, filepath.Join("testdata/plans", filepath.Base(filepath.Dir(f)), name+".txt"), golden.Bytes())
	}
	kinds := make([]string, 0, len(total))
	sum, sumGood := 0, 0
	for k, n := range total {
		kinds = append(kinds, k)
		sum += n
		sumGood += good[k]
	}
	sort.Strings(kinds)
	for _, k := range kinds {
		t.Logf("%-26s %3d of %3d", k, good[k], total[k])
	}
	t.Logf("%-26s %3d of %3d", "all", sumGood, sum)
}

// TestRefusals keeps all that is refused in the two corpora, sorted by reason, in
// one file.
func TestRefusals(t *testing.T) {
	files, err := filepath.Glob("testdata/[cm]or*/*.sql")
	if err != nil || len(files) == 0 {
		t.Fatal("no corpus", err)
	}
	var lines []string
	for _, f := range files {
		for _, e := range readCorpus(t, f) {
			if e.proto != "text" && e.proto != "prepared" {
				continue
			}
			var s Statement
			NewPlanner(Options{Tables: e.tables}).Plan(&s, e.sql, "sess", e.mode)
			if s.Plan.Refuse != "" && s.Plan.Computed == nil && !s.Plan.Selects && !s.Plan.Joins {
				lines = append(lines, fmt.Sprintf("%s\n    %s: %s\n", s.Plan.Refuse, s.Plan.Kind, clip(e.sql)))
			}
		}
	}
	sort.Strings(lines)
	checkGolden(t, "testdata/plans/refusals.txt", []byte(strings.Join(slices.Compact(lines), "")))
}

// planLines returns the plans of an entry, each behind its statement.
func planLines(p *Planner, e *entry) string {
	var b strings.Builder
	for _, text := range p.Split(e.sql, e.mode) {
		var s Statement
		p.Plan(&s, text, "sess", e.mode)
		fmt.Fprintf(&b, "%s\n    %s\n", clip(text), s.Plan)
	}
	return b.String()
}

func clip(sql []byte) string {
	text := strings.Join(strings.Fields(strings.ToValidUTF8(string(sql), "\ufffd")), " ")
	if len(text) > 300 {
		text = strings.ToValidUTF8(text[:300], "") + " ..."
	}
	return strings.ToValidUTF8(strings.ReplaceAll(text, "\x00", "\\0"), "")
}

// checkGolden compares text with a golden file, or writes that if
// UPDATE_GOLDEN is set.
func checkGolden(t *testing.T, path string, text []byte) {
	t.Helper()
	if os.Getenv("UPDATE_GOLDEN") != "" {
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, text, 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatalf("%v; UPDATE_GOLDEN=1 writes it", err)
	}
	if !bytes.Equal(text, want) {
		t.Errorf("%s differs (UPDATE_GOLDEN=1 rewrites it):\n%s", path, firstDifference(text, want))
	}
}

func firstDifference(got, want []byte) string {
	g, w := strings.Split(string(got), "\n"), strings.Split(string(want), "\n")
	for i := range g {
		if i >= len(w) || g[i] != w[i] {
			line := ""
			if i < len(w) {
				line = w[i]
			}
			return fmt.Sprintf("line %d\n got  %s\n want %s", i+1, g[i], line)
		}
	}
	return fmt.Sprintf("ends at line %d, want %d", len(g), len(w))
}
