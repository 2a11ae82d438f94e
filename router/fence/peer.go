package fence

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"time"

	"github.com/dsmproxy/dsmproxy/router/view"
)

// peer is a voter with what this proxy knows of it.
type peer struct {
	voter Voter
	store Store // nil of a witness
	index int
	most  time.Duration // that one look counts for, if it fails

	// standing is nil while the store is not known to be admitted.
	standing atomic.Pointer[standing]
	// register is what it was last seen to hold, or raised to (reached).
	register atomic.Pointer[view.View]
	// tick is the last one seen.
	tick atomic.Uint64
	// drained is since when this proxy keeps the store out of service, by env's
	// clock; 0 if it does not (drain.go).
	drained atomic.Int64
	// turned is when this proxy has seen its state in the view change last, by
	// env's clock; 0 if it has not.
	turned atomic.Int64
	// leaving: it is about to be drained here.
	leaving atomic.Bool

	mu   sync.Mutex // guards what follows
	last Status     // of the last Look that was answered
	// err is why the last Look failed; nil if it did not.
	err     error
	failing time.Duration // since when looks fail, what delays took off; valid if err is set
	// unwritable: err is ErrUnwritable.
	unwritable bool
	since      time.Duration // since when looks are answered; valid if it is not
	flaps      int           // exclusions that count
	topTick    uint64        // the highest since it was last admitted that is on its disk
	topBoot    uint64        // by which that was
	rewound    bool          // closed, and others remember a higher tick of it
	metBoot    uint64        // that was told to the others (ticks.go)
	meeting    *meeting      // under way; nil if none is
	heard      time.Duration // when last.Reports were told; 0 if they never were
	doubt      doubt         // strange.go
	warned     bool          // of a wrong name
	differs    string        // why its tables could not be matched, as last told
	matched    time.Duration // when they were; 0 for never
}

// standing is what an admitted store has said of itself. It is immutable. What
// holds of a Boot for ever, but that the Cover grows.
type standing struct {
	boot   uint64
	intact bool
	cover  *view.View
}

// name is the store's configured name.
func (p *peer) name() string { return p.voter.Name() }

// look asks the peer for its status and takes it over. If it fails, the peer
// has been failing since it was asked, but for what one look takes longer than
// it should: then it was this proxy that stood still.
func (p *peer) look(ctx context.Context, env Env, b Beat) (Status, error) {
	sent := env.Now()
	st, err := p.voter.Look(ctx, b)
	if err == nil && st.Name != "" && st.Name != p.name() {
		err = &wrongName{want: p.name(), got: st.Name}
	}
	now := env.Now()
	p.mu.Lock()
	defer p.mu.Unlock()
	if err != nil {
		if p.err == nil {
			p.failing = sent
		}
		p.err = err
		p.unwritable = errors.Is(err, ErrUnwritable)
		p.failing += max(0, now-max(sent, p.failing)-p.most)
		return st, err
	}
	if p.err != nil && (!p.unwritable || b.notes()) || p.since == 0 {
		p.since = now
	}
	if b.Proxy == 0 {
		st.Reports = p.last.Reports
	} else {
		p.heard = now
	}
	if b.Ticks == nil {
		st.Ticks = p.last.Ticks
	}
	p.last = st
	if !p.unwritable || b.notes() { // else a look that only reads has nothing to say of that
		p.err, p.unwritable = nil, false
	}
	if st.Boot != 0 && st.Boot != p.topBoot {
		// Another proxy has let it in, and what that knew is what counts.
		p.topTick, p.topBoot = 0, st.Boot
	}
	if st.Boot != 0 && b.Ticks != nil {
		p.topTick = max(p.topTick, st.Tick)
	}
	p.admit(st)
	return st, nil
}

// admit takes over the standing that st tells. The peer's mutex is held.
func (p *peer) admit(st Status) {
	if st.Boot == 0 || st.Boot != p.metBoot {
		p.standing.Store(nil)
		return
	}
	p.tick.Store(st.Tick)
	p.register.Store(st.View)
	old := p.standing.Load()
	if old == nil || old.boot != st.Boot || old.intact != st.Intact || !old.cover.Equal(st.Cover) {
		p.standing.Store(&standing{boot: st.Boot, intact: st.Intact, cover: st.Cover})
	}
}

// met notes that the others have been told of the peer's boot.
func (p *peer) met(boot uint64) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.metBoot = boot
	p.admit(p.last)
}

// unmet reports whether the peer is admitted and not met.
func (p *peer) unmet() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.err == nil && p.last.Boot != 0 && p.last.Boot != p.metBoot
}

// admitted is the peer's standing, asked for if it is not known.
func (g *Group) admitted(ctx context.Context, p *peer) (*standing, error) {
	if s := p.standing.Load(); s != nil {
		return s, nil
	}
	if err := g.meet(ctx, p); err != nil {
		return nil, err
	}
	if s := p.standing.Load(); s != nil {
		return s, nil
	}
	return nil, ErrClosed
}

// lost forgets a standing that the store has disowned.
func (p *peer) lost(s *standing) { p.standing.CompareAndSwap(s, nil) }

// goneBack reports whether the store, which is closed, is older than others
// remember it.
func (p *peer) goneBack() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.rewound
}

// status is the last Status, and the error of the last Look if that failed.
func (p *peer) status() (Status, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.last, p.err
}

// counts reports whether what s remembers counts in view v.
func (s *standing) counts(v *view.View, store int) bool {
	if s == nil || !s.intact {
		return false
	}
	return s.cover == nil || s.cover.Gen(store) >= v.Void(store)
}

type wrongName struct{ want, got string }

func (e *wrongName) Error() string {
	return "the server at the address of " + e.want + " says that it is " + e.got + ": correct the configuration"
}
