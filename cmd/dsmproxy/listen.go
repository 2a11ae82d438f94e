package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"os"
	"strconv"
	"strings"
	"syscall"

	"github.com/dsmproxy/dsmproxy/conf"
	"github.com/dsmproxy/dsmproxy/protocol"
)

// The sockets that a proxy listens at are its own, or were opened by another
// process and passed on to it: by systemd (sd_listen_fds(3)), which keeps them
// while no proxy runs, or by the proxy that this one follows (handover.go). In
// either case no connection is refused or lost, for the queue of those that
// nobody has accepted yet belongs to the socket.

// firstPassed is the first descriptor that is passed, by either.
const firstPassed = 3

// handoverVariable holds a handover as JSON, for the successor.
const handoverVariable = "DSMPROXY_HANDOVER"

// handover is what a proxy tells its successor. The sockets' descriptors come in
// the order of Names, and behind them a pipe to say on that it serves clients.
type handover struct {
	From    int      // the process
	Names   []string // socketClients or socketAdmin
	Listen  string   // as configured; "": the sockets are systemd's
	Admin   string   // likewise
	Drained []string // the stores that an operator has taken out of service
	Level   string   // of consistency; "": seed, by a version that did not say
	Passes  bool     // behind the pipe comes a socket by which clients are passed on
	LastID  uint32   // the ids of clients up to it are the predecessor's
}

// What a passed socket is for. systemd's unit names them by
// FileDescriptorName=; one of any other name is for clients.
const (
	socketClients = "clients"
	socketAdmin   = "admin"
)

// passed are the listening sockets that the process was started with.
type passed struct {
	handover
	by      string // "": nobody has passed any
	clients []net.Listener
	admin   net.Listener
	ready   *os.File // nil: nobody waits for the process to be ready
	estate  *estate  // nil: no clients are passed on
}

// takePassed takes what is passed, and says so to no process that this one
// starts.
func takePassed() (in passed, err error) {
	text, pid, count, names := os.Getenv(handoverVariable), os.Getenv("LISTEN_PID"), os.Getenv("LISTEN_FDS"), os.Getenv("LISTEN_FDNAMES")
	for _, name := range []string{handoverVariable, "LISTEN_PID", "LISTEN_FDS", "LISTEN_FDNAMES"} {
		os.Unsetenv(name)
	}
	switch {
	case text != "":
		if err := json.Unmarshal([]byte(text), &in.handover); err != nil {
			return in, fmt.Errorf("%s: %w", handoverVariable, err)
		}
		in.by = "process " + strconv.Itoa(in.From)
		in.ready = os.NewFile(uintptr(firstPassed+len(in.Names)), "ready")
		syscall.CloseOnExec(int(in.ready.Fd()))
		if in.Passes {
			conn, err := unixConn(uintptr(firstPassed + len(in.Names) + 1))
			if err != nil {
				return in, fmt.Errorf("the socket for clients of process %d: %w", in.From, err)
			}
			in.estate = &estate{conn}
		}
	case pid == strconv.Itoa(os.Getpid()):
		n, err := strconv.Atoi(count)
		if err != nil || n < 0 {
			return in, fmt.Errorf("LISTEN_FDS is %q, which is not a number of sockets", count)
		}
		in.Names = append(strings.Split(names, ":"), make([]string, n)...)[:n]
		in.by = "systemd"
	}
	for i, name := range in.Names {
		l, err := passedListener(uintptr(firstPassed + i))
		if err != nil {
			return in, fmt.Errorf("the socket that %s has passed as descriptor %d: %w", in.by, firstPassed+i, err)
		}
		if name == socketAdmin {
			in.admin = l
		} else {
			in.clients = append(in.clients, l)
		}
	}
	return in, nil
}

func passedListener(fd uintptr) (net.Listener, error) {
	f := os.NewFile(fd, "passed")
	defer f.Close()
	return net.FileListener(f) // of a copy that no other program inherits
}

// forClients opens the sockets that the configuration names, or takes those
// that were passed.
func (in *passed) forClients(cfg *conf.Config) ([]net.Listener, error) {
	if len(in.clients) > 0 && (in.Listen == "" || in.Listen == cfg.Listen) {
		for _, l := range in.clients {
			if u, ok := l.(*net.UnixListener); ok {
				u.SetUnlinkOnClose(in.Listen != "") // systemd's path stays
			}
		}
		return in.clients, nil
	}
	for _, l := range in.clients { // for another address
		l.Close()
	}
	network, addr := conf.SplitAddr(cfg.Listen)
	l, err := protocol.Listen(network, addr)
	if network == "unix" && errors.Is(err, syscall.EADDRINUSE) && abandoned(addr) {
		if err = os.Remove(addr); err == nil {
			l, err = protocol.Listen(network, addr)
		}
	}
	if err != nil {
		return nil, err
	}
	return []net.Listener{l}, nil
}

// abandoned reports whether a path is a socket that nobody listens at: a process
// that was killed has left it behind.
func abandoned(path string) bool {
	conn, err := net.Dial("unix", path)
	if err == nil {
		conn.Close()
	}
	return errors.Is(err, syscall.ECONNREFUSED)
}

// forAdmin is forClients for the admin address.
func (in *passed) forAdmin(cfg *conf.Config) (net.Listener, error) {
	if in.admin != nil && (in.Admin == "" || in.Admin == cfg.Admin.Listen) {
		return in.admin, nil
	}
	if in.admin != nil {
		in.admin.Close()
	}
	return net.Listen("tcp", cfg.Admin.Listen)
}
