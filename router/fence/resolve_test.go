package fence

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/dsmproxy/dsmproxy/router/view"
)

// silence keeps the answers of a server from all proxies, or no more.
func (s *stage) silence(server int, silent bool) {
	for p := range s.proxies {
		delete(s.cutReply, [2]int{p, server})
		if silent {
			s.cutReply[[2]int{p, server}] = true
		}
	}
}

// TestLostWriteIsRepeated: a primary commits a write and is lost before it has
// said so. Nobody has been told of that; it is carried out by the next primary.
func TestLostWriteIsRepeated(t *testing.T) {
	withAndWithout(t, func(c *simConfig) { c.ablate.noResolve = true }, func(t *testing.T, take func(*simConfig)) string {
		s := newStage(t, stays(calmSafe), take)
		if err := s.put(0, 0, 1); err != nil { // a moment ago, by the same proxy
			t.Fatal(err)
		}
		s.silence(0, true)
		r := s.finish(s.begin(0, 0, simOp{doMix, 5}))
		if r.err != nil {
			return fmt.Sprintf("the write has ended in %v", r.err)
		}
		if s.view(0).State(0) != view.Down {
			t.Fatal("the write has ended before its primary was excluded")
		}
		once, _, _ := simOp{doMix, 5}.apply(simRow{true, 1})
		s.wants(1, 0, once.val)
		return ""
	})
}

// TestLostWriteMayCount: a write whose answer is lost is read by another proxy,
// and written over, before its primary is. Then it must not be repeated.
func TestLostWriteMayCount(t *testing.T) {
	withAndWithout(t, func(c *simConfig) { c.ablate.guessFate = true }, func(t *testing.T, take func(*simConfig)) string {
		s := newStage(t, stays(calmSafe), take)
		if err := s.put(0, 0, 1); err != nil {
			t.Fatal(err)
		}
		s.pass(2 * second)
		s.cutReply[[2]int{0, 0}] = true
		r := s.begin(0, 0, simOp{doMix, 5})
		s.pass(second / 100)
		if err := s.finish(s.begin(1, 0, simOp{doMix, 6})).err; err != nil {
			t.Fatal(err)
		}
		s.finish(r)
		if !errors.Is(r.err, ErrUnknown) {
			return fmt.Sprintf("the write has ended in %v", r.err)
		}
		return ""
	})
}

// TestUnknownSaysWhy: the error of a write whose copy could not be made, and of
// which nothing more is known, says why.
func TestUnknownSaysWhy(t *testing.T) {
	s := newStage(t, stays(calmSafe), func(c *simConfig) { c.ablate.noResolve = true })
	for i := 1; i < len(s.servers); i++ {
		s.silence(i, true)
	}
	r := s.finish(s.begin(0, 0, simOp{doPut, 5}))
	var unknown *Unknown
	if !errors.As(r.err, &unknown) || !errors.Is(unknown.Err, ErrLost) || !strings.Contains(r.err.Error(), "copy at store "+unknown.Store+": ") {
		t.Fatalf("the write has ended in %v", r.err)
	}
}

// TestLostWriteStaysLost: a transaction is said to be rolled back because its
// primary was lost with it, which had committed it. It must not come back when
// the next primary is lost and all others are asked.
func TestLostWriteStaysLost(t *testing.T) {
	withAndWithout(t, func(c *simConfig) { c.ablate.noSeal = true }, func(t *testing.T, take func(*simConfig)) string {
		s := newStage(t, stays(simConfig{Stores: 4, Copies: 2, Proxies: 2, Lease: second}), take)
		s.leaveAlone()
		if err := s.put(0, 0, 1); err != nil {
			t.Fatal(err)
		}
		s.pass(2 * second)
		r := s.start(0, func(g *Group) error {
			ctx, keys, id := context.Background(), []Key{{ID: keyID(0)}}, uint64(7)
			tx, err := g.Begin(ctx, keys[0])
			if err == nil {
				err = tx.Read(ctx, &simStmt{ops: []simOp{{kind: doRead}}, txn: id}, keys)
			}
			if err != nil {
				return err
			}
			s.silence(0, true)
			return tx.Commit(ctx, &simStmt{ops: []simOp{{doPut, 2}}, txn: id, commit: true}, keys)
		})
		if s.finish(r); !errors.Is(r.err, ErrRestart) {
			t.Fatalf("the transaction has ended in %v", r.err)
		}
		s.silence(0, false)
		s.pass(second)
		s.bring(0, s.view(0).WithState(1, view.Down))
		if out, err := s.read(0, 0); err != nil || out.val != 1 {
			return fmt.Sprintf("the record is read as %+v, %v", out, err)
		}
		return ""
	})
}
