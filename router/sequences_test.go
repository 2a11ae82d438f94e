package router_test

import (
	"os"
	"path/filepath"
	"regexp"
	"slices"
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
// the clients offer, "!sleep MS" waits, "#" begins a remark. Besides these there are
// random ones (sequences_random_test.go): -sequences N -seed S tries others.
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
				runSequence(t, &h.addr, single.Addr(), strings.Split(strings.TrimSpace(sequence), "\n"), nil)
			}
		})
	}
	t.Run("random", func(t *testing.T) {
		for i := range *randomSequences {
			randomSequence(t, h.addr, single.Addr(), *randomSeed+uint64(i))
		}
	})
}

// sequencesBegin removes what the sequence before has left at the addresses.
func sequencesBegin(t *testing.T, addrs ...string) {
	t.Helper()
	for _, addr := range addrs {
		c := rawConnect(t, addr, "app", 0)
		for _, sql := range []string{"DELETE FROM sessions", "DROP TABLE IF EXISTS other"} {
			if got := c.tell(sql); !strings.HasPrefix(got, "ok") {
				t.Fatalf("%s: %s", sql, got)
			}
		}
		c.conn.Close()
	}
}

// runSequence runs a sequence at both addresses. behind, if it is not nil, is
// called behind each statement, and may change what is connected to as the proxy.
func runSequence(t *testing.T, proxy *string, direct string, lines []string, behind func(line int)) {
	t.Helper()
	sequencesBegin(t, *proxy, direct)
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
			p = pair{rawConnect(t, *proxy, "app", caps), rawConnect(t, direct, "app", caps)}
			defer p.proxy.conn.Close()
			defer p.direct.conn.Close()
			clients[who] = p
		}
		want, got := p.direct.tell(line), p.proxy.tell(line)
		if !installed.MariaDB() {
			want, got = asMySQL(line, want), asMySQL(line, got)
		}
		if got != want {
			t.Errorf("%s\n\tbehind %q\n\tgot  %s\n\twant %s", line, lines[max(0, i-4):i], got, want)
		}
		if behind != nil {
			behind(i)
		}
	}
}

var cardinality = regexp.MustCompile(`,A,[0-9]+,`)

// asMySQL makes answers alike in which two MySQL servers differ, or MySQL differs
// from MariaDB and the proxy goes on as the latter.
func asMySQL(line, answer string) string {
	switch {
	case line == "!ping" || strings.HasPrefix(line, "!use "):
		// MySQL tells once more of the warnings of the statement before.
		return strings.Replace(answer, " warnings 2 ", " warnings 0 ", 1)
	case strings.Contains(line, " RETURNING "): // which it does not know, and names in two ways
		return strings.SplitN(answer, "near", 2)[0]
	case strings.HasPrefix(line, "SHOW FULL TABLES WHERE"): // whose plan shows in the flags, and is chosen by estimates
		return strings.NewReplacer("0x5081", "0x1081", "0x5189", "0x1181").Replace(answer)
	case strings.HasPrefix(line, "SHOW INDEX") || strings.HasPrefix(line, "SHOW KEYS"):
		return cardinality.ReplaceAllString(answer, ",A,N,") // which it estimates now and then
	case strings.Contains(strings.ToLower(line), "from information_schema.columns where"): // in no order
		rows := strings.Split(strings.ReplaceAll(answer, " status", " (status"), " (")
		slices.Sort(rows)
		return strings.Join(rows, " (")
	case strings.HasPrefix(line, "GET STACKED"): // of use in a handler alone
		return strings.Replace(answer, "1235 #42000dsmproxy: this statement can't be routed: GET STACKED",
			"3004 #0Z002GET STACKED DIAGNOSTICS when handler not active", 1)
	case line == "SHOW WARNINGS":
		return strings.Replace(answer, "(Error,1235,dsmproxy: this statement can't be routed: GET STACKED)",
			"(Error,1758,Invalid condition number)", 1)
	}
	return answer
}
