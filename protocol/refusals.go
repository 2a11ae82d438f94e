package protocol

import (
	"context"
	"log/slog"
	"sync"
)

// foldTicks is for how many of the sweeper's rounds (of a second) messages of
// one kind are counted instead of logged, after one has been.
const foldTicks = 10

// refusals logs what strangers can cause at will: of each kind the first
// message at once, and what follows within some seconds as one, with a count.
type refusals struct {
	mu    sync.Mutex // guards kinds
	kinds map[refusalKind]*refusal
}

// refusalKind is a message and the error number that goes with it, if any.
type refusalKind struct {
	message string
	code    uint16
}

// refusal is what is counted of a kind: the last one stands for all.
type refusal struct {
	since int64 // tick
	level slog.Level
	args  []any
	times int
}

// log logs a message or counts it.
func (r *refusals) log(log *slog.Logger, now int64, level slog.Level, message string, code uint16, args ...any) {
	kind := refusalKind{message, code}
	r.mu.Lock()
	defer r.mu.Unlock()
	if f := r.kinds[kind]; f != nil {
		f.level, f.args = level, args
		f.times++
		return
	}
	if r.kinds == nil {
		r.kinds = make(map[refusalKind]*refusal)
	}
	r.kinds[kind] = &refusal{since: now}
	log.Log(context.Background(), level, message, args...)
}

// flush logs the counts of the kinds that are old enough; all of them at the
// end.
func (r *refusals) flush(log *slog.Logger, now int64, all bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for kind, f := range r.kinds {
		if now-f.since < foldTicks && !all {
			continue
		}
		if f.times == 0 {
			delete(r.kinds, kind)
			continue
		}
		log.Log(context.Background(), f.level, kind.message, append(f.args, "times", f.times)...)
		*f = refusal{since: now}
	}
}
