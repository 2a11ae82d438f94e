package ledger

import (
	"fmt"
	"os"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/dsmproxy/dsmproxy/protocol"
	"github.com/dsmproxy/dsmproxy/router/fence"
	"github.com/dsmproxy/dsmproxy/router/store"
)

// BenchmarkStatements compares guarded reads and writes with plain ones; the
// metric server-us is the CPU time of the server.
func BenchmarkStatements(b *testing.B) {
	o := found(b)
	o.exec("INSERT INTO app.sessions (id, data) VALUES ('a', REPEAT('x', 200))")
	o.write(1, "UPDATE app.sessions SET n=1 WHERE id='a'", key("a"))
	keys := []fence.Key{key("a")}
	entries := make([]fence.Entry, 1)
	read, update := "SELECT data FROM app.sessions WHERE id='a'", "UPDATE app.sessions SET n=n+1 WHERE id='a'"
	multi := login
	multi.Capabilities = protocol.ClientDeprecateEOF | protocol.ClientMultiStatements
	plain := func(sql string) func() error {
		st := &text{sql: sql}
		return func() error {
			c, err := st.Acquire(b.Context(), o.st)
			if err != nil {
				return err
			}
			if err := st.Queue(b.Context(), c); err != nil {
				return err
			}
			if err := c.Send(); err != nil {
				return err
			}
			err = st.Answer(c)
			st.Settle(c, err)
			return err
		}
	}
	write := func(l store.Login) func() error {
		st := &text{sql: update, login: l}
		return func() error {
			_, err := o.Write(b.Context(), o.guard(), st, keys, 7, entries)
			return err
		}
	}
	n := uint64(100)
	image := o.entryOf(1, 1, 1, strings.Repeat("x", 200)).Image
	for _, c := range []struct {
		name string
		do   func() error
	}{
		{"read/plain", plain(read)},
		{"read/guarded", func() error { return o.Read(b.Context(), o.guard(), &text{sql: read}, keys, entries) }},
		{"write/plain", plain(update)},
		{"write/guarded", write(store.Login{})},
		{"write/guarded,multi", write(multi)},
		{"put", func() error {
			n++
			e := fence.Entry{Known: true, Image: image}
			e.Version.Epoch, e.Version.N, e.Version.ID = 1, n, n
			return o.put(e, farTick)
		}},
		{"look", func() error {
			_, err := o.Look(b.Context(), fence.Beat{Tick: true, Proxy: 1})
			return err
		}},
	} {
		b.Run(c.name, func(b *testing.B) {
			b.ReportAllocs()
			before := cpu(b, o.server.Pid())
			for b.Loop() {
				if err := c.do(); err != nil {
					b.Fatal(err)
				}
			}
			b.ReportMetric(float64((cpu(b, o.server.Pid())-before).Microseconds())/float64(b.N), "server-us/op")
		})
	}
}

// cpu is the CPU time of a process.
func cpu(b *testing.B, pid int) time.Duration {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		b.Fatal(err)
	}
	_, rest, _ := strings.Cut(string(text), ") ")
	fields := strings.Fields(rest)
	var ticks int
	for _, f := range fields[11:13] {
		n, err := strconv.Atoi(f)
		if err != nil {
			b.Fatal(err)
		}
		ticks += n
	}
	return time.Duration(ticks) * 10 * time.Millisecond
}
