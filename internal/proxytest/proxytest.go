// Package proxytest runs the built dsmproxy for tests: it builds the program
// once, writes its configuration, starts it before real servers and ends it
// with the test, and has the clients and waits that such tests share. It knows
// nothing of what is tested; packages integration and integration/compat call
// it.
package proxytest

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"os/exec"
	"path/filepath"
	"slices"
	"sync"
	"testing"

	"github.com/dsmproxy/dsmproxy/internal/mariadbtest"
)

// command is the package of the program under test.
const command = "github.com/dsmproxy/dsmproxy/cmd/dsmproxy"

// Options say which program is tested.
type Options struct {
	Program string // this one; "" builds one
	Race    bool   // build it with the race detector
}

// Suite is what the tests of one test binary share: the servers that stores are
// copied from, and the program under test. TestMain makes one. It is safe for
// concurrent use.
type Suite struct {
	Servers *mariadbtest.Installation

	program func() (string, error)
}

// New finds and prepares a server. The program is built when it is first used.
func New(o Options) (*Suite, error) {
	servers, err := mariadbtest.Install()
	if err != nil {
		return nil, err
	}
	s := &Suite{Servers: servers}
	s.program = sync.OnceValues(func() (string, error) { return s.build(o) })
	return s, nil
}

func (s *Suite) build(o Options) (string, error) {
	if o.Program != "" {
		return filepath.Abs(o.Program)
	}
	path := filepath.Join(s.Servers.Dir(), "dsmproxy")
	args := []string{"build", "-o", path}
	if o.Race {
		args = append(args, "-race")
	}
	if out, err := exec.Command("go", append(args, command)...).CombinedOutput(); err != nil {
		return "", fmt.Errorf("build dsmproxy: %w\n%s", err, out)
	}
	return path, nil
}

// Close removes the servers' data and the program.
func (s *Suite) Close() error { return s.Servers.Close() }

// Program is the path of the program under test.
func (s *Suite) Program(t testing.TB) string {
	t.Helper()
	path, err := s.program()
	if err != nil {
		t.Fatal(err)
	}
	return path
}

// Orders asks `dsmproxy route` for the stores of each key, in order, by a
// configuration file.
func (s *Suite) Orders(t testing.TB, config string, keys ...string) map[string][]string {
	t.Helper()
	return s.orders(t, []string{"-config", config}, keys)
}

// RunningOrders is Orders by what a running proxy knows of a table, asked for at
// its admin address.
func (s *Suite) RunningOrders(t testing.TB, admin, table string, keys ...string) map[string][]string {
	t.Helper()
	return s.orders(t, []string{"-admin", admin, "-table", table}, keys)
}

func (s *Suite) orders(t testing.TB, by, keys []string) map[string][]string {
	t.Helper()
	orders := make(map[string][]string, len(keys))
	for len(keys) > 0 {
		batch := keys[:min(len(keys), 500)]
		keys = keys[len(batch):]
		args := slices.Concat([]string{"route", "--json"}, by, []string{"--"}, batch)
		out, err := exec.Command(s.Program(t), args...).Output()
		if err != nil {
			t.Fatalf("dsmproxy route: %v\n%s", err, Stderr(err))
		}
		dec := json.NewDecoder(bytes.NewReader(out))
		for range batch {
			var line struct {
				ID    string   `json:"id"`
				Order []string `json:"order"`
			}
			if err := dec.Decode(&line); err != nil {
				t.Fatalf("dsmproxy route printed %q: %v", out, err)
			}
			orders[line.ID] = line.Order
		}
	}
	return orders
}

// Stderr is what a program wrote before it failed.
func Stderr(err error) string {
	if e, ok := errors.AsType[*exec.ExitError](err); ok {
		return string(e.Stderr)
	}
	return ""
}

// Tool finds a program by the first of its names that there is. One that is
// missing fails the test: tests never skip.
func Tool(t testing.TB, names ...string) string {
	t.Helper()
	for _, name := range names {
		if path, err := exec.LookPath(name); err == nil {
			return path
		}
	}
	t.Fatalf("%s is not installed: run \"make test\" as root, which installs what the tests need", names[0])
	return ""
}
