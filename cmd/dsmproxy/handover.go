package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"time"
)

// A proxy that gets SIGUSR2 starts the program again, from the file that it was
// started from, which may be a new version by now, with the same arguments. The
// successor gets the listening sockets themselves, so that no connection is
// refused or lost, reads its configuration, gets to know the stores, accepts
// clients, and says so. Only then the predecessor stops accepting, passes its
// clients on (pass.go), lets those end that can't be (protocol/shutdown.go), and
// ends. If the successor can't start,
// because its configuration has a mistake, say, nothing has happened.

// successorTime is how long a successor may take to serve clients.
const successorTime = time.Minute

// errStopped is why a successor is not waited for any more.
var errStopped = errors.New("the proxy is to stop")

// program is the file that the process was started from, for its successor.
func program() (string, error) {
	path, err := exec.LookPath(os.Args[0])
	if err != nil {
		return os.Executable()
	}
	return filepath.Abs(path)
}

// handOver starts a successor, waits until it serves clients, and returns its
// process. A signal to stop ends it and is returned as errStopped.
func (p *proxy) handOver(signals <-chan os.Signal) (pid int, err error) {
	p.log.Info("starting a successor", "program", p.program)
	says, tell, err := os.Pipe()
	if err != nil {
		return 0, err
	}
	defer says.Close()
	h, theirs, err := newHeir()
	if err != nil {
		tell.Close()
		return 0, err
	}
	child, err := p.startSuccessor(tell, theirs)
	tell.Close()
	theirs.Close()
	if err == nil {
		err = awaitSuccessor(child, says, signals)
	}
	if err != nil {
		h.Close()
		return 0, err
	}
	pid = child.Pid
	p.passOn(h, pid)
	return pid, child.Release()
}

// startSuccessor starts the program with the proxy's sockets, the pipe to say on
// that it serves clients, and the socket that clients are passed on by.
func (p *proxy) startSuccessor(tell, clients *os.File) (*os.Process, error) {
	h := handover{
		From: os.Getpid(), Drained: p.drained(), Level: p.force.config().Consistency.Level,
		Passes: true, LastID: p.server.LastID() + idsAhead,
	}
	if p.passedBy != "systemd" {
		h.Listen, h.Admin = p.listen, p.adminListen
	}
	var files []*os.File
	defer func() {
		for _, f := range files {
			f.Close()
		}
	}()
	add := func(name string, l net.Listener) error {
		f, err := l.(interface{ File() (*os.File, error) }).File()
		if err == nil {
			h.Names, files = append(h.Names, name), append(files, f)
		}
		return err
	}
	for _, l := range p.listeners {
		if err := add(socketClients, l); err != nil {
			return nil, err
		}
	}
	if p.adminListener != nil {
		if err := add(socketAdmin, p.adminListener); err != nil {
			return nil, err
		}
	}
	text, err := json.Marshal(h)
	if err != nil {
		return nil, err
	}
	// WATCHDOG_PID names this process; without it, the variables are for all.
	env := slices.DeleteFunc(os.Environ(), func(v string) bool { return strings.HasPrefix(v, "WATCHDOG_PID=") })
	attr := &syscall.ProcAttr{Env: append(env, handoverVariable+"="+string(text)), Files: []uintptr{0, 1, 2}}
	for _, f := range append(slices.Clone(files), tell, clients) {
		fd, err := descriptor(f)
		if err != nil {
			return nil, err
		}
		attr.Files = append(attr.Files, fd)
	}
	pid, err := syscall.ForkExec(p.program, os.Args, attr)
	if err != nil {
		return nil, fmt.Errorf("start %s: %w", p.program, err)
	}
	return os.FindProcess(pid)
}

// descriptor is f's. File.Fd would make the socket one that blocks, also for the
// proxy itself, which could not stop accepting then.
func descriptor(f *os.File) (fd uintptr, err error) {
	raw, err := f.SyscallConn()
	if err != nil {
		return 0, err
	}
	return fd, errors.Join(raw.Control(func(n uintptr) { fd = n }), err)
}

// awaitSuccessor waits until child says that it serves clients. Otherwise the
// child has ended when it returns.
func awaitSuccessor(child *os.Process, says io.Reader, signals <-chan os.Signal) error {
	said := make(chan string, 1)
	go func() { // until the child closes its end
		b, _ := io.ReadAll(says)
		said <- string(b)
	}()
	var why error
	late := time.NewTimer(successorTime)
	defer late.Stop()
	for why == nil {
		select {
		case word := <-said:
			if word == readyWord {
				return nil
			}
			state, err := child.Wait()
			return errors.Join(fmt.Errorf("the successor has ended (%v); what is wrong stands above", state), err)
		case <-late.C:
			why = fmt.Errorf("the successor did not serve clients within %v", successorTime)
		case sig := <-signals:
			if sig == syscall.SIGTERM || sig == syscall.SIGINT {
				why = errStopped
			}
		}
	}
	kill := time.AfterFunc(10*time.Second, func() { child.Kill() })
	defer kill.Stop()
	_ = child.Signal(syscall.SIGTERM) // it may have ended
	_, err := child.Wait()
	return errors.Join(why, err)
}

// readyWord is what a successor says when it serves clients.
const readyWord = "ready"

// serves tells who waits for the proxy that it serves clients.
func (in *passed) serves() error {
	if in.ready == nil {
		return nil
	}
	_, err := in.ready.WriteString(readyWord)
	return errors.Join(err, in.ready.Close())
}

// beReady waits, in a successor, until statements can be answered: until then
// its predecessor does so. With quorum = "solo" the predecessor serves as long as
// it is asked to; the successor's first statement takes over from it.
func (p *proxy) beReady(ctx context.Context, in *passed) {
	if in.ready == nil {
		return
	}
	for _, name := range in.Drained {
		p.keepOut(name)
	}
	ctx, cancel := context.WithTimeout(ctx, successorTime/2)
	defer cancel()
	look := time.NewTicker(10 * time.Millisecond)
	defer look.Stop()
	for ctx.Err() == nil && p.unable() != nil && !p.fenced.elsewhere() {
		select {
		case <-ctx.Done():
		case <-look.C:
		}
	}
}

func (p *proxy) closeListeners() error {
	var errs []error
	for _, l := range p.listeners {
		errs = append(errs, l.Close())
	}
	return errors.Join(errs...)
}

// handedOver leaves the sockets to the successor.
func (p *proxy) handedOver() {
	for _, l := range p.listeners {
		if u, ok := l.(*net.UnixListener); ok {
			u.SetUnlinkOnClose(false)
		}
	}
	p.closeAdmin()
	for _, st := range p.Stores() {
		st.KeepIdle(0) // the successor needs them
	}
}
