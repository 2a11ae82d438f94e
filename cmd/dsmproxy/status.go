package main

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os/signal"
	"strings"
	"syscall"
	"text/tabwriter"
	"time"

	"github.com/dsmproxy/dsmproxy/internal/admin"
)

// watchTime is how often -watch asks.
const watchTime = time.Second

func runStatus(args []string, _ io.Reader, stdout, stderr io.Writer) error {
	fs := newFlags("status", "[-config FILE | -admin ADDRESS] [-json] [-watch]",
		"Prints how a running proxy is: its stores, traffic, clients, and what it has\nrefused. Exits with 1 if it can't be asked.")
	to := addRemoteFlags(fs)
	asJSON := fs.Bool("json", false, "print one object, as /api/status has it")
	watch := fs.Bool("watch", false, "print it anew every second")
	rest, done, err := parseFlags(fs, args, stdout, stderr)
	if done || err != nil {
		return err
	}
	if len(rest) > 0 {
		return usageError(fs, stderr, "takes no argument")
	}
	colour := isTerminal(stdout)
	return to.ask(stderr, func(ctx context.Context, r *admin.Remote) error {
		return again(ctx, *watch, func(ctx context.Context) error {
			s, err := r.Status(ctx)
			if err != nil {
				return err
			}
			if *asJSON {
				return json.NewEncoder(stdout).Encode(s)
			}
			if *watch && colour {
				fmt.Fprint(stdout, clearScreen)
			}
			return printStatus(stdout, s, colour)
		})
	})
}

// clearScreen has a terminal go to the top of a cleared screen.
const clearScreen = "\x1b[H\x1b[2J"

// again prints once, or every second until a signal ends it.
func again(ctx context.Context, watch bool, once func(context.Context) error) error {
	ctx, stop := signal.NotifyContext(ctx, syscall.SIGINT, syscall.SIGTERM)
	defer stop()
	for {
		err := once(ctx)
		if err != nil || !watch {
			return err
		}
		select {
		case <-ctx.Done():
			return nil
		case <-time.After(watchTime):
		}
	}
}

// colours of states, as a terminal has them.
var colours = map[string]string{"up": "32", "ready": "32", "down": "31", "excluded": "31", "unready": "31"}

// paint colours a state; one that is neither good nor bad is yellow.
func paint(state string, on bool) string {
	if !on {
		return state
	}
	return "\x1b[" + cmp.Or(colours[state], "33") + "m" + state + "\x1b[0m"
}

// printStatus prints the state for people.
func printStatus(w io.Writer, s *admin.Status, colour bool) error {
	fmt.Fprintf(w, "%s  %s  %s, %d copies, level %s, version %s, up %s\n", paint(s.State, colour), s.Listen, s.Placement, s.Copies, s.Level,
		s.Version, s.Now.Sub(s.Started).Round(time.Second))
	if s.Why != "" {
		fmt.Fprintln(w, s.Why)
	}
	if s.Config.Error != "" {
		fmt.Fprintf(w, "the configuration file is not in force:\n  %s\n", strings.ReplaceAll(s.Config.Error, "\n", "\n  "))
	}
	fmt.Fprintf(w, "configuration %s, loaded %s%s\n\n", cmp.Or(s.Config.File, "from no file"), s.Config.Loaded.Format(time.DateTime),
		map[bool]string{true: ": the file was changed since, dsmproxy reload takes it over"}[s.Config.Stale && s.Config.Error == ""])

	for _, c := range s.Certificates {
		if text := expiryText(c, s.Now); text != "" {
			fmt.Fprintf(w, "%s\n\n", text)
		}
	}
	// The state comes last, for its colour would count as width.
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(t, "STORE\tADDRESS\tFOR\tPROBE\tP99(1m)\tUSED/OPEN/MAX\tRECORDS\tKEYS\tMISSED\tSTATE")
	for _, x := range s.Stores {
		records := "?"
		if x.Records >= 0 {
			records = fmt.Sprint("~", x.Records)
		}
		fmt.Fprintf(t, "%s\t%s\t%s\t%s\t%s\t%d/%d/%d\t%s\t%.0f%%\t%d\t%s\n", x.Name, x.Addr, s.Now.Sub(x.Since).Round(time.Second),
			seconds(x.Ping), seconds(x.P99), x.Open-x.Idle, x.Open, x.Max, records, 100*x.Share, x.Backlog.Pending, paint(service(&x, s.Group), colour))
	}
	if err := t.Flush(); err != nil {
		return err
	}
	for _, x := range s.Stores {
		if x.State != "up" && x.LastError != "" {
			fmt.Fprintf(w, "%s: %s\n", x.Name, x.LastError)
		}
		if why := outOfService(&x, s.Group); why != "" {
			fmt.Fprintf(w, "%s: %s\n", x.Name, why)
		}
		if x.Doing != "" {
			fmt.Fprintf(w, "%s: %s\n", x.Name, x.Doing)
		}
		if x.ClockWrong {
			fmt.Fprintf(w, "%s: its clock is %s the proxy's: set it right\n", x.Name, aheadOf(x.Clock))
		}
	}
	if s.Group != nil {
		if err := printGroup(w, s.Group); err != nil {
			return err
		}
	}
	if len(s.Traffic) > 0 {
		fmt.Fprintln(t, "\nKIND\tCOUNT\tP50(1m)\tP99(1m)")
		for _, k := range s.Traffic {
			fmt.Fprintf(t, "%s\t%d\t%s\t%s\n", k.Kind, k.Count, seconds(k.P50), seconds(k.P99))
		}
	}
	fmt.Fprintln(t)
	for _, row := range counted(s) {
		fmt.Fprintf(t, "%s\t%s\n", row[0], row[1])
	}
	if err := t.Flush(); err != nil {
		return err
	}
	for i, r := range s.Refusals {
		if i == 0 {
			fmt.Fprintln(w, "\nrefused:")
		}
		fmt.Fprintf(w, "  %d times: %s\n", r.Count, r.Construct)
		if r.Example != "" {
			fmt.Fprintf(w, "    %s\n", r.Example)
		}
	}
	if s.OtherRefusals > 0 {
		fmt.Fprintf(w, "  %d times: others\n", s.OtherRefusals)
	}
	return nil
}

// aheadOf says how far a clock is ahead or behind.
func aheadOf(s float64) string {
	d := time.Duration(s * float64(time.Second)).Round(100 * time.Millisecond)
	if d < 0 {
		return (-d).String() + " behind"
	}
	return d.String() + " ahead of"
}

// seconds prints a duration that is given in seconds.
func seconds(s float64) string {
	d := time.Duration(s * float64(time.Second))
	switch {
	case d == 0:
		return "-"
	case d < time.Millisecond:
		return d.Round(time.Microsecond).String()
	}
	return d.Round(100 * time.Microsecond).String()
}
