// Package deploy_test tests what is released: its bytes, its Debian package and
// the files beside it.
package deploy_test

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
)

// The sources as a tarball has them: without a repository.
var origin = []string{"VERSION=v1.2.3", "COMMIT=0123456789abcdef0123456789abcdef01234567", "SOURCE_DATE_EPOCH=1700000000"}

// copySources copies what a build needs to dir.
func copySources(dir string) error {
	for _, name := range []string{
		"go.mod", "go.sum", "LICENSE", "README.md", "CHANGELOG.md", "dsmproxy.toml",
		"cmd", "conf", "deploy", "docs", "internal", "protocol", "rewrite", "router",
	} {
		if out, err := exec.Command("cp", "-R", filepath.Join("..", name), dir).CombinedOutput(); err != nil {
			return fmt.Errorf("copy %s: %w\n%s", name, err, out)
		}
	}
	return nil
}

// release builds a release of Linux on amd64 from sources of its own in dir, and
// returns its directory.
func release(dir string, env ...string) (string, error) {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return "", err
	}
	if err := copySources(dir); err != nil {
		return "", err
	}
	out := filepath.Join(dir, "out")
	cmd := exec.Command(filepath.Join(dir, "deploy", "release"), out, "linux/amd64")
	cmd.Env = append(append(os.Environ(), origin...), env...)
	if b, err := cmd.CombinedOutput(); err != nil {
		return "", fmt.Errorf("release: %w\n%s", err, b)
	}
	return out, nil
}

// TestReproducible builds the same sources in two places, at two times, under
// two umasks and languages.
func TestReproducible(t *testing.T) {
	// Once, before both compile it.
	if err := build(filepath.Join(t.TempDir(), "dsmproxy")); err != nil {
		t.Fatal(err)
	}
	dirs := []string{filepath.Join(t.TempDir(), "a"), filepath.Join(t.TempDir(), "another", "place")}
	var second string
	var failed error
	var wg sync.WaitGroup
	wg.Go(func() {
		second, failed = release(dirs[1], "TZ=Asia/Tokyo", "LANG=de_DE.UTF-8", "GOFLAGS=-buildvcs=true")
	})
	first, err := release(dirs[0])
	wg.Wait()
	if err := errors.Join(err, failed); err != nil {
		t.Fatal(err)
	}
	names := []string{"SHA256SUMS", "dsmproxy-v1.2.3-linux-amd64.tar.gz", "dsmproxy_1.2.3_amd64.deb"}
	for _, dir := range []string{first, second} {
		entries, err := os.ReadDir(dir)
		if err != nil {
			t.Fatal(err)
		}
		var got []string
		for _, e := range entries {
			got = append(got, e.Name())
		}
		if !slices.Equal(got, names) {
			t.Fatalf("released: %q, want %q", got, names)
		}
	}
	for _, name := range names {
		a, err := os.ReadFile(filepath.Join(first, name))
		b, err2 := os.ReadFile(filepath.Join(second, name))
		if err := errors.Join(err, err2); err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(a, b) {
			t.Errorf("%s differs between two builds", name)
		}
	}
	t.Run("sums", func(t *testing.T) { testSums(t, first) })
	t.Run("tarball", func(t *testing.T) { testTarball(t, filepath.Join(first, names[1])) })
	t.Run("package", func(t *testing.T) { testPackage(t, filepath.Join(first, names[2])) })
}

// testSums: the file of sums names each other file, rightly.
func testSums(t *testing.T, dir string) {
	sums, err := os.ReadFile(filepath.Join(dir, "SHA256SUMS"))
	if err != nil {
		t.Fatal(err)
	}
	lines := strings.Split(strings.TrimSpace(string(sums)), "\n")
	if len(lines) != 2 {
		t.Errorf("sums of %d files, want 2", len(lines))
	}
	for _, line := range lines {
		want, name, _ := strings.Cut(line, "  ")
		b, err := os.ReadFile(filepath.Join(dir, name))
		if err != nil {
			t.Fatal(err)
		}
		if got := sha256.Sum256(b); hex.EncodeToString(got[:]) != want {
			t.Errorf("wrong sum of %s", name)
		}
	}
}

