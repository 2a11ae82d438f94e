package main

import (
	"bytes"
	"strings"
	"testing"
	"time"
)

func TestProgressText(t *testing.T) {
	for _, c := range []struct {
		done, of uint64
		took     time.Duration
		bar      bool
		want     string
	}{
		{0, 0, 3 * time.Second, true, "healing: 0 after 3s"},
		{250, 1000, 4 * time.Second, false, "healing: 250 of about 1000 (25%), 12s left"},
		{1000, 2000, 4 * time.Second, true, "healing: [###############...............] 1000 of about 2000 (50%), 4s left"},
		{1200, 1000, time.Second, false, "healing: 1200 of about 1200 (100%)"},
	} {
		if got := progressText("healing", c.done, c.of, c.took, c.bar); got != c.want {
			t.Errorf("progressText(%d, %d, %v) = %q, want %q", c.done, c.of, c.took, got, c.want)
		}
	}
}

// TestProgressLines: what is no terminal gets plain lines, and none of what is
// done soon.
func TestProgressLines(t *testing.T) {
	var b bytes.Buffer
	p := newProgress(&b, "comparing")
	p.show(1, 100)
	if b.Len() > 0 {
		t.Errorf("at once: %q", b.String())
	}
	p.began = p.began.Add(-2 * patience)
	p.show(50, 100)
	p.show(60, 100)
	p.end()
	if got := b.String(); !strings.HasPrefix(got, "comparing: 50 of about 100 (50%), ") || strings.Count(got, "\n") != 1 || strings.Contains(got, "\x1b") {
		t.Errorf("printed %q, want one plain line", got)
	}
}
