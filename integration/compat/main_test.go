//go:build compat

package compat

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/dsmproxy/dsmproxy/internal/mariadbtest"
)

var given = flag.String("proxy", "", "test this dsmproxy `program` and build none")

// servers is where servers are copied from; TestMain makes it.
var servers *mariadbtest.Installation

func TestMain(m *testing.M) {
	flag.Parse()
	os.Exit(testMain(m))
}

func testMain(m *testing.M) int {
	var err error
	if servers, err = mariadbtest.Install(); err != nil {
		fmt.Fprintln(os.Stderr, "compat:", err)
		return 1
	}
	defer servers.Close()
	return m.Run()
}

// program builds dsmproxy once and returns the program's path.
var program = sync.OnceValues(func() (string, error) {
	if *given != "" {
		return filepath.Abs(*given)
	}
	path := filepath.Join(servers.Dir(), "dsmproxy")
	out, err := exec.Command("go", "build", "-o", path, "../../cmd/dsmproxy").CombinedOutput()
	if err != nil {
		return "", fmt.Errorf("build dsmproxy: %w\n%s", err, out)
	}
	return path, nil
})

// dsmproxy is the path of the built program.
func dsmproxy(t testing.TB) string {
	t.Helper()
	path, err := program()
	if err != nil {
		t.Fatal(err)
	}
	return path
}

// tool finds a program; one that is missing fails the test.
func tool(t testing.TB, name string) string {
	t.Helper()
	path, err := exec.LookPath(name)
	if err != nil {
		t.Fatalf("%s is not installed: run \"make compat\" as root, which installs what the tests need", name)
	}
	return path
}

// within is a context for work that ends in limit.
func within(t testing.TB, limit time.Duration) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), limit)
	t.Cleanup(cancel)
	return ctx
}
