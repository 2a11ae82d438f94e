package integration

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/dsmproxy/dsmproxy/internal/faultlink"
)

// fault is a way in which a store goes, and comes back.
type fault struct {
	name string
	end  func(n *node) error
	undo func(n *node) error
}

// faults are the ways in which a store goes, and comes back.
var faults = []fault{
	{"sigkill", func(n *node) error { return n.Kill() }, func(n *node) error { return n.Restart(context.Background()) }},
	{"sigstop", func(n *node) error { return n.Stop() }, func(n *node) error { return n.Continue() }},
	{"reset", func(n *node) error { n.link.Cut(); return nil }, func(n *node) error { return n.link.Restore() }},
	{"silence", func(n *node) error { n.link.Stall(faultlink.Both); return nil }, func(n *node) error { return n.link.Restore() }},
	{"silent-answers", func(n *node) error { n.link.Stall(faultlink.Down); return nil }, func(n *node) error { return n.link.Restore() }},
	{"shutdown", func(n *node) error { n.Shutdown(context.Background()); return nil }, func(n *node) error { return n.Restart(context.Background()) }},
}

// TestStoreGone takes one of four stores away while clients read and write:
// nobody outside a transaction may see an error, but for a write that the store
// had been sent, at the levels safe and strict; and every record reads back as
// it was written last, at the level seed as long as the store is gone.
func TestStoreGone(t *testing.T) {
	for _, f := range faults {
		t.Run(f.name, func(t *testing.T) { testStoreGone(t, f, "") })
	}
	t.Run("seed", func(t *testing.T) { testStoreGone(t, faults[0], "seed") })
}

func testStoreGone(t *testing.T, f fault, level string) {
	c := startCluster(t, options{stores: 4, copies: 2, links: true, level: level, detect: "1s"})
	l := c.startLoad(t, 8, 2, 1)
	l.wantProgress(1500)
	victim := c.nodes[1]
	begin := time.Now()
	if err := f.end(victim); err != nil {
		t.Fatal(err)
	}
	l.wantProgress(500)
	eventually(t, 10*time.Second, "the proxy says that the store is down", func() bool {
		return c.Log.Find(`msg="store down" store=`+victim.name) != ""
	})
	t.Logf("the store is down for the proxy %v after the fault", time.Since(begin).Round(time.Millisecond))
	l.wantProgress(2500)
	l.stop()
	l.judge(f.name, 1)
	l.verify(c.client(t))

	// It comes back: the proxy notices, and uses it. At the level seed, what was
	// written meanwhile may be stale on it.
	back := len(c.Log.String())
	if err := f.undo(victim); err != nil {
		t.Fatal(err)
	}
	begin = time.Now()
	eventually(t, 10*time.Second, "the proxy says that the store is up", func() bool {
		return strings.Contains(c.Log.String()[back:], `msg="store up" store=`+victim.name)
	})
	took := time.Since(begin)
	t.Logf("the store is up for the proxy %v after its return", took.Round(time.Millisecond))
	if took > 2*time.Second {
		t.Errorf("the proxy took %v to notice a store's return", took)
	}
	var keys []string
	db := c.client(t)
	for i := range 40 {
		keys = append(keys, fmt.Sprint("after-", f.name, i))
		mustExec(t, db, "INSERT INTO sessions (id, data) VALUES (?, 'x')", keys[i])
	}
	c.wantPlaced(t, keys, nil)
	if c.fenced {
		l.verify(c.client(t)) // and nothing that is there now is older
	}
}

// TestTwoStoresGone has three copies of each record, and takes two stores away
// one after the other.
func TestTwoStoresGone(t *testing.T) {
	c := startCluster(t, options{stores: 5, copies: 3, links: true, detect: "1s"})
	l := c.startLoad(t, 8, 0, 1)
	l.wantProgress(1000)
	if err := c.nodes[0].Kill(); err != nil {
		t.Fatal(err)
	}
	l.wantProgress(1000)
	c.nodes[3].link.Stall(faultlink.Both)
	l.wantProgress(2000)
	l.stop()
	l.judge("sigkill+silence", 2)
	l.verify(c.client(t))
}

