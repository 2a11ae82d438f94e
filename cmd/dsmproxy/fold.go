package main

import (
	"context"
	"log/slog"
	"strings"
	"sync"
	"time"
)

// folding is a slog.Handler that writes a warning or an error once, counts what
// follows of it within foldTime, and tells the count with the next one, or when
// it is flushed. Two are the same if they say the same, whoever the client is.
// A state change is never folded: it says how long the last state lasted.
type folding struct {
	slog.Handler
	shared *folded
	prefix string // of WithAttrs and WithGroup
}

// foldTime is for how long repetitions are only counted, maxFolded how many
// messages are told apart.
const (
	foldTime  = 10 * time.Second
	maxFolded = 1000
)

// folded is what the handlers of one log share.
type folded struct {
	mu   sync.Mutex // guards list
	list map[string]*repeated
}

// repeated is a message that was written at since, and the repetitions since.
type repeated struct {
	since   time.Time
	last    slog.Record
	handler slog.Handler
	times   int
}

func fold(h slog.Handler) *folding {
	return &folding{Handler: h, shared: &folded{list: make(map[string]*repeated)}}
}

// Handle implements slog.Handler.
func (f *folding) Handle(ctx context.Context, r slog.Record) error {
	if r.Level < slog.LevelWarn {
		return f.Handler.Handle(ctx, r)
	}
	key, s := f.key(r), f.shared
	s.mu.Lock()
	defer s.mu.Unlock()
	if one := s.list[key]; one != nil {
		one.last, one.handler = r.Clone(), f.Handler
		one.times++
		return nil
	}
	if len(s.list) < maxFolded {
		s.list[key] = &repeated{since: r.Time}
	}
	return f.Handler.Handle(ctx, r)
}

// flush tells the counts that are old enough; all of them at the end.
func (f *folding) flush(now time.Time, all bool) {
	s := f.shared
	s.mu.Lock()
	defer s.mu.Unlock()
	for key, one := range s.list {
		switch {
		case now.Sub(one.since) < foldTime && !all:
		case one.times == 0:
			delete(s.list, key)
		default:
			one.last.AddAttrs(slog.Int("times", one.times))
			_ = one.handler.Handle(context.Background(), one.last) // as slog does
			*one = repeated{since: now}
		}
	}
}

// key is what a record says, but for the client.
func (f *folding) key(r slog.Record) string {
	var b strings.Builder
	b.WriteString(f.prefix)
	b.WriteString(r.Message)
	r.Attrs(func(a slog.Attr) bool {
		switch a.Key {
		case "client", "took":
		default:
			b.WriteByte(0)
			b.WriteString(a.String())
		}
		return true
	})
	return b.String()
}

// WithAttrs implements slog.Handler.
func (f *folding) WithAttrs(attrs []slog.Attr) slog.Handler {
	prefix := f.prefix
	for _, a := range attrs {
		prefix += a.String() + "\x00"
	}
	return &folding{f.Handler.WithAttrs(attrs), f.shared, prefix}
}

// WithGroup implements slog.Handler.
func (f *folding) WithGroup(name string) slog.Handler {
	return &folding{f.Handler.WithGroup(name), f.shared, f.prefix + name + "\x00"}
}
