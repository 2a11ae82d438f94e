package main

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"os/signal"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// options are the command line.
type options struct {
	program  string
	rounds   int
	length   time.Duration
	clients  []int
	payloads []int
	levels   []string
	peer     string
	others   string
	ways     string
	records  int
	flush    int
	parts    string
	duration time.Duration
	only     string
	jsonFile string
	chart    string
	profile  string
}

func main() {
	ctx, cancel := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM)
	err := run(ctx, os.Args[1:], os.Stdout)
	cancel()
	if err != nil && !errors.Is(err, flag.ErrHelp) {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

func parse(args []string) (o options, err error) {
	fs := flag.NewFlagSet("bench", flag.ContinueOnError)
	fs.StringVar(&o.program, "program", "bin/dsmproxy", "the proxy's `program`")
	fs.IntVar(&o.rounds, "rounds", 5, "rounds of each scenario")
	fs.DurationVar(&o.length, "length", time.Second, "of a round of one target")
	clients := fs.String("clients", "1,8,64", "numbers of clients")
	payloads := fs.String("payloads", "1024,16384", "bytes of a record")
	levels := fs.String("levels", "seed", "consistency levels of dsmproxy")
	fs.StringVar(&o.others, "others", "", "further `programs` of dsmproxy to compare, comma-separated")
	fs.StringVar(&o.ways, "ways", "", "further `ways` of dsmproxy to the stores, comma-separated: unix (their sockets), one (one store, one copy)")
	fs.StringVar(&o.peer, "peer", "", "a further target, `name:port` or name:host:port, with the stores' account and table")
	fs.IntVar(&o.records, "records", 10000, "records in the table")
	fs.IntVar(&o.flush, "flush", 2, "innodb_flush_log_at_trx_commit of the stores")
	fs.StringVar(&o.parts, "parts", "load,connect,memory,crowd,curves", "what to measure; soak as well")
	fs.DurationVar(&o.duration, "duration", 10*time.Minute, "how long a soak goes on")
	fs.StringVar(&o.only, "only", "", "the one `operation` to load with: select or upsert")
	fs.StringVar(&o.jsonFile, "json", "", "write the figures to this `file`")
	fs.StringVar(&o.chart, "chart", "", "draw the figures in this SVG `file`")
	fs.StringVar(&o.profile, "profile", "", "write a processor profile of dsmproxy to this `file`")
	if err := fs.Parse(args); err != nil {
		return o, err
	}
	if o.rounds < 1 {
		return o, errors.New("-rounds: want 1 or more")
	}
	o.levels = strings.Split(*levels, ",")
	if o.clients, err = numbers(*clients); err != nil {
		return o, fmt.Errorf("-clients: %w", err)
	}
	if o.payloads, err = numbers(*payloads); err != nil {
		return o, fmt.Errorf("-payloads: %w", err)
	}
	return o, nil
}

func numbers(list string) ([]int, error) {
	var n []int
	for _, s := range strings.Split(list, ",") {
		i, err := strconv.Atoi(s)
		if err != nil || i < 1 {
			return nil, fmt.Errorf("%q is no number above 0", s)
		}
		n = append(n, i)
	}
	return n, nil
}

func run(ctx context.Context, args []string, out io.Writer) error {
	o, err := parse(args)
	if err != nil {
		return err
	}
	b, err := newBed(ctx, o.program, o.records, o.flush, false)
	if err != nil {
		return err
	}
	defer b.close()
	targets, err := startTargets(ctx, b, o)
	if err != nil {
		return err
	}
	r := &report{Machine: machine(), Rounds: o.rounds, Length: o.length.String(), Records: o.records}
	parts := []struct {
		name string
		do   func(context.Context, *bed, []*target, options, *report) error
	}{
		{"load", measureLoad}, {"connect", measureConnect}, {"memory", measureMemory},
		{"crowd", measureCrowd}, {"curves", measureCurves},
		{"soak", measureSoak},
	}
	for _, p := range parts {
		if !strings.Contains(","+o.parts+",", ","+p.name+",") {
			continue
		}
		if err := p.do(ctx, b, targets, o, r); err != nil {
			return fmt.Errorf("%s: %w", p.name, err)
		}
	}
	r.print(out)
	if o.profile != "" {
		if err := b.stop(find(targets, "dsmproxy "+o.levels[0])); err != nil {
			return err
		}
	}
	if o.jsonFile != "" {
		text, err := json.MarshalIndent(r, "", "\t")
		if err != nil {
			return err
		}
		if err := os.WriteFile(o.jsonFile, append(text, '\n'), 0o644); err != nil {
			return err
		}
	}
	if o.chart != "" {
		if err := os.WriteFile(o.chart, r.chart(), 0o644); err != nil {
			return err
		}
	}
	if r.Soak != nil {
		return r.Soak.grown()
	}
	return nil
}

// startTargets starts everything that is compared. The first target is
// "direct", the second HAProxy, what ratios are taken to.
func startTargets(ctx context.Context, b *bed, o options) ([]*target, error) {
	targets := []*target{b.direct()}
	h, err := b.haproxy(ctx)
	if err != nil {
		return nil, err
	}
	targets = append(targets, h)
	for i, level := range o.levels {
		profile := ""
		if i == 0 {
			profile = o.profile
		}
		t, err := b.dsmproxy(ctx, level, 200, profile)
		if err != nil {
			return nil, err
		}
		targets = append(targets, t)
	}
	if o.others != "" {
		for _, program := range strings.Split(o.others, ",") {
			t, err := b.variant(ctx, program, o.levels[0], 200, "")
			if err != nil {
				return nil, err
			}
			t.name = filepath.Base(program)
			targets = append(targets, t)
		}
	}
	for way := range strings.SplitSeq(o.ways, ",") {
		if way == "" {
			continue
		}
		if way != wayUnix && way != wayOne {
			return nil, fmt.Errorf("-ways: %q is neither %s nor %s", way, wayUnix, wayOne)
		}
		b.way = way
		t, err := b.dsmproxy(ctx, "seed", 200, "")
		b.way = ""
		if err != nil {
			return nil, err
		}
		t.name = "dsmproxy, " + way
		targets = append(targets, t)
	}
	if o.peer != "" {
		t, err := peer(o.peer)
		if err != nil {
			return nil, err
		}
		targets = append(targets, b.over(t))
	}
	return targets, calm(ctx, targets)
}

func find(targets []*target, name string) *target {
	for _, t := range targets {
		if t.name == name {
			return t
		}
	}
	return nil
}

// measureLoad measures every operation with every number of clients.
func measureLoad(ctx context.Context, b *bed, targets []*target, o options, r *report) error {
	both := b.both()
	for _, payload := range o.payloads {
		if err := b.resize(ctx, payload); err != nil {
			return err
		}
		if err := calm(ctx, targets); err != nil {
			return err
		}
		for _, op := range []operation{
			{name: "select", payload: payload},
			{name: "select", payload: payload, binary: true},
			{name: "upsert", payload: payload, write: true},
			{name: "upsert", payload: payload, write: true, binary: true},
		} {
			if o.only != "" && o.only != op.name {
				continue
			}
			among := targets
			if op.write {
				among = append(append([]*target(nil), targets...), both)
			}
			for _, n := range o.clients {
				fmt.Fprintf(os.Stderr, "%s, %s, %d bytes, %d clients\n", op.name, op.proto(), payload, n)
				s, err := compare(ctx, b, among, op, n, o)
				if err != nil {
					return err
				}
				r.Scenarios = append(r.Scenarios, s)
			}
		}
	}
	return nil
}

// compare measures the targets in turn, in another order each round, after a
// round that is not counted.
func compare(ctx context.Context, b *bed, targets []*target, op operation, clients int, o options) (scenario, error) {
	s := scenario{Operation: op.name, Protocol: op.proto(), Payload: op.payload, Clients: clients}
	opened := make([][]*client, len(targets))
	defer func() {
		for _, c := range opened {
			closeAll(c)
		}
	}()
	for i, t := range targets {
		var err error
		if opened[i], err = open(ctx, t, op, o.records, clients); err != nil {
			return s, err
		}
		if _, err := round(t, opened[i], o.length/4); err != nil {
			return s, fmt.Errorf("%s: %w", t.name, err)
		}
	}
	samples := make([][]sample, len(targets))
	for range o.rounds {
		for _, i := range rand.Perm(len(targets)) {
			if err := ctx.Err(); err != nil {
				return s, err
			}
			if op.write {
				if err := settled(ctx, targets[i]); err != nil {
					return s, err
				}
			}
			got, err := round(targets[i], opened[i], o.length)
			if err != nil {
				return s, fmt.Errorf("%s: %w", targets[i].name, err)
			}
			samples[i] = append(samples[i], got)
		}
	}
	for i, t := range targets {
		s.Targets = append(s.Targets, summarize(t.name, samples[i]))
	}
	return s, nil
}
