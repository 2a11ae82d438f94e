package main

import (
	"cmp"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/dsmproxy/dsmproxy/conf"
)

// A configuration is read again on SIGHUP, by `dsmproxy reload`, and when the
// file has changed if it says so itself. It is taken over as a whole or not at
// all: everything that can go wrong is tried before anything is changed.

// inForce is the configuration that the proxy runs with, and what has become of
// those that were read after it. It is safe for concurrent use.
type inForce struct {
	reloading sync.Mutex // held by Reload

	mu      sync.Mutex // guards what follows
	cfg     *conf.Config
	path    string
	loaded  time.Time
	err     error // of the file that was read last
	errAt   time.Time
	applied uint64
	refused uint64
	read    content // of the file that was read last
	taken   content // of the file that is in force
}

// begin takes the configuration that the proxy starts with; path is its file.
func (f *inForce) begin(cfg *conf.Config, path string) {
	if abs, err := filepath.Abs(path); err == nil && path != "" {
		path = abs // who reads it elsewhere is in another directory
	}
	f.cfg, f.path, f.loaded, f.read = cfg, path, time.Now(), contentOf(path)
	f.taken = f.read
}

// stale reports whether the file is not what is in force: it was changed and not
// read since, was refused, or is gone.
func (f *inForce) stale() bool {
	if f.path == "" {
		return false
	}
	now := contentOf(f.path)
	f.mu.Lock()
	defer f.mu.Unlock()
	return now != f.taken
}

// tried reports whether the file was read when it was like this.
func (f *inForce) tried(c content) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.read == c
}

// reads notes that the file is about to be read. If it changes meanwhile, it is
// read once more.
func (f *inForce) reads() {
	c := contentOf(f.path)
	f.mu.Lock()
	defer f.mu.Unlock()
	f.read = c
}

// config is the configuration in force. It is not to be modified.
func (f *inForce) config() *conf.Config {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.cfg
}

// take puts cfg in force.
func (f *inForce) take(cfg *conf.Config) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.cfg, f.loaded, f.err = cfg, time.Now(), nil
	f.taken = f.read
	f.applied++
}

// refuse notes why a file is not in force.
func (f *inForce) refuse(err error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.err, f.errAt = err, time.Now()
	f.refused++
}

// counts are how many configurations were applied and refused since the start.
func (f *inForce) counts() (applied, refused uint64) {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.applied, f.refused
}

// Reload reads the configuration again and takes it over, and returns what that
// has changed. If it can't be, the one in force stays.
func (p *proxy) Reload() ([]conf.Change, error) {
	f := &p.force
	if f.path == "" {
		return nil, errNoFile
	}
	f.reloading.Lock()
	defer f.reloading.Unlock()
	changes, err := p.reload()
	if err != nil {
		f.refuse(err)
		p.log.Error("configuration not reloaded", "file", f.path, "err", err, "action", "the one in force stays; correct the file and reload")
		return nil, err
	}
	for _, c := range changes {
		p.log.Info("configuration changed", changed(c)...)
	}
	p.log.Info("configuration reloaded", "file", f.path, "changes", len(changes))
	return changes, nil
}

// reloadNote is Reload for an operator, with what has changed as text.
func (p *proxy) reloadNote() (string, error) {
	changes, err := p.Reload()
	switch {
	case err != nil:
		return "", err
	case len(changes) == 0:
		return "reloaded: no setting has changed", nil
	}
	text := "reloaded:"
	for _, c := range changes {
		text += "\n  " + c.String()
	}
	return text, nil
}

// changed is a change for the log: a setting that is new was nothing before, one
// that is gone is nothing now.
func changed(c conf.Change) []any {
	from, to := c.Plain()
	attrs := []any{"setting", c.Key}
	if c.From != "" {
		attrs = append(attrs, "from", from)
	}
	if c.To != "" {
		attrs = append(attrs, "to", to)
	}
	return attrs
}

var errNoFile = errors.New("the configuration is from no file, so there is nothing to reload")

func (p *proxy) reload() ([]conf.Change, error) {
	old, path := p.force.config(), p.force.path
	p.force.reads()
	next, err := conf.Load(path)
	if err != nil {
		return nil, err
	}
	changes := old.Changes(next)
	if err := needsRestart(old, next, changes); err != nil {
		return nil, err
	}
	take, err := p.certificates(next)
	if err != nil {
		return nil, err
	}
	to, err := accesses(old, next, changes)
	if err != nil {
		return nil, err
	}
	if err := p.fenced.moves(p.ctx, old, next); err != nil {
		return nil, err
	}
	take()
	for i, access := range to {
		p.servers()[i].SetAccess(access)
	}
	p.apply(next, changes)
	p.force.take(next)
	return changes, nil
}

