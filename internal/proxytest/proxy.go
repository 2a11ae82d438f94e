package proxytest

import (
	"bufio"
	"io"
	"os"
	"os/exec"
	"regexp"
	"syscall"
	"testing"
	"time"
)

// Proxy is one run of `dsmproxy serve`.
type Proxy struct {
	Addr  string // where it listens
	Admin string // URL of its admin address
	Log   *Log   // what it wrote to standard error

	cmd  *exec.Cmd
	done chan struct{} // closed when it has ended
	err  error         // of its end; to be read after done
	quit bool          // it was ended by Goroutines or Kill
}

var (
	listening  = regexp.MustCompile(`listening.*\baddr"?[=:]"?([^\s"]+)`)
	statusPage = regexp.MustCompile(`"?status page"?.*\burl"?[=:]"?([^\s"]+)`)
)

// Serve starts the proxy with a configuration file and waits until it listens.
// It ends with the test, in an orderly way: anything but exit status 0 fails
// the test, and so does a panic or a data race in its log.
func (s *Suite) Serve(t testing.TB, config string) *Proxy {
	t.Helper()
	p := &Proxy{Log: &Log{}, done: make(chan struct{})}
	p.cmd = exec.Command(s.Program(t), "serve", "-config", config)
	p.cmd.Env = append(os.Environ(), "GORACE=halt_on_error=0 exitcode=66")
	stderr, err := p.cmd.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := p.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	addr := make(chan string, 1)
	go p.watch(stderr, addr)
	t.Cleanup(func() { p.end(t) })
	select {
	case p.Addr = <-addr:
		if m := statusPage.FindStringSubmatch(p.Log.String()); m != nil {
			p.Admin = m[1]
		}
	case <-p.done:
		t.Fatalf("dsmproxy serve ended: %v\n%s", p.err, p.Log.Tail(40))
	case <-time.After(30 * time.Second):
		t.Fatalf("dsmproxy serve does not listen\n%s", p.Log.Tail(40))
	}
	return p
}

// watch keeps the log and tells where the proxy listens, until it has ended.
func (p *Proxy) watch(stderr io.Reader, addr chan<- string) {
	defer close(p.done)
	for r := bufio.NewReader(stderr); ; {
		line, err := r.ReadString('\n')
		p.Log.add(line)
		if m := listening.FindStringSubmatch(line); m != nil {
			select {
			case addr <- m[1]:
			default:
			}
		}
		if err != nil {
			break
		}
	}
	p.err = p.cmd.Wait()
}

// Pid is the number of the proxy's process.
func (p *Proxy) Pid() int { return p.cmd.Process.Pid }

// Kill ends the proxy as a crash does (SIGKILL) and returns when it is gone.
// Another Serve of its configuration takes its place.
func (p *Proxy) Kill() {
	p.quit = true
	p.cmd.Process.Kill()
	<-p.done
}

// Stop makes the proxy silent (SIGSTOP); Continue ends that.
func (p *Proxy) Stop() error { return p.cmd.Process.Signal(syscall.SIGSTOP) }

// Continue lets a stopped proxy go on (SIGCONT).
func (p *Proxy) Continue() error { return p.cmd.Process.Signal(syscall.SIGCONT) }

// Goroutines ends the proxy, at once and not in an orderly way, and returns the
// stacks of all its goroutines.
func (p *Proxy) Goroutines(t testing.TB) string {
	t.Helper()
	before := len(p.Log.String())
	p.quit = true
	p.cmd.Process.Signal(syscall.SIGQUIT)
	select {
	case <-p.done:
	case <-time.After(45 * time.Second):
		t.Fatal("dsmproxy serve did not end within 45 s of SIGQUIT")
	}
	return p.Log.String()[before:]
}

// end sends SIGTERM and judges how the proxy ends.
func (p *Proxy) end(t testing.TB) {
	t.Helper()
	select {
	case <-p.done:
	default:
		p.cmd.Process.Signal(syscall.SIGTERM)
	}
	select {
	case <-p.done:
		if p.err != nil && !p.quit {
			t.Errorf("dsmproxy serve ended with %v", p.err)
		}
	case <-time.After(45 * time.Second):
		p.cmd.Process.Signal(syscall.SIGQUIT) // prints all goroutines
		<-p.done
		t.Errorf("dsmproxy serve did not end within 45 s of SIGTERM")
		t.Logf("end of its log:\n%s", p.Log.Tail(400))
		return
	}
	if s := p.Log.Find("DATA RACE"); s != "" {
		t.Errorf("data race in the proxy:\n%s", s)
	}
	if s := p.Log.Find("panic"); s != "" {
		t.Errorf("panic in the proxy:\n%s", s)
	}
	if t.Failed() {
		t.Logf("end of the proxy's log:\n%s", p.Log.Tail(60))
	}
}
