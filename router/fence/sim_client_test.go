package fence

import (
	"context"
	"errors"
	"slices"
	"time"
)

// startClient runs a client of p until the clients end.
func (w *world) startClient(p *simProxy) {
	w.clients++
	id := w.clients
	w.spawn(p, func() {
		w.sleep(w.upTo(50 * time.Millisecond))
		for w.now < w.ended {
			calls := w.act(p, id)
			d := w.upTo(60 * time.Millisecond)
			if calls[0].state != answered {
				d += w.upTo(600 * time.Millisecond)
			}
			w.sleep(d)
		}
	})
}

// act carries one statement out, or a transaction.
func (w *world) act(p *simProxy, client int) []*simCall {
	kinds := []simKind{doRead, doRead, doRead, doPut, doPut, doSet, doMix, doDelete, doTxn, doSurvey}
	if w.cfg.Naive {
		kinds = kinds[:len(kinds)-2]
	}
	kind := kinds[w.rng.IntN(len(kinds))]
	keys := []int{w.rng.IntN(w.cfg.Keys)}
	if other := w.rng.IntN(w.cfg.Keys); kind != doTxn && kind != doSurvey && !w.cfg.Naive && other != keys[0] && w.one(4) &&
		p.group.Primary(Key{ID: keyID(other)}) == p.group.Primary(Key{ID: keyID(keys[0])}) {
		keys = append(keys, other)
	}
	if kind == doSurvey {
		return w.survey(p, client)
	}
	var calls []*simCall
	for _, k := range keys {
		calls = append(calls, w.begins(client, k, simOp{kind, w.rng.Uint64()}))
	}
	switch {
	case w.cfg.Naive:
		w.naive(p, calls[0])
	case kind == doTxn:
		w.transact(p, calls[0])
	default:
		w.state(p, calls)
	}
	return calls
}

func (w *world) begins(client, key int, op simOp) *simCall {
	c := &simCall{client: client, key: key, op: op, call: w.now, ret: forever}
	w.history = append(w.history, c)
	w.trace("call client %d key %d %v %d  %s", client, key, op.kind, op.arg%100000, w.where(key))
	return c
}

// ends notes how a call has ended.
func (w *world) ends(c *simCall, err error, refused bool, out simOut) {
	c.ret, c.err = w.now, err
	switch {
	case err == nil && !refused:
		c.state, c.out = answered, out
	case errors.Is(err, ErrAnswerLost):
		c.state = untold
	case refused || !errors.Is(err, ErrUnknown):
		c.state = failed
	default:
		c.state, c.ret = pending, forever
	}
	w.trace("done client %d key %d %v %d: %v %v found %v val %d affected %d  %s", c.client, c.key, c.op.kind, c.op.arg%100000,
		err, refused, out.found, out.val%100000, out.affected, w.where(c.key))
}

// state runs one statement on one key or more.
func (w *world) state(p *simProxy, calls []*simCall) {
	st := &simStmt{}
	var keys []Key
	for _, c := range calls {
		st.ops = append(st.ops, c.op)
		keys = append(keys, Key{ID: keyID(c.key)})
	}
	var err error
	if calls[0].op.kind == doRead {
		err = p.group.Read(context.Background(), st, keys)
	} else {
		err = p.group.Write(context.Background(), st, keys)
	}
	for i, c := range calls {
		out := simOut{}
		if err == nil && !st.answer.refused {
			out = st.answer.out[i]
		}
		w.ends(c, err, st.answer.refused && err == nil, out)
	}
}

// survey reads all keys, or two: each is a read.
func (w *world) survey(p *simProxy, client int) (calls []*simCall) {
	ctx := context.Background()
	var keys []Key
	which := []int{0, w.cfg.Keys - 1}
	if w.one(2) {
		for k := 1; k < w.cfg.Keys-1; k++ {
			which = append(which, k)
		}
	} else {
		keys = []Key{{ID: keyID(which[0])}, {ID: keyID(which[1])}}
	}
	for _, k := range which {
		calls = append(calls, w.begins(client, k, simOp{kind: doRead}))
	}
	s := p.group.Survey([]uint16{0}, keys)
	out, err := w.ask(ctx, p, s, which)
	s.End()
	for i, c := range calls {
		if err != nil {
			w.ends(c, err, false, simOut{})
			continue
		}
		w.ends(c, nil, false, out[i])
	}
	return calls
}

