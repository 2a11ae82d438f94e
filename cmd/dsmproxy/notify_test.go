package main

import (
	"context"
	"errors"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

// managerSocket is a service manager's socket and what it has been told.
func managerSocket(t *testing.T, name string) (told func(within time.Duration) string) {
	t.Helper()
	conn, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: name, Net: "unixgram"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	return func(within time.Duration) string {
		t.Helper()
		b := make([]byte, 100)
		conn.SetReadDeadline(time.Now().Add(within))
		n, err := conn.Read(b)
		if err != nil {
			t.Fatalf("the service manager was told nothing: %v", err)
		}
		return string(b[:n])
	}
}

func TestNotifier(t *testing.T) {
	env := func(values map[string]string) func(string) string {
		return func(name string) string { return values[name] }
	}
	own := strconv.Itoa(os.Getpid())
	for _, c := range []struct {
		name string
		env  map[string]string
		want notifier
	}{
		{"none", nil, notifier{}},
		{"socket alone", map[string]string{"NOTIFY_SOCKET": "/s"}, notifier{socket: "/s"}},
		{"watchdog", map[string]string{"NOTIFY_SOCKET": "/s", "WATCHDOG_USEC": "30000000"}, notifier{"/s", 30 * time.Second}},
		{"watchdog of this process", map[string]string{"NOTIFY_SOCKET": "/s", "WATCHDOG_USEC": "30000000", "WATCHDOG_PID": own}, notifier{"/s", 30 * time.Second}},
		{"watchdog of another process", map[string]string{"NOTIFY_SOCKET": "/s", "WATCHDOG_USEC": "30000000", "WATCHDOG_PID": "1"}, notifier{socket: "/s"}},
		{"no number", map[string]string{"NOTIFY_SOCKET": "/s", "WATCHDOG_USEC": "x"}, notifier{socket: "/s"}},
		{"nobody to tell", map[string]string{"WATCHDOG_USEC": "30000000"}, notifier{}},
	} {
		if got := newNotifier(env(c.env)); got != c.want {
			t.Errorf("%s: %+v, want %+v", c.name, got, c.want)
		}
	}
	if err := (notifier{}).send(notifyReady); err != nil {
		t.Errorf("telling nobody: %v", err)
	}
	if err := (notifier{socket: filepath.Join(t.TempDir(), "none")}).send(notifyReady); err == nil {
		t.Error("telling a socket that is not there: no error")
	}
	for _, name := range []string{filepath.Join(t.TempDir(), "notify"), "@dsmproxy-test-" + own} {
		told := managerSocket(t, name)
		if err := (notifier{socket: name}).send(notifyReady); err != nil {
			t.Fatal(err)
		}
		if got := told(10 * time.Second); got != "READY=1" {
			t.Errorf("%s was told %q", name, got)
		}
	}
}

// TestWatchdogWithoutLife: who is not alive does not say so.
func TestWatchdogWithoutLife(t *testing.T) {
	name := filepath.Join(t.TempDir(), "notify")
	told := managerSocket(t, name)
	ctx, cancel := context.WithCancel(t.Context())
	looks, failures := 0, 0
	dead := errors.New("no greeting")
	notifier{name, 20 * time.Millisecond}.watch(ctx, func(context.Context) error {
		looks++
		if looks < 3 {
			return dead
		}
		return nil
	}, func(err error) {
		if !errors.Is(err, dead) {
			t.Error(err)
		}
		if failures++; failures == 2 {
			go func() { told(30 * time.Second); cancel() }()
		}
	})
	if failures != 2 || looks < 3 {
		t.Errorf("%d looks, %d failures", looks, failures)
	}
}

// TestServeTellsManager runs the program under a service manager's socket:
// ready, alive, stopping.
func TestServeTellsManager(t *testing.T) {
	t.Parallel()
	bin := programs(t)
	for _, listen := range []string{"127.0.0.1:0", "unix:" + filepath.Join(t.TempDir(), "proxy.sock")} {
		if !strings.HasPrefix(listen, "unix:") {
			l, err := net.Listen("tcp", listen)
			if err != nil {
				t.Fatal(err)
			}
			listen = l.Addr().String()
			l.Close()
		}
		name := filepath.Join(t.TempDir(), "notify")
		told := managerSocket(t, name)
		config := writeConfig(t, "copies = 2", "listen = \""+listen+"\"\ncopies = 2", "10.0.0.", "127.0.0.")
		cmd := exec.Command(filepath.Join(bin, "dsmproxy"), "serve", "-config", config)
		cmd.Env = append(os.Environ(), "NOTIFY_SOCKET="+name, "WATCHDOG_USEC=200000")
		var log strings.Builder
		cmd.Stderr = &log
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { cmd.Process.Kill() })
		if got := told(60 * time.Second); got != "READY=1" {
			t.Errorf("first %q, want READY=1", got)
		}
		for range 3 {
			if got := told(60 * time.Second); got != "WATCHDOG=1" {
				t.Errorf("then %q, want WATCHDOG=1", got)
			}
		}
		if err := cmd.Process.Signal(syscall.SIGTERM); err != nil {
			t.Fatal(err)
		}
		got := told(60 * time.Second)
		for got == "WATCHDOG=1" {
			got = told(60 * time.Second)
		}
		if got != "STOPPING=1" {
			t.Errorf("at the end %q, want STOPPING=1", got)
		}
		if err := cmd.Wait(); err != nil {
			t.Errorf("serve ended with %v\n%s", err, log.String())
		}
	}
}
