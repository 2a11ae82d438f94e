package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/dsmproxy/dsmproxy/internal/admin"
	"github.com/dsmproxy/dsmproxy/router/fence"
	"github.com/dsmproxy/dsmproxy/router/store"
)

// A store that is drained is out of service for this proxy alone at the level
// seed, and for all at the levels safe and strict (router/fence/drain.go). Both
// end with the process, but for one that hands over to another.

func runDrain(args []string, _ io.Reader, stdout, stderr io.Writer) error {
	fs := newFlags("drain", "[-config FILE | -admin ADDRESS] [-force] STORE",
		"Takes a store out of service until undrain, or until the proxy ends: statements\ngo to the other stores, so that it can be stopped. At the level seed each proxy is\nto be told; at the levels safe and strict one is enough, and what it waits for is\nthat no proxy uses the store any more.")
	to := addRemoteFlags(fs)
	force := fs.Bool("force", false, "also if fewer stores are left than each record has copies")
	rest, done, err := parseFlags(fs, args, stdout, stderr)
	if done || err != nil {
		return err
	}
	if len(rest) != 1 {
		return usageError(fs, stderr, "takes the name of one store")
	}
	return to.ask(stderr, func(ctx context.Context, r *admin.Remote) error {
		note, err := r.Drain(ctx, rest[0], true, *force)
		if err == nil {
			_, err = fmt.Fprintln(stdout, note)
		}
		return err
	})
}

var runUndrain = action("undrain", "STORE", "Puts a store back into service that drain has taken out.", 1,
	func(ctx context.Context, r *admin.Remote, args []string, stdout io.Writer) error {
		note, err := r.Drain(ctx, args[0], false, false)
		if err == nil {
			_, err = fmt.Fprintln(stdout, note)
		}
		return err
	})

// drainStore takes a store out of service, or puts it back.
func (p *proxy) drainStore(ctx context.Context, name string, out, force bool) (note string, err error) {
	at := p.set.StoreNamed(name)
	if at < 0 {
		return "", fmt.Errorf("store %q: %w", name, admin.ErrNotFound)
	}
	switch {
	case !out && p.fenced != nil:
		return p.fenced.undrain(at, name)
	case !out && p.Stores()[at].Drain(false):
		return name + " is in service again", nil
	case !out:
		return name + " is in service: it was not drained", nil
	}
	if p.force.config().OtherTables == name && !force {
		return "", unforced(fmt.Sprintf("the statements on other tables go to %s alone (other_tables), and fail while it is away", name))
	}
	began, st := time.Now(), p.Stores()[at]
	if p.fenced != nil {
		err = p.fenced.drain(ctx, at, force)
	} else {
		err = p.drainAlone(at, force)
	}
	if err != nil {
		return "", err
	}
	used := 0
	if p.fenced == nil {
		used = p.awaitRest(ctx, st, drainWait)
	}
	if used == 0 {
		p.tellRest(st, began)
		note = name + " is out of service: it can be stopped"
	} else {
		p.running.Go(func() {
			if p.awaitRest(p.ctx, st, 0) == 0 && st.Drained() {
				p.tellRest(st, began)
			}
		})
		note = fmt.Sprintf("%s gets no new statements; %s still in use, by transactions or long statements: "+
			"stop it when the log says that it is out of service", name, areConnections(used))
	}
	note += fmt.Sprintf("; dsmproxy undrain %s puts it back.\n%d of %d stores are left, for %d copies of each record.",
		name, p.inService(at), len(p.Stores()), p.force.config().Copies)
	if p.fenced == nil {
		note += " Other proxies have to be told too."
	}
	return note, nil
}

// drainWait is how long a drain at the level seed waits for what runs at the
// store, restLook how often it looks.
const (
	drainWait = 2 * time.Second
	restLook  = 50 * time.Millisecond
)

