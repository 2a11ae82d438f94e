package main

import (
	"bufio"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"
	"unsafe"
)

// cpuTime is the processor time that a process has used so far, user and
// system. pid 0 is nobody: no time.
func cpuTime(pid int) (time.Duration, error) {
	if pid == 0 {
		return 0, nil
	}
	// The clock of a process, as clock_getcpuclockid(3) makes it.
	clock := int32(^pid<<3 | 2)
	var ts syscall.Timespec
	if _, _, errno := syscall.Syscall(syscall.SYS_CLOCK_GETTIME, uintptr(clock), uintptr(unsafe.Pointer(&ts)), 0); errno != 0 {
		return 0, fmt.Errorf("processor time of process %d: %w", pid, errno)
	}
	return time.Duration(ts.Nano()), nil
}

// calm waits until all targets have next to nothing to do by themselves: the
// records of the levels safe and strict are adopted, which takes a while, and
// what was written has been purged.
func calm(ctx context.Context, targets []*target) error {
	const look, busy = 500 * time.Millisecond, 0.08
	for quiet := 0; quiet < 4; {
		before := make([]used, len(targets))
		for i, t := range targets {
			var err error
			if before[i], err = usage(t); err != nil {
				return err
			}
		}
		begin := time.Now()
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(look):
		}
		limit := time.Duration(busy * float64(time.Since(begin)))
		quiet++
		for i, t := range targets {
			now, err := usage(t)
			if err != nil {
				return err
			}
			if now.proxy-before[i].proxy > limit || now.stores-before[i].stores > limit {
				quiet = 0
			}
		}
	}
	return nil
}

// settled waits until the servers of a target have purged and written what the
// rounds of others have left to them, or for two seconds: it would count as its
// own.
func settled(ctx context.Context, t *target) error {
	const look, looks, busy = 50 * time.Millisecond, 40, 0.1
	before, err := usage(t)
	if err != nil {
		return err
	}
	for range looks {
		begin := time.Now()
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(look):
		}
		now, err := usage(t)
		if err != nil {
			return err
		}
		if now.stores-before.stores < time.Duration(busy*float64(time.Since(begin))) {
			return nil
		}
		before = now
	}
	return nil
}

// resident is the resident memory of a process in bytes.
func resident(pid int) (int64, error) {
	f, err := os.Open(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		return 0, err
	}
	defer f.Close()
	for lines := bufio.NewScanner(f); lines.Scan(); {
		if rest, ok := strings.CutPrefix(lines.Text(), "VmRSS:"); ok {
			kib, err := strconv.ParseInt(strings.TrimSuffix(strings.TrimSpace(rest), " kB"), 10, 64)
			return kib << 10, err
		}
	}
	return 0, fmt.Errorf("no VmRSS of process %d", pid)
}

// descriptors counts a process's open files.
func descriptors(pid int) (int, error) {
	entries, err := os.ReadDir(fmt.Sprintf("/proc/%d/fd", pid))
	return len(entries), err
}

// listener finds the process that listens on a TCP port of this machine, so
// that a peer's processor time can be told; 0 if it can't be seen.
func listener(port int) int {
	inode := ""
	for _, file := range []string{"/proc/net/tcp", "/proc/net/tcp6"} {
		b, err := os.ReadFile(file)
		if err != nil {
			continue
		}
		for line := range strings.Lines(string(b)) {
			f := strings.Fields(line)
			if len(f) > 9 && f[3] == "0A" && strings.HasSuffix(f[1], fmt.Sprintf(":%04X", port)) {
				inode = f[9]
			}
		}
	}
	if inode == "" {
		return 0
	}
	fds, _ := filepath.Glob("/proc/[0-9]*/fd/*")
	for _, fd := range fds {
		if to, err := os.Readlink(fd); err == nil && to == "socket:["+inode+"]" {
			pid, _ := strconv.Atoi(strings.Split(fd, "/")[2])
			return pid
		}
	}
	return 0
}
