package fence

import (
	"context"
	"testing"
)

// TestTxnOutlivesHeal: what a transaction is part of does not end when its store
// is found to have all its records, as it is for the first time soon after the
// founding; it does when the store is admitted anew.
func TestTxnOutlivesHeal(t *testing.T) {
	s := newStage(t, stays(calmSafe), nil)
	var txn *Txn
	s.finish(s.start(0, func(g *Group) (err error) { txn, err = g.Begin(context.Background(), Key{ID: keyID(0)}); return err }))
	was := txn.p.standing.Load()
	txn.p.standing.Store(&standing{boot: was.boot, intact: true})
	if !txn.Alive() {
		t.Error("it has ended with the cover")
	}
	txn.p.standing.Store(&standing{boot: was.boot + 1, intact: true, cover: was.cover})
	if txn.Alive() {
		t.Error("it has outlived its store's restart")
	}
	txn.p.standing.Store(was)
}
