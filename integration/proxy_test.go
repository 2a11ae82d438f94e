package integration

import (
	"bufio"
	"bytes"
	"io"
	"os"
	"os/exec"
	"regexp"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// proxy is one run of `dsmproxy serve`.
type proxy struct {
	addr string // where it listens
	cmd  *exec.Cmd
	log  *tailLog
	done chan struct{} // closed when it has ended
	err  error         // of its end; to be read after done
}

var listening = regexp.MustCompile(`listening.*\baddr=([^\s"]+)`)

// serve starts the proxy with a configuration file and waits until it listens.
// It ends with the test, in an orderly way: anything but exit status 0 fails
// the test, and so does a panic in its log.
func serve(t testing.TB, config string) *proxy {
	t.Helper()
	p := &proxy{log: &tailLog{}, done: make(chan struct{})}
	p.cmd = exec.Command(dsmproxy(t), "serve", "-config", config)
	p.cmd.Env = append(os.Environ(), "GORACE=halt_on_error=0 exitcode=66")
	stderr, err := p.cmd.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := p.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	addr := make(chan string, 1)
	go func() {
		r := bufio.NewReader(stderr)
		for {
			line, err := r.ReadString('\n')
			p.log.add(line)
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
		io.Copy(io.Discard, r)
		p.err = p.cmd.Wait()
		close(p.done)
	}()
	t.Cleanup(func() { p.end(t) })
	select {
	case p.addr = <-addr:
	case <-p.done:
		t.Fatalf("dsmproxy serve ended: %v\n%s", p.err, p.log.tail(40))
	case <-time.After(30 * time.Second):
		t.Fatalf("dsmproxy serve does not listen\n%s", p.log.tail(40))
	}
	return p
}

// end sends SIGTERM and judges how the proxy ends.
func (p *proxy) end(t testing.TB) {
	t.Helper()
	select {
	case <-p.done:
	default:
		p.cmd.Process.Signal(syscall.SIGTERM)
	}
	select {
	case <-p.done:
		if p.err != nil {
			t.Errorf("dsmproxy serve ended with %v", p.err)
		}
	case <-time.After(45 * time.Second):
		p.cmd.Process.Signal(syscall.SIGQUIT) // prints all goroutines
		<-p.done
		t.Errorf("dsmproxy serve did not end within 45 s of SIGTERM")
		t.Logf("end of its log:\n%s", p.log.tail(400))
		return
	}
	if s := p.log.find("DATA RACE"); s != "" {
		t.Errorf("data race in the proxy:\n%s", s)
	}
	if s := p.log.find("panic"); s != "" {
		t.Errorf("panic in the proxy:\n%s", s)
	}
	if t.Failed() {
		t.Logf("end of the proxy's log:\n%s", p.log.tail(60))
	}
}

// tailLog keeps what a process wrote, the last 2 MB of it.
type tailLog struct {
	mu sync.Mutex // guards b
	b  bytes.Buffer
}

func (l *tailLog) add(line string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.b.Len() > 2<<20 {
		l.b.Next(1 << 20)
	}
	l.b.WriteString(line)
}

func (l *tailLog) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

// tail is the last n lines.
func (l *tailLog) tail(n int) string {
	lines := strings.Split(strings.TrimSpace(l.String()), "\n")
	if len(lines) > n {
		lines = lines[len(lines)-n:]
	}
	return strings.Join(lines, "\n")
}

// find returns what stands around the first occurrence of text, or "".
func (l *tailLog) find(text string) string {
	s := l.String()
	i := strings.Index(s, text)
	if i < 0 {
		return ""
	}
	return s[max(0, i-200):min(len(s), i+4000)]
}
