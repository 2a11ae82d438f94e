// Package mariadbtest starts real MariaDB or MySQL servers for tests and ends
// them with the test. It is a thin layer over package realstore; tests that
// kill and restart servers use the [realstore.Server] they get.
package mariadbtest

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/dsmproxy/dsmproxy/internal/realstore"
)

// User and Password are the account with all rights on each server.
const (
	User     = "app"
	Password = "secret"
)

// Installation is a server program and an empty database that servers are
// copied from. A test binary makes one in TestMain. It is safe for concurrent
// use.
type Installation struct {
	program *realstore.Program
	dir     string

	mu    sync.Mutex // guards count
	count int        // of servers started
}

// Install finds a server and installs an empty database in a temporary
// directory. Its error says how to install what is missing.
func Install() (*Installation, error) {
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Minute)
	defer cancel()
	program, err := realstore.Find(ctx)
	if errors.Is(err, realstore.ErrNotInstalled) {
		return nil, fmt.Errorf("%w: run \"make test\" as root, which installs what the tests need, or install mariadb-server", err)
	}
	if err != nil {
		return nil, err
	}
	dir, err := os.MkdirTemp("", "dsmproxy-test-")
	if err != nil {
		return nil, err
	}
	if err := program.Prepare(ctx, filepath.Join(dir, "template")); err != nil {
		os.RemoveAll(dir)
		return nil, err
	}
	return &Installation{program: program, dir: dir}, nil
}

// Version is what the server program says of itself.
func (in *Installation) Version() string { return in.program.Version }

// Dir is a directory for the whole test binary; Close removes it.
func (in *Installation) Dir() string { return in.dir }

// Close removes the directory, and with it all servers' data.
func (in *Installation) Close() error { return os.RemoveAll(in.dir) }

// Start starts n servers at once, with further options for each, and ends them
// with the test. If the test has failed, it logs the errors in their logs.
func (in *Installation) Start(t testing.TB, n int, args ...string) []*realstore.Server {
	t.Helper()
	servers := make([]*realstore.Server, n)
	errs := make([]error, n)
	var wg sync.WaitGroup
	for i := range n {
		o := realstore.Options{
			Program:  in.program,
			Template: filepath.Join(in.dir, "template"),
			Dir:      filepath.Join(in.dir, strconv.Itoa(in.next())),
			User:     User,
			Password: Password,
			Args:     args,
		}
		wg.Go(func() { servers[i], errs[i] = realstore.Start(context.Background(), o) })
	}
	wg.Wait()
	for i, s := range servers {
		if s == nil {
			continue
		}
		t.Cleanup(func() {
			if t.Failed() {
				for line := range strings.Lines(s.LogTail(1000)) {
					if strings.Contains(line, "[ERROR]") {
						t.Logf("server %d (%s): %s", i, s.Addr(), line)
					}
				}
			}
			if err := s.Close(); err != nil {
				t.Errorf("close server %d: %v", i, err)
			}
		})
	}
	if err := errors.Join(errs...); err != nil {
		t.Fatal(err)
	}
	return servers
}

func (in *Installation) next() int {
	in.mu.Lock()
	defer in.mu.Unlock()
	in.count++
	return in.count
}
