package main

import (
	"io"
	"strings"
	"testing"

	"github.com/dsmproxy/dsmproxy/conf"
)

// TestUnfitTable: at a fenced level the proxy does not start before session
// tables whose records can't be copied, and says which and why.
func TestUnfitTable(t *testing.T) {
	w := newGroupWorld(t, 2, `"strict"`)
	w.exec(1, "CREATE TRIGGER app.counts AFTER DELETE ON app.sessions FOR EACH ROW SET @x = 1")
	cfg, err := conf.Load(w.path)
	if err != nil {
		t.Fatal(err)
	}
	p, err := startProxy(cfg, w.path, newLogging(cfg.Log, io.Discard))
	if err == nil {
		p.Close()
	}
	if err == nil || !strings.Contains(err.Error(), "table app.sessions, which has triggers (counts) at store s2") {
		t.Errorf("the start: %v", err)
	}
	w.must(1, []string{"check", "-online"}, "s2: app.sessions: has triggers (counts)", "drop the triggers")
}
