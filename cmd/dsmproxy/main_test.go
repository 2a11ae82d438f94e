package main

import (
	"context"
	"database/sql"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"testing"

	"github.com/dsmproxy/dsmproxy/internal/mariadbtest"
	"github.com/dsmproxy/dsmproxy/internal/realstore"
)

// shared is what the tests of this package share, made when it is first asked
// for: an installation that servers are copied from, and the built programs.
var shared struct {
	servers  func() (*mariadbtest.Installation, error)
	programs func() (string, error)
}

func TestMain(m *testing.M) {
	flag.Parse()
	flag.Set("test.parallel", "4") // the tests wait more than they compute
	dir, err := os.MkdirTemp("", "dsmproxy-test-bin-")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	var in *mariadbtest.Installation
	shared.servers = sync.OnceValues(func() (*mariadbtest.Installation, error) {
		var err error
		in, err = mariadbtest.Install()
		return in, err
	})
	shared.programs = sync.OnceValues(func() (string, error) { return dir, buildPrograms(dir) })
	code := m.Run()
	if in != nil {
		in.Close()
	}
	os.RemoveAll(dir)
	os.Exit(code)
}

// buildPrograms builds both programs as make does, which shares the compiled
// packages with it.
func buildPrograms(dir string) error {
	for name, module := range map[string]string{"dsmproxy": ".", "dsmproxy-embedded": "../../integration/embedded"} {
		cmd := exec.Command("go", "build", "-trimpath", "-ldflags", "-s -w", "-o", filepath.Join(dir, name), ".")
		cmd.Dir = module
		cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
		if out, err := cmd.CombinedOutput(); err != nil {
			return fmt.Errorf("build %s: %w\n%s", name, err, out)
		}
	}
	return nil
}

// programs is the directory with the built dsmproxy and dsmproxy-embedded.
func programs(t *testing.T) string {
	t.Helper()
	dir, err := shared.programs()
	if err != nil {
		t.Fatal(err)
	}
	return dir
}

// startServers starts servers for one test, with statements carried out at each.
func startServers(t *testing.T, n int, statements ...string) []*realstore.Server {
	t.Helper()
	in, err := shared.servers()
	if err != nil {
		t.Fatal(err)
	}
	list := in.Start(t, n, "--innodb-flush-log-at-trx-commit=1", "--max-connections=300")
	for _, s := range list {
		db, err := sql.Open("mysql", s.DSN(""))
		if err != nil {
			t.Fatal(err)
		}
		for _, one := range statements {
			if _, err := db.ExecContext(context.Background(), one); err != nil {
				t.Fatalf("%s: %v", one, err)
			}
		}
		db.Close()
	}
	return list
}
