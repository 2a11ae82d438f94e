package main

import (
	"errors"
	"os"
	"syscall"
)

// run does what signals ask for, until one ends the proxy, or it can't go on:
// then it returns why.
func (p *proxy) run(signals <-chan os.Signal) error {
	manager := p.tellManager()
	for {
		var sig os.Signal
		select {
		case err := <-p.failed:
			manager.stopping()
			return err
		case sig = <-signals:
		}
		switch sig {
		case syscall.SIGHUP:
			_, _ = p.Reload() // which logs what is wrong
			continue
		case syscall.SIGUSR2:
			pid, err := p.handOver(signals)
			if err == nil {
				manager.follow(pid)
				p.handedOver()
				p.log.Info("handed over", "to_process", pid, "clients", p.server.Clients())
				return nil
			}
			if !errors.Is(err, errStopped) {
				p.log.Error("no successor", "err", err, "action", "this process goes on; see to what is wrong and send SIGUSR2 again")
				continue
			}
			sig = syscall.SIGTERM
		}
		p.log.Info("stopping", "signal", sig.String())
		manager.stopping()
		p.drain(signals)
		return nil
	}
}

// fail has the proxy end for an error that only an operator can mend.
func (p *proxy) fail(err error) {
	p.log.Error("the proxy can't go on", "err", err)
	select {
	case p.failed <- err:
	default:
	}
}
