package store

import (
	"sync/atomic"
	"time"

	"github.com/dsmproxy/dsmproxy/router/meter"
)

// counts are what has happened at a store since the proxy began.
type counts struct {
	sent    meter.Counter
	latency meter.Histogram

	dials, dialErrors, broken, downs atomic.Uint64
	waits, timeouts                  atomic.Uint64
	waited, ping                     atomic.Int64 // nanoseconds
}

// Counts are what has happened at a store since the proxy began. All but Ping
// only grow.
type Counts struct {
	Sent       uint64        // rounds of statements sent to it, the proxy's own included
	Latency    meter.Latency // until the first byte of an answer, of those that were timed
	Dials      uint64
	DialErrors uint64        // of Dials, those that gave no connection
	Broken     uint64        // connections that have failed
	Downs      uint64        // times that it went down
	Waits      uint64        // statements that had to wait for a connection
	Timeouts   uint64        // of Waits, those that got none in time
	Waited     time.Duration // by all Waits
	Ping       time.Duration // of the last probe that was answered
}

// Counts returns the counts of now.
func (s *Store) Counts() Counts {
	n := &s.counts
	return Counts{
		Sent: n.sent.Load(), Latency: n.latency.Load(),
		Dials: n.dials.Load(), DialErrors: n.dialErrors.Load(), Broken: n.broken.Load(), Downs: n.downs.Load(),
		Waits: n.waits.Load(), Timeouts: n.timeouts.Load(),
		Waited: time.Duration(n.waited.Load()), Ping: time.Duration(n.ping.Load()),
	}
}

// departs notes that a statement is sent.
func (c *Conn) departs() {
	c.began = 0
	if n := c.store.counts.sent.Add(c.shard); c.store.cfg.Timed.Times(n) {
		c.began = meter.Now()
	}
}

// arrives notes that its answer has begun.
func (c *Conn) arrives() {
	if c.began != 0 {
		c.store.counts.latency.Observe(meter.Since(c.began))
		c.began = 0
	}
}

// endWait notes that a wait for a connection has ended, which began at began.
func (s *Store) endWait(began time.Time) {
	s.counts.waits.Add(1)
	s.counts.waited.Add(int64(time.Since(began)))
}
