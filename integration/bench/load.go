package main

import (
	"context"
	"errors"
	"slices"
	"sync"
	"sync/atomic"
	"time"
)

// sample is what one round of one target showed.
type sample struct {
	perSecond     float64
	p50, p95, p99 time.Duration
	proxyCPU      float64 // microseconds per query
	storeCPU      float64 // microseconds per query, of all stores together
}

// maxLatencies bounds the latencies kept of one client and round.
const maxLatencies = 1 << 18

// round has clients carry out their operation for the given time, together.
func round(t *target, clients []*client, length time.Duration) (sample, error) {
	turns := make([]func() error, len(clients))
	for i, c := range clients {
		turns[i] = c.turn
	}
	return roundOf(t, turns, length)
}

// roundOf is round for whatever is done again and again.
func roundOf(t *target, turns []func() error, length time.Duration) (sample, error) {
	var (
		all      sync.WaitGroup
		stop     atomic.Bool
		mu       sync.Mutex
		total    int
		latency  []time.Duration
		failures error
	)
	before, err := usage(t)
	if err != nil {
		return sample{}, err
	}
	begin := time.Now()
	for _, turn := range turns {
		all.Go(func() {
			n, own := 0, make([]time.Duration, 0, 4096)
			var err error
			for last := begin; !stop.Load() && err == nil; n++ {
				err = turn()
				now := time.Now()
				if len(own) < maxLatencies {
					own = append(own, now.Sub(last))
				}
				last = now
			}
			mu.Lock()
			defer mu.Unlock()
			total += n
			latency = append(latency, own...)
			failures = errors.Join(failures, err)
		})
	}
	time.AfterFunc(length, func() { stop.Store(true) })
	all.Wait()
	took := time.Since(begin)
	if failures != nil {
		return sample{}, failures
	}
	after, err := usage(t)
	if err != nil {
		return sample{}, err
	}
	slices.Sort(latency)
	at := func(q float64) time.Duration { return latency[int(q*float64(len(latency)-1))] }
	return sample{
		perSecond: float64(total) / took.Seconds(),
		p50:       at(0.50), p95: at(0.95), p99: at(0.99),
		proxyCPU: perQuery(after.proxy-before.proxy, total),
		storeCPU: perQuery(after.stores-before.stores, total),
	}, nil
}

func perQuery(d time.Duration, n int) float64 {
	return float64(d) / float64(time.Microsecond) / float64(n)
}

// used is processor time.
type used struct{ proxy, stores time.Duration }

func usage(t *target) (u used, err error) {
	if u.proxy, err = cpuTime(t.pid); err != nil {
		return u, err
	}
	for _, pid := range t.pids {
		d, err := cpuTime(pid)
		if err != nil {
			return u, err
		}
		u.stores += d
	}
	return u, nil
}

// open opens n clients of a target, several at a time.
func open(ctx context.Context, t *target, op operation, records, n int) ([]*client, error) {
	clients := make([]*client, n)
	var failures error
	var mu sync.Mutex
	var all sync.WaitGroup
	slots := make(chan struct{}, 16)
	for i := range clients {
		slots <- struct{}{}
		all.Go(func() {
			defer func() { <-slots }()
			c, err := dial(ctx, t, op, records, uint64(i))
			if err != nil {
				mu.Lock()
				failures = errors.Join(failures, err)
				mu.Unlock()
				return
			}
			clients[i] = c
		})
	}
	all.Wait()
	if failures != nil {
		closeAll(clients)
		return nil, failures
	}
	return clients, nil
}

func closeAll(clients []*client) {
	for _, c := range clients {
		if c != nil {
			c.close()
		}
	}
}
