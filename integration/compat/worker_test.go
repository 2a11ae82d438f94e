//go:build compat

package compat

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/dsmproxy/dsmproxy/internal/mariadbtest"
	"github.com/dsmproxy/dsmproxy/internal/proxytest"
)

// payload is what the sessions hold.
type payload struct {
	N    int    `json:"n"`
	Blob string `json:"blob"`
}

type question struct {
	Op   string   `json:"op"`
	ID   string   `json:"id,omitempty"`
	To   string   `json:"to,omitempty"`
	Data *payload `json:"data,omitempty"`
}

type answer struct {
	ID    string   `json:"id"`
	Data  *payload `json:"data"`
	N     *int     `json:"n"`
	Error string   `json:"error"`
}

// worker is one process of an application that uses a session handler. It does
// one request at a time.
type worker struct {
	mu  sync.Mutex // held during a request
	cmd *exec.Cmd
	in  io.WriteCloser
	out *bufio.Reader

	stderr proxytest.Log
}

// startWorkers starts n processes of a handler's program that connect to addr.
// They end with the test.
func startWorkers(t *testing.T, n int, h handler, addr string) []*worker {
	t.Helper()
	host, port := hostPort(t, addr)
	env := append(os.Environ(), "DSM_HOST="+host, "DSM_PORT="+port, "DSM_USER="+mariadbtest.User,
		"DSM_PASSWORD="+mariadbtest.Password, "DSM_DB="+h.database(), "DSM_DIR="+t.TempDir())
	var all []*worker
	for range n {
		command := h.command(t)
		w := &worker{cmd: exec.Command(command[0], command[1:]...)}
		w.cmd.Env, w.cmd.Stderr = env, &w.stderr
		var err error
		if w.in, err = w.cmd.StdinPipe(); err != nil {
			t.Fatal(err)
		}
		out, err := w.cmd.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		w.out = bufio.NewReader(out)
		if err := w.cmd.Start(); err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { w.end(t) })
		all = append(all, w)
	}
	return all
}

// end lets a worker end by the end of its input.
func (w *worker) end(t *testing.T) {
	w.in.Close()
	timer := time.AfterFunc(20*time.Second, func() { w.cmd.Process.Kill() })
	defer timer.Stop()
	io.Copy(io.Discard, w.out)
	if err := w.cmd.Wait(); err != nil {
		t.Errorf("a worker ended with %v", err)
	}
	if text := strings.TrimSpace(w.stderr.String()); text != "" {
		t.Logf("a worker's stderr: %.3000s", text)
	}
}

// ask carries one request out. A worker that doesn't answer is ended.
func (w *worker) ask(q question) (answer, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	var a answer
	line, err := json.Marshal(q)
	if err != nil {
		return a, err
	}
	timer := time.AfterFunc(60*time.Second, func() { w.cmd.Process.Kill() })
	defer timer.Stop()
	if _, err := w.in.Write(append(line, '\n')); err != nil {
		return a, fmt.Errorf("%s: the worker has gone: %w: %.2000s", q.Op, err, w.stderr.String())
	}
	line, err = w.out.ReadBytes('\n')
	if err != nil {
		return a, fmt.Errorf("%s: no answer within 60 s, or the worker has gone: %w: %.2000s", q.Op, err, w.stderr.String())
	}
	if err := json.Unmarshal(line, &a); err != nil {
		return a, fmt.Errorf("%s: the worker answered %q: %w", q.Op, line, err)
	}
	if a.Error != "" {
		return a, fmt.Errorf("%s: %s", q.Op, a.Error)
	}
	return a, nil
}
