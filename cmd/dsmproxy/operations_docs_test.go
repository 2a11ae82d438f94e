package main

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// logged finds the messages that the program logs for operators: constants that
// are the first argument of a logger's Info, Warn or Error, or follow the level
// where it is one.
func logged(t *testing.T) map[string]string {
	t.Helper()
	messages := make(map[string]string)
	for _, root := range []string{"cmd", "protocol", "router", "internal/admin", "internal/metrics"} {
		err := filepath.WalkDir(filepath.Join("../..", root), func(path string, d fs.DirEntry, err error) error {
			switch {
			case err != nil:
				return err
			case d.IsDir() && d.Name() == "testdata":
				return fs.SkipDir
			case !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go"):
				return nil
			}
			file, err := parser.ParseFile(token.NewFileSet(), path, nil, 0)
			if err != nil {
				return err
			}
			ast.Inspect(file, func(n ast.Node) bool {
				if call, ok := n.(*ast.CallExpr); ok {
					if message, level := logCall(call); message != "" {
						messages[message] = level
					}
				}
				return true
			})
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	return messages
}

// logCall is the message and the level of a call that logs; "" if it does not.
func logCall(call *ast.CallExpr) (message, level string) {
	f, ok := call.Fun.(*ast.SelectorExpr)
	if !ok {
		return "", ""
	}
	text := func(e ast.Expr) string {
		if lit, ok := e.(*ast.BasicLit); ok && lit.Kind == token.STRING {
			s, _ := strconv.Unquote(lit.Value)
			return s
		}
		return ""
	}
	name := func(e ast.Expr) string {
		switch e := e.(type) {
		case *ast.Ident:
			return e.Name
		case *ast.SelectorExpr:
			return e.Sel.Name
		}
		return ""
	}
	if slices.Contains([]string{"Info", "Warn", "Error"}, f.Sel.Name) && strings.EqualFold(name(f.X), "log") && len(call.Args) > 0 {
		return text(call.Args[0]), strings.ToLower(f.Sel.Name)
	}
	for i, arg := range call.Args {
		if level, ok := strings.CutPrefix(name(arg), "Level"); ok && i+1 < len(call.Args) && strings.EqualFold(f.Sel.Name, "log") {
			return text(call.Args[i+1]), strings.ToLower(level)
		}
	}
	return "", ""
}

var logRow = regexp.MustCompile("(?m)^\\| `([^`]+)` \\| (info|warn|error)[^|]* \\| .+ \\| .+ \\|$")

// TestOperationsDocs: docs/OPERATIONS.md explains each line of the log, and no
// other, at its level.
func TestOperationsDocs(t *testing.T) {
	doc, err := os.ReadFile("../../docs/OPERATIONS.md")
	if err != nil {
		t.Fatal(err)
	}
	explained := make(map[string]string)
	for _, m := range logRow.FindAllStringSubmatch(string(doc), -1) {
		explained[m[1]] = m[2]
	}
	messages := logged(t)
	if len(messages) < 20 {
		t.Fatalf("only %d messages found: %q", len(messages), slices.Sorted(maps.Keys(messages)))
	}
	for _, message := range slices.Sorted(maps.Keys(messages)) {
		if explained[message] == "" {
			t.Errorf("docs/OPERATIONS.md does not explain the log's line %q (%s)", message, messages[message])
		}
	}
	for _, message := range slices.Sorted(maps.Keys(explained)) {
		if messages[message] == "" {
			t.Errorf("docs/OPERATIONS.md explains %q, which nobody logs", message)
		}
	}
}
