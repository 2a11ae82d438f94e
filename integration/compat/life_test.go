//go:build compat

package compat

import (
	"fmt"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// life is what one handler's sessions go through.
type life struct {
	h        handler
	workers  []*worker
	sessions map[string]*payload // what must be there, by id
	gone     []string            // ids that must not be
	made     int
}

// blob has what escaping and character sets go wrong with.
const blob = "it's \\ \"q\" `b` ;-- /* ä € 😀 \x00\n\r\x1a %_ :a ? "

func newLife(t *testing.T, h handler, addr string) *life {
	t.Helper()
	return &life{h: h, workers: startWorkers(t, 4, h, addr), sessions: make(map[string]*payload)}
}

// run carries the life's parts out, one after the other: what fails in one does
// not keep the next from being tried. victim is killed in the midst of them.
func (l *life) run(t *testing.T, c *cluster, victim *node) {
	part := t.Run
	if !part("setup", func(t *testing.T) { l.must(t, 0, question{Op: "setup"}) }) {
		return
	}
	part("create", l.create)
	part("update", l.update)
	part("concurrent", l.concurrent)
	part("regenerate", l.regenerate)
	part("collect", func(t *testing.T) { l.collect(t, c) })
	if c != nil {
		part("placed", func(t *testing.T) { l.placed(t, c, nil) })
		part("kill", func(t *testing.T) { l.kill(t, victim) })
	}
	part("rewrite", l.update)
	if c != nil {
		part("placed without a store", func(t *testing.T) { l.placed(t, c, victim) })
	}
	part("regenerate again", l.regenerate)
	part("collect again", func(t *testing.T) { l.collect(t, c) })
	part("destroy", func(t *testing.T) { l.destroy(t, c, victim) })
	if c != nil {
		// At the level seed it may show what it missed; the next handler has a
		// database of its own.
		c.restart(t, victim)
	}
}

// must asks a worker and wants no error.
func (l *life) must(t *testing.T, w int, q question) answer {
	t.Helper()
	a, err := l.workers[w%len(l.workers)].ask(q)
	if err != nil {
		t.Fatalf("%.1500s", err)
	}
	return a
}

// newID is 32 hexadecimal digits, which every handler takes.
func (l *life) newID() string {
	l.made++
	return fmt.Sprintf("%08x%024x", l.made*2654435761&0xffffffff, l.made)
}

func (l *life) create(t *testing.T) {
	for i := range 12 {
		p := &payload{Blob: blob}
		a := l.must(t, i, question{Op: "create", ID: l.newID(), Data: p})
		l.sessions[a.ID] = p
	}
	l.check(t)
}

// check reads all sessions, each by some worker.
func (l *life) check(t *testing.T) {
	t.Helper()
	i := 0
	for id, want := range l.sessions {
		i++
		a := l.must(t, i, question{Op: "read", ID: id})
		if a.Data == nil {
			t.Errorf("session %s is lost", id)
		} else if *a.Data != *want {
			t.Errorf("session %s has %.200v, want %.200v", id, *a.Data, *want)
		}
	}
	if l.h.count {
		if a := l.must(t, 0, question{Op: "count"}); a.N == nil || *a.N != len(l.sessions) {
			n := -1
			if a.N != nil {
				n = *a.N
			}
			t.Errorf("the handler counts %d sessions, want %d", n, len(l.sessions))
		}
	}
}

// update has one worker write and another one read.
func (l *life) update(t *testing.T) {
	i := 0
	for id, p := range l.sessions {
		i++
		*p = payload{N: p.N + 100, Blob: strings.Repeat(blob, 1+i)}
		l.must(t, i, question{Op: "write", ID: id, Data: p})
		if a := l.must(t, i+1, question{Op: "read", ID: id}); a.Data == nil || *a.Data != *p {
			t.Errorf("session %s: another worker reads not what was written", id)
		}
		*p = payload{N: p.N + 1, Blob: p.Blob}
		if a := l.must(t, i+2, question{Op: "incr", ID: id}); a.Data == nil || *a.Data != *p {
			t.Errorf("session %s: incremented to something else", id)
		}
		// Written again unchanged: some handlers only touch it then.
		l.must(t, i+3, question{Op: "write", ID: id, Data: p})
	}
	l.check(t)
}

// concurrent has all workers make requests for one session at once.
func (l *life) concurrent(t *testing.T) {
	const each = 6
	var id string
	for id = range l.sessions {
		break
	}
	p := l.sessions[id]
	before := p.N
	var wg sync.WaitGroup
	errs := make([]error, len(l.workers))
	for i, w := range l.workers {
		wg.Go(func() {
			for range each {
				if _, err := w.ask(question{Op: "incr", ID: id}); err != nil {
					errs[i] = err
					return
				}
			}
		})
	}
	wg.Wait()
	for _, err := range errs {
		if err != nil {
			t.Errorf("%.1500s", err)
		}
	}
	a := l.must(t, 0, question{Op: "read", ID: id})
	most := before + each*len(l.workers)
	switch {
	case a.Data == nil:
		t.Fatal("the session is lost")
	case l.h.locks && a.Data.N != most:
		t.Errorf("the session was incremented to %d, want %d: its lock does not hold", a.Data.N, most)
	case a.Data.N <= before || a.Data.N > most:
		t.Errorf("the session was incremented to %d, want %d to %d", a.Data.N, before+1, most)
	}
	*p = *a.Data
}

// regenerate gives three sessions new ids.
func (l *life) regenerate(t *testing.T) {
	for i, id := range l.some(3) {
		a := l.must(t, i, question{Op: "regenerate", ID: id, To: l.newID()})
		if a.ID == id || a.ID == "" {
			t.Fatalf("the id stayed %q", a.ID)
		}
		l.sessions[a.ID] = l.sessions[id]
		l.drop(id)
	}
	l.check(t)
}

// some are ids of n sessions.
func (l *life) some(n int) []string {
	var ids []string
	for id := range l.sessions {
		ids = append(ids, id)
	}
	slices.Sort(ids)
	return ids[:min(n, len(ids))]
}

func (l *life) drop(id string) {
	delete(l.sessions, id)
	l.gone = append(l.gone, id)
}

// collect lets two sessions expire and the garbage be collected.
func (l *life) collect(t *testing.T, c *cluster) {
	if !l.h.gc {
		t.Logf("%s collects no garbage", l.h.name)
		return
	}
	for i, id := range l.some(2) {
		l.must(t, i, question{Op: "expire", ID: id})
		l.drop(id)
	}
	l.must(t, 2, question{Op: "gc"})
	l.wantGone(t, c, nil)
	l.check(t)
}

// wantGone wants no store but one that is down to have a session that is gone.
func (l *life) wantGone(t *testing.T, c *cluster, down *node) {
	t.Helper()
	if c == nil || l.h.keeps {
		return
	}
	for _, n := range c.nodes {
		if n == down || !n.Running() {
			continue
		}
		rows := rowsOf(t, n, l.h.database()+"."+l.h.table, l.h.key)
		for _, id := range l.gone {
			for key := range rows {
				if l.h.has(key, id) {
					t.Errorf("session %s is gone, yet on %s", id, n.name)
				}
			}
		}
	}
}

// placed wants each session on the first stores of its order that are up, with
// equal copies.
func (l *life) placed(t *testing.T, c *cluster, down *node) {
	l.wantGone(t, c, down)
	wrong := l.misplaced(t, c, down)
	// A write may still be under way that the handler did not wait for, and a
	// store that the proxy could not reach for a moment has been given its copies
	// since.
	for end := time.Now().Add(20 * time.Second); (l.h.late || !c.seed) && len(wrong) > 0 && time.Now().Before(end); {
		time.Sleep(50 * time.Millisecond)
		wrong = l.misplaced(t, c, down)
	}
	for _, text := range wrong {
		t.Error(text)
	}
}

// misplaced lists what of that is not so.
func (l *life) misplaced(t *testing.T, c *cluster, down *node) (wrong []string) {
	copies := make(map[string]map[string]string) // key -> store -> row
	var keys []string
	for _, n := range c.nodes {
		if n == down {
			continue
		}
		for key, row := range rowsOf(t, n, l.h.database()+"."+l.h.table, l.h.key) {
			if copies[key] == nil {
				copies[key] = make(map[string]string)
				keys = append(keys, key)
			}
			copies[key][n.name] = row
		}
	}
	orders := c.orders(t, l.h.database()+"."+l.h.table, keys)
	for id := range l.sessions {
		i := slices.IndexFunc(keys, func(key string) bool { return l.h.has(key, id) })
		if i < 0 {
			wrong = append(wrong, fmt.Sprintf("session %s is on no store", id))
			continue
		}
		key := keys[i]
		order := orders[key]
		if down != nil {
			order = slices.DeleteFunc(slices.Clone(order), func(name string) bool { return name == down.name })
		}
		want := order[:c.copies]
		for _, name := range want {
			if row, ok := copies[key][name]; !ok {
				wrong = append(wrong, fmt.Sprintf("session %s: no copy on %s, want it on %v", id, name, want))
			} else if row != copies[key][want[0]] {
				wrong = append(wrong, fmt.Sprintf("session %s: the copies on %s and %s differ:\n%.600s\n%.600s", id, name, want[0], row, copies[key][want[0]]))
			}
		}
	}
	return wrong
}

// kill kills a store with SIGKILL while all workers make requests, each for
// sessions of its own.
func (l *life) kill(t *testing.T, victim *node) {
	ids := l.some(len(l.sessions))
	var killed atomic.Bool
	var done, failed atomic.Int32
	var mu sync.Mutex // guards errs and uncertain
	var errs []string
	uncertain := make(map[string]bool)
	var wg sync.WaitGroup
	for i, w := range l.workers {
		wg.Go(func() {
			after, mine := 0, 0
			for round := 0; after < 8; round++ {
				if killed.Load() {
					after++
				}
				for j := i; j < len(ids); j += len(l.workers) {
					a, err := w.ask(question{Op: "incr", ID: ids[j]})
					mu.Lock()
					p := l.sessions[ids[j]]
					switch {
					case err != nil:
						failed.Add(1)
						uncertain[ids[j]] = true
						errs = append(errs, fmt.Sprintf("round %d of worker %d, %s: %.600s", round, i, ids[j], err))
						if mine++; mine > 5 {
							mu.Unlock()
							return
						}
					case a.Data.N == p.N+1, uncertain[ids[j]] && a.Data.N == p.N+2:
						delete(uncertain, ids[j])
						*p = *a.Data
						done.Add(1)
					default:
						errs = append(errs, fmt.Sprintf("session %s was incremented to %d, want %d: a write is lost", ids[j], a.Data.N, p.N+1))
						failed.Add(1000)
						*p = *a.Data
					}
					mu.Unlock()
				}
			}
		})
	}
	eventually(t, time.Minute, "the workers have done their first requests", func() bool { return done.Load()+failed.Load() > 8 })
	if err := victim.Kill(); err != nil {
		t.Error(err)
	}
	killed.Store(true)
	wg.Wait()
	t.Logf("%d requests were done, %d failed", done.Load(), failed.Load())
	for i, err := range errs {
		if i < 12 {
			t.Log(err)
		}
	}
	switch limit := int32(len(l.workers)); {
	case failed.Load() == 0:
	case l.h.mayFail == "":
		t.Error("requests failed although the handler holds nothing on the store that was killed")
	case failed.Load() > limit:
		t.Errorf("more requests failed than the %d that were going on when the store was killed", limit)
	}
	for id := range uncertain {
		a := l.must(t, 0, question{Op: "read", ID: id})
		if p := l.sessions[id]; a.Data == nil || a.Data.N != p.N && a.Data.N != p.N+1 {
			t.Errorf("session %s: %v, want %d or one more", id, a.Data, p.N)
		} else {
			*p = *a.Data
		}
	}
	l.check(t)
}

// destroy ends three sessions.
func (l *life) destroy(t *testing.T, c *cluster, down *node) {
	var ids []string
	for i, id := range l.some(3) {
		l.must(t, i, question{Op: "destroy", ID: id})
		l.drop(id)
		ids = append(ids, id)
	}
	l.wantGone(t, c, down)
	l.check(t)
	for i, id := range ids {
		if a := l.must(t, i+1, question{Op: "read", ID: id}); a.Data != nil {
			t.Errorf("session %s was destroyed and can be read", id)
		}
	}
	// Some handlers make a record for any id that is read.
	l.gone = slices.DeleteFunc(l.gone, func(id string) bool { return slices.Contains(ids, id) })
}
