package main

import (
	"context"
	"errors"
	"os"
	"syscall"
	"time"
)

// leastPassing is how long clients that are passed on are waited for at least,
// half of it to be passed on: drain_timeout says how long a stop may disturb who
// comes next, and a successor serves already.
const leastPassing = 10 * time.Second

// drain goes on for limits.drain_delay while /readyz says no, so that whoever
// sends clients finds out before they are refused. A second signal ends it.
func (p *proxy) drain(signals <-chan os.Signal) {
	p.draining.Store(true)
	delay := p.force.config().Limits.DrainDelay
	if delay == 0 {
		return
	}
	p.log.Info("draining", "for", delay, "action", "/readyz says no; clients are still let in")
	end := time.NewTimer(delay)
	defer end.Stop()
	for {
		select {
		case <-end.C:
			return
		case sig := <-signals:
			if sig != syscall.SIGHUP {
				return
			}
		}
	}
}

// Close lets clients end their statement or transaction, for drain_timeout at
// most, or has them passed on, then ends everything.
func (p *proxy) Close() error {
	p.draining.Store(true)
	most := p.force.config().Limits.DrainTimeout
	if p.heir != nil {
		most = max(most, leastPassing)
	}
	ctx, cancel := context.WithTimeout(context.Background(), most)
	defer cancel()
	clients, began := p.server.Clients(), time.Now()
	err := p.server.Shutdown(ctx)
	if errors.Is(err, context.DeadlineExceeded) {
		err = nil
		p.cutClients()
	}
	p.passedOn()
	cut := p.cutOff.Load()
	p.log.Info("clients are gone", "clients", clients, "let_go", max(0, int64(clients)-cut), "cut_off", cut, "took", time.Since(began).Round(time.Millisecond))
	p.closeAdmin()
	p.cancel()
	p.running.Wait()
	return err
}

// cutClients ends the clients that are still there at once. Those that wait for
// the successor's answer would do so for passTime if it is stopped, so it is
// given up first.
func (p *proxy) cutClients() {
	p.cutting.Do(func() {
		p.cutOff.Store(int64(p.server.Clients()))
		if p.heir != nil {
			p.heir.Close()
		}
		_ = p.server.Close() // which returns none
	})
}

// closeOn closes all clients at once when a signal says once more that the proxy
// is to stop, until the function that it returns is called.
func (p *proxy) closeOn(signals <-chan os.Signal) (stop func()) {
	done := make(chan struct{})
	go func() {
		for {
			select {
			case <-done:
				return
			case sig := <-signals:
				if sig == syscall.SIGTERM || sig == syscall.SIGINT {
					p.cutClients()
					return
				}
			}
		}
	}()
	return func() { close(done) }
}
