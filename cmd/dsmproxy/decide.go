package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os/signal"
	"strings"
	"syscall"
	"time"

	"github.com/dsmproxy/dsmproxy/internal/admin"
)

// decision is a command by which an operator decides what a store's memory is
// worth.
type decision struct {
	verb, about string
	// lost says what will be lost, by what is known of the store.
	lost func(s *admin.Group, m *admin.Member) string
	done string
}

const aboutDecision = `

It asks a running proxy; if none runs by the configuration on this machine, it
does it by itself. Other proxies learn of it from the stores.

It says what will be lost and asks for a confirmation, unless -yes is given.`

var (
	runForget = decide(decision{
		verb: "forget",
		about: `Gives up what a store remembers that is down, for good or for long: when it comes
back it is filled like an empty one. Until then tombstones of deleted records
are no longer kept for it, and records whose newest version only it could have
are served without it. It is refused while other stores lack records.`,
		lost: func(s *admin.Group, m *admin.Member) string {
			return fmt.Sprintf("What %s remembers (%s) will not count any more. Nothing is lost\n"+
				"that the other stores have; when it comes back it is filled from them.", m.Name, about(m.Keys))
		},
		done: "forgotten: %s is filled like an empty store when it comes back",
	})
	runAcceptLoss = decide(decision{
		verb: "accept-loss",
		about: `Gives up what a store remembers, in whatever state it is, and takes what the
others have for all there is. It is the way out when records can't be served
because the memory of too many stores is lost (the log, the status page and the
error that clients get say so): first bring back every store that can be.`,
		lost: func(s *admin.Group, m *admin.Member) string {
			return fmt.Sprintf("Writes that were acknowledged and are on no other store than %s will be LOST\n"+
				"(it has %s, most of which others have too). Deleted records may come back as\n"+
				"the other stores have them. There is no way back.", m.Name, about(m.Keys))
		},
		done: "accepted: what only %s had does not count any more",
	})
	runTrust = decide(decision{
		verb: "trust",
		about: `Lets a store (or witness) in as it is that was restarted and may have lost what it
had not written to its disk: the operator says that it has lost nothing, as when
the server alone was restarted, or accepts the loss. It is the way back after a
loss of power at all stores that are not durable.`,
		lost: func(s *admin.Group, m *admin.Member) string {
			return fmt.Sprintf("%s is believed to have all that it had. If it has lost something, the last\n"+
				"second before a crash or all since a backup, clients may see records as they were\n"+
				"then, and deleted ones again.", m.Name)
		},
		done: "trusted: %s is let in as it is",
	})
)

func about(keys uint64) string {
	if keys == 0 {
		return "an unknown number of records"
	}
	return fmt.Sprintf("about %s", count(int(keys), "record"))
}

func decide(d decision) func([]string, io.Reader, io.Writer, io.Writer) error {
	return func(args []string, stdin io.Reader, stdout, stderr io.Writer) error {
		fs := newFlags(d.verb, "[-config FILE | -admin ADDRESS] [-yes] STORE", d.about+aboutDecision)
		to := addRemoteFlags(fs)
		yes := fs.Bool("yes", false, "don't ask for a confirmation")
		rest, done, err := parseFlags(fs, args, stdout, stderr)
		if done || err != nil {
			return err
		}
		if len(rest) != 1 {
			return usageError(fs, stderr, "takes the name of one store")
		}
		ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM)
		defer stop()
		g, act, end, err := d.reach(ctx, to, stderr)
		if err != nil {
			return err
		}
		defer end()
		m := member(g, rest[0])
		if m == nil {
			return fmt.Errorf("there is no store %q: they are %s", rest[0], strings.Join(memberNames(g), ", "))
		}
		fmt.Fprintf(stdout, "%s: %s\n%s\n", m.Name, memberState(m), d.lost(g, m))
		if err := confirm(*yes, stdin, stdout); err != nil {
			return err
		}
		if err := act(ctx, m.Name); err != nil {
			return err
		}
		_, err = fmt.Fprintf(stdout, d.done+"\n", m.Name)
		return err
	}
}

