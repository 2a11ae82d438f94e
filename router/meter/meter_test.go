package meter

import (
	"sync"
	"testing"
	"time"
)

func TestCounterAddsUp(t *testing.T) {
	var c Counter
	var wg sync.WaitGroup
	for range 20 {
		wg.Go(func() {
			s := AnyShard()
			for range 1000 {
				c.Add(s)
			}
		})
	}
	wg.Wait()
	if n := c.Load(); n != 20_000 {
		t.Errorf("Load() = %d, want 20000", n)
	}
}

func TestSampler(t *testing.T) {
	for every, want := range map[int]int{0: 0, -1: 0, 1: 100, 2: 50, 10: 10} {
		s, n := Every(every), 0
		for i := range uint64(100) {
			if s.Times(i) {
				n++
			}
		}
		if n < want-1 || n > want+1 {
			t.Errorf("Every(%d) times %d of 100, want about %d", every, n, want)
		}
	}
}

// TestSamplerFair: of what comes in turn, each kind has its part of what is timed.
func TestSamplerFair(t *testing.T) {
	for _, every := range []int{2, 3, 8, 16, 100} {
		for period := uint64(1); period <= 8; period++ {
			const rounds = 10_000
			s := Every(every)
			for phase := range period {
				n := 0
				for i := range uint64(rounds) {
					if s.Times(i*period + phase) {
						n++
					}
				}
				if want := rounds / every; n < want*9/10 || n > want*11/10 {
					t.Errorf("Every(%d) times %d of %d, every %d. from %d on, want about %d", every, n, rounds, period, phase, want)
				}
			}
		}
	}
}

func TestTime(t *testing.T) {
	if began := Now(); began <= 0 || Since(began) < 0 {
		t.Errorf("Now() = %d, want more than the zero Time", began)
	}
}

func TestHistogram(t *testing.T) {
	var h Histogram
	if l := h.Load(); l.Count() != 0 || l.Quantile(0.5) != 0 {
		t.Errorf("an empty histogram has %d, quantile %v", l.Count(), l.Quantile(0.5))
	}
	for range 98 {
		h.Observe(time.Millisecond) // the bound belongs to its bucket
	}
	h.Observe(-time.Second)
	h.Observe(time.Minute)
	l := h.Load()
	if l.Buckets[4] != 98 || l.Buckets[0] != 1 || l.Buckets[len(Bounds)] != 1 || l.Count() != 100 {
		t.Errorf("buckets are %v", l.Buckets)
	}
	if want := 98*time.Millisecond - time.Second + time.Minute; l.Sum != want {
		t.Errorf("Sum = %v, want %v", l.Sum, want)
	}
	for q, want := range map[float64]time.Duration{0.01: Bounds[0], 0.5: time.Millisecond, 0.99: time.Millisecond, 1: 10 * time.Second} {
		if got := l.Quantile(q); got != want {
			t.Errorf("Quantile(%v) = %v, want %v", q, got, want)
		}
	}
}

func BenchmarkStatement(b *testing.B) {
	for name, s := range map[string]Sampler{"counted": Every(0), "every 8th timed": Every(8), "all timed": Every(1)} {
		b.Run(name, func(b *testing.B) {
			var c Counter
			var h Histogram
			b.ReportAllocs()
			b.RunParallel(func(pb *testing.PB) {
				shard := AnyShard()
				for pb.Next() {
					var t Time
					if s.Times(c.Add(shard)) {
						t = Now()
					}
					if t != 0 {
						h.Observe(Since(t))
					}
				}
			})
		})
	}
}
