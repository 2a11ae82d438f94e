package main

import (
	"context"
	"fmt"
	"net"
	"os"
	"strconv"
	"time"
)

// The service manager of systemd is told by datagrams of what the proxy does
// (sd_notify(3)): a line a message, to the socket that NOTIFY_SOCKET names.
// Where none is named, nothing is sent.

// What the service manager can be told.
const (
	notifyReady    = "READY=1"
	notifyStopping = "STOPPING=1"
	notifyAlive    = "WATCHDOG=1"
)

// notifier tells the service manager. The zero value tells nobody. It is safe
// for concurrent use.
type notifier struct {
	socket   string        // a path, or "@" and an abstract name
	watchdog time.Duration // how long silence means death; 0 for no watchdog
}

// newNotifier reads what the service manager has put into the environment.
func newNotifier(getenv func(string) string) notifier {
	n := notifier{socket: getenv("NOTIFY_SOCKET")}
	// The variables outlive the process that they are meant for where it starts
	// others: WATCHDOG_PID says for whom they are.
	if pid := getenv("WATCHDOG_PID"); pid != "" && pid != strconv.Itoa(os.Getpid()) {
		return n
	}
	if us, err := strconv.ParseInt(getenv("WATCHDOG_USEC"), 10, 64); err == nil && us > 0 && n.socket != "" {
		n.watchdog = time.Duration(us) * time.Microsecond
	}
	return n
}

// send sends one message.
func (n notifier) send(state string) error {
	if n.socket == "" {
		return nil
	}
	conn, err := net.DialUnix("unixgram", nil, &net.UnixAddr{Name: n.socket, Net: "unixgram"})
	if err != nil {
		return fmt.Errorf("notify the service manager: %w", err)
	}
	defer conn.Close()
	if _, err := conn.Write([]byte(state)); err != nil {
		return fmt.Errorf("notify the service manager: %w", err)
	}
	return nil
}

// watch tells the service manager twice in each of its intervals that the proxy
// is alive, until ctx ends: if alive finds so. A silent proxy is killed and
// started again. failed is called with each error.
func (n notifier) watch(ctx context.Context, alive func(context.Context) error, failed func(error)) {
	if n.watchdog == 0 {
		return
	}
	tick := time.NewTicker(n.watchdog / 2)
	defer tick.Stop()
	for {
		look, cancel := context.WithTimeout(ctx, n.watchdog/2)
		err := alive(look)
		cancel()
		if ctx.Err() != nil {
			return
		}
		if err == nil {
			err = n.send(notifyAlive)
		}
		if err != nil {
			failed(err)
		}
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
	}
}

// greets reports whether the proxy greets who connects: it is what a client
// sees first, and that the listener, its goroutines and the scheduler live. A
// proxy that is full answers too, with an error.
func (p *proxy) greets(ctx context.Context) error {
	addr := p.Addr()
	target := addr.String()
	if addr.Network() == "tcp" {
		target = reachable(addr)
	}
	conn, err := new(net.Dialer).DialContext(ctx, addr.Network(), target)
	if err != nil {
		return err
	}
	defer conn.Close()
	if deadline, ok := ctx.Deadline(); ok {
		if err := conn.SetDeadline(deadline); err != nil {
			return err
		}
	}
	if _, err := conn.Read(make([]byte, 1)); err != nil {
		return fmt.Errorf("no greeting: %w", err)
	}
	return nil
}

// manager is the service manager as a running proxy sees it.
type manager struct {
	notifier
	p    *proxy
	stop context.CancelFunc // the watch
}

// tellManager says that the proxy is ready, and from then on that it lives.
func (p *proxy) tellManager() manager {
	ctx, cancel := context.WithCancel(p.ctx)
	m := manager{newNotifier(os.Getenv), p, cancel}
	m.tell(notifyReady)
	p.running.Go(func() {
		m.watch(ctx, p.greets, func(err error) {
			p.log.Warn("the watchdog is not told that the proxy lives", "err", err)
		})
	})
	return m
}

// stopping says that the proxy ends by itself.
func (m manager) stopping() { m.tell(notifyStopping) }

// follow says that process pid is the proxy from now on.
func (m manager) follow(pid int) {
	m.stop()
	m.tell(fmt.Sprintf("MAINPID=%d\n%s", pid, notifyAlive))
}

func (m manager) tell(state string) {
	if err := m.send(state); err != nil {
		m.p.log.Warn("the service manager can't be told", "state", state, "err", err)
	}
}
