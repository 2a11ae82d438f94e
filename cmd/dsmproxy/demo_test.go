package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/dsmproxy/dsmproxy/conf"
)

// kinds are the stores that the demo is tested with.
var kinds = []string{"embedded", "real"}

// TestDemo runs the demo as its own process, as a newcomer does: what it must
// leave behind is nothing.
func TestDemo(t *testing.T) {
	t.Parallel()
	bin := programs(t)
	for _, kind := range kinds {
		run := func(name string, test func(t *testing.T)) {
			t.Run(kind+"/"+name, func(t *testing.T) {
				t.Parallel()
				test(t)
			})
		}
		run("a session outlives its store", func(t *testing.T) { testScript(t, bin, kind) })
		run("a script that fails", func(t *testing.T) { testScriptFails(t, bin, kind) })
		for _, end := range []string{"interrupt", "terminate", "quit", "end of input", "killed"} {
			run(end, func(t *testing.T) { testEnd(t, bin, kind, end) })
		}
		for _, after := range []time.Duration{50, 300, 700, 1200} {
			after *= time.Millisecond
			run("interrupt at start after "+after.String(), func(t *testing.T) { testInterruptAtStart(t, bin, kind, after) })
		}
	}
	t.Run("in the background", func(t *testing.T) {
		t.Parallel()
		testBackground(t, bin)
	})
	t.Run("auto without a server", func(t *testing.T) {
		t.Parallel()
		testAuto(t, bin)
	})
}

// demoProcess is a demo that runs with a temporary directory of its own.
type demoProcess struct {
	t      *testing.T
	cmd    *exec.Cmd
	tmp    string
	in     io.WriteCloser
	out    *bufio.Reader
	stderr *os.File
	seen   strings.Builder
}

func startDemoProcess(t *testing.T, bin, kind string, args ...string) *demoProcess {
	t.Helper()
	return startDemoEnv(t, nil, bin, kind, args...)
}

// startDemoEnv adds to the environment.
func startDemoEnv(t *testing.T, env []string, bin, kind string, args ...string) *demoProcess {
	t.Helper()
	d := &demoProcess{t: t, tmp: t.TempDir()}
	d.cmd = exec.Command(filepath.Join(bin, "dsmproxy"), append([]string{"demo", "-stores", kind, "-listen", "127.0.0.1:0"}, args...)...)
	d.cmd.Env = append(append(os.Environ(), "TMPDIR="+d.tmp), env...)
	d.cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	var err error
	if d.stderr, err = os.CreateTemp(t.TempDir(), "stderr"); err != nil {
		t.Fatal(err)
	}
	d.cmd.Stderr = d.stderr
	if d.in, err = d.cmd.StdinPipe(); err != nil {
		t.Fatal(err)
	}
	out, err := d.cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	d.out = bufio.NewReader(out)
	if err := d.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	// SIGQUIT has it print where it hangs.
	hang := time.AfterFunc(5*time.Minute, func() { d.cmd.Process.Signal(syscall.SIGQUIT) })
	t.Cleanup(func() {
		if hang.Stop() && d.cmd.ProcessState == nil {
			d.cmd.Process.Kill()
			d.cmd.Wait()
		}
		d.stderr.Close()
	})
	return d
}

// read returns what is printed up to a text, and that.
func (d *demoProcess) read(until string) string {
	d.t.Helper()
	var got strings.Builder
	for !strings.Contains(got.String(), until) {
		line, err := d.out.ReadString('\n')
		got.WriteString(line)
		d.seen.WriteString(line)
		if err != nil {
			d.t.Fatalf("the demo ended (%v) before it printed %q:\n%s%s", err, until, d.seen.String(), d.errors())
		}
	}
	return got.String()
}

func (d *demoProcess) errors() string {
	b, err := os.ReadFile(d.stderr.Name())
	if err != nil {
		d.t.Fatal(err)
	}
	return string(b)
}

// pids are the processes of the stores, from the status command.
func (d *demoProcess) pids() (list []int) {
	d.t.Helper()
	fmt.Fprintln(d.in, "status")
	for _, m := range regexp.MustCompile(`process (\d+)\n`).FindAllStringSubmatch(d.read("proxy "), -1) {
		pid, err := strconv.Atoi(m[1])
		if err != nil {
			d.t.Fatal(err)
		}
		if !slices.Contains(list, pid) {
			list = append(list, pid)
		}
	}
	if len(list) == 0 {
		d.t.Fatal("status names no process")
	}
	return list
}

