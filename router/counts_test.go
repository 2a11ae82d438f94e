package router

import (
	"errors"
	"strings"
	"testing"

	"github.com/dsmproxy/dsmproxy/protocol"
	"github.com/dsmproxy/dsmproxy/rewrite"
	"github.com/dsmproxy/dsmproxy/router/meter"
	"github.com/dsmproxy/dsmproxy/router/replica"
	"github.com/dsmproxy/dsmproxy/router/store"
)

// countingSession is a session that only counts.
func countingSession(timed meter.Sampler) *session {
	r := New(Config{Timed: timed})
	st := &rewrite.Statement{Plan: &rewrite.Plan{Kind: rewrite.KindRead}}
	return &session{router: r, latest: st, data: replica.New(replica.Config{}).NewClient(nil, store.Login{}, nil)}
}

// TestCountingAllocatesNothing: nor does timing.
func TestCountingAllocatesNothing(t *testing.T) {
	for _, every := range []int{0, 1, 8} {
		s := countingSession(meter.Every(every))
		latest := s.latest
		if n := testing.AllocsPerRun(1000, func() {
			began := s.beginCommand()
			s.latest = latest
			s.endCommand(protocol.ComQuery, began, nil)
		}); n != 0 {
			t.Errorf("a statement allocates %v times, timed every %d", n, every)
		}
	}
}

func TestCountsBySource(t *testing.T) {
	s := countingSession(meter.Every(1))
	st := s.latest
	for _, c := range []struct {
		err  error
		want Source
	}{
		{refuse("a join"), SourceProxy},
		{protocol.Errorf(protocol.ErrParse, "no SQL"), SourceClient},
		{&store.NetError{Store: "s1", Err: errors.New("gone")}, SourceLink},
		{errors.New("write: broken pipe"), SourceClient},
		{nil, SourceStore},
	} {
		before := s.router.Counts().Errors[c.want]
		s.latest = st
		s.countError(c.err)
		if got := s.router.Counts().Errors[c.want]; got != before+1 {
			t.Errorf("%v is not counted for %v", c.err, c.want)
		}
	}
	s.countError(errReleased)
	sum := uint64(0)
	for _, n := range s.router.Counts().Errors {
		sum += n
	}
	if sum != 5 {
		t.Errorf("%d errors are counted, want 5: COMMIT RELEASE is none", sum)
	}
}

func TestCountsByKind(t *testing.T) {
	s := countingSession(meter.Every(2))
	st := s.latest
	for range 10 {
		began := s.beginCommand()
		s.latest = st
		s.endCommand(protocol.ComStmtExecute, began, nil)
	}
	s.latest = st
	s.endCommand(protocol.ComStmtPrepare, 0, nil)
	n := s.router.Counts()
	if len(n.Kinds) != 2 || n.Kinds[0].Kind != "command" || n.Kinds[0].Count != 1 ||
		n.Kinds[1].Kind != "read" || n.Kinds[1].Count != 10 || n.Kinds[1].Latency.Count() != 5 {
		t.Errorf("kinds: %+v", n.Kinds)
	}
}

// TestRefusalsAreBounded: of many constructs the first ones are told apart.
func TestRefusalsAreBounded(t *testing.T) {
	var r Router
	for i := range 3 * maxRefusals {
		r.counts.refusals.add(refuse(strings.Repeat("x", i+1)), nil)
	}
	r.counts.refusals.add(refuse("x"), nil)
	r.counts.refusals.add(refuse("statement not understood near 'a literal?'"), nil)
	list, others := r.Refusals()
	if len(list) != maxRefusals || others != 2*maxRefusals+1 || list[0].Construct != "x" || list[0].Count != 2 {
		t.Errorf("%d constructs, %d others, first %+v", len(list), others, list[0])
	}
}

func BenchmarkCounting(b *testing.B) {
	for name, every := range map[string]int{"histograms off": 0, "every 8th timed": 8, "all timed": 1} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			s := countingSession(meter.Every(every))
			latest := s.latest
			for b.Loop() {
				began := s.beginCommand()
				s.latest = latest
				s.endCommand(protocol.ComQuery, began, nil)
			}
		})
	}
}
