package archtest

import (
	"fmt"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path"
	"slices"
	"strconv"
	"strings"
	"testing"
	"testing/fstest"
)

const module = "github.com/dsmproxy/dsmproxy"

// mayImport says which packages of the module each package may import, as
// path.Match patterns. A package that is not here may not exist. Tests are free
// of it, but for conf.
var mayImport = map[string][]string{
	"cmd/dsmproxy":      {"*", "*/*"},
	"conf":              {},
	"protocol":          {},
	"rewrite":           {},
	"router":            {"rewrite", "protocol", "router/*"},
	"router/placement":  {},
	"router/meter":      {},
	"router/store":      {"protocol", "router/meter"},
	"router/merge":      {"protocol"},
	"router/view":       {},
	"router/fence":      {"router/view", "router/placement"},
	"router/ledger":     {"router/fence", "router/view", "router/store", "protocol"},
	"router/replica":    {"router/store", "router/placement", "router/merge", "router/fence", "router/ledger", "protocol"},
	"internal/*":        {"rewrite", "protocol", "router", "router/*", "internal/*"},
	"integration":       {"internal/*"},
	"integration/bench": {"internal/*", "router/store", "protocol"},
}

// fences says which packages alone may import a third-party module, tests
// aside. A module that is not here is free to all.
var fences = map[string][]string{
	"github.com/pingcap/tidb/pkg/parser":  {"rewrite"},
	"github.com/go-mysql-org/go-mysql":    {"protocol", "router/store"},
	"github.com/BurntSushi/toml":          {"conf"},
	"github.com/klauspost/compress":       {"protocol"},
	"github.com/prometheus/client_golang": {"internal/metrics"},
	"github.com/go-sql-driver/mysql":      {"cmd/dsmproxy", "internal/*", "integration", "integration/*"},
}

// badNames say nothing of what a package is about.
var badNames = []string{"util", "utils", "common", "pkg", "types", "helper", "helpers", "misc", "base", "lib"}

// violations lists what in the module's sources breaks the rules.
func violations(root fs.FS) ([]string, error) {
	var found []string
	err := fs.WalkDir(root, ".", func(name string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() {
			return enter(root, name)
		}
		if !strings.HasSuffix(name, ".go") {
			return nil
		}
		src, err := fs.ReadFile(root, name)
		if err != nil {
			return err
		}
		f, err := parser.ParseFile(token.NewFileSet(), name, src, parser.ImportsOnly)
		if err != nil {
			return err
		}
		for _, bad := range []string{f.Name.Name, path.Base(path.Dir(name))} {
			if slices.Contains(badNames, strings.TrimSuffix(bad, "_test")) {
				found = append(found, fmt.Sprintf("%s: %q is no name for a package", name, bad))
				break
			}
		}
		for _, spec := range f.Imports {
			imported, err := strconv.Unquote(spec.Path.Value)
			if err != nil {
				return err
			}
			if why := checkImport(name, imported); why != "" {
				found = append(found, fmt.Sprintf("%s: %s", name, why))
			}
		}
		return nil
	})
	return found, err
}

// enter skips what is no part of the module: testdata, hidden directories, and
// modules of their own.
func enter(root fs.FS, dir string) error {
	if dir == "." {
		return nil
	}
	base := path.Base(dir)
	if base == "testdata" || base == "node_modules" || strings.HasPrefix(base, ".") || strings.HasPrefix(base, "_") {
		return fs.SkipDir
	}
	if _, err := fs.Stat(root, path.Join(dir, "go.mod")); err == nil {
		return fs.SkipDir
	}
	return nil
}

// checkImport says what is wrong with a file's import; "" if nothing is.
func checkImport(file, imported string) string {
	dir := path.Dir(file)
	test := strings.HasSuffix(file, "_test.go")
	inside, own := strings.CutPrefix(imported, module+"/")
	if !own {
		for fenced, homes := range fences {
			if (imported == fenced || strings.HasPrefix(imported, fenced+"/")) && !test && !matches(homes, dir) {
				return fmt.Sprintf("imports %s, which only %s may", imported, strings.Join(homes, ", "))
			}
		}
		return ""
	}
	switch allowed, known := rule(dir); {
	case inside == "conf" && dir != "cmd/dsmproxy" && dir != "conf":
		return "imports conf, which only cmd/dsmproxy may"
	case test:
		return ""
	case !known:
		return fmt.Sprintf("no rule says what %s may import", dir)
	case !matches(allowed, inside):
		return fmt.Sprintf("imports %s, but %s may import only %q", inside, dir, allowed)
	}
	return ""
}

