package fence

import (
	"context"
	"math/rand/v2"
	"sync"
	"time"
)

// Live is the Env of a process. Its zero value is ready for use.
type Live struct{ running sync.WaitGroup }

// Now is the time since the machine booted.
func (l *Live) Now() time.Duration { return bootTime() }

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
