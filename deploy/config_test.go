package deploy_test

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// TestConfigurations: the program takes the configurations that containers are
// given. The one of Kubernetes names a file of a secret, which is laid there.
func TestConfigurations(t *testing.T) {
	program := filepath.Join(t.TempDir(), "dsmproxy")
	if err := build(program); err != nil {
		t.Fatal(err)
	}
	read := func(file string) string {
		b, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		return string(b)
	}
	manifest := read("kubernetes/dsmproxy.yaml")
	_, rest, _ := strings.Cut(manifest, "  dsmproxy.toml: |\n")
	block, _, ok := strings.Cut(rest, "\n---\n")
	if !ok {
		t.Fatal("the manifest holds no dsmproxy.toml")
	}
	dir := t.TempDir()
	for _, name := range []string{"app.password", "admin.password"} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte("secret"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	for name, text := range map[string]string{
		"docker":     read("docker/dsmproxy.toml"),
		"kubernetes": strings.ReplaceAll(strings.ReplaceAll(block, "\n    ", "\n"), "/etc/dsmproxy/secret/", ""),
	} {
		file := filepath.Join(dir, name+".toml")
		if err := os.WriteFile(file, []byte(strings.TrimPrefix(text, "    ")), 0o600); err != nil {
			t.Fatal(err)
		}
		out, err := exec.Command(program, "check", "-config", file).CombinedOutput()
		if err != nil || !strings.Contains(string(out), "4 stores") {
			t.Errorf("%s: %v\n%s", name, err, out)
		}
	}
}

// build builds the program as make does, so that what is compiled already
// serves here, and what is compiled here serves the releases.
func build(program string) error {
	cmd := exec.Command("go", "build", "-trimpath", "-ldflags", "-s -w", "-o", program, "../cmd/dsmproxy")
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("%w\n%s", err, out)
	}
	return nil
}

// TestUnit: systemd starts the program with the configuration that the package
// installs, and the packaged files are where the unit looks.
func TestUnit(t *testing.T) {
	unit, err := os.ReadFile("systemd/dsmproxy.service")
	if err != nil {
		t.Fatal(err)
	}
	for _, line := range []string{
		"Type=notify", "User=dsmproxy", "ExecStart=/usr/bin/dsmproxy serve -config /etc/dsmproxy/dsmproxy.toml",
		"NoNewPrivileges=yes", "CapabilityBoundingSet=", "ProtectSystem=strict",
	} {
		if !strings.Contains(string(unit), "\n"+line+"\n") {
			t.Errorf("the unit has no line %q", line)
		}
	}
}
