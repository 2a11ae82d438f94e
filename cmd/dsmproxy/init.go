package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os/signal"
	"strings"
	"syscall"
	"time"

	"github.com/dsmproxy/dsmproxy/conf"
	"github.com/dsmproxy/dsmproxy/internal/admin"
	"github.com/dsmproxy/dsmproxy/router/fence"
	"github.com/dsmproxy/dsmproxy/router/ledger"
)

const aboutInit = `Prepares the stores and witnesses for the levels safe and strict: makes the side
tables (schema dsm), takes over the records that are there, and brings each to
its copies; where copies differ, the first store's of the key's order counts,
which is the one that was read before. dsmproxy serve does the same by itself,
while it serves; so this is for whoever wants to see it done before. It can be
called again at any time, and goes on where it was.

While a proxy at level seed still runs (at the configuration's admin address),
only the tables are made. From the first start at level safe or strict on, no
proxy at level seed may write to the stores.

With -change it records what the configuration says of view_lease, quorum and
witnesses as new, for all proxies; all must be stopped.`

func runInit(args []string, stdin io.Reader, stdout, stderr io.Writer) error {
	fs := newFlags("init", "[-config FILE] [-yes] [-change]", aboutInit)
	path := fs.String("config", defaultConfig, "configuration `file`")
	yes := fs.Bool("yes", false, "don't ask for a confirmation")
	change := fs.Bool("change", false, "record new values of settings in which all proxies must agree")
	rest, done, err := parseFlags(fs, args, stdout, stderr)
	if done || err != nil {
		return err
	}
	if len(rest) > 0 {
		return usageError(fs, stderr, "takes no argument: write -config %s", conf.WithoutLogin(rest[0]))
	}
	cfg, err := loadConfig(*path, stderr)
	if err != nil {
		return err
	}
	if !cfg.Consistency.Fenced() {
		return errors.New(`the level is "seed", which needs no preparation: set [consistency] level = "safe" first`)
	}
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM)
	defer stop()
	in := &initialisation{cfg: cfg, yes: *yes, stdin: stdin, stdout: stdout, stderr: stderr}
	err = in.run(ctx, *change)
	if ctx.Err() != nil {
		return errors.New("interrupted; it can be called again")
	}
	return err
}

// initialisation is one run of init.
type initialisation struct {
	*direct
	cfg            *conf.Config
	yes            bool
	stdin          io.Reader
	stdout, stderr io.Writer
}

func (in *initialisation) run(ctx context.Context, change bool) error {
	level, err := in.runningLevel(ctx)
	switch {
	case err != nil:
		return err
	case level != "" && change:
		return errors.New("a proxy runs: stop all proxies before settings are changed")
	case level != "" && level != "seed":
		r, err := remoteOf(in.cfg.Admin, in.cfg.Admin.Password)
		if err != nil {
			return err
		}
		return in.watch(ctx, func() (*admin.Group, error) {
			s, err := r.Status(ctx)
			if err != nil {
				return nil, err
			}
			return s.Group, nil
		})
	}
	if in.direct, err = openDirect(ctx, in.cfg, slog.New(slog.DiscardHandler)); err != nil {
		return err
	}
	defer in.close()
	if change {
		return in.change(ctx)
	}
	if err := in.fenced.prepare(ctx); err != nil {
		return err
	}
	if level == "seed" {
		_, err := fmt.Fprintln(in.stdout, "prepared: the tables are there. A proxy at level seed serves still: restart all proxies with this configuration, "+
			"and they take the records over while they serve")
		return err
	}
	return in.found(ctx)
}

// runningLevel is the level of the proxy that runs by the configuration; "" if
// none does.
func (in *initialisation) runningLevel(ctx context.Context) (string, error) {
	if in.cfg.Admin.Listen == "" {
		return "", nil
	}
	r, err := remoteOf(in.cfg.Admin, in.cfg.Admin.Password)
	if err != nil {
		return "", err
	}
	s, err := r.Status(ctx)
	switch {
	case err == nil:
		return s.Level, nil
	case admin.Unreachable(err):
		return "", nil
	}
	return "", err
}