// ask carries a survey out.
func (w *world) ask(ctx context.Context, p *simProxy, s *Survey, which []int) ([]simOut, error) {
	for {
		stores, err := s.Begin(ctx)
		if err != nil {
			return nil, err
		}
		out := make([]simOut, len(which))
		bad := -1
		for _, i := range stores {
			server := w.servers[i]
			err = (&link{p: p, s: server}).send(callTimeout, func() (func(), error) {
				got := make([]simOut, len(which))
				for j, k := range which {
					_, _, got[j] = simOp{kind: doRead}.apply(server.row(string(keyID(k))))
				}
				return func() {
					for j, k := range which {
						if first(w.orders[k], stores) == i {
							out[j] = got[j]
						}
					}
				}, nil
			})
			if err != nil {
				bad = i
				break
			}
		}
		if bad >= 0 {
			if err := s.Failed(ctx, bad, err); err != nil {
				return nil, err
			}
			continue
		}
		if ok, err := s.Confirm(ctx); ok || err != nil {
			return out, err
		}
	}
}

// first is the first of stores in an order.
func first(order []uint16, stores []int) int {
	for _, i := range order {
		if slices.Contains(stores, int(i)) {
			return int(i)
		}
	}
	return -1
}

// transact runs SELECT ... FOR UPDATE, thinks, and commits an UPDATE. The
// SELECT counts as a read of its own as well.
func (w *world) transact(p *simProxy, c *simCall) {
	ctx, keys := context.Background(), []Key{{ID: keyID(c.key)}}
	tx, err := p.group.Begin(ctx, keys[0])
	if err != nil {
		w.ends(c, err, false, simOut{})
		return
	}
	read := w.begins(c.client+1000, c.key, simOp{kind: doRead})
	id := w.rng.Uint64() | 1
	sel := &simStmt{ops: []simOp{read.op}, txn: id}
	err = tx.Read(ctx, sel, keys)
	if err != nil || sel.answer.refused {
		w.ends(read, err, err == nil, simOut{})
		w.ends(c, err, err == nil, simOut{})
		w.rollback(p, tx.Store(), c.key, id)
		return
	}
	w.ends(read, nil, false, sel.answer.out[0])
	w.sleep(w.upTo(8 * time.Millisecond))
	commit := &simStmt{ops: []simOp{c.op}, txn: id, commit: true}
	err = tx.Commit(ctx, commit, keys)
	out := simOut{}
	if err == nil && commit.answer.out == nil { // a server's COMMIT has none
		err = ErrAnswerLost
	}
	if err == nil && !commit.answer.refused {
		out = commit.answer.out[0]
	}
	w.ends(c, err, err == nil && commit.answer.refused, out)
	if err != nil {
		w.rollback(p, tx.Store(), c.key, id)
	}
}

// rollback gives a lock back, if it can.
func (w *world) rollback(p *simProxy, store, key int, id uint64) {
	w.spawn(p, func() {
		_ = (&link{p: p, s: w.servers[store]}).send(callTimeout, just(func() error {
			s := w.servers[store]
			if l, ok := s.locks[string(keyID(key))]; ok && l.by == id {
				delete(s.locks, string(keyID(key)))
			}
			return nil
		}))
	})
}

// naive is the rule of 2006: read the first store that lives, write the first
// N that do.
func (w *world) naive(p *simProxy, c *simCall) {
	st := &simStmt{ops: []simOp{c.op}}
	want := w.cfg.Copies
	if c.op.kind == doRead {
		want = 1
	}
	var out simOut
	have, lost := 0, false
	for _, i := range w.orders[c.key] {
		if have == want || p.downUntil[i] > w.now {
			continue
		}
		s := w.servers[i]
		var got simOut
		err := (&link{p: p, s: s}).send(callTimeout, func() (func(), error) {
			k := string(keyID(c.key))
			row, changed, o := st.ops[0].apply(s.row(k))
			if changed {
				s.store(Guard{View: s.view}, k, row, 1)
			}
			return func() { got = o }, nil
		})
		if err != nil {
			lost = lost || mayHaveRun(err)
			p.downUntil[i] = w.now + time.Second
			continue
		}
		if have++; have == 1 {
			out = got
		}
	}
	var err error
	switch {
	case have > 0:
	case lost && c.op.kind != doRead:
		err = ErrUnknown
	default:
		err = ErrRefused
	}
	w.ends(c, err, false, out)
}