// rule finds what a package may import.
func rule(dir string) (allowed []string, known bool) {
	for pattern, allowed := range mayImport {
		if ok, _ := path.Match(pattern, dir); ok {
			return allowed, true
		}
	}
	return nil, false
}

func matches(patterns []string, name string) bool {
	return slices.ContainsFunc(patterns, func(pattern string) bool {
		ok, _ := path.Match(pattern, name)
		return ok
	})
}

func TestImports(t *testing.T) {
	root := os.DirFS("../..")
	if _, err := fs.Stat(root, "go.mod"); err != nil {
		t.Fatalf("the module's root is not where it should be: %v", err)
	}
	found, err := violations(root)
	if err != nil {
		t.Fatal(err)
	}
	for _, v := range found {
		t.Error(v)
	}
}

// TestRulesCatch feeds the rules a tree that breaks each of them.
func TestRulesCatch(t *testing.T) {
	file := func(pkg string, imports ...string) *fstest.MapFile {
		src := "package " + pkg + "\n"
		for _, i := range imports {
			src += fmt.Sprintf("import _ %q\n", i)
		}
		return &fstest.MapFile{Data: []byte(src)}
	}
	tree := fstest.MapFS{
		"go.mod":                        {Data: []byte("module " + module)},
		"cmd/dsmproxy/main.go":          file("main", module+"/conf", module+"/router/store", "fmt"),
		"rewrite/ok.go":                 file("rewrite", "github.com/pingcap/tidb/pkg/parser/ast"),
		"rewrite/ok_test.go":            file("rewrite", module+"/router/placement", "github.com/go-sql-driver/mysql"),
		"router/ok.go":                  file("router", module+"/rewrite", module+"/router/replica"),
		"router/testdata/any.go":        file("any", module+"/conf"),
		"integration/embedded/go.mod":   {Data: []byte("module embedded")},
		"integration/embedded/main.go":  file("main", "github.com/pingcap/tidb/pkg/parser"),
		"conf/leaf.go":                  file("conf", module+"/protocol"),
		"protocol/up.go":                file("protocol", module+"/router"),
		"protocol/conf_test.go":         file("protocol", module+"/conf"),
		"router/parser.go":              file("router", "github.com/pingcap/tidb/pkg/parser"),
		"router/replica/plan.go":        file("replica", module+"/rewrite"),
		"router/merge/store.go":         file("merge", module+"/router/store"),
		"router/placement/wire.go":      file("placement", "github.com/go-mysql-org/go-mysql/mysql"),
		"router/store/toml.go":          file("store", "github.com/BurntSushi/toml"),
		"router/store/driver.go":        file("store", "github.com/go-sql-driver/mysql"),
		"internal/util/strings.go":      file("util"),
		"internal/admin/helper_test.go": file("helper_test"),
		"stray/stray.go":                file("stray", module+"/protocol"),
	}
	found, err := violations(tree)
	if err != nil {
		t.Fatal(err)
	}
	want := []string{
		"conf/leaf.go", "internal/admin/helper_test.go", "internal/util/strings.go", "protocol/conf_test.go", "protocol/up.go",
		"router/merge/store.go", "router/parser.go", "router/placement/wire.go", "router/replica/plan.go",
		"router/store/driver.go", "router/store/toml.go", "stray/stray.go",
	}
	var got []string
	for _, v := range found {
		name, _, _ := strings.Cut(v, ":")
		got = append(got, name)
	}
	slices.Sort(got)
	if !slices.Equal(got, want) {
		t.Errorf("violations are found in\n%q, want\n%q:\n%s", got, want, strings.Join(found, "\n"))
	}
}
