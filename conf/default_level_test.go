package conf

import (
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// defaultLevel marks where a page says what the default level is.
var defaultLevel = regexp.MustCompile("<!-- default level -->`([a-z]+)`")

// TestDefaultLevelInDocs holds what the docs and the sample say of the default
// level to DefaultLevel.
func TestDefaultLevelInDocs(t *testing.T) {
	sampleLevel := regexp.MustCompile(`(?m)^# level = "(seed|safe|strict)"$`)
	for _, f := range []struct {
		path     string
		pattern  *regexp.Regexp
		replaced string
	}{
		{samplePath, sampleLevel, `# level = "` + DefaultLevel + `"`},
		{"../README.md", defaultLevel, "<!-- default level -->`" + DefaultLevel + "`"},
		{"../docs/OPERATIONS.md", defaultLevel, "<!-- default level -->`" + DefaultLevel + "`"},
	} {
		text, err := os.ReadFile(f.path)
		if err != nil {
			t.Fatal(err)
		}
		found := f.pattern.FindAllStringSubmatch(string(text), -1)
		if len(found) == 0 {
			t.Errorf("%s does not say what the default level is", f.path)
		}
		if !slices.ContainsFunc(found, func(m []string) bool { return m[1] != DefaultLevel }) {
			continue
		}
		if os.Getenv("UPDATE_GOLDEN") != "1" {
			t.Errorf("%s: the default level is not %q: UPDATE_GOLDEN=1 go test ./conf", f.path, DefaultLevel)
			continue
		}
		if err := os.WriteFile(f.path, []byte(f.pattern.ReplaceAllString(string(text), f.replaced)), 0o644); err != nil {
			t.Fatal(err)
		}
	}
}

// TestLevelOfFewStores: a configuration that says nothing of consistency is
// taken at each level with any number of stores.
func TestLevelOfFewStores(t *testing.T) {
	for _, c := range []struct {
		level, stores, copies, witness string
		quorum                         string
	}{
		{"", "a", "1", "", ""},
		{"", "a b", "2", "", ""},
		{"", "a b c", "2", "", ""},
		{"safe", "a", "1", "", "auto"},
		{"safe", "a b", "2", "", "solo"},
		{"strict", "a b", "1", "", "solo"},
		{"safe", "a b", "2", "w", "auto"},
		{"safe", "a b c", "2", "", "auto"},
		{"seed", "a b", "2", "", "auto"},
	} {
		var b strings.Builder
		b.WriteString("copies = " + c.copies + "\n[[user]]\nname = \"app\"\npassword = \"x\"\n[[table]]\nname = \"sessions\"\nkey = \"id\"\n")
		if c.level != "" {
			b.WriteString("[consistency]\nlevel = \"" + c.level + "\"\n")
		}
		for _, name := range strings.Fields(c.stores) {
			b.WriteString("[[store]]\nname = \"" + name + "\"\naddr = \"" + name + "\"\n")
		}
		if c.witness != "" {
			b.WriteString("[[witness]]\nname = \"" + c.witness + "\"\naddr = \"" + c.witness + "\"\n")
		}
		got, err := Parse("dsmproxy.toml", []byte(b.String()))
		switch {
		case err != nil:
			t.Errorf("level %q, stores %s, witness %q: %v", c.level, c.stores, c.witness, err)
		case c.quorum != "" && got.Consistency.Quorum != c.quorum:
			t.Errorf("level %q, stores %s, witness %q: quorum %q, want %q", c.level, c.stores, c.witness, got.Consistency.Quorum, c.quorum)
		case c.level == "" && got.Consistency.Level != DefaultLevel:
			t.Errorf("without a level it is %q, want %q", got.Consistency.Level, DefaultLevel)
		}
	}
}
