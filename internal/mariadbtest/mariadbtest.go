// Package mariadbtest starts real MariaDB or MySQL servers for tests and ends
// them with the test. It is a thin layer over package realstore; tests that
// kill and restart servers use the [realstore.Server] they get.
package mariadbtest

import (
	"context"
	"errors"
	"flag"
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

// readyTimeout is how long a server may take to start: many start at once.
const readyTimeout = 3 * time.Minute

// given is the server that the tests are asked to use.
var given = flag.String("mysqld", "", "test with this MySQL or MariaDB server `program`, not with the one that is installed")

// Installation is a server program and an empty database that servers are
// copied from. A test binary makes one in TestMain. It is safe for concurrent
// use.
type Installation struct {
	program *realstore.Program
	dir     string

	mu    sync.Mutex  // guards what follows
	count int         // of servers started
	idle  []*instance // for the tests to come
}

// Install finds a server, or takes the one that the flag -mysqld names, and
// installs an empty database in a temporary directory. Its error says how to
// install what is missing. It parses the flags if nobody has.
func Install() (*Installation, error) {
	if !flag.Parsed() {
		flag.Parse()
	}
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Minute)
	defer cancel()
	var names []string
	if *given != "" {
		path, err := filepath.Abs(*given)
		if err != nil {
			return nil, err
		}
		names = append(names, path)
	}
	program, err := realstore.Find(ctx, names...)
	if err != nil && *given != "" {
		return nil, fmt.Errorf("-mysqld %s: %w", *given, err)
	}
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

// Main runs a test binary's tests with an Installation of its own, which it
// keeps in *in, and returns what TestMain is to exit with.
func Main(m *testing.M, in **Installation) (code int) {
	installed, err := Install()
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	*in = installed
	code = m.Run()
	if err := installed.Close(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	return code
}

// Version is what the server program says of itself.
func (in *Installation) Version() string { return in.program.Version }

// MariaDB reports whether the servers are MariaDB's, not MySQL's.
func (in *Installation) MariaDB() bool { return in.program.MariaDB }

// Program is the path of the server program.
func (in *Installation) Program() string { return in.program.Path }

// Dir is a directory for the whole test binary; Close removes it.
func (in *Installation) Dir() string { return in.dir }

// Close ends the servers that are idle and removes the directory, and with it
// all servers' data.
func (in *Installation) Close() error {
	in.mu.Lock()
	defer in.mu.Unlock()
	var errs []error
	for _, s := range in.idle {
		errs = append(errs, s.Close())
	}
	in.idle = nil
	return errors.Join(append(errs, os.RemoveAll(in.dir))...)
}

// Start returns n servers that are empty, with further options for each, which
// are the test's until it ends (pool.go). If the test has failed, it logs the
// errors in their logs.
func (in *Installation) Start(t testing.TB, n int, args ...string) []*realstore.Server {
	t.Helper()
	key := strings.Join(args, "\x00")
	all := append(make([]*instance, 0, n), in.take(key, n)...)
	reused := len(all)
	all = all[:n]
	errs := make([]error, n)
	var wg sync.WaitGroup
	for i := reused; i < n; i++ {
		o := realstore.Options{
			Program:      in.program,
			Template:     filepath.Join(in.dir, "template"),
			Dir:          filepath.Join(in.dir, strconv.Itoa(in.next())),
			User:         User,
			Password:     Password,
			Args:         args,
			ReadyTimeout: readyTimeout,
		}
		wg.Go(func() { all[i], errs[i] = in.start(o, key) })
	}
	wg.Wait()
	servers := make([]*realstore.Server, n)
	for i, s := range all {
		if s == nil {
			continue
		}
		servers[i] = s.Server
		t.Cleanup(func() { in.giveBack(t, i, s) })
	}
	if err := errors.Join(errs...); err != nil {
		t.Fatal(err)
	}
	return servers
}

// giveBack ends the test's use of server i of its servers.
func (in *Installation) giveBack(t testing.TB, i int, s *instance) {
	if t.Failed() {
		for line := range strings.Lines(s.LogTail(1000)) {
			if strings.Contains(line, "[ERROR]") {
				t.Logf("server %d (%s): %s", i, s.Addr(), line)
			}
		}
	} else if s.reset() == nil && in.keep(s) {
		return
	}
	if err := s.Close(); err != nil {
		t.Errorf("close server %d: %v", i, err)
	}
}

func (in *Installation) next() int {
	in.mu.Lock()
	defer in.mu.Unlock()
	in.count++
	return in.count
}
