package rewrite

import (
	"bytes"
	"math/rand/v2"
	"strings"
	"testing"
)

const (
	benchSelect = "SELECT `sess_id`, `sess_data`, `sess_lifetime`, `sess_time` FROM `app_sessions` " +
		"WHERE `sess_id` = 'k3v9q0c1m5t7r2x8w4z6y1a0b2' AND `sess_lifetime` > 1767225600 ORDER BY `sess_time` DESC LIMIT 1"
	benchUpdate = "UPDATE app_sessions SET sess_data = '_sf2_attributes|a:1:{s:4:\"user\";i:42;}', sess_time = 1767225600, " +
		"sess_lifetime = 1440 WHERE sess_id = 'k3v9q0c1m5t7r2x8w4z6y1a0b2' AND sess_owner = 'shop'"
)

func benchPlanner() *Planner {
	return NewPlanner(Options{Tables: []Table{{Name: "app_sessions", Key: "sess_id"}}})
}

// benchHit plans text again and again and takes a key from it.
func benchHit(b *testing.B, text []byte, mode Mode, v Value) {
	b.Helper()
	p := benchPlanner()
	var s Statement
	var key []byte
	b.SetBytes(int64(len(text)))
	b.ReportAllocs()
	for b.Loop() {
		p.Plan(&s, text, "app", mode)
		if v.Parts != nil {
			key, _, _ = s.Append(key[:0], v, nil)
		}
	}
}

func BenchmarkSelect(b *testing.B) { benchHit(b, []byte(benchSelect), 0, of(lit(0))) }

func BenchmarkUpdate(b *testing.B) { benchHit(b, []byte(benchUpdate), 0, of(lit(3))) }

func BenchmarkPrepared(b *testing.B) {
	benchHit(b, []byte("SELECT data FROM app_sessions WHERE sess_id = ?"), 0, Value{})
}

func BenchmarkBegin(b *testing.B) { benchHit(b, []byte("BEGIN"), 0, Value{}) }

func BenchmarkSetNames(b *testing.B) {
	benchHit(b, []byte("SET NAMES 'utf8mb4' COLLATE 'utf8mb4_unicode_ci'"), 0, Value{})
}

func update(data []byte) []byte {
	text := append([]byte("UPDATE app_sessions SET sess_data = "), escape(data, 0)...)
	return append(text, " WHERE sess_id = 'k3v9q0c1m5t7r2x8w4z6y1a0b2'"...)
}

func BenchmarkASCII64K(b *testing.B) {
	benchHit(b, update([]byte(strings.Repeat("abcdefg|", 8<<10))), 0, of(lit(1)))
}

func BenchmarkBinary64K(b *testing.B) {
	data := make([]byte, 64<<10)
	rnd := rand.NewChaCha8([32]byte{})
	rnd.Read(data)
	benchHit(b, update(data), 0, of(lit(1)))
}

// Serialized PHP and JSON have an escaped quote every ten bytes.
func BenchmarkQuotes64K(b *testing.B) {
	benchHit(b, update([]byte(strings.Repeat(`"user":"1",`, 6<<10))), 0, of(lit(1)))
}

func BenchmarkUTF16In64K(b *testing.B) {
	benchHit(b, update(bytes.Repeat([]byte("a\x00"), 32<<10)), 0, of(lit(1)))
}

func BenchmarkList100(b *testing.B) {
	benchHit(b, []byte("SELECT sess_data FROM app_sessions WHERE sess_id IN ('k3v9q0c1m5t7'"+
		strings.Repeat(", 'k3v9q0c1m5t7'", 99)+")"), 0, of(lit(99)))
}

func BenchmarkParallel(b *testing.B) {
	p := benchPlanner()
	text := []byte(benchSelect)
	b.SetBytes(int64(len(text)))
	b.ReportAllocs()
	b.RunParallel(func(pb *testing.PB) {
		var s Statement
		var key []byte
		for pb.Next() {
			p.Plan(&s, text, "app", 0)
			key, _, _ = s.Append(key[:0], of(lit(0)), nil)
		}
	})
}

// TestHitAllocatesNothing guards what the benchmarks show.
func TestHitAllocatesNothing(t *testing.T) {
	if raceEnabled {
		t.Log("sync.Pool drops items at random under the race detector")
		return
	}
	p := benchPlanner()
	var s Statement
	key := make([]byte, 0, 64)
	for _, text := range []string{benchSelect, benchUpdate, "SET NAMES 'utf8mb4'", "BEGIN", "COMMIT"} {
		sql := []byte(text)
		if n := testing.AllocsPerRun(200, func() {
			p.Plan(&s, sql, "app", 0)
			if len(s.literals) > 0 {
				key, _, _ = s.Append(key[:0], of(lit(0)), nil)
			}
		}); n > 0 {
			t.Errorf("%q: %v allocations", text, n)
		}
	}
}
