//go:build !race

package router_test

import (
	"encoding/binary"
	"testing"

	"github.com/dsmproxy/dsmproxy/protocol"
)

// TestHotPathAllocations counts what the proxy allocates for a statement that
// is asked again and again: nothing for a read, one object for a write of all
// copies, with one time or without. (The race detector has pools forget, so
// that it counts more: make bench-go runs this.)
func TestHotPathAllocations(t *testing.T) {
	h := startAt(t, "seed", 2, 2)
	c := rawConnect(t, h.addr, "app", protocol.ClientDeprecateEOF)
	const (
		read   = "SELECT data FROM sessions WHERE id = 'k1'"
		write  = "REPLACE INTO folded (id, data) VALUES ('k1', 'xxx')"
		timed  = "REPLACE INTO sessions (id, data) VALUES ('k1', 'xxx')"
		create = "CREATE TABLE folded (id varchar(64) NOT NULL PRIMARY KEY, data blob NOT NULL)"
	)
	c.tell(create)
	answer := make([]byte, 1<<16)
	for _, test := range []struct {
		name, sql string
		prepared  bool
		want      float64
	}{
		{"read, text", read, false, 0},
		{"read, prepared", read, true, 0},
		{"write, text", write, false, 1},
		{"write, prepared", write, true, 1},
		{"write at one time, text", timed, false, 1},
		{"write at one time, prepared", timed, true, 1},
	} {
		command := append([]byte{byte(protocol.ComQuery)}, test.sql...)
		if test.prepared {
			_, id := c.prepare(test.sql)
			command = append(append([]byte{byte(protocol.ComStmtExecute)}, id...), 0, 1, 0, 0, 0)
		}
		packet := append(binary.LittleEndian.AppendUint32(nil, uint32(len(command))), command...)
		once := func() {
			if _, err := c.conn.Write(packet); err != nil {
				t.Fatal(err)
			}
			if n, err := c.conn.Read(answer); err != nil || answer[4] == 0xff {
				t.Fatalf("%s: %q, %v", test.name, answer[:n], err)
			}
		}
		// Other goroutines allocate now and then: the least of some runs counts.
		got := testing.AllocsPerRun(100, once)
		for tries := 0; got > test.want && tries < 5; tries++ {
			got = min(got, testing.AllocsPerRun(100, once))
		}
		if got > test.want {
			t.Errorf("%s: %v allocations, want %v", test.name, got, test.want)
		}
	}
}
