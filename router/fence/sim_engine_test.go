package fence

import (
	"container/heap"
	"context"
	"iter"
	"math/rand/v2"
	"time"
)

// The simulator runs the package's own code in virtual time: tasks are
// coroutines, of which one runs at a time, and everything that happens is an
// event in a queue. The same seed gives the same history.

type event struct {
	at  time.Duration
	seq int
	do  func()
}

type eventQueue []event

func (q eventQueue) Len() int      { return len(q) }
func (q eventQueue) Swap(i, j int) { q[i], q[j] = q[j], q[i] }
func (q *eventQueue) Push(x any)   { *q = append(*q, x.(event)) }
func (q eventQueue) Less(i, j int) bool {
	if q[i].at != q[j].at {
		return q[i].at < q[j].at
	}
	return q[i].seq < q[j].seq
}

func (q *eventQueue) Pop() any {
	old := *q
	n := len(old) - 1
	x := old[n]
	old[n] = event{}
	*q = old[:n]
	return x
}

type engine struct {
	now     time.Duration
	seq     int
	queue   eventQueue
	rng     *rand.Rand
	tasks   map[*task]struct{}
	running *task
}

func newEngine(seed uint64) *engine {
	return &engine{rng: rand.New(rand.NewPCG(seed, 0x64736d)), tasks: make(map[*task]struct{})}
}

// upTo is a random time below d.
func (e *engine) upTo(d time.Duration) time.Duration { return time.Duration(e.rng.Int64N(int64(d))) }

// one reports whether one of n has come up.
func (e *engine) one(n int) bool { return e.rng.IntN(n) == 0 }

func (e *engine) at(t time.Duration, do func()) {
	e.seq++
	heap.Push(&e.queue, event{max(t, e.now), e.seq, do})
}

func (e *engine) after(d time.Duration, do func()) { e.at(e.now+d, do) }

func (e *engine) run(until time.Duration) {
	for len(e.queue) > 0 && e.queue[0].at <= until {
		ev := heap.Pop(&e.queue).(event)
		e.now = ev.at
		ev.do()
	}
	e.now = until
}

// stop ends all tasks.
func (e *engine) stop() {
	for t := range e.tasks {
		t.kill()
	}
}

// task is a coroutine. It belongs to one life of a proxy, or to none.
type task struct {
	e     *engine
	proxy *simProxy
	life  int
	next  func() (struct{}, bool)
	end   func()
	yield func(struct{}) bool
	done  bool
}

// killed is what a task panics with whose proxy has died.
type killed struct{}

func (e *engine) spawn(proxy *simProxy, f func()) {
	t := &task{e: e, proxy: proxy}
	if proxy != nil {
		t.life = proxy.life
	}
	t.next, t.end = iter.Pull(func(yield func(struct{}) bool) {
		t.yield = yield
		defer func() {
			t.done = true
			delete(e.tasks, t)
			if r := recover(); r != nil {
				if _, ok := r.(killed); !ok {
					panic(r)
				}
			}
		}()
		f()
	})
	e.tasks[t] = struct{}{}
	e.at(e.now, t.resume)
}

func (t *task) kill() {
	if !t.done {
		t.done = true
		delete(t.e.tasks, t)
		t.end()
	}
}

func (t *task) resume() {
	switch {
	case t.done:
	case t.proxy != nil && t.life != t.proxy.life:
		t.kill()
	case t.proxy != nil && t.proxy.pausedUntil > t.e.now:
		t.e.at(t.proxy.pausedUntil, t.resume)
	default:
		before := t.e.running
		t.e.running = t
		t.next()
		t.e.running = before
	}
}

// park gives the baton back until resume is called.
func (t *task) park() {
	if !t.yield(struct{}{}) {
		panic(killed{})
	}
}

func (e *engine) sleep(d time.Duration) {
	t := e.running
	e.after(max(d, 0), t.resume)
	t.park()
}

// latch is an Event.
type latch struct {
	e       *engine
	fired   bool
	waiting []*task
}

func (l *latch) Fire() {
	if l.fired {
		return
	}
	l.fired = true
	for _, t := range l.waiting {
		l.e.at(l.e.now, t.resume)
	}
	l.waiting = nil
}

func (l *latch) Wait(ctx context.Context) {
	for !l.fired {
		if c, ok := ctx.(*endsWhenAsked); ok && c.ended {
			return
		}
		t := l.e.running
		l.waiting = append(l.waiting, t)
		t.park()
	}
}

// endsWhenAsked ends as soon as somebody has asked whether it has, who is told
// that it has not.
type endsWhenAsked struct {
	context.Context
	ended bool
}

func (c *endsWhenAsked) Err() error {
	if c.ended {
		return context.Canceled
	}
	c.ended = true
	return nil
}

// simEnv is the Env of one proxy.
type simEnv struct{ p *simProxy }

func (s simEnv) Now() time.Duration { return s.p.clock() }

func (s simEnv) Sleep(_ context.Context, d time.Duration) { s.p.w.sleep(d) }

func (s simEnv) Go(f func()) { s.p.w.spawn(s.p, f) }

func (s simEnv) NewEvent() Event { return &latch{e: s.p.w.engine} }

func (s simEnv) Random() uint64 { return s.p.w.rng.Uint64() }
