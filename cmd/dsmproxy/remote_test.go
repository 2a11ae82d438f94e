package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestRemoteWithoutConfig: who can't learn from a configuration where the proxy
// is, for a mistake in the very section, is told how to ask it all the same.
func TestRemoteWithoutConfig(t *testing.T) {
	config := filepath.Join(t.TempDir(), "dsmproxy.toml")
	if err := os.WriteFile(config, []byte("[admin]\nlissten = \"127.0.0.1:1\"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, command := range [][]string{{"status"}, {"reload"}, {"drain", "s1"}} {
		args := append([]string{command[0], "-config", config}, command[1:]...)
		code, out, errs := call("", args...)
		if code != 1 || out != "" || !strings.Contains(errs, "admin.lissten: unknown key") || !strings.Contains(errs, "-admin HOST:PORT") {
			t.Errorf("%q = %d, %q, %q", command, code, out, errs)
		}
	}
}