// found makes the stores' registers, and waits for the copies.
func (in *initialisation) found(ctx context.Context) error {
	founded, err := in.founded(ctx)
	if err != nil {
		return err
	}
	if !founded {
		fmt.Fprintf(in.stdout, "%s and %s will be one group at level %q. From here on no proxy at level seed may\nwrite to them: all must be stopped.\n",
			count(len(in.stores), "store"), count(len(in.fenced.witnesses), "witness"), in.cfg.Consistency.Level)
		if err := confirm(in.yes, in.stdin, in.stdout); err != nil {
			return err
		}
	}
	ended := make(chan error, 1)
	go func() { ended <- in.fenced.group.Found(ctx) }()
	bar := newProgress(in.stderr, "listing records")
	err = in.await(ctx, ended, bar)
	bar.end()
	if err != nil && !errors.Is(err, fence.ErrFounded) && !founded {
		return err
	}
	if _, err := in.fenced.agree(ctx); err != nil {
		return err
	}
	in.lead()
	if in.cfg.Consistency.Quorum == "solo" && !in.fenced.group.OthersLive() {
		// Copies are made by the one that serves, which is whoever is asked first.
		if _, err := in.fenced.group.Grant(ctx, fence.Key{}); err != nil {
			return err
		}
	}
	return in.watch(ctx, func() (*admin.Group, error) { return in.fenced.status(), nil })
}

// founded reports whether there are registers already.
func (in *initialisation) founded(ctx context.Context) (bool, error) {
	for _, w := range in.fenced.members() {
		st, err := w.Look(ctx, fence.Beat{})
		if err != nil {
			return false, fmt.Errorf("%s: %w", w.Name(), err)
		}
		if !st.Blank {
			return true, nil
		}
	}
	return false, nil
}

// await shows how far the stores are with listing until that has ended.
func (in *initialisation) await(ctx context.Context, ended <-chan error, bar *progress) error {
	for {
		var listed, of uint64
		for _, s := range in.ledger.Stores {
			l, n := s.Adopting()
			listed, of = listed+l, of+n
		}
		if of > 0 {
			bar.show(listed, of)
		}
		select {
		case err := <-ended:
			return err
		case <-ctx.Done():
			<-ended
			return context.Cause(ctx)
		case <-time.After(barEvery):
		}
	}
}

// watch shows how far the copies are until all are there.
func (in *initialisation) watch(ctx context.Context, status func() (*admin.Group, error)) error {
	bar := newProgress(in.stderr, "bringing records to their copies")
	defer bar.end()
	said := ""
	for {
		g, err := status()
		if err != nil {
			return err
		}
		if g == nil {
			return errSeed
		}
		up, ready, keys := 0, g.View != "" && g.Tidy, uint64(0)
		var lacking []string
		for i := range g.Members {
			m := &g.Members[i]
			keys = max(keys, m.Keys)
			if m.Witness {
				continue
			}
			if m.State == "up" {
				up++
			}
			if m.State != "up" || !m.Covered {
				ready = false
				lacking = append(lacking, m.Name+" is "+memberState(m))
			}
		}
		if ready {
			bar.end()
			_, err := fmt.Fprintf(in.stdout, "initialised: %s up, all records (about %d at one store) are on their copies\n", count(up, "store"), keys)
			return err
		}
		if g.Heal.Running {
			bar.show(g.Heal.Keys, g.Heal.Of)
		} else if text := strings.Join(lacking, "; "); text != said && time.Since(bar.began) > patience {
			said = text
			fmt.Fprintln(in.stderr, "waiting: "+text)
		}
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-time.After(barEvery):
		}
	}
}

// change records settings that may be changed.
func (in *initialisation) change(ctx context.Context) error {
	fmt.Fprintln(in.stdout, "Records these settings at all stores and witnesses; all proxies must be stopped and started with them:")
	for _, s := range in.fenced.agreed.settings {
		if s.Free {
			fmt.Fprintf(in.stdout, "  %s = %s\n", s.Name, s.Value)
		}
	}
	if err := confirm(in.yes, in.stdin, in.stdout); err != nil {
		return err
	}
	for _, w := range in.fenced.members() {
		err := w.Resettle(ctx, in.fenced.agreed.settings, changeQuiet)
		var differs *ledger.Disagreement
		switch {
		case errors.As(err, &differs):
			return fmt.Errorf("%w: which of them decide where records are can't be changed", err)
		case err != nil:
			return fmt.Errorf("%s: %w", w.Name(), err)
		}
	}
	_, err := fmt.Fprintln(in.stdout, "recorded")
	return err
}

// changeQuiet is for how long no proxy may have looked at a store whose settings
// are changed.
const changeQuiet = 5 * time.Second