// testTarball unpacks the tarball and runs the program in it.
func testTarball(t *testing.T, file string) {
	f, err := os.Open(file)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	z, err := gzip.NewReader(f)
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	program := filepath.Join(t.TempDir(), "dsmproxy")
	for r := tar.NewReader(z); ; {
		h, err := r.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		if h.Uid != 0 || h.Gid != 0 || h.ModTime.Unix() != 1700000000 || h.Mode&0o022 != 0 {
			t.Errorf("%s: owner %d:%d, time %v, mode %o", h.Name, h.Uid, h.Gid, h.ModTime, h.Mode)
		}
		name := strings.TrimPrefix(h.Name, "dsmproxy-v1.2.3-linux-amd64/")
		names = append(names, name)
		if name == "dsmproxy" {
			b, err := io.ReadAll(r)
			if err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(program, b, 0o755); err != nil {
				t.Fatal(err)
			}
		}
	}
	for _, want := range []string{"dsmproxy", "dsmproxy.1", "dsmproxy.toml", "dsmproxy.service", "dsmproxy.socket", "dsmproxy.rules.yaml", "grafana.json", "LICENSE", "README.md",
		"docs/ARCHITECTURE.md", "completion.bash", "completion.zsh", "completion.fish"} {
		if !slices.Contains(names, want) {
			t.Errorf("the tarball has no %s: %q", want, names)
		}
	}
	out, err := exec.Command(program, "version").CombinedOutput()
	if want := "dsmproxy v1.2.3 commit 0123456789ab go"; err != nil || !strings.HasPrefix(string(out), want) {
		t.Errorf("version: %q, %v, want %q ...", out, err, want)
	}
}

// testPackage looks at what is in the Debian package.
func testPackage(t *testing.T, file string) {
	dir := t.TempDir()
	dpkg := func(args ...string) string {
		t.Helper()
		out, err := exec.Command("dpkg-deb", args...).CombinedOutput()
		if err != nil {
			t.Fatalf("dpkg-deb %q: %v\n%s", args, err, out)
		}
		return string(out)
	}
	if got := dpkg("-f", file, "Package", "Version", "Architecture"); got != "Package: dsmproxy\nVersion: 1.2.3\nArchitecture: amd64\n" {
		t.Errorf("control fields: %s", got)
	}
	dpkg("-R", file, dir)
	conf, err := os.Stat(filepath.Join(dir, "etc/dsmproxy/dsmproxy.toml"))
	if err != nil || conf.Mode().Perm() != 0o640 {
		t.Errorf("configuration: %v, %v, want mode 0640", conf, err)
	}
	for _, script := range []string{"postinst", "prerm", "postrm"} {
		if out, err := exec.Command("sh", "-n", filepath.Join(dir, "DEBIAN", script)).CombinedOutput(); err != nil {
			t.Errorf("%s: %v\n%s", script, err, out)
		}
	}
	out, err := exec.Command("sh", "-c", fmt.Sprintf("cd %s && md5sum -c DEBIAN/md5sums", dir)).CombinedOutput()
	if err != nil {
		t.Errorf("sums: %v\n%s", err, out)
	}
}

// TestOrigin: the version of a tree that is not as it was committed says so, also
// for a file that git does not know.
func TestOrigin(t *testing.T) {
	dir := t.TempDir()
	run := func(name string, args ...string) string {
		t.Helper()
		cmd := exec.Command(name, args...)
		cmd.Dir = dir
		cmd.Env = append(os.Environ(), "VERSION=", "COMMIT=", "SOURCE_DATE_EPOCH=", "GIT_CONFIG_GLOBAL=/dev/null",
			"GIT_AUTHOR_NAME=a", "GIT_AUTHOR_EMAIL=a@b", "GIT_COMMITTER_NAME=a", "GIT_COMMITTER_EMAIL=a@b")
		out, err := cmd.Output()
		if err != nil {
			t.Fatalf("%s %q: %v", name, args, err)
		}
		return string(out)
	}
	if err := os.Mkdir(filepath.Join(dir, "deploy"), 0o755); err != nil {
		t.Fatal(err)
	}
	script, err := filepath.Abs("origin")
	if err != nil {
		t.Fatal(err)
	}
	run("cp", script, "deploy/")
	run("git", "init", "-q")
	run("git", "add", ".")
	run("git", "commit", "-q", "-m", "first")
	commit := strings.TrimSpace(run("git", "rev-parse", "HEAD"))
	want := func(version, suffix string) {
		t.Helper()
		got := run("deploy/origin")
		if !strings.HasPrefix(got, "VERSION="+version) || !strings.Contains(got, " COMMIT="+commit+suffix+" ") {
			t.Errorf("%s, want version %s and commit %s%s", got, version, commit, suffix)
		}
		if strings.Contains(got, "-dirty") != (suffix != "") {
			t.Errorf("%s: says whether the tree was changed wrongly", got)
		}
	}
	want("0.0.0", "")
	run("git", "tag", "v1.2.3")
	want("v1.2.3", "")
	run("touch", "more.go")
	want("v1.2.3-dirty", "-modified")
	run("git", "add", ".")
	want("v1.2.3-dirty", "-modified")
}
