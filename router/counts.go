package router

import (
	"errors"
	"sync/atomic"
	"time"

	"github.com/dsmproxy/dsmproxy/protocol"
	"github.com/dsmproxy/dsmproxy/rewrite"
	"github.com/dsmproxy/dsmproxy/router/meter"
	"github.com/dsmproxy/dsmproxy/router/store"
)

// kinds is how many kinds of statements are told apart. That of KindInvalid are
// the commands that are none: COM_STMT_PREPARE and the like.
const kinds = int(rewrite.KindEmpty) + 1

// Source is who is the cause of an error.
type Source uint8

// The sources of errors.
const (
	SourceClient Source = iota // the client went away, or has sent what is no SQL
	SourceProxy                // the proxy can't carry the statement out
	SourceStore                // a store has answered with an error
	SourceLink                 // a store was lost in the middle of an answer
	sources
)

// String is the source in lower case.
func (s Source) String() string {
	return [...]string{"client", "proxy", "store", "link"}[s]
}

// counts are what has happened since the proxy began.
type counts struct {
	commands meter.Counter
	kinds    [kinds]meter.Counter
	latency  [kinds]meter.Histogram
	errors   [sources]atomic.Uint64
	slow     atomic.Uint64
	refusals refusals
}

// Counts are what a Router has seen since it began.
type Counts struct {
	Kinds  []KindCounts // those that have occurred
	Errors map[Source]uint64
	Slow   uint64 // statements that LogSlow has counted
}

// KindCounts are the counts of one kind of statements.
type KindCounts struct {
	Kind    string
	Count   uint64
	Latency meter.Latency // of those that were timed
}

// Counts returns the counts of now.
func (r *Router) Counts() Counts {
	n := Counts{Errors: make(map[Source]uint64), Slow: r.counts.slow.Load()}
	for k := range kinds {
		if count := r.counts.kinds[k].Load(); count > 0 {
			n.Kinds = append(n.Kinds, KindCounts{kindName(k), count, r.counts.latency[k].Load()})
		}
	}
	for s := range sources {
		n.Errors[s] = r.counts.errors[s].Load()
	}
	return n
}

// kindName is how a kind is called to operators.
func kindName(k int) string {
	if rewrite.Kind(k) == rewrite.KindInvalid {
		return "command"
	}
	return rewrite.Kind(k).String()
}

// beginCommand notes that a command begins. It returns the time if it is to be timed.
func (s *session) beginCommand() meter.Time {
	s.latest, s.searched = nil, nil
	n := s.router.counts.commands.Add(s.shard)
	if s.router.Timed.Times(n) || s.router.slow.Load() > 0 {
		return meter.Now()
	}
	return 0
}

// endCommand counts a command that began at began, and what it came to.
func (s *session) endCommand(cmd protocol.Command, began meter.Time, err error) {
	r := s.router
	kind := rewrite.KindInvalid
	if s.latest != nil && cmd != protocol.ComStmtPrepare {
		kind = s.latest.Plan.Kind
	}
	r.counts.kinds[kind].Add(s.shard)
	if began != 0 {
		took := meter.Since(began)
		if r.Timed.Any() {
			r.counts.latency[kind].Observe(took)
		}
		if slow := r.slow.Load(); slow > 0 && took >= time.Duration(slow) {
			s.logSlow(took)
		}
	}
	if err != nil || s.failed() && s.latest != nil {
		s.countError(err)
	}
}

// countError counts a command that came to an error: err, or what a store has
// answered.
func (s *session) countError(err error) {
	n := &s.router.counts
	var e *protocol.Error
	var link *store.NetError
	switch {
	case err == nil:
		n.errors[SourceStore].Add(1)
	case errors.As(err, &e):
		if e.Code == protocol.ErrParse {
			n.errors[SourceClient].Add(1)
			break
		}
		n.errors[SourceProxy].Add(1)
		if e.Code == protocol.ErrNotSupportedYet {
			n.refusals.add(e, s.latest)
		}
	case errors.As(err, &link):
		n.errors[SourceLink].Add(1)
	case !errors.Is(err, errReleased):
		n.errors[SourceClient].Add(1)
	}
}

// logSlow logs a statement that took long, without its literals.
func (s *session) logSlow(took time.Duration) {
	s.router.counts.slow.Add(1)
	if s.latest == nil {
		return
	}
	s.router.Log.Warn("slow statement", "took", took.Round(time.Millisecond), "client", s.client,
		"user", s.client.User, "kind", s.latest.Plan.Kind.String(), "statement", s.latest.Digest())
}
