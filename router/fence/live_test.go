package fence

import (
	"context"
	"fmt"
	"math/rand/v2"
	"sync"
	"testing"
	"time"

	"github.com/dsmproxy/dsmproxy/router/view"
)

// liveStore is a simulated server for goroutines: one request at a time, at
// once.
type liveStore struct {
	mu *sync.Mutex
	s  *server
}

func (l liveStore) guarded(g Guard, do func()) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if !l.s.alive {
		return ErrRefused
	}
	if err := l.s.check(g); err != nil {
		return err
	}
	do()
	return nil
}

func (l liveStore) Name() string { return l.s.w.names[l.s.index] }

func (l liveStore) Look(_ context.Context, b Beat) (Status, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if !l.s.alive {
		return Status{}, ErrRefused
	}
	return l.s.look(b), nil
}

func (l liveStore) Push(_ context.Context, boot uint64, v *view.View, solo bool) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	switch {
	case !l.s.alive:
		return ErrRefused
	case l.s.boot != boot:
		return ErrClosed
	}
	return l.s.push(v, solo)
}

func (l liveStore) Open(_ context.Context, seen Status, how Opening, v *view.View, tick uint64) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if !l.s.alive || l.s.boot != 0 || l.s.blank != seen.Blank {
		return ErrClosed
	}
	l.s.open(how, v, tick)
	return nil
}

func (l liveStore) Note(_ context.Context, g Guard, n Note) error {
	return l.guarded(g, func() {
		if n == NoteAct {
			l.s.act = g.View
		} else {
			l.s.cover, l.s.intact = g.View, true
		}
	})
}

func (l liveStore) Read(_ context.Context, g Guard, stmt Statement, keys []Key, marks []Entry) error {
	return l.guarded(g, func() {
		st := stmt.(*simStmt)
		st.answer = l.s.runRead(st, keys)
		copy(marks, l.s.load(keys, false))
	})
}

func (l liveStore) Write(_ context.Context, g Guard, stmt Statement, keys []Key, id uint64, entries []Entry) (changed bool, err error) {
	err = l.guarded(g, func() {
		st := stmt.(*simStmt)
		st.answer, changed, _ = l.s.runWrite(g, st, keys, id)
		copy(entries, l.s.load(keys, true))
	})
	return changed, err
}

func (l liveStore) Load(_ context.Context, g Guard, keys []Key, images bool, entries []Entry) (tick uint64, err error) {
	err = l.guarded(g, func() {
		tick = l.s.tick
		copy(entries, l.s.load(keys, images))
	})
	return tick, err
}

func (l liveStore) Put(_ context.Context, g Guard, puts []Put) (err error) {
	if e := l.guarded(g, func() { err = l.s.put(g, puts) }); e != nil {
		return e
	}
	return err
}

func (l liveStore) Swap(_ context.Context, g Guard, swaps []Swap, done []bool) (err error) {
	if e := l.guarded(g, func() {
		var did []bool
		did, err = l.s.swap(g, swaps)
		copy(done, did)
	}); e != nil {
		return e
	}
	return err
}

func (l liveStore) MarkClean(_ context.Context, boot uint64, marks []Mark) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if !l.s.alive || l.s.boot != boot {
		return ErrClosed
	}
	l.s.markClean(marks)
	return nil
}

func (l liveStore) Scan(_ context.Context, g Guard, f Filter, after Key, limit int) (items []Item, tick uint64, err error) {
	err = l.guarded(g, func() { items, tick = l.s.scan(f, after, limit), l.s.tick })
	return items, tick, err
}

// liveGroups are n Groups over one set of stores.
func liveGroups(t testing.TB, w *world, n int, lease time.Duration) []*Group {
	var mu sync.Mutex
	var groups []*Group
	for range n {
		env := &Live{}
		c := Config{
			Placement: simPlacement{w}, Copies: w.cfg.Copies, MinCopies: w.cfg.MinCopies, Lease: lease,
			Detect: 200 * time.Millisecond, Rejoin: 50 * time.Millisecond, RejoinMax: 100 * time.Millisecond,
			BeatEvery: 20 * time.Millisecond, MendEvery: 30 * time.Millisecond, Patience: time.Minute, Env: env,
		}
		for _, s := range w.servers {
			c.Stores = append(c.Stores, liveStore{&mu, s})
		}
		g, err := New(c)
		if err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithCancel(context.Background())
		ended := make(chan error)
		go func() { ended <- g.Run(ctx) }()
		t.Cleanup(func() {
			cancel()
			<-ended
			env.Wait()
		})
		groups = append(groups, g)
	}
	w.crashLive = func(s *server, crash bool) {
		mu.Lock()
		defer mu.Unlock()
		if crash {
			s.alive = false
		} else {
			s.restart()
		}
	}
	return groups
}

