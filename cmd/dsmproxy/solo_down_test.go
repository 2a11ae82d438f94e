package main

import (
	"strings"
	"testing"

	"github.com/dsmproxy/dsmproxy/internal/proxytest"
)

// TestSoloStoreDown: a proxy of two stores that has served nothing can't begin
// while one of them is down: it says which, and not that another proxy serves.
func TestSoloStoreDown(t *testing.T) {
	t.Parallel()
	w := newGroupWorld(t, 2, "\"safe\"\nquorum = \"solo\"\npatience = \"2s\"")
	first, end := w.serve()
	w.writes(first)
	w.await(first, "the stores are whole", whole)
	end()
	if err := w.servers[1].Kill(); err != nil {
		t.Fatal(err)
	}
	second, _ := w.serve()
	proxytest.Eventually(t, groupTime, "the store that is missing is named", func() bool {
		err := second.ready()
		return err != nil && strings.Contains(err.Error(), "no proxy serves yet") && strings.Contains(err.Error(), "store s2 does not answer: bring it back")
	})
	db := proxytest.Open(t, second.Addr().String())
	if _, err := db.Exec("REPLACE INTO app.sessions (id,data) VALUES ('k1','v2')"); err == nil || !strings.Contains(err.Error(), "store s2 does not answer") {
		t.Errorf("a write: %v", err)
	}
	if err := w.servers[1].Restart(t.Context()); err != nil {
		t.Fatal(err)
	}
	w.writes(second)
}
