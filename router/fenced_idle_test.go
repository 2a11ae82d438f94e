package router_test

import (
	"runtime"
	"strings"
	"testing"

	"github.com/dsmproxy/dsmproxy/protocol"
)

// TestFencedIdleKeepsNoAnswer: at the level safe answers are kept back, but not by
// a client that has its own.
func TestFencedIdleKeepsNoAnswer(t *testing.T) {
	h := startAt(t, "safe", 2, 2)
	const clients, size = 40, 200 << 10
	h.exec(h.open("interpolateParams=true"), "INSERT INTO sessions (id, data) VALUES ('a', ?)", strings.Repeat("x", size))
	var list []*rawClient
	for range clients {
		list = append(list, rawConnect(t, h.addr, "app", 0))
	}
	heap := func() int64 {
		var m runtime.MemStats
		for range 3 { // pools are emptied by the second
			runtime.GC()
		}
		runtime.ReadMemStats(&m)
		return int64(m.HeapAlloc)
	}
	before := heap()
	for _, c := range list {
		c.command(protocol.ComQuery, []byte("SELECT data FROM sessions WHERE id = 'a'")...)
		for rows := 0; rows == 0; {
			p, err := c.read()
			if err != nil {
				t.Fatal(err)
			}
			if len(p) > size {
				rows++
			}
		}
	}
	if grown := (heap() - before) / clients; grown > size/4 {
		t.Errorf("an idle client keeps %d bytes behind an answer of %d", grown, size)
	}
	runtime.KeepAlive(list)
}
