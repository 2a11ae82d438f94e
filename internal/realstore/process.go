package realstore

import (
	"bytes"
	"os"
	"os/exec"
	"runtime"
	"strings"
)

// process is one run of a server program.
type process struct {
	pid  int
	proc *os.Process
	done chan struct{} // closed when it is gone
	err  error         // why it ended; to be read after done
}

// launch starts a program whose output goes to log. The thread that started it
// stays until it ends: on Linux the kernel kills a child with a parent-death
// signal when that thread, not the process, is gone.
func launch(path string, args []string, dir string, log *os.File) (*process, error) {
	cmd := exec.Command(path, args...)
	cmd.Dir = dir
	cmd.Stdout, cmd.Stderr = log, log
	cmd.SysProcAttr = ownGroup()
	p := &process{done: make(chan struct{})}
	started := make(chan error, 1)
	go func() {
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
		err := cmd.Start()
		if err == nil {
			p.proc, p.pid = cmd.Process, cmd.Process.Pid
		}
		started <- err
		if err != nil {
			return
		}
		p.err = cmd.Wait()
		close(p.done)
	}()
	if err := <-started; err != nil {
		return nil, err
	}
	return p, nil
}

// gone reports whether the process has ended.
func (p *process) gone() bool {
	select {
	case <-p.done:
		return true
	default:
		return false
	}
}

// runLocked runs a program to its end on one thread, as launch does.
func runLocked(cmd *exec.Cmd) ([]byte, error) {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	return cmd.CombinedOutput()
}

// tail is the last n lines of a log.
func tail(log []byte, n int) string {
	lines := strings.Split(string(bytes.TrimSpace(log)), "\n")
	if len(lines) > n {
		lines = lines[len(lines)-n:]
	}
	return strings.Join(lines, "\n")
}
