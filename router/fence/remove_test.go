package fence

import (
	"context"
	"testing"
	"time"

	"github.com/dsmproxy/dsmproxy/router/view"
)

// TestRemove: a record is removed in the version that was seen, from all copies,
// and in no later one.
func TestRemove(t *testing.T) {
	s := newStage(t, calmSafe, nil)
	remove := func(v view.Version) (removed bool) {
		t.Helper()
		if r := s.finish(s.start(0, func(g *Group) (err error) {
			removed, err = g.Remove(context.Background(), Key{ID: keyID(0)}, v)
			return err
		})); r.err != nil {
			t.Fatal(r.err)
		}
		return removed
	}
	if err := s.put(0, 0, 1); err != nil {
		t.Fatal(err)
	}
	old := s.servers[0].entries["0"].Version
	if err := s.put(1, 0, 2); err != nil {
		t.Fatal(err)
	}
	if remove(old) {
		t.Error("a record was removed that has been written since")
	}
	s.wants(1, 0, 2)
	if !remove(s.servers[0].entries["0"].Version) {
		t.Error("a record was not removed")
	}
	s.servers[0].crash()
	if out, err := s.read(1, 0); err != nil || out.found {
		t.Errorf("the removed record reads as %+v, %v", out, err)
	}
	if remove(old) {
		t.Error("an absent record was removed")
	}
}

// TestBuiltOn: a write whose copy fails while another one comes on top of it is
// acknowledged once the newer version is copied.
func TestBuiltOn(t *testing.T) {
	s := newStage(t, calmSafe, nil)
	s.leaveAlone()
	s.proxies[0].group.cfg.Detect = time.Minute
	s.isolate(0, 1)
	first := s.begin(0, 0, simOp{doPut, 1})
	s.await("the first write", func() bool { return s.servers[0].entries["0"].Known })
	s.pass(400 * time.Millisecond) // the copy is given up
	if err := s.put(1, 0, 2); err != nil {
		t.Fatal(err)
	}
	if first.done {
		t.Fatalf("the first write ended before its copy could be made: %v", first.err)
	}
	s.connect(0, 1)
	if err := s.finish(first).err; err != nil {
		t.Error(err)
	}
	s.wants(0, 0, 2)
}