// awaitRest waits until no connection to a store that is drained is in use, for a
// time if that is not 0, and returns how many are.
func (p *proxy) awaitRest(ctx context.Context, st *store.Store, most time.Duration) (used int) {
	look := time.NewTicker(restLook)
	defer look.Stop()
	for began := time.Now(); ; {
		h := st.Stats()
		used = h.Open - h.Idle
		if used == 0 || !st.Drained() || most > 0 && time.Since(began) >= most {
			return used
		}
		select {
		case <-ctx.Done():
			return used
		case <-look.C:
		}
	}
}

// tellRest logs that a drain has come to its end.
func (p *proxy) tellRest(st *store.Store, began time.Time) {
	p.log.Info("store is out of service", "store", st.Name(), "took", time.Since(began).Round(time.Millisecond),
		"action", "it can be stopped; dsmproxy undrain puts it back")
}

// areConnections is "1 connection is" or "2 connections are".
func areConnections(n int) string {
	return count(n, "connection") + map[bool]string{true: " is", false: " are"}[n == 1]
}

// unforced is why something is done only if that is forced.
func unforced(why string) error { return errors.New(why + "; -force does it nevertheless") }

// drainAlone drains a store at this proxy.
func (p *proxy) drainAlone(at int, force bool) error {
	left, copies := p.inService(at), p.force.config().Copies
	switch {
	case left < copies && !force && !p.Stores()[at].Drained():
		return unforced(fmt.Sprintf("%d of %d stores would be left, for %d copies of each record", left, len(p.Stores()), copies))
	case left == 0:
		return errors.New("it is the last store in service")
	}
	p.Stores()[at].Drain(true)
	return nil
}

// inService is how many stores but one are up and not drained.
func (p *proxy) inService(but int) int {
	n := 0
	for i, st := range p.Stores() {
		if i != but && st.State() == store.Up && (p.fenced == nil || p.fenced.group.IsUp(i)) {
			n++
		}
	}
	return n
}

// drain drains a store for all proxies.
func (f *fenced) drain(ctx context.Context, at int, force bool) error {
	err := f.group.Drain(ctx, at, force)
	var why *fence.Unavailable
	var reluctant *fence.Reluctant
	switch {
	case errors.As(err, &reluctant):
		return unforced(err.Error())
	case errors.As(err, &why):
		return errors.New(why.What())
	}
	return err
}

func (f *fenced) undrain(at int, name string) (note string, err error) {
	switch s := f.group.Overview().Stores[at]; {
	case f.group.Undrain(at):
		return name + " is put back: it serves again when it has all its records (dsmproxy status)", nil
	case s.State == "down" && s.Why != "":
		return "", fmt.Errorf("%s was not drained at this proxy: %s; ask the one where it was drained", name, s.Why)
	}
	return name + " was not drained", nil
}

// drainedSince is since when this proxy keeps a store out of service, if it does.
func (f *fenced) drainedSince(at int) (since time.Time, out bool) {
	if f == nil || len(f.group.Drained()) == 0 {
		return time.Time{}, false
	}
	d := f.group.Overview().Stores[at].Drained
	return time.Now().Add(d - f.env.Now()), d != 0
}

// keepOut keeps a store out of service that the process before this one has
// drained; it may not be configured any more.
func (p *proxy) keepOut(name string) {
	switch at := p.set.StoreNamed(name); {
	case at < 0:
	case p.fenced != nil:
		p.fenced.group.KeepOut(at)
	default:
		p.Stores()[at].Drain(true)
	}
}

// drained are the stores that an operator has taken out of service.
func (p *proxy) drained() []string {
	var names []string
	for _, st := range p.Stores() {
		if st.Drained() {
			names = append(names, st.Name())
		}
	}
	if p.fenced != nil {
		for _, at := range p.fenced.group.Drained() {
			names = append(names, p.Stores()[at].Name())
		}
	}
	return names
}

// noneUp is why no statement can be answered where no store is up.
func (p *proxy) noneUp() error {
	if names := p.drained(); len(names) > 0 {
		return fmt.Errorf("no store is up; drained, so that dsmproxy undrain puts it back: %s", strings.Join(names, ", "))
	}
	return errors.New("no store is up")
}
