package integration

import (
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"testing"

	"github.com/dsmproxy/dsmproxy/internal/mariadbtest"
)

// Which program is tested: one that is built now, with the race detector or
// without, or one that is there.
var (
	race  = flag.Bool("proxy-race", false, "build dsmproxy with the race detector")
	given = flag.String("proxy", "", "test this dsmproxy `program` and build none")
)

// servers is where servers are copied from; TestMain makes it.
var servers *mariadbtest.Installation

func TestMain(m *testing.M) {
	flag.Parse()
	os.Exit(testMain(m))
}

func testMain(m *testing.M) int {
	var err error
	if servers, err = mariadbtest.Install(); err != nil {
		fmt.Fprintln(os.Stderr, "integration:", err)
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
	args := []string{"build", "-o", path}
	if *race {
		args = append(args, "-race")
	}
	cmd := exec.Command("go", append(args, "../cmd/dsmproxy")...)
	if out, err := cmd.CombinedOutput(); err != nil {
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

// tool finds a client's program; one that is missing fails the test.
func tool(t testing.TB, names ...string) string {
	t.Helper()
	for _, name := range names {
		if path, err := exec.LookPath(name); err == nil {
			return path
		}
	}
	t.Fatalf("%s is not installed: run \"make test\" as root, which installs what the tests need", names[0])
	return ""
}
