package router_test

import (
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/dsmproxy/dsmproxy/protocol"
)

// Sequences of statements, in testdata/sequences, have the same answers through
// the proxy as at one server: packets, flags, counts, warnings and texts. A file
// has one sequence a paragraph, each for new clients and an empty table. A line
// that begins with "a> " is another client's; "!caps N" says which capabilities
// the clients offer, "!sleep MS" waits, "#" begins a remark.
func TestSequences(t *testing.T) { eachLevel(t, testSequences) }

func testSequences(t *testing.T, level string) {
	files, err := filepath.Glob("testdata/sequences/*.txt")
	if err != nil || len(files) == 0 {
		t.Fatal(files, err)
	}
	h := startOtherAt(t, level, 4, 2, 1)
	single := installed.Start(t, 1)[0]
	h.wire(single.Addr(), "", true, "CREATE DATABASE app", schema)
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		t.Run(strings.TrimSuffix(filepath.Base(file), ".txt"), func(t *testing.T) {
			for sequence := range strings.SplitSeq(string(text), "\n\n") {
				runSequence(t, h.addr, single.Addr(), strings.Split(strings.TrimSpace(sequence), "\n"))
			}
		})
	}
}

// runSequence runs a sequence at both addresses.
func runSequence(t *testing.T, proxy, direct string, lines []string) {
	t.Helper()
	for _, addr := range []string{proxy, direct} {
		c := rawConnect(t, addr, "app", 0)
		for _, sql := range []string{"DELETE FROM sessions", "DROP TABLE IF EXISTS other"} {
			if got := c.tell(sql); !strings.HasPrefix(got, "ok") {
				t.Fatalf("%s: %s", sql, got)
			}
		}
		c.conn.Close()
	}
	type pair struct{ proxy, direct *rawClient }
	clients := make(map[string]pair)
	var caps protocol.Capability
	for i, line := range lines {
		if line == "" || line[0] == '#' {
			continue
		}
		if n, ok := strings.CutPrefix(line, "!caps "); ok {
			bits, err := strconv.ParseUint(n, 0, 32)
			if err != nil {
				t.Fatal(err)
			}
			caps = protocol.Capability(bits)
			continue
		}
		if n, ok := strings.CutPrefix(line, "!sleep "); ok {
			ms, err := strconv.Atoi(n)
			if err != nil {
				t.Fatal(err)
			}
			time.Sleep(time.Duration(ms) * time.Millisecond)
			continue
		}
		who := ""
		if len(line) > 2 && line[1:3] == "> " {
			who, line = line[:1], line[3:]
		}
		p, ok := clients[who]
		if !ok {
			p = pair{rawConnect(t, proxy, "app", caps), rawConnect(t, direct, "app", caps)}
			defer p.proxy.conn.Close()
			defer p.direct.conn.Close()
			clients[who] = p
		}
		want, got := p.direct.tell(line), p.proxy.tell(line)
		if !installed.MariaDB() && (line == "!ping" || strings.HasPrefix(line, "!use ")) {
			// MySQL tells once more of the warnings of the statement before.
			want = strings.Replace(want, " warnings 2 ", " warnings 0 ", 1)
		}
		if got != want {
			t.Errorf("%s\n\tbehind %q\n\tgot  %s\n\twant %s", line, lines[max(0, i-4):i], got, want)
		}
	}
}