// needsRestart names what a running proxy can't take over.
func needsRestart(old, next *conf.Config, changes []conf.Change) error {
	fixed := placementChanges(old, next)
	moved := len(fixed) > 0
	for _, c := range changes {
		if !c.Live() && !(moved && (c.Key == "store" || strings.HasPrefix(c.Key, "store."))) {
			fixed = append(fixed, c.Key)
		}
	}
	if next.Consistency.Fenced() {
		fixed = append(fixed, tableChanges(changes)...)
	}
	if len(fixed) == 0 {
		return nil
	}
	how := "SIGUSR2 starts the program anew without losing a client"
	switch {
	case moved && next.Consistency.Fenced():
		how = "nothing was changed, and a restart alone would not do: the stores have the order on record"
	case moved:
		how = "nothing was changed"
	case old.Consistency.Fenced() != next.Consistency.Fenced():
		how = "nothing was changed, and it takes a stop of all proxies"
	case next.Consistency.Fenced():
		how = cmp.Or(recorded(old, next), how)
	}
	return fmt.Errorf("needs a restart: %s; %s (docs/OPERATIONS.md)", strings.Join(fixed, ", "), how)
}

// recorded is how settings are changed that the stores have on record; "" if none
// of these differs.
func recorded(old, next *conf.Config) (how string) {
	before := agreedSettings(old)
	for i, s := range agreedSettings(next) {
		switch {
		case s.Value == before[i].Value:
		case !s.Free:
			return "nothing was changed, and a restart would not do: the stores have " + s.Name + " on record"
		default:
			how = "the stores have " + s.Name + " on record: stop all proxies, run dsmproxy init -change, start them"
		}
	}
	return how
}

// tableChanges names the changes of session tables that are there already: at the
// levels safe and strict, what a record's key is must not change under versions
// that are there.
func tableChanges(changes []conf.Change) (list []string) {
	for _, c := range changes {
		if !strings.HasPrefix(c.Key, "table.") || c.From == "" {
			continue
		}
		what := c.Key
		if c.To == "" {
			what = strings.TrimPrefix(what[:strings.LastIndexByte(what, '.')], "table.")
			what = "table " + what + " is removed, which no running proxy does at the levels safe and strict"
		}
		list = append(list, what)
	}
	return slices.Compact(list)
}

// apply takes over what is live. Nothing of it can go wrong.
func (p *proxy) apply(next *conf.Config, changes []conf.Change) {
	differs := func(prefix string) bool {
		return slices.ContainsFunc(changes, func(c conf.Change) bool { return strings.HasPrefix(c.Key, prefix) })
	}
	p.users.set(next.Users)
	p.server.SetLimits(limits(next))
	if differs("log.level") { // else one that log-level has set stays
		p.log.setLevel(next.Log.Level)
	}
	if differs("pool.") || differs("health.") {
		for _, st := range p.servers() {
			st.SetTuning(tuning(next))
		}
	}
	p.router.LogSlow(next.Log.SlowStatement)
	if differs("table.") {
		list := tables(next)
		p.plans.SetTables(list)
		p.running.Go(func() { p.router.CheckNames(p.ctx, list) })
	}
}

// watchEvery is how often the file is looked at.
const watchEvery = time.Second

// watchFile reloads the file whenever it has changed, if the configuration in
// force says so, until ctx ends. It is read after it has stayed the same for a
// look, for it may be written in pieces.
func (p *proxy) watchFile(ctx context.Context) {
	path := p.force.path
	if path == "" {
		return
	}
	read := func() content { return contentOf(path) }
	watch(ctx, read(), read, func(now content) {
		if now != (content{}) && p.force.config().Watch && !p.force.tried(now) {
			_, _ = p.Reload() // which logs what is wrong
		}
	})
}

// watch reads again and again until ctx ends, and tells what it has read whenever
// that has stayed the same for a look. last is what was read before.
func watch(ctx context.Context, last content, read func() content, settled func(now content)) {
	t := time.NewTicker(watchEvery)
	defer t.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-t.C:
		}
		now := read()
		same := now == last
		if last = now; same {
			settled(now)
		}
	}
}

// content is the hash of a file; zero if it can't be read.
type content [sha256.Size]byte

func contentOf(path string) content {
	data, err := os.ReadFile(path)
	if err != nil {
		return content{}
	}
	return sha256.Sum256(data)
}