// wait waits for the end of the demo and checks that nothing is left.
func (d *demoProcess) wait(code int, pids []int) {
	d.t.Helper()
	rest, err := io.ReadAll(d.out)
	if err != nil {
		d.t.Error(err)
	}
	d.seen.Write(rest)
	err = d.cmd.Wait()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		d.t.Fatal(err)
	}
	if got := d.cmd.ProcessState.ExitCode(); got != code {
		d.t.Errorf("exit %d, want %d:\n%s%s", got, code, d.seen.String(), d.errors())
	}
	gone(d.t, pids)
	if left, err := os.ReadDir(d.tmp); err != nil || len(left) > 0 {
		d.t.Errorf("left in the temporary directory: %v, %v", left, err)
	}
}

// gone waits until the processes are no more.
func gone(t *testing.T, pids []int) {
	t.Helper()
	deadline := time.Now().Add(30 * time.Second)
	for _, pid := range pids {
		for !errors.Is(syscall.Kill(pid, 0), syscall.ESRCH) {
			// A zombie counts as gone: whoever adopted it need not have reaped it.
			if stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid)); err == nil && strings.Contains(string(stat), ") Z ") {
				break
			}
			if time.Now().After(deadline) {
				t.Fatalf("process %d lives on", pid)
			}
			time.Sleep(10 * time.Millisecond)
		}
	}
}

func testScript(t *testing.T, bin, kind string) {
	// The order of the stores for this ID is PHP's: it is the same everywhere.
	d := startDemoProcess(t, bin, kind, "-script", `
		put visitor-1 it's alive
		expect visitor-1 is on s3 and s1
		kill s3
		get visitor-1
		expect it's alive
		wait down s3
		get visitor-1
		expect it's alive
		put visitor-1 changed
		expect visitor-1 is on s1 and s2
		where visitor-1
		expect visitor-1: s3 (down), s1 (holds it), s2 (holds it), s4 (-)
		status
		expect s3     down
		kill s3
		expect error
		start s3
		expect what it had when it died: 1 record
		wait up s3
		status
		expect s3     up
		put visitor-1 again
		get visitor-1
		expect again
		sql BEGIN
		sql UPDATE sessions SET data = 'undone' WHERE id = 'visitor-1'
		sql ROLLBACK
		sql SELECT data FROM sessions WHERE id = 'visitor-1'
		expect again
		get nobody
		expect there is no session nobody`)
	d.wait(0, nil)
}

func testScriptFails(t *testing.T, bin, kind string) {
	d := startDemoProcess(t, bin, kind, "-count", "2", "-script", "put a b; get a; expect c; put never reached")
	d.wait(1, nil)
	if out := d.seen.String(); strings.Contains(out, "reached") || !strings.Contains(out, `expected "c" in the last output: "b"`) {
		t.Errorf("the script printed:\n%s", out)
	}
}

func testEnd(t *testing.T, bin, kind, end string) {
	d := startDemoProcess(t, bin, kind, "-count", "2")
	d.read("Other commands")
	pids := d.pids()
	// A store that is down must not be in the way.
	fmt.Fprintln(d.in, "kill s2")
	d.read("s2 is dead")
	switch end {
	case "interrupt":
		// To the whole group, as a terminal does it.
		syscall.Kill(-d.cmd.Process.Pid, syscall.SIGINT)
	case "terminate":
		d.cmd.Process.Signal(syscall.SIGTERM)
	case "quit":
		fmt.Fprintln(d.in, "quit")
	case "end of input":
		d.in.Close()
	case "killed":
		d.cmd.Process.Kill()
		d.cmd.Wait()
		gone(t, pids)
		return
	}
	d.wait(0, pids)
}

// Whatever is being installed or started at that moment must go as well.
func testInterruptAtStart(t *testing.T, bin, kind string, after time.Duration) {
	d := startDemoProcess(t, bin, kind)
	for !strings.Contains(d.errors(), "starting") {
		time.Sleep(time.Millisecond)
	}
	time.Sleep(after)
	d.cmd.Process.Signal(syscall.SIGINT)
	d.wait(0, nil)
}

