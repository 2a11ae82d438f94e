package demo

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"sync"

	"github.com/dsmproxy/dsmproxy/internal/realstore"
)

// realStores are MariaDB or MySQL servers.
type realStores struct {
	program *realstore.Program
	names   []string
	servers map[string]*realstore.Server
}

// StartReal installs and starts servers of the MariaDB or MySQL that is
// installed. It touches no server that runs already.
func StartReal(ctx context.Context, o Options) (Stores, error) {
	program, err := realstore.Find(ctx)
	if err != nil {
		return nil, err
	}
	template := filepath.Join(o.Dir, "template")
	if err := program.Prepare(ctx, template); err != nil {
		return nil, errors.Join(err, os.RemoveAll(template))
	}
	s := &realStores{program: program, names: names(o.Count), servers: make(map[string]*realstore.Server)}
	var (
		all  sync.WaitGroup
		mu   sync.Mutex // guards errs and s.servers
		errs []error
	)
	for _, name := range s.names {
		all.Go(func() {
			server, err := realstore.Start(ctx, realstore.Options{
				Program: program, Template: template, Dir: filepath.Join(o.Dir, name),
				User: o.Account.User, Password: o.Account.Password,
			})
			mu.Lock()
			defer mu.Unlock()
			if err != nil {
				errs = append(errs, fmt.Errorf("%s: %w", name, err))
				return
			}
			s.servers[name] = server
		})
	}
	all.Wait()
	if len(errs) > 0 {
		return nil, errors.Join(append(errs, s.Close(), os.RemoveAll(template))...)
	}
	return s, os.RemoveAll(template)
}

var versionNumber = regexp.MustCompile(`\d+\.\d+\.\d+`)

// Fences implements Stores.
func (s *realStores) Fences() bool { return true }

func (s *realStores) Kind() string {
	product := "MySQL"
	if s.program.MariaDB {
		product = "MariaDB"
	}
	return fmt.Sprintf("%s %s, a process each", product, versionNumber.FindString(s.program.Version))
}

func (s *realStores) Names() []string { return s.names }

func (s *realStores) Addr(name string) string { return s.servers[name].Addr() }

func (s *realStores) Pid(name string) int { return s.servers[name].Pid() }

func (s *realStores) Kill(name string) (string, error) {
	pid := s.Pid(name)
	if err := s.servers[name].Kill(); err != nil {
		return "", err
	}
	return fmt.Sprintf("process %d got SIGKILL", pid), nil
}

func (s *realStores) Start(ctx context.Context, name string) error {
	if s.servers[name].Running() {
		return errors.New("the server is running")
	}
	return s.servers[name].Restart(ctx)
}

func (s *realStores) Close() error {
	var errs []error
	for _, server := range s.servers {
		errs = append(errs, server.Close())
	}
	return errors.Join(errs...)
}
