// Package meter counts on the paths that every statement takes. What it offers
// costs an atomic add on memory that few goroutines share, and never
// allocates; whoever reads the counts pays for adding them up. It knows nothing
// of what is counted: packages router and router/store say that.
package meter

import (
	"math"
	"math/rand/v2"
	"sync/atomic"
	"time"
)

// Shards is over how many cache lines a Counter is spread.
const Shards = 16

// Counter counts what many goroutines do. The zero value is 0. It is safe for
// concurrent use.
type Counter struct {
	shards [Shards]struct {
		n atomic.Uint64
		_ [56]byte // of the cache line
	}
}

// Shard is one part of Counters. Whoever counts often keeps one.
type Shard uint8

// AnyShard picks a shard.
func AnyShard() Shard { return Shard(rand.Uint32() % Shards) }

// Add counts one more in a shard, and returns how many that shard has.
func (c *Counter) Add(s Shard) uint64 { return c.shards[s%Shards].n.Add(1) }

// Load adds the shards up.
func (c *Counter) Load() uint64 {
	var sum uint64
	for i := range c.shards {
		sum += c.shards[i].n.Load()
	}
	return sum
}

// Sampler chooses what is timed: the clock is read twice for that, and so on
// the average at most once for each statement, if every second one is timed.
// The zero value times nothing.
//
// One of n is timed, but not every n-th: of a client that reads and writes in
// turn, that would be reads alone, or writes. The multiples of the golden ratio,
// modulo 1, lie evenly, and so do every second, third or k-th of them.
type Sampler struct{ below uint64 }

// golden is the golden ratio's fraction in units of 2^-64.
const golden = 0x9e3779b97f4a7c15

// Every returns a Sampler that times one of n; 0 times nothing.
func Every(n int) Sampler {
	if n <= 0 {
		return Sampler{}
	}
	return Sampler{math.MaxUint64 / uint64(n)}
}

// Times reports whether the n-th is timed.
func (s Sampler) Times(n uint64) bool { return n*golden < s.below }

// Any reports whether anything is timed.
func (s Sampler) Any() bool { return s.below != 0 }

// Time is a time that is only compared with other ones; the zero Time is none.
type Time int64

// began is what a Time is counted from. Since then is read by one clock, not
// two as time.Now does.
var began = time.Now().Add(-time.Second)

// Now is the time.
func Now() Time { return Time(time.Since(began)) }

// Since is how long ago t was.
func Since(t Time) time.Duration { return time.Duration(Now() - t) }
