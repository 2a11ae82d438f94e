package rewrite

import "testing"

func TestExplanationJSON(t *testing.T) {
	p := NewPlanner(Options{Tables: []Table{{Name: "sessions", Key: "sid", Surrogate: "id"}}})
	for sql, want := range map[string]string{
		"SELECT * FROM sessions WHERE sid = 'a<b'":            `{"kind":"read","table":"sessions","keys":["a<b"]}`,
		"SELECT * FROM sessions WHERE sid = x'ff27'":          `{"kind":"read","table":"sessions","keys":["0xff27"]}`,
		"SELECT * FROM sessions WHERE sid IN ('a','b','a')":   `{"kind":"read","table":"sessions","keys":["a","b"]}`,
		"UPDATE sessions SET sid = 'b' WHERE sid = 'a'":       `{"kind":"move","table":"sessions","from":"a","to":"b"}`,
		"UPDATE sessions SET sid = 'a' WHERE sid = x'61'":     `{"kind":"write","table":"sessions","keys":["a"]}`,
		"UPDATE sessions SET sid = 'b' WHERE id = 7":          `{"kind":"write-by-other-column","table":"sessions","column":"id","values":["7"],"sets_key":"b"}`,
		"DELETE FROM sessions WHERE t < 5":                    `{"kind":"broadcast-write","detail":"GC","table":"sessions"}`,
		"SELECT GET_LOCK('l', 5)":                             `{"kind":"lock","name":"l"}`,
		"DO RELEASE_LOCK('l'), RELEASE_LOCK('m')":             `{"kind":"unlock","names":["l","m"]}`,
		"SELECT * FROM users":                                 `{"kind":"other-table","other_tables":["users"]}`,
		"INSERT INTO users SELECT * FROM sessions":            `{"kind":"other-table","detail":"INSERT into another table from a session table","other_tables":["users"]}`,
		"INSERT INTO sessions (data) VALUES ('x')":            `{"kind":"write","detail":"AUTO","table":"sessions","keys":["AUTO"]}`,
		"SELECT * FROM sessions WHERE sid = ?":                `{"kind":"read","table":"sessions","keys":["unknown"]}`,
		"USE x; SELECT 1":                                     `{"kind":"multi","statements":[{"kind":"session-state"},{"kind":"any"}]}`,
		" ; ":                                                 `{"kind":"any","detail":"empty query, error 1065"}`,
		"GRANT ALL ON *.* TO x":                               `{"error":"GRANT"}`,
		"SELECT 'x":                                           `{"error":"unterminated string"}`,
		"SELECT ROW_NUMBER( FROM sessions WHERE sid = 'a'":    `{"kind":"scatter-read","error":"statement not understood near 'FROM'"}`,
		"SELECT data FROM sessions WHERE sid = _utf16'a'":     `{"kind":"scatter-read","table":"sessions"}`,
		"SELECT data FROM sessions WHERE sid = _latin1 x'e9'": `{"kind":"read","table":"sessions","keys":["unknown"]}`,
	} {
		if got := string(Explain(p, []byte(sql), "", 0, nil).JSON()); got != want {
			t.Errorf("Explain(%q)\n got  %s\n want %s", sql, got, want)
		}
	}
}

func TestMalformed(t *testing.T) {
	p := NewPlanner(Options{Tables: truthTables})
	for sql, want := range map[string]bool{
		"SELEC 1": true, "1": false, "GRANT x": false, "SELECT 'x": true, "SELECT FROM": false,
		"IF 1 THEN SELECT 1": false, "`select` 1": false,
	} {
		var s Statement
		p.Plan(&s, []byte(sql), "", 0)
		if s.Plan.Refuse == "" || s.Plan.Malformed != want {
			t.Errorf("Plan(%q) = %v, malformed %v, want %v", sql, s.Plan, s.Plan.Malformed, want)
		}
	}
}

func TestUnsafeCharset(t *testing.T) {
	p := NewPlanner(Options{Tables: truthTables})
	for _, c := range []struct {
		sql    string
		mode   Mode
		refuse bool
	}{
		{"SELECT * FROM sessions WHERE id = 'a'", ModeUnsafeCharset, false},
		{"SELECT * FROM sessions WHERE id = '\xbf\\''", ModeUnsafeCharset, true},
		{"SELECT * FROM sessions WHERE id = '\xbf\\''", 0, false},
		{"SELECT '\xbf\\''", ModeUnsafeCharset, false},
		{"SELECT * FROM sessions WHERE id\xa0= 'a'", 0, false}, // names a column that there is not
		{"SELECT * FROM sessions \xa0 WHERE id = 'a'", 0, true},
		{"SELECT * FROM sessions \u00e0 WHERE id = 'a'", 0, false},
	} {
		var s Statement
		p.Plan(&s, []byte(c.sql), "", c.mode)
		if (s.Plan.Refuse != "") != c.refuse {
			t.Errorf("Plan(%q, mode %d) = %v, want refusal %v", c.sql, c.mode, s.Plan, c.refuse)
		}
	}
}
