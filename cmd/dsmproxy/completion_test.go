package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// TestDescribe: each command describes itself, and each of its flags.
func TestDescribe(t *testing.T) {
	list, err := describe(table())
	if err != nil {
		t.Fatal(err)
	}
	if len(list) != len(table()) {
		t.Fatalf("%d descriptions of %d commands", len(list), len(table()))
	}
	for _, d := range list {
		if d.summary == "" || d.about == "" || strings.Contains(d.about, "\n  -") {
			t.Errorf("%s: %+v", d.name, d)
		}
		code, help, _ := call("", d.name, "-h")
		if code != 0 {
			t.Errorf("%s -h = %d", d.name, code)
		}
		for _, f := range d.flags {
			if f.usage == "" || !strings.Contains(help, "\n  -"+f.name) {
				t.Errorf("%s -%s: usage %q, help:\n%s", d.name, f.name, f.usage, help)
			}
		}
		if n := strings.Count(help, "\n  -"); n < len(d.flags) {
			t.Errorf("%s: %d flags described, help:\n%s", d.name, len(d.flags), help)
		}
	}
}

// TestCompletion: the script of each shell holds each command and each flag.
func TestCompletion(t *testing.T) {
	list, err := describe(table())
	if err != nil {
		t.Fatal(err)
	}
	for _, shell := range shells {
		code, script, stderr := call("", "completion", shell)
		if code != 0 || stderr != "" {
			t.Fatalf("completion %s = %d, %s", shell, code, stderr)
		}
		for _, d := range list {
			if !strings.Contains(script, d.name) {
				t.Errorf("%s: no command %s", shell, d.name)
			}
			for _, f := range d.flags {
				flag := "-" + f.name
				if shell == "fish" {
					flag = "-o " + f.name
				}
				if !strings.Contains(script, flag) {
					t.Errorf("%s: no flag %s of %s", shell, flag, d.name)
				}
			}
		}
	}
	if code, _, stderr := call("", "completion", "tcsh"); code != 2 || !strings.Contains(stderr, "bash, zsh, fish") {
		t.Errorf("an unknown shell: %d, %s", code, stderr)
	}
	if code, _, _ := call("", "completion"); code != 2 {
		t.Errorf("no shell: %d, want 2", code)
	}
}

// TestBashCompletion has bash complete command lines.
func TestBashCompletion(t *testing.T) {
	_, script, _ := call("", "completion", "bash")
	file := filepath.Join(t.TempDir(), "completion")
	if err := os.WriteFile(file, []byte(script), 0o600); err != nil {
		t.Fatal(err)
	}
	complete := func(words ...string) []string {
		quoted := make([]string, len(words))
		for i, w := range words {
			quoted[i] = quoteShell(w)
		}
		cmd := exec.Command("bash", "--norc", "-uc", ". \"$0\"; COMP_WORDS=("+strings.Join(quoted, " ")+
			"); COMP_CWORD=$((${#COMP_WORDS[@]} - 1)); _dsmproxy; printf '%s\\n' \"${COMPREPLY[@]-}\"", file)
		out, err := cmd.CombinedOutput()
		if err != nil {
			t.Fatalf("complete %q: %v\n%s", words, err, out)
		}
		return strings.Fields(string(out))
	}
	for _, c := range []struct {
		line []string
		want []string
	}{
		{[]string{"dsmproxy", "com"}, []string{"completion"}},
		{[]string{"dsmproxy", "vers"}, []string{"version"}},
		{[]string{"dsmproxy", "route", "-pl"}, []string{"-placement"}},
		{[]string{"dsmproxy", "route", "-placement", ""}, nil},
		{[]string{"dsmproxy", "check", "-config", "-"}, nil}, // a file
		{[]string{"dsmproxy", "completion", "z"}, []string{"zsh"}},
		{[]string{"dsmproxy", "explain", "SEL"}, nil},
	} {
		if got := complete(c.line...); !slices.Equal(got, c.want) {
			t.Errorf("%q completes to %q, want %q", c.line, got, c.want)
		}
	}
	if got := complete("dsmproxy", ""); len(got) != len(table())+1 {
		t.Errorf("nothing completes to %q, want all commands and help", got)
	}
}

// TestMan: the manual page has each command and each flag, and no line that
// roff would take for a request it does not know.
func TestMan(t *testing.T) {
	code, page, stderr := call("", "man")
	if code != 0 || stderr != "" {
		t.Fatalf("man = %d, %s", code, stderr)
	}
	list, err := describe(table())
	if err != nil {
		t.Fatal(err)
	}
	for _, d := range list {
		if !strings.Contains(page, ".SS "+roff(d.name)+"\n") {
			t.Errorf("no section of %s", d.name)
		}
		for _, f := range d.flags {
			if !strings.Contains(page, "\n.B "+roff("-"+f.name)) {
				t.Errorf("no flag -%s of %s", f.name, d.name)
			}
		}
	}
	requests := []string{".TH", ".SH", ".SS", ".PP", ".TP", ".B", ".I", ".BR", ".RI", ".nf", ".fi", ".br"}
	for _, line := range strings.Split(page, "\n") {
		if word, _, _ := strings.Cut(line, " "); strings.HasPrefix(line, ".") && !slices.Contains(requests, word) {
			t.Errorf("a line that roff takes for a request: %q", line)
		}
	}
}