// TestAllStoresGone: clients get errors, the proxy lives, and serves again when
// the stores are back. They are durable: at the levels safe and strict, stores
// that may all have lost something wait until an operator trusts them.
func TestAllStoresGone(t *testing.T) {
	c := startCluster(t, options{stores: 2, copies: 2, detect: "1s", storeArgs: []string{"--innodb-flush-log-at-trx-commit=1"}})
	db := c.client(t)
	mustExec(t, db, "INSERT INTO sessions (id, data) VALUES ('a', 'kept')")
	for _, n := range c.nodes {
		if err := n.Kill(); err != nil {
			t.Fatal(err)
		}
	}
	begin := time.Now()
	if _, err := db.Exec("REPLACE INTO sessions (id, data) VALUES ('a', 'lost')"); err == nil {
		t.Error("a write without any store went well")
	}
	var got string
	if err := db.QueryRow("SELECT data FROM sessions WHERE id = 'a'").Scan(&got); err == nil {
		t.Error("a read without any store went well")
	}
	t.Logf("two errors in %v", time.Since(begin).Round(time.Millisecond))
	for _, n := range c.nodes {
		if err := n.Restart(context.Background()); err != nil {
			t.Fatal(err)
		}
	}
	eventually(t, time.Minute, "a read goes well again", func() bool {
		return db.QueryRow("SELECT data FROM sessions WHERE id = 'a'").Scan(&got) == nil
	})
	if got != "kept" {
		t.Errorf("read %q, want %q", got, "kept")
	}
}

// TestStoresComeLater starts the proxy while a store, then all of them, are not
// there yet.
func TestStoresComeLater(t *testing.T) {
	c := startStores(t, options{stores: 2, copies: 2, links: true})
	for _, n := range c.nodes {
		n.link.Cut()
	}
	c.Proxy = suite.Serve(t, c.config)
	for _, n := range c.nodes {
		if err := n.link.Restore(); err != nil {
			t.Fatal(err)
		}
	}
	db := c.client(t)
	eventually(t, 20*time.Second, "a write goes well", func() bool {
		_, err := db.Exec("REPLACE INTO sessions (id, data) VALUES ('a', 'b')")
		return err == nil
	})
}

// TestBrokenAnswers breaks connections in the middle of large answers: the
// client gets the whole answer or an error, never a cut one.
func TestBrokenAnswers(t *testing.T) {
	c := startCluster(t, options{stores: 3, copies: 2, links: true})
	db := c.client(t)
	const size = 2 << 20
	for i := range 6 {
		mustExec(t, db, "INSERT INTO sessions (id, data) VALUES (?, REPEAT(?, ?))", fmt.Sprint("big", i), string(rune('a'+i)), size)
	}
	whole, broken := 0, 0
	for round := range 20 {
		for _, n := range c.nodes {
			n.link.CutAfter(faultlink.Down, int64(round*120_000))
		}
		for i := range 6 {
			var data []byte
			err := db.QueryRow("SELECT data FROM sessions WHERE id = ?", fmt.Sprint("big", i)).Scan(&data)
			if err != nil {
				broken++
				continue
			}
			whole++
			if len(data) != size || data[0] != byte('a'+i) || data[size-1] != byte('a'+i) {
				t.Fatalf("round %d: record %d has %d bytes, want %d", round, i, len(data), size)
			}
		}
	}
	t.Logf("%d whole answers, %d errors", whole, broken)
	eventually(t, 20*time.Second, "all records read back", func() bool {
		for i := range 6 {
			var n int
			if db.QueryRow("SELECT LENGTH(data) FROM sessions WHERE id = ?", fmt.Sprint("big", i)).Scan(&n) != nil || n != size {
				return false
			}
		}
		return true
	})
}
