package main

import (
	"bytes"
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/dsmproxy/dsmproxy/conf"
)

// TestFold: what repeats itself is told once, and then how often it did.
func TestFold(t *testing.T) {
	var out bytes.Buffer
	l := newLogging(conf.Log{Level: "info", Format: "text"}, &out)
	for i := range 100 {
		l.Warn("copy not made", "store", "s1", "client", i, "err", "refused")
		l.Info("told each time")
	}
	l.Warn("copy not made", "store", "s2", "err", "refused")
	if got := strings.Count(out.String(), "copy not made"); got != 2 {
		t.Errorf("%d lines, want one for each store:\n%s", got, out.String())
	}
	if got := strings.Count(out.String(), "told each time"); got != 100 {
		t.Errorf("%d of 100 plain lines", got)
	}
	out.Reset()
	l.folding.flush(time.Now(), false)
	if out.Len() > 0 {
		t.Errorf("told too soon: %s", out.String())
	}
	l.folding.flush(time.Now().Add(foldTime), false)
	if got := out.String(); strings.Count(got, "\n") != 1 || !strings.Contains(got, "store=s1") || !strings.Contains(got, "times=99") {
		t.Errorf("the count is told as:\n%s", got)
	}
	out.Reset()
	l.folding.flush(time.Now().Add(3*foldTime), false)
	l.Warn("copy not made", "store", "s1", "err", "refused")
	if got := out.String(); strings.Count(got, "\n") != 1 || strings.Contains(got, "times") {
		t.Errorf("after some quiet:\n%s", got)
	}
	l.Warn("copy not made", "store", "s1", "err", "refused")
	out.Reset()
	l.folding.flush(time.Now(), true)
	if !strings.Contains(out.String(), "times=1") {
		t.Errorf("at the end: %q", out.String())
	}
}

func TestFoldKeepsApart(t *testing.T) {
	var out bytes.Buffer
	l := newLogging(conf.Log{Level: "info", Format: "json"}, &out)
	a, b := l.With("part", "a"), l.With("part", "b").WithGroup("g")
	for range 3 {
		a.Error("failed", "n", 1)
		b.Error("failed", "n", 1)
		l.Error("failed", slog.Int("n", 2))
	}
	if got := strings.Count(out.String(), "\n"); got != 3 {
		t.Errorf("%d lines, want 3:\n%s", got, out.String())
	}
	for i := range 2 * maxFolded { // what is kept is bounded
		l.Warn(fmt.Sprint("message ", i))
	}
	if n := len(l.folding.shared.list); n != maxFolded {
		t.Errorf("%d messages are kept", n)
	}
}
