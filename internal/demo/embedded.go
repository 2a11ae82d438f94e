package demo

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"time"
)

// embeddedStores are the stores of one dsmproxy-embedded process, which is
// controlled over its standard input and ends when that is closed.
type embeddedStores struct {
	cmd    *exec.Cmd
	in     io.WriteCloser
	out    *bufio.Scanner
	stderr *strings.Builder
	names  []string
	addrs  map[string]string
	down   map[string]bool
}

// StartEmbedded starts embedded stores.
func StartEmbedded(ctx context.Context, o Options) (Stores, error) {
	path, err := findEmbedded(o.Embedded)
	if err != nil {
		return nil, err
	}
	s := &embeddedStores{
		stderr: new(strings.Builder), names: names(o.Count),
		addrs: make(map[string]string), down: make(map[string]bool),
	}
	s.cmd = exec.Command(path, "-count", fmt.Sprint(o.Count))
	s.cmd.Env = append(os.Environ(),
		"DSMPROXY_EMBEDDED_USER="+o.Account.User, "DSMPROXY_EMBEDDED_PASSWORD="+o.Account.Password)
	s.cmd.Stderr = s.stderr
	// A Ctrl-C in the terminal must not end the stores before the proxy.
	s.cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	if s.in, err = s.cmd.StdinPipe(); err != nil {
		return nil, err
	}
	out, err := s.cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	s.out = bufio.NewScanner(out)
	if err := s.cmd.Start(); err != nil {
		return nil, err
	}
	stop := context.AfterFunc(ctx, func() { s.in.Close() })
	err = s.readStart()
	if !stop() {
		err = ctx.Err()
	}
	if err != nil {
		return nil, errors.Join(err, s.Close())
	}
	return s, nil
}

// findEmbedded returns the path of the program: the one that was given, or the
// first that is found.
func findEmbedded(given string) (string, error) {
	if given != "" {
		return exec.LookPath(given)
	}
	if path, err := exec.LookPath(besideThis(embeddedName)); err == nil {
		return path, nil
	}
	path, err := exec.LookPath(embeddedName)
	if err != nil {
		return "", fmt.Errorf("%s is neither beside this program nor in PATH", embeddedName)
	}
	return path, nil
}

// readStart reads "store NAME ADDR" lines until "ready".
func (s *embeddedStores) readStart() error {
	for {
		line, err := s.read()
		if err != nil {
			return err
		}
		if line == "ready" {
			break
		}
		words := strings.Fields(line)
		if len(words) != 3 || words[0] != "store" {
			return fmt.Errorf("%s: unexpected line %q", s.cmd.Path, line)
		}
		s.addrs[words[1]] = words[2]
	}
	if len(s.addrs) != len(s.names) {
		return fmt.Errorf("%s started %d stores instead of %d", s.cmd.Path, len(s.addrs), len(s.names))
	}
	return nil
}

func (s *embeddedStores) read() (string, error) {
	if s.out.Scan() {
		return s.out.Text(), nil
	}
	return "", fmt.Errorf("%s has ended", s.cmd.Path)
}

// do sends a command and reads its answer.
func (s *embeddedStores) do(command, name string) error {
	if _, err := fmt.Fprintf(s.in, "%s %s\n", command, name); err != nil {
		return fmt.Errorf("%s has ended: %w", s.cmd.Path, err)
	}
	answer, err := s.read()
	if err != nil {
		return err
	}
	if text, failed := strings.CutPrefix(answer, "error "); failed {
		return errors.New(text)
	}
	return nil
}

func (s *embeddedStores) Kind() string {
	return fmt.Sprintf("embedded, in memory, all in process %d", s.cmd.Process.Pid)
}

// Fences implements Stores: they have neither row locks nor tables that a restart
// empties, by which proxies are told apart there.
func (s *embeddedStores) Fences() bool { return false }

func (s *embeddedStores) Names() []string { return s.names }

func (s *embeddedStores) Addr(name string) string { return s.addrs[name] }

func (s *embeddedStores) Pid(name string) int {
	if s.down[name] {
		return 0
	}
	return s.cmd.Process.Pid
}

func (s *embeddedStores) Kill(name string) (string, error) {
	if err := s.do("kill", name); err != nil {
		return "", err
	}
	s.down[name] = true
	return "its port is closed and its connections are cut", nil
}

func (s *embeddedStores) Start(_ context.Context, name string) error {
	err := s.do("start", name)
	s.down[name] = s.down[name] && err != nil
	return err
}

// endTime is how long the process may take to end by itself.
const endTime = 5 * time.Second

func (s *embeddedStores) Close() error {
	s.in.Close()
	kill := time.AfterFunc(endTime, func() { s.cmd.Process.Kill() })
	defer kill.Stop()
	for s.out.Scan() { // Wait closes the pipe
	}
	if err := s.cmd.Wait(); err != nil {
		return fmt.Errorf("%s: %w %s", s.cmd.Path, err, s.stderr)
	}
	return nil
}
