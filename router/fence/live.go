package fence

import (
	"context"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"time"
)

// Live is the Env of a process. Its zero value is ready for use.
type Live struct {
	running sync.WaitGroup
	epoch   atomic.Pointer[epoch]
}

// epoch relates the clocks of a machine. It is immutable.
type epoch struct {
	base time.Time
	wall time.Duration // how far the wall clock is ahead of the monotonic one
	boot time.Duration // how far the clock that counts suspensions is
}

// stepped is how far the wall clock must have moved against the monotonic one
// for the machine to be thought to have been suspended.
const stepped = time.Millisecond

// Now is the time since the machine booted. The clock for that is slow to read.
// But it goes as the monotonic one does, except in a suspension, when the wall
// clock is set forward as well; and both of those are read at once, and quickly.
func (l *Live) Now() time.Duration {
	now := time.Now()
	e := l.epoch.Load()
	if e != nil {
		if moved := now.Sub(e.base); (e.ahead(now) - e.wall).Abs() < stepped {
			return moved + e.boot
		}
	}
	next := &epoch{base: now}
	next.boot, next.wall = bootTime(), next.ahead(now)
	l.epoch.CompareAndSwap(e, next)
	return next.boot
}

// ahead is how far the wall clock is ahead of the monotonic one at now.
func (e *epoch) ahead(now time.Time) time.Duration {
	return time.Duration(now.UnixNano()) - now.Sub(e.base)
}

// Sleep returns after d, or when ctx ends.
func (l *Live) Sleep(ctx context.Context, d time.Duration) {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
	case <-ctx.Done():
	}
}

// Go runs f in a goroutine that Wait waits for.
func (l *Live) Go(f func()) { l.running.Go(f) }

// Wait returns when all that Go has started is done.
func (l *Live) Wait() { l.running.Wait() }

// NewEvent returns an event that has not happened.
func (l *Live) NewEvent() Event { return &liveEvent{done: make(chan struct{})} }

// Random is a random number.
func (l *Live) Random() uint64 { return rand.Uint64() }

type liveEvent struct {
	once sync.Once
	done chan struct{}
}

func (e *liveEvent) Fire() { e.once.Do(func() { close(e.done) }) }

func (e *liveEvent) Wait(ctx context.Context) {
	select {
	case <-e.done:
	case <-ctx.Done():
	}
}
