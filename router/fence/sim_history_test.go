package fence

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"time"

	"github.com/anishathalye/porcupine"

	"github.com/dsmproxy/dsmproxy/router/view"
)

// verdict is what a history shows.
type verdict struct {
	seed   uint64
	wrong  string // "" if nothing is
	calls  int
	failed int
	// stuck: too much is lost for the stores to know what is right; they refuse
	// everything until an operator decides.
	stuck bool
	// undecided: the checker did not finish.
	undecided bool
	faults    map[fault]int
	counts    Counts
}

const (
	healTime  = 60 * time.Second // in which everything must be well again
	readTime  = 20 * time.Second // for the last reads
	checkTime = 20 * time.Second // of the checker, in real time
)

// simulate runs one history, and judges it.
func simulate(cfg simConfig, seed uint64, log io.Writer) verdict {
	w := newWorld(cfg, seed)
	defer w.stop()
	w.log = log
	if len(cfg.Faults) > 0 {
		w.injectFaults()
	}
	if cfg.Lossy || slices.Contains(cfg.Faults, restoreStore) {
		for t := time.Duration(0); t < cfg.Length; t += 200 * time.Millisecond {
			w.at(t, func() {
				for _, s := range w.servers {
					s.snapshot()
				}
			})
		}
	}
	w.run(cfg.Length)
	w.relieve()
	w.run(cfg.Length + 4*time.Second) // the last operations end
	v := verdict{seed: seed, faults: w.faults}
	v.counts.Strange = w.strange
	if !cfg.Naive {
		if v.wrong = w.heals(); v.wrong != "" && w.lost() {
			v.wrong, v.stuck = "", true
		}
		if read := w.readAll(); v.wrong == "" && !v.stuck {
			v.wrong = read
		}
	}
	for _, p := range w.proxies {
		if p.group != nil {
			v.counts = v.counts.add(p.group.Overview().Counts)
		}
	}
	for _, c := range w.history {
		if c.state == failed {
			v.failed++
		}
	}
	w.check(&v)
	return v
}

func (c Counts) add(o Counts) Counts {
	c.Helped += o.Helped
	c.Settled += o.Settled
	c.Completed += o.Completed
	c.Refused += o.Refused
	c.Unknown += o.Unknown
	c.Waited += o.Waited
	c.Excluded += o.Excluded
	c.Reset += o.Reset
	c.Dropped += o.Dropped
	c.Strange += o.Strange
	return c
}

// found makes the registers, as each proxy does when it is started.
func (p *simProxy) found() {
	g := p.group
	p.w.spawn(p, func() {
		for {
			err := g.Found(context.Background())
			if err == nil || errors.Is(err, ErrFounded) {
				return
			}
			p.w.sleep(100*time.Millisecond + p.w.upTo(time.Second))
		}
	})
}

// heals waits until all is well, or says what is not.
func (w *world) heals() (wrong string) {
	for until := w.now + healTime; w.now < until; w.run(w.now + 500*time.Millisecond) {
		if wrong = w.unwell(); wrong == "" {
			return ""
		}
		// Somebody must ask for something: an owner only serves those who do.
		w.clients++
		id := w.clients
		w.spawn(w.proxies[0], func() {
			w.state(w.proxies[0], []*simCall{w.begins(id, 0, simOp{kind: doRead})})
		})
	}
	return wrong
}

// lost reports whether every store that is up has lost its memory.
func (w *world) lost() bool {
	v := w.top()
	for _, s := range w.servers[:w.cfg.Stores] {
		if v.State(s.index) == view.Up && s.intact && s.boot != 0 {
			return false
		}
	}
	return true
}

// unwell says what is not as it must be when nothing has failed for long: all
// stores up and covered by one view, each record on exactly N stores, the same
// there, and marked so.
func (w *world) unwell() string {
	v := w.top()
	stores := w.servers[:w.cfg.Stores]
	for _, s := range w.servers {
		if !s.view.Equal(v) || s.boot == 0 {
			return fmt.Sprintf("store %d is left behind: %v, not %v", s.index, s.view, v)
		}
	}
	for _, s := range stores {
		if v.State(s.index) != view.Up {
			return fmt.Sprintf("store %d is not up: %v", s.index, v)
		}
		if !s.intact || !s.cover.Equal(v) {
			return fmt.Sprintf("store %d is not covered: %v, not %v", s.index, s.cover, v)
		}
	}
	for k := range w.cfg.Keys {
		owners := v.Owners(nil, w.orders[k], w.cfg.Copies)
		first := stores[owners[0]].entries[string(keyID(k))]
		for _, s := range stores {
			e := s.entries[string(keyID(k))]
			if !slices.Contains(owners, uint16(s.index)) {
				if e.Known {
					return fmt.Sprintf("store %d has a copy of key %d too many", s.index, k)
				}
				continue
			}
			deleted := func(e Entry) bool { return !e.Known || e.Flags.Has(view.Deleted) }
			if !e.same(&first) && !(deleted(e) && deleted(first)) || string(e.Image) != string(first.Image) {
				return fmt.Sprintf("the copies of key %d differ", k)
			}
			if e.Known && !e.Flags.Has(view.Clean) {
				return fmt.Sprintf("store %d does not say that its copy of key %d is the others' too", s.index, k)
			}
		}
	}
	return ""
}

