package rewrite

import "testing"

// BenchmarkAnalyze is what a miss of the plan cache costs.
func BenchmarkAnalyze(b *testing.B) {
	o := Options{Tables: []Table{{Name: "sessions", Key: "id"}}}
	for name, sql := range map[string]string{
		"select": "SELECT data FROM sessions WHERE id = 'abc' AND expires > 5 LIMIT 1",
		"insert": "INSERT INTO sessions (id, data, expires) VALUES ('abc', 'x', 5) ON DUPLICATE KEY UPDATE data = VALUES(data), expires = VALUES(expires)",
		"set":    "SET NAMES utf8mb4, @@SESSION.sql_mode = CONCAT(@@sql_mode, ',STRICT_ALL_TABLES')",
		"begin":  "START TRANSACTION",
	} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			var l lexed
			lex(&l, []byte(sql), 0)
			for b.Loop() {
				if p, _ := analyze(&l, "", 0, &o); p.Refuse != "" {
					b.Fatal(p.Refuse)
				}
			}
		})
	}
}
