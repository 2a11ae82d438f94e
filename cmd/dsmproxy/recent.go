package main

import (
	"context"
	"sync"
	"time"

	"github.com/dsmproxy/dsmproxy/router/meter"
)

// What the status says of latencies is of the last minute: of the time since the
// start, an incident of now would not show. The counters only grow, so each is
// read every ten seconds, the last readings are kept, and the oldest of them is
// subtracted. That is some kilobytes, and costs statements nothing.

// recentEvery is how often the counters are read, recentKept how many readings
// are kept: the oldest is 60 to 70 seconds old.
const (
	recentEvery = 10 * time.Second
	recentKept  = 7
)

// recent are the last readings. The zero value has none. It is safe for
// concurrent use.
type recent struct {
	mu   sync.Mutex // guards list
	list []reading  // the oldest first
}

// reading is what was counted at one time, by store and by kind of statement.
type reading struct {
	stores []meter.Latency
	kinds  map[string]meter.Latency
}

// note adds a reading.
func (r *recent) note(now reading) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if len(r.list) == recentKept {
		r.list = append(r.list[:0], r.list[1:]...)
	}
	r.list = append(r.list, now)
}

// oldest is the reading to subtract; an empty one if there is none.
func (r *recent) oldest() reading {
	r.mu.Lock()
	defer r.mu.Unlock()
	if len(r.list) == 0 {
		return reading{}
	}
	return r.list[0]
}

// ofStore is what has come since at a store that has counted now.
func (r reading) ofStore(i int, now meter.Latency) meter.Latency {
	if i >= len(r.stores) {
		return now
	}
	return now.Since(r.stores[i])
}

// ofKind is what has come since of a kind of statements.
func (r reading) ofKind(kind string, now meter.Latency) meter.Latency {
	return now.Since(r.kinds[kind])
}

// keepRecent reads the counters until ctx ends.
func (p *proxy) keepRecent(ctx context.Context) {
	t := time.NewTicker(recentEvery)
	defer t.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-t.C:
			p.recent.note(p.reading())
		}
	}
}

// reading reads the counters.
func (p *proxy) reading() reading {
	r := reading{kinds: make(map[string]meter.Latency)}
	for _, st := range p.Stores() {
		r.stores = append(r.stores, st.Counts().Latency)
	}
	for _, k := range p.router.Counts().Kinds {
		r.kinds[k.Kind] = k.Latency
	}
	return r
}
