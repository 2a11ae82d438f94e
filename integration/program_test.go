package integration

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// restOfConfig is a configuration but for its listen and copies.
const restOfConfig = `
[consistency]
level = "seed"

[[user]]
name = "app"
password = "secret"

[[store]]
name = "s1"
addr = "127.0.0.1:1"

[[store]]
name = "s2"
addr = "127.0.0.1:2"

[[table]]
name = "sessions"
key = "id"
`

func writeConfig(t *testing.T, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "dsmproxy.toml")
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// runDsmproxy runs the program to its end and returns what it printed and its
// exit status.
func runDsmproxy(t *testing.T, args ...string) (string, int) {
	t.Helper()
	cmd := exec.Command(suite.Program(t), args...)
	timer := time.AfterFunc(time.Minute, func() { cmd.Process.Kill() })
	defer timer.Stop()
	out, err := cmd.CombinedOutput()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		t.Fatal(err)
	}
	return string(out), cmd.ProcessState.ExitCode()
}

// TestExitStatus of the commands that need no store.
func TestExitStatus(t *testing.T) {
	good := writeConfig(t, "listen = \"127.0.0.1:3306\"\ncopies = 2\n"+restOfConfig)
	bad := writeConfig(t, "listen = \"127.0.0.1:3306\"\ncopies = 9\nnonesuch = 1\n"+restOfConfig+"colour = \"red\"\n")
	for _, c := range []struct {
		name string
		args []string
		code int
		says []string
	}{
		{"good config", []string{"check", "-config", good}, 0, []string{"ok"}},
		{"bad config", []string{"check", "-config", bad}, 1, []string{":2:", "copies", ":3:", "nonesuch", "colour"}},
		{"no config", []string{"check", "-config", good + ".none"}, 1, []string{good + ".none"}},
		{"serve with a bad config", []string{"serve", "-config", bad}, 1, []string{"copies", "nonesuch", "colour"}},
		{"unknown flag", []string{"check", "-colour"}, 2, []string{"colour"}},
		{"unknown command", []string{"dance"}, 2, []string{"dance"}},
		{"no command", nil, 2, []string{"serve", "check", "route"}},
		{"help", []string{"-h"}, 0, []string{"serve", "check", "route"}},
		{"help of a command", []string{"check", "-h"}, 0, []string{"-config"}},
		{"version", []string{"version"}, 0, []string{"dsmproxy"}},
		{"route", []string{"route", "-config", good, "abc"}, 0, []string{"abc", "s1", "s2"}},
		{"route without a config", []string{"route", "-placement", "php", "-stores", "7", "abc"}, 0, []string{"abc"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			out, code := runDsmproxy(t, c.args...)
			if code != c.code {
				t.Errorf("dsmproxy %s: exit status %d, want %d\n%s", strings.Join(c.args, " "), code, c.code, out)
			}
			for _, want := range c.says {
				if !strings.Contains(out, want) {
					t.Errorf("dsmproxy %s: %q is not in %q", strings.Join(c.args, " "), want, out)
				}
			}
		})
	}
}
