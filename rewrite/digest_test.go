package rewrite

import (
	"strings"
	"testing"
)

func TestDigest(t *testing.T) {
	p := NewPlanner(Options{Tables: []Table{{Name: "sessions", Key: "id"}}})
	for _, c := range []struct {
		sql  string
		mode Mode
		want string
	}{
		{"SELECT data FROM sessions WHERE id = 'secret'", 0, "SELECT data FROM sessions WHERE id = ?"},
		{`SELECT "secret", 4711, 4.7, 0x736563, b'01', N'secret', _utf8mb4'secret'`, 0, "SELECT ?, ?, ?, ?, ?, ?, ?"},
		{"SELECT 'it''s secret' /* secret */ -- secret\n, 1 # secret", 0, "SELECT ? , ?"},
		{"SELECT /*+ secret(1) */ 1", 0, "SELECT ?"},
		{"SELECT /*!50000 'secret', */ a.b FROM `t`", 0, "SELECT /*!50000 ?, */ a.b FROM `t`"},
		{"SELECT 1; SELECT 'secret'", 0, "SELECT ?; ..."},
		{"SELECT 1, 'secret", 0, "SELECT ?, ..."},
		{`SELECT "column", 'secret'`, ModeANSIQuotes, `SELECT "column", ?`},
		{`SELECT 'a\', 'secret`, 0, "SELECT ? ..."},
		{"SELECT '\xff\x5c', 'secret'", ModeUnsafeCharset, "SELECT ..."},
		{"INSERT INTO sessions VALUES (?, -3)", 0, "INSERT INTO sessions VALUES (?, -?)"},
		{"SET PASSWORD = 'secret'", 0, "SET PASSWORD = ?"},
		{"", 0, ""},
	} {
		var s Statement
		p.Plan(&s, []byte(c.sql), "", c.mode)
		if got := s.Digest(); got != c.want {
			t.Errorf("Digest of %q = %q, want %q", c.sql, got, c.want)
		}
	}
}

func TestDigestIsShort(t *testing.T) {
	p := NewPlanner(Options{})
	for _, sql := range []string{
		"SELECT " + strings.Repeat("1,", 5000) + "1",
		"SELECT " + strings.Repeat("x", 5000),
		"SELECT `" + strings.Repeat("é\n", 5000) + "`",
	} {
		var s Statement
		p.Plan(&s, []byte(sql), "", 0)
		if got := s.Digest(); len(got) > maxDigest+100 || !strings.Contains(got, "...") || strings.Contains(got, "\n") {
			t.Errorf("Digest of %.20q... has %d bytes: %q", sql, len(got), got)
		}
	}
}
