package main

import (
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"strings"
	"time"
)

// visitors is how many clients connect, ask once and go at a time.
const visitors = 8

// measureConnect measures clients that connect, ask once and go, as PHP does.
func measureConnect(ctx context.Context, _ *bed, targets []*target, o options, r *report) error {
	samples := make([][]sample, len(targets))
	for n := range o.rounds + 1 {
		for _, i := range rand.Perm(len(targets)) {
			if err := ctx.Err(); err != nil {
				return err
			}
			fmt.Fprintf(os.Stderr, "connect, %s\n", targets[i].name)
			s, err := visits(targets[i], o)
			if err != nil {
				return fmt.Errorf("%s: %w", targets[i].name, err)
			}
			if n > 0 {
				samples[i] = append(samples[i], s)
			}
		}
	}
	for i, t := range targets {
		r.Connect = append(r.Connect, summarize(t.name, samples[i]))
	}
	return nil
}

// visits is a round of visitors.
func visits(t *target, o options) (sample, error) {
	turns := make([]func() error, visitors)
	for i := range turns {
		v, err := newVisitor(t, o.records, uint64(i))
		if err != nil {
			return sample{}, err
		}
		turns[i] = v.visit
	}
	return roundOf(t, turns, o.length)
}

// crowdSize is how many clients stay connected; a process may have 20,000 files
// open on many systems, and HAProxy has two per client.
const crowdSize = 10000

// measureMemory measures what an idle client costs, after it has asked once.
func measureMemory(ctx context.Context, b *bed, targets []*target, o options, r *report) error {
	for _, t := range targets {
		if t.pid == 0 {
			continue
		}
		size := crowdSize
		if !strings.HasPrefix(t.name, "dsmproxy") {
			// A proxy that opens a store connection for each client.
			size /= 10
		}
		if strings.HasPrefix(t.name, "dsmproxy") {
			// A process of its own: what others left behind is not counted.
			fresh, err := b.dsmproxy(ctx, strings.TrimPrefix(t.name, "dsmproxy "), 200, "")
			if err != nil {
				return err
			}
			t = fresh
		}
		fmt.Fprintf(os.Stderr, "memory, %s\n", t.name)
		m := memory{Name: t.name, Clients: size}
		var err error
		if m.Empty, err = resident(t.pid); err != nil {
			return err
		}
		clients, err := open(ctx, t, operation{name: "select", payload: 1024}, o.records, size)
		if err != nil {
			return err
		}
		for _, c := range clients {
			if err := c.turn(); err != nil {
				closeAll(clients)
				return err
			}
		}
		// What a garbage collector needs to give back, it gives back within
		// some seconds; what counts is what stays.
		for range 10 {
			time.Sleep(time.Second)
			if m.Full, err = resident(t.pid); err != nil {
				return err
			}
		}
		closeAll(clients)
		m.PerClient = (m.Full - m.Empty) / int64(size)
		r.Memory = append(r.Memory, m)
	}
	return nil
}

// measureCrowd holds 10,000 clients of which 2,000 are active, over 200 store
// connections in all, against 64 clients.
func measureCrowd(ctx context.Context, b *bed, targets []*target, o options, r *report) error {
	const active = crowdSize / 5
	t, err := b.dsmproxy(ctx, o.levels[0], 100, "")
	if err != nil {
		return err
	}
	op := operation{name: "select", payload: 1024}
	crowd, err := open(ctx, t, op, o.records, crowdSize)
	if err != nil {
		return err
	}
	defer closeAll(crowd)
	var few, many []sample
	for n := range o.rounds + 1 {
		fmt.Fprintf(os.Stderr, "crowd, round %d\n", n)
		a, err := round(t, crowd[:64], o.length)
		if err != nil {
			return err
		}
		z, err := round(t, crowd[:active], o.length)
		if err != nil {
			return err
		}
		if n > 0 {
			few, many = append(few, a), append(many, z)
		}
	}
	r.Crowd = []summary{
		summarize("64 active", few),
		summarize(fmt.Sprintf("%d active", active), many),
	}
	return nil
}

// measureCurves shows what the cost does not grow with: the variety of
// statements, idle clients.
func measureCurves(ctx context.Context, b *bed, targets []*target, o options, r *report) error {
	t, err := b.dsmproxy(ctx, o.levels[0], 200, "")
	if err != nil {
		return err
	}
	measure := func(curve string, x int, op operation, records int) error {
		fmt.Fprintf(os.Stderr, "curves, %s %d\n", curve, x)
		clients, err := open(ctx, t, op, records, 8)
		if err != nil {
			return err
		}
		defer closeAll(clients)
		var samples []sample
		for n := range o.rounds + 1 {
			s, err := round(t, clients, o.length)
			if err != nil {
				return err
			}
			if n > 0 {
				samples = append(samples, s)
			}
		}
		r.Curves = append(r.Curves, point{Curve: curve, X: x, summary: summarize(t.name, samples)})
		return nil
	}
	op := operation{name: "select", payload: 1024}
	for _, records := range []int{100, 1000, o.records} {
		if err := measure("records asked for", records, op, records); err != nil {
			return err
		}
	}
	if err := measure("distinct literals beside the key", 0, op, o.records); err != nil {
		return err
	}
	op.literals = true
	if err := measure("distinct literals beside the key", 1_000_000_000, op, o.records); err != nil {
		return err
	}
	op.literals = false
	var idle []*client
	defer func() { closeAll(idle) }()
	for _, n := range []int{0, 1000, 5000, crowdSize - 100} {
		more, err := open(ctx, t, op, o.records, n-len(idle))
		if err != nil {
			return err
		}
		idle = append(idle, more...)
		if err := measure("idle clients", n, op, o.records); err != nil {
			return err
		}
	}
	return nil
}
