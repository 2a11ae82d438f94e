package main

import (
	"context"
	"log/slog"
	"runtime"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// TestDemand: how many processors are used under loads that take so many, given
// as those from a time on.
func TestDemand(t *testing.T) {
	type load struct {
		from  time.Duration
		takes float64
	}
	tests := []struct {
		name    string
		most    int
		loads   []load
		until   time.Duration
		want    int
		changes int
	}{
		{"idle: down to one", 8, []load{{0, 0.01}}, time.Minute, 1, 3},
		{"one processor alone", 1, []load{{0, 1}}, time.Minute, 1, 0},
		{"all are needed", 4, []load{{0, 4}}, time.Minute, 4, 0},
		{"more than one has", 2, []load{{0, 0}, {30 * time.Second, 1.5}}, 32 * time.Second, 2, 2},
		{"all within two seconds", 64, []load{{0, 0}, {50 * time.Second, 64}}, 52500 * time.Millisecond, 64, 12},
		{"not more than there are", 6, []load{{0, 0}, {30 * time.Second, 6}}, time.Minute, 6, 6},
		{"what one carries", 2, []load{{0, 0.45}}, time.Minute, 1, 1},
		{"between the bounds: stays at one", 2, []load{{0, 0}, {30 * time.Second, 0.65}}, 2 * time.Minute, 1, 1},
		{"between the bounds: stays at two", 2, []load{{0, 0.9}, {30 * time.Second, 0.65}}, 2 * time.Minute, 2, 0},
		{"a moment of calm", 2, []load{{0, 1.2}, {30 * time.Second, 0}, {34 * time.Second, 1.2}}, time.Minute, 2, 0},
		{"five of nine", 9, []load{{0, 2}}, 8 * time.Second, 5, 1},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			var d demand
			processors, changes := tt.most, 0
			for at, again := time.Duration(0), farLook; at < tt.until; {
				takes := 0.0
				for _, l := range tt.loads {
					if l.from <= at {
						takes = l.takes
					}
				}
				used := time.Duration(min(takes, float64(processors)) * float64(again))
				at += again
				n, next := d.next(processors, 1, tt.most, used, again)
				if n != processors {
					changes++
				}
				processors, again = n, next
			}
			if processors != tt.want || changes != tt.changes {
				t.Errorf("%d processors after %d changes, want %d after %d", processors, changes, tt.want, tt.changes)
			}
		})
	}
}

// TestDemandIsSteady: no load, however much of it, has the number change for
// ever, though the scheduler adds a fifth where there is more than one.
func TestDemandIsSteady(t *testing.T) {
	for percent := 1; percent <= 1600; percent++ {
		var d demand
		processors, changes, again := 16, 0, farLook
		for range 2000 {
			takes := float64(percent) / 100
			if processors == 1 {
				takes /= 1.2
			}
			n, next := d.next(processors, 1, 16, time.Duration(min(takes, float64(processors))*float64(again)), again)
			if n != processors {
				changes++
			}
			processors, again = n, next
		}
		if changes > 4 {
			t.Errorf("%d changes under a load of %d %%", changes, percent)
		}
	}
}

// TestDemandHasALeast: that is kept when there is nothing to do, and where it is
// more than there are, there are no more.
func TestDemandHasALeast(t *testing.T) {
	for _, tt := range []struct{ now, most, want int }{{1, 8, 2}, {8, 8, 2}, {3, 8, 2}, {2, 2, 2}, {1, 1, 1}} {
		var d demand
		n := tt.now
		for range 100 {
			n, _ = d.next(n, 2, tt.most, 0, time.Second)
		}
		if n != tt.want {
			t.Errorf("%d of %d become %d, want %d", tt.now, tt.most, n, tt.want)
		}
	}
}

// TestDemandLooksSeldom: an idle proxy is not woken up often.
func TestDemandLooksSeldom(t *testing.T) {
	var d demand
	if _, again := d.next(1, 1, 8, time.Millisecond, time.Second); again != farLook {
		t.Errorf("idle: again after %v", again)
	}
	if _, again := d.next(1, 1, 8, 500*time.Millisecond, time.Second); again != nearLook {
		t.Errorf("half busy: again after %v", again)
	}
	if _, again := d.next(8, 1, 8, 8*time.Second, time.Second); again != farLook {
		t.Errorf("all in use: again after %v", again)
	}
}

// TestAdaptProcessors: the runtime has one processor while the process does
// little, all when it computes, two after a long statement, and its own number
// in the end.
func TestAdaptProcessors(t *testing.T) {
	t.Setenv("GOMAXPROCS", "")
	runtime.SetDefaultGOMAXPROCS()
	most := runtime.GOMAXPROCS(0)
	synctest.Test(t, func(t *testing.T) {
		w := &worker{at: time.Now()}
		ctx, cancel := context.WithCancel(context.Background())
		ended := make(chan struct{})
		go func() {
			defer close(ended)
			adaptProcessors(ctx, w.done, slog.New(slog.DiscardHandler))
		}()
		expect := func(after time.Duration, want int) {
			t.Helper()
			time.Sleep(after)
			if got := runtime.GOMAXPROCS(0); got != want {
				t.Errorf("%d processors in use, want %d", got, want)
			}
		}
		expect(2*time.Minute, 1)
		w.begin(float64(most), 0)
		expect(10*time.Second, most)
		w.begin(0, 0)
		expect(2*time.Minute, 1)
		w.begin(0, 1)
		expect(2*time.Second, min(2, most))
		expect(2*time.Minute, 1)
		cancel()
		<-ended
		expect(0, most)
	})
}

// worker is a process that uses so many processors.
type worker struct {
	mu   sync.Mutex // guards what follows
	uses float64
	at   time.Time // until when the sum goes
	sum  effort
}

func (w *worker) done() effort {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.sum.time += time.Duration(w.uses * float64(time.Since(w.at)))
	w.at = time.Now()
	return w.sum
}

// begin has it use another number from now on, after some long statements.
func (w *worker) begin(uses float64, long uint64) {
	w.done()
	w.mu.Lock()
	defer w.mu.Unlock()
	w.uses = uses
	w.sum.long += long
}

// TestAdaptProcessorsLeft: the environment has the last word.
func TestAdaptProcessorsLeft(t *testing.T) {
	t.Setenv("GOMAXPROCS", "2")
	adaptProcessors(context.Background(), nil, slog.New(slog.DiscardHandler))
}

// TestProcessorTime: what is computed is counted.
func TestProcessorTime(t *testing.T) {
	before := processorTime()
	for processorTime()-before < 10*time.Millisecond {
	}
}
