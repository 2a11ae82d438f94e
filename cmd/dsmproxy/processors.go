package main

import (
	"context"
	"log/slog"
	"os"
	"runtime"
	"syscall"
	"time"
)

// The scheduler of Go's runtime wakes a thread on another processor whenever
// there may be work for it, which then looks for some, and as a rule comes too
// late: statements are passed on within microseconds. That is up to a fifth of
// the proxy's processor time. So the runtime gets as many processors
// (GOMAXPROCS) as what the proxy does needs, and no more: one, until that is
// busy for most of the time.
//
// What is looked at is the process's own processor time. Twice as many are used
// when those in use have little time left, half as many when these would have
// enough for long. The bounds lie so far apart that no steady load is beyond
// both: what takes 0.75 of n processors takes 0.37 of 2n, and they become n
// again below 0.25.
//
// A statement of megabytes takes a processor for many milliseconds at a time,
// and others would wait for it: while there are such, one is not enough.

const (
	// Above busyShare of the processors in use, for busyFor, there are more.
	busyShare = 0.75
	busyFor   = 200 * time.Millisecond
	// Below calmShare of half of them, for calmFor, there are less.
	calmShare = 0.5
	calmFor   = 5 * time.Second
	// How often one looks: often while more may be needed soon, which is from
	// nearShare on. An idle proxy is not to be woken for nothing.
	nearShare = 0.3
	nearLook  = 100 * time.Millisecond
	farLook   = time.Second
	// longFor is how long a long statement keeps a second processor in use, for
	// there may be another.
	longFor = time.Minute
	// limitFor is how long the runtime's own number, which follows the limits of the
	// process's control group, is taken as known while less are in use.
	limitFor = time.Minute
)

// demand decides how many processors are to be used. The zero value has seen
// nothing.
type demand struct {
	busy, calm time.Duration // for how long more, or fewer, would have been better
}

// next returns how many processors to use, from least to most, after time has
// passed in which now of them were in use for the time used, and when to look
// again.
func (d *demand) next(now, least, most int, used, passed time.Duration) (processors int, again time.Duration) {
	share, half := float64(used)/float64(passed), (now+1)/2
	again = farLook
	if now < most && share > nearShare*float64(now) {
		again = nearLook
	}
	switch {
	case now < most && share > busyShare*float64(now):
		d.busy, d.calm = d.busy+passed, 0
	case half >= least && now > half && share < calmShare*float64(half):
		d.busy, d.calm = 0, d.calm+passed
	default:
		*d = demand{}
	}
	switch {
	case d.busy >= busyFor:
		*d = demand{}
		return min(2*now, most), nearLook
	case d.calm >= calmFor:
		*d = demand{}
		return half, again
	}
	return min(max(now, least), most), again
}

// effort is what a process has done so far.
type effort struct {
	time time.Duration // of processors
	long uint64        // statements that take one of them for long
}

// effort is what the proxy has done so far.
func (p *proxy) effort() effort {
	return effort{processorTime(), p.server.LongCommands()}
}

// adaptProcessors has the runtime use as many processors as the process needs,
// which done tells, until ctx ends, and then its own number again. It does
// nothing where the environment says how many.
func adaptProcessors(ctx context.Context, done func() effort, log *slog.Logger) {
	if os.Getenv("GOMAXPROCS") != "" {
		return
	}
	defer runtime.SetDefaultGOMAXPROCS()
	var d demand
	most := runtime.GOMAXPROCS(0)
	at, before := time.Now(), done()
	asked, long := at, at.Add(-longFor)
	look := time.NewTimer(farLook)
	defer look.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-look.C:
		}
		now, total, from, least := time.Now(), done(), runtime.GOMAXPROCS(0), 1
		most = max(most, from) // for while all are in use the runtime follows the limits
		if total.long > before.long {
			long = now
		}
		if now.Sub(long) < longFor {
			least = 2
		}
		to, again := d.next(from, least, most, total.time-before.time, now.Sub(at))
		if to > from || 1 < to && to < most && now.Sub(asked) >= limitFor {
			runtime.SetDefaultGOMAXPROCS()
			most, asked = runtime.GOMAXPROCS(0), now
		}
		if to < most {
			runtime.GOMAXPROCS(to)
		}
		if to = min(to, most); to != from {
			log.Debug("processors in use changed", "from", from, "to", to, "of", most)
		}
		at, before = now, total
		look.Reset(again)
	}
}

// processorTime is what the process has used so far, user and system.
func processorTime() time.Duration {
	var u syscall.Rusage
	if syscall.Getrusage(syscall.RUSAGE_SELF, &u) != nil {
		return 0
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}
