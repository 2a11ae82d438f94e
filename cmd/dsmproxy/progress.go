package main

import (
	"fmt"
	"io"
	"strings"
	"time"
)

// progress shows how far something is that takes longer than patience: as a bar
// on a terminal, elsewhere as a line now and then. It is used by one goroutine.
type progress struct {
	w        io.Writer
	terminal bool
	what     string
	began    time.Time
	shown    time.Time
}

// How often it is shown.
const (
	barEvery  = 200 * time.Millisecond
	lineEvery = 5 * time.Second
	barWidth  = 30
)

func newProgress(w io.Writer, what string) *progress {
	return &progress{w: w, terminal: isTerminal(w), what: what, began: time.Now()}
}

// show says that done is done of about of; 0 if nobody knows.
func (p *progress) show(done, of uint64) {
	now, every := time.Now(), lineEvery
	if p.terminal {
		every = barEvery
	}
	if now.Sub(p.began) < patience || now.Sub(p.shown) < every {
		return
	}
	p.shown = now
	text := progressText(p.what, done, of, now.Sub(p.began), p.terminal)
	if p.terminal {
		fmt.Fprintf(p.w, "\r\x1b[K%s", text)
	} else {
		fmt.Fprintln(p.w, text)
	}
}

// end takes the bar away.
func (p *progress) end() {
	if p.terminal && !p.shown.IsZero() {
		fmt.Fprint(p.w, "\r\x1b[K")
	}
}

// progressText is "what [###...] 12 of about 100 (12%), 8s left".
func progressText(what string, done, of uint64, took time.Duration, bar bool) string {
	if of == 0 {
		return fmt.Sprintf("%s: %d after %s", what, done, took.Round(time.Second))
	}
	of = max(of, done)
	text := what + ":"
	if bar {
		text += " " + progressBar(done, of)
	}
	text += fmt.Sprintf(" %d of about %d (%d%%)", done, of, 100*done/of)
	if done > 0 && done < of {
		left := time.Duration(float64(took) * float64(of-done) / float64(done))
		text += fmt.Sprintf(", %s left", left.Round(time.Second))
	}
	return text
}

func progressBar(done, of uint64) string {
	n := int(barWidth * min(done, of) / max(of, 1))
	return "[" + strings.Repeat("#", n) + strings.Repeat(".", barWidth-n) + "]"
}
