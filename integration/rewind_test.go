package integration

import (
	"fmt"
	"path/filepath"
	"testing"
	"time"
)

// TestRewound restores a store from a copy of its data that is a few writes
// old, as soon as these have been acknowledged: nobody may read what was there
// before, be it by the proxies that have written, or by new ones, where no
// process is left that knows the store.
func TestRewound(t *testing.T) {
	f := startFleet(t, fleetOptions{level: "safe", stores: 3, proxies: 2, copies: 2})
	const keys = 12
	for i, n := range f.nodes {
		backup := filepath.Join(t.TempDir(), "backup")
		if err := n.Kill(); err != nil {
			t.Fatal(err)
		}
		if err := n.Snapshot(backup); err != nil {
			t.Fatal(err)
		}
		if err := n.Restart(t.Context()); err != nil {
			t.Fatal(err)
		}
		want := fmt.Sprint("value ", i)
		for k := range keys {
			db := f.client(f.proxies[k%2])
			eventually(t, time.Minute, "a write goes well", func() bool {
				_, err := db.Exec("REPLACE INTO sessions (id, data) VALUES (?, ?)", fmt.Sprint("k", k), want)
				return err == nil
			})
		}
		if i > 0 {
			for _, p := range f.proxies {
				p.Kill()
			}
		}
		if err := n.Rewind(t.Context(), backup); err != nil {
			t.Fatal(err)
		}
		if i > 0 {
			for _, p := range f.proxies {
				f.serve(p)
			}
		}
		for k := range keys {
			db, got := f.client(f.proxies[k%2]), ""
			eventually(t, time.Minute, "a read goes well", func() bool {
				return db.QueryRow("SELECT data FROM sessions WHERE id = ?", fmt.Sprint("k", k)).Scan(&got) == nil
			})
			if got != want {
				t.Errorf("store %d restored: k%d = %q, want %q", i, k, got, want)
			}
		}
		f.awaitHeal(healLimit)
	}
}
