package main

import (
	"testing"
	"time"

	"github.com/dsmproxy/dsmproxy/router/meter"
)

// TestRecent: what is shown is what has come since the oldest of the readings
// that are kept, which are few.
func TestRecent(t *testing.T) {
	var r recent
	var h meter.Histogram
	h.Observe(time.Second)
	if got := r.oldest().ofStore(0, h.Load()).Quantile(0.99); got != time.Second {
		t.Errorf("before the first reading the quantile is %v, want all that was counted", got)
	}
	note := func() { r.note(reading{[]meter.Latency{h.Load()}, map[string]meter.Latency{"read": h.Load()}}) }
	note()
	for range 100 {
		h.Observe(time.Millisecond)
	}
	for name, got := range map[string]meter.Latency{
		"store": r.oldest().ofStore(0, h.Load()), "kind": r.oldest().ofKind("read", h.Load()),
	} {
		if got.Count() != 100 || got.Quantile(1) != time.Millisecond || got.Sum != 100*time.Millisecond {
			t.Errorf("%s: %d since the reading, %v at most, %v in all", name, got.Count(), got.Quantile(1), got.Sum)
		}
	}
	for range 3 * recentKept {
		note()
	}
	if len(r.list) != recentKept || r.oldest().ofStore(0, h.Load()).Count() != 0 {
		t.Errorf("%d readings are kept, and the oldest is not a recent one", len(r.list))
	}
	if got := r.oldest().ofKind("write", h.Load()).Count(); got != 101 {
		t.Errorf("of a kind that has just begun there are %d", got)
	}
}