func testBackground(t *testing.T, bin string) {
	d := startDemoProcess(t, bin, "embedded")
	d.in.Close() // as with </dev/null
	banner := d.read("running until SIGINT or SIGTERM")
	m := regexp.MustCompile(`@tcp\((\S+)\)/app`).FindStringSubmatch(banner)
	if m == nil {
		t.Fatalf("no DSN in:\n%s", banner)
	}
	c, err := net.Dial("tcp", m[1])
	if err != nil {
		t.Fatal(err)
	}
	c.Close()
	d.cmd.Process.Signal(syscall.SIGTERM)
	d.wait(0, nil)
}

// Where a server is found that does not work, the embedded stores serve.
func testAuto(t *testing.T, bin string) {
	path := t.TempDir()
	broken := "#!/bin/sh\necho 'no server' >&2\nexit 1\n"
	for _, name := range []string{"mariadbd", "mysqld"} {
		if err := os.WriteFile(filepath.Join(path, name), []byte(broken), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	d := startDemoEnv(t, []string{"PATH=" + path + ":" + os.Getenv("PATH")}, bin, "auto", "-count", "2", "-script", "put a b; get a; expect b")
	d.wait(0, nil)
	if !strings.Contains(d.seen.String(), "embedded") || !strings.Contains(d.errors(), "no real servers") {
		t.Errorf("the demo printed:\n%s%s", d.seen.String(), d.errors())
	}
}

// TestDemoNotReady: stores that don't become a group are named, with the end of
// the proxy's log.
func TestDemoNotReady(t *testing.T) {
	t.Parallel()
	cfg, err := conf.Parse("demo", []byte(`
		copies = 2
		[[user]]
		name = "app"
		password = "secret"
		[[store]]
		name = "s1"
		addr = "127.0.0.1:1"
		[[store]]
		name = "s2"
		addr = "127.0.0.1:2"
		[[table]]
		schema = "app"
		name = "sessions"
		key = "id"
		[consistency]
		level = "safe"`))
	if err != nil {
		t.Fatal(err)
	}
	cfg.Listen = "127.0.0.1:0"
	d := &runningDemo{dir: t.TempDir()}
	if err := d.startProxy(cfg, false, io.Discard); err != nil {
		t.Fatal(err)
	}
	defer d.close()
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	err = d.await(ctx, isGroup)
	for _, want := range []string{"the stores were not ready in time", "store s2 does not answer", "log ends with", "msg=listening"} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("the error is %v, want %q", err, want)
		}
	}
}

func TestDemoUsage(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	for _, tt := range []struct {
		name string
		args []string
		code int
		want string
	}{
		{"help", []string{"-h"}, 0, "dsmproxy-embedded"},
		{"more copies than stores", []string{"-copies", "5"}, 2, "-copies must be from 1 to -count, which is 4"},
		{"unknown stores", []string{"-stores", "cloud"}, 2, "auto, real or embedded"},
		{"an argument", []string{"fast"}, 2, "takes no argument"},
		{"no port", []string{"-listen", "localhost"}, 2, "-listen"},
		{"a script that is not there", []string{"-script", "nosuchfile"}, 1, "no such file"},
		{"an address in use", []string{"-listen", l.Addr().String()}, 1, "choose another address with -listen"},
		{"no embedded stores", []string{"-stores", "embedded", "-embedded", "/nonexistent", "-listen", "127.0.0.1:0"}, 1, "/nonexistent"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Setenv("TMPDIR", t.TempDir())
			var stdout, stderr strings.Builder
			code := run(append([]string{"demo"}, tt.args...), strings.NewReader(""), &stdout, &stderr)
			if out := stdout.String() + stderr.String(); code != tt.code || !strings.Contains(out, tt.want) {
				t.Errorf("demo %q: exit %d, want %d and %q:\n%s", tt.args, code, tt.code, tt.want, out)
			}
			if left, err := os.ReadDir(os.TempDir()); err != nil || len(left) > 0 {
				t.Errorf("left in the temporary directory: %v, %v", left, err)
			}
		})
	}
}
