package meter

import (
	"sync/atomic"
	"time"
)

// Bounds are the upper bounds of a Histogram's buckets, but for the last, which
// has none.
var Bounds = [...]time.Duration{
	50 * time.Microsecond, 100 * time.Microsecond, 250 * time.Microsecond, 500 * time.Microsecond,
	time.Millisecond, 2500 * time.Microsecond, 5 * time.Millisecond, 10 * time.Millisecond,
	25 * time.Millisecond, 50 * time.Millisecond, 100 * time.Millisecond, 250 * time.Millisecond,
	500 * time.Millisecond, time.Second, 2500 * time.Millisecond, 5 * time.Second, 10 * time.Second,
}

// Histogram counts durations by their size. The zero value is empty. It is safe
// for concurrent use.
type Histogram struct {
	buckets [len(Bounds) + 1]atomic.Uint64
	sum     atomic.Int64
}

// Observe counts one duration.
func (h *Histogram) Observe(d time.Duration) {
	i := 0
	for i < len(Bounds) && d > Bounds[i] {
		i++
	}
	h.buckets[i].Add(1)
	h.sum.Add(int64(d))
}

// Latency is what a Histogram has counted.
type Latency struct {
	Buckets [len(Bounds) + 1]uint64 // by their size, not cumulative
	Sum     time.Duration
}

// Load returns the counts of now.
func (h *Histogram) Load() Latency {
	var l Latency
	for i := range h.buckets {
		l.Buckets[i] = h.buckets[i].Load()
	}
	l.Sum = time.Duration(h.sum.Load())
	return l
}

// Since is what has been counted since l was old.
func (l Latency) Since(old Latency) Latency {
	for i := range l.Buckets {
		l.Buckets[i] -= old.Buckets[i]
	}
	l.Sum -= old.Sum
	return l
}

// Count is how many durations were counted.
func (l Latency) Count() uint64 {
	var n uint64
	for _, b := range l.Buckets {
		n += b
	}
	return n
}

// Quantile is a bound below which the given part of the durations lie, as far
// as the buckets tell; 0 if there are none.
func (l Latency) Quantile(q float64) time.Duration {
	n := l.Count()
	if n == 0 {
		return 0
	}
	var below uint64
	for i, b := range l.Buckets[:len(Bounds)] {
		if below += b; float64(below) >= q*float64(n) {
			return Bounds[i]
		}
	}
	return Bounds[len(Bounds)-1]
}
