package fence

import (
	"cmp"
	"context"
	"time"

	"github.com/dsmproxy/dsmproxy/router/view"
)

// link is a proxy's way to a server: a Store whose requests are late, lost or
// both, and are carried out even if nobody waits for them any more.
type link struct {
	p *simProxy
	s *server

	// What the hook is told of: the first of the puts, and what is pushed.
	puts *Put
	view *view.View
}

// hooked tells the hook of a step.
func (l *link) hooked(call string) {
	if hook := l.s.w.hook; hook != nil {
		hook(l, call)
	}
}

// reply is what a request ends with.
type reply struct {
	latch
	err error
}

func (r *reply) set(deliver func(), err error) {
	if r.fired {
		return
	}
	if deliver != nil && err == nil {
		deliver()
	}
	r.err = err
	r.Fire()
}

// step is a part of a request that takes effect atomically. What it has to
// tell it tells by deliver, which is called if somebody still waits.
type step func() (deliver func(), err error)

func just(do func() error) step {
	return func() (func(), error) { return nil, do() }
}

// delay is how long a packet is under way.
func (w *world) delay() time.Duration {
	d := 200*time.Microsecond + time.Duration(w.rng.ExpFloat64()*float64(200*time.Microsecond))
	switch x := w.rng.Float64(); {
	case w.calm:
	case x < 0.004:
		d += w.upTo(4 * time.Second)
	case x < 0.03:
		d += w.upTo(60 * time.Millisecond)
	}
	return d
}

// send carries out steps at the server, one after the other, each atomically,
// and returns the first error, or ErrLost after the timeout.
func (l *link) send(timeout time.Duration, steps ...step) error {
	return l.request(timeout, false, steps...)
}

// commit is send of what is answered when it is on the disk, with all that it
// tells.
func (l *link) commit(timeout time.Duration, steps ...step) error {
	return l.request(timeout, true, steps...)
}

func (l *link) request(timeout time.Duration, commits bool, steps ...step) error {
	w := l.s.w
	r := &reply{latch: latch{e: w.engine}}
	life := l.p.life
	answer := func(start int, deliver func(), err error) {
		w.after(w.delay(), func() {
			lost := (l.s.start != start || !l.s.alive) && w.one(2)
			if l.p.life == life && !w.cutReply[[2]int{l.p.index, l.s.index}] && !lost {
				r.set(deliver, err)
			}
		})
	}
	start := 0
	var do func(i int)
	do = func(i int) {
		switch {
		case !l.s.alive || i > 0 && l.s.start != start:
			if i == 0 && !l.s.silent {
				w.after(w.delay(), func() { r.set(nil, ErrRefused) })
			}
			return
		case l.s.pausedUntil > w.now:
			l.s.queue = append(l.s.queue, func() { do(i) })
			return
		}
		start = l.s.start
		flush := time.Duration(0)
		if commits {
			flush = l.s.flushes()
		}
		deliver, err := steps[i]()
		switch {
		case flush > 0:
			w.after(flush, func() {
				if l.s.alive && l.s.start == start {
					answer(start, deliver, err)
				}
			})
			return
		case err != nil || i == len(steps)-1:
			answer(start, deliver, err)
			return
		}
		w.after(w.stepDelay(), func() { do(i + 1) })
	}
	var deliver func()
	deliver = func() {
		if !w.cutRequest[[2]int{l.p.index, l.s.index}] {
			do(0)
		} else if w.one(3) { // sent again when the partition has healed
			w.after(100*time.Millisecond, deliver)
		}
	}
	w.after(w.delay(), deliver)
	w.after(timeout, func() { r.set(nil, ErrLost) })
	r.Wait(context.Background())
	return r.err
}

// stepDelay is the time between two statements of one request.
func (w *world) stepDelay() time.Duration {
	if w.one(25) {
		return w.upTo(30 * time.Millisecond)
	}
	return w.upTo(100 * time.Microsecond)
}

const (
	lookTimeout  = 200 * time.Millisecond
	callTimeout  = 300 * time.Millisecond
	writeTimeout = 400 * time.Millisecond
)

func (l *link) Name() string { return l.s.w.names[l.s.index] }

func (l *link) Look(_ context.Context, b Beat) (st Status, err error) {
	err = l.request(cmp.Or(l.s.w.cfg.LookTimeout, lookTimeout), b.Ticks != nil, func() (func(), error) {
		now := l.s.look(b)
		return func() { st = now }, nil
	})
	return st, err
}

