package fence

import (
	"context"
	"time"
)

// Env is what the protocol needs beside the stores. Live is that of a process;
// the simulator has another.
type Env interface {
	// Now is a clock that only goes forward and counts the time in which the
	// machine was suspended. Its zero is arbitrary.
	Now() time.Duration
	// Sleep returns after d, or when ctx ends.
	Sleep(ctx context.Context, d time.Duration)
	// Go runs f beside the caller.
	Go(f func())
	// NewEvent returns an event that has not happened.
	NewEvent() Event
	// Random is a random number.
	Random() uint64
}

// Event is something that happens once. It is safe for concurrent use.
type Event interface {
	// Fire makes it happen. Only the first call has an effect.
	Fire()
	// Wait returns once it has happened, or when ctx ends.
	Wait(ctx context.Context)
}