// reach finds who carries the decision out: a running proxy or this process.
func (d decision) reach(ctx context.Context, to remoteFlags, stderr io.Writer) (g *admin.Group, act func(context.Context, string) error, end func(), err error) {
	r, err := to.remote(stderr)
	if err != nil && (*to.admin != "" || errors.Is(err, errSilent)) {
		return nil, nil, nil, err
	}
	if err == nil {
		s, err := r.Status(ctx)
		switch {
		case err == nil && s.Group == nil:
			return nil, nil, nil, errSeed
		case err == nil:
			return s.Group, func(ctx context.Context, store string) error { return r.Decide(ctx, d.verb, store) }, func() {}, nil
		case *to.admin != "" || !admin.Unreachable(err):
			return nil, nil, nil, err
		}
	}
	cfg, err := loadConfig(*to.config, stderr)
	if err != nil {
		return nil, nil, nil, err
	}
	if !cfg.Consistency.Fenced() {
		return nil, nil, nil, errSeed
	}
	fmt.Fprintln(stderr, "no proxy runs by this configuration here: doing it without one")
	own, err := openDirect(ctx, cfg, slog.New(slog.DiscardHandler))
	if err != nil {
		return nil, nil, nil, err
	}
	own.lead()
	// What the proxy would have seen by now of stores that fail.
	if err := own.led(ctx); err != nil && d.verb != "trust" {
		own.close()
		return nil, nil, nil, err
	}
	act = func(ctx context.Context, store string) error { return own.decide(ctx, d.verb, store) }
	return own.fenced.status(), act, own.close, nil
}

// decide carries a decision out. What the group is asked for may need that it
// has found out more, as which store is down, so it is tried for a while.
func (d *direct) decide(ctx context.Context, verb, store string) error {
	end := time.Now().Add(d.cfg.Consistency.Patience)
	for {
		err := d.fenced.decide(ctx, verb, store)
		if err == nil || time.Now().After(end) || ctx.Err() != nil {
			return err
		}
		select {
		case <-ctx.Done():
		case <-time.After(100 * time.Millisecond):
		}
	}
}

// confirm asks for a confirmation.
func confirm(yes bool, stdin io.Reader, stdout io.Writer) error {
	if yes {
		return nil
	}
	if !isTerminal(stdin) {
		return errors.New("nothing was done: give -yes to do it without being asked")
	}
	fmt.Fprint(stdout, "Go on? Type yes: ")
	line, _ := bufio.NewReader(stdin).ReadString('\n')
	if strings.TrimSpace(line) != "yes" {
		return errors.New("nothing was done")
	}
	return nil
}

func member(g *admin.Group, name string) *admin.Member {
	for i := range g.Members {
		if g.Members[i].Name == name {
			return &g.Members[i]
		}
	}
	return nil
}

func memberNames(g *admin.Group) []string {
	var names []string
	for i := range g.Members {
		names = append(names, g.Members[i].Name)
	}
	return names
}

// memberState says how a store is in the group, in words.
func memberState(m *admin.Member) string {
	state := m.State
	switch {
	case m.Witness:
		state = "witness"
	case state == "":
		state = "unknown"
	case state == "join":
		state = "joining"
	}
	for _, c := range []struct {
		holds bool
		text  string
	}{
		{!m.Answers && !m.Refuses, "does not answer"}, {m.Drained, "drained"}, {m.Forgotten, "forgotten"}, {m.Answers && m.Blank, "blank"},
		{m.Answers && !m.Blank && !m.Gate, "gate closed"}, {!m.Witness && m.State == "up" && !m.Covered, "not all records"},
	} {
		if c.holds {
			state += ", " + c.text
		}
	}
	if m.Listing > 0 {
		state += fmt.Sprintf(", listing its records (%d of about %d)", m.Listed, max(m.Listed, m.Listing))
	}
	if m.Error != "" {
		state += ": " + m.Error
	} else if m.Why != "" {
		state += ": " + m.Why
	}
	return state
}