// readAll reads every key through every proxy.
func (w *world) readAll() string {
	var calls []*simCall
	for _, p := range w.proxies {
		for k := range w.cfg.Keys {
			w.clients++
			id := w.clients
			w.spawn(p, func() {
				for until := w.now + readTime; w.now < until; w.sleep(100 * time.Millisecond) {
					c := w.begins(id, k, simOp{kind: doRead})
					w.state(p, []*simCall{c})
					if c.state == answered {
						calls = append(calls, c)
						return
					}
				}
			})
		}
	}
	w.run(w.now + readTime + 4*time.Second)
	if want := len(w.proxies) * w.cfg.Keys; len(calls) < want {
		return fmt.Sprintf("%d of %d keys can't be read in the end", want-len(calls), want)
	}
	return ""
}

// check looks for an order of the operations on each key in which they could
// have been carried out one by one.
func (w *world) check(v *verdict) {
	for k := range w.cfg.Keys {
		var ops []porcupine.Operation
		for _, c := range w.history {
			if c.key != k || c.state == failed || c.state == pending && c.op.kind == doRead {
				continue
			}
			out := c.out
			if c.state == pending || c.state == untold {
				out = simOut{unknown: true}
			}
			ops = append(ops, porcupine.Operation{
				ClientId: c.client, Input: c.op, Output: out, Call: int64(c.call), Return: int64(c.ret),
			})
		}
		v.calls += len(ops)
		switch porcupine.CheckOperationsTimeout(w.model(k), ops, checkTime) {
		case porcupine.Illegal:
			v.wrong = fmt.Sprintf("key %d is not linearizable", k)
			w.explain(k, ops)
		case porcupine.Unknown:
			v.undecided = true
		}
	}
}

func (w *world) model(k int) porcupine.Model {
	return porcupine.Model{
		Init: func() any { return w.begun[uint64(k)] },
		Step: func(state, in, out any) (bool, any) {
			next, _, want := in.(simOp).apply(state.(simRow))
			if got := out.(simOut); !got.unknown && got != want {
				return false, state
			}
			return true, next
		},
	}
}

// explain traces how far a history can be ordered.
func (w *world) explain(k int, ops []porcupine.Operation) {
	if w.log == nil {
		return
	}
	_, info := porcupine.CheckOperationsVerbose(w.model(k), ops, checkTime)
	var best []porcupine.Operation
	for _, part := range info.PartialLinearizationsOperations() {
		for _, l := range part {
			if len(l) > len(best) {
				best = l
			}
		}
	}
	show := func(o porcupine.Operation) {
		w.trace("    client %d %v %d -> %+v, %v to %v", o.ClientId, o.Input.(simOp).kind, o.Input.(simOp).arg%100000,
			o.Output, time.Duration(o.Call), time.Duration(o.Return))
	}
	in := make(map[[2]int64]bool)
	w.trace("key %d: %d of %d operations can be ordered; the last of them:", k, len(best), len(ops))
	for i, o := range best {
		in[[2]int64{int64(o.ClientId), o.Call}] = true
		if i >= len(best)-5 {
			show(o)
		}
	}
	w.trace("the first that can't:")
	slices.SortFunc(ops, func(a, b porcupine.Operation) int { return int(a.Call - b.Call) })
	shown := 0
	for _, o := range ops {
		if !in[[2]int64{int64(o.ClientId), o.Call}] && shown < 6 {
			shown++
			show(o)
		}
	}
}

// where is what the stores have of a key.
func (w *world) where(k int) (text string) {
	if w.log == nil {
		return ""
	}
	text = fmt.Sprint(w.orders[k])
	for _, s := range w.servers[:w.cfg.Stores] {
		e := s.entries[string(keyID(k))]
		text += fmt.Sprintf(" | s%d %v %v v%d.%d.%d %d", s.index, s.view, s.row(string(keyID(k))).val%100000,
			e.Version.Epoch, e.Version.N, e.Version.ID%10000, e.Flags)
	}
	return text
}

// summary is what many histories show together.
type summary struct {
	histories, calls, failed, wrong, stuck, undecided int
	first                                             uint64 // the seed of the first that is wrong
	why                                               map[string]int
	faults                                            map[fault]int
	counts                                            Counts
}

func (s *summary) add(v verdict) {
	if s.why == nil {
		s.why, s.faults = make(map[string]int), make(map[fault]int)
	}
	s.histories++
	s.calls += v.calls
	s.failed += v.failed
	s.counts = s.counts.add(v.counts)
	for f, n := range v.faults {
		s.faults[f] += n
	}
	if v.stuck {
		s.stuck++
	}
	if v.undecided {
		s.undecided++
	}
	if v.wrong != "" {
		if s.wrong++; s.wrong == 1 || v.seed < s.first {
			s.first = v.seed
		}
		s.why[v.wrong]++
	}
}

func (s *summary) String() string {
	text := fmt.Sprintf("%d histories, %d operations (%d failed), %d wrong, %d stuck, %d undecided; faults", s.histories, s.calls, s.failed, s.wrong, s.stuck, s.undecided)
	for _, f := range slices.Sorted(maps.Keys(s.faults)) {
		text += fmt.Sprintf(" %s %d", f, s.faults[f])
	}
	return text + fmt.Sprintf("; %+v", s.counts)
}
