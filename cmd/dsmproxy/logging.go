package main

import (
	"context"
	"io"
	"log/slog"
	"strings"
	"time"

	"github.com/dsmproxy/dsmproxy/conf"
)

// logging is the log of a run, whose level can be changed.
type logging struct {
	*slog.Logger
	level   *slog.LevelVar
	folding *folding
}

func newLogging(c conf.Log, w io.Writer) *logging {
	l := &logging{level: new(slog.LevelVar)}
	l.setLevel(c.Level)
	o := &slog.HandlerOptions{Level: l.level}
	var h slog.Handler = slog.NewTextHandler(w, o)
	if c.Format == "json" {
		o.ReplaceAttr = spellDurations
		h = slog.NewJSONHandler(w, o)
	}
	l.folding = fold(h)
	l.Logger = slog.New(l.folding)
	return l
}

// spellDurations has JSON say "1.5s" as text does, not a number of nanoseconds.
func spellDurations(_ []string, a slog.Attr) slog.Attr {
	if a.Value.Kind() == slog.KindDuration {
		a.Value = slog.StringValue(a.Value.Duration().String())
	}
	return a
}

// setLevel changes the level; it reports whether that is one.
func (l *logging) setLevel(name string) bool {
	var level slog.Level
	if level.UnmarshalText([]byte(name)) != nil {
		return false
	}
	l.level.Set(level)
	return true
}

// levelName is the level in force, as the configuration spells it.
func (l *logging) levelName() string { return strings.ToLower(l.level.Level().String()) }

// run tells what was folded until ctx ends.
func (l *logging) run(ctx context.Context) {
	t := time.NewTicker(time.Second)
	defer t.Stop()
	for {
		select {
		case <-ctx.Done():
			l.folding.flush(time.Now(), true)
			return
		case now := <-t.C:
			l.folding.flush(now, false)
		}
	}
}
