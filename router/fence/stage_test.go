package fence

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/dsmproxy/dsmproxy/router/view"
)

// stage is a world without clients or accidents, in which a test brings about
// one situation step by step.
type stage struct {
	*world
	t *testing.T
}

func newStage(t *testing.T, cfg simConfig, change func(*simConfig)) *stage {
	cfg.Calm = true
	if cfg.Keys == 0 {
		cfg.Keys = 1
	}
	cfg.Clients = -1 // no client
	cfg = cfg.withDefaults()
	if change != nil {
		change(&cfg)
	}
	w := newWorld(cfg, 1)
	t.Cleanup(w.stop)
	for k := range w.orders { // the natural order
		for i := range w.orders[k] {
			w.orders[k][i] = uint16(i)
		}
	}
	s := &stage{w, t}
	s.pass(2 * second)
	return s
}

func (s *stage) pass(d time.Duration) { s.run(s.now + d) }

// await lets time pass until it is true.
func (s *stage) await(what string, is func() bool) {
	s.t.Helper()
	for until := s.now + time.Minute; !is(); s.pass(20 * time.Millisecond) {
		if s.now > until {
			s.t.Fatalf("waited in vain: %s; the registers are %s", what, s.registers())
		}
	}
}

func (s *stage) registers() string {
	var list []string
	for _, o := range s.servers {
		list = append(list, o.view.String())
	}
	return strings.Join(list, "  ")
}

// start begins something at a proxy; the result is there when done is true.
type started struct {
	done bool
	err  error
	out  simOut
}

func (s *stage) start(p int, do func(g *Group) error) *started {
	r := &started{}
	s.spawn(s.proxies[p], func() {
		r.err = do(s.proxies[p].group)
		r.done = true
	})
	return r
}

func (s *stage) begin(p, key int, op simOp) *started {
	st := &simStmt{ops: []simOp{op}}
	var r *started
	r = s.start(p, func(g *Group) (err error) {
		keys := []Key{{ID: keyID(key)}}
		if op.kind == doRead {
			err = g.Read(context.Background(), st, keys)
		} else {
			err = g.Write(context.Background(), st, keys)
		}
		if err == nil {
			r.out = st.answer.out[0]
		}
		return err
	})
	return r
}

func (s *stage) finish(r *started) *started {
	s.t.Helper()
	s.await("the end of an operation", func() bool { return r.done })
	return r
}

func (s *stage) put(p, key int, val uint64) error {
	s.t.Helper()
	return s.finish(s.begin(p, key, simOp{doPut, val})).err
}

func (s *stage) read(p, key int) (simOut, error) {
	s.t.Helper()
	r := s.finish(s.begin(p, key, simOp{kind: doRead}))
	return r.out, r.err
}

// wants fails unless key reads as val through p.
func (s *stage) wants(p, key int, val uint64) {
	s.t.Helper()
	if out, err := s.read(p, key); err != nil || !out.found || out.val != val {
		s.t.Fatalf("key %d reads as %+v, %v; want %d", key, out, err, val)
	}
}

// bring makes a view count, through proxy p.
func (s *stage) bring(p int, to *view.View) {
	s.t.Helper()
	s.finish(s.start(p, func(g *Group) error { g.propose(context.Background(), to); return nil }))
	s.await("a view", func() bool { return to.AtMost(s.proxies[p].group.now.Load().view) })
}

func (s *stage) view(p int) *view.View { return s.proxies[p].group.now.Load().view }

// leaveAlone keeps the proxies from healing and sweeping.
func (s *stage) leaveAlone() {
	for _, p := range s.proxies {
		p.group.cfg.MendEvery = time.Hour
	}
	s.pass(second)
}

// isolate cuts proxy p off from servers, until it is connected again.
func (s *stage) isolate(p int, servers ...int) {
	for _, i := range servers {
		s.cutRequest[[2]int{p, i}], s.cutReply[[2]int{p, i}] = true, true
	}
}

func (s *stage) connect(p int, servers ...int) {
	for _, i := range servers {
		delete(s.cutRequest, [2]int{p, i})
		delete(s.cutReply, [2]int{p, i})
	}
}

// with and without run a test on the protocol as it is, where it must be
// right, and with a mechanism taken out, where it must not.
func withAndWithout(t *testing.T, take func(*simConfig), test func(t *testing.T, take func(*simConfig)) (wrong string)) {
	t.Helper()
	t.Run("with", func(t *testing.T) {
		if wrong := test(t, nil); wrong != "" {
			t.Error(wrong)
		}
	})
	t.Run("without", func(t *testing.T) {
		if wrong := test(t, take); wrong == "" {
			t.Error("the mechanism is not missed")
		}
	})
}

var calmSafe = simConfig{Stores: 3, Copies: 2, Proxies: 2, Lease: second}

// stays is c where a store that was excluded does not come back.
func stays(c simConfig) simConfig {
	c.Rejoin = time.Hour
	return c
}