func (l *link) Push(_ context.Context, boot uint64, v *view.View, solo bool) error {
	return l.request(lookTimeout, true, just(func() error {
		if l.s.boot != boot {
			return ErrClosed
		}
		l.view = v
		l.hooked("push")
		return l.s.push(v, solo)
	}))
}

func (l *link) Open(_ context.Context, seen Status, how Opening, v *view.View, tick uint64) error {
	start := l.s.start // the connection is to this one
	l.hooked("open")
	return l.commit(lookTimeout, just(func() error {
		again := how == Found && l.s.w.cfg.without.once
		if l.s.start != start || (l.s.boot != 0 || l.s.blank != seen.Blank) && !again {
			return ErrClosed
		}
		l.s.open(how, v, tick)
		l.s.w.trace("store %d opened (%d) by proxy %d: %v", l.s.index, how, l.p.index, l.s.view)
		return nil
	}))
}

func (l *link) Note(_ context.Context, g Guard, n Note) error {
	return l.guarded(true, g, func() func() {
		if n == NoteAct {
			l.s.act = g.View
		} else {
			l.s.cover, l.s.intact = g.View, true
			l.s.w.trace("store %d covered by proxy %d: %v", l.s.index, l.p.index, g.View)
		}
		return nil
	})
}

// guarded sends a request of one step under a guard.
func (l *link) guarded(commits bool, g Guard, do func() (deliver func())) error {
	return l.request(callTimeout, commits, func() (func(), error) {
		if err := l.s.check(g); err != nil {
			return nil, err
		}
		return do(), nil
	})
}

func (l *link) Read(_ context.Context, g Guard, stmt Statement, keys []Key, marks []Entry) error {
	st := stmt.(*simStmt)
	var a simAnswer
	return l.send(callTimeout, just(func() error {
		if l.s.boot != g.Boot { // the connection is gone
			return ErrClosed
		}
		a = l.s.runRead(st, keys)
		return nil
	}), func() (func(), error) {
		l.hooked("marks")
		if err := l.s.check(g); err != nil && !(g.Leased && err == ErrFenced) {
			return nil, err
		}
		now := l.s.load(keys, false)
		return func() { st.answer = a; copy(marks, now) }, nil
	})
}

func (l *link) Write(_ context.Context, g Guard, stmt Statement, keys []Key, id uint64, entries []Entry) (changed bool, err error) {
	st := stmt.(*simStmt)
	err = l.commit(writeTimeout, func() (func(), error) {
		if l.s.boot != g.Boot {
			return nil, ErrClosed
		}
		a, did, err := l.s.runWrite(g, st, keys, id)
		if err != nil {
			return nil, err
		}
		now := l.s.load(keys, true)
		return func() { st.answer, changed = a, did; copy(entries, now) }, nil
	})
	return changed, err
}

func (l *link) Load(_ context.Context, g Guard, keys []Key, images bool, entries []Entry) (tick uint64, err error) {
	err = l.guarded(images && !l.s.w.cfg.without.flush, g, func() func() {
		now, t := l.s.load(keys, images), l.s.tick
		return func() { tick = t; copy(entries, now) }
	})
	return tick, err
}

func (l *link) Put(_ context.Context, g Guard, puts []Put) error {
	return l.commit(callTimeout, just(func() error {
		if err := l.s.check(g); err != nil {
			return err
		}
		l.puts = &puts[0]
		l.hooked("put")
		return l.s.put(g, puts)
	}))
}

func (l *link) Swap(_ context.Context, g Guard, swaps []Swap, done []bool) error {
	return l.commit(callTimeout, func() (func(), error) {
		if err := l.s.check(g); err != nil {
			return nil, err
		}
		l.hooked("swap")
		did, err := l.s.swap(g, swaps)
		return func() { copy(done, did) }, err
	})
}

func (l *link) MarkClean(_ context.Context, boot uint64, marks []Mark) error {
	return l.commit(callTimeout, just(func() error {
		if l.s.boot != boot {
			return ErrClosed
		}
		l.s.markClean(marks)
		return nil
	}))
}

func (l *link) Scan(_ context.Context, g Guard, f Filter, after Key, limit int) (items []Item, tick uint64, err error) {
	err = l.guarded(false, g, func() func() {
		now, t := l.s.scan(f, after, limit), l.s.tick
		return func() { items, tick = now, t }
	})
	return items, tick, err
}