// TestLive runs the protocol on goroutines, for the race detector, while a
// store goes and comes back.
func TestLive(t *testing.T) {
	for name, lease := range map[string]time.Duration{"safe": 300 * time.Millisecond, "strict": 0} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(simConfig{Stores: 3, Copies: 2, Keys: 6}, 1)
			groups := liveGroups(t, w, 2, lease)
			var mu sync.Mutex
			var clients sync.WaitGroup
			began := time.Now()
			act := func(g *Group, client int) {
				k := rand.IntN(w.cfg.Keys)
				op := simOp{simKind(rand.IntN(int(doTxn))), rand.Uint64()}
				c := &simCall{client: client, key: k, op: op, call: time.Since(began), ret: forever}
				st, keys := &simStmt{ops: []simOp{op}}, []Key{{ID: keyID(k)}}
				run := g.Write
				if op.kind == doRead {
					run = g.Read
				}
				if err := run(t.Context(), st, keys); err == nil {
					c.ret, c.state, c.out = time.Since(began), answered, st.answer.out[0]
				}
				mu.Lock()
				defer mu.Unlock()
				w.history = append(w.history, c)
			}
			for i := range 8 {
				clients.Go(func() {
					for range 60 {
						act(groups[i%2], i)
						time.Sleep(time.Duration(rand.IntN(int(10 * time.Millisecond))))
					}
				})
			}
			waitFor(t, "a view", func() bool { return groups[0].Overview().View != "" })
			w.crashLive(w.servers[1], true)
			waitFor(t, "the exclusion", func() bool { return groups[0].Overview().Stores[1].State == "down" })
			w.crashLive(w.servers[1], false)
			waitFor(t, "the return", func() bool { return groups[0].Overview().Stores[1].Covered })
			clients.Wait()
			var v verdict
			if w.check(&v); v.wrong != "" {
				t.Error(v.wrong)
			}
		})
	}
}

func waitFor(t *testing.T, what string, is func() bool) {
	t.Helper()
	for until := time.Now().Add(time.Minute); !is(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(until) {
			t.Fatalf("waited in vain for %s", what)
		}
	}
}

// TestHotPath: what a read and a write cost beside the store.
func TestHotPath(t *testing.T) {
	w := newWorld(simConfig{Stores: 3, Copies: 2, Keys: 1}, 1)
	g := liveGroups(t, w, 1, time.Hour)[0]
	stmt, keys := &simStmt{ops: []simOp{{kind: doRead}}}, []Key{{ID: keyID(0)}}
	read := func() {
		if err := g.Read(t.Context(), stmt, keys); err != nil {
			t.Fatal(err)
		}
	}
	read()
	w.crashLive = nil
	store := testing.AllocsPerRun(200, func() {
		s := w.servers[0]
		stmt.answer = s.runRead(stmt, keys)
		_ = s.load(keys, false)
	})
	if all := testing.AllocsPerRun(200, read); all > store+1 { // the background has some
		t.Errorf("a read allocates %v times, of which %v are the store's", all, store)
	}
}

func BenchmarkRead(b *testing.B) {
	w := newWorld(simConfig{Stores: 3, Copies: 2, Keys: 1}, 1)
	g := liveGroups(b, w, 1, time.Hour)[0]
	stmt, keys := &simStmt{ops: []simOp{{kind: doRead}}}, []Key{{ID: keyID(0)}}
	b.ReportAllocs()
	for b.Loop() {
		if err := g.Read(context.Background(), stmt, keys); err != nil {
			b.Fatal(fmt.Errorf("read: %w", err))
		}
	}
}

// TestLiveClock: the quick clock and the slow one are the same.
func TestLiveClock(t *testing.T) {
	l := &Live{}
	for range 100 {
		before := bootTime()
		now := l.Now()
		if after := bootTime(); now < before-stepped || now > after+stepped {
			t.Fatalf("now is %v, not between %v and %v", now, before, after)
		}
	}
	// As after a suspension of an hour.
	e := *l.epoch.Load()
	e.boot -= time.Hour
	e.wall -= time.Hour
	l.epoch.Store(&e)
	if now, boot := l.Now(), bootTime(); (now - boot).Abs() > time.Second {
		t.Errorf("after a suspension it is %v, not %v", now, boot)
	}
}
