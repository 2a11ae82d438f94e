package realstore

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"time"
)

// What can happen to a server's process from outside.

// Kill ends the process as a crash does (SIGKILL) and returns when it is gone.
func (s *Server) Kill() error {
	p := s.process()
	if p == nil || p.gone() {
		return errors.New("the server is not running")
	}
	if err := p.proc.Kill(); err != nil {
		return err
	}
	<-p.done
	return nil
}

// Stop makes the process silent (SIGSTOP): its port accepts, and nobody
// answers. When it returns no thread runs any more. Continue ends that.
func (s *Server) Stop() error {
	if err := s.signal(syscall.SIGSTOP); err != nil {
		return err
	}
	pid := s.process().proc.Pid
	for end := time.Now().Add(10 * time.Second); time.Now().Before(end); time.Sleep(time.Millisecond) {
		if stopped(pid) {
			return nil
		}
	}
	return errors.New("the server's threads go on after SIGSTOP")
}

// stopped reports whether all threads of a process stand still, by proc(5); where
// there is no such file system they are taken to.
func stopped(pid int) bool {
	threads, _ := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/stat", pid))
	for _, file := range threads {
		stat, err := os.ReadFile(file)
		if err != nil {
			continue // it has just ended
		}
		// The state is the field behind the name, which is in parentheses.
		_, rest, _ := strings.Cut(string(stat[bytes.LastIndexByte(stat, ')')+1:]), " ")
		if !strings.HasPrefix(rest, "T") {
			return false
		}
	}
	return true
}

// Continue lets a stopped process go on (SIGCONT).
func (s *Server) Continue() error { return s.signal(syscall.SIGCONT) }

func (s *Server) signal(sig syscall.Signal) error {
	p := s.process()
	if p == nil || p.gone() {
		return errors.New("the server is not running")
	}
	return p.proc.Signal(sig)
}

// Shutdown ends the process in an orderly way (SIGTERM), as a crash if it has
// not ended when ctx does. Restart brings it back.
func (s *Server) Shutdown(ctx context.Context) {
	s.starting.Lock()
	defer s.starting.Unlock()
	s.shutdown(ctx)
}

func (s *Server) shutdown(ctx context.Context) {
	p := s.process()
	if p == nil || p.gone() {
		return
	}
	p.proc.Signal(syscall.SIGTERM)
	p.proc.Signal(syscall.SIGCONT) // one that is stopped gets the first only then
	select {
	case <-p.done:
	case <-ctx.Done():
		p.proc.Kill()
		<-p.done
	}
}
